/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_store.h"

#include "common/array.h"

static void fake_store_ask(struct store *store, const struct fake_op *op)
{
	struct fake_store *fake = (struct fake_store *)store;

	assert_true(fake->len < ARRAY_LEN(fake->waiting));
	fake->waiting[fake->len++] = *op;
	fake->asked[op->kind]++;
}

static void fake_store_free(struct store *store)
{
	((struct fake_store *)store)->freed = true;
}

static int fake_store_start(struct store *store, const struct store_point *position,
			    struct err *err)
{
	(void)err;
	((struct fake_store *)store)->started = true;
	if (position)
		((struct fake_store *)store)->position = *position;
	return 0;
}

static struct store_point fake_store_position(const struct store *store)
{
	return ((const struct fake_store *)store)->position;
}

static void fake_store_refresh(struct store *store)
{
	((struct fake_store *)store)->refreshes++;
}

static void fake_store_grant(struct store *store, uint64_t ttl_s, store_done_fn *done, void *ctx)
{
	const struct fake_op op = { .kind = FAKE_GRANT, .ttl_s = ttl_s, .done = done, .ctx = ctx };

	fake_store_ask(store, &op);
}

static void fake_store_keepalive(struct store *store, uint64_t lease, store_done_fn *done,
				 void *ctx)
{
	const struct fake_op op = {
		.kind = FAKE_KEEPALIVE, .lease = lease, .done = done, .ctx = ctx
	};

	fake_store_ask(store, &op);
}

static void fake_store_revoke(struct store *store, uint64_t lease, store_done_fn *done, void *ctx)
{
	const struct fake_op op = { .kind = FAKE_REVOKE, .lease = lease, .done = done, .ctx = ctx };

	fake_store_ask(store, &op);
}

static void fake_store_put(struct store *store, const struct store_put *put, store_done_fn *done,
			   void *ctx)
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

static void fake_store_remove(struct store *store, const char *key, uint64_t if_revision,
			      store_done_fn *done, void *ctx)
{
	struct fake_op op = {
		.kind = FAKE_REMOVE, .if_revision = if_revision, .done = done, .ctx = ctx
	};

	snprintf(op.key, sizeof(op.key), "%s", key);
	fake_store_ask(store, &op);
}

static void fake_store_check(struct store *store)
{
	((struct fake_store *)store)->checks++;
}

static void fake_store_reconnect(struct store *store)
{
	(void)store;
}

const struct store_ops fake_store_ops = {
	.free = fake_store_free,
	.start = fake_store_start,
	.position = fake_store_position,
	.refresh = fake_store_refresh,
	.check = fake_store_check,
	.reconnect = fake_store_reconnect,
	.grant = fake_store_grant,
	.keepalive = fake_store_keepalive,
	.revoke = fake_store_revoke,
	.put = fake_store_put,
	.remove = fake_store_remove,
};

struct fake_op fake_store_take(struct fake_store *fake, enum fake_kind kind)
{
	for (size_t i = 0; i < fake->len; i++) {
		const struct fake_op op = fake->waiting[i];

		if (op.kind != kind)
			continue;
		fake->len--;
		memmove(&fake->waiting[i], &fake->waiting[i + 1],
			(fake->len - i) * sizeof(fake->waiting[0]));
		return op;
	}
	fail_msg("no pending request of kind %d", (int)kind);
	abort(); /* not reached: fail_msg does not return */
}

struct fake_op fake_store_answer(struct fake_store *fake, enum fake_kind kind,
				 struct store_reply reply)
{
	struct fake_op op = fake_store_take(fake, kind);

	op.done(op.ctx, &reply, NULL);
	return op;
}

void fake_store_refuse(struct fake_store *fake, enum fake_kind kind, int sys_errno,
		       const char *text)
{
	struct fake_op op = fake_store_take(fake, kind);
	struct store_reply reply = { .ttl_s = 0 };
	struct err err = ERR_INIT;

	(void)err_set(&err, ERR_STORE, "%s", text);
	err.sys_errno = sys_errno;
	op.done(op.ctx, &reply, &err);
}
