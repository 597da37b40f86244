/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every attempt begins with a request for the own Node, which is small: it shows whether the API
 * server responds. A list or a watch follows.
 *
 *            .------------------ stale (410), or a Node could not be read ----------------.
 *            v                                                                            |
 *   timer -> own Node -> list -> whole Nodes, if needed -> watch -- over --> watch -- ... -'
 *     ^        |           |            |                    |
 *     '--------'-----------'------------'--------------------' failed: the next API server, after
 *                                                              a backoff
 */
#include "daemon/store/kube/store_kube.h"
#include "daemon/store/endpoint_list.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/retry.h"
#include "daemon/io/loop.h"
#include "daemon/store/kube/kube_backoff.h"
#include "daemon/store/kube/kube_client.h"
#include "daemon/store/kube/kube_condition.h"
#include "daemon/store/kube/kube_fetch.h"
#include "daemon/store/kube/kube_list.h"
#include "daemon/store/kube/kube_netconf_file.h"
#include "daemon/store/kube/kube_node.h"
#include "daemon/store/kube/kube_ops.h"
#include "daemon/store/kube/kube_own.h"
#include "daemon/store/kube/kube_table.h"
#include "daemon/store/kube/kube_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINT_CLUSTER 1 /* the API has no id of a cluster; etcd's are random */
#define STABLE_MS 10000 /* the end of a watch that lasted so long does not count as a failure */
/* An idle watch: the own Node is read after 20 s, then with exponential backoff up to 5 min. */
#define PROBE_FIRST_MS 20000
#define PROBE_MAX_MS (5 * 60 * 1000)
#define RECENT_MS 10000

enum link { LINK_UNKNOWN, LINK_UP, LINK_DOWN };

struct kube {
	struct store store; /* first: the two are cast into each other */
	struct loop *loop;
	struct kube_client client;
	struct kube_names names;
	char **servers;     /* NULL-ended; endpoint_list_copy */
	size_t current;     /* for the next request */
	const char *server; /* of the current or last attempt */

	char *netconf_path, *node_name, *node_id;
	struct kube_netconf_file netconf;

	struct loop_event *timer, *probe_timer;
	struct http_call *get; /* of the own Node */
	uint64_t get_after;    /* the own Node's revision when it was sent; 0: none */
	uint64_t seen;         /* the own Node's revision in an earlier run; 0: none */
	struct kube_list *list;
	bool list_latest; /* kube_list_job.latest of it */
	uint64_t list_begun_us;
	struct kube_watch *watch;
	struct kube_fetch fetch;
	struct kube_table table;
	struct kube_own own;
	struct kube_ops ops;
	char revision[KUBE_LIST_REVISION_SIZE]; /* up to which all was reported, if in_sync */
	bool in_sync;                           /* no event was missed since the last list */
	bool listed;                            /* a list was complete */
	bool restored;                          /* the next list is of another history */
	bool own_unread;                        /* the list has a newer own Node than the read */
	bool own_missing;                       /* the last list lacks it, though it was read */
	bool report_due;                        /* the own lease is reported also if unchanged */
	bool watch_refused;                     /* the last watch, until another one is not */
	uint64_t watched_ms;                    /* start of the watch */
	struct kube_backoff backoff;
	struct retry probes;
	enum link link;
	const char *reported_server;
	bool reported_permanent;
	struct kube_condition condition;
};

static const struct store_listener *listener_of(const struct kube *kube)
{
	return kube->store.listener;
}

/* ---- The link, and failures -------------------------------------------------------------- */

static void next_server(struct kube *kube, const char *server)
{
	if (server != kube->servers[kube->current])
		return;
	kube->current++;
	if (!kube->servers[kube->current])
		kube->current = 0;
}

static void report_link(struct kube *kube, enum link link, const struct err *why)
{
	bool permanent = why && !kube_client_is_temporary(why);

	if (kube->link == link && (link == LINK_DOWN ? kube->reported_permanent || !permanent :
						       kube->reported_server == kube->server))
		return;
	kube->link = link;
	kube->reported_server = kube->server;
	kube->reported_permanent = permanent;
	listener_of(kube)->link(kube->store.listener_ctx, link == LINK_UP, kube->server, why);
}

/* Reads succeed also where watches are not permitted: without them, the store is not connected. */
static void report_up(struct kube *kube)
{
	if (kube->watch_refused)
		return;
	kube_backoff_permit(&kube->backoff);
	report_link(kube, LINK_UP, NULL);
}

