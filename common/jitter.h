/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random spread of delays, so that the nodes of a cluster do not act at the same moment. A module
 * of its own, because tests replace it by one without randomness (tests/unit/fake_loop.c).
 */
#pragma once

#include <stdint.h>

/* Returns delay_ms, changed by a random amount of at most 25 % in either direction. */
uint64_t jitter_ms(uint64_t delay_ms);
