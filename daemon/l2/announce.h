/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this node writes to the store about its own containers in an L2 network. Pure.
 *
 * The last node to get a container with an address has it: a container that is attached while weftd
 * runs takes its address over from another node, conditional on the revision that was read. The
 * other node then has a duplicate, which it does not announce again, until the address is free. A
 * container that was attached before weftd started takes nothing over: its address may have moved
 * meanwhile. Nor does one that weft did not attach (seen.h).
 */
#pragma once

#include "daemon/l2/endpoint.h"

#include <stdbool.h>
#include <stdint.h>

/* An address of a container of this node. */
struct local_endpoint {
	struct endpoint endpoint; /* addr, mac and node are set */
	/* Weftd has run since before it was attached, and it was not announced. */
	bool attached_now;
	bool duplicate;               /* the address is another node's */
	char holder[LEASE_NODE_SIZE]; /* id of that node */
};

VEC_DEFINE(local_endpoints, struct local_endpoint); /* sorted by address */

enum announce_action { ANNOUNCE_NOTHING, ANNOUNCE_PUT, ANNOUNCE_DUPLICATE };

/*
 * Returns what is to be done about a local endpoint. stored: the table's record of the address, or
 * NULL. etcd_lease: what keys are attached to. *if_revision_out: for ANNOUNCE_PUT, the condition,
 * as in store_put.
 */
enum announce_action announce_decide(const struct local_endpoint *local,
				     const struct endpoint *stored, uint64_t etcd_lease,
				     uint64_t *if_revision_out);

/*
 * Replaces the set by now; both are sorted. Endpoints that were in it keep their state. New ones
 * get attached_now if later is true (weftd has announced before), unless they are seen (seen.h).
 * *changed_out: whether addresses or MACs differ. Returns false if out of memory: the set is
 * unchanged.
 */
bool announce_update(struct local_endpoints *set, const struct endpoints *now, bool later,
		     bool *changed_out);

/* Returns the element with that address, or NULL. */
struct local_endpoint *announce_find(const struct local_endpoints *set, const struct ipaddr *addr);
