/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/l2/l2.h"

#include "common/err.h"
#include "common/log.h"
#include "common/log_state.h"
#include "common/retry.h"
#include "daemon/io/loop.h"
#include "daemon/l2/endpoint_table.h"
#include "daemon/store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINGER_MS 5000 /* of a vanished endpoint: its node may replace its etcd lease */
#define BATCH_MS 100   /* endpoints that are due within it are dropped together */
#define RETRY_FIRST_MS 200
#define RETRY_MAX_MS 30000
#define REFUSED_MAX 3 /* puts in a row whose condition does not hold, before an error is shown */
#define WARN_EVERY_MS 10000
#define OPS 16 /* requests under way at a time */

/* A request to the store. */
struct op {
	struct l2 *l2;
	bool used, removes;
	struct endpoint endpoint;
};

struct l2 {
	const char *name, *node;
	const struct l2_owner *owner;
	void *ctx;
	struct store *store; /* NULL: not started */
	struct endpoint_table table;
	struct local_endpoints locals;
	struct macs reserved;
	struct seen_counts unannounced;
	bool complete; /* locals has all addresses */
	bool set;      /* l2_set_local has set it once */
	bool held;
	uint64_t etcd_lease;
	struct op ops[OPS];
	struct loop_event *run_timer, *linger_timer;
	struct retry retry;
	unsigned refused;
	struct log_state failure;
	char link_error[ERR_TEXT_SIZE]; /* why the store is not reached; "" */
	uint64_t warned_ms, held_back;  /* log_limit */
	l2_withdrawn_fn *withdrawn;     /* NULL: not withdrawing */
	void *withdrawn_ctx;
	bool withdrawing; /* also afterwards */
};

static void run_soon(struct l2 *l2)
{
	loop_timer_start(l2->run_timer, 0);
}

/* Once for a batch of failures, and not instead of an earlier run. */
static void run_later(struct l2 *l2)
{
	if (!loop_timer_running(l2->run_timer))
		loop_timer_start(l2->run_timer, retry_next_ms(&l2->retry));
}

static bool is_own(const struct l2 *l2, const struct endpoint *endpoint)
{
	return !strcmp(endpoint->node, l2->node);
}

/* ---- Requests ---------------------------------------------------------------------------- */

static bool is_busy(const struct l2 *l2, const struct ipaddr *addr)
{
	for (size_t i = 0; i < OPS; i++)
		if (l2->ops[i].used && ipaddr_equal(&l2->ops[i].endpoint.addr, addr))
			return true;
	return false;
}

static struct op *take_op(struct l2 *l2, const struct endpoint *endpoint, bool removes)
{
	for (size_t i = 0; i < OPS; i++) {
		if (l2->ops[i].used)
			continue;
		l2->ops[i] = (struct op){ l2, true, removes, *endpoint };
		return &l2->ops[i];
	}
	return NULL;
}

static void fail(struct l2 *l2, const struct op *op, const char *why)
{
	char text[ERR_TEXT_SIZE], addr[IPADDR_TEXT_SIZE];

	snprintf(text, sizeof(text), "cannot %s endpoint %s: %.400s",
		 op->removes ? "withdraw" : "announce", ipaddr_text(&op->endpoint.addr, addr), why);
	if (log_state_fail(&l2->failure, text))
		log_warn("endpoints are not announced", "network", l2->name, "error", text);
	run_later(l2);
}

static void record_put(struct l2 *l2, struct endpoint *endpoint, const struct store_reply *reply)
{
	struct local_endpoint *local = announce_find(&l2->locals, &endpoint->addr);

	endpoint->mod_revision = reply->mod_revision;
	if (!endpoint_table_put_own(&l2->table, endpoint))
		log_error("no memory for an endpoint", "network", l2->name);
	if (!local)
		return;
	local->attached_now = false;
	local->duplicate = false;
}

