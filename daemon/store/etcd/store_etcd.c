/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Always one of three: a list, a watch, or the timer before the next of them.
 *
 *            .---------------------- stale, or refresh ----------------------.
 *            v                                                               |
 *   timer -> list -- done --> watch -- lost --> timer -> watch (resumed) ----'
 *     ^       |
 *     '-------' failed: the next endpoint, after a backoff
 */
#include "store_etcd.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "http.h"
#include "loop.h"
#include "store_etcd_auth.h"
#include "store_etcd_call.h"
#include "store_etcd_claim.h"
#include "store_etcd_list.h"
#include "store_etcd_ops.h"
#include "store_etcd_tell.h"
#include "store_etcd_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 30000
/*
 * Where nobody answers, a try is a connection or one small question: those are made so often
 * that the store is found soon after it is back, and only a try that is answered goes on to a
 * list. The pause includes the time that the try took.
 */
#define RETRY_AWAY_MAX_MS 2000
#define STABLE_MS 10000 /* a watch that lived so long was no failure of the attempt */

enum link { LINK_UNKNOWN, LINK_UP, LINK_DOWN };

struct etcd {
	struct store store; /* first: the two are cast into each other */
	struct loop *loop;
	struct http *http;
	struct store_etcd_way way;
	char **endpoints;          /* NULL-ended; see copy_endpoints */
	size_t current;            /* where the next request goes */
	const char *endpoint;      /* where the list or the watch is, or was last */
	char *config_key, *prefix; /* all keys of leases begin with prefix, "../subnets/" */
	char *claims;              /* "../claims/" */
	struct store_etcd_claim_places places; /* both */
	struct loop_event *timer;
	struct store_etcd_list *list;
	struct store_etcd_watch *watch;
	struct store_etcd_tell tell;
	struct store_etcd_ops ops;
	struct store_point seen; /* where the listener stands, where fresh */
	bool fresh;              /* nothing was missed since; else a list is due */
	uint64_t begun_ms;       /* the list or the watch */
	uint64_t created_ms;     /* of the watch; 0: not yet */
	unsigned attempt;        /* failures in a row, all of one kind: */
	bool away;               /* nobody has answered */
	enum link link;
	const char *told;  /* the endpoint that the listener knows of */
	bool told_lasting; /* why it is down, and will be until something is mended */
};

/* From one that fails to the one behind it; from another, someone was quicker. */
static void leave_endpoint(struct etcd *etcd, const char *endpoint)
{
	if (endpoint != etcd->endpoints[etcd->current])
		return;
	etcd->current++;
	if (!etcd->endpoints[etcd->current])
		etcd->current = 0;
}

/* Nobody answers, or says that it cannot now; in contrast to an answer that is no good. */
static bool is_away(const struct err *why)
{
	switch (why->sys_errno) {
	case 0:
	case EMSGSIZE:
	case ESTALE:
	case ENOENT:
	case EKEYREJECTED:
		return false;
	default:
		return true;
	}
}

/*
 * An answer that is no good is a better reason than that somebody did not answer: it is told
 * after the other, once, and stands until the store is reached.
 */
static void tell_link(struct etcd *etcd, enum link link, const struct err *why)
{
	bool lasting = why && !is_away(why);

	if (etcd->link == link &&
	    (link == LINK_DOWN ? etcd->told_lasting || !lasting : etcd->told == etcd->endpoint))
		return;
	etcd->link = link;
	etcd->told = etcd->endpoint;
	etcd->told_lasting = lasting;
	etcd->store.listener->link(etcd->store.listener_ctx, link == LINK_UP, etcd->endpoint, why);
}

