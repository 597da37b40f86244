/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_loop.h"

#include "common/jitter.h"
#include "daemon/io/loop.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>

struct loop_event {
	struct loop *loop;
	struct loop_event *next;
	int fd; /* -1: a timer, or a signal, which is never raised */
	unsigned want;
	uint64_t due_ms; /* FAKE_LOOP_IDLE: not running */
	loop_fd_fn *ready;
	loop_timer_fn *timer;
	void *ctx;
};

struct loop {
	struct loop_event *events;
	bool stopped;
};

static uint64_t clock_ms = 1000000;

int loop_new(struct loop **loop_out, struct err *err)
{
	(void)err;
	*loop_out = calloc(1, sizeof(**loop_out));
	if (!*loop_out)
		abort();
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

void loop_free(struct loop *loop)
{
	free(loop);
}

uint64_t loop_now_ms(void)
{
	return clock_ms;
}

uint64_t loop_now_us(void)
{
	return clock_ms * 1000;
}

static struct loop_event *add(struct loop *loop)
{
	struct loop_event *event = calloc(1, sizeof(*event));

	if (!event)
		abort();
	event->loop = loop;
	event->fd = -1;
	event->due_ms = FAKE_LOOP_IDLE;
	event->next = loop->events;
	loop->events = event;
	return event;
}

struct loop_event *loop_fd(struct loop *loop, int fd, unsigned want, loop_fd_fn *fn, void *ctx)
{
	struct loop_event *event = add(loop);

	event->fd = fd;
	event->want = want;
	event->ready = fn;
	event->ctx = ctx;
	return event;
}

struct loop_event *loop_timer(struct loop *loop, loop_timer_fn *fn, void *ctx)
{
	struct loop_event *event = add(loop);

	event->timer = fn;
	event->ctx = ctx;
	return event;
}

struct loop_event *loop_signal(struct loop *loop, int signal, loop_signal_fn *fn, void *ctx)
{
	(void)signal;
	(void)fn;
	(void)ctx;
	return add(loop);
}

void loop_timer_start(struct loop_event *timer, uint64_t delay_ms)
{
	timer->due_ms = clock_ms + delay_ms;
}

void loop_timer_stop(struct loop_event *timer)
{
	timer->due_ms = FAKE_LOOP_IDLE;
}

bool loop_timer_running(const struct loop_event *timer)
{
	return timer->due_ms != FAKE_LOOP_IDLE;
}

void loop_event_free(struct loop_event *event)
{
	struct loop_event **link;

	if (!event)
		return;
	for (link = &event->loop->events; *link != event;)
		link = &(*link)->next;
	*link = event->next;
	free(event);
}

/* Replaces the functions of common/jitter.c. */
uint64_t jitter_ms(uint64_t delay_ms)
{
	return delay_ms;
}

static unsigned ready_for(const struct loop_event *event)
{
	struct pollfd slot = {
		.fd = event->fd,
		.events = (short)((event->want & LOOP_READ ? POLLIN : 0) |
				  (event->want & LOOP_WRITE ? POLLOUT : 0)),
	};

	if (event->fd < 0 || poll(&slot, 1, 0) <= 0)
		return 0;
	return event->want & ((slot.revents & (POLLIN | POLLHUP | POLLERR) ? LOOP_READ : 0u) |
			      (slot.revents & (POLLOUT | POLLHUP | POLLERR) ? LOOP_WRITE : 0u));
}

/* Restarts after each callback, because it may have freed any event. */
void fake_loop_poll(struct loop *loop)
{
	struct loop_event *event = loop->events;

	while (event) {
		unsigned ready = ready_for(event);

		if (ready)
			event->ready(event->ctx, event->fd, ready);
		event = ready ? loop->events : event->next;
	}
}

static struct loop_event *next_timer(const struct loop *loop)
{
	struct loop_event *soonest = NULL;

	for (struct loop_event *event = loop->events; event; event = event->next)
		if (event->due_ms != FAKE_LOOP_IDLE &&
		    (!soonest || event->due_ms < soonest->due_ms))
			soonest = event;
	return soonest;
}

uint64_t fake_loop_next_ms(const struct loop *loop)
{
	const struct loop_event *timer = next_timer(loop);

	if (!timer)
		return FAKE_LOOP_IDLE;
	return timer->due_ms > clock_ms ? timer->due_ms - clock_ms : 0;
}

void fake_loop_pass(struct loop *loop, uint64_t ms)
{
	const uint64_t end_ms = clock_ms + ms;
	struct loop_event *timer;

	for (fake_loop_poll(loop); (timer = next_timer(loop)) && timer->due_ms <= end_ms;
	     fake_loop_poll(loop)) {
		if (timer->due_ms > clock_ms)
			clock_ms = timer->due_ms;
		timer->due_ms = FAKE_LOOP_IDLE;
		timer->timer(timer->ctx);
	}
	clock_ms = end_ms;
}

void loop_run(struct loop *loop)
{
	for (loop->stopped = false; !loop->stopped && next_timer(loop);)
		fake_loop_pass(loop, fake_loop_next_ms(loop));
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
