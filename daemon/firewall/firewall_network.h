/* SPDX-License-Identifier: Apache-2.0 */
/* What the packet rules of a network depend on. Pure. */
#pragma once

#include "common/ipaddr.h"
#include "common/netfilter/nft.h"
#include "common/state.h"
#include "daemon/firewall/firewall_elements.h"
#include "ipam/config.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The desired state of a network. A new member belongs into firewall_network_equal and its test,
 * too.
 */
struct firewall_network {
	char name[STATE_NETWORK_NAME_SIZE];
	char bridge[IF_NAMESIZE];
	char vxlan[FAMILIES][IF_NAMESIZE]; /* the first, and the second; "": none */
	uint32_t vni;
	uint16_t port;
	bool outer[FAMILIES];              /* families of the tunnel packets */
	uint32_t uplink;                   /* index of the device that they arrive through */
	struct ipaddr local[FAMILIES];     /* addresses that they have here; unset: unknown */
	struct ipaddr published[FAMILIES]; /* to which peers send, if it is not local */
	bool over_bridge;            /* a bridge is among the devices that they arrive through */
	struct ipaddr group;         /* and the multicast group of broadcasts; unset: none */
	struct nft_devices arrivals; /* all devices that they may arrive through; none: unknown */
	struct prefix cluster[FAMILIES], subnet[FAMILIES];
	struct config_rules rules;
	/*
	 * Where the node answers probes, if weftd runs with them; port 0, gateways unset: nowhere.
	 */
	uint16_t probe_port;
	struct ipaddr gateway[FAMILIES];
	bool last_known;      /* of a network that weftd does not serve, or not yet */
	bool gathering;       /* firewall.c: new, and it waits until its rules are in the kernel */
	bool closed;          /* cluster and rules are not known: isolated by device */
	bool bridged;         /* an L2 network: frames pass between its ports and its tunnel */
	uint32_t flood_limit; /* broadcasts per second to its tunnel; 0: it floods none */
	bool is_switch; /* the host has no address in it, and routes nothing from it or to it */
	bool foreign;   /* the bridge is another program's, in no group of weft */
	/* Public addresses, sorted; an address of two peers is in it twice. */
	struct firewall_elements peers[FAMILIES];
	bool change; /* peers are added peers, gone are removed ones; else peers are all */
	struct firewall_elements gone[FAMILIES];
};
void firewall_network_free(struct firewall_network *network);
/* Returns whether both require the same rules. Both list all peers: change is not set. */
bool firewall_network_equal(const struct firewall_network *a, const struct firewall_network *b);
/*
 * Turns a change of peers into all peers, with those of current, which loses them. current may be
 * NULL. Returns false if out of memory.
 */
bool firewall_network_merge(struct firewall_network *current, struct firewall_network *network);
/* Returns whether the accepts in other programs' chains change. */
bool firewall_network_accepts_change(const struct firewall_network *current,
				     const struct firewall_network *network);
/* Returns whether AllowFrom of to has from. */
bool firewall_allows(const struct firewall_network *to, const struct firewall_network *from);
