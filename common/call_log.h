/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of the CNI plugin, for weftd's metrics: the plugin appends one record of 16 bytes per
 * call to RUN/calls, which weftd creates, reads and replaces. No lock: an append is atomic, and a
 * plugin that is killed has written a whole record or none. Without the file, or if it is full,
 * nothing is recorded.
 *
 * Each side treats the file as hostile: the plugin opens it by the descriptor of the run
 * directory, without following links and without blocking, and only appends; weftd ignores what is
 * no record.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CALL_LOG_FILE "calls"
#define CALL_LOG_MAX (1 << 20) /* bytes; weftd replaces the file long before */

enum call_verb { CALL_ADD, CALL_DEL, CALL_CHECK, CALL_GC, CALL_STATUS, CALL_VERSION, CALL_VERBS };

enum call_outcome {
	CALL_SUCCESS,
	CALL_INVALID, /* the runtime's request or the configuration */
	CALL_RETRY,   /* CNI error code 11 */
	CALL_ERROR,
	CALL_OUTCOMES
};

extern const char *const call_verb_name[CALL_VERBS];       /* "ADD" */
extern const char *const call_outcome_name[CALL_OUTCOMES]; /* "success" */

/* In host byte order: writer and reader are on one machine. */
struct call_record {
	uint32_t magic;
	uint8_t verb, outcome;
	uint16_t unused; /* 0 */
	uint64_t took_us;
};

/* Returns the outcome of a call that ended with a CNI error code; 0: none. */
enum call_outcome call_outcome_of(unsigned cni_code);

/* Makes the record of a call that took took_us. */
struct call_record call_record(enum call_verb verb, enum call_outcome outcome, uint64_t took_us);
/* Returns whether it is a record: verb and outcome are in their ranges. */
bool call_record_is_valid(const struct call_record *record);

/* Appends the record to the file in run_dir. Best effort. */
void call_log_append(const char *run_dir, const struct call_record *record);
