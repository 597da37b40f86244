/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One of three is always active: a list, a watch, or the timer before the next of them.
 *
 *            .---------------------- stale, or refresh ----------------------.
 *            v                                                               |
 *   timer -> list -- done --> watch -- lost --> timer -> watch (resumed) ----'
 *     ^       |
 *     '-------' failed: the next endpoint, after a backoff
 */
#include "daemon/store/etcd/store_etcd.h"
#include "daemon/store/endpoint_list.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/jitter.h"
#include "common/log.h"
#include "common/retry.h"
#include "daemon/io/http.h"
#include "daemon/io/loop.h"
#include "daemon/store/etcd/store_etcd_auth.h"
#include "daemon/store/etcd/store_etcd_call.h"
#include "daemon/store/etcd/store_etcd_claim.h"
#include "daemon/store/etcd/store_etcd_list.h"
#include "daemon/store/etcd/store_etcd_ops.h"
#include "daemon/store/etcd/store_etcd_report.h"
#include "daemon/store/etcd/store_etcd_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 30000
/*
 * While the store is unavailable, an attempt costs one connection or one small request. Attempts
 * are frequent, so that its return is detected soon; only a successful one is followed by a list.
 * The delay includes the duration of the attempt.
 */
#define RETRY_UNAVAILABLE_MAX_MS 2000
#define STABLE_MS 10000 /* the end of a watch that lasted so long does not count as a failure */

enum link { LINK_UNKNOWN, LINK_UP, LINK_DOWN };

struct etcd {
	struct store store; /* first: the two are cast into each other */
	struct loop *loop;
	struct http *http;
	struct store_etcd_client client;
	char **endpoints;                          /* NULL-ended; endpoint_list_copy */
	size_t current;                            /* for the next request */
	const char *endpoint;                      /* of the current or last list or watch */
	char *config_key, *prefix;                 /* of all keys, "../subnets/", "../endpoints/" */
	char *claims;                              /* "../claims/"; NULL: endpoints */
	struct store_etcd_claim_prefixes prefixes; /* both */
	struct loop_event *timer;
	struct store_etcd_list *list;
	struct store_etcd_watch *watch;
	struct store_etcd_report report;
	struct store_etcd_ops ops;
	struct store_point position; /* up to which all was reported, if in_sync */
	bool in_sync;                /* no event was missed since; else a list is due */
	uint64_t begun_ms;           /* start of the current list or watch */
	uint64_t created_ms;         /* of the watch; 0: not yet */
	struct retry retry;          /* consecutive failures of one kind: */
	bool unavailable;            /* no endpoint could respond */
	enum link link;
	const char *reported_endpoint;
	bool reported_permanent; /* the reported error needs an operator */
};

/* Selects the next endpoint, unless that has already happened since a request to this one. */
static void next_endpoint(struct etcd *etcd, const char *endpoint)
{
	if (endpoint != etcd->endpoints[etcd->current])
		return;
	etcd->current++;
	if (!etcd->endpoints[etcd->current])
		etcd->current = 0;
}

/* No response, or one that the endpoint cannot respond now; in contrast to a rejection. */
static bool is_unavailable(const struct err *why)
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
 * A permanent error explains more than an endpoint that does not respond: it replaces such an error
 * and stays reported until the store is reached.
 */
static void report_link(struct etcd *etcd, enum link link, const struct err *why)
{
	bool permanent = why && !is_unavailable(why);

	if (etcd->link == link && (link == LINK_DOWN ? etcd->reported_permanent || !permanent :
						       etcd->reported_endpoint == etcd->endpoint))
		return;
	etcd->link = link;
	etcd->reported_endpoint = etcd->endpoint;
	etcd->reported_permanent = permanent;
	etcd->store.listener->link(etcd->store.listener_ctx, link == LINK_UP, etcd->endpoint, why);
}

static void schedule_retry(struct etcd *etcd, const struct err *why)
{
	uint64_t spent_ms = loop_now_ms() - etcd->begun_ms;
	bool unavailable = is_unavailable(why);
	uint64_t delay_ms;

	/* The first response after an outage, even a rejection, restarts the backoff. */
	if (unavailable != etcd->unavailable)
		retry_reset(&etcd->retry);
	etcd->unavailable = unavailable;
	etcd->retry.max_ms = unavailable ? RETRY_UNAVAILABLE_MAX_MS : RETRY_MAX_MS;
	delay_ms = retry_next_ms(&etcd->retry);
	if (unavailable && spent_ms >= delay_ms)
		delay_ms = jitter_ms(RETRY_FIRST_MS);
	else if (unavailable)
		delay_ms -= spent_ms;
	loop_timer_start(etcd->timer, delay_ms);
}

