/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses of a node's subnet a container may have: all but the network's own,
 * the gateway's, and, in IPv4, the broadcast address. Pure: what is in use is the
 * pool's business, which walks the range with range_next.
 */
#pragma once

#include "common/ipaddr.h"

#include <stdint.h>

struct err;

struct range {
	struct prefix subnet; /* masked */
	struct ipaddr first, last;
	struct ipaddr gateway; /* left out; unset: there is none */
};

/* ERR_CONFIG when the subnet has no address to give (IPv4 longer than /30, IPv6 than /126). */
int range_of(const struct prefix *subnet, const struct ipaddr *gateway, struct range *range_out,
	     struct err *err);

/*
 * The candidate that follows addr; after the last one, or an address that is unset or
 * not of the range, the first.
 */
struct ipaddr range_next(const struct range *range, const struct ipaddr *addr);

/* How many candidates there are; UINT64_MAX where they are more than that. */
uint64_t range_size(const struct range *range);
