/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/store_view.h"

#include "common/auto.h"
#include "common/log.h"
#include "daemon/io/loop.h"
#include "daemon/io/offload.h"
#include "daemon/network/snapshot.h"
#include "daemon/store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WARN_EVERY_MS 10000
#define LINGER_MS 300    /* a key that goes may be the first of all keys to go */
#define GRACE_MS 300000  /* ten times the longest pause between a node's tries to reach the store */
#define SNAPSHOT_MS 5000 /* many changes are one write */
#define SNAPSHOT_REST 20 /* a pause after a write, as a multiple of its duration */

/* ---- Snapshot ---------------------------------------------------------------------------- */

bool store_view_wants_snapshot(const struct store_view *view,
			       const struct prefix subnet[static FAMILIES])
{
	bool any = false;

	for (enum family f = 0; f < FAMILIES; f++) {
		if (!prefix_is_set(&subnet[f]))
			continue;
		if (view->configured && config_has(&view->config, f) &&
		    !subnet_valid(&view->config.pool[f], &subnet[f]))
			return false;
		any = true;
	}
	return any && !view->listed && !view->stale;
}

struct store_point store_view_snapshot_point(struct store_view *view)
{
	struct snapshot_head head = { .restored = false };
	struct err err;

	if (snapshot_read_head(view->state_dir, view->network, &head, &err) < 0)
		log_error("snapshot cannot be read", "network", view->network, "error", err.text);
	view->wipe.before_start = head.restored;
	return head.seen;
}

bool store_view_read_snapshot(struct store_view *view, struct config *config_out, char **text_out)
{
	AUTO(free) char *text = NULL;
	struct err err;
	int found = snapshot_read(view->state_dir, view->network, &text, &view->leases, &err);

	if (found < 0)
		log_error("snapshot cannot be read", "network", view->network, "error", err.text);
	if (found <= 0)
		return false;
	if (config_parse(text, strlen(text), NULL, NULL, config_out, &err) < 0) {
		log_error("snapshot cannot be used", "network", view->network, "error", err.text);
		return false;
	}
	*text_out = take_ptr(text);
	return true;
}

/* The first list is of a restored store: what it lacks may have been in the snapshot. */
static void read_leases_before(struct store_view *view)
{
	struct lease_table before = { .listing = false };
	AUTO(free) char *text = NULL;
	struct err err;

	if (view->listed || view->stale)
		return;
	if (snapshot_read(view->state_dir, view->network, &text, &before, &err) < 0)
		log_error("snapshot cannot be read", "network", view->network, "error", err.text);
	leases_free(&view->leases.current.leases);
	view->leases.current.leases = before.current.leases;
	before.current.leases = (struct leases){ .len = 0 };
	lease_table_free(&before);
}

/* A large cluster with constant changes is not written all the time. */
void store_view_schedule_snapshot(struct store_view *view)
{
	struct snapshot_writer *writer = &view->writer;

	if (!view->stale && view->config_text && !loop_timer_running(writer->timer))
		loop_timer_start(writer->timer,
				 writer->rest_ms > SNAPSHOT_MS ? writer->rest_ms : SNAPSHOT_MS);
}

/* Runs in a child process. */
static int work(void *ctx, uint64_t *hash_out, struct err *err)
{
	const struct store_view *view = ctx;
	const struct snapshot_head head = { .seen = view->store->ops->position(view->store),
					    .restored = view->wipe.detected };

	*hash_out = view->writer.hash;
	return snapshot_write(view->state_dir, view->network, &head, view->config_text,
			      &view->leases.current.leases, hash_out, err);
}

static void on_written(void *ctx, uint64_t hash, const struct err *err)
{
	struct store_view *view = ctx;
	struct snapshot_writer *writer = &view->writer;

	offload_free(take_ptr(writer->job));
	writer->rest_ms = SNAPSHOT_REST * (loop_now_ms() - writer->began_ms);
	if (err)
		log_error("snapshot cannot be written", "network", view->network, "error",
			  err->text);
	else
		writer->hash = hash;
}

