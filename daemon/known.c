/* SPDX-License-Identifier: Apache-2.0 */
#include "known.h"

#include "common/err.h"
#include "common/hash.h"
#include "store.h"

#include <stdio.h>
#include <string.h>

static void set_free(struct known_set *set)
{
	peers_free(&set->peers);
	known_unreads_free(&set->unread);
	known_hashes_free(&set->unread_all);
}

void known_free(struct known *known)
{
	set_free(&known->now);
	set_free(&known->listed);
}

/* ---- Keys that cannot be read ------------------------------------------------------------ */

static struct known_unread *find_unread(struct known_set *set, const char *key)
{
	for (size_t i = 0; i < set->unread.len; i++)
		if (!strcmp(set->unread.at[i].key, key))
			return &set->unread.at[i];
	return NULL;
}

static int hash_cmp(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Counted once, however often it is told. A list tells each key once, and is sorted at its end. */
static void count_unread(struct known_set *set, bool listing, const char *key)
{
	uint64_t hash = hash_add(HASH_INIT, key, strlen(key));
	struct known_hashes *all = &set->unread_all;

	if (!listing && vec_find(all->at, all->len, sizeof(hash), hash_cmp, &hash))
		return;
	if (known_hashes_push(all, &hash) && !listing)
		vec_insert(all->at, all->len - 1, sizeof(hash), hash_cmp, &hash, 1);
}

static void note_unread(struct known_set *set, bool listing, const char *key, const char *reason)
{
	struct known_unread *there, unread;

	count_unread(set, listing, key);
	snprintf(unread.key, sizeof(unread.key), "%.*s", (int)sizeof(unread.key) - 1, key);
	snprintf(unread.reason, sizeof(unread.reason), "%.*s", (int)sizeof(unread.reason) - 1,
		 reason);
	there = find_unread(set, unread.key);
	if (there)
		*there = unread;
	else if (set->unread.len < KNOWN_UNREAD_MAX)
		known_unreads_push(&set->unread, &unread);
}

static void forget_unread(struct known_set *set, const char *key)
{
	uint64_t hash = hash_add(HASH_INIT, key, strlen(key));
	struct known_hashes *all = &set->unread_all;
	char shown[PEER_KEY_SIZE];
	struct known_unread *there;

	all->len = vec_take(all->at, all->len, sizeof(hash), hash_cmp, &hash, 1);
	snprintf(shown, sizeof(shown), "%s", key);
	there = find_unread(set, shown);
	if (there)
		*there = set->unread.at[--set->unread.len];
}

/* ---- Lists ------------------------------------------------------------------------------- */

void known_list_begin(struct known *known)
{
	set_free(&known->listed);
	known->listing = true;
	known->restored = false;
}

void known_list_restored(struct known *known)
{
	known->restored = true;
}

void known_list_failed(struct known *known)
{
	set_free(&known->listed);
	known->listing = false;
}

/* A stand-in for a value of which nothing was ever read: its subnet is taken, no more. */
static bool is_blank(const struct peer *peer)
{
	return peer->unreadable && !ipaddr_is_set(&peer->public_ip[FAMILY_V4]) &&
	       !ipaddr_is_set(&peer->public_ip[FAMILY_V6]);
}

static bool counts_before(const struct peer *a, const struct peer *b)
{
	return is_blank(a) != is_blank(b) ? is_blank(b) : a->mod_revision < b->mod_revision;
}

/* A key, and other ways of writing it, which are stand-ins (an IPv6 address has many). */
static void drop_doubles(struct peers *peers)
{
	size_t kept = 0;

	vec_sort(peers->at, peers->len, sizeof(*peers->at), peer_cmp);
	for (size_t i = 0; i < peers->len; i++) {
		const struct peer *peer = &peers->at[i];

		if (!kept || peer_cmp(&peers->at[kept - 1], peer))
			peers->at[kept++] = *peer;
		else if (counts_before(peer, &peers->at[kept - 1]))
			peers->at[kept - 1] = *peer;
	}
	peers->len = kept;
}

/*
 * wiped: what the store lacks now; else only what it lacked already when it was wiped. It
 * counts its revisions anew: anything that it tells is younger than this.
 */
static void keep_vanished(struct known *known, const struct prefix *ours, bool wiped)
{
	for (size_t i = 0; i < known->now.peers.len; i++) {
		struct peer peer = known->now.peers.at[i];

		if ((ours && peers_find(&known->now.peers, ours) == &known->now.peers.at[i]) ||
		    (!wiped && !peer.vanished) || peers_find(&known->listed.peers, peer.subnet))
			continue;
		peer.vanished = true;
		peer.mod_revision = 0;
		peers_put(&known->listed.peers, &peer);
	}
}

bool known_list_end(struct known *known, const struct prefix *ours)
{
	struct known_hashes *unread = &known->listed.unread_all;
	bool wiped;

	drop_doubles(&known->listed.peers);
	vec_sort(unread->at, unread->len, sizeof(*unread->at), hash_cmp);
	wiped = known->restored || (ours && !peers_find(&known->listed.peers, ours));
	keep_vanished(known, ours, wiped);
	set_free(&known->now);
	known->now = known->listed;
	known->listed = (struct known_set){ .peers = { .len = 0 } };
	known->listing = false;
	return wiped;
}

size_t known_drop_vanished(struct known *known, void (*drop)(void *ctx, const struct peer *peer),
			   void *ctx)
{
	struct peers *peers = &known->now.peers;
	size_t kept = 0, before = peers->len;

	for (size_t i = 0; i < before; i++) {
		if (peers->at[i].vanished)
			drop(ctx, &peers->at[i]);
		else
			peers->at[kept++] = peers->at[i];
	}
	peers->len = kept;
	return before - kept;
}

/* ---- Entries ----------------------------------------------------------------------------- */

/* Told after our own put was answered, though it happened before. */
static bool is_stale(const struct known *known, const struct prefix subnet[static FAMILIES],
		     uint64_t revision)
{
	const struct peer *there = peers_find(&known->now.peers, subnet);

	return !known->listing && there && there->mod_revision > revision;
}

static int put(struct known *known, struct known_set *set, const struct peer *peer, struct err *err)
{
	bool kept = true;

	/* Lists come sorted by key, not by address: they are sorted once, at their end. */
	if (known->listing)
		kept = peers_push(&set->peers, peer);
	else if (!is_stale(known, peer->subnet, peer->mod_revision))
		kept = peers_put(&set->peers, peer);
	return kept ? 0 : err_nomem(err, "a lease");
}

/* What stands in for a lease whose value cannot be read. */
static struct peer stand_in(const struct known *known, const struct prefix subnet[static FAMILIES],
			    const struct store_entry *entry)
{
	const struct peer *before = peers_find(&known->now.peers, subnet);
	struct peer peer = { .unreadable = true };

	if (before && peer_is_key(entry->key, subnet))
		peer = *before;
	memcpy(peer.subnet, subnet, sizeof(peer.subnet));
	peer.unreadable = true;
	peer.vanished = false;
	peer.mod_revision = entry->mod_revision;
	peer.lease = entry->lease;
	return peer;
}

/* Whether something else than this key says more of the subnets that it names. */
static bool is_outdone(const struct known *known, const struct prefix subnet[static FAMILIES],
		       const char *key)
{
	return !known->listing && !peer_is_key(key, subnet) &&
	       peers_find(&known->now.peers, subnet);
}

int known_entry(struct known *known, const struct store_entry *entry, struct err *err)
{
	struct known_set *set = known->listing ? &known->listed : &known->now;
	struct prefix subnet[FAMILIES];
	struct err ignored;
	struct peer peer;

	if (peer_parse(entry, &peer, err) == 0) {
		if (!known->listing)
			forget_unread(set, entry->key);
		return put(known, set, &peer, err);
	}
	note_unread(set, known->listing, entry->key, err->text);
	if (peer_parse_key(entry->key, subnet, &ignored) == 0 &&
	    !is_outdone(known, subnet, entry->key)) {
		peer = stand_in(known, subnet, entry);
		if (put(known, set, &peer, &ignored) < 0)
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

bool known_gone(struct known *known, const char *key, uint64_t mod_revision,
		const struct prefix *ours)
{
	struct prefix subnet[FAMILIES];
	struct err ignored;
	struct peer *peer;

	forget_unread(&known->now, key);
	if (peer_parse_key(key, subnet, &ignored) < 0 || is_stale(known, subnet, mod_revision))
		return false;
	if (ours && is_same_key(subnet, ours) && peer_is_key(key, subnet))
		return peers_remove(&known->now.peers, subnet);
	peer = peers_find(&known->now.peers, subnet);
	if (peer && (is_blank(peer) || peer_is_key(key, subnet))) {
		peer->vanished = true;
		peer->mod_revision = mod_revision;
	}
	return false;
}
