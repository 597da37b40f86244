/* SPDX-License-Identifier: Apache-2.0 */
#include "store_etcd_watch.h"

#include "common/err.h"
#include "loop.h"
#include "store_etcd_call.h"
#include "store_etcd_tell.h"

#include <errno.h>
#include <stdlib.h>

#define CREATED_WITHIN_MS 10000
/*
 * A healthy watch may be silent: etcd tells progress every 10 minutes or so. So silence
 * leads to a probe, which any living member with a leader answers; and a watch that
 * misses its notices as well is behind something that answers in etcd's place.
 *
 * TCP finds out a host that is gone, and etcd itself ends the watch of a member without a leader.
 * What is left is a member that hangs: it is found out within 40 s where something changed just
 * now, and the later the longer nothing did, as the next change is as far away, as a rule.
 */
#define PROBE_FIRST_MS 20000 /* +-25 %, and an answer in 5 s */
#define PROBE_MAX_MS (5 * 60 * 1000)
#define SILENT_MAX_MS (15 * 60 * 1000)
#define JUST_NOW_MS 10000
#define PROBE_SIZE_MAX (256 * 1024) /* the configuration, in base64 */

struct store_etcd_watch {
	struct store_etcd_watch_job job;
	struct store_etcd_call *call;
	struct store_etcd_call *probe;
	struct loop_event *timer;
	uint64_t revision; /* seen, all of it */
	uint64_t heard_ms;
	uint64_t asked_ms;   /* by a probe */
	unsigned probes;     /* that were due since something changed, and the next one */
	uint64_t generation; /* of the files that its connection was made with */
	bool created;
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

static void await_probe(struct store_etcd_watch *watch)
{
	uint64_t wait_ms = loop_backoff_ms(watch->probes++, PROBE_FIRST_MS, PROBE_MAX_MS);

	loop_timer_start(watch->timer, wait_ms);
}

/* Where something changes, the next change is not far. */
static void note_change(struct store_etcd_watch *watch)
{
	if (watch->probes <= 1)
		return;
	watch->probes = 0;
	await_probe(watch);
}

/* ---- What it tells ------------------------------------------------------- */

/*
 * The revision of an answer with events is the store's, which may be ahead of them:
 * only their own count. Of one without it says that all until there has been told. What is
 * told of the configuration says nothing of the keys; should one of its changes be missed
 * where a watch is resumed, the next probe reads it.
 */
static void advance(struct store_etcd_watch *watch, const struct store_etcd_wire_events *events)
{
	uint64_t seen = events->header.revision;

	if (events->of_key)
		return;
	if (events->kvs.len)
		seen = events->kvs.at[events->kvs.len - 1].mod_revision - events->fragment;
	else if (events->created)
		return;
	if (seen > watch->revision)
		watch->revision = seen;
}

/* False: the watch has ended. */
static bool take_events(struct store_etcd_watch *watch, const struct store_etcd_wire_events *events)
{
	struct err err = ERR_INIT;

	if (events->cancelled) {
		err_set(&err, ERR_STORE, "%s: the watch was cancelled: %s", watch->job.endpoint,
			events->reason);
		if (events->refused)
			store_etcd_call_refused(watch->call);
		end(watch, events->refused ? STORE_ETCD_WATCH_LOST : STORE_ETCD_WATCH_STALE, &err);
		return false;
	}
	if (events->created && !watch->created) {
		watch->created = true;
		await_probe(watch);
		watch->job.created(watch->job.ctx);
	}
	if (events->created && store_etcd_wire_is_restored(&watch->job.from, &events->header)) {
		err_set(&err, ERR_STORE, "%s: the store was restored, or lags behind",
			watch->job.endpoint);
		end(watch, STORE_ETCD_WATCH_STALE, &err);
		return false;
	}
	for (size_t i = 0; i < events->kvs.len; i++) {
		const struct store_etcd_wire_kv *kv = &events->kvs.at[i];

		if (events->of_key)
			store_etcd_tell_config(watch->job.tell, kv->deleted ? NULL : kv);
		else
			store_etcd_tell(watch->job.tell, kv);
	}
	advance(watch, events);
	if (events->kvs.len)
		note_change(watch);
	return true;
}

/* What cannot be read was missed; after an error that etcd tells, nothing was. */
static enum store_etcd_watch_end kind_of(const struct err *err)
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
		if (err.sys_errno == EKEYREJECTED)
			store_etcd_call_refused(watch->call);
		end(watch, kind_of(&err), &err);
		return false;
	}
	watch->heard_ms = loop_now_ms();
	goes_on = take_events(watch, &events);
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

