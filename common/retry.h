/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exponential backoff: the delay before the next attempt of something that failed. Pure but for
 * the jitter; the caller owns the timer.
 */
#pragma once

#include <stdint.h>

/* Set first_ms and max_ms; max_ms may be changed between attempts. */
struct retry {
	uint64_t first_ms, max_ms;
	unsigned attempt; /* failures in a row */
};

/*
 * Counts a failed attempt. Returns the delay before the next one: first_ms after the first
 * failure, doubled with each further one up to max_ms, each with jitter (jitter.h).
 */
uint64_t retry_next_ms(struct retry *retry);

/* After a success: the next failure counts as the first. */
void retry_reset(struct retry *retry);
