/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What flannel's packet rules leave behind on a node that weft has taken over: the chains
 * FLANNEL-FWD and FLANNEL-POSTRTG of iptables-nft, and the tables flannel-ipv4 and flannel-ipv6.
 */
#pragma once

#include "rules_table.h"

#include <stdbool.h>

struct err;
struct nft_chain;
struct nl;

#define RULES_FLANNEL_FORWARD "FLANNEL-FWD"
#define RULES_FLANNEL_MASQUERADE "FLANNEL-POSTRTG"

/* What is there, by a walk over all chains. */
struct rules_flannel {
	bool any;
	bool forward[FAMILIES], masquerade[FAMILIES]; /* iptables-nft's chains */
	bool table[FAMILIES];                         /* flannel's own */
};
void rules_flannel_see(struct rules_flannel *flannel, const struct nft_chain *chain);

/*
 * Takes away what is about one of the networks, and whose work weft does: a chain that accepts
 * where weft accepts, one that masquerades where weft masquerades.
 */
int rules_flannel_remove(const struct rules_flannel *flannel, struct nl *nl,
			 const struct rules_options *options, const struct rules_network *networks,
			 size_t len, struct err *err);
