/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A changed file is read after a short delay, when the writer has probably finished. A file that is
 * then invalid or absent may be half-written or between two renames: it is read once more before
 * the error is reported.
 */
#include "daemon/store/file/store_file.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "daemon/io/file_watch.h"
#include "daemon/io/loop.h"
#include "daemon/store/file/store_file_doc.h"
#include "daemon/store/file/store_file_ops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_MS 20         /* without a change, before the file is read */
#define QUIET_MAX_MS 500    /* after the first change it is read even if changes continue */
#define SETTLE_MS 300       /* before a file that cannot be read is read again */
#define POLL_MS 10000       /* for changes without an inotify event, as of other machines */
#define POLL_ONLY_MS 2000   /* if the path cannot be watched */
#define LOCK_RETRY_MS 20    /* another weftd holds the lock for some milliseconds */
#define LOCK_TRIES 500      /* a lock that is held for longer is an error */
#define WARN_EVERY_MS 60000 /* for a key that cannot be written */

enum link { LINK_UNKNOWN, LINK_UP, LINK_DOWN };

enum op_kind { OP_GRANT, OP_KEEPALIVE, OP_REVOKE, OP_CHANGE };

struct op {
	struct op *next;
	enum op_kind kind;
	char *key, *value, *instead_of;
	uint64_t if_revision, instead_revision;
	unsigned tries;
	uint64_t begun_us;
	store_done_fn *done;
	void *ctx;
};

struct file {
	struct store store; /* first: the two are cast into each other */
	struct loop *loop;
	char *path, *network;
	bool l2_endpoints;
	char *config_name, *endpoint;
	struct file_watch *watch;
	struct loop_event *timer; /* the next reading */
	uint64_t latest_ms;       /* the time of the next reading at the latest */
	struct loop_event *poll;
	bool unwatched;            /* the path cannot be watched */
	struct store_file_doc doc; /* as reported to the listener */
	bool list_due;             /* the next reading is reported as a list */
	struct fs_stamp stamp;     /* of the last reading */
	bool retrying;             /* the last reading failed and is repeated once */
	enum link link;
	char reported[ERR_TEXT_SIZE]; /* the error reported to the listener, or "" */
	struct loop_event *ops_timer;
	struct op *first, *last;
	uint64_t warned_ms, held; /* log_limit */
};

static struct store_file_part part_of(const struct file *file)
{
	return (struct store_file_part){ file->network, file->l2_endpoints };
}

/* ---- Reading ----------------------------------------------------------------------------- */

static void report_link(struct file *file, enum link link, const struct err *why)
{
	const char *error = why ? why->text : "";

	if (file->link == link && !strcmp(file->reported, error))
		return;
	file->link = link;
	snprintf(file->reported, sizeof(file->reported), "%s", error);
	file->store.listener->link(file->store.listener_ctx, link == LINK_UP, file->endpoint, why);
}

/* Reports the file's new content. Takes doc over. */
static void apply_doc(struct file *file, struct store_file_doc *doc)
{
	struct store_file_doc before = file->doc;

	file->doc = *doc;
	file->retrying = false;
	report_link(file, LINK_UP, NULL);
	if (file->list_due) {
		file->list_due = false;
		store_file_doc_list(&file->doc, file->store.listener, file->store.listener_ctx);
	} else {
		store_file_doc_changes(&before, &file->doc, file->store.listener,
				       file->store.listener_ctx);
	}
	store_file_doc_free(&before);
}

static void schedule_read(struct file *file, uint64_t delay_ms)
{
	uint64_t now = loop_now_ms();

	if (!loop_timer_running(file->timer))
		file->latest_ms = now + QUIET_MAX_MS;
	if (now + delay_ms > file->latest_ms)
		delay_ms = file->latest_ms > now ? file->latest_ms - now : 0;
	loop_timer_start(file->timer, delay_ms);
}

static void arm_watch(struct file *file)
{
	struct err err = ERR_INIT;
	bool unwatched = !file_watch_arm(file->watch, &err);

	if (unwatched && !file->unwatched)
		log_warn("cannot watch the store's file, polling it every 2 s", "network",
			 file->network, "error", err.text);
	file->unwatched = unwatched;
	loop_timer_start(file->poll, unwatched ? POLL_ONLY_MS : POLL_MS);
}

static void on_read_timer(void *ctx)
{
	struct file *file = ctx;
	const struct store_file_part part = part_of(file);
	struct store_file_doc doc = { .revision = 0 };
	struct err err = ERR_INIT;
	uint64_t begun_us = loop_now_us();
	int rc;

	arm_watch(file);
	file->stamp = store_file_stamp(file->path);
	rc = store_file_read(file->path, &part, &file->doc, &doc, &err);
	store_stats_add(&file->store.stats, STORE_OP_LIST,
			rc == 0 ? STORE_OUTCOME_SUCCESS : STORE_OUTCOME_ERROR,
			loop_now_us() - begun_us);
	if (rc == 0) {
		apply_doc(file, &doc);
	} else if (!file->retrying) {
		file->retrying = true;
		schedule_read(file, SETTLE_MS);
	} else {
		report_link(file, LINK_DOWN, &err);
	}
}

