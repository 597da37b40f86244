/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In which order a pool gives the addresses of one family: upwards from the last one, and
 * after the end those that were given back, the oldest first, so that an address rests for as
 * long as there is another. What stands here is a memory and no more: which addresses are
 * in use is told by the pool's entries alone, and damage costs nothing but the order. In the
 * pool's lock file, for the pool, which holds the lock.
 *
 *   offset 0    128 bytes  "10.5.1.9 3 17 1024\n"  IPv4: the last address that was given for the
 *                                                  first time; the queue goes from its 3rd to
 *                                                  before its 17th, in a ring of 1024
 *   offset 128  128 bytes                          the same for IPv6
 *   offset 256 + 48 * (n % ring + (0 IPv4, 65536 IPv6))
 *                48 bytes  "10.5.1.7\n"            the n-th that was given back; zeros: taken out
 *                                                  of turn
 *
 * A ring that is full is doubled, so that a whole /16 rests in order; the file is as large as
 * what has rested in it at once, 48 bytes each, with a hole between the families.
 */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>
#include <stdint.h>

#define ORDER_FIRST 1024
#define ORDER_MOST 65536 /* what rests beyond it lets the oldest go, which then comes last of all */

struct order {
	int fd;         /* -1: there is no file, and nothing is remembered */
	bool read_only; /* changes stay in memory */
	uint8_t family;
	struct ipaddr last;
	uint64_t head, tail;
	uint64_t ring;
};

/* What the file says; what it does not say clearly is taken for "nothing yet". */
struct order order_read(int fd, bool read_only, uint8_t family);

/* Writes last, head and tail. Best effort, with a warning. */
void order_write(const struct order *order);

/* The n-th of the queue, head <= n < tail. False: it has been taken out. */
bool order_at(const struct order *order, uint64_t n, struct ipaddr *addr_out);

/* Takes the n-th out. */
void order_drop(struct order *order, uint64_t n);

/*
 * Notes that the address was given back. Nothing is noted where its turn is still to
 * come, or where it is at the end already: a release that was killed is made twice.
 */
void order_append(struct order *order, const struct ipaddr *addr);