static void on_done(void *ctx, const struct store_reply *reply, const struct err *err)
{
	struct op *op = ctx;
	struct l2 *l2 = op->l2;
	char key[IPADDR_TEXT_SIZE];

	op->used = false;
	if (err) {
		fail(l2, op, err->text);
		return;
	}
	if (!reply->succeeded) {
		/* Changed meanwhile: its event follows, unless the value is invalid. */
		if (++l2->refused >= REFUSED_MAX)
			fail(l2, op, "the store has another value of the key");
		else
			run_later(l2);
		return;
	}
	l2->refused = 0;
	retry_reset(&l2->retry);
	if (log_state_clear(&l2->failure))
		log_info("endpoints are announced again", "network", l2->name);
	if (op->removes)
		endpoint_table_delete(&l2->table, ipaddr_text(&op->endpoint.addr, key),
				      op->endpoint.mod_revision, loop_now_ms() + LINGER_MS);
	else
		record_put(l2, &op->endpoint, reply);
	run_soon(l2);
}

/* Returns false if all requests are in use. */
static bool put(struct l2 *l2, const struct endpoint *endpoint, uint64_t if_revision)
{
	char key[IPADDR_TEXT_SIZE], value[ENDPOINT_VALUE_SIZE];
	struct op *op = take_op(l2, endpoint, false);
	const struct store_put request = {
		.key = ipaddr_text(&endpoint->addr, key),
		.value = endpoint_value(endpoint, value),
		.lease = l2->etcd_lease,
		.if_revision = if_revision,
	};

	if (!op)
		return false;
	op->endpoint.etcd_lease = l2->etcd_lease;
	l2->store->ops->put(l2->store, &request, on_done, op);
	return true;
}

static bool remove_key(struct l2 *l2, const struct endpoint *endpoint)
{
	char key[IPADDR_TEXT_SIZE];
	struct op *op = take_op(l2, endpoint, true);

	if (!op)
		return false;
	l2->store->ops->remove(l2->store, ipaddr_text(&endpoint->addr, key), endpoint->mod_revision,
			       on_done, op);
	return true;
}

/* ---- What is to be requested ------------------------------------------------------------- */

static void set_duplicate(struct l2 *l2, struct local_endpoint *local, const char *holder)
{
	char addr[IPADDR_TEXT_SIZE];

	if (local->duplicate && !strcmp(local->holder, holder))
		return;
	local->duplicate = true;
	snprintf(local->holder, sizeof(local->holder), "%s", holder);
	log_warn("a container's address is that of a container of another node", "network",
		 l2->name, "address", ipaddr_text(&local->endpoint.addr, addr), "node", holder);
}

static void announce(struct l2 *l2)
{
	for (size_t i = 0; i < l2->locals.len; i++) {
		struct local_endpoint *local = &l2->locals.at[i];
		const struct endpoint *stored = endpoints_find(&l2->table.current,
							       &local->endpoint.addr);
		uint64_t if_revision;

		if (is_busy(l2, &local->endpoint.addr))
			continue;
		switch (announce_decide(local, stored, l2->etcd_lease, &if_revision)) {
		case ANNOUNCE_NOTHING:
			local->attached_now = false;
			local->duplicate = false;
			break;
		case ANNOUNCE_DUPLICATE:
			set_duplicate(l2, local, stored->node);
			break;
		case ANNOUNCE_PUT:
			if (!put(l2, &local->endpoint, if_revision))
				return;
		}
	}
}

/* Returns whether an endpoint of this node is left in the store that is not a local one. */
static bool withdraw(struct l2 *l2)
{
	bool left = false;

	for (size_t i = 0; i < l2->table.current.len; i++) {
		const struct endpoint *endpoint = &l2->table.current.at[i];

		if (endpoint->vanished || !is_own(l2, endpoint) ||
		    announce_find(&l2->locals, &endpoint->addr))
			continue;
		left = true;
		if (!is_busy(l2, &endpoint->addr) && !remove_key(l2, endpoint))
			break;
	}
	return left;
}

static void end_withdrawal(struct l2 *l2)
{
	l2_withdrawn_fn *withdrawn = l2->withdrawn;

	l2->withdrawn = NULL;
	if (withdrawn)
		withdrawn(l2->withdrawn_ctx);
}

static void on_run(void *ctx)
{
	struct l2 *l2 = ctx;
	bool left = false;

	if (!l2->store || !l2->table.known)
		return;
	if (l2->held && l2->set && !l2->withdrawing)
		announce(l2);
	if (l2->complete)
		left = withdraw(l2);
	/* A node that leaves does not wait for a store that fails: its announcements expire. */
	if (!left || l2->failure.error[0])
		end_withdrawal(l2);
}

