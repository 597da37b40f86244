/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include "common/err.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

struct loop {
	struct event_base *base;
};

struct loop_event {
	struct event *event;
	union {
		loop_fd_fn *fd;
		loop_timer_fn *timer;
		loop_signal_fn *signal;
	} fn;
	void *ctx;
};

int loop_new(struct loop **loop_out, struct err *err)
{
	struct event_config *config = event_config_new();
	struct loop *loop = calloc(1, sizeof(*loop));

	if (config && loop) {
		/* A timer started at the end of long work counts from then, not from its beginning. */
		event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
		event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
		loop->base = event_base_new_with_config(config);
	}
	if (config)
		event_config_free(config);
	if (!loop || !loop->base) {
		free(loop);
		return err_set(err, ERR_IO, "the event loop cannot be made");
	}
	signal(SIGPIPE, SIG_IGN);
	*loop_out = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	event_base_free(loop->base);
	free(loop);
}

void loop_run(struct loop *loop)
{
	event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *loop)
{
	event_base_loopbreak(loop->base);
}

uint64_t loop_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* None of them touches its event after fn, which may have freed it. */
static void on_fd(evutil_socket_t fd, short what, void *arg)
{
	struct loop_event *event = arg;
	unsigned ready = (what & EV_READ ? LOOP_READ : 0u) | (what & EV_WRITE ? LOOP_WRITE : 0u);

	event->fn.fd(event->ctx, fd, ready);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct loop_event *event = arg;

	(void)fd;
	(void)what;
	event->fn.timer(event->ctx);
}

static void on_signal(evutil_socket_t signal, short what, void *arg)
{
	struct loop_event *event = arg;

	(void)what;
	event->fn.signal(event->ctx, signal);
}

static struct loop_event *event_make(struct loop *loop, int fd, short what,
				     event_callback_fn trampoline, void *ctx)
{
	struct loop_event *event = calloc(1, sizeof(*event));

	if (!event)
		return NULL;
	event->ctx = ctx;
	event->event = event_new(loop->base, fd, what, trampoline, event);
	if (!event->event) {
		free(event);
		return NULL;
	}
	return event;
}

/* Descriptors and signals are waited for from the beginning. */
static struct loop_event *event_arm(struct loop_event *event)
{
	if (event && event_add(event->event, NULL) < 0) {
		loop_event_free(event);
		return NULL;
	}
	return event;
}

struct loop_event *loop_fd(struct loop *loop, int fd, unsigned want, loop_fd_fn *fn, void *ctx)
{
	int what = EV_PERSIST | (want & LOOP_READ ? EV_READ : 0) |
		   (want & LOOP_WRITE ? EV_WRITE : 0);
	struct loop_event *event = event_make(loop, fd, (short)what, on_fd, ctx);

	if (event)
		event->fn.fd = fn;
	return event_arm(event);
}

struct loop_event *loop_timer(struct loop *loop, loop_timer_fn *fn, void *ctx)
{
	struct loop_event *event = event_make(loop, -1, 0, on_timer, ctx);

	if (event)
		event->fn.timer = fn;
	return event;
}

void loop_timer_start(struct loop_event *timer, uint64_t delay_ms)
{
	struct timeval delay = { .tv_sec = (time_t)(delay_ms / 1000),
				 .tv_usec = (suseconds_t)(delay_ms % 1000 * 1000) };

	event_add(timer->event, &delay);
}

void loop_timer_stop(struct loop_event *timer)
{
	event_del(timer->event);
}

bool loop_timer_running(const struct loop_event *timer)
{
	return event_pending(timer->event, EV_TIMEOUT, NULL);
}

struct loop_event *loop_signal(struct loop *loop, int signal, loop_signal_fn *fn, void *ctx)
{
	struct loop_event *event = event_make(loop, signal, EV_SIGNAL | EV_PERSIST, on_signal, ctx);

	if (event)
		event->fn.signal = fn;
	return event_arm(event);
}

void loop_event_free(struct loop_event *event)
{
	if (!event)
		return;
	event_free(event->event);
	free(event);
}

uint64_t loop_backoff_ms(unsigned attempt, uint64_t first_ms, uint64_t max_ms)
{
	uint64_t delay_ms = first_ms < max_ms ? first_ms : max_ms;
	uint64_t quarter;

	while (attempt-- && delay_ms && delay_ms < max_ms)
		delay_ms = delay_ms > max_ms / 2 ? max_ms : delay_ms * 2;
	quarter = delay_ms / 4;
	if (quarter > UINT32_MAX / 2 - 1)
		return delay_ms;
	return delay_ms - quarter + arc4random_uniform((uint32_t)quarter * 2 + 1);
}
