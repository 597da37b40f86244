/* SPDX-License-Identifier: Apache-2.0 */
#include "sync.h"

#include "common/err.h"
#include "common/log.h"
#include "config.h"
#include "device.h"
#include "kernel.h"
#include "loop.h"
#include "peer.h"
#include "ports.h"
#include "strays.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#define DEBOUNCE_MS 2
#define DISTANCE_MAX_MS 250    /* between passes while events keep coming */
#define QUIET_MS 1000          /* without one, the distance is forgotten */
#define PERIOD_MS (300 * 1000) /* +-25 % */
#define RETRY_FIRST_MS 200
#define RETRY_MAX_MS 30000

struct sync {
	struct nl *nl;
	const struct sync_owner *owner;
	void *ctx;
	struct loop_event *peers;  /* the pass that the store asked for */
	struct loop_event *look;   /* the one that something in the kernel asked for */
	struct loop_event *period; /* the one that nobody asked for, or a failure */
	bool look_at_all;          /* not at the devices alone */
	uint64_t distance_ms;
	uint64_t looked_ms;  /* when the last look ended */
	uint64_t changed_ms; /* when the last pass for the store ended, and */
	uint64_t took_ms;    /* how long it took */
	unsigned attempt;
	struct device_have devices;
	struct ports ports;
	struct plan_table stand; /* what the last pass wanted */
	bool whole;              /* and what stands, as far as we know */
	struct sync_stats stats;
	char last_error[ERR_TEXT_SIZE];
};

/* The tables of one pass: megabytes at 10,000 peers. */
struct tables {
	struct plan_table want, have;
	struct plan_ops ops;
};

static void tables_free(struct tables *tables)
{
	plan_table_free(&tables->want);
	plan_table_free(&tables->have);
	plan_ops_free(&tables->ops);
}

static void peers_of_pass_free(struct sync_peers *peers)
{
	peers_free(&peers->now);
	peers_free(&peers->was);
}

#define AUTO_TABLES __attribute__((cleanup(tables_free)))
#define AUTO_PEERS __attribute__((cleanup(peers_of_pass_free)))

/* ---- One pass ---------------------------------------------------------------------------- */

/* What a pass will have brought about once it has succeeded. */
struct count {
	uint64_t programmed, direct;
};

static uint64_t count_direct(const struct peers *peers)
{
	uint64_t direct = 0;

	for (size_t i = 0; i < peers->len; i++)
		direct += peers->at[i].direct[FAMILY_V4] || peers->at[i].direct[FAMILY_V6];
	return direct;
}

static struct plan_devices plan_devices(const struct sync *sync, const struct sync_want *want)
{
	struct plan_devices devices = {
		.bridge = sync->devices.bridge,
		.uplink = want->uplink,
		.learning = want->device->learning,
	};

	for (enum family f = 0; f < FAMILIES; f++) {
		devices.vxlan[f] = sync->devices.vxlan[f];
		devices.gateway[f] = want->device->gateway[f].addr;
		devices.cluster[f] = want->config->plan[f].network;
	}
	return devices;
}

/* Carries the difference out, and counts what was written. */
static int apply(struct sync *sync, struct tables *tables, struct err *err)
{
	struct kernel_result result = { .written = 0 };
	size_t len;
	int rc;

	if (!plan_diff(&tables->want, &tables->have, &tables->ops))
		return err_nomem(err, "the plan");
	len = tables->ops.len;
	rc = kernel_apply(sync->nl, &tables->ops, &tables->want, &tables->have, &result, err);
	if (len)
		log_debug("entries written", "operations", LOG_NUM(len));
	sync->stats.written += result.written;
	if (rc < 0 && result.failed > 1)
		err_wrap(err, "%llu of %zu changes failed, the first",
			 (unsigned long long)result.failed, len);
	return rc;
}

/* The wanted entries are what stands from now on, whether all could be written or not. */
static int apply_all(struct sync *sync, struct tables *tables, const struct count *count,
		     struct err *err)
{
	int rc = apply(sync, tables, err);

	plan_table_free(&sync->stand);
	sync->stand = tables->want;
	tables->want = (struct plan_table){ .arp.len = 0 };
	sync->whole = rc == 0;
	if (rc == 0) {
		sync->stats.programmed = count->programmed;
		sync->stats.direct = count->direct;
	}
	return rc;
}

/* The entries of all peers, who are not needed any more once these are known. */
static int want_all(struct sync *sync, const struct plan_devices *devices,
		    const struct sync_want *want, struct plan_table *table, struct count *count_out,
		    struct err *err)
{
	AUTO_PEERS struct sync_peers peers = { .all = true };

	if (sync->owner->peers(sync->ctx, true, &peers, err) < 0)
		return -1;
	*count_out = (struct count){ peers.now.len, count_direct(&peers.now) };
	if (!plan_want(&peers.now, want->config, devices, table) ||
	    (want->strays && !strays_want(want->strays, devices, table)))
		return err_nomem(err, "the plan");
	return 0;
}