/* ---- Vanished endpoints ------------------------------------------------------------------ */

static bool keep(void *ctx, const struct endpoint *endpoint)
{
	const struct l2 *l2 = ctx;

	return l2->owner->is_in_grace(l2->ctx, endpoint->node);
}

/* An endpoint that vanishes while the timer runs is due later than the one that it runs for. */
static void linger(struct l2 *l2)
{
	const uint64_t now_ms = loop_now_ms();
	uint64_t due_ms;

	if (!l2->table.vanished || loop_timer_running(l2->linger_timer))
		return;
	due_ms = endpoint_table_next_due(&l2->table);
	loop_timer_start(l2->linger_timer, (due_ms > now_ms ? due_ms - now_ms : 0) + BATCH_MS);
}

static void on_linger(void *ctx)
{
	struct l2 *l2 = ctx;
	const uint64_t now_ms = loop_now_ms();
	size_t dropped = endpoint_table_drop_vanished(&l2->table, now_ms, now_ms + LINGER_MS, keep,
						      l2);

	linger(l2);
	if (dropped)
		l2->owner->changed(l2->ctx);
}

/* ---- Events of the store ----------------------------------------------------------------- */

static void after_event(struct l2 *l2)
{
	linger(l2);
	run_soon(l2);
	l2->owner->changed(l2->ctx);
}

static void on_list_begin(void *ctx)
{
	endpoint_table_list_begin(&((struct l2 *)ctx)->table);
}

static void on_restored(void *ctx, const char *why)
{
	(void)ctx, (void)why; /* the leases decide about the grace period */
}

static void on_config(void *ctx, const char *text, size_t size)
{
	(void)ctx, (void)text, (void)size; /* read from the store of the leases */
}

static void on_entry(void *ctx, const struct store_entry *entry)
{
	struct l2 *l2 = ctx;
	struct err err = ERR_INIT;

	if (endpoint_table_put(&l2->table, entry, &err) < 0 &&
	    log_limit(&l2->warned_ms, &l2->held_back, loop_now_ms(), WARN_EVERY_MS)) {
		log_warn("key in the store ignored", "network", l2->name, "error", err.text,
			 "not_shown", LOG_NUM(l2->held_back));
		l2->held_back = 0;
	}
	if (!l2->table.listing)
		after_event(l2);
}

static void on_list_end(void *ctx)
{
	struct l2 *l2 = ctx;

	if (!endpoint_table_list_end(&l2->table, loop_now_ms() + LINGER_MS)) {
		log_error("no memory for the endpoints", "network", l2->name);
		l2->store->ops->refresh(l2->store);
		return;
	}
	after_event(l2);
}

static void on_list_failed(void *ctx)
{
	endpoint_table_list_failed(&((struct l2 *)ctx)->table);
}

static void on_gone(void *ctx, const char *key, uint64_t mod_revision)
{
	struct l2 *l2 = ctx;

	endpoint_table_delete(&l2->table, key, mod_revision, loop_now_ms() + LINGER_MS);
	after_event(l2);
}

static void on_link(void *ctx, bool connected, const char *endpoint, const struct err *why)
{
	struct l2 *l2 = ctx;

	(void)endpoint;
	snprintf(l2->link_error, sizeof(l2->link_error), "%s", connected ? "" : why->text);
	l2->owner->changed(l2->ctx);
}

static const struct store_listener listener = {
	.list_begin = on_list_begin,
	.restored = on_restored,
	.config = on_config,
	.entry = on_entry,
	.list_end = on_list_end,
	.list_failed = on_list_failed,
	.gone = on_gone,
	.link = on_link,
};

/* ---- The node ---------------------------------------------------------------------------- */

void l2_set_lease(struct l2 *l2, bool held, uint64_t etcd_lease)
{
	if (l2->held == held && l2->etcd_lease == etcd_lease)
		return;
	l2->held = held;
	l2->etcd_lease = etcd_lease;
	run_soon(l2);
}