static void on_change(void *ctx)
{
	struct file *file = ctx;

	file->retrying = false;
	schedule_read(file, QUIET_MS);
}

static void on_poll(void *ctx)
{
	struct file *file = ctx;
	struct fs_stamp now = store_file_stamp(file->path);

	if (!fs_stamp_equal(&now, &file->stamp))
		on_change(file);
	arm_watch(file);
}

static void refresh(struct store *store)
{
	struct file *file = (struct file *)store;

	file->list_due = true;
	if (!loop_timer_running(file->timer))
		schedule_read(file, 0);
}

static void do_nothing(struct store *store)
{
	(void)store;
}

static int start(struct store *store, const struct store_point *position, struct err *err)
{
	(void)position, (void)err;
	refresh(store);
	return 0;
}

static struct store_point position_of(const struct store *store)
{
	(void)store;
	return (struct store_point){ .cluster = 0 };
}

/* ---- Operations -------------------------------------------------------------------------- */

static void op_free(struct op *op)
{
	free(op->key);
	free(op->value);
	free(op->instead_of);
	free(op);
}

static enum store_op stats_op(const struct op *op)
{
	static const enum store_op kinds[] = {
		[OP_GRANT] = STORE_OP_GRANT,
		[OP_KEEPALIVE] = STORE_OP_KEEPALIVE,
		[OP_REVOKE] = STORE_OP_REVOKE,
		[OP_CHANGE] = STORE_OP_PUT,
	};

	return op->kind == OP_CHANGE && !op->value ? STORE_OP_REMOVE : kinds[op->kind];
}

/* Ends the first operation of the queue. */
static void finish(struct file *file, const struct store_reply *reply, const struct err *err)
{
	struct op *op = file->first;

	file->first = op->next;
	store_stats_add(&file->store.stats, stats_op(op),
			err                                        ? STORE_OUTCOME_ERROR :
			op->kind == OP_CHANGE && !reply->succeeded ? STORE_OUTCOME_CONFLICT :
								     STORE_OUTCOME_SUCCESS,
			loop_now_us() - op->begun_us);
	op->done(op->ctx, reply, err);
	op_free(op);
}

/* If the file is not writable for this node, an operator can add the logged key and value. */
static void warn_unwritten(struct file *file, const struct op *op, const struct err *why)
{
	if (!op->value || !log_limit(&file->warned_ms, &file->held, loop_now_ms(), WARN_EVERY_MS))
		return;
	log_warn("cannot write the node's key to the store's file", "network", file->network,
		 "error", why->text, "key", op->key, "value", op->value, "not_shown",
		 LOG_NUM(file->held));
	file->held = 0;
}

static void run_change(struct file *file, struct op *op)
{
	const struct store_file_change change = {
		.path = file->path,
		.part = part_of(file),
		.key = op->key,
		.value = op->value,
		.if_revision = op->if_revision,
		.instead_of = op->instead_of,
		.instead_revision = op->instead_revision,
	};
	struct store_reply reply = { .lease = 0 };
	struct store_file_doc doc = { .revision = 0 };
	struct err err = ERR_INIT;
	enum store_file_outcome outcome = store_file_change(&change, &file->doc, &doc, &err);

	if (outcome == STORE_FILE_LOCKED && op->tries++ < LOCK_TRIES) {
		loop_timer_start(file->ops_timer, LOCK_RETRY_MS);
		return;
	}
	if (outcome == STORE_FILE_LOCKED) {
		err_set(&err, ERR_STORE, "%s.lock is held by another process", file->path);
		outcome = STORE_FILE_FAILED;
	}
	if (outcome == STORE_FILE_FAILED) {
		warn_unwritten(file, op, &err);
		finish(file, &reply, &err);
		return;
	}
	reply.succeeded = outcome == STORE_FILE_DONE;
	if (reply.succeeded && op->value)
		reply.mod_revision = store_file_doc_find(&doc, op->key)->mod_revision;
	apply_doc(file, &doc);
	finish(file, &reply, NULL);
}

static void run_next(void *ctx)
{
	struct file *file = ctx;
	struct op *op = file->first;

	if (op && op->kind == OP_CHANGE)
		run_change(file, op);
	else if (op)
		finish(file, &(struct store_reply){ .succeeded = op->kind == OP_REVOKE }, NULL);
	if (file->first && !loop_timer_running(file->ops_timer))
		loop_timer_start(file->ops_timer, 0);
}