static void write_snapshot(void *ctx)
{
	struct store_view *view = ctx;
	struct snapshot_writer *writer = &view->writer;
	const struct offload_job job = { work, on_written, view };
	struct err err;

	if (view->stale || writer->stopped || !view->config_text)
		return;
	if (writer->job) {
		store_view_schedule_snapshot(view);
		return;
	}
	writer->began_ms = loop_now_ms();
	if (offload_start(writer->loop, &job, &writer->job, &err) < 0)
		log_error("snapshot cannot be written", "network", view->network, "error",
			  err.text);
}

void store_view_stop_snapshots(struct store_view *view)
{
	view->writer.stopped = true;
	loop_timer_stop(view->writer.timer);
	offload_free(take_ptr(view->writer.job));
}

void store_view_resume_snapshots(struct store_view *view)
{
	view->writer.stopped = false;
}

/* ---- Grace period ------------------------------------------------------------------------ */

/* A store that has lost this node's lease was wiped, restored, or is being emptied. */
static void begin_grace(struct store_view *view, const char *why)
{
	log_warn(
		"the store was wiped or restored: peers missing from it are kept for the grace period",
		"network", view->network, "error", why, "seconds", LOG_NUM(GRACE_MS / 1000));
	view->wipe.detected = true;
	view->wipe.until = (uint64_t)time(NULL) + GRACE_MS / 1000;
	snprintf(view->wipe.why, sizeof(view->wipe.why), "%s", why);
	loop_timer_start(view->grace, GRACE_MS);
	/* The puts that follow may soon raise its revisions to those that were seen before. */
	write_snapshot(view);
}

static void add_dropped(void *ctx, const struct lease *lease)
{
	struct store_view *view = ctx;

	lease_changes_add(&view->changes, &view->leases.current.leases, lease->subnet);
}

bool store_view_end_grace(struct store_view *view)
{
	size_t gone;

	if (view->wipe.detected && !view->connection.connected) {
		view->wipe.until = (uint64_t)time(NULL) + GRACE_MS / 1000;
		loop_timer_start(view->grace, GRACE_MS);
		return false;
	}
	gone = lease_table_drop_vanished(&view->leases, add_dropped, view);
	log_info("peers removed", "network", view->network, "peers", LOG_NUM(gone));
	view->wipe.detected = false;
	return true;
}

/* ---- Events of the store ----------------------------------------------------------------- */

static const char lost_lease[] = "this node's lease is missing";

void store_view_on_link(struct store_view *view, bool connected, const char *endpoint,
			const struct err *why)
{
	struct store_connection *connection = &view->connection;

	if (connection->connected && !connected)
		log_warn("store connection lost", "network", view->network, "endpoint", endpoint,
			 "error", why ? why->text : "");
	if (connection->connected != connected || !connection->since)
		connection->since = (uint64_t)time(NULL);
	connection->connected = connected;
	snprintf(connection->endpoint, sizeof(connection->endpoint), "%s", endpoint);
	snprintf(connection->error, sizeof(connection->error), "%s", why ? why->text : "");
	if (connected)
		log_info("store connected", "network", view->network, "endpoint", endpoint);
}

void store_view_on_restored(struct store_view *view, const char *why)
{
	read_leases_before(view);
	lease_table_list_restored(&view->leases);
	snprintf(view->wipe.list_restored, sizeof(view->wipe.list_restored), "%s", why);
}

void store_view_on_list_begin(struct store_view *view)
{
	lease_table_list_begin(&view->leases);
	view->wipe.list_restored[0] = '\0';
	if (!view->listed && view->wipe.before_start)
		store_view_on_restored(view, "detected before weftd was restarted");
}

void store_view_on_list_failed(struct store_view *view)
{
	lease_table_list_failed(&view->leases);
}

static void warn_entry(struct store_view *view, const struct err *err)
{
	if (!log_limit(&view->warned_ms, &view->warnings_held, loop_now_ms(), WARN_EVERY_MS))
		return;
	log_warn("key in the store ignored", "network", view->network, "error", err->text,
		 "not_shown", LOG_NUM(view->warnings_held));
	view->warnings_held = 0;
}

void store_view_on_entry(struct store_view *view, const struct store_entry *entry)
{
	struct prefix subnet[FAMILIES];
	struct err err ERR_UNSET;

	if (!view->leases.listing && lease_parse_key(entry->key, subnet, &err) == 0)
		lease_changes_add(&view->changes, &view->leases.current.leases, subnet);
	if (lease_table_put(&view->leases, entry, &err) < 0)
		warn_entry(view, &err);
}

