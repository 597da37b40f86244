/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts the calls of the CNI plugin from RUN/calls (common/call_log.h): reads what was appended
 * since the last time, and replaces the file when it has grown. Calls made while weftd was down
 * count as well.
 */
#pragma once

#include "common/call_log.h"
#include "common/histogram.h"

#include <stdint.h>
#include <sys/types.h>

struct err;

#define PLUGIN_CALLS_REPLACE (64 << 10) /* bytes */

struct plugin_calls {
	uint64_t count[CALL_VERBS][CALL_OUTCOMES];
	struct histogram took[CALL_VERBS];
	int dir_fd, fd, former_fd; /* run directory, file, the file before; -1: none */
	off_t offset, former_offset;
};

#define PLUGIN_CALLS_INIT ((struct plugin_calls){ .dir_fd = -1, .fd = -1, .former_fd = -1 })

/* Opens the file, which is created if it is absent. Returns 0 or -1. */
int plugin_calls_open(struct plugin_calls *calls, const char *run_dir, struct err *err);
/*
 * Closes the file, which is empty then: a record is counted by one weftd only, unless it was
 * killed.
 */
void plugin_calls_close(struct plugin_calls *calls);

/* Adds the calls since the last time. Best effort. */
void plugin_calls_read(struct plugin_calls *calls);

/* Removes the file: the plugin records nothing any more. Best effort. */
void plugin_calls_disable(const char *run_dir);
