/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses of a node's subnet a container may have: all but the network's own,
 * the gateway's, and, in IPv4, the broadcast address. Pure: what is in use is the
 * pool's business, which walks them with range_set_next.
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
	struct ipaddr gateway; /* left out; unset: there is none */
};

/* ERR_CONFIG when the subnet has no address to give (IPv4 longer than /30, IPv6 than /126). */
int range_of(const struct prefix *subnet, const struct ipaddr *gateway, struct range *range_out,
	     struct err *err);

/* Whether the address is one that a container may have. */
bool range_has(const struct range *range, const struct ipaddr *addr);

/* How many candidates there are; UINT64_MAX where they are more than that. */
uint64_t range_size(const struct range *range);

/*
 * Leaves of a range what lies from first to last; an unset one is the range's own.
 * ERR_CONFIG: not of the range's subnet, or the wrong way round, or nothing is left.
 */
int range_narrow(struct range *range, const struct ipaddr *first, const struct ipaddr *last,
		 struct err *err);

#define RANGES_MAX 8

/* Ranges of one family, apart and in ascending order: those that one address is chosen from. */
struct range_set {
	struct range at[RANGES_MAX];
	size_t len;
};

/* Puts the range in its place. ERR_CONFIG: it overlaps another, or there are too many. */
int range_set_add(struct range_set *set, const struct range *range, struct err *err);

bool range_set_has(const struct range_set *set, const struct ipaddr *addr);

/* The lowest candidate above addr; above an unset one, the first of all. False: there is none. */
bool range_set_next(const struct range_set *set, const struct ipaddr *addr,
		    struct ipaddr *next_out);

uint64_t range_set_size(const struct range_set *set);

#define RANGE_TEXT_SIZE (2 * IPADDR_TEXT_SIZE * RANGES_MAX)

/* "10.5.1.0/24" for a whole subnet, "10.5.1.9-10.5.1.20, ..." for parts. Answers buf. */
const char *range_set_text(const struct range_set *set, char buf[static RANGE_TEXT_SIZE]);