/* The next attempt, on the next API server. */
static void failed(struct kube *kube, uint32_t retry_after_s, const struct err *why)
{
	log_debug("request to the API server failed", "error", why->text);
	next_server(kube, kube->server);
	loop_timer_start(kube->timer, kube_backoff_fail(&kube->backoff, kube->server, why,
							retry_after_s, loop_now_ms()));
}

/*
 * At the start, the listener is notified that there is no connection; later, a 403 must last first.
 */
static void failed_and_down(struct kube *kube, uint32_t retry_after_s, const struct err *why)
{
	struct err early = ERR_INIT;

	failed(kube, retry_after_s, why);
	if (!kube_backoff_is_starting(&kube->backoff, kube->server, why, loop_now_ms())) {
		report_link(kube, LINK_DOWN, why);
	} else if (kube->link == LINK_UNKNOWN) {
		err_set(&early, ERR_STORE, "%.400s, unless the API server has just started",
			why->text);
		early.sys_errno = EAGAIN;
		report_link(kube, LINK_DOWN, &early);
	}
}

static void attempt_now(struct kube *kube)
{
	loop_timer_start(kube->timer, 0);
}

/* ---- The configuration ------------------------------------------------------------------- */

/* Also while the file cannot be read: store.config_error has the cause. */
static void report_netconf(const struct kube *kube)
{
	const char *text = kube_netconf_file_text(&kube->netconf);

	listener_of(kube)->config(kube->store.listener_ctx, text, text ? strlen(text) : 0);
}

static void check_outdated(struct kube *kube);

static void on_netconf_changed(void *ctx)
{
	struct kube *kube = ctx;

	report_netconf(kube);
	if (kube->listed && !kube->list)
		kube_own_report(&kube->own, false);
	check_outdated(kube);
}

/* ---- The watch --------------------------------------------------------------------------- */

static void watch(struct kube *kube);
static void list_failed(struct kube *kube, uint32_t retry_after_s, const struct err *why);

/* What follows from a change of the own Node or of a peer's. */
static void check_outdated(struct kube *kube)
{
	if (kube->table.outdated && kube->listed && !kube->table.listing) {
		kube->table.outdated = false;
		kube->in_sync = false;
		attempt_now(kube);
	}
	kube_condition_update(&kube->condition);
}

static void fetch(struct kube *kube)
{
	struct err err = ERR_INIT;

	if (!kube_fetch_is_due(&kube->fetch) || kube->list)
		return;
	if (kube_fetch_start(&kube->fetch, kube->server, &err) == 0)
		return;
	if (kube->table.listing) {
		list_failed(kube, 0, &err);
		return;
	}
	kube_fetch_cancel(&kube->fetch);
	kube->in_sync = false;
	failed(kube, 0, &err);
}

static void add_fetch(void *ctx, const char *name)
{
	struct kube *kube = ctx;

	if (!kube_fetch_add(&kube->fetch, name))
		kube->in_sync = false;
}

static bool is_own(const struct kube *kube, const struct kube_node *node)
{
	return !strcmp(node->name, kube->node_name);
}

static void on_own_event(struct kube *kube, struct kube_node *node, bool deleted)
{
	if (deleted && kube->own.node.uid && !strcmp(kube->own.node.uid, node->uid))
		kube_own_set_absent(&kube->own);
	else if (deleted)
		return;
	else if (!kube_own_set(&kube->own, node))
		attempt_now(kube); /* reads it whole */
	else
		kube_own_report(&kube->own, false);
}

static void on_alive(struct kube *kube)
{
	retry_reset(&kube->probes);
	if (kube->watch_refused) {
		kube->watch_refused = false;
		report_up(kube);
	}
}

static bool on_digest(void *ctx, const struct kube_digest *digest)
{
	struct kube *kube = ctx;

	if (!kube_table_is_current(&kube->table, digest))
		return false;
	on_alive(kube);
	return true;
}

static void on_event(void *ctx, struct kube_node *node, bool deleted)
{
	struct kube *kube = ctx;

	if (is_own(kube, node))
		on_own_event(kube, node, deleted);
	else if (deleted)
		kube_table_remove(&kube->table, node);
	else if (!kube_table_put(&kube->table, node))
		add_fetch(kube, node->name);
	fetch(kube);
	check_outdated(kube);
	on_alive(kube);
}

