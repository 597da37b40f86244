/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a cluster network is cut into the nodes' subnets: which are valid, their
 * numbers, and which one is free. Used by weftd to take a lease. Pure.
 */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* One family of a cluster network. */
struct subnet_plan {
	struct prefix network; /* masked */
	uint8_t len;           /* of a node's subnet, longer than the network's */
	struct ipaddr min;     /* base of the first subnet that may be leased */
	struct ipaddr max;     /* base of the last one */
};

/*
 * flannel's rules (network configuration, etcd): IPv4 len 24, or network + 2 for
 * networks longer than /22, at most 30; IPv6 len 64, or network + 2 beyond /62, at most
 * 126; the first subnet is skipped unless min says otherwise. len 0 and unset
 * min and max mean these defaults. ERR_CONFIG names the value and the rule, and the key by
 * its family ("SubnetLen", "IPv6SubnetLen").
 */
int subnet_plan_make(const struct prefix *network, uint8_t len, const struct ipaddr *min,
		     const struct ipaddr *max, struct subnet_plan *plan_out, struct err *err);

/* How many subnets lie from min to max; UINT64_MAX where there are more (IPv6). */
uint64_t subnet_count(const struct subnet_plan *plan);

/* Whether the subnet could be leased: length, alignment, from min to max. */
bool subnet_valid(const struct subnet_plan *plan, const struct prefix *subnet);

/*
 * The number of a subnet, counted in units of the plan's length from the network's base, which
 * is the metric of its route: distinct for distinct leasable subnets.
 */
uint32_t subnet_index(const struct subnet_plan *plan, const struct prefix *subnet);

/*
 * The first leasable subnet that overlaps none of taken (sorted by prefix_cmp), beginning at
 * a place that seed decides and going round. 1 found, 0 all are taken.
 */
int subnet_pick(const struct subnet_plan *plan, uint64_t seed, const struct prefix *taken,
		size_t taken_len, struct prefix *subnet_out);

/* The address of the node in its subnet: the base plus one. */
struct ipaddr subnet_gateway(const struct prefix *subnet);