static void try_later(struct etcd *etcd, const struct err *why)
{
	uint64_t spent_ms = loop_now_ms() - etcd->begun_ms;
	bool away = is_away(why);
	uint64_t pause_ms;

	/* Who answers after a long silence, if only that a token is unknown, is asked again soon. */
	if (away != etcd->away)
		etcd->attempt = 0;
	etcd->away = away;
	pause_ms = loop_backoff_ms(etcd->attempt++, RETRY_FIRST_MS,
				   away ? RETRY_AWAY_MAX_MS : RETRY_MAX_MS);

	if (away && spent_ms >= pause_ms)
		pause_ms = loop_backoff_ms(0, RETRY_FIRST_MS, RETRY_FIRST_MS);
	else if (away)
		pause_ms -= spent_ms;
	loop_timer_start(etcd->timer, pause_ms);
}

/* ---- The watch ----------------------------------------------------------- */

static void on_created(void *ctx)
{
	struct etcd *etcd = ctx;

	etcd->created_ms = loop_now_ms();
	tell_link(etcd, LINK_UP, NULL);
}

/*
 * A watch that was there and is lost is resumed elsewhere, and nobody need know; one
 * that cannot be had means that the store is not reached.
 */
static void watch_failed(struct etcd *etcd, const struct err *why)
{
	log_debug("watch ended", "reason", why->text);
	if (etcd->created_ms && loop_now_ms() - etcd->created_ms >= STABLE_MS)
		etcd->attempt = 0;
	leave_endpoint(etcd, etcd->endpoint);
	try_later(etcd, why);
	if (!etcd->created_ms)
		tell_link(etcd, LINK_DOWN, why);
}

static void on_watch_ended(void *ctx, enum store_etcd_watch_end how, uint64_t revision,
			   const struct err *why)
{
	struct etcd *etcd = ctx;

	etcd->watch = NULL;
	etcd->seen.revision = revision;
	if (how == STORE_ETCD_WATCH_STALE)
		etcd->fresh = false;
	watch_failed(etcd, why);
}

static void watch(struct etcd *etcd)
{
	struct store_etcd_watch_job job = {
		.loop = etcd->loop,
		.way = &etcd->way,
		.endpoint = etcd->endpoints[etcd->current],
		.config_key = etcd->config_key,
		.prefix = etcd->prefix,
		.from = etcd->seen,
		.tell = &etcd->tell,
		.created = on_created,
		.ended = on_watch_ended,
		.ctx = etcd,
	};
	struct err err = ERR_INIT;

	etcd->endpoint = job.endpoint;
	etcd->begun_ms = loop_now_ms();
	etcd->created_ms = 0;
	etcd->watch = store_etcd_watch_start(&job, &err);
	if (!etcd->watch)
		watch_failed(etcd, &err);
}

/* ---- The list ------------------------------------------------------------ */

/* A revision that was compacted while it was listed is nobody's fault. */
static void list_failed(struct etcd *etcd, const struct err *why)
{
	log_debug("list of the store failed", "reason", why->text);
	etcd->fresh = false;
	if (why->sys_errno != ESTALE)
		leave_endpoint(etcd, etcd->endpoint);
	try_later(etcd, why);
	if (why->sys_errno != ESTALE)
		tell_link(etcd, LINK_DOWN, why);
}

static void list(struct etcd *etcd);

static void on_listed(void *ctx, const struct store_point *header, const struct err *err)
{
	struct etcd *etcd = ctx;

	etcd->list = NULL;
	if (err) {
		list_failed(etcd, err);
		return;
	}
	etcd->seen = *header;
	tell_link(etcd, LINK_UP, NULL);
	if (etcd->fresh)
		watch(etcd);
	else
		list(etcd);
}

static void list(struct etcd *etcd)
{
	struct store_etcd_list_job job = {
		.way = &etcd->way,
		.endpoint = etcd->endpoints[etcd->current],
		.config_key = etcd->config_key,
		.prefix = etcd->prefix,
		.from = etcd->seen,
		.tell = &etcd->tell,
		.done = on_listed,
		.ctx = etcd,
	};
	struct err err = ERR_INIT;

	etcd->endpoint = job.endpoint;
	etcd->begun_ms = loop_now_ms();
	etcd->fresh = true; /* unless someone asks for another list meanwhile */
	etcd->list = store_etcd_list_start(&job, &err);
	if (!etcd->list)
		list_failed(etcd, &err);
}

