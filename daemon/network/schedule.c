/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/schedule.h"

#include "common/err.h"
#include "common/jitter.h"
#include "common/log.h"
#include "common/log_state.h"
#include "common/retry.h"
#include "daemon/dataplane/reconciler.h"
#include "daemon/io/debounce.h"
#include "daemon/io/loop.h"

#include <stdlib.h>

#define DEBOUNCE_MS 2
#define DISTANCE_MAX_MS 250    /* between runs while kernel events keep coming */
#define QUIET_MS 1000          /* after so long without a run, the distance is short again */
#define PERIOD_MS (300 * 1000) /* +-25 % */
#define RETRY_FIRST_MS 200
#define RETRY_MAX_MS 30000

/* What events of the kernel lead to. */
#define KERNEL_SCOPES ((unsigned)(RECONCILE_DEVICES | RECONCILE_ENTRIES | RECONCILE_FOREIGN))

struct schedule {
	const char *network; /* name, for the log */
	schedule_run_fn *run;
	void *ctx;
	struct loop_event *peers;  /* a run for changed peers */
	struct loop_event *kernel; /* a run that checks the kernel */
	struct loop_event *period; /* a run that nothing triggered, or a retry */
	unsigned kernel_scope;     /* of that run */
	struct debounce debounce;  /* of kernel */
	uint64_t peers_ended_ms;   /* when the last run for changed peers ended, */
	uint64_t peers_took_ms;    /* and how long it took */
	unsigned scope;            /* of the present run */
	enum schedule_cause cause; /* of the present run */
	unsigned failed;           /* scopes of failed runs that no later run has covered */
	struct retry retry;
	struct log_state error;
	struct schedule_stats stats;
};

const char *const schedule_cause_name[SCHEDULE_CAUSES] = {
	[SCHEDULE_PEERS] = "peers",
	[SCHEDULE_NODE] = "node",
	[SCHEDULE_PERIOD] = "period",
	[SCHEDULE_RETRY] = "retry",
};

/* One run for everything that was triggered, and for this scope. */
static void run(struct schedule *schedule, enum schedule_cause cause, unsigned scope)
{
	uint64_t began_us = loop_now_us();

	scope |= schedule->kernel_scope;
	scope |= loop_timer_running(schedule->peers) ? RECONCILE_PEERS : 0;
	schedule->scope = scope;
	schedule->cause = cause;
	schedule->kernel_scope = 0;
	loop_timer_stop(schedule->kernel);
	loop_timer_stop(schedule->peers);
	if (!schedule->run(schedule->ctx, scope))
		return;
	histogram_add(&schedule->stats.took, loop_now_us() - began_us);
	if (scope & KERNEL_SCOPES) {
		debounce_ran(&schedule->debounce, loop_now_ms());
	} else {
		schedule->peers_ended_ms = loop_now_ms();
		schedule->peers_took_ms = schedule->peers_ended_ms - began_us / 1000;
	}
}

static void on_peers(void *ctx)
{
	run(ctx, SCHEDULE_PEERS, RECONCILE_PEERS);
}

static void on_kernel(void *ctx)
{
	run(ctx, SCHEDULE_NODE, 0);
}

static void on_period(void *ctx)
{
	struct schedule *schedule = ctx;

	run(schedule, schedule->failed ? SCHEDULE_RETRY : SCHEDULE_PERIOD,
	    RECONCILE_DEVICES | RECONCILE_ENTRIES);
}

static void trigger_kernel(struct schedule *schedule)
{
	if (!loop_timer_running(schedule->kernel))
		loop_timer_start(schedule->kernel,
				 debounce_next_ms(&schedule->debounce, loop_now_ms()));
}

/* Runs for changed peers take at most a third of the time. */
static void trigger_peers(struct schedule *schedule)
{
	uint64_t since_ms = loop_now_ms() - schedule->peers_ended_ms;
	uint64_t rest_ms = 2 * schedule->peers_took_ms;

	if (!loop_timer_running(schedule->peers))
		loop_timer_start(schedule->peers, rest_ms > since_ms + DEBOUNCE_MS ?
							  rest_ms - since_ms :
							  DEBOUNCE_MS);
}

void schedule_trigger(struct schedule *schedule, unsigned scope)
{
	if (scope & RECONCILE_ENTRIES)
		scope |= RECONCILE_DEVICES;
	schedule->kernel_scope |= scope & KERNEL_SCOPES;
	if (scope & KERNEL_SCOPES)
		trigger_kernel(schedule);
	else
		trigger_peers(schedule);
}

void schedule_trigger_devices(void *schedule)
{
	schedule_trigger(schedule, RECONCILE_DEVICES);
}

/*
 * Records what is still to be repeated: a run of a smaller scope that succeeds does not end the
 * failure of an earlier one, nor does it postpone the retry. A run that compares the entries
 * includes all. Returns whether anything is.
 */
static bool record_outcome(struct schedule *schedule, int rc)
{
	if (rc < 0)
		schedule->failed |= schedule->scope;
	else if (schedule->scope & RECONCILE_ENTRIES)
		schedule->failed = 0;
	else
		schedule->failed &= ~schedule->scope;
	return schedule->failed != 0;
}

void schedule_finish(struct schedule *schedule, int rc, const struct err *err)
{
	schedule->stats.runs++;
	schedule->stats.failed += rc < 0;
	(rc < 0 ? schedule->stats.failed_by : schedule->stats.succeeded_by)[schedule->cause]++;
	if (record_outcome(schedule, rc) && rc == 0)
		return;
	if (rc < 0 && log_state_fail(&schedule->error, err->text))
		log_error("reconcile failed, retrying", "network", schedule->network, "error",
			  err->text);
	else if (rc == 0 && log_state_clear(&schedule->error))
		log_info("reconcile succeeded again", "network", schedule->network);
	schedule->stats.good = rc == 0;
	if (rc == 0)
		retry_reset(&schedule->retry);
	loop_timer_start(schedule->period,
			 rc == 0 ? jitter_ms(PERIOD_MS) : retry_next_ms(&schedule->retry));
}

int schedule_new(struct loop *loop, const char *network, schedule_run_fn *run_fn, void *ctx,
		 struct schedule **schedule_out, struct err *err)
{
	struct schedule *schedule = calloc(1, sizeof(*schedule));

	if (!schedule)
		return err_nomem(err, "the schedule");
	schedule->network = network;
	schedule->run = run_fn;
	schedule->ctx = ctx;
	schedule->debounce = (struct debounce){
		.first_ms = DEBOUNCE_MS,
		.max_ms = DISTANCE_MAX_MS,
		.quiet_ms = QUIET_MS,
	};
	schedule->retry = (struct retry){ .first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS };
	schedule->peers = loop_timer(loop, on_peers, schedule);
	schedule->kernel = loop_timer(loop, on_kernel, schedule);
	schedule->period = loop_timer(loop, on_period, schedule);
	if (!schedule->peers || !schedule->kernel || !schedule->period) {
		schedule_free(schedule);
		return err_nomem(err, "the schedule's timers");
	}
	*schedule_out = schedule;
	return 0;
}

void schedule_free(struct schedule *schedule)
{
	if (!schedule)
		return;
	loop_event_free(schedule->peers);
	loop_event_free(schedule->kernel);
	loop_event_free(schedule->period);
	free(schedule);
}

struct schedule_stats schedule_stats(const struct schedule *schedule)
{
	struct schedule_stats stats = schedule->stats;

	stats.error = schedule->error.error;
	return stats;
}
