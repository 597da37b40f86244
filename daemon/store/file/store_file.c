/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has changed is read a moment later, when whoever writes has perhaps come to the end. A
 * file that is then found damaged, or absent, may be half written, or be between two
 * names: it is looked at once more before that is told.
 */
#include "store_file.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "loop.h"
#include "store_file_doc.h"
#include "store_file_ops.h"
#include "store_file_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_MS 20         /* without a change, before it is read */
#define PATIENCE_MS 500     /* it is read after this, quiet or not */
#define SETTLE_MS 300       /* until what cannot be read is called damaged */
#define POLL_MS 10000       /* for what inotify does not tell: of other machines, say */
#define POLL_BLIND_MS 2000  /* where it tells nothing */
#define LOCK_RETRY_MS 20    /* another weftd writes for some milliseconds */
#define LOCK_TRIES 500      /* and somebody who holds the lock for longer is an error */
#define WARN_EVERY_MS 60000 /* of a key that cannot be written */

enum link { LINK_UNKNOWN, LINK_UP, LINK_DOWN };

enum what { OP_GRANT, OP_KEEPALIVE, OP_REVOKE, OP_CHANGE };

struct op {
	struct op *next;
	enum what what;
	char *key, *value, *instead_of;
	uint64_t if_revision, instead_revision;
	unsigned tries;
	store_done_fn *done;
	void *ctx;
};

struct file {
	struct store store; /* first: the two are cast into each other */
	struct loop *loop;
	char *path, *network;
	char *config_name, *endpoint;
	struct store_file_watch *watch;
	struct loop_event *timer; /* the next reading */
	uint64_t latest_ms;       /* when it is due at the latest; 0: it is not */
	struct loop_event *poll;
	bool blind;                    /* the watch is not whole */
	struct store_file_doc doc;     /* what the listener knows */
	bool list_due;                 /* it is to hear all of it */
	struct store_file_stamp stamp; /* of what was read last */
	bool doubted;                  /* it could not be read, and is looked at once more */
	enum link link;
	char trouble[ERR_TEXT_SIZE]; /* that the listener was told */
	struct loop_event *ops_timer;
	struct op *first, *last;
	uint64_t warned_ms, held; /* log_limit */
};

/* ---- Reading ----------------------------------------------------------------------------- */

static void tell_link(struct file *file, enum link link, const struct err *why)
{
	const char *trouble = why ? why->text : "";

	if (file->link == link && !strcmp(file->trouble, trouble))
		return;
	file->link = link;
	snprintf(file->trouble, sizeof(file->trouble), "%s", trouble);
	file->store.listener->link(file->store.listener_ctx, link == LINK_UP, file->endpoint, why);
}

/* This is what stands there now. Takes it. */
static void adopt(struct file *file, struct store_file_doc *doc)
{
	struct store_file_doc before = file->doc;

	file->doc = *doc;
	file->doubted = false;
	tell_link(file, LINK_UP, NULL);
	if (file->list_due) {
		file->list_due = false;
		store_file_doc_list(&file->doc, file->store.listener, file->store.listener_ctx);
	} else {
		store_file_doc_changes(&before, &file->doc, file->store.listener,
				       file->store.listener_ctx);
	}
	store_file_doc_free(&before);
}

static void look_later(struct file *file, uint64_t delay_ms)
{
	uint64_t now = loop_now_ms();

	if (!loop_timer_running(file->timer))
		file->latest_ms = now + PATIENCE_MS;
	if (now + delay_ms > file->latest_ms)
		delay_ms = file->latest_ms > now ? file->latest_ms - now : 0;
	loop_timer_start(file->timer, delay_ms);
}

static void watch_all(struct file *file)
{
	struct err err = ERR_INIT;
	bool blind = !store_file_watch_arm(file->watch, &err);

	if (blind && !file->blind)
		log_warn("changes of the file are looked for every two seconds", "reason",
			 err.text);
	file->blind = blind;
	loop_timer_start(file->poll, blind ? POLL_BLIND_MS : POLL_MS);
}

static void look(void *ctx)
{
	struct file *file = ctx;
	struct store_file_doc doc = { .revision = 0 };
	struct err err = ERR_INIT;

	watch_all(file);
	file->stamp = store_file_stamp(file->path);
	if (store_file_read(file->path, file->network, &file->doc, &doc, &err) == 0) {
		adopt(file, &doc);
	} else if (!file->doubted) {
		file->doubted = true;
		look_later(file, SETTLE_MS);
	} else {
		tell_link(file, LINK_DOWN, &err);
	}
}

static void on_rang(void *ctx)
{
	struct file *file = ctx;

	file->doubted = false;
	look_later(file, QUIET_MS);
}

