/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes Prometheus' text format 0.0.4 (prometheus.io, "Exposition formats"): families of metrics
 * with their samples. Pure; writes to a stream.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

struct histogram;

#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum prometheus_type { PROMETHEUS_COUNTER, PROMETHEUS_GAUGE, PROMETHEUS_HISTOGRAM };

struct prometheus {
	FILE *file;
	const char *family; /* of the following samples */
};

/* Begins a family: its name, and what it is, as one line. */
void prometheus_family(struct prometheus *to, enum prometheus_type type, const char *name,
		       const char *help);

/*
 * Write a sample of the family. labels: pairs of name and value, ended by NULL.
 * Values are escaped.
 */
void prometheus_count(struct prometheus *to, uint64_t value, const char *const labels[]);
void prometheus_number(struct prometheus *to, double value, const char *const labels[]);
/* The buckets, sum and count of a histogram, in seconds. */
void prometheus_histogram(struct prometheus *to, const struct histogram *histogram,
			  const char *const labels[]);

/* LABELS("network", name, "family", "ipv4"), for the functions above. */
#define LABELS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NO_LABELS ((const char *const[]){ NULL })
