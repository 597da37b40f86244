/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One watch of all Nodes, as metadata, with bookmarks. Used by store_kube.c, which decides when and
 * from which revision. The API server ends a watch by itself after the random time that it was
 * given; bookmarks keep the revision recent meanwhile.
 */
#pragma once

#include "daemon/store/kube/kube_list.h"

#include <stdint.h>

struct err;
struct kube_digest;
struct loop;

enum kube_watch_end {
	KUBE_WATCH_OVER,  /* its time is over: to be continued from the revision */
	KUBE_WATCH_LOST,  /* the API server is not reached, or ends it early */
	KUBE_WATCH_STALE, /* events were missed, or the revision is too old: a list is due */
};

struct kube_watch;

struct kube_watch_job {
	struct loop *loop;
	struct kube_client *client;
	const char *server; /* must outlive the watch */
	const struct kube_names *names;
	char from[KUBE_LIST_REVISION_SIZE];
	/*
	 * Called first for most events. Returns true if the event changes nothing: it is not parsed
	 * then.
	 */
	bool (*known)(void *ctx, const struct kube_digest *digest);
	/* Called for each other event. The node may be taken over (all-zero it then). */
	void (*node)(void *ctx, struct kube_node *node, bool deleted);
	/* Called once, at the end; the watch is already freed. */
	void (*ended)(void *ctx, enum kube_watch_end end, const char *revision,
		      uint32_t retry_after_s, const struct err *why);
	void *ctx;
};

/* Returns NULL with err when it cannot be started; ended is not called then. */
struct kube_watch *kube_watch_start(const struct kube_watch_job *job, struct err *err);
/* Ends the watch without calling back. NULL is allowed. */
void kube_watch_free(struct kube_watch *watch);

/* Returns the monotonic time in ms of the last event or bookmark; of the start if there is none. */
uint64_t kube_watch_received_ms(const struct kube_watch *watch);
