/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store for tests: records what it is asked for, and answers when and what the test says.
 * What it tells its listener is the test's affair, too.
 */
#pragma once

#include "daemon/store.h"
#include "tests/unit/samples.h"

#include <stdlib.h>

enum fake_kind { FAKE_GRANT, FAKE_KEEPALIVE, FAKE_REVOKE, FAKE_PUT, FAKE_REMOVE, FAKE_KINDS };

/* A request, waiting for its answer. */
struct fake_op {
	enum fake_kind kind;
	char key[PEER_KEY_SIZE];
	char value[1024];
	uint64_t lease, if_revision, ttl_s;
	char instead_of[STORE_KEY_SIZE], absent[STORE_KEY_SIZE]; /* "": none */
	uint64_t instead_revision;
	store_done_fn *done;
	void *ctx;
};

struct fake_store {
	struct store store; /* first: the two are cast into each other */
	struct fake_op waiting[4];
	size_t len;
	unsigned asked[FAKE_KINDS];
	unsigned refreshes, checks;
	bool started;
	struct store_point seen; /* what it was started with, unless the test says more */
	bool freed;
};

static inline void fake_store_ask(struct store *store, const struct fake_op *op)
{
	struct fake_store *fake = (struct fake_store *)store;

	assert_true(fake->len < LEN(fake->waiting));
	fake->waiting[fake->len++] = *op;
	fake->asked[op->kind]++;
}

static inline void fake_store_free(struct store *store)
{
	((struct fake_store *)store)->freed = true;
}

static inline int fake_store_start(struct store *store, const struct store_point *seen,
				   struct err *err)
{
	(void)err;
	((struct fake_store *)store)->started = true;
	((struct fake_store *)store)->seen = *seen;
	return 0;
}

static inline struct store_point fake_store_seen(const struct store *store)
{
	return ((const struct fake_store *)store)->seen;
}

static inline void fake_store_refresh(struct store *store)
{
	((struct fake_store *)store)->refreshes++;
}

static inline void fake_store_grant(struct store *store, uint64_t ttl_s, store_done_fn *done,
				    void *ctx)
{
	const struct fake_op op = { .kind = FAKE_GRANT, .ttl_s = ttl_s, .done = done, .ctx = ctx };

	fake_store_ask(store, &op);
}

static inline void fake_store_keepalive(struct store *store, uint64_t lease, store_done_fn *done,
					void *ctx)
{
	const struct fake_op op = {
		.kind = FAKE_KEEPALIVE, .lease = lease, .done = done, .ctx = ctx
	};

	fake_store_ask(store, &op);
}

static inline void fake_store_revoke(struct store *store, uint64_t lease, store_done_fn *done,
				     void *ctx)
{
	const struct fake_op op = { .kind = FAKE_REVOKE, .lease = lease, .done = done, .ctx = ctx };

	fake_store_ask(store, &op);
}

static inline void fake_store_put(struct store *store, const struct store_put *put,
				  store_done_fn *done, void *ctx)
{
	struct fake_op op = {
		.kind = FAKE_PUT,
		.lease = put->lease,
		.if_revision = put->if_revision,
		.instead_revision = put->instead_revision,
		.done = done,
		.ctx = ctx,
	};

	snprintf(op.key, sizeof(op.key), "%s", put->key);
	snprintf(op.value, sizeof(op.value), "%s", put->value);
	snprintf(op.instead_of, sizeof(op.instead_of), "%s",
		 put->instead_of ? put->instead_of : "");
	snprintf(op.absent, sizeof(op.absent), "%s", put->absent ? put->absent : "");
	fake_store_ask(store, &op);
}

static inline void fake_store_remove(struct store *store, const char *key, uint64_t if_revision,
				     store_done_fn *done, void *ctx)
{
	struct fake_op op = {
		.kind = FAKE_REMOVE, .if_revision = if_revision, .done = done, .ctx = ctx
	};

	snprintf(op.key, sizeof(op.key), "%s", key);
	fake_store_ask(store, &op);
}

static inline void fake_store_check(struct store *store)
{
	((struct fake_store *)store)->checks++;
}

static inline void fake_store_reconnect(struct store *store)
{
	(void)store;
}

static const struct store_ops fake_store_ops = {
	.free = fake_store_free,
	.start = fake_store_start,
	.seen = fake_store_seen,
	.refresh = fake_store_refresh,
	.check = fake_store_check,
	.reconnect = fake_store_reconnect,
	.grant = fake_store_grant,
	.keepalive = fake_store_keepalive,
	.revoke = fake_store_revoke,
	.put = fake_store_put,
	.remove = fake_store_remove,
};

/* The oldest request of that kind that waits; there has to be one. */
static inline struct fake_op fake_store_take(struct fake_store *fake, enum fake_kind kind)
{
	struct fake_op op = { .kind = kind };

	for (size_t i = 0; i < fake->len; i++) {
		if (fake->waiting[i].kind != kind)
			continue;
		op = fake->waiting[i];
		fake->len--;
		memmove(&fake->waiting[i], &fake->waiting[i + 1],
			(fake->len - i) * sizeof(fake->waiting[0]));
		return op;
	}
	fail_msg("nothing of kind %d is asked for", (int)kind);
	abort(); /* which fail_msg does not let come to pass */
}

/* Answers it. */
static inline struct fake_op fake_store_answer(struct fake_store *fake, enum fake_kind kind,
					       struct store_reply reply)
{
	struct fake_op op = fake_store_take(fake, kind);

	op.done(op.ctx, &reply, NULL);
	return op;
}

/* Lets it fail. */
static inline void fake_store_refuse(struct fake_store *fake, enum fake_kind kind, int sys_errno,
				     const char *text)
{
	struct fake_op op = fake_store_take(fake, kind);
	struct store_reply reply = { .ttl_s = 0 };
	struct err err = ERR_INIT;

	(void)err_set(&err, ERR_STORE, "%s", text);
	err.sys_errno = sys_errno;
	op.done(op.ctx, &reply, &err);
}