static void on_timer(void *ctx)
{
	struct etcd *etcd = ctx;

	if (etcd->list || (etcd->watch && etcd->fresh))
		return;
	if (etcd->fresh) {
		watch(etcd);
		return;
	}
	store_etcd_watch_free(take_ptr(etcd->watch));
	list(etcd);
}

/* By the timer even where it can be at once: the caller may be inside list or watch. */
static void refresh(struct store *store)
{
	struct etcd *etcd = (struct etcd *)store;

	etcd->fresh = false;
	if (!loop_timer_running(etcd->timer))
		loop_timer_start(etcd->timer, 0);
}

static void check(struct store *store)
{
	const struct etcd *etcd = (const struct etcd *)store;

	if (etcd->watch)
		store_etcd_watch_check(etcd->watch);
}

static void reconnect(struct store *store)
{
	http_disconnect(((struct etcd *)store)->http);
}

static int start(struct store *store, const struct store_point *seen, struct err *err)
{
	(void)err;
	if (seen)
		((struct etcd *)store)->seen = *seen;
	refresh(store);
	return 0;
}

static struct store_point seen(const struct store *store)
{
	const struct etcd *etcd = (const struct etcd *)store;
	struct store_point seen = etcd->seen;

	if (etcd->watch)
		seen.revision = store_etcd_watch_seen(etcd->watch);
	return seen;
}

/* ---- Operations ---------------------------------------------------------- */

/* The next one goes elsewhere; and the watch, if it is there, may be as dead. */
static void on_unreachable(void *ctx, const char *endpoint)
{
	struct etcd *etcd = ctx;

	leave_endpoint(etcd, endpoint);
	if (etcd->watch && endpoint == etcd->endpoint)
		store_etcd_watch_probe(etcd->watch);
}

static void run(struct store *store, struct store_etcd_op_job job, store_done_fn *done, void *ctx)
{
	struct etcd *etcd = (struct etcd *)store;

	job.endpoint = etcd->endpoints[etcd->current];
	job.done = done;
	job.ctx = ctx;
	store_etcd_ops_run(&etcd->ops, &job);
}

static void grant_lease(struct store *store, uint64_t ttl_s, store_done_fn *done, void *ctx)
{
	run(store,
	    (struct store_etcd_op_job){ .path = "/v3/lease/grant",
					.body = store_etcd_wire_grant(ttl_s),
					.read = store_etcd_wire_read_grant },
	    done, ctx);
}

static void keep_lease(struct store *store, uint64_t lease, store_done_fn *done, void *ctx)
{
	run(store,
	    (struct store_etcd_op_job){ .path = "/v3/lease/keepalive",
					.body = store_etcd_wire_lease(lease),
					.read = store_etcd_wire_read_keepalive },
	    done, ctx);
}

static void revoke_lease(struct store *store, uint64_t lease, store_done_fn *done, void *ctx)
{
	run(store,
	    (struct store_etcd_op_job){ .path = "/v3/lease/revoke",
					.body = store_etcd_wire_lease(lease),
					.read = store_etcd_wire_read_revoke,
					.absent_is_good = true },
	    done, ctx);
}

static void put_key(struct store *store, const struct store_put *put, store_done_fn *done,
		    void *ctx)
{
	const struct etcd *etcd = (const struct etcd *)store;

	run(store,
	    (struct store_etcd_op_job){ .path = "/v3/kv/txn",
					.body = store_etcd_claim_put(&etcd->places, put),
					.read = store_etcd_wire_read_txn },
	    done, ctx);
}

static void remove_key(struct store *store, const char *key, uint64_t if_revision,
		       store_done_fn *done, void *ctx)
{
	const struct etcd *etcd = (const struct etcd *)store;

	run(store,
	    (struct store_etcd_op_job){
		    .path = "/v3/kv/txn",
		    .body = store_etcd_claim_remove(&etcd->places, key, if_revision),
		    .read = store_etcd_wire_read_txn },
	    done, ctx);
}

