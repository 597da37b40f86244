/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait between a trigger and the work that follows it, so that many triggers lead
 * to one run: shortly after a quiet time; while triggers keep coming, with a distance that
 * doubles with each run. Pure: the caller owns the timer, and calls only while it is not running.
 */
#pragma once

#include <stdint.h>

/* Set first_ms, max_ms and quiet_ms; the rest starts as zero. */
struct debounce {
	uint64_t first_ms;    /* the delay after a quiet time */
	uint64_t max_ms;      /* the longest one */
	uint64_t quiet_ms;    /* after so long without a run, the delay is first_ms again */
	uint64_t distance_ms; /* the last delay; 0: none yet */
	uint64_t ran_ms;      /* when the last run ended */
};

/* Returns the delay of the next run, for a trigger at now_ms (loop_now_ms). */
uint64_t debounce_next_ms(struct debounce *debounce, uint64_t now_ms);

/* A run has ended, at now_ms. */
void debounce_ran(struct debounce *debounce, uint64_t now_ms);
