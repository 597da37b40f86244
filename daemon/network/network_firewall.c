/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/network_firewall.h"

#include "common/array.h"
#include "common/log.h"
#include "daemon/dataplane/device.h"
#include "daemon/dataplane/reconciler.h"
#include "daemon/dataplane/uplink.h"
#include "daemon/firewall/firewall.h"
#include "daemon/firewall/firewall_table.h"
#include "daemon/lease/lease.h"
#include "daemon/lease/peer.h"
#include "daemon/network/publish.h"
#include "ipam/config.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

_Static_assert(FIREWALL_PATHS == UPLINK_PATHS, "a network has all paths of its uplink");

static bool add_source(const struct ipaddr *addr, struct firewall_elements *sources)
{
	return !ipaddr_is_set(addr) || firewall_elements_add(sources, addr);
}

/*
 * The source of a peer's tunnel packets is the address that packets to it are sent to, and with NAT
 * between the nodes also the one that the peer itself has.
 */
static bool add_sources(const struct peer_self *self, const struct leases *peers,
			struct firewall_elements sources[static FAMILIES])
{
	static const size_t key_size[FAMILIES] = { [FAMILY_V4] = 4, [FAMILY_V6] = 16 };

	for (enum family f = 0; f < FAMILIES; f++) {
		if (!self->outer[f])
			continue;
		if (!firewall_elements_reserve(&sources[f], key_size[f], peers->len))
			return false;
		for (size_t i = 0; i < peers->len; i++)
			if (!add_source(&peers->at[i].public_ip[f], &sources[f]) ||
			    !add_source(&peers->at[i].source_ip[f], &sources[f]))
				return false;
		firewall_elements_sort(&sources[f]);
	}
	return true;
}

bool network_firewall_make(const char *name, const struct config *config,
			   const struct peer_self *self, const struct desired_state *desired,
			   struct firewall_network *firewall_out)
{
	snprintf(firewall_out->name, sizeof(firewall_out->name), "%s", name);
	device_bridge_of(config, firewall_out->bridge);
	firewall_out->foreign = config->bridge[0] != '\0';
	firewall_out->vni = config->vni;
	firewall_out->port = config->port;
	firewall_out->rules = config->rules;
	firewall_out->uplink = desired->uplink ? desired->uplink->index : 0;
	for (size_t i = 0; i < UPLINK_PATHS && desired->uplink; i++)
		firewall_out->path[i] = desired->uplink->path[i];
	firewall_out->group = config->group;
	firewall_out->bridged = config->mode == CONFIG_L2;
	firewall_out->flood_limit = config->flood_limit;
	firewall_out->probe_port = firewall_out->bridged ? 0 : config->probe_port;
	firewall_out->is_switch = config_is_switch(config) && !firewall_out->foreign;
	device_vxlan_name(config->vni, firewall_out->vxlan[0]);
	device_second_name(config->vni, firewall_out->vxlan[1]);
	for (enum family f = 0; f < FAMILIES; f++) {
		firewall_out->outer[f] = self->outer[f];
		firewall_out->local[f] = self->uplink[f];
		firewall_out->published[f] = self->public_ip[f];
		if (firewall_out->bridged && !config_is_routed(config, f)) {
			firewall_out->cluster[f] = firewall_out->subnet[f] = (struct prefix){ 0 };
			continue;
		}
		if (!prefix_is_set(&self->subnet[f]))
			continue;
		if (!firewall_out->bridged)
			firewall_out->gateway[f] = publish_gateway(config, f, &self->subnet[f]);
		firewall_out->cluster[f] = config->pool[f].network;
		/* A container of an L2 network can have any address of it. */
		firewall_out->subnet[f] = firewall_out->bridged ? config->pool[f].network :
								  self->subnet[f];
	}
	firewall_out->change = desired->listed == DESIRED_PEERS_CHANGED;
	return add_sources(self, &desired->peers, firewall_out->peers) &&
	       add_sources(self, &desired->before, firewall_out->gone);
}

static void add_arrival(uint32_t index, struct nft_devices *arrivals)
{
	char *name = arrivals->name[arrivals->len];

	if (!index || arrivals->len == ARRAY_LEN(arrivals->name) || !if_indextoname(index, name))
		return;
	arrivals->len++;
	for (size_t i = 0; i + 1 < arrivals->len; i++)
		if (!strcmp(arrivals->name[i], name)) {
			memset(name, 0, IF_NAMESIZE);
			arrivals->len--;
			return;
		}
}

/*
 * The devices that have the node's addresses, and those of the routes to peers, which may be
 * others.
 */
static void find_arrivals(const struct uplink *uplink, struct nft_devices *arrivals_out)
{
	for (enum family f = 0; f < FAMILIES; f++)
		add_arrival(uplink->device[f], arrivals_out);
	for (size_t i = 0; i < UPLINK_PATHS; i++)
		add_arrival(uplink->path[i], arrivals_out);
}

bool network_firewall_apply(struct firewall *firewall, const char *name,
			    const struct peer_self *self, const struct desired_state *desired)
{
	struct firewall_network rules = { .vni = 0 };
	bool applied = true;

	if (!firewall || desired->listed == DESIRED_PEERS_SAME)
		return true;
	if (desired->uplink) {
		find_arrivals(desired->uplink, &rules.arrivals);
		rules.over_bridge = desired->uplink->bridged;
	}
	if (network_firewall_make(name, desired->config, self, desired, &rules))
		applied = firewall_set_network(firewall, &rules);
	else
		log_error("no memory for packet rules", "network", name);
	firewall_network_free(&rules);
	return applied;
}
