/* SPDX-License-Identifier: Apache-2.0 */
/* Durations for users: "12 s", "3 min", "5 h", "9 days". Pure. */
#pragma once

#include <stdint.h>

#define SPAN_SIZE 32

/* Formats seconds in the largest unit of which there are at least two. Returns buf. */
const char *span_text(char buf[static SPAN_SIZE], uint64_t seconds);

/* The same for the time from then_s to now_s; 0 s if the clock was set back. Returns buf. */
const char *span_since(char buf[static SPAN_SIZE], uint64_t then_s, uint64_t now_s);
