/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the store's leases: the set that stands, the list that is
 * under way, and the keys that cannot be read. An error is never an empty set: what
 * does not parse changes nothing, a list that fails leaves what was, and a store that
 * was wiped takes no peer away at once. Pure.
 */
#pragma once

#include "common/vec.h"
#include "peer.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct store_entry;

#define KNOWN_UNREAD_MAX 64 /* so many are shown; the others are counted */

/* A key whose present content is no lease. */
struct known_unread {
	char key[PEER_KEY_SIZE];
	char reason[192];
};

VEC_DEFINE(known_unreads, struct known_unread);
VEC_DEFINE(known_hashes, uint64_t);

struct known_set {
	struct peers peers; /* sorted, without duplicates */
	struct known_unreads unread;
	struct known_hashes unread_all; /* of the keys, those that are not shown, too; sorted */
};

struct known {
	struct known_set now;
	struct known_set listed; /* what the list under way has told so far */
	bool listing;
	bool restored; /* what is being listed is of another history */
};

void known_free(struct known *known);

void known_list_begin(struct known *known);
/* The list under way comes from a store that was restored, though it may have our key. */
void known_list_restored(struct known *known);
/*
 * The list is whole: it replaces what stood. ours (may be NULL) is the pair of subnets that we
 * hold: a list without it comes from a store that was wiped or restored. After such a list, and
 * after known_list_restored, peers that it lacks stay, marked vanished, until
 * known_drop_vanished. Answers whether it was so.
 */
bool known_list_end(struct known *known, const struct prefix *ours);
void known_list_failed(struct known *known);

/*
 * An entry, of the list or after it. -1: it cannot be read, and err says why; what the key
 * said before stands, and a subnet of which nothing was known is taken, but no peer. 0
 * otherwise; one that is older than what is known changes nothing.
 */
int known_entry(struct known *known, const struct store_entry *entry, struct err *err);

/*
 * The key is gone as of this revision. What it said stays, marked vanished, until
 * known_drop_vanished: somebody may be deleting all keys, and one key's end says
 * nothing of that. Ours (may be NULL) goes at once; answers whether it was ours.
 */
bool known_gone(struct known *known, const char *key, uint64_t mod_revision,
		const struct prefix *ours);

/* Takes away what has vanished and was not told again, each after it was shown. How many. */
size_t known_drop_vanished(struct known *known, void (*drop)(void *ctx, const struct peer *peer),
			   void *ctx);
