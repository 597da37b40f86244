/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Displaced containers: containers of this node with addresses of a subnet that the node no longer
 * leases. They keep running while the subnet is another node's. To keep their gateway, the bridge
 * has the gateway's address as a single address (/32 or /128), and each container has a route of
 * its own. All other packets to the subnet go to its new owner. Pure.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/vec.h"

#include <stdbool.h>
#include <stddef.h>

struct config;
struct plan_devices;
struct plan_table;

#define DISPLACED_GATEWAYS_MAX 8 /* number of subnets; further ones are ignored */

VEC_DEFINE(displaced_addresses, struct ipaddr);

struct displaced {
	struct prefix gateway[DISPLACED_GATEWAYS_MAX]; /* single addresses */
	size_t gateway_len;
	struct displaced_addresses container;
};

void displaced_free(struct displaced *displaced);
/* Returns whether both have the same addresses in the same order. */
bool displaced_equal(const struct displaced *a, const struct displaced *b);

/*
 * Adds a container's address if it is in a subnet of the network other than own, the node's present
 * subnets. Returns false if out of memory.
 */
bool displaced_add(struct displaced *displaced, const struct ipaddr *addr,
		   const struct config *config, const struct prefix own[static FAMILIES]);

/* Adds the containers' routes to want, and sorts it. Returns false if out of memory. */
bool displaced_want(const struct displaced *displaced, const struct plan_devices *devices,
		    struct plan_table *want);