/* ---- The watch ----------------------------------------------------------- */

static void on_created(void *ctx)
{
	struct etcd *etcd = ctx;

	etcd->created_ms = loop_now_ms();
	report_link(etcd, LINK_UP, NULL);
}

/*
 * A watch that was created and is lost is resumed on the next endpoint without a report; one that
 * cannot be created means that the store is not reached.
 */
static void watch_failed(struct etcd *etcd, const struct err *why)
{
	log_debug("watch ended", "error", why->text);
	etcd->store.stats.watches_ended++;
	if (etcd->created_ms && loop_now_ms() - etcd->created_ms >= STABLE_MS)
		retry_reset(&etcd->retry);
	next_endpoint(etcd, etcd->endpoint);
	schedule_retry(etcd, why);
	if (!etcd->created_ms)
		report_link(etcd, LINK_DOWN, why);
}

static void on_watch_ended(void *ctx, enum store_etcd_watch_end end, uint64_t revision,
			   const struct err *why)
{
	struct etcd *etcd = ctx;

	etcd->watch = NULL;
	etcd->position.revision = revision;
	if (end == STORE_ETCD_WATCH_STALE)
		etcd->in_sync = false;
	watch_failed(etcd, why);
}

static void watch(struct etcd *etcd)
{
	struct store_etcd_watch_job job = {
		.loop = etcd->loop,
		.client = &etcd->client,
		.endpoint = etcd->endpoints[etcd->current],
		.config_key = etcd->config_key,
		.prefix = etcd->prefix,
		.from = etcd->position,
		.report = &etcd->report,
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

/* A revision that is compacted during the list is not an error of the endpoint. */
static void list_failed(struct etcd *etcd, const struct err *why)
{
	log_debug("list of the store failed", "error", why->text);
	etcd->in_sync = false;
	if (why->sys_errno != ESTALE)
		next_endpoint(etcd, etcd->endpoint);
	schedule_retry(etcd, why);
	if (why->sys_errno != ESTALE)
		report_link(etcd, LINK_DOWN, why);
}

static void list(struct etcd *etcd);

static void on_listed(void *ctx, const struct store_point *header, const struct err *err)
{
	struct etcd *etcd = ctx;

	etcd->list = NULL;
	store_stats_add(&etcd->store.stats, STORE_OP_LIST,
			err ? STORE_OUTCOME_ERROR : STORE_OUTCOME_SUCCESS,
			(loop_now_ms() - etcd->begun_ms) * 1000);
	if (err) {
		list_failed(etcd, err);
		return;
	}
	etcd->position = *header;
	report_link(etcd, LINK_UP, NULL);
	if (etcd->in_sync)
		watch(etcd);
	else
		list(etcd);
}

static void list(struct etcd *etcd)
{
	struct store_etcd_list_job job = {
		.client = &etcd->client,
		.endpoint = etcd->endpoints[etcd->current],
		.config_key = etcd->config_key,
		.prefix = etcd->prefix,
		.from = etcd->position,
		.report = &etcd->report,
		.done = on_listed,
		.ctx = etcd,
	};
	struct err err = ERR_INIT;

	etcd->endpoint = job.endpoint;
	etcd->begun_ms = loop_now_ms();
	etcd->in_sync = true; /* until refresh is called */
	etcd->list = store_etcd_list_start(&job, &err);
	if (!etcd->list)
		list_failed(etcd, &err);
}

static void on_timer(void *ctx)
{
	struct etcd *etcd = ctx;

	if (etcd->list || (etcd->watch && etcd->in_sync))
		return;
	if (etcd->in_sync) {
		watch(etcd);
		return;
	}
	store_etcd_watch_free(take_ptr(etcd->watch));
	list(etcd);
}

/* Always by the timer: the caller may be within a callback of list or watch. */
static void refresh(struct store *store)
{
	struct etcd *etcd = (struct etcd *)store;

	etcd->in_sync = false;
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

static int start(struct store *store, const struct store_point *position, struct err *err)
{
	(void)err;
	if (position)
		((struct etcd *)store)->position = *position;
	refresh(store);
	return 0;
}

static struct store_point position_of(const struct store *store)
{
	const struct etcd *etcd = (const struct etcd *)store;
	struct store_point position = etcd->position;

	if (etcd->watch)
		position.revision = store_etcd_watch_revision(etcd->watch);
	return position;
}

/* ---- Operations ---------------------------------------------------------- */

/* The next operation uses the next endpoint; a watch on this one is probed. */
static void on_unreachable(void *ctx, const char *endpoint)
{
	struct etcd *etcd = ctx;

	next_endpoint(etcd, endpoint);
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
					.op = STORE_OP_GRANT,
					.body = store_etcd_wire_grant(ttl_s),
					.read = store_etcd_wire_read_grant },
	    done, ctx);
}

static void keep_lease(struct store *store, uint64_t lease, store_done_fn *done, void *ctx)
{
	run(store,
	    (struct store_etcd_op_job){ .path = "/v3/lease/keepalive",
					.op = STORE_OP_KEEPALIVE,
					.body = store_etcd_wire_lease(lease),
					.read = store_etcd_wire_read_keepalive },
	    done, ctx);
}

static void revoke_lease(struct store *store, uint64_t lease, store_done_fn *done, void *ctx)
{
	run(store,
	    (struct store_etcd_op_job){ .path = "/v3/lease/revoke",
					.op = STORE_OP_REVOKE,
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
					.op = STORE_OP_PUT,
					.body = store_etcd_claim_put(&etcd->prefixes, put),
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
		    .op = STORE_OP_REMOVE,
		    .body = store_etcd_claim_remove(&etcd->prefixes, key, if_revision),
		    .read = store_etcd_wire_read_txn },
	    done, ctx);
}

/* ---- Construction -------------------------------------------------------- */

static void destroy(struct store *store)
{
	struct etcd *etcd = (struct etcd *)store;

	if (!etcd)
		return;
	store_etcd_list_free(etcd->list);
	store_etcd_watch_free(etcd->watch);
	store_etcd_ops_clear(&etcd->ops);
	store_etcd_auth_free(etcd->client.auth);
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
	.position = position_of,
	.refresh = refresh,
	.check = check,
	.reconnect = reconnect,
	.grant = grant_lease,
	.keepalive = keep_lease,
	.revoke = revoke_lease,
	.put = put_key,
	.remove = remove_key,
};

static bool make_keys(struct etcd *etcd, const struct store_etcd_options *options)
{
	bool named = strcmp(options->network, "default") != 0;
	const char *networks = named ? "/networks/" : "", *name = named ? options->network : "";

	if (asprintf(&etcd->config_key, "%s%s%s/config", options->prefix, networks, name) < 0)
		etcd->config_key = NULL;
	if (asprintf(&etcd->prefix, "%s%s%s/%s/", options->prefix, networks, name,
		     options->l2_endpoints ? "endpoints" : "subnets") < 0)
		etcd->prefix = NULL;
	if (!options->l2_endpoints &&
	    asprintf(&etcd->claims, "%s%s%s/claims/", options->prefix, networks, name) < 0)
		etcd->claims = NULL;
	etcd->prefixes = (struct store_etcd_claim_prefixes){ etcd->prefix, etcd->claims };
	return etcd->config_key && etcd->prefix && (etcd->claims || options->l2_endpoints);
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
	etcd->retry.first_ms = RETRY_FIRST_MS;
	etcd->ops = (struct store_etcd_ops){ .loop = loop,
					     .client = &etcd->client,
					     .stats = &store->stats,
					     .unreachable = on_unreachable,
					     .ctx = etcd };
	etcd->client.http = http;
	etcd->client.auth = store_etcd_auth_new(loop, http, options->username, options->password,
						options->password_file);
	etcd->timer = loop_timer(loop, on_timer, etcd);
	etcd->endpoints = endpoint_list_copy(options->endpoints);
	if (!etcd->timer || !etcd->client.auth || !etcd->endpoints || !make_keys(etcd, options))
		return err_nomem(err, "the store");
	etcd->store.config_name = etcd->config_key;
	if (!etcd->endpoints[0])
		return err_set(err, ERR_CONFIG, "no etcd endpoint is configured");
	etcd->report = (struct store_etcd_report){ .listener = listener,
						   .listener_ctx = ctx,
						   .prefix = etcd->prefix };
	*store_out = take_ptr(store);
	return 0;
}