static void on_watch_ended(void *ctx, enum kube_watch_end how, const char *revision,
			   uint32_t retry_after_s, const struct err *why)
{
	struct kube *kube = ctx;

	kube->watch = NULL;
	snprintf(kube->revision, sizeof(kube->revision), "%s", revision);
	loop_timer_stop(kube->probe_timer);
	log_debug("watch ended", "error", why->text);
	kube->store.stats.watches_ended++;
	if (how == KUBE_WATCH_OVER && kube->in_sync) {
		retry_reset(&kube->backoff.retry);
		watch(kube);
		return;
	}
	if (how == KUBE_WATCH_STALE)
		kube->in_sync = false;
	if (loop_now_ms() - kube->watched_ms >= STABLE_MS)
		retry_reset(&kube->backoff.retry);
	if (how == KUBE_WATCH_LOST && !kube_client_is_temporary(why)) {
		kube->watch_refused = true;
		failed_and_down(kube, retry_after_s, why);
		return;
	}
	failed(kube, retry_after_s, why); /* the link is down if the next attempt fails, too */
}

static void watch(struct kube *kube)
{
	struct kube_watch_job job = {
		.loop = kube->loop,
		.client = &kube->client,
		.server = kube->server,
		.names = &kube->names,
		.known = on_digest,
		.node = on_event,
		.ended = on_watch_ended,
		.ctx = kube,
	};
	struct err err = ERR_INIT;

	memcpy(job.from, kube->revision, sizeof(job.from));
	kube->watched_ms = loop_now_ms();
	kube->watch = kube_watch_start(&job, &err);
	if (!kube->watch) {
		failed_and_down(kube, 0, &err);
		return;
	}
	retry_reset(&kube->probes);
	loop_timer_start(kube->probe_timer, retry_next_ms(&kube->probes));
}

/* ---- Restored clusters ------------------------------------------------------------------- */

static uint64_t own_revision(const struct kube *kube)
{
	return kube->own.node.revision > kube->seen ? kube->own.node.revision : kube->seen;
}

static void on_restored(struct kube *kube)
{
	kube_own_rewind(&kube->own);
	kube->seen = 0;
	kube->revision[0] = '\0';
	kube->restored = true;
	kube->in_sync = false;
}

static void report_restored(const struct kube *kube)
{
	listener_of(kube)->restored(kube->store.listener_ctx,
				    "the resourceVersion of the Nodes has decreased");
}

/*
 * A read of one Node is linearizable: a revision below that before the request does not come from a
 * delay. One below that of now may: an event or a patch has overtaken the response.
 */
static void check_node_restored(struct kube *kube, const struct kube_node *node)
{
	if (node->revision < kube->get_after)
		on_restored(kube);
}

/* Without the own Node, only a list shows it. An API server's cache may lag, etcd does not. */
static void check_list_restored(struct kube *kube, const char *revision)
{
	uint64_t now = strtoull(revision, NULL, 10), before = own_revision(kube);

	if (strtoull(kube->revision, NULL, 10) > before)
		before = strtoull(kube->revision, NULL, 10);
	if (!kube->list_latest || now >= before)
		return;
	on_restored(kube);
	kube->in_sync = true;
	report_restored(kube);
	kube->own_unread |= kube->own.exists; /* as listed, it was taken for an old one */
}

/* ---- The list ---------------------------------------------------------------------------- */

static void count_list(struct kube *kube, enum store_outcome outcome)
{
	store_stats_add(&kube->store.stats, STORE_OP_LIST, outcome,
			loop_now_us() - kube->list_begun_us);
}

static void finish_list(struct kube *kube)
{
	count_list(kube, STORE_OUTCOME_SUCCESS);
	/* If it is missing, the store may have been wiped: its listener keeps the peers for now. */
	if (kube->own.exists)
		kube_own_report(&kube->own, true);
	else
		kube_own_retract(&kube->own);
	kube_table_list_end(&kube->table);
	kube->report_due = kube->restored = false;
	listener_of(kube)->list_end(kube->store.listener_ctx);
	kube_table_report_retracted(&kube->table);
	kube->listed = true;
	report_up(kube);
	watch(kube);
	if (kube->own_unread)
		attempt_now(kube);
	check_outdated(kube);
}

static void list_failed(struct kube *kube, uint32_t retry_after_s, const struct err *why)
{
	count_list(kube, STORE_OUTCOME_ERROR);
	kube->in_sync = false;
	kube->table.listing = false;
	kube_fetch_cancel(&kube->fetch);
	listener_of(kube)->list_failed(kube->store.listener_ctx);
	failed_and_down(kube, retry_after_s, why);
}

