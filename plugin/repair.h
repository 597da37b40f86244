/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for weftd to repair a bridge that is missing, or a port that has left it. weftd restores
 * both within milliseconds, after a kernel event or at its start; ADD must not fail in between.
 * Used after a failure only.
 */
#pragma once

#include <stdbool.h>

/* Zero-initialized except for run_dir. One for each ADD. */
struct repair {
	const char *run_dir;
	unsigned waited_ms, step_ms;
};

/*
 * Waits for a few milliseconds. Returns whether to try again: weftd is running, and the sum of all
 * waits is below one second. weftd is running if the lock of the run directory is held.
 */
bool repair_wait(struct repair *repair);
