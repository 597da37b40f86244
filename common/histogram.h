/* SPDX-License-Identifier: Apache-2.0 */
/* A histogram of durations with fixed bounds, for metrics. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS 14

/* The upper bounds of the buckets, inclusive, in microseconds: 0.5 ms to 10 s. */
extern const uint32_t histogram_bound_us[HISTOGRAM_BOUNDS];

/* Zero-initialized: empty. */
struct histogram {
	uint64_t count[HISTOGRAM_BOUNDS + 1]; /* by bucket, not cumulative; the last has no bound */
	uint64_t sum_us;
};

/* Adds a duration. */
void histogram_add(struct histogram *histogram, uint64_t us);
