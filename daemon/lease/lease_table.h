/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lease table: the leases in the store, the list that is being received, and the keys with
 * invalid content. Errors never remove leases: an invalid value keeps the previous one, a failed
 * list keeps the table, and leases that are missing from a wiped store are kept for the grace
 * period, marked vanished. Pure.
 */
#pragma once

#include "common/vec.h"
#include "daemon/lease/lease.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct store_entry;

#define LEASE_TABLE_INVALID_MAX 64 /* stored for display; all are counted */

/* A key whose present content is not a lease. */
struct invalid_key {
	char key[LEASE_KEY_SIZE];
	char reason[192];
};

VEC_DEFINE(invalid_keys, struct invalid_key);
VEC_DEFINE(key_hashes, uint64_t);

struct lease_set {
	struct leases leases; /* sorted, without duplicates */
	struct invalid_keys invalid;
	struct key_hashes invalid_hashes; /* of all invalid keys; sorted */
};

struct lease_table {
	struct lease_set current;
	struct lease_set listed; /* the part of the present list that has been received */
	bool listing;
	bool restored; /* the present list is from a restored store */
};

void lease_table_free(struct lease_table *table);

void lease_table_list_begin(struct lease_table *table);
/* The present list is from a restored store, even if it contains this node's key. */
void lease_table_list_restored(struct lease_table *table);
/*
 * The list is complete and replaces the current set. own (may be NULL): the subnets of the key that
 * this node holds. A list without that key is from a wiped or restored store. After such a list,
 * and after lease_table_list_restored, leases missing from it remain, marked vanished, until
 * lease_table_drop_vanished. Returns whether the list was from such a store.
 */
bool lease_table_list_end(struct lease_table *table, const struct prefix *own);
/* The list failed: the current set remains. */
void lease_table_list_failed(struct lease_table *table);

/*
 * Adds an entry of a list or of a watch event. Returns -1 if it is invalid, with the reason in err:
 * the previous value of the key remains, and without one the subnet is marked as taken, but is no
 * peer. Otherwise 0; an entry older than the present one is ignored.
 */
int lease_table_put(struct lease_table *table, const struct store_entry *entry, struct err *err);

/*
 * The key was deleted at this revision. Its lease remains, marked vanished, until
 * lease_table_drop_vanished: the deletion may be one of many, as when a store is being wiped. This
 * node's own lease (own, may be NULL) is removed at once. Returns whether it was that one.
 */
bool lease_table_delete(struct lease_table *table, const char *key, uint64_t mod_revision,
			const struct prefix *own);

/* Removes the vanished leases, after calling drop for each. Returns their number. */
size_t lease_table_drop_vanished(struct lease_table *table,
				 void (*drop)(void *ctx, const struct lease *lease), void *ctx);
