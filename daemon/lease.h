/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This node's claim on a subnet: acquire, keep, notice that it is gone, take it
 * again. What to claim is decided by pure code (lease_choose); the machine
 * carries it out through the store's transactions, each on the revision that was
 * read, so that a subnet never has two owners.
 *
 *             list                granted            put succeeded
 *   NONE ---------------> GRANTING -------> PUTTING --------------> HELD
 *    ^ ^                      |                | lost the race        | key gone, or its
 *    | '----------------------+----------------'                      | etcd lease gone
 *    |        failed: again after a backoff                           |
 *    '----------------------------------------------------------------'
 *                                        HELD, key another's ------> LOST (until it is free)
 */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>
#include <stdint.h>

struct config;
struct err;
struct loop;
struct peer;
struct peers;
struct store;

#define LEASE_AVOID_MAX 8

/* Who we are, to the lease. */
struct lease_self {
	const char *node;    /* id */
	const char *machine; /* machine.h; "": not known */
	struct ipaddr public_ip[FAMILIES];
	struct prefix last[FAMILIES]; /* the lease that node.json remembers; unset: none */
	/* Subnets that the store does not give, though no key is known to have them. */
	struct prefix avoid[LEASE_AVOID_MAX];
	uint64_t seed; /* differs from node to node */
};

enum lease_verdict {
	LEASE_ADOPT,  /* put the key again, if it is at this revision */
	LEASE_CREATE, /* put the key, if it is absent */
	LEASE_FULL,   /* no subnet of family full is free */
	LEASE_COPY    /* subnet is leased by another machine that has our id */
};

struct lease_choice {
	enum lease_verdict verdict;
	enum family full;
	struct prefix subnet[FAMILIES];
	uint64_t if_revision; /* 0 for LEASE_CREATE */
	bool reserved;        /* the key has no etcd lease: ours for ever, as it is */
	/* LEASE_CREATE: a key of ours that goes in the same step. A revision of 0: there is none. */
	struct prefix instead_of[FAMILIES];
	uint64_t instead_revision;
};

/*
 * Pure. In order: a key that names us, or a flannel lease with our public address;
 * the last lease, if it is free; a free subnet, from a place that the seed decides. Where our
 * key has not just the families that the network has now, or lies outside it, another key is
 * created in its place, with those subnets that are still good. A new IPv6 subnet gets the number
 * that the IPv4 one has, where that is free.
 * known: every key that parses, usable as a peer or not.
 */
struct lease_choice lease_choose(const struct peers *known, const struct config *config,
				 const struct lease_self *self);

/*
 * Pure. The key of another node, or of one that says to be us, with a subnet in common with
 * these; or NULL.
 */
const struct peer *lease_rival(const struct peers *known, const struct lease_self *self,
			       const struct prefix subnet[static FAMILIES]);

/*
 * Pure. Whether the key is that of another machine with our id: a copy of this one, or the one
 * that this is a copy of. A machine whose address we have now has given it up, and is not.
 */
bool lease_is_copy(const struct peer *peer, const struct lease_self *self);

/*
 * Pure. Another key of ours than the held one, on the same etcd lease; or NULL, as where that is 0.
 * A put that was given up may be carried out when another subnet has been taken in its place
 * long since, and would be kept alive for ever.
 */
const struct peer *lease_surplus(const struct peers *known, const struct lease_self *self,
				 const struct prefix held[static FAMILIES], uint64_t id);

/* Pure. Whether the subnets are of just the families that the network has. */
bool lease_is_whole(const struct config *config, const struct prefix subnet[static FAMILIES]);

enum lease_state { LEASE_NONE, LEASE_GRANTING, LEASE_PUTTING, LEASE_HELD, LEASE_LOST };

struct lease;

/* Its owner. fill gives the value's other members for the subnet that is being claimed. */
struct lease_owner {
	void (*fill)(void *ctx, struct peer *peer);
	/* Held, lost, or held again: look at lease_view. */
	void (*changed)(void *ctx);
};

int lease_new(struct loop *loop, struct store *store, const struct lease_self *self,
	      const struct lease_owner *owner, void *ctx, struct lease **lease_out,
	      struct err *err);
/* The key stays where it is: what runs on this node goes on. NULL is allowed. */
void lease_free(struct lease *lease);

/*
 * The store's content as it is now, after a list and after every change of it. config and
 * known are looked at during the call only.
 */
void lease_update(struct lease *lease, const struct config *config, const struct peers *known);

/* Our public address is another one now; the next lease_update puts it into the store. */
void lease_readdress(struct lease *lease, const struct ipaddr public_ip[static FAMILIES]);

/* For people and for publishing. */
struct lease_view {
	enum lease_state state;
	struct prefix subnet[FAMILIES]; /* unset before the first was held */
	uint64_t id;                    /* etcd's */
	uint64_t revision;              /* of the key, as we put it */
	uint32_t ttl_s;
	uint64_t renewed_at; /* seconds since the epoch */
	bool reserved;
	const char *trouble; /* "" or why it is not held */
};
struct lease_view lease_view(const struct lease *lease);
