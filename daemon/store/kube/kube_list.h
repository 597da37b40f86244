/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One list of all Nodes, in pages of 500 where the API server divides it, parsed as it arrives.
 * Used by store_kube.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct kube_client;
struct kube_names;
struct kube_node;

#define KUBE_LIST_REVISION_SIZE 32

struct kube_list;

struct kube_list_job {
	struct kube_client *client;
	const char *server; /* must outlive the list */
	const struct kube_names *names;
	bool whole;  /* whole Nodes instead of their metadata */
	bool latest; /* read by the API server from etcd, not from its cache, which may lag */
	/* Called for each Node, which it may take over (all-zero it then). */
	void (*node)(void *ctx, struct kube_node *node);
	/*
	 * Called once, at the end; the list is already freed. err NULL: the list is complete, and
	 * revision is where a watch continues. Else as kube_client_check; retry_after_s is what
	 * the API server requires, or 0.
	 */
	void (*done)(void *ctx, const char *revision, uint32_t retry_after_s,
		     const struct err *err);
	void *ctx;
};

/* Returns NULL with err when it cannot be started; done is not called then. */
struct kube_list *kube_list_start(const struct kube_list_job *job, struct err *err);
/* Ends the list without calling back. NULL is allowed. */
void kube_list_free(struct kube_list *list);