static void on_node(void *ctx, struct kube_node *node)
{
	struct kube *kube = ctx;

	if (is_own(kube, node)) {
		kube->own_missing = false;
		kube->own_unread |= !kube_own_set(&kube->own, node);
	} else if (!kube_table_put(&kube->table, node)) {
		add_fetch(kube, node->name);
	}
}

static void on_listed(void *ctx, const char *revision, uint32_t retry_after_s,
		      const struct err *err)
{
	struct kube *kube = ctx;
	struct err missing;

	kube->list = NULL;
	if (!err)
		check_list_restored(kube, revision);
	kube->own_missing &= !err && kube->own.exists && !kube->restored;
	if (kube->own_missing)
		err_set(&missing, ERR_STORE, "%s: the list of the nodes lacks %s, which exists",
			kube->server, kube->node_name);
	if (err || kube->own_missing) {
		list_failed(kube, retry_after_s, err ? err : &missing);
		return;
	}
	snprintf(kube->revision, sizeof(kube->revision), "%s", revision);
	if (kube_fetch_is_due(&kube->fetch))
		fetch(kube);
	else
		finish_list(kube);
}

/* Within a list, and between lists. */
static void on_fetched(void *ctx, uint32_t retry_after_s, const struct err *err)
{
	struct kube *kube = ctx;

	if (kube->table.listing && err) {
		list_failed(kube, retry_after_s, err);
	} else if (kube->table.listing) {
		finish_list(kube);
	} else if (err) {
		kube->in_sync = false;
		failed(kube, retry_after_s, err);
	} else {
		check_outdated(kube);
	}
}

static void list(struct kube *kube)
{
	struct kube_list_job job = {
		.client = &kube->client,
		.server = kube->server,
		.names = &kube->names,
		.latest = kube->listed || !kube->own.exists || kube->own_missing,
		.node = on_node,
		.done = on_listed,
		.ctx = kube,
	};
	struct err err = ERR_INIT;

	kube->list_begun_us = loop_now_us();
	kube_fetch_cancel(&kube->fetch);
	kube_table_list_begin(&kube->table);
	listener_of(kube)->list_begin(kube->store.listener_ctx);
	if (kube->restored)
		report_restored(kube);
	report_netconf(kube);
	kube->in_sync = true;
	kube->own_unread = false;
	kube->own_missing = true;
	kube->list_latest = job.latest;
	kube->list = kube_list_start(&job, &err);
	if (!kube->list)
		list_failed(kube, 0, &err);
}

/* ---- An attempt: the own Node ------------------------------------------------------------ */

/*
 * The own Node does not exist. A watch that would continue after a failure may be one of a history
 * that has not reached its revision, and reports nothing: a list decides.
 */
static void on_missing(struct kube *kube)
{
	if (kube->own.node.revision > kube->get_after)
		return; /* an event or a patch has overtaken the response */
	if (!kube->watch || kube->own.exists)
		kube->in_sync = false;
	kube_own_set_absent(&kube->own);
}

static void on_got(void *ctx, unsigned status, const char *body, size_t size,
		   const struct err *failure)
{
	AUTO(kube_node) struct kube_node node = { .revision = 0 };
	struct kube *kube = ctx;
	bool due;
	uint32_t retry_after_s = failure ? 0 : http_retry_after_s(kube->get);
	struct err err = ERR_INIT;

	kube->get = NULL;
	if (kube_client_check(kube->server, "get nodes", status, body, size, failure, &err) < 0) {
		if (err.sys_errno != ENOENT) {
			kube_watch_free(take_ptr(kube->watch));
			failed_and_down(kube, retry_after_s, &err);
			return;
		}
		on_missing(kube);
	} else if (kube_node_parse(body, size, &kube->names, &node, &err) < 0) {
		log_warn("Node ignored", "error", err.text);
	} else {
		check_node_restored(kube, &node);
		if (!kube->watch && kube->own.node.uid && strcmp(kube->own.node.uid, node.uid) != 0)
			kube->in_sync = false;
		kube_own_set(&kube->own, &node);
	}
	if (!kube->in_sync) {
		kube_watch_free(take_ptr(kube->watch));
		list(kube);
		return;
	}
	kube->watch_refused = kube->watch_refused && !kube->watch;
	report_up(kube);
	due = kube->report_due;
	kube->report_due = false; /* the listener may request another report within this one */
	if (due)
		report_netconf(kube);
	kube_own_report(&kube->own, due);
	if (!kube->watch)
		watch(kube);
	check_outdated(kube);
}

