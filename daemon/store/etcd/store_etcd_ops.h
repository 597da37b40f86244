/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of the etcd store in progress. Each is one request, which is never repeated here,
 * and calls done once. Used by store_etcd.c, which builds the requests.
 */
#pragma once

#include "daemon/store/etcd/store_etcd_wire.h"
#include "daemon/store/store.h"

struct loop;
struct store_etcd_client;

struct store_etcd_ops {
	struct loop *loop;
	const struct store_etcd_client *client;
	struct store_stats *stats;
	/* Called before done if the endpoint did not respond, or with a status of 500 or above. */
	void (*unreachable)(void *ctx, const char *endpoint);
	void *ctx;
	struct store_etcd_op *first;
};

struct store_etcd_op_job {
	const char *endpoint; /* must outlive the operation */
	const char *path;
	char *body; /* taken over; NULL: out of memory, which done reports */
	store_etcd_wire_read_fn *read;
	enum store_op op;
	bool absent_is_good; /* an error with ENOENT counts as success */
	store_done_fn *done;
	void *ctx;
};

/* done is called once, from the loop; reply is never NULL, and all zero after an error. */
void store_etcd_ops_run(struct store_etcd_ops *ops, const struct store_etcd_op_job *job);
/* Ends all operations without calling back. ops itself is the caller's. */
void store_etcd_ops_clear(struct store_etcd_ops *ops);
