/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One watch of the etcd store, of lease keys and configuration, on one endpoint, with probes that
 * detect a dead endpoint behind an idle watch. Used by store_etcd.c, which decides when and where.
 */
#pragma once

#include "daemon/store/etcd/store_etcd_wire.h"

struct err;
struct store_etcd_client;
struct loop;
struct store_etcd_report;

struct store_etcd_watch;

enum store_etcd_watch_end {
	STORE_ETCD_WATCH_LOST, /* can be resumed, from the revision after the one given */
	STORE_ETCD_WATCH_STALE /* events were missed: a list is needed */
};

struct store_etcd_watch_job {
	struct loop *loop;
	const struct store_etcd_client *client;
	const char *endpoint;   /* all texts must outlive the watch */
	const char *config_key; /* watched too, and read by probes */
	const char *prefix;
	struct store_point from; /* up to here all was reported */
	struct store_etcd_report *report;
	void (*created)(void *ctx);
	/* Called once, at the end; the watch is already freed. */
	void (*ended)(void *ctx, enum store_etcd_watch_end how, uint64_t revision,
		      const struct err *why);
	void *ctx;
};

/* Returns NULL with err when it cannot be started; nothing is called back then. */
struct store_etcd_watch *store_etcd_watch_start(const struct store_etcd_watch_job *job,
						struct err *err);
/* Returns the revision up to which all was reported. */
uint64_t store_etcd_watch_revision(const struct store_etcd_watch *watch);
/* Probes the endpoint, unless it sent something or was probed within the last 10 s. */
void store_etcd_watch_check(struct store_etcd_watch *watch);
/* Probes the endpoint at once: another request to it has failed. */
void store_etcd_watch_probe(struct store_etcd_watch *watch);
/* Ends the watch without calling back. NULL is allowed. */
void store_etcd_watch_free(struct store_etcd_watch *watch);
