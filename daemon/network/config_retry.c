/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/config_retry.h"

#include "common/err.h"

#define SOON_MS 20       /* one change has several events */
#define DISTANCE_MS 1000 /* between two checks */
#define LATER_MS 30000   /* without an event */

static void on_timer(void *ctx)
{
	struct config_retry *retry = ctx;

	retry->checked_ms = loop_now_ms();
	retry->check(retry->ctx);
}

/* An earlier time stays. */
static void start(struct config_retry *retry, uint64_t now_ms, uint64_t due_ms)
{
	if (loop_timer_running(retry->timer) && retry->due_ms <= due_ms)
		return;
	retry->due_ms = due_ms;
	loop_timer_start(retry->timer, due_ms - now_ms);
}

int config_retry_init(struct config_retry *retry, struct loop *loop, loop_timer_fn *check,
		      void *ctx, struct err *err)
{
	retry->check = check;
	retry->ctx = ctx;
	retry->timer = loop_timer(loop, on_timer, retry);
	return retry->timer ? 0 : err_nomem(err, "the network's timers");
}

void config_retry_free(struct config_retry *retry)
{
	loop_event_free(retry->timer);
}

void config_retry_soon(struct config_retry *retry)
{
	const uint64_t now_ms = loop_now_ms();
	uint64_t due_ms = now_ms + SOON_MS;

	if (retry->checked_ms && due_ms < retry->checked_ms + DISTANCE_MS)
		due_ms = retry->checked_ms + DISTANCE_MS;
	start(retry, now_ms, due_ms);
}

void config_retry_later(struct config_retry *retry)
{
	const uint64_t now_ms = loop_now_ms();

	start(retry, now_ms, now_ms + LATER_MS);
}
