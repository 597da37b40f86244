/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of the Kubernetes store in progress: patches of this node's own Node. Each is
 * conditional on the revision that was read; after a conflict, of which kubelets cause many that do
 * not concern the lease, the Node is read again and the patch repeated. Used by store_kube.c.
 */
#pragma once

#include "daemon/store/store.h"

#include <stdbool.h>

struct kube_client;
struct kube_own;
struct loop;

struct kube_ops {
	struct loop *loop;
	struct kube_client *client;
	struct kube_own *own;
	struct store_stats *stats;
	/* Returns the API server for the next request. */
	const char *(*server)(void *ctx);
	/* Called before done if the API server did not respond. */
	void (*unreachable)(void *ctx, const char *server);
	void *ctx;
	struct kube_op *first;
};

enum kube_op_kind {
	KUBE_OP_SUCCEED, /* done is called without a request */
	KUBE_OP_FAIL,    /* the same, with an error: nothing can be granted here */
	KUBE_OP_PUT,
	KUBE_OP_REMOVE,
	KUBE_OP_AVAILABLE,  /* sets the condition NetworkUnavailable to False */
	KUBE_OP_UNAVAILABLE /* or to True */
};

/* done is called once, from the loop. key: of a put or removal; value: of a put. */
void kube_ops_run(struct kube_ops *ops, enum kube_op_kind kind, const char *key, const char *value,
		  store_done_fn *done, void *ctx);
/* Ends all operations without calling back. ops itself is the caller's. */
void kube_ops_clear(struct kube_ops *ops);
