/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: descriptors, timers, signals. A thin front to libevent, so
 * that the rest of the daemon names what it waits for and nothing else.
 * Callbacks run one at a time, never inside the call that registered them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;
struct event_base;

struct loop;
struct loop_event; /* one registered descriptor, timer or signal */

/*
 * Also makes the process ignore SIGPIPE: a peer that is gone is an error of the
 * write. ERR_IO.
 */
int loop_new(struct loop **loop_out, struct err *err);
/* Its events are freed before it. NULL is allowed. */
void loop_free(struct loop *loop);
/* Runs until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t loop_now_ms(void);

enum loop_want { LOOP_READ = 1 << 0, LOOP_WRITE = 1 << 1 };
typedef void loop_fd_fn(void *ctx, int fd, unsigned ready);
/* Calls fn whenever fd is ready for what is wanted (enum loop_want). NULL: out of memory. */
struct loop_event *loop_fd(struct loop *loop, int fd, unsigned want, loop_fd_fn *fn, void *ctx);

typedef void loop_timer_fn(void *ctx);
/* A timer, not running. */
struct loop_event *loop_timer(struct loop *loop, loop_timer_fn *fn, void *ctx);
/* Runs it once after delay_ms; started again, the later call counts. */
void loop_timer_start(struct loop_event *timer, uint64_t delay_ms);
void loop_timer_stop(struct loop_event *timer);
bool loop_timer_running(const struct loop_event *timer);

typedef void loop_signal_fn(void *ctx, int signal);
struct loop_event *loop_signal(struct loop *loop, int signal, loop_signal_fn *fn, void *ctx);

/* Unregisters and frees; NULL is allowed; safe inside its own callback. A descriptor stays open. */
void loop_event_free(struct loop_event *event);

/*
 * A delay for the attempt-th retry (0: the first): doubles from first_ms up to max_ms,
 * and is spread by a random +-25 %, so that many nodes do not come back at once.
 */
uint64_t loop_backoff_ms(unsigned attempt, uint64_t first_ms, uint64_t max_ms);
