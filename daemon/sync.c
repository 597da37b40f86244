/* SPDX-License-Identifier: Apache-2.0 */
#include "sync.h"

#include "common/err.h"
#include "common/log.h"
#include "device.h"
#include "kernel.h"
#include "loop.h"
#include "peer.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#define DEBOUNCE_MS 2
#define RETRY_FIRST_MS 200
#define RETRY_MAX_MS 30000

struct sync {
	struct nl *nl;
	const struct sync_owner *owner;
	void *ctx;
	struct loop_event *soon;  /* the pass that a mark asked for */
	struct loop_event *retry; /* the one that a failure asked for */
	unsigned attempt;
	struct sync_stats stats;
	char last_error[ERR_TEXT_SIZE];
};

/* The tables of one pass: megabytes at 10,000 peers, and not kept between passes. */
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

static int apply(struct sync *sync, const struct tables *tables, struct err *err)
{
	struct kernel_result result = { .written = 0 };
	int rc = kernel_apply(sync->nl, &tables->ops, &tables->want, &tables->have, &result, err);

	sync->stats.written += result.written;
	if (rc < 0 && result.failed > 1)
		err_wrap(err, "%llu of %zu changes failed, the first",
			 (unsigned long long)result.failed, tables->ops.len);
	return rc;
}

static int run_pass(struct sync *sync, const struct sync_want *want, struct err *err)
{
	__attribute__((cleanup(tables_free))) struct tables tables = { .ops.len = 0 };
	struct plan_devices devices = { .gateway = want->device->gateway.addr };
	struct device_have have;

	sync->stats.devices = device_ensure(sync->nl, want->device, &have, err) == 0;
	if (!sync->stats.devices)
		return -1;
	sync->stats.written += have.changed;
	devices.bridge = have.bridge;
	devices.vxlan = have.vxlan;
	if (!plan_want(want->peers, want->config, &devices, &tables.want))
		return err_nomem(err, "the plan");
	if (kernel_dump(sync->nl, &devices, &tables.have, err) < 0)
		return -1;
	if (!plan_diff(&tables.want, &tables.have, &tables.ops))
		return err_nomem(err, "the plan");
	if (tables.ops.len)
		log_debug("plan made", "operations", LOG_NUM(tables.ops.len), "peers",
			  LOG_NUM(want->peers->len));
	return apply(sync, &tables, err);
}

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
	sync->stats.failed += rc < 0;
}

static void on_due(void *ctx)
{
	struct sync *sync = ctx;
	struct sync_want want;
	struct err err = ERR_INIT;
	int rc;

	loop_timer_stop(sync->retry);
	if (!sync->owner->want(sync->ctx, &want))
		return;
	sync->stats.passes++;
	rc = run_pass(sync, &want, &err);
	if (rc == 0)
		sync->stats.programmed = want.peers->len;
	malloc_trim(0); /* a pass is rare, and its tables are most of the heap */
	note_outcome(sync, rc, &err);
	if (rc == 0)
		sync->attempt = 0;
	else
		loop_timer_start(sync->retry,
				 loop_backoff_ms(sync->attempt++, RETRY_FIRST_MS, RETRY_MAX_MS));
	sync->owner->passed(sync->ctx);
}

int sync_new(struct loop *loop, struct nl *nl, const struct sync_owner *owner, void *ctx,
	     struct sync **sync_out, struct err *err)
{
	struct sync *sync = calloc(1, sizeof(*sync));

	if (!sync)
		return err_nomem(err, "the sync");
	sync->nl = nl;
	sync->owner = owner;
	sync->ctx = ctx;
	sync->soon = loop_timer(loop, on_due, sync);
	sync->retry = loop_timer(loop, on_due, sync);
	if (!sync->soon || !sync->retry) {
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
	loop_event_free(sync->soon);
	loop_event_free(sync->retry);
	free(sync);
}

void sync_mark(struct sync *sync)
{
	if (!loop_timer_running(sync->soon))
		loop_timer_start(sync->soon, DEBOUNCE_MS);
}

struct sync_stats sync_stats(const struct sync *sync)
{
	struct sync_stats stats = sync->stats;

	stats.last_error = sync->last_error;
	return stats;
}
