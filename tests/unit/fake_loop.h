/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop for tests, linked instead of daemon/io/loop.c by a test with the line `fake: loop` in a
 * comment (see the Makefile). Only the test advances its clock, so that a wait of seconds takes no
 * time and delays can be checked. Delays have no jitter.
 */
#pragma once

#include <stdint.h>

struct loop;

#define FAKE_LOOP_IDLE UINT64_MAX

/* Calls the callbacks of ready descriptors until none is ready. The clock does not advance. */
void fake_loop_poll(struct loop *loop);

/* Advances the clock, calls all timers that expire, in order, and polls. */
void fake_loop_pass(struct loop *loop, uint64_t ms);

/* Returns the time until the next timer; FAKE_LOOP_IDLE if none is running. */
uint64_t fake_loop_next_ms(const struct loop *loop);
