/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DirectRouting: which peers are on the same link as this node, so that the packets of
 * their containers need no tunnel. Asked anew in every pass, as the answer is the
 * kernel's present route to the peer's public address.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct nl;
struct peers;
struct route;

/* Whether the way to a node, as the kernel answered, is the uplink itself and no gateway. Pure. */
bool direct_is(const struct route *way, uint32_t uplink);

/*
 * Marks those of the usable peers' families that are reached so, with one request for each
 * public address. IPv4 containers go by PublicIP, IPv6 ones by PublicIPv6.
 */
int direct_mark(struct nl *nl, uint32_t uplink, struct peers *peers, struct err *err);
