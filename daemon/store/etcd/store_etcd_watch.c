/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/etcd/store_etcd_watch.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/retry.h"
#include "daemon/io/loop.h"
#include "daemon/store/etcd/store_etcd_call.h"
#include "daemon/store/etcd/store_etcd_report.h"

#include <errno.h>
#include <stdlib.h>

#define CREATED_WITHIN_MS 10000
/*
 * A healthy watch can be idle: etcd sends a progress notification every 10 minutes. An idle watch
 * is therefore probed after 20 s, then with exponential backoff up to 5 min; any member with a
 * leader responds to the probe. A watch that also misses the notifications is behind a proxy that
 * responds in etcd's place.
 *
 * TCP detects a host that is down, and etcd ends the watches of a member without a leader. Probes
 * detect a member that hangs: within 40 s after a change, later the longer nothing has changed,
 * because the next change is then usually as far away.
 */
#define PROBE_FIRST_MS 20000 /* +-25 %, and the probe's timeout of 5 s */
#define PROBE_MAX_MS (5 * 60 * 1000)
#define IDLE_MAX_MS (15 * 60 * 1000)
#define RECENT_MS 10000
#define PROBE_SIZE_MAX (256 * 1024) /* the configuration, in base64 */

struct store_etcd_watch {
	struct store_etcd_watch_job job;
	struct store_etcd_call *call; /* NULL: to be sent again by the timer */
	struct store_etcd_call *probe;
	struct loop_event *timer;
	uint64_t revision; /* up to which all was reported */
	uint64_t received_ms;
	uint64_t probed_ms;
	struct retry probes;     /* scheduled since the last change */
	uint64_t tls_generation; /* of the TLS files that the connection was made with */
	bool created;
	bool retried; /* with a new token */
};

void store_etcd_watch_free(struct store_etcd_watch *watch)
{
	if (!watch)
		return;
	store_etcd_call_cancel(watch->call);
	store_etcd_call_cancel(watch->probe);
	loop_event_free(watch->timer);
	free(watch);
}

static void end(struct store_etcd_watch *watch, enum store_etcd_watch_end how,
		const struct err *why)
{
	struct store_etcd_watch_job job = watch->job;
	uint64_t revision = watch->revision;

	store_etcd_watch_free(watch);
	job.ended(job.ctx, how, revision, why);
}

static void schedule_probe(struct store_etcd_watch *watch)
{
	loop_timer_start(watch->timer, retry_next_ms(&watch->probes));
}

/* After a change the next one is usually near. */
static void restart_probes(struct store_etcd_watch *watch)
{
	if (watch->probes.attempt <= 1)
		return;
	retry_reset(&watch->probes);
	schedule_probe(watch);
}

/* ---- Events -------------------------------------------------------------- */

/*
 * The header of a response with events has the store's revision, which can be ahead of the events:
 * only their own revisions count. Without events, all up to the header's revision has been
 * sent. Events of the configuration do not advance the revision of the keys; if one is missed
 * when a watch is resumed, the next probe reads the configuration.
 */
static void advance(struct store_etcd_watch *watch, const struct store_etcd_wire_events *events)
{
	uint64_t revision = events->header.revision;

	if (events->of_key)
		return;
	if (events->kvs.len)
		revision = events->kvs.at[events->kvs.len - 1].mod_revision - events->fragment;
	else if (events->created)
		return;
	if (revision > watch->revision)
		watch->revision = revision;
}

/*
 * Drops the token that etcd rejected. A watch that was not created is sent again once with a new
 * token, as store_etcd_call does for other requests: without that, a watch that is retried less
 * often than tokens expire would always be sent with an expired one. Returns whether it is sent
 * again, by the timer, because libcurl starts no request within a callback.
 */
static bool replace_token(struct store_etcd_watch *watch)
{
	store_etcd_call_reject_token(watch->call);
	if (watch->created || watch->retried)
		return false;
	watch->retried = true;
	store_etcd_call_cancel(take_ptr(watch->call));
	loop_timer_start(watch->timer, 0);
	return true;
}

