/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses of a node's subnet that containers may have: all except the network address, the
 * gateway, and, in IPv4, the broadcast address. Pure: the pool keeps those in use, and iterates
 * with range_set_next.
 */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct range {
	struct prefix subnet; /* masked */
	struct ipaddr first, last;
	struct ipaddr gateway; /* excluded; unset: none */
};

/*
 * The assignable addresses of a subnet. Returns 0, or -1 with ERR_CONFIG when there are none (IPv4
 * longer than /30, IPv6 longer than /126).
 */
int range_of(const struct prefix *subnet, const struct ipaddr *gateway, struct range *range_out,
	     struct err *err);

/* Whether a container may have the address. */
bool range_has(const struct range *range, const struct ipaddr *addr);

/* The number of addresses, at most UINT64_MAX. */
uint64_t range_size(const struct range *range);

/*
 * The number of addresses of a subnet that containers may have, at most UINT64_MAX; 0: none. The
 * gateway may be unset.
 */
uint64_t range_capacity(const struct prefix *subnet, const struct ipaddr *gateway);

/*
 * Restricts a range to first..last; an unset bound keeps the range's own. Returns 0, or -1 with
 * ERR_CONFIG: outside the range, reversed, or empty.
 */
int range_narrow(struct range *range, const struct ipaddr *first, const struct ipaddr *last,
		 struct err *err);

#define RANGES_MAX 8

/* Disjoint ranges of one family in ascending order, from which one address is chosen. */
struct range_set {
	struct range at[RANGES_MAX];
	size_t len;
};

/* Inserts the range. Returns 0, or -1 with ERR_CONFIG: it overlaps another, or the set is full. */
int range_set_add(struct range_set *set, const struct range *range, struct err *err);

bool range_set_has(const struct range_set *set, const struct ipaddr *addr);

/* The lowest address above addr, or the first if addr is unset. Returns false if there is none. */
bool range_set_next(const struct range_set *set, const struct ipaddr *addr,
		    struct ipaddr *next_out);

uint64_t range_set_size(const struct range_set *set);

#define RANGE_TEXT_SIZE (2 * IPADDR_TEXT_SIZE * RANGES_MAX)

/* "10.5.1.0/24" for a whole subnet, "10.5.1.9-10.5.1.20, ..." for parts. Returns buf. */
const char *range_set_text(const struct range_set *set, char buf[static RANGE_TEXT_SIZE]);
