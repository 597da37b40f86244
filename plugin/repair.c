/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/repair.h"

#include "common/state.h"

#include <time.h>

#define WAIT_MS 1000
#define STEP_MIN_MS 2
#define STEP_MAX_MS 20

bool repair_wait(struct repair *repair)
{
	struct timespec pause;

	if (repair->waited_ms >= WAIT_MS || !state_weftd_runs(repair->run_dir))
		return false;
	if (repair->step_ms < STEP_MAX_MS)
		repair->step_ms = repair->step_ms ? repair->step_ms * 2 : STEP_MIN_MS;
	pause = (struct timespec){ .tv_nsec = (long)repair->step_ms * 1000000 };
	nanosleep(&pause, NULL);
	repair->waited_ms += repair->step_ms;
	return true;
}
