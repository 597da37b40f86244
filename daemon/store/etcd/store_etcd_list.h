/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One list of the etcd store: the configuration, then all lease keys in pages, all at the revision
 * of the first response. Used by store_etcd.c, which decides when and from which endpoint.
 */
#pragma once

#include "daemon/store/etcd/store_etcd_wire.h"

struct err;
struct store_etcd_client;
struct store_etcd_report;

struct store_etcd_list;

struct store_etcd_list_job {
	const struct store_etcd_client *client;
	const char *endpoint; /* all texts must outlive the list */
	const char *config_key;
	const char *prefix;
	struct store_point from;          /* reported so far; cluster 0: nothing yet */
	struct store_etcd_report *report; /* for all from list_begin to list_end or list_failed */
	/*
	 * Called once, at the end; the list is already freed. err NULL: the list is complete, at
	 * header's revision. Else sys_errno is ESTALE if that revision has been compacted.
	 */
	void (*done)(void *ctx, const struct store_point *header, const struct err *err);
	void *ctx;
};

/* Returns NULL with err when it cannot be started; done is not called then. */
struct store_etcd_list *store_etcd_list_start(const struct store_etcd_list_job *job,
					      struct err *err);
/* Ends the list without calling back. NULL is allowed. */
void store_etcd_list_free(struct store_etcd_list *list);