static void on_timer(void *ctx)
{
	const struct http_request request = {
		.method = "GET",
		.timeout_ms = KUBE_CLIENT_SHORT_MS,
		.max_size = KUBE_NODE_MAX,
		.ctx = ctx,
		.done = on_got,
	};
	struct kube *kube = ctx;
	char path[KUBE_CLIENT_PATH_SIZE];
	struct err err = ERR_INIT;

	if (kube->get || kube->list || kube->table.listing)
		return; /* what follows reports the own Node */
	if (!kube->watch)
		kube->server = kube->servers[kube->current];
	kube_client_node_path(kube->node_name, "", path);
	kube->get_after = own_revision(kube);
	kube->get = kube_client_send(&kube->client, kube->server, path, KUBE_CLIENT_WHOLE, &request,
				     &err);
	if (!kube->get)
		failed_and_down(kube, 0, &err);
}

static void on_probe(void *ctx)
{
	struct kube *kube = ctx;

	if (!kube->watch)
		return;
	loop_timer_start(kube->probe_timer, retry_next_ms(&kube->probes));
	if (loop_now_ms() - kube_watch_received_ms(kube->watch) >= RECENT_MS)
		attempt_now(kube);
}

/* By the timer: the caller may be within a callback. The watch reports all but the own Node. */
static void refresh(struct store *store)
{
	struct kube *kube = (struct kube *)store;

	kube->report_due = true;
	if (!loop_timer_running(kube->timer))
		attempt_now(kube);
}

static void check(struct store *store)
{
	struct kube *kube = (struct kube *)store;

	if (kube->watch && !kube->get && !loop_timer_running(kube->timer) &&
	    loop_now_ms() - kube_watch_received_ms(kube->watch) >= RECENT_MS)
		attempt_now(kube);
}

static void reconnect(struct store *store)
{
	http_disconnect(((struct kube *)store)->client.http);
}

static int start(struct store *store, const struct store_point *position, struct err *err)
{
	struct kube *kube = (struct kube *)store;

	(void)err;
	if (position && position->cluster == POINT_CLUSTER)
		kube->seen = position->revision;
	kube_netconf_file_start(&kube->netconf);
	attempt_now(kube);
	return 0;
}

static struct store_point position_of(const struct store *store)
{
	const struct kube *kube = (const struct kube *)store;
	uint64_t revision = own_revision(kube);

	return (struct store_point){ .cluster = revision ? POINT_CLUSTER : 0,
				     .revision = revision };
}

/* ---- Operations -------------------------------------------------------------------------- */

static const char *current_server(void *ctx)
{
	const struct kube *kube = ctx;

	return kube->watch ? kube->server : kube->servers[kube->current];
}

static void on_unreachable(void *ctx, const char *server)
{
	struct kube *kube = ctx;

	next_server(kube, server);
	if (kube->watch && !loop_timer_running(kube->timer))
		attempt_now(kube);
}

static void grant(struct store *store, uint64_t ttl_s, store_done_fn *done, void *ctx)
{
	(void)ttl_s;
	kube_ops_run(&((struct kube *)store)->ops, KUBE_OP_FAIL, NULL, NULL, done, ctx);
}

static void keepalive(struct store *store, uint64_t lease, store_done_fn *done, void *ctx)
{
	(void)lease;
	kube_ops_run(&((struct kube *)store)->ops, KUBE_OP_SUCCEED, NULL, NULL, done, ctx);
}

static void put_key(struct store *store, const struct store_put *put, store_done_fn *done,
		    void *ctx)
{
	kube_ops_run(&((struct kube *)store)->ops, KUBE_OP_PUT, put->key, put->value, done, ctx);
}

static void set_available(struct store *store, bool available)
{
	kube_condition_set(&((struct kube *)store)->condition, available);
}

static void remove_key(struct store *store, const char *key, uint64_t if_revision,
		       store_done_fn *done, void *ctx)
{
	struct kube *kube = (struct kube *)store;

	(void)if_revision;
	if (!strcmp(key, kube->own.key))
		kube_condition_withdraw(&kube->condition);
	kube_ops_run(&kube->ops, KUBE_OP_REMOVE, key, NULL, done, ctx);
}

/* ---- Construction ------------------------------------------------------------------------ */

