/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the networks whose configuration a store has, for --network '*': listed at once and
 * whenever they change. Implemented by store_etcd_names.h and store_file_names.h. An error is never
 * an empty set: the listener keeps what was reported before.
 */
#pragma once

#include "common/state.h"
#include "common/vec.h"

#include <stddef.h>

struct err;

struct store_name {
	char text[STATE_NETWORK_NAME_SIZE];
};
VEC_DEFINE(store_names, struct store_name);

/* Called from the loop, never from a call of this module. */
struct store_names_listener {
	/*
	 * All names, valid ones only, sorted; called after each list that differs from the one
	 * before.
	 */
	void (*listed)(void *ctx, const struct store_names *names);
	/* The list could not be read; called when the error changes, and retried. */
	void (*failed)(void *ctx, const struct err *err);
};

/* Sorts by name. */
void store_names_sort(struct store_names *names);
/* Whether both are the same; sorted. Pure. */
bool store_names_equal(const struct store_names *a, const struct store_names *b);
/*
 * Appends the name if a network can have it; others are skipped, as another program's keys. Returns
 * false if out of memory.
 */
bool store_names_add(struct store_names *names, const char *name, size_t size);
