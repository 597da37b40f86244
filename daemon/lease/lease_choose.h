/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which subnet this node claims, decided from the leases in the store, the network configuration
 * and the node's own state. Called by lease_client.c. Pure.
 */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>
#include <stdint.h>

struct config;
struct foreign;
struct lease;
struct leases;

#define LEASE_AVOID_MAX 8

/* This node, as far as it concerns its lease. */
struct lease_self {
	const char *network; /* name, for the log; NULL: none */
	const char *node;    /* id */
	const char *machine; /* node_machine_id(); "": unknown */
	struct ipaddr public_ip[FAMILIES];
	struct prefix last[FAMILIES]; /* the last lease, from node.json; unset: none */
	/* Subnets that the store refuses although no lease in the table contains them. */
	struct prefix avoid[LEASE_AVOID_MAX];
	/* The node's other devices, borrowed; NULL: none. No overlapping subnet is chosen. */
	const struct foreign *foreign;
	/* The store assigns subnets, and gives this node's key its id: no other key is its own. */
	bool assigned;
	uint64_t seed; /* distributes the nodes' choices; differs from node to node */
};

enum lease_action {
	LEASE_ADOPT,      /* put the existing key again, if its revision is if_revision */
	LEASE_CREATE,     /* put a new key, if it is absent */
	LEASE_FULL,       /* no subnet of the family full is free */
	LEASE_CLONE,      /* subnet is leased by another machine with this node's id */
	LEASE_UNRESERVED, /* no subnet is reserved for this node (config.reserved_only) */
	LEASE_UNSUITABLE  /* subnet is reserved, but not in the network, or not of its families */
};

struct lease_choice {
	enum lease_action action;
	enum family full;
	struct prefix subnet[FAMILIES];
	uint64_t if_revision; /* 0 for LEASE_CREATE */
	bool reserved;        /* the key has no etcd lease and gets none */
	/* LEASE_CREATE: a key of this node that the put replaces. Revision 0: none. */
	struct prefix instead_of[FAMILIES];
	uint64_t instead_revision;
};

/*
 * Chooses, in this order: an existing key of this node, or a flannel lease with its public address;
 * the last lease, if it is free; the first free subnet from a position that depends on the seed and
 * that overlaps no prefix of another device of this node. If the existing key does not have exactly
 * the network's families, or is outside the network, the choice is a new key that replaces it and
 * keeps its valid subnets. A new IPv6 subnet gets the same index as the IPv4 subnet, if that is
 * free. If the configuration permits only reserved subnets, only an existing key of this node is
 * chosen, and no conflict matters. leases: all leases in the table, usable as peers or not.
 */
struct lease_choice lease_choose(const struct leases *leases, const struct config *config,
				 const struct lease_self *self);

/*
 * Returns the first lease of another node (or of a clone of this node) that shares a subnet with
 * these, or NULL.
 */
const struct lease *lease_find_conflict(const struct leases *leases, const struct lease_self *self,
					const struct prefix subnet[static FAMILIES]);

/*
 * Returns a key of this node other than the held one that is attached to the same etcd lease, or
 * NULL; NULL if etcd_lease is 0. etcd may apply a put whose request timed out after the node
 * acquired another subnet. The keepalives of the etcd lease would then keep both keys.
 */
const struct lease *lease_find_duplicate(const struct leases *leases, const struct lease_self *self,
					 const struct prefix held[static FAMILIES],
					 uint64_t etcd_lease);

/* Returns whether the subnets are of exactly the families that the network has. */
bool lease_is_complete(const struct config *config, const struct prefix subnet[static FAMILIES]);