/* ---- Whether it lives ---------------------------------------------------- */

/* A connection that was made with other files than there are now. False: the watch has ended. */
static bool is_of_these_files(struct store_etcd_watch *watch)
{
	struct err err = ERR_INIT;

	if (http_generation(watch->job.way->http) == watch->generation)
		return true;
	err_set(&err, ERR_STORE, "%s: the certificates are others now", watch->job.endpoint);
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
	if (is_of_these_files(watch))
		store_etcd_tell_config(watch->job.tell, range.kvs.len ? &range.kvs.at[0] : NULL);
	store_etcd_wire_range_free(&range);
}

void store_etcd_watch_probe(struct store_etcd_watch *watch)
{
	struct err err = ERR_INIT;
	struct http_post how = {
		.timeout_ms = STORE_ETCD_CALL_SHORT_MS,
		.max_size = PROBE_SIZE_MAX,
		.ctx = watch,
		.done = on_probed,
	};

	watch->asked_ms = loop_now_ms();
	/* Where it cannot even start, the next one may. */
	if (!watch->probe)
		watch->probe = store_etcd_call(watch->job.way, watch->job.endpoint, "/v3/kv/range",
					       store_etcd_wire_get(watch->job.config_key), &how,
					       &err);
}

void store_etcd_watch_check(struct store_etcd_watch *watch)
{
	uint64_t now_ms = loop_now_ms();

	if (watch->created && now_ms - watch->heard_ms >= JUST_NOW_MS &&
	    now_ms - watch->asked_ms >= JUST_NOW_MS)
		store_etcd_watch_probe(watch);
}

static void on_timer(void *ctx)
{
	struct store_etcd_watch *watch = ctx;
	uint64_t silent_ms = loop_now_ms() - watch->heard_ms;
	struct err err = ERR_INIT;

	if (!is_of_these_files(watch))
		return;
	if (!watch->created || silent_ms >= SILENT_MAX_MS) {
		err_set(&err, ERR_STORE, "%s: the watch says nothing", watch->job.endpoint);
		err.sys_errno = ETIMEDOUT;
		store_etcd_call_refused(watch->call);
		end(watch, STORE_ETCD_WATCH_LOST, &err);
		return;
	}
	if (silent_ms < JUST_NOW_MS)
		watch->probes = 0; /* nothing to ask, this time */
	await_probe(watch);
	store_etcd_watch_check(watch);
}

uint64_t store_etcd_watch_seen(const struct store_etcd_watch *watch)
{
	return watch->revision;
}

struct store_etcd_watch *store_etcd_watch_start(const struct store_etcd_watch_job *job,
						struct err *err)
{
	struct store_etcd_watch *watch = calloc(1, sizeof(*watch));
	struct http_post how = {
		.max_size = STORE_ETCD_CALL_LARGE,
		.ctx = watch,
		.line = on_line,
		.done = on_done,
	};

	if (!watch || !(watch->timer = loop_timer(job->loop, on_timer, watch))) {
		free(watch);
		err_nomem(err, "a watch of the store");
		return NULL;
	}
	watch->job = *job;
	watch->revision = job->from.revision;
	watch->call = store_etcd_call(job->way, job->endpoint, "/v3/watch",
				      store_etcd_wire_watch(job->prefix, job->config_key,
							    job->from.revision + 1),
				      &how, err);
	if (!watch->call) {
		store_etcd_watch_free(watch);
		return NULL;
	}
	watch->generation = http_generation(job->way->http);
	watch->heard_ms = loop_now_ms();
	loop_timer_start(watch->timer, CREATED_WITHIN_MS);
	return watch;
}