/* Returns false if the watch has ended or is sent again. */
static bool apply_events(struct store_etcd_watch *watch,
			 const struct store_etcd_wire_events *events)
{
	struct err err = ERR_INIT;

	if (events->cancelled && events->unauthenticated && replace_token(watch))
		return false;
	if (events->cancelled) {
		err_set(&err, ERR_STORE, "%s: the watch was cancelled: %s", watch->job.endpoint,
			events->reason);
		end(watch, events->unauthenticated ? STORE_ETCD_WATCH_LOST : STORE_ETCD_WATCH_STALE,
		    &err);
		return false;
	}
	if (events->created && !watch->created) {
		watch->created = true;
		schedule_probe(watch);
		watch->job.created(watch->job.ctx);
	}
	if (events->created && store_etcd_wire_is_restored(&watch->job.from, &events->header)) {
		err_set(&err, ERR_STORE, "%s: the store was restored, or this member lags",
			watch->job.endpoint);
		end(watch, STORE_ETCD_WATCH_STALE, &err);
		return false;
	}
	for (size_t i = 0; i < events->kvs.len; i++) {
		const struct store_etcd_wire_kv *kv = &events->kvs.at[i];

		if (events->of_key)
			store_etcd_report_config(watch->job.report, kv->deleted ? NULL : kv);
		else
			store_etcd_report(watch->job.report, kv);
	}
	advance(watch, events);
	if (events->kvs.len)
		restart_probes(watch);
	return true;
}

/* A line that cannot be parsed may contain events; an error reported by etcd does not. */
static enum store_etcd_watch_end classify_error(const struct err *err)
{
	return err->code == ERR_STORE && err->sys_errno != ESTALE ? STORE_ETCD_WATCH_LOST :
								    STORE_ETCD_WATCH_STALE;
}

static bool on_line(void *ctx, const char *line, size_t size)
{
	struct store_etcd_watch *watch = ctx;
	struct store_etcd_wire_events events;
	struct err err = ERR_INIT;
	bool goes_on;

	if (!size)
		return true;
	if (store_etcd_wire_read_events(line, size, &events, &err) < 0) {
		err_wrap(&err, "%s", watch->job.endpoint);
		if (err.sys_errno == EKEYREJECTED && replace_token(watch))
			return false;
		end(watch, classify_error(&err), &err);
		return false;
	}
	watch->received_ms = loop_now_ms();
	goes_on = apply_events(watch, &events);
	store_etcd_wire_events_free(&events);
	return goes_on;
}

static void on_done(void *ctx, unsigned status, const char *body, size_t size,
		    const struct err *failed)
{
	struct store_etcd_watch *watch = ctx;
	struct err err = ERR_INIT;

	watch->call = NULL;
	if (store_etcd_call_check(watch->job.endpoint, status, body, size, failed, &err) == 0)
		err_set(&err, ERR_STORE, "%s: the watch has ended", watch->job.endpoint);
	end(watch, STORE_ETCD_WATCH_LOST, &err);
}

static int send_request(struct store_etcd_watch *watch, struct err *err)
{
	const struct store_etcd_watch_job *job = &watch->job;
	const struct http_request post = {
		.max_size = STORE_ETCD_CALL_LARGE,
		.ctx = watch,
		.line = on_line,
		.done = on_done,
	};

	watch->call = store_etcd_call(job->client, job->endpoint, "/v3/watch",
				      store_etcd_wire_watch(job->prefix, job->config_key,
							    job->from.revision + 1),
				      &post, err);
	if (!watch->call)
		return -1;
	watch->tls_generation = http_tls_generation(job->client->http);
	watch->received_ms = loop_now_ms();
	loop_timer_start(watch->timer, CREATED_WITHIN_MS);
	return 0;
}

/* ---- Probes -------------------------------------------------------------- */

