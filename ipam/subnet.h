/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The division of a cluster network into node subnets: which are valid, their indices, and which
 * one is free. Used by weftd to acquire a lease. Pure.
 */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* One family of a cluster network. */
struct subnet_pool {
	struct prefix network; /* masked */
	uint8_t len;           /* prefix length of a node's subnet, longer than the network's */
	struct ipaddr min;     /* base of the first subnet that may be leased */
	struct ipaddr max;     /* base of the last one */
	bool any;              /* subnets are assigned by others: all in network are valid */
};

/*
 * Validates a pool by flannel's rules (pkg/subnet, config.go): IPv4 len 24, or network + 2 for
 * networks longer than /22, at most 30; IPv6 len 64, or network + 2 for networks longer than /62,
 * at most 126; the first subnet is skipped unless min includes it. len 0 and unset min and max
 * select these defaults. Returns 0, or -1 with ERR_CONFIG: the key of the family ("SubnetLen",
 * "IPv6SubnetLen") and ": ", then the value and the rule.
 */
int subnet_pool_make(const struct prefix *network, uint8_t len, const struct ipaddr *min,
		     const struct ipaddr *max, struct subnet_pool *pool_out, struct err *err);

/* The number of subnets from min to max, at most UINT64_MAX (IPv6). */
uint64_t subnet_count(const struct subnet_pool *pool);

/* Whether the subnet may be leased: length, alignment, from min to max (if not any). */
bool subnet_valid(const struct subnet_pool *pool, const struct prefix *subnet);

/*
 * The index of a subnet, counted from the network's base in subnets of the pool's length. Used as
 * the metric of its route: distinct for distinct leasable subnets.
 */
uint32_t subnet_index(const struct subnet_pool *pool, const struct prefix *subnet);

/*
 * Picks the first leasable subnet that overlaps none of taken (sorted by prefix_cmp), starting at
 * an index derived from seed and wrapping around. Returns 1 found, 0 all taken.
 */
int subnet_pick(const struct subnet_pool *pool, uint64_t seed, const struct prefix *taken,
		size_t taken_len, struct prefix *subnet_out);

/* The node's address in its subnet: the base plus one. */
struct ipaddr subnet_gateway(const struct prefix *subnet);
