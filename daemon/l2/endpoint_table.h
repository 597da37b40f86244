/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoint table: all endpoints of an L2 network in the store, and the list that is being
 * received. An invalid value keeps the previous one, and a failed list keeps the table. An endpoint
 * that is missing, from a list or by its deletion, is kept, marked vanished, until it is due and
 * endpoint_table_drop_vanished is called: its etcd lease may just be replaced, or the store may
 * have been wiped. Pure; times are milliseconds of CLOCK_MONOTONIC.
 */
#pragma once

#include "daemon/l2/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct store_entry;

/* Zero-initialized. */
struct endpoint_table {
	struct endpoints current;
	struct endpoints listed; /* the part of the present list that has been received */
	size_t vanished;         /* number of vanished endpoints in current */
	bool listing;
	bool known; /* a list was complete */
};

void endpoint_table_free(struct endpoint_table *table);

void endpoint_table_list_begin(struct endpoint_table *table);
/*
 * The list is complete. Endpoints that vanish with it are due at due_ms. Returns false if out of
 * memory: the table is unchanged.
 */
bool endpoint_table_list_end(struct endpoint_table *table, uint64_t due_ms);
void endpoint_table_list_failed(struct endpoint_table *table);

/*
 * Adds an entry of a list or of a watch event. Returns -1 if it is invalid, with the reason in err.
 * An entry older than the present one is ignored.
 */
int endpoint_table_put(struct endpoint_table *table, const struct store_entry *entry,
		       struct err *err);
/* Adds the record of this node's own put. Returns false if out of memory. */
bool endpoint_table_put_own(struct endpoint_table *table, const struct endpoint *endpoint);
/*
 * The key was deleted at this revision. The endpoint is due at due_ms, unless it has vanished
 * before.
 */
void endpoint_table_delete(struct endpoint_table *table, const char *key, uint64_t mod_revision,
			   uint64_t due_ms);

/*
 * Removes the vanished endpoints that are due at now_ms; those for which keep, which may be NULL,
 * returns true are due at again_ms instead. Returns the number of those removed.
 */
size_t endpoint_table_drop_vanished(struct endpoint_table *table, uint64_t now_ms,
				    uint64_t again_ms,
				    bool (*keep)(void *ctx, const struct endpoint *endpoint),
				    void *ctx);
/* Returns when the next vanished endpoint is due; UINT64_MAX: none has vanished. */
uint64_t endpoint_table_next_due(const struct endpoint_table *table);