static int pass_entries(struct sync *sync, const struct sync_want *want, struct err *err)
{
	struct plan_devices devices = plan_devices(sync, want);
	AUTO_TABLES struct tables tables = { .ops.len = 0 };
	struct count count;

	sync->whole = false;
	if (want_all(sync, &devices, want, &tables.want, &count, err) < 0 ||
	    kernel_dump(sync->nl, &devices, &tables.have, err) < 0)
		return -1;
	return apply_all(sync, &tables, &count, err);
}

/* What stands is known, so only the difference to it is reckoned. */
static int pass_store(struct sync *sync, const struct sync_want *want, struct err *err)
{
	struct plan_devices devices = plan_devices(sync, want);
	AUTO_TABLES struct tables tables = { .ops.len = 0 };
	struct count count;

	sync->whole = false;
	if (want_all(sync, &devices, want, &tables.want, &count, err) < 0)
		return -1;
	tables.have = sync->stand;
	sync->stand = (struct plan_table){ .arp.len = 0 };
	if (!plan_as_have(&tables.have))
		return err_nomem(err, "the plan");
	return apply_all(sync, &tables, &count, err);
}

static int apply_changed(struct sync *sync, struct tables *tables, const struct sync_peers *peers,
			 struct err *err)
{
	sync->whole = false;
	if (!plan_as_have(&tables->have) || apply(sync, tables, err) < 0)
		return -1;
	if (!plan_replace(&sync->stand, &tables->have, &tables->want))
		return err_nomem(err, "the plan");
	sync->whole = true;
	sync->stats.programmed += peers->now.len - peers->was.len;
	sync->stats.direct += count_direct(&peers->now) - count_direct(&peers->was);
	return 0;
}

/* Of the peers that changed alone, where they can be told from the others. */
static int pass_changed(struct sync *sync, const struct sync_want *want, struct err *err)
{
	struct plan_devices devices = plan_devices(sync, want);
	AUTO_TABLES struct tables tables = { .ops.len = 0 };
	AUTO_PEERS struct sync_peers peers = { .all = false };

	if (sync->owner->peers(sync->ctx, false, &peers, err) < 0)
		return -1;
	if (!peers.all && (!plan_want(&peers.was, want->config, &devices, &tables.have) ||
			   !plan_want(&peers.now, want->config, &devices, &tables.want)))
		return err_nomem(err, "the plan");
	if (peers.all || !plan_is_apart(&sync->stand, &tables.have, &tables.want))
		return pass_store(sync, want, err);
	return apply_changed(sync, &tables, &peers, err);
}

/* Devices and their ports; *suffered_out tells whether what stands on them may have. */
static int pass_devices(struct sync *sync, const struct sync_want *want, bool *suffered_out,
			struct err *err)
{
	struct ports_want ports = {
		.network = want->device->network,
		.mtu = want->device->mtu,
	};
	struct device_have have;
	bool moved = false;

	sync->stats.devices = device_ensure(sync->nl, want->device, &have, err) == 0;
	if (!sync->stats.devices)
		return -1;
	ports.bridge = have.bridge;
	memcpy(ports.vxlan, have.vxlan, sizeof(ports.vxlan));
	ports.mtu_before = have.mtu_before;
	if (ports_ensure(sync->nl, &ports, &sync->ports, &moved, err) < 0)
		return -1;
	*suffered_out = have.changed || have.bridge != sync->devices.bridge ||
			memcmp(have.vxlan, sync->devices.vxlan, sizeof(have.vxlan)) != 0;
	sync->devices = have;
	sync->stats.written += have.changed + moved;
	return 0;
}

/* What a pass is about: any of these. */
enum doubts { DOUBT_STORE = 1 << 0, DOUBT_DEVICES = 1 << 1, DOUBT_ENTRIES = 1 << 2 };

static int pass(struct sync *sync, unsigned doubts, const struct sync_want *want, struct err *err)
{
	bool suffered = false;

	/* What is in doubt may be what the entries hang on. */
	if ((doubts & (DOUBT_DEVICES | DOUBT_ENTRIES) || !sync->whole) &&
	    pass_devices(sync, want, &suffered, err) < 0)
		return -1;
	if (doubts & DOUBT_ENTRIES || suffered || !sync->whole)
		return pass_entries(sync, want, err);
	return doubts & DOUBT_STORE ? pass_changed(sync, want, err) : 0;
}

/* ---- When one is due --------------------------------------------------------------------- */

/* Says a failure when it begins and when it changes, and its end. */
static void note_outcome(struct sync *sync, int rc, const struct err *err)
{
	const char *text = rc < 0 ? err->text : "";

	if (rc < 0 && strcmp(sync->last_error, text))
		log_error("pass failed, trying again", "reason", text);
	else if (rc == 0 && sync->last_error[0])
		log_info("pass succeeded again");
	snprintf(sync->last_error, sizeof(sync->last_error), "%s", text);
	sync->stats.good = rc == 0;
	sync->stats.passes++;
	sync->stats.failed += rc < 0;
}

