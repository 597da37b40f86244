/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: descriptors, timers, signals. A thin layer over libevent, which only loop.c and
 * http_server.c include. Callbacks run one at a time, never within the call that registered them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;
struct event_base;

struct loop;
struct loop_event; /* one registered descriptor, timer or signal */

/*
 * Also makes the process ignore SIGPIPE: writing to a closed connection fails with EPIPE instead.
 * Returns 0, or -1 with ERR_IO.
 */
int loop_new(struct loop **loop_out, struct err *err);
/* All events must have been freed. NULL is allowed. */
void loop_free(struct loop *loop);
/* Runs until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* Returns libevent's object, for the other parts of libevent (http_server.c). */
struct event_base *loop_base(struct loop *loop);

/* Return milliseconds and microseconds of CLOCK_MONOTONIC. */
uint64_t loop_now_ms(void);
uint64_t loop_now_us(void);

enum loop_want { LOOP_READ = 1 << 0, LOOP_WRITE = 1 << 1 };
typedef void loop_fd_fn(void *ctx, int fd, unsigned ready);
/* Calls fn whenever fd is ready for want (enum loop_want). Returns NULL when out of memory. */
struct loop_event *loop_fd(struct loop *loop, int fd, unsigned want, loop_fd_fn *fn, void *ctx);

typedef void loop_timer_fn(void *ctx);
/* Makes a timer that is not running. Returns NULL when out of memory. */
struct loop_event *loop_timer(struct loop *loop, loop_timer_fn *fn, void *ctx);
/* Calls fn once after delay_ms; replaces an earlier start. */
void loop_timer_start(struct loop_event *timer, uint64_t delay_ms);
void loop_timer_stop(struct loop_event *timer);
bool loop_timer_running(const struct loop_event *timer);

typedef void loop_signal_fn(void *ctx, int signal);
struct loop_event *loop_signal(struct loop *loop, int signal, loop_signal_fn *fn, void *ctx);

/*
 * Unregisters and frees the event; the descriptor stays open. May be called within the event's own
 * callback. NULL is allowed.
 */
void loop_event_free(struct loop_event *event);
