/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lease/lease_table.h"

#include "common/err.h"
#include "common/hash.h"
#include "daemon/store/store.h"

#include <stdio.h>
#include <string.h>

static void set_free(struct lease_set *set)
{
	leases_free(&set->leases);
	invalid_keys_free(&set->invalid);
	key_hashes_free(&set->invalid_hashes);
}

void lease_table_free(struct lease_table *table)
{
	set_free(&table->current);
	set_free(&table->listed);
}

/* ---- Invalid keys ------------------------------------------------------------------------ */

static struct invalid_key *find_invalid(struct lease_set *set, const char *key)
{
	for (size_t i = 0; i < set->invalid.len; i++)
		if (!strcmp(set->invalid.at[i].key, key))
			return &set->invalid.at[i];
	return NULL;
}

static int hash_cmp(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Counts each key once. A list contains each key once, and is sorted when it is complete. */
static void count_invalid(struct lease_set *set, bool listing, const char *key)
{
	uint64_t hash = hash_add(HASH_INIT, key, strlen(key));
	struct key_hashes *all = &set->invalid_hashes;

	if (!listing && vec_find(all->at, all->len, sizeof(hash), hash_cmp, &hash))
		return;
	if (key_hashes_push(all, &hash) && !listing)
		vec_insert(all->at, all->len - 1, sizeof(hash), hash_cmp, &hash, 1);
}

static void record_invalid(struct lease_set *set, bool listing, const char *key, const char *reason)
{
	struct invalid_key *there, invalid;

	count_invalid(set, listing, key);
	snprintf(invalid.key, sizeof(invalid.key), "%.*s", (int)sizeof(invalid.key) - 1, key);
	snprintf(invalid.reason, sizeof(invalid.reason), "%.*s", (int)sizeof(invalid.reason) - 1,
		 reason);
	there = find_invalid(set, invalid.key);
	if (there)
		*there = invalid;
	else if (set->invalid.len < LEASE_TABLE_INVALID_MAX)
		invalid_keys_push(&set->invalid, &invalid);
}

static void clear_invalid(struct lease_set *set, const char *key)
{
	uint64_t hash = hash_add(HASH_INIT, key, strlen(key));
	struct key_hashes *all = &set->invalid_hashes;
	char shown[LEASE_KEY_SIZE];
	struct invalid_key *there;

	all->len = vec_remove(all->at, all->len, sizeof(hash), hash_cmp, &hash, 1);
	snprintf(shown, sizeof(shown), "%s", key);
	there = find_invalid(set, shown);
	if (there)
		*there = set->invalid.at[--set->invalid.len];
}

/* ---- Lists ------------------------------------------------------------------------------- */

void lease_table_list_begin(struct lease_table *table)
{
	set_free(&table->listed);
	table->listing = true;
	table->restored = false;
}

void lease_table_list_restored(struct lease_table *table)
{
	table->restored = true;
}

void lease_table_list_failed(struct lease_table *table)
{
	set_free(&table->listed);
	table->listing = false;
}

/* A lease that never had a valid value: its subnet is taken, but it is no peer. */
static bool is_placeholder(const struct lease *lease)
{
	return lease->invalid && !ipaddr_is_set(&lease->public_ip[FAMILY_V4]) &&
	       !ipaddr_is_set(&lease->public_ip[FAMILY_V6]);
}

static bool takes_precedence(const struct lease *a, const struct lease *b)
{
	return is_placeholder(a) != is_placeholder(b) ? is_placeholder(b) :
							a->mod_revision < b->mod_revision;
}

/* Of a key and its noncanonical spellings (an IPv6 address has many), the key is kept. */
static void drop_duplicates(struct leases *leases)
{
	size_t kept = 0;

	vec_sort(leases->at, leases->len, sizeof(*leases->at), lease_cmp);
	for (size_t i = 0; i < leases->len; i++) {
		const struct lease *lease = &leases->at[i];

		if (!kept || lease_cmp(&leases->at[kept - 1], lease))
			leases->at[kept++] = *lease;
		else if (takes_precedence(lease, &leases->at[kept - 1]))
			leases->at[kept - 1] = *lease;
	}
	leases->len = kept;
}

/*
 * Keeps leases that are missing from the list: all if the store was wiped, else those that have
 * vanished before. A wiped store restarts its revisions, so that any entry is newer than revision
 * 0.
 */
static void keep_vanished(struct lease_table *table, const struct prefix *own, bool wiped)
{
	for (size_t i = 0; i < table->current.leases.len; i++) {
		struct lease lease = table->current.leases.at[i];

		if ((own &&
		     leases_find(&table->current.leases, own) == &table->current.leases.at[i]) ||
		    (!wiped && !lease.vanished) || leases_find(&table->listed.leases, lease.subnet))
			continue;
		lease.vanished = true;
		lease.mod_revision = 0;
		leases_put(&table->listed.leases, &lease);
	}
}

bool lease_table_list_end(struct lease_table *table, const struct prefix *own)
{
	struct key_hashes *invalid = &table->listed.invalid_hashes;
	bool wiped;

	drop_duplicates(&table->listed.leases);
	vec_sort(invalid->at, invalid->len, sizeof(*invalid->at), hash_cmp);
	wiped = table->restored || (own && !leases_find(&table->listed.leases, own));
	keep_vanished(table, own, wiped);
	set_free(&table->current);
	table->current = table->listed;
	table->listed = (struct lease_set){ .leases = { .len = 0 } };
	table->listing = false;
	return wiped;
}

size_t lease_table_drop_vanished(struct lease_table *table,
				 void (*drop)(void *ctx, const struct lease *lease), void *ctx)
{
	struct leases *leases = &table->current.leases;
	size_t kept = 0, before = leases->len;

	for (size_t i = 0; i < before; i++) {
		if (leases->at[i].vanished)
			drop(ctx, &leases->at[i]);
		else
			leases->at[kept++] = leases->at[i];
	}
	leases->len = kept;
	return before - kept;
}

/* ---- Entries ----------------------------------------------------------------------------- */

/* Whether the event is older than the table, which has the result of this node's own put. */
static bool is_stale(const struct lease_table *table, const struct prefix subnet[static FAMILIES],
		     uint64_t revision)
{
	const struct lease *there = leases_find(&table->current.leases, subnet);

	return !table->listing && there && there->mod_revision > revision;
}

/* A list is in the order of its keys, not of addresses: it is sorted when complete. */
static bool put_listed(struct leases *listed, const struct lease *lease, bool replaces)
{
	for (size_t i = 0; replaces && i < listed->len; i++) {
		if (lease_cmp(&listed->at[i], lease) != 0)
			continue;
		listed->at[i] = *lease;
		return true;
	}
	return leases_push(listed, lease);
}

static int put(struct lease_table *table, struct lease_set *set, const struct lease *lease,
	       bool replaces, struct err *err)
{
	bool kept = true;

	if (table->listing)
		kept = put_listed(&set->leases, lease, replaces);
	else if (!is_stale(table, lease->subnet, lease->mod_revision))
		kept = leases_put(&set->leases, lease);
	return kept ? 0 : err_nomem(err, "a lease");
}

/* The lease of a key with an invalid value: the previous value, or the subnet alone. */
static struct lease placeholder(const struct lease_table *table,
				const struct prefix subnet[static FAMILIES],
				const struct store_entry *entry)
{
	const struct lease *before = leases_find(&table->current.leases, subnet);
	struct lease lease = { .invalid = true };

	if (before && lease_key_is_canonical(entry->key, subnet))
		lease = *before;
	memcpy(lease.subnet, subnet, sizeof(lease.subnet));
	lease.invalid = true;
	lease.vanished = false;
	lease.mod_revision = entry->mod_revision;
	lease.created = entry->created;
	lease.etcd_lease = entry->lease;
	return lease;
}

/* Whether the table has a lease for the subnets of this noncanonical key. */
static bool is_superseded(const struct lease_table *table,
			  const struct prefix subnet[static FAMILIES], const char *key)
{
	return !table->listing && !lease_key_is_canonical(key, subnet) &&
	       leases_find(&table->current.leases, subnet);
}

int lease_table_put(struct lease_table *table, const struct store_entry *entry, struct err *err)
{
	struct lease_set *set = table->listing ? &table->listed : &table->current;
	struct prefix subnet[FAMILIES];
	struct err ignored ERR_UNSET;
	struct lease lease;

	if (lease_parse(entry, &lease, err) == 0) {
		if (!table->listing)
			clear_invalid(set, entry->key);
		return put(table, set, &lease, entry->replaces, err);
	}
	record_invalid(set, table->listing, entry->key, err->text);
	if (lease_parse_key(entry->key, subnet, &ignored) == 0 &&
	    !is_superseded(table, subnet, entry->key)) {
		lease = placeholder(table, subnet, entry);
		if (put(table, set, &lease, entry->replaces, &ignored) < 0)
			*err = ignored;
	}
	return -1;
}

static bool is_same_key(const struct prefix a[static FAMILIES],
			const struct prefix b[static FAMILIES])
{
	return prefix_equal(&a[FAMILY_V4], &b[FAMILY_V4]) &&
	       prefix_equal(&a[FAMILY_V6], &b[FAMILY_V6]);
}

bool lease_table_delete(struct lease_table *table, const char *key, uint64_t mod_revision,
			const struct prefix *own)
{
	struct prefix subnet[FAMILIES];
	struct err ignored;
	struct lease *lease;

	clear_invalid(&table->current, key);
	if (lease_parse_key(key, subnet, &ignored) < 0 || is_stale(table, subnet, mod_revision))
		return false;
	if (own && is_same_key(subnet, own) && lease_key_is_canonical(key, subnet))
		return leases_remove(&table->current.leases, subnet);
	lease = leases_find(&table->current.leases, subnet);
	if (lease && (is_placeholder(lease) || lease_key_is_canonical(key, subnet))) {
		lease->vanished = true;
		lease->mod_revision = mod_revision;
	}
	return false;
}
