/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One watch of the etcd store, keys and configuration, on one endpoint, and the probes that tell a silent
 * endpoint from a dead one. Used by store_etcd.c, which decides when and where.
 */
#pragma once

#include "store_etcd_wire.h"

struct err;
struct store_etcd_way;
struct loop;
struct store_etcd_tell;

struct store_etcd_watch;

enum store_etcd_watch_end {
	STORE_ETCD_WATCH_LOST, /* may be resumed, from the revision after the one given */
	STORE_ETCD_WATCH_STALE /* changes are missed: only a list helps */
};

struct store_etcd_watch_job {
	struct loop *loop;
	const struct store_etcd_way *way;
	const char *endpoint;   /* all texts outlive the watch */
	const char *config_key; /* watched as well, and read by probes */
	const char *prefix;
	struct store_point from; /* where the listener stands */
	struct store_etcd_tell *tell;
	void (*created)(void *ctx);
	/* Called once, at the end, when the watch is already freed. */
	void (*ended)(void *ctx, enum store_etcd_watch_end how, uint64_t revision,
		      const struct err *why);
	void *ctx;
};

/* NULL with err when it cannot even start; nobody is called then. */
struct store_etcd_watch *store_etcd_watch_start(const struct store_etcd_watch_job *job,
						struct err *err);
/* The revision up to which all was told. */
uint64_t store_etcd_watch_seen(const struct store_etcd_watch *watch);
/* Asks the endpoint whether it is alive, unless it has shown that just now. */
void store_etcd_watch_check(struct store_etcd_watch *watch);
/* Asks it in any case: something else there has failed. */
void store_etcd_watch_probe(struct store_etcd_watch *watch);
/* Ends it without another word to anybody. NULL is allowed. */
void store_etcd_watch_free(struct store_etcd_watch *watch);
