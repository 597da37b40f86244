/* SPDX-License-Identifier: Apache-2.0 */
/* What the packet rules of a network depend on. Pure. */
#pragma once

#include "common/ipaddr.h"
#include "common/netfilter/nft.h"
#include "common/state.h"
#include "common/vec.h"
#include "daemon/firewall/firewall_elements.h"
#include "ipam/config.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define FIREWALL_PATHS 8 /* as UPLINK_PATHS */

/* What a network waits for before it writes to the kernel. */
enum firewall_wait {
	FIREWALL_WAIT_NONE,
	FIREWALL_WAIT_ATTEMPT,   /* to install its changed rules, whatever the outcome */
	FIREWALL_WAIT_INSTALLED, /* that it has rules at all: it is new */
};

/*
 * The desired state of a network. A new member belongs into firewall_network_same_rules and the
 * test of firewall_network_equal, too.
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
	bool over_bridge;              /* a bridge is among the devices that they arrive through */
	struct ipaddr group;           /* and the multicast group of broadcasts; unset: none */
	struct nft_devices arrivals;   /* all devices that they may arrive through; none: unknown */
	uint32_t path[FIREWALL_PATHS]; /* indices of the devices to peers; 0: unused */
	struct prefix cluster[FAMILIES], subnet[FAMILIES];
	struct config_rules rules;
	/*
	 * Where the node answers probes, if weftd runs with them; port 0, gateways unset: nowhere.
	 */
	uint16_t probe_port;
	struct ipaddr gateway[FAMILIES];
	bool last_known;         /* of a network that weftd does not serve, or not yet */
	enum firewall_wait wait; /* firewall.c's */
	bool closed;             /* cluster and rules are not known: isolated by device */
	bool bridged;            /* an L2 network: frames pass between its ports and its tunnel */
	uint32_t flood_limit;    /* broadcasts per second to its tunnel; 0: it floods none */
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
/* Returns whether they require the same rules apart from the peers. */
bool firewall_network_same_rules(const struct firewall_network *a,
				 const struct firewall_network *b);
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

/*
 * The networks of a node, sorted by name, so that the order of the rules does not depend on that of
 * the calls.
 */
VEC_DEFINE(firewall_networks, struct firewall_network);

/* Returns the network of this name, or NULL. */
struct firewall_network *firewall_networks_find(const struct firewall_networks *networks,
						const char *name);
/* Adds a network of a new name, and takes ownership of its peers. False: out of memory. */
bool firewall_networks_add(struct firewall_networks *networks, struct firewall_network *network);
/* Removes and frees those that are last_known. */
void firewall_networks_remove_last_known(struct firewall_networks *networks);
/* Returns how many have a desired state: all but those that are last_known. */
size_t firewall_networks_served(const struct firewall_networks *networks);
/*
 * Returns whether there are no further networks to wait for. expected: how many will have a desired
 * state. is_new: the last one that came had none; else its rules have changed, and those of all
 * others may, too.
 */
bool firewall_networks_complete(const struct firewall_networks *networks, size_t expected,
				bool is_new);
/*
 * An attempt to install the rules has ended. Ends the wait of all networks if the rules are
 * installed, else of those that wait for an attempt. Returns whether a network has waited and may
 * continue; *waiting_out: whether one still has to wait.
 */
bool firewall_networks_end_wait(struct firewall_networks *networks, bool installed,
				bool *waiting_out);