static void destroy(struct store *store)
{
	struct kube *kube = (struct kube *)store;

	if (!kube)
		return;
	kube_ops_clear(&kube->ops);
	http_cancel(kube->get);
	kube_list_free(kube->list);
	kube_watch_free(kube->watch);
	kube_fetch_free(&kube->fetch);
	kube_table_free(&kube->table);
	kube_own_free(&kube->own);
	kube_backoff_free(&kube->backoff);
	kube_netconf_file_free(&kube->netconf);
	loop_event_free(kube->timer);
	loop_event_free(kube->probe_timer);
	kube_condition_free(&kube->condition);
	kube_client_free(&kube->client);
	free(kube->servers);
	free(kube->netconf_path);
	free(kube->node_name);
	free(kube->node_id);
	free(kube);
}
AUTO_DEFINE(store, struct store, destroy);

static const struct store_ops kube_ops_table = {
	.free = destroy,
	.start = start,
	.position = position_of,
	.refresh = refresh,
	.check = check,
	.reconnect = reconnect,
	.set_available = set_available,
	.grant = grant,
	.keepalive = keepalive,
	.revoke = keepalive,
	.put = put_key,
	.remove = remove_key,
};

static bool copy_texts(struct kube *kube, const struct store_kube_options *options)
{
	kube->servers = endpoint_list_copy(options->servers);
	kube->netconf_path = strdup(options->netconf);
	kube->node_name = strdup(options->node_name);
	kube->node_id = strdup(options->node_id);
	return kube->servers && kube->netconf_path && kube->node_name && kube->node_id;
}

static void connect_parts(struct kube *kube)
{
	const struct store *store = &kube->store;

	kube->server = kube->servers[0];
	kube->table.listener = kube->own.listener = store->listener;
	kube->table.listener_ctx = kube->own.listener_ctx = store->listener_ctx;
	kube->table.verify = add_fetch;
	kube->table.verify_ctx = kube;
	kube->own.table = &kube->table;
	kube->own.names = &kube->names;
	kube->own.name = kube->node_name;
	kube->own.id = kube->node_id;
	kube->own.families = kube->netconf.families;
	kube->fetch = (struct kube_fetch){ .client = &kube->client,
					   .names = &kube->names,
					   .node = on_node,
					   .done = on_fetched,
					   .ctx = kube };
	kube->ops = (struct kube_ops){ .loop = kube->loop,
				       .stats = &kube->store.stats,
				       .client = &kube->client,
				       .own = &kube->own,
				       .server = current_server,
				       .unreachable = on_unreachable,
				       .ctx = kube };
	kube_own_set_absent(&kube->own);
}

int store_kube_new(struct loop *loop, struct http *http, const struct store_kube_options *options,
		   const struct store_listener *listener, void *ctx, struct store **store_out,
		   struct err *err)
{
	AUTO(store) struct store *store = NULL;
	struct kube *kube = calloc(1, sizeof(*kube));

	if (!kube)
		return err_nomem(err, "the store");
	store = &kube->store;
	*store = (struct store){ .ops = &kube_ops_table,
				 .listener = listener,
				 .listener_ctx = ctx,
				 .unreserved = kube->own.unreserved };
	kube->loop = loop;
	kube_backoff_init(&kube->backoff);
	kube->probes = (struct retry){ .first_ms = PROBE_FIRST_MS, .max_ms = PROBE_MAX_MS };
	kube->timer = loop_timer(loop, on_timer, kube);
	kube->probe_timer = loop_timer(loop, on_probe, kube);
	if (!kube->timer || !kube->probe_timer || !copy_texts(kube, options))
		return err_nomem(err, "the store");
	if (!kube->servers[0])
		return err_set(err, ERR_CONFIG, "no API server is configured");
	store->config_name = kube->netconf_path;
	store->config_error = kube->netconf.failure.error;
	connect_parts(kube);
	if (kube_condition_init(&kube->condition, loop, options->set_condition, &kube->ops,
				&kube->own, err) < 0)
		return -1;
	if (kube_names_make(options->annotation_prefix, &kube->names, err) < 0)
		return err_wrap(err, "--kube-annotation-prefix");
	if (kube_client_init(&kube->client, http, options->token, options->token_file, err) < 0 ||
	    kube_netconf_file_init(&kube->netconf, loop, kube->netconf_path, on_netconf_changed,
				   kube, err) < 0)
		return -1;
	*store_out = take_ptr(store);
	return 0;
}
