/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers of this node whose addresses are of a subnet that it held once: after a lost lease they
 * go on, while the subnet is another node's. So that they keep their gateway and the node reaches
 * them, the bridge has that gateway's address alone, without its subnet, and there is a route
 * to each of them alone: all else of the subnet goes to its owner. Pure.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/vec.h"

#include <stdbool.h>
#include <stddef.h>

struct config;
struct plan_devices;
struct plan_table;

#define STRAYS_GATEWAYS_MAX 8 /* of so many subnets; containers of more are left out */

VEC_DEFINE(strays_addresses, struct ipaddr);

struct strays {
	struct prefix gateway[STRAYS_GATEWAYS_MAX]; /* each a single address */
	size_t gateway_len;
	struct strays_addresses container;
};

void strays_free(struct strays *strays);
/* As the same containers in the same order have it. */
bool strays_equal(const struct strays *a, const struct strays *b);

/*
 * A container has this address; own is what the node holds now. One that is of no other subnet of
 * the network changes nothing. False: out of memory.
 */
bool strays_add(struct strays *strays, const struct ipaddr *addr, const struct config *config,
		const struct prefix own[static FAMILIES]);

/* Their routes, beside what is wanted for peers; sorts it. False: out of memory. */
bool strays_want(const struct strays *strays, const struct plan_devices *devices,
		 struct plan_table *want);
