/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a lease is not held, in words, with what is to be done about it. Used by lease.c. Pure.
 */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>

struct peer;
struct subnet_plan;

#define LEASE_WORDS_SIZE 480

/* Another node has the subnet; copy: it says to be us. */
void lease_words_lost(const struct peer *owner, bool copy, char text[static LEASE_WORDS_SIZE]);
/* Another machine with our id has this one. */
void lease_words_copy(const struct prefix subnet[static FAMILIES],
		      char text[static LEASE_WORDS_SIZE]);
void lease_words_full(const struct subnet_plan *plan, char text[static LEASE_WORDS_SIZE]);
