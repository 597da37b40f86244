/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/loop.h"

#include "common/err.h"
#include "common/log.h"

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

/* libevent writes its warnings to standard error by default. */
static void on_message(int severity, const char *text)
{
	if (severity >= EVENT_LOG_WARN)
		log_warn("libevent", "message", text);
	else
		log_debug("libevent", "message", text);
}

int loop_new(struct loop **loop_out, struct err *err)
{
	struct event_config *config = event_config_new();
	struct loop *loop = calloc(1, sizeof(*loop));

	if (config && loop) {
		/*
		 * A timer that long work starts at its end runs from then, not from its beginning.
		 */
		event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
		event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
		loop->base = event_base_new_with_config(config);
	}
	if (config)
		event_config_free(config);
	if (!loop || !loop->base) {
		free(loop);
		return err_set(err, ERR_IO, "cannot create the event loop");
	}
	signal(SIGPIPE, SIG_IGN);
	event_set_log_callback(on_message);
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

struct event_base *loop_base(struct loop *loop)
{
	return loop->base;
}

uint64_t loop_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t loop_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The event must not be used after fn, which may have freed it. */
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

static struct loop_event *event_create(struct loop *loop, int fd, short what,
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

/* Descriptors and signals are active from the start. */
static struct loop_event *event_activate(struct loop_event *event)
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
	struct loop_event *event = event_create(loop, fd, (short)what, on_fd, ctx);

	if (event)
		event->fn.fd = fn;
	return event_activate(event);
}

struct loop_event *loop_timer(struct loop *loop, loop_timer_fn *fn, void *ctx)
{
	struct loop_event *event = event_create(loop, -1, 0, on_timer, ctx);

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
	struct loop_event *event = event_create(loop, signal, EV_SIGNAL | EV_PERSIST, on_signal,
						ctx);

	if (event)
		event->fn.signal = fn;
	return event_activate(event);
}

void loop_event_free(struct loop_event *event)
{
	if (!event)
		return;
	event_free(event->event);
	free(event);
}
