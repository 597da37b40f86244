/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/etcd/store_etcd_ops.h"

#include "common/err.h"
#include "daemon/io/loop.h"
#include "daemon/store/etcd/store_etcd_call.h"

#include <errno.h>
#include <stdlib.h>

struct store_etcd_op {
	struct store_etcd_ops *ops;
	struct store_etcd_op *next, **slot;
	struct store_etcd_op_job job;
	struct store_etcd_call *call;
	uint64_t begun_us;
	struct loop_event *failed; /* reports err when the call could not be started */
	struct err err;
};

static void op_free(struct store_etcd_op *op)
{
	*op->slot = op->next;
	if (op->next)
		op->next->slot = op->slot;
	store_etcd_call_cancel(op->call);
	loop_event_free(op->failed);
	free(op);
}

static void finish(struct store_etcd_op *op, const struct store_reply *reply, const struct err *err)
{
	struct store_etcd_op_job job = op->job;
	bool conflict = !err && !reply->succeeded &&
			(job.op == STORE_OP_PUT || job.op == STORE_OP_REMOVE);

	store_stats_add(op->ops->stats, job.op,
			err      ? STORE_OUTCOME_ERROR :
			conflict ? STORE_OUTCOME_CONFLICT :
				   STORE_OUTCOME_SUCCESS,
			loop_now_us() - op->begun_us);
	op_free(op);
	job.done(job.ctx, reply, err);
}

static void on_failed(void *ctx)
{
	struct store_etcd_op *op = ctx;
	struct err err = op->err;

	finish(op, &(struct store_reply){ .lease = 0 }, &err);
}

static void on_done(void *ctx, unsigned status, const char *body, size_t size,
		    const struct err *failed)
{
	struct store_etcd_op *op = ctx;
	const struct store_etcd_op_job *job = &op->job;
	struct store_reply reply = { .lease = 0 };
	struct err err = ERR_INIT;
	bool good;

	good = store_etcd_call_check(job->endpoint, status, body, size, failed, &err) == 0;
	if (good && job->read(body, size, &reply, &err) < 0) {
		if (err.sys_errno == EKEYREJECTED)
			store_etcd_call_reject_token(op->call);
		good = false;
		err_wrap(&err, "%s", job->endpoint);
		err.code = ERR_STORE;
	}
	op->call = NULL;
	if (!good && err.sys_errno == ENOENT && job->absent_is_good) {
		good = true;
		reply.succeeded = true;
	}
	if (failed || status >= 500)
		op->ops->unreachable(op->ops->ctx, job->endpoint);
	finish(op, &reply, good ? NULL : &err);
}

static void enlist(struct store_etcd_ops *ops, struct store_etcd_op *op)
{
	op->ops = ops;
	op->slot = &ops->first;
	op->next = ops->first;
	if (op->next)
		op->next->slot = &op->next;
	ops->first = op;
}

void store_etcd_ops_run(struct store_etcd_ops *ops, const struct store_etcd_op_job *job)
{
	struct store_etcd_op *op = calloc(1, sizeof(*op));
	struct http_request post = {
		.timeout_ms = STORE_ETCD_CALL_SHORT_MS,
		.max_size = STORE_ETCD_CALL_SMALL,
		.ctx = op,
		.done = on_done,
	};
	struct err err = ERR_INIT;

	if (!op || !(op->failed = loop_timer(ops->loop, on_failed, op))) {
		/* Without memory for a timer, done cannot be deferred. */
		free(op);
		free(job->body);
		err_nomem(&err, "an operation on the store");
		job->done(job->ctx, &(struct store_reply){ .lease = 0 }, &err);
		return;
	}
	op->job = *job;
	op->begun_us = loop_now_us();
	enlist(ops, op);
	op->call = store_etcd_call(ops->client, job->endpoint, job->path, job->body, &post,
				   &op->err);
	if (!op->call)
		loop_timer_start(op->failed, 0);
}

void store_etcd_ops_clear(struct store_etcd_ops *ops)
{
	while (ops->first)
		op_free(ops->first);
}
