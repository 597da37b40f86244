/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop for tests, linked in the place of daemon/loop.c by a test that has the line
 * `fake: loop` in a comment of its own (see the Makefile). Its clock stands still until the
 * test moves it, so that what waits for seconds is tested in none, and a delay can be looked
 * at. Backoffs are not spread.
 */
#pragma once

#include <stdint.h>

struct loop;

#define FAKE_LOOP_IDLE UINT64_MAX

/* Calls whoever waits for a descriptor that is ready, until none is. The clock stands still. */
void fake_loop_poll(struct loop *loop);

/* Moves the clock by that much and calls every timer on the way, in order, and polls. */
void fake_loop_pass(struct loop *loop, uint64_t ms);

/* How long until the next timer; FAKE_LOOP_IDLE when none is running. */
uint64_t fake_loop_next_ms(const struct loop *loop);