/* ---- Making one ---------------------------------------------------------- */

static void destroy(struct store *store)
{
	struct etcd *etcd = (struct etcd *)store;

	if (!etcd)
		return;
	store_etcd_list_free(etcd->list);
	store_etcd_watch_free(etcd->watch);
	store_etcd_ops_clear(&etcd->ops);
	store_etcd_auth_free(etcd->way.auth);
	loop_event_free(etcd->timer);
	free(etcd->endpoints);
	free(etcd->config_key);
	free(etcd->prefix);
	free(etcd->claims);
	free(etcd);
}
AUTO_DEFINE(store, struct store, destroy);

static const struct store_ops etcd_ops = {
	.free = destroy,
	.start = start,
	.seen = seen,
	.refresh = refresh,
	.check = check,
	.reconnect = reconnect,
	.grant = grant_lease,
	.keepalive = keep_lease,
	.revoke = revoke_lease,
	.put = put_key,
	.remove = remove_key,
};

/* List and texts in one piece. */
static bool copy_endpoints(struct etcd *etcd, const char *const *endpoints)
{
	size_t len, size = 0;
	char *text;

	for (len = 0; endpoints[len]; len++)
		size += strlen(endpoints[len]) + 1;
	etcd->endpoints = malloc((len + 1) * sizeof(*etcd->endpoints) + size);
	if (!etcd->endpoints)
		return false;
	text = (char *)&etcd->endpoints[len + 1];
	for (size_t i = 0; i < len; i++) {
		etcd->endpoints[i] = text;
		text = stpcpy(text, endpoints[i]) + 1;
	}
	etcd->endpoints[len] = NULL;
	return true;
}

static bool make_keys(struct etcd *etcd, const struct store_etcd_options *options)
{
	bool named = strcmp(options->network, "default") != 0;
	const char *networks = named ? "/networks/" : "", *name = named ? options->network : "";

	if (asprintf(&etcd->config_key, "%s%s%s/config", options->prefix, networks, name) < 0)
		etcd->config_key = NULL;
	if (asprintf(&etcd->prefix, "%s%s%s/subnets/", options->prefix, networks, name) < 0)
		etcd->prefix = NULL;
	if (asprintf(&etcd->claims, "%s%s%s/claims/", options->prefix, networks, name) < 0)
		etcd->claims = NULL;
	etcd->places = (struct store_etcd_claim_places){ etcd->prefix, etcd->claims };
	return etcd->config_key && etcd->prefix && etcd->claims;
}

int store_etcd_new(struct loop *loop, struct http *http, const struct store_etcd_options *options,
		   const struct store_listener *listener, void *ctx, struct store **store_out,
		   struct err *err)
{
	AUTO(store) struct store *store = NULL;
	struct etcd *etcd = calloc(1, sizeof(*etcd));

	if (!etcd)
		return err_nomem(err, "the store");
	store = &etcd->store;
	*store = (struct store){ .ops = &etcd_ops, .listener = listener, .listener_ctx = ctx };
	etcd->loop = loop;
	etcd->http = http;
	etcd->ops = (struct store_etcd_ops){
		.loop = loop, .way = &etcd->way, .unreachable = on_unreachable, .ctx = etcd
	};
	etcd->way.http = http;
	etcd->way.auth = store_etcd_auth_new(loop, http, options->username, options->password,
					     options->password_file);
	etcd->timer = loop_timer(loop, on_timer, etcd);
	if (!etcd->timer || !etcd->way.auth || !copy_endpoints(etcd, options->endpoints) ||
	    !make_keys(etcd, options))
		return err_nomem(err, "the store");
	etcd->store.config_name = etcd->config_key;
	if (!etcd->endpoints[0])
		return err_set(err, ERR_CONFIG, "no etcd endpoint is given");
	etcd->tell = (struct store_etcd_tell){ .listener = listener,
					       .listener_ctx = ctx,
					       .prefix = etcd->prefix };
	*store_out = take_ptr(store);
	return 0;
}