static void end_pass(struct sync *sync, int rc, const struct err *err)
{
	note_outcome(sync, rc, err);
	if (rc == 0) {
		sync->attempt = 0;
		loop_timer_start(sync->period, loop_backoff_ms(0, PERIOD_MS, PERIOD_MS));
	} else {
		loop_timer_start(sync->period,
				 loop_backoff_ms(sync->attempt++, RETRY_FIRST_MS, RETRY_MAX_MS));
	}
	sync->owner->passed(sync->ctx);
}

/* One pass for all that is marked and for these doubts, if enough is known. */
static void run(struct sync *sync, unsigned doubts)
{
	uint64_t began_ms = loop_now_ms();
	struct sync_want want;
	struct err err = ERR_INIT;

	doubts |= sync->look_at_all ? DOUBT_ENTRIES : 0;
	doubts |= loop_timer_running(sync->look) ? DOUBT_DEVICES : 0;
	doubts |= loop_timer_running(sync->peers) ? DOUBT_STORE : 0;
	sync->look_at_all = false;
	loop_timer_stop(sync->look);
	loop_timer_stop(sync->peers);
	if (!sync->owner->want(sync->ctx, &want))
		return;
	end_pass(sync, pass(sync, doubts, &want, &err), &err);
	if (doubts & DOUBT_ENTRIES)
		malloc_trim(0); /* rare, and after a list, as a rule: much of the heap is free */
	if (doubts & (DOUBT_DEVICES | DOUBT_ENTRIES)) {
		sync->looked_ms = loop_now_ms();
	} else {
		sync->changed_ms = loop_now_ms();
		sync->took_ms = sync->changed_ms - began_ms;
	}
}

static void on_look(void *ctx)
{
	run(ctx, DOUBT_DEVICES);
}

static void on_period(void *ctx)
{
	run(ctx, DOUBT_DEVICES | DOUBT_ENTRIES);
}

static void on_peers(void *ctx)
{
	run(ctx, DOUBT_STORE);
}

/* At once after quiet; else the further from the last look, the longer it goes on. */
static void mark_look(struct sync *sync)
{
	uint64_t quiet_ms = loop_now_ms() - sync->looked_ms;

	if (loop_timer_running(sync->look))
		return;
	if (!sync->distance_ms || quiet_ms >= QUIET_MS)
		sync->distance_ms = DEBOUNCE_MS;
	else if (sync->distance_ms < DISTANCE_MAX_MS / 2)
		sync->distance_ms *= 2;
	else
		sync->distance_ms = DISTANCE_MAX_MS;
	loop_timer_start(sync->look, sync->distance_ms);
}

/* Changes of the store take at most a third of the time. */
static void mark_peers(struct sync *sync)
{
	uint64_t since_ms = loop_now_ms() - sync->changed_ms, rest_ms = 2 * sync->took_ms;

	if (!loop_timer_running(sync->peers))
		loop_timer_start(sync->peers, rest_ms > since_ms + DEBOUNCE_MS ?
						      rest_ms - since_ms :
						      DEBOUNCE_MS);
}

void sync_mark(struct sync *sync, enum sync_doubt doubt)
{
	switch (doubt) {
	case SYNC_PEERS:
		mark_peers(sync);
		return;
	case SYNC_ALL:
		sync->look_at_all = true;
		mark_look(sync);
		return;
	case SYNC_DEVICES:
		mark_look(sync);
		return;
	}
}

/* ---- Making one -------------------------------------------------------------------------- */

int sync_new(struct loop *loop, struct nl *nl, const struct sync_owner *owner, void *ctx,
	     struct sync **sync_out, struct err *err)
{
	struct sync *sync = calloc(1, sizeof(*sync));

	if (!sync)
		return err_nomem(err, "the sync");
	sync->nl = nl;
	sync->owner = owner;
	sync->ctx = ctx;
	sync->peers = loop_timer(loop, on_peers, sync);
	sync->look = loop_timer(loop, on_look, sync);
	sync->period = loop_timer(loop, on_period, sync);
	if (!sync->peers || !sync->look || !sync->period) {
		sync_free(sync);
		return err_nomem(err, "the sync's timers");
	}
	*sync_out = sync;
	return 0;
}

void sync_free(struct sync *sync)
{
	if (!sync)
		return;
	loop_event_free(sync->peers);
	loop_event_free(sync->look);
	loop_event_free(sync->period);
	ports_free(&sync->ports);
	plan_table_free(&sync->stand);
	free(sync);
}

struct sync_stats sync_stats(const struct sync *sync)
{
	struct sync_stats stats = sync->stats;

	stats.last_error = sync->last_error;
	return stats;
}

struct sync_stand sync_stand(const struct sync *sync)
{
	return (struct sync_stand){
		.bridge = sync->devices.bridge,
		.vxlan = { sync->devices.vxlan[FAMILY_V4], sync->devices.vxlan[FAMILY_V6] },
		.entries = &sync->stand,
	};
}
