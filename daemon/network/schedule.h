/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a network is reconciled. A trigger leads to one run within milliseconds, many triggers to
 * one run as well. While triggers keep coming, runs that check the kernel keep a distance that
 * grows to a quarter of a second, and runs for changed peers alone take at most a third of the
 * time. A run that failed is repeated after 0.2 to 30 s; without any trigger everything is
 * compared about every five minutes. Used by network.c alone; its single callback is the run.
 */
#pragma once

#include "common/histogram.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct loop;

struct schedule;

/*
 * Reconciles within scope (enum reconcile_scope of reconciler.h) and calls schedule_finish.
 * Returns false, without that, when nothing is desired yet.
 */
typedef bool schedule_run_fn(void *ctx, unsigned scope);

/* Nothing runs before the first trigger. network, a name, is borrowed. ERR_NOMEM. */
int schedule_new(struct loop *loop, const char *network, schedule_run_fn *run, void *ctx,
		 struct schedule **schedule_out, struct err *err);
/* NULL is allowed. */
void schedule_free(struct schedule *schedule);

/* Schedules a run; scopes of several triggers are added up. Allowed during a run, too. */
void schedule_trigger(struct schedule *schedule, unsigned scope);
/* The same as a callback: the devices, and the files that are published after them. */
void schedule_trigger_devices(void *schedule);

/*
 * The outcome of the run: rc 0, or -1 with err. Logs a failure once, and sets the retry. A success
 * ends the failure of an earlier run only if its scope includes the failed one.
 */
void schedule_finish(struct schedule *schedule, int rc, const struct err *err);

/* What a run was started by; several triggers count as the one whose timer expired first. */
enum schedule_cause {
	SCHEDULE_PEERS, /* leases of other nodes */
	SCHEDULE_NODE,  /* the kernel's entries or devices, the own lease, the configuration */
	SCHEDULE_PERIOD,
	SCHEDULE_RETRY, /* of a failed run */
	SCHEDULE_CAUSES
};

extern const char *const schedule_cause_name[SCHEDULE_CAUSES]; /* "peers" */

struct schedule_stats {
	uint64_t runs, failed;
	uint64_t succeeded_by[SCHEDULE_CAUSES], failed_by[SCHEDULE_CAUSES];
	struct histogram took; /* of each run */
	bool good;             /* the last run succeeded; false before the first */
	const char *error; /* of the last run; "" when it succeeded. Valid until schedule_free */
};
struct schedule_stats schedule_stats(const struct schedule *schedule);
