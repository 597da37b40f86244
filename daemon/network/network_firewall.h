/* SPDX-License-Identifier: Apache-2.0 */
/* The packet rules of a network (firewall.h), from its desired state. */
#pragma once

#include <stdbool.h>

struct config;
struct desired_state;
struct firewall;
struct firewall_network;
struct peer_self;

/*
 * Sets the network's rules, unless desired lists no peers. firewall NULL: no packet rules. A
 * failure is logged, and retried by the firewall. Returns false if they wait for those of further
 * networks (firewall_gather): nothing may be written to the kernel before.
 */
bool network_firewall_apply(struct firewall *firewall, const char *name,
			    const struct peer_self *self, const struct desired_state *desired);

/*
 * Pure. desired lists all peers, or the changed ones. The result is the caller's, freed by
 * firewall_network_free also on failure. Returns false when out of memory.
 */
bool network_firewall_make(const char *name, const struct config *config,
			   const struct peer_self *self, const struct desired_state *desired,
			   struct firewall_network *firewall_out);