/* Ends a watch whose connection was made with previous TLS files. Returns false if it has ended. */
static bool check_tls_files(struct store_etcd_watch *watch)
{
	struct err err = ERR_INIT;

	if (http_tls_generation(watch->job.client->http) == watch->tls_generation)
		return true;
	err_set(&err, ERR_STORE, "%s: TLS certificates changed, reconnecting", watch->job.endpoint);
	end(watch, STORE_ETCD_WATCH_LOST, &err);
	return false;
}

static void on_probed(void *ctx, unsigned status, const char *body, size_t size,
		      const struct err *failed)
{
	struct store_etcd_watch *watch = ctx;
	struct store_etcd_wire_range range;
	struct err err = ERR_INIT;

	watch->probe = NULL;
	if (store_etcd_call_check(watch->job.endpoint, status, body, size, failed, &err) < 0 ||
	    store_etcd_wire_read_range(body, size, &range, &err) < 0) {
		end(watch, STORE_ETCD_WATCH_LOST, &err);
		return;
	}
	if (check_tls_files(watch))
		store_etcd_report_config(watch->job.report,
					 range.kvs.len ? &range.kvs.at[0] : NULL);
	store_etcd_wire_range_free(&range);
}

void store_etcd_watch_probe(struct store_etcd_watch *watch)
{
	struct err err = ERR_INIT;
	struct http_request post = {
		.timeout_ms = STORE_ETCD_CALL_SHORT_MS,
		.max_size = PROBE_SIZE_MAX,
		.ctx = watch,
		.done = on_probed,
	};

	watch->probed_ms = loop_now_ms();
	/* If it cannot be started, the next probe may be. */
	if (!watch->probe)
		watch->probe = store_etcd_call(watch->job.client, watch->job.endpoint,
					       "/v3/kv/range",
					       store_etcd_wire_get(watch->job.config_key), &post,
					       &err);
}

void store_etcd_watch_check(struct store_etcd_watch *watch)
{
	uint64_t now_ms = loop_now_ms();

	if (watch->created && now_ms - watch->received_ms >= RECENT_MS &&
	    now_ms - watch->probed_ms >= RECENT_MS)
		store_etcd_watch_probe(watch);
}

static void on_timer(void *ctx)
{
	struct store_etcd_watch *watch = ctx;
	uint64_t idle_ms = loop_now_ms() - watch->received_ms;
	struct err err = ERR_INIT;

	if (!watch->call) {
		if (send_request(watch, &err) < 0)
			end(watch, STORE_ETCD_WATCH_LOST, &err);
		return;
	}
	if (!check_tls_files(watch))
		return;
	if (!watch->created || idle_ms >= IDLE_MAX_MS) {
		err_set(&err, ERR_STORE, "%s: the watch is silent", watch->job.endpoint);
		err.sys_errno = ETIMEDOUT;
		store_etcd_call_reject_token(watch->call);
		end(watch, STORE_ETCD_WATCH_LOST, &err);
		return;
	}
	if (idle_ms < RECENT_MS)
		retry_reset(&watch->probes); /* no probe is needed this time */
	schedule_probe(watch);
	store_etcd_watch_check(watch);
}

uint64_t store_etcd_watch_revision(const struct store_etcd_watch *watch)
{
	return watch->revision;
}

struct store_etcd_watch *store_etcd_watch_start(const struct store_etcd_watch_job *job,
						struct err *err)
{
	struct store_etcd_watch *watch = calloc(1, sizeof(*watch));

	if (!watch || !(watch->timer = loop_timer(job->loop, on_timer, watch))) {
		free(watch);
		err_nomem(err, "a watch of the store");
		return NULL;
	}
	watch->job = *job;
	watch->probes = (struct retry){ .first_ms = PROBE_FIRST_MS, .max_ms = PROBE_MAX_MS };
	watch->revision = job->from.revision;
	if (send_request(watch, err) < 0) {
		store_etcd_watch_free(watch);
		return NULL;
	}
	return watch;
}
