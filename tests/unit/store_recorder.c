/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store_recorder.h"

static void recorder_word(struct recorder *r, const char *mark, const char *text)
{
	size_t len = strlen(r->log);

	snprintf(r->log + len, sizeof(r->log) - len, "%s%s%s", len ? " " : "", mark, text);
}

static void recorder_once(void (**hook)(struct recorder *), struct recorder *r)
{
	void (*fn)(struct recorder *) = *hook;

	*hook = NULL;
	if (fn)
		fn(r);
}

static void recorder_begin(void *ctx)
{
	struct recorder *r = ctx;

	r->begun++;
	recorder_word(r, "[", "");
}

static void recorder_restored(void *ctx, const char *why)
{
	recorder_word(ctx, "restored: ", why);
}

static void recorder_config(void *ctx, const char *text, size_t size)
{
	if (text)
		assert_int_equal(text[size], '\0');
	recorder_word(ctx, "config=", text ? text : "none");
}

static void recorder_entry(void *ctx, const struct store_entry *entry)
{
	struct recorder *r = ctx;

	assert_int_equal(entry->value[entry->value_size], '\0');
	r->entries++;
	r->mod_revision = entry->mod_revision;
	r->newest = entry->mod_revision > r->newest ? entry->mod_revision : r->newest;
	r->lease = entry->lease;
	snprintf(r->last_key, sizeof(r->last_key), "%s", entry->key);
	snprintf(r->last_value, sizeof(r->last_value), "%s", entry->value);
	if (!r->count_only)
		recorder_word(r, "+", entry->key);
	recorder_once(&r->at_entry, r);
}

static void recorder_end(void *ctx)
{
	struct recorder *r = ctx;

	r->ended++;
	recorder_word(r, "]", "");
	recorder_once(&r->at_end, r);
}

static void recorder_failed(void *ctx)
{
	struct recorder *r = ctx;

	r->failed++;
	recorder_word(r, "!", "");
}

static void recorder_gone(void *ctx, const char *key, uint64_t mod_revision)
{
	struct recorder *r = ctx;

	r->gone++;
	r->mod_revision = mod_revision;
	snprintf(r->last_key, sizeof(r->last_key), "%s", key);
	if (!r->count_only)
		recorder_word(r, "-", key);
}

static void recorder_link(void *ctx, bool connected, const char *endpoint, const struct err *why)
{
	struct recorder *r = ctx;

	assert_int_equal(connected, why == NULL);
	recorder_word(r, connected ? "up" : "down", "");
	snprintf(r->why, sizeof(r->why), "%s", why ? why->text : "");
	snprintf(r->endpoint, sizeof(r->endpoint), "%s", endpoint);
	if (connected)
		recorder_once(&r->at_up, r);
}

const struct store_listener recorder_listener = {
	.list_begin = recorder_begin,
	.restored = recorder_restored,
	.config = recorder_config,
	.entry = recorder_entry,
	.list_end = recorder_end,
	.list_failed = recorder_failed,
	.gone = recorder_gone,
	.link = recorder_link,
};

void recorder_done(void *ctx, const struct store_reply *reply, const struct err *err)
{
	struct recorder *r = ctx;

	r->replies++;
	r->reply = *reply;
	r->err = err ? *err : ERR_INIT;
}

void recorder_start(struct recorder *r, const char *const *endpoints)
{
	const struct store_etcd_options options = { .endpoints = endpoints,
						    .prefix = "/w",
						    .network = "default" };
	struct err err = ERR_INIT;

	assert_int_equal(loop_new(&r->loop, &err), 0);
	assert_int_equal(http_new(r->loop, &r->http, &err), 0);
	assert_int_equal(store_etcd_new(r->loop, r->http, &options, &recorder_listener, r,
					&r->store, &err),
			 0);
}

void recorder_stop(struct recorder *r)
{
	if (r->store)
		r->store->ops->free(r->store);
	http_free(r->http);
	loop_free(r->loop);
	memset(r, 0, sizeof(*r));
}

static void recorder_tick(void *ctx)
{
	struct recorder *r = ctx;

	if (r->until(r) || loop_now_ms() >= r->deadline_ms)
		loop_stop(r->loop);
	else
		loop_timer_start(r->tick, 1);
}

void recorder_wait(struct recorder *r, bool (*until)(struct recorder *r))
{
	r->until = until;
	r->deadline_ms = loop_now_ms() + RECORDER_WAIT_MS;
	r->tick = loop_timer(r->loop, recorder_tick, r);
	loop_timer_start(r->tick, 0);
	loop_run(r->loop);
	loop_event_free(r->tick);
	if (!until(r))
		fail_msg("no further event; events: %s; error: %s", r->log, r->why);
}

static bool recorder_replied(struct recorder *r)
{
	return r->replies > 0;
}

void recorder_wait_reply(struct recorder *r)
{
	recorder_wait(r, recorder_replied);
	assert_int_equal(r->replies, 1);
	r->replies = 0;
}
