/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a network configuration that was refused is checked again. What it does not fit can change
 * with an event or without one (a replaced gateway, an error that has passed): a check follows an
 * event at once, but at most one in a second, because it reads the host's routes and all leases;
 * and without an event, after half a minute.
 */
#pragma once

#include "daemon/io/loop.h"

struct err;

/* Zero-initialized. */
struct config_retry {
	struct loop_event *timer;
	loop_timer_fn *check;
	void *ctx;
	uint64_t due_ms;     /* when the timer expires */
	uint64_t checked_ms; /* when it expired last; 0: never */
};

/* check is called with ctx; it calls config_retry_later if the configuration is refused again. */
int config_retry_init(struct config_retry *retry, struct loop *loop, loop_timer_fn *check,
		      void *ctx, struct err *err);
void config_retry_free(struct config_retry *retry);

/* What the configuration did not fit may have changed. */
void config_retry_soon(struct config_retry *retry);

/* The configuration was refused. */
void config_retry_later(struct config_retry *retry);
