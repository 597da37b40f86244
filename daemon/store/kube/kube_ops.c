/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_ops.h"

#include "common/auto.h"
#include "common/err.h"
#include "daemon/io/loop.h"
#include "daemon/store/kube/kube_client.h"
#include "daemon/store/kube/kube_node.h"
#include "daemon/store/kube/kube_own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIES 5
#define PATCH_TYPE "application/strategic-merge-patch+json"

struct kube_op {
	struct kube_ops *ops;
	struct kube_op *next, **slot;
	enum kube_op_kind kind;
	char *key, *value; /* of a put; of a removal, key */
	unsigned tries;
	uint64_t begun_us;
	const char *server;
	struct http_call *call;
	struct loop_event *timer; /* reports the outcome without a request */
	struct err err;           /* code 0: it succeeded */
	store_done_fn *done;
	void *ctx;
};

static void op_free(struct kube_op *op)
{
	if (op->slot) {
		*op->slot = op->next;
		if (op->next)
			op->next->slot = op->slot;
	}
	http_cancel(op->call);
	loop_event_free(op->timer);
	free(op->key);
	free(op->value);
	free(op);
}

static void count(const struct kube_op *op, const struct err *err)
{
	if (op->kind != KUBE_OP_PUT && op->kind != KUBE_OP_REMOVE)
		return;
	store_stats_add(op->ops->stats, op->kind == KUBE_OP_PUT ? STORE_OP_PUT : STORE_OP_REMOVE,
			err ? STORE_OUTCOME_ERROR : STORE_OUTCOME_SUCCESS,
			loop_now_us() - op->begun_us);
}

/* The reply comes first: the client's key must not be gone before it has another one. */
static void finish(struct kube_op *op, const struct err *err)
{
	struct kube_ops *ops = op->ops;
	bool put = op->kind == KUBE_OP_PUT && !err;
	const struct store_reply reply = { .succeeded = !err,
					   .mod_revision = put ? ops->own->revision : 0 };
	store_done_fn *done = op->done;
	struct err copy = err ? *err : ERR_INIT; /* err may be a member of op */
	void *ctx = op->ctx;

	count(op, err);
	op_free(op);
	done(ctx, &reply, err ? &copy : NULL);
	if (put)
		kube_own_report_former(ops->own);
}

static void on_timer(void *ctx)
{
	struct kube_op *op = ctx;

	finish(op, op->err.code ? &op->err : NULL);
}

/* done must not be called within the operation's call. */
static void finish_later(struct kube_op *op, const struct err *err)
{
	if (err)
		op->err = *err;
	loop_timer_start(op->timer, 0);
}

/* ---- Patches ----------------------------------------------------------------------------- */

/* What the operation requires of the Node, in case it has changed. */
static int check_node(const struct kube_op *op, struct err *err)
{
	const struct kube_own *own = op->ops->own;

	if (!own->exists || !own->node.name)
		return err_set(err, ERR_STORE, "%s", own->unreserved);
	if (op->key && strcmp(op->key, own->key) != 0)
		return err_set(
			err, ERR_STORE,
			"%s is not the subnet of node %s, which has %s: Kubernetes assigns and "
			"releases subnets with their Nodes",
			op->key, own->name, *own->key ? own->key : "none");
	return 0;
}

/* *patch_out NULL: there is nothing to change. */
static int make_patch(const struct kube_op *op, char **patch_out, struct err *err)
{
	const struct kube_own *own = op->ops->own;

	switch (op->kind) {
	case KUBE_OP_PUT:
		return kube_node_patch(&own->node, own->names, op->value, patch_out, err);
	case KUBE_OP_REMOVE:
		return kube_node_patch_leave(&own->node, own->names, patch_out, err);
	case KUBE_OP_AVAILABLE:
	case KUBE_OP_UNAVAILABLE:
		return kube_node_patch_condition(op->kind == KUBE_OP_AVAILABLE,
						 (uint64_t)time(NULL), patch_out, err);
	case KUBE_OP_SUCCEED:
	case KUBE_OP_FAIL:
	default:
		*patch_out = NULL;
		return 0;
	}
}

static int send_patch(struct kube_op *op, struct err *err);

static void settle(struct kube_op *op)
{
	if (op->kind == KUBE_OP_PUT)
		kube_own_put(op->ops->own, op->value, op->ops->own->node.revision);
}