void store_view_on_list_end(struct store_view *view, const struct prefix *own)
{
	const char *restored = view->wipe.list_restored;

	view->stale = false;
	view->listed = true;
	if (lease_table_list_end(&view->leases, own))
		begin_grace(view, restored[0] ? restored : lost_lease);
	lease_changes_set_all(&view->changes);
}

void store_view_on_gone(struct store_view *view, const char *key, uint64_t mod_revision,
			const struct prefix *own)
{
	struct prefix subnet[FAMILIES];
	struct err ignored;

	if (lease_parse_key(key, subnet, &ignored) == 0)
		lease_changes_add(&view->changes, &view->leases.current.leases, subnet);
	if (lease_table_delete(&view->leases, key, mod_revision, own))
		begin_grace(view, lost_lease);
	else if (!view->wipe.detected && !loop_timer_running(view->grace))
		loop_timer_start(view->grace, LINGER_MS);
}

/* ---- Configuration and leases ------------------------------------------------------------ */

bool store_view_uses(const struct store_view *view, const struct config *config)
{
	return view->configured && config_equal(config, &view->config);
}

static void warn_remark(void *ctx, const char *path, const char *what)
{
	const struct store_view *view = ctx;

	log_warn("network configuration", "network", view->network, "key", path, "remark", what);
}

void store_view_set_config(struct store_view *view, const struct config *config, const char *text)
{
	char *copy = strdup(text);
	struct config same;
	struct err unused;

	/* The parse before ignores remarks, so that they are not logged at every list. */
	config_parse(text, strlen(text), warn_remark, view, &same, &unused);
	if (!copy)
		log_error("no memory for the configuration's text", "network", view->network);
	free(view->config_text);
	view->config_text = copy;
	view->config = *config;
	view->configured = true;
	lease_changes_set_all(&view->changes);
}

void store_view_accept_config(struct store_view *view)
{
	free(take_ptr(view->refused_text));
	view->config_error[0] = '\0';
}

const char *store_view_absence(const struct store_view *view,
			       char buf[static STORE_VIEW_ABSENCE_SIZE])
{
	const struct store *store = view->store;

	if (store->config_error && *store->config_error)
		snprintf(buf, STORE_VIEW_ABSENCE_SIZE, "%.310s", store->config_error);
	else
		snprintf(buf, STORE_VIEW_ABSENCE_SIZE,
			 "there is no network configuration in the store: put one under %.240s",
			 store->config_name);
	return buf;
}

void store_view_refuse_config(struct store_view *view, const char *why, const char *text)
{
	char *copy = text ? strdup(text) : NULL; /* without memory, the next list has it */

	free(view->refused_text);
	view->refused_text = copy;
	/* Logged as the reason why the network is not ready. */
	snprintf(view->config_error, sizeof(view->config_error), "%.360s%s", why,
		 view->configured ? "; the one before stays in use" : "");
}

void store_view_put_own(struct store_view *view, const struct lease *own)
{
	const struct lease *there = leases_find(&view->leases.current.leases, own->subnet);

	if (there && there->mod_revision > own->mod_revision)
		return;
	if (!leases_put(&view->leases.current.leases, own))
		log_error("no memory for a lease", "network", view->network);
}

/* ---- Construction ------------------------------------------------------------------------- */

int store_view_init(struct store_view *view, struct loop *loop, const char *network,
		    const char *state_dir, void (*grace_over)(void *ctx), void *ctx,
		    struct err *err)
{
	view->network = network;
	view->state_dir = state_dir;
	view->writer.loop = loop;
	view->writer.timer = loop_timer(loop, write_snapshot, view);
	view->grace = loop_timer(loop, grace_over, ctx);
	if (!view->writer.timer || !view->grace)
		return err_nomem(err, "the network's timers");
	return 0;
}

void store_view_free(struct store_view *view)
{
	loop_event_free(view->grace);
	loop_event_free(view->writer.timer);
	offload_free(view->writer.job);
	free(view->config_text);
	free(view->refused_text);
	lease_table_free(&view->leases);
	lease_changes_free(&view->changes);
}