/* Takes the texts of op over. */
static void enqueue(struct store *store, struct op wanted, bool good, store_done_fn *done,
		    void *ctx)
{
	struct file *file = (struct file *)store;
	struct op *op = good ? malloc(sizeof(*op)) : NULL;
	struct err err = ERR_INIT;

	if (!op) {
		/* Without memory, done cannot be deferred. */
		free(wanted.key);
		free(wanted.value);
		free(wanted.instead_of);
		err_nomem(&err, "an operation on the store");
		done(ctx, &(struct store_reply){ .lease = 0 }, &err);
		return;
	}
	*op = wanted;
	op->begun_us = loop_now_us();
	op->done = done;
	op->ctx = ctx;
	op->next = NULL;
	if (file->first)
		file->last->next = op;
	else
		file->first = op;
	file->last = op;
	if (!loop_timer_running(file->ops_timer))
		loop_timer_start(file->ops_timer, 0);
}

/* Lease 0: leases do not expire here (store.h). */
static void grant_lease(struct store *store, uint64_t ttl_s, store_done_fn *done, void *ctx)
{
	(void)ttl_s;
	enqueue(store, (struct op){ .kind = OP_GRANT }, true, done, ctx);
}

static void keep_lease(struct store *store, uint64_t lease, store_done_fn *done, void *ctx)
{
	(void)lease;
	enqueue(store, (struct op){ .kind = OP_KEEPALIVE }, true, done, ctx);
}

static void revoke_lease(struct store *store, uint64_t lease, store_done_fn *done, void *ctx)
{
	(void)lease;
	enqueue(store, (struct op){ .kind = OP_REVOKE }, true, done, ctx);
}

/* The whole file is checked: leases and claims do not matter here. */
static void put_key(struct store *store, const struct store_put *put, store_done_fn *done,
		    void *ctx)
{
	struct op op = {
		.kind = OP_CHANGE,
		.key = strdup(put->key),
		.value = strdup(put->value),
		.if_revision = put->if_revision,
		.instead_of = put->instead_of ? strdup(put->instead_of) : NULL,
		.instead_revision = put->instead_revision,
	};

	enqueue(store, op, op.key && op.value && !put->instead_of == !op.instead_of, done, ctx);
}

static void remove_key(struct store *store, const char *key, uint64_t if_revision,
		       store_done_fn *done, void *ctx)
{
	struct op op = { .kind = OP_CHANGE, .key = strdup(key), .if_revision = if_revision };

	enqueue(store, op, op.key != NULL, done, ctx);
}

/* ---- Construction ------------------------------------------------------------------------ */

static void destroy(struct store *store)
{
	struct file *file = (struct file *)store;

	if (!file)
		return;
	while (file->first) {
		struct op *op = file->first;

		file->first = op->next;
		op_free(op);
	}
	file_watch_free(file->watch);
	loop_event_free(file->timer);
	loop_event_free(file->poll);
	loop_event_free(file->ops_timer);
	store_file_doc_free(&file->doc);
	free(file->path);
	free(file->network);
	free(file->config_name);
	free(file->endpoint);
	free(file);
}
AUTO_DEFINE(store, struct store, destroy);

static const struct store_ops file_ops = {
	.free = destroy,
	.start = start,
	.position = position_of,
	.refresh = refresh,
	.check = do_nothing,
	.reconnect = do_nothing,
	.grant = grant_lease,
	.keepalive = keep_lease,
	.revoke = revoke_lease,
	.put = put_key,
	.remove = remove_key,
};

static bool make_texts(struct file *file, const struct store_file_options *options)
{
	bool named = strcmp(options->network, "default") != 0;

	file->path = strdup(options->path);
	file->network = strdup(options->network);
	if (asprintf(&file->endpoint, "file:%s", options->path) < 0)
		file->endpoint = NULL;
	if (asprintf(&file->config_name, "%s%s%sconfig in %s", named ? "networks." : "",
		     named ? options->network : "", named ? "." : "", options->path) < 0)
		file->config_name = NULL;
	return file->path && file->network && file->endpoint && file->config_name;
}

int store_file_new(struct loop *loop, const struct store_file_options *options,
		   const struct store_listener *listener, void *ctx, struct store **store_out,
		   struct err *err)
{
	AUTO(store) struct store *store = NULL;
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		return err_nomem(err, "the store");
	store = &file->store;
	*store = (struct store){ .ops = &file_ops, .listener = listener, .listener_ctx = ctx };
	file->loop = loop;
	file->l2_endpoints = options->l2_endpoints;
	file->timer = loop_timer(loop, on_read_timer, file);
	file->poll = loop_timer(loop, on_poll, file);
	file->ops_timer = loop_timer(loop, run_next, file);
	if (!file->timer || !file->poll || !file->ops_timer || !make_texts(file, options))
		return err_nomem(err, "the store");
	store->config_name = file->config_name;
	if (file_watch_new(loop, file->path, on_change, file, &file->watch, err) < 0)
		return -1;
	*store_out = take_ptr(store);
	return 0;
}
