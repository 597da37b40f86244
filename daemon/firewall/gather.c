/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/gather.h"

#include "daemon/io/loop.h"

#include <stddef.h>

#define FIRST_MS 20
#define DISTANCE_MAX_MS 250 /* between attempts while networks keep coming */
#define QUIET_MS 1000       /* after so long without an attempt, the next one is not delayed */

static void start(struct gather *gather)
{
	if (!loop_timer_running(gather->timer))
		loop_timer_start(gather->timer, debounce_next_ms(&gather->debounce, loop_now_ms()));
}

static void on_timer(void *ctx)
{
	struct gather *gather = ctx;

	if (gather->released) {
		gather->released = false;
		if (gather->done)
			gather->done(gather->done_ctx);
		if (gather->pending)
			start(gather);
	} else if (gather->pending) {
		gather->attempt(gather->ctx);
		debounce_ran(&gather->debounce, loop_now_ms());
	}
}

bool gather_init(struct gather *gather, struct loop *loop, void (*attempt)(void *ctx), void *ctx)
{
	gather->debounce = (struct debounce){
		.first_ms = FIRST_MS,
		.max_ms = DISTANCE_MAX_MS,
		.quiet_ms = QUIET_MS,
	};
	gather->attempt = attempt;
	gather->ctx = ctx;
	gather->timer = loop_timer(loop, on_timer, gather);
	return gather->timer != NULL;
}

void gather_free(struct gather *gather)
{
	loop_event_free(gather->timer);
}

void gather_add(struct gather *gather)
{
	gather->pending = gather->waiting = true;
	start(gather);
}

void gather_end(struct gather *gather, bool released, bool waiting)
{
	gather->pending = false;
	if (gather->waiting && released) {
		gather->released = true;
		loop_timer_start(gather->timer, 0);
	}
	gather->waiting = waiting;
}
