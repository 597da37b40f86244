/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of the etcd store that are under way: each is one request, whose
 * reply is told once. Used by store_etcd.c, which builds them; never repeats one.
 */
#pragma once

#include "store.h"
#include "store_etcd_wire.h"

struct loop;
struct store_etcd_way;

struct store_etcd_ops {
	struct loop *loop;
	const struct store_etcd_way *way;
	/* Called before done when the endpoint did not answer, or could not do it. */
	void (*unreachable)(void *ctx, const char *endpoint);
	void *ctx;
	struct store_etcd_op *first;
};

struct store_etcd_op_job {
	const char *endpoint; /* outlives the operation */
	const char *path;
	char *body; /* taken; NULL: out of memory, which done is told */
	store_etcd_wire_read_fn *read;
	bool absent_is_good; /* an error with ENOENT counts as carried out */
	store_done_fn *done;
	void *ctx;
};

/* done is called once, later; with a reply even where there is an error, all zero then. */
void store_etcd_ops_run(struct store_etcd_ops *ops, const struct store_etcd_op_job *job);
/* Ends all without another word to anybody; ops itself is the caller's. */
void store_etcd_ops_clear(struct store_etcd_ops *ops);
