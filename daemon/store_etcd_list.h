/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One list of the etcd store: the configuration, then all keys in pages, all at the
 * revision of the first answer. Used by store_etcd.c, which decides when and where.
 */
#pragma once

#include "store_etcd_wire.h"

struct err;
struct store_etcd_way;
struct store_etcd_tell;

struct store_etcd_list;

struct store_etcd_list_job {
	const struct store_etcd_way *way;
	const char *endpoint; /* all texts outlive the list */
	const char *config_key;
	const char *prefix;
	struct store_point from;      /* what was seen last; cluster 0: nothing yet */
	struct store_etcd_tell *tell; /* is told all from list_begin to list_end or list_failed */
	/*
	 * Called once, at the end, when the list is already freed. err NULL: listed at
	 * header's revision. Else sys_errno is ESTALE where that revision was compacted
	 * meanwhile.
	 */
	void (*done)(void *ctx, const struct store_point *header, const struct err *err);
	void *ctx;
};

/* NULL with err when it cannot even start; done is not called then. */
struct store_etcd_list *store_etcd_list_start(const struct store_etcd_list_job *job,
					      struct err *err);
/* Ends it without another word to anybody. NULL is allowed. */
void store_etcd_list_free(struct store_etcd_list *list);
