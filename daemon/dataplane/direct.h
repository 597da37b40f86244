/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DirectRouting: which peers are on the same link as this node, so that packets between their
 * containers need no tunnel. Determined in every reconcile from the kernel's present route to
 * the peer's public address.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct desired_state;
struct err;
struct nl;
struct route;

/* Returns whether a route leaves by the uplink (an interface index) without a gateway. Pure. */
bool direct_is(const struct route *route, uint32_t uplink);

/*
 * If the configuration of the desired state has DirectRouting, sets the member direct of each peer
 * in its two lists, with one route request (RTM_GETROUTE) for each public address: PublicIP for
 * IPv4 containers, PublicIPv6 for IPv6 containers. Returns 0, or -1 with ERR_KERNEL.
 */
int direct_mark_desired(struct nl *nl, struct desired_state *desired, struct err *err);