static void on_poll(void *ctx)
{
	struct file *file = ctx;
	struct store_file_stamp now = store_file_stamp(file->path);

	if (!store_file_stamp_equal(&now, &file->stamp))
		on_rang(file);
	watch_all(file);
}

static void refresh(struct store *store)
{
	struct file *file = (struct file *)store;

	file->list_due = true;
	if (!loop_timer_running(file->timer))
		look_later(file, 0);
}

static void nothing_to_do(struct store *store)
{
	(void)store;
}

static int start(struct store *store, const struct store_point *seen, struct err *err)
{
	(void)seen, (void)err;
	refresh(store);
	return 0;
}

static struct store_point seen(const struct store *store)
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

/* The first one is over. */
static void finish(struct file *file, const struct store_reply *reply, const struct err *err)
{
	struct op *op = file->first;

	file->first = op->next;
	op->done(op->ctx, reply, err);
	op_free(op);
}

/* Whoever may not write the file must be written into it by somebody else: with this. */
static void warn_unwritten(struct file *file, const struct op *op, const struct err *why)
{
	if (!op->value || !log_limit(&file->warned_ms, &file->held, loop_now_ms(), WARN_EVERY_MS))
		return;
	log_warn("the file lacks our lease", "reason", why->text, "key", op->key, "value",
		 op->value, "not_shown", LOG_NUM(file->held));
	file->held = 0;
}

static void carry_out(struct file *file, struct op *op)
{
	const struct store_file_change change = {
		.path = file->path,
		.network = file->network,
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
		err_set(&err, ERR_STORE, "%s.lock is held by somebody else", file->path);
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
	adopt(file, &doc);
	finish(file, &reply, NULL);
}

static void run_next(void *ctx)
{
	struct file *file = ctx;
	struct op *op = file->first;

	if (op && op->what == OP_CHANGE)
		carry_out(file, op);
	else if (op)
		finish(file, &(struct store_reply){ .succeeded = op->what == OP_REVOKE }, NULL);
	if (file->first && !loop_timer_running(file->ops_timer))
		loop_timer_start(file->ops_timer, 0);
}

/* op's texts become the store's. */
static void enqueue(struct store *store, struct op wanted, bool good, store_done_fn *done,
		    void *ctx)
{
	struct file *file = (struct file *)store;
	struct op *op = good ? malloc(sizeof(*op)) : NULL;
	struct err err = ERR_INIT;

	if (!op) {
		/* Without memory there is no later. */
		free(wanted.key);
		free(wanted.value);
		free(wanted.instead_of);
		err_nomem(&err, "an operation on the store");
		done(ctx, &(struct store_reply){ .lease = 0 }, &err);
		return;
	}
	*op = wanted;
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

/* No lease that ends: 0, as store.h has it. */
static void grant_lease(struct store *store, uint64_t ttl_s, store_done_fn *done, void *ctx)
{
	(void)ttl_s;
	enqueue(store, (struct op){ .what = OP_GRANT }, true, done, ctx);
}

static void keep_lease(struct store *store, uint64_t lease, store_done_fn *done, void *ctx)
{
	(void)lease;
	enqueue(store, (struct op){ .what = OP_KEEPALIVE }, true, done, ctx);
}

static void revoke_lease(struct store *store, uint64_t lease, store_done_fn *done, void *ctx)
{
	(void)lease;
	enqueue(store, (struct op){ .what = OP_REVOKE }, true, done, ctx);
}

/* A file is looked at as a whole: there are neither leases nor claims. */
static void put_key(struct store *store, const struct store_put *put, store_done_fn *done,
		    void *ctx)
{
	struct op op = {
		.what = OP_CHANGE,
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
	struct op op = { .what = OP_CHANGE, .key = strdup(key), .if_revision = if_revision };

	enqueue(store, op, op.key != NULL, done, ctx);
}

/* ---- Making one -------------------------------------------------------------------------- */

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
	store_file_watch_free(file->watch);
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
	.seen = seen,
	.refresh = refresh,
	.check = nothing_to_do,
	.reconnect = nothing_to_do,
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
	file->timer = loop_timer(loop, look, file);
	file->poll = loop_timer(loop, on_poll, file);
	file->ops_timer = loop_timer(loop, run_next, file);
	if (!file->timer || !file->poll || !file->ops_timer || !make_texts(file, options))
		return err_nomem(err, "the store");
	store->config_name = file->config_name;
	if (store_file_watch_new(loop, file->path, on_rang, file, &file->watch, err) < 0)
		return -1;
	*store_out = take_ptr(store);
	return 0;
}