static void on_read(void *ctx, unsigned status, const char *body, size_t size,
		    const struct err *failed)
{
	AUTO(kube_node) struct kube_node node = { .revision = 0 };
	struct kube_op *op = ctx;
	struct kube_own *own = op->ops->own;
	struct err err = ERR_INIT;

	op->call = NULL;
	if (kube_client_check(op->server, "get nodes", status, body, size, failed, &err) < 0 ||
	    kube_node_parse(body, size, own->names, &node, &err) < 0) {
		finish(op, &err);
		return;
	}
	kube_own_set(own, &node);
	kube_own_report(own, false);
	if (check_node(op, &err) < 0 || send_patch(op, &err) < 0)
		finish(op, &err);
}

static int read_again(struct kube_op *op, struct err *err)
{
	const struct http_request request = {
		.method = "GET",
		.timeout_ms = KUBE_CLIENT_SHORT_MS,
		.max_size = KUBE_NODE_MAX,
		.ctx = op,
		.done = on_read,
	};
	char path[KUBE_CLIENT_PATH_SIZE];

	kube_client_node_path(op->ops->own->name, "", path);
	op->call = kube_client_send(op->ops->client, op->server, path, KUBE_CLIENT_WHOLE, &request,
				    err);
	return op->call ? 0 : -1;
}

static void on_patched(void *ctx, unsigned status, const char *body, size_t size,
		       const struct err *failed)
{
	AUTO(kube_node) struct kube_node node = { .revision = 0 };
	struct kube_op *op = ctx;
	struct kube_ops *ops = op->ops;
	struct err err = ERR_INIT;

	op->call = NULL;
	if (kube_client_check(op->server, "patch nodes/status", status, body, size, failed, &err) ==
		    0 &&
	    kube_node_parse(body, size, ops->own->names, &node, &err) == 0) {
		kube_own_set(ops->own, &node);
		settle(op);
		finish(op, NULL);
		return;
	}
	if (failed || status >= 500)
		ops->unreachable(ops->ctx, op->server);
	if (err.sys_errno == EEXIST && ++op->tries < TRIES && read_again(op, &err) == 0)
		return;
	err.code = ERR_STORE;
	finish(op, &err);
}

static int send_patch(struct kube_op *op, struct err *err)
{
	AUTO(free) char *patch = NULL;
	struct http_request request = {
		.method = "PATCH",
		.content_type = PATCH_TYPE,
		.timeout_ms = KUBE_CLIENT_SHORT_MS,
		.max_size = KUBE_NODE_MAX,
		.ctx = op,
		.done = on_patched,
	};
	char path[KUBE_CLIENT_PATH_SIZE];

	if (make_patch(op, &patch, err) < 0)
		return -1;
	if (!patch) {
		settle(op);
		finish_later(op, NULL);
		return 0;
	}
	request.body = patch;
	op->server = op->ops->server(op->ops->ctx);
	kube_client_node_path(op->ops->own->name, "/status", path);
	op->call = kube_client_send(op->ops->client, op->server, path, KUBE_CLIENT_METADATA,
				    &request, err);
	return op->call ? 0 : -1;
}

/* ---- Start and end ----------------------------------------------------------------------- */

static void run(struct kube_op *op)
{
	struct err err = ERR_INIT;

	if (op->kind == KUBE_OP_SUCCEED)
		finish_later(op, NULL);
	else if (op->kind == KUBE_OP_FAIL)
		err_set(&err, ERR_STORE, "%s", op->ops->own->unreserved);
	else if (check_node(op, &err) == 0)
		send_patch(op, &err);
	if (err.code)
		finish_later(op, &err);
}

static char *copy(const char *text, bool *good)
{
	char *made = text ? strdup(text) : NULL;

	*good = *good && !text == !made;
	return made;
}

void kube_ops_run(struct kube_ops *ops, enum kube_op_kind kind, const char *key, const char *value,
		  store_done_fn *done, void *ctx)
{
	struct kube_op *op = calloc(1, sizeof(*op));
	struct err err = ERR_INIT;
	bool good = true;

	if (op) {
		op->key = copy(key, &good);
		op->value = copy(value, &good);
		op->timer = loop_timer(ops->loop, on_timer, op);
	}
	if (!op || !good || !op->timer) {
		/* Without memory for a timer, done cannot be deferred. */
		if (op)
			op_free(op);
		err_nomem(&err, "an operation on the store");
		done(ctx, &(struct store_reply){ .lease = 0 }, &err);
		return;
	}
	op->ops = ops;
	op->kind = kind;
	op->begun_us = loop_now_us();
	op->done = done;
	op->ctx = ctx;
	op->slot = &ops->first;
	op->next = ops->first;
	if (op->next)
		op->next->slot = &op->next;
	ops->first = op;
	run(op);
}

void kube_ops_clear(struct kube_ops *ops)
{
	while (ops->first)
		op_free(ops->first);
}