bool l2_set_local(struct l2 *l2, const struct endpoints *local, bool complete)
{
	bool changed = false, first = !l2->set;

	if (l2->withdrawing)
		return false;
	if (!announce_update(&l2->locals, local, l2->set, &changed)) {
		log_error("no memory for the containers' addresses", "network", l2->name);
		return false;
	}
	for (size_t i = 0; i < l2->locals.len; i++)
		snprintf(l2->locals.at[i].endpoint.node, sizeof(l2->locals.at[i].endpoint.node),
			 "%s", l2->node);
	l2->set = true;
	if (first || changed || complete != l2->complete)
		run_soon(l2);
	l2->complete = complete;
	return changed;
}

static bool same_macs(const struct macs *a, const struct macs *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->at, b->at, a->len * sizeof(*a->at)));
}

bool l2_set_reserved(struct l2 *l2, const struct macs *macs)
{
	if (same_macs(&l2->reserved, macs))
		return false;
	macs_clear(&l2->reserved);
	for (size_t i = 0; i < macs->len; i++) {
		if (macs_push(&l2->reserved, &macs->at[i]))
			continue;
		log_error("no memory for the containers' MACs", "network", l2->name);
		break;
	}
	return true;
}

void l2_set_unannounced(struct l2 *l2, const struct seen_counts *counts)
{
	l2->unannounced = *counts;
}

bool l2_withdraw(struct l2 *l2, l2_withdrawn_fn *done, void *ctx)
{
	bool any = false;

	l2->withdrawing = true;
	log_state_clear(&l2->failure);
	local_endpoints_clear(&l2->locals);
	l2->complete = true;
	for (size_t i = 0; l2->store && i < l2->table.current.len; i++)
		any |= is_own(l2, &l2->table.current.at[i]) && !l2->table.current.at[i].vanished;
	if (!any)
		return false;
	l2->withdrawn = done;
	l2->withdrawn_ctx = ctx;
	run_soon(l2);
	return true;
}

void l2_resume(struct l2 *l2)
{
	l2->withdrawing = false;
	l2->complete = false; /* until l2_set_local is called */
}

/* ---- Construction ------------------------------------------------------------------------ */

int l2_start(struct l2 *l2, struct err *err)
{
	struct store *store = NULL;

	if (l2->store)
		return 0;
	if (l2->owner->open_store(l2->ctx, &listener, l2, &store, err) < 0)
		return -1;
	if (store->ops->start(store, NULL, err) < 0) {
		store->ops->free(store);
		return -1;
	}
	l2->store = store;
	return 0;
}

void l2_reconnect(struct l2 *l2)
{
	if (l2->store)
		l2->store->ops->reconnect(l2->store);
}

void l2_check(struct l2 *l2)
{
	if (l2->store)
		l2->store->ops->check(l2->store);
}

int l2_new(struct loop *loop, const char *name, const char *node, const struct l2_owner *owner,
	   void *ctx, struct l2 **l2_out, struct err *err)
{
	struct l2 *l2 = calloc(1, sizeof(*l2));

	if (!l2)
		return err_nomem(err, "the endpoints");
	l2->name = name;
	l2->node = node;
	l2->owner = owner;
	l2->ctx = ctx;
	l2->retry = (struct retry){ .first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS };
	l2->run_timer = loop_timer(loop, on_run, l2);
	l2->linger_timer = loop_timer(loop, on_linger, l2);
	if (!l2->run_timer || !l2->linger_timer) {
		l2_free(l2);
		return err_nomem(err, "the endpoints");
	}
	*l2_out = l2;
	return 0;
}

void l2_free(struct l2 *l2)
{
	if (!l2)
		return;
	if (l2->store)
		l2->store->ops->free(l2->store);
	endpoint_table_free(&l2->table);
	local_endpoints_free(&l2->locals);
	macs_free(&l2->reserved);
	loop_event_free(l2->run_timer);
	loop_event_free(l2->linger_timer);
	free(l2);
}

struct l2_view l2_view(const struct l2 *l2)
{
	struct l2_view view = {
		.known = l2->table.known,
		.endpoints = &l2->table.current,
		.locals = &l2->locals,
		.reserved = &l2->reserved,
		.unannounced = &l2->unannounced,
		.error = l2->failure.error[0] ? l2->failure.error : l2->link_error,
	};

	for (size_t i = 0; i < l2->locals.len; i++) {
		const struct endpoint *stored = endpoints_find(&l2->table.current,
							       &l2->locals.at[i].endpoint.addr);

		view.announced += stored && !stored->vanished && is_own(l2, stored);
	}
	return view;
}
