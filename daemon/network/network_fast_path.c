/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/network_fast_path.h"

#include "common/log.h"
#include "daemon/dataplane/device.h"
#include "daemon/dataplane/ports.h"
#include "daemon/dataplane/reconciler.h"
#include "daemon/firewall/fast_path.h"
#include "daemon/firewall/firewall.h"
#include "daemon/lease/peer.h"
#include "daemon/network/underlay.h"
#include "ipam/config.h"

#include <stdio.h>
#include <string.h>

/* The vxlan devices: the first has the outer family of the first index that is set. */
static bool add_tunnels(const struct network_fast_path_source *source, struct flow_devices *devices)
{
	const struct reconciler_installed installed = reconciler_installed(source->reconciler);
	const uint32_t vni = source->config->vni;
	char name[IF_NAMESIZE];
	bool first = true;

	for (enum family f = 0; f < FAMILIES; f++) {
		if (!installed.vxlan[f])
			continue;
		if (first)
			device_vxlan_name(vni, name);
		else
			device_second_name(vni, name);
		first = false;
		if (!flow_devices_add(devices, installed.vxlan[f], name))
			return false;
	}
	return true;
}

static bool add_ports(const struct network_fast_path_source *source, struct flow_devices *devices)
{
	const struct ports *ports = reconciler_ports(source->reconciler);

	for (size_t i = 0; i < ports->len; i++)
		if (!flow_devices_add(devices, ports->at[i].index, ports->at[i].name))
			return false;
	return true;
}

static bool make(const struct network_fast_path_source *source, struct flow_network *network_out)
{
	const struct uplink *uplink = &source->underlay->uplink;
	const struct config *config = source->config;

	snprintf(network_out->name, sizeof(network_out->name), "%s", source->name);
	for (enum family f = 0; f < FAMILIES; f++) {
		if (!prefix_is_set(&source->self->subnet[f]))
			continue;
		network_out->cluster[f] = config->pool[f].network;
		network_out->subnet[f] = source->self->subnet[f];
	}
	if (config->direct_routing && uplink->index) {
		memcpy(network_out->uplink, uplink->name, sizeof(network_out->uplink));
		if (!flow_devices_add(&network_out->devices, uplink->index, uplink->name))
			return false;
	}
	return add_tunnels(source, &network_out->devices) &&
	       add_ports(source, &network_out->devices);
}

void network_fast_path_apply(struct fast_path *fast_path,
			     const struct network_fast_path_source *source, uint64_t *changes)
{
	struct flow_network network = { .name = "" };
	uint64_t now;
	bool ended;

	if (!fast_path)
		return;
	now = reconciler_stats(source->reconciler).redirected +
	      (source->firewall ? firewall_replacements(source->firewall) : 0);
	ended = now != *changes;
	*changes = now;
	if (!source->config->fast_path || source->config->mode == CONFIG_L2) {
		fast_path_remove_network(fast_path, source->name);
		return;
	}
	if (!make(source, &network)) {
		flow_devices_free(&network.devices);
		log_error("no memory for the fast path", "network", source->name);
		return;
	}
	fast_path_set_network(fast_path, &network, ended);
}
