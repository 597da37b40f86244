/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/trace_read.h"

#include "common/auto.h"
#include "common/netlink/netns.h"
#include "common/netlink/nl.h"
#include "common/netlink/sysctl.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Without the kernel ------------------------------------------------------------------ */

static const struct state_family *family_with(const struct state_network *network, uint8_t family)
{
	for (size_t i = 0; i < network->family_len; i++)
		if (network->family[i].cluster.addr.family == family)
			return &network->family[i];
	return NULL;
}

static bool is_inside(const struct state_network *network, const struct ipaddr *addr)
{
	const struct state_family *family = family_with(network, addr->family);

	return family && prefix_has(&family->cluster, addr);
}

/*
 * The network that contains the address: the container's, or else a routed one, since L2 networks
 * may have the addresses of others; or else the container's, which need not contain it.
 */
static const struct state_network *network_of(const struct trace_request *request)
{
	const struct inventory_networks *networks = &request->inventory->networks;
	const struct state_network *own = NULL, *inside = NULL;

	for (size_t i = 0; i < networks->len; i++) {
		const struct state_network *network = &networks->at[i].state;

		if (request->from && !strcmp(network->name, request->from->network))
			own = network;
		if (is_inside(network, &request->to) && (!inside || (inside->l2 && !network->l2)))
			inside = network;
	}
	return own && (!inside || is_inside(own, &request->to)) ? own : inside;
}

static void find_network(const struct trace_request *request, struct trace_facts *facts)
{
	facts->network = network_of(request);
	if (!facts->network)
		return;
	facts->family = family_with(facts->network, request->to.family);
	facts->inside = is_inside(facts->network, &request->to);
	facts->local = facts->inside && prefix_has(&facts->family->subnet, &request->to);
}

static void find_local(const struct trace_request *request, struct trace_facts *facts)
{
	const struct inventory_containers *containers = &request->inventory->containers;

	for (size_t i = 0; facts->local && i < containers->len; i++) {
		const struct inventory_container *at = &containers->at[i];

		for (size_t k = 0; !at->ended && k < at->attachment.address_len; k++) {
			if (!ipaddr_equal(&at->attachment.addresses[k], &request->to))
				continue;
			facts->local_container = at->attachment.container_id;
			facts->local_mac = at->attachment.port.mac;
			snprintf(facts->local_port_name, sizeof(facts->local_port_name), "%s",
				 at->attachment.host_veth);
		}
	}
}

int trace_read_request(const struct trace_request *request, struct trace_facts *facts_out,
		       struct err *err)
{
	struct trace_facts facts = { .to = request->to, .forwarding = -1 };
	const struct attachment *from = request->from ? &request->from->attachment : NULL;

	find_network(request, &facts);
	/* The gateway is an address of this host. */
	if (facts.local && ipaddr_equal(&facts.family->gateway, &request->to))
		facts.local = facts.inside = false;
	find_local(request, &facts);
	for (size_t i = 0; from && i < from->address_len; i++)
		if (from->addresses[i].family == request->to.family &&
		    !ipaddr_is_set(&facts.source))
			facts.source = from->addresses[i];
	if (from) {
		if (!ipaddr_is_set(&facts.source))
			return err_set(err, ERR_CONFIG, "container %s has no %s address",
				       ERR_SHOW(from->container_id),
				       request->to.family == AF_INET6 ? "IPv6" : "IPv4");
		facts.from = from->container_id;
		facts.netns = from->netns;
		snprintf(facts.ifname, sizeof(facts.ifname), "%s", from->ifname);
		snprintf(facts.port_name, sizeof(facts.port_name), "%s", from->host_veth);
	}
	*facts_out = facts;
	return 0;
}

/* ---- Look-ups ---------------------------------------------------------------------------- */

static int read_device(struct nl *nl, const char *name, struct trace_device *device,
		       struct err *err)
{
	device->found = *name ? link_get(nl, name, &device->link, err) : 0;
	return device->found < 0 ? -1 : 0;
}

static int read_device_index(struct nl *nl, uint32_t index, struct trace_device *device,
			     struct err *err)
{
	device->found = index ? link_get_index(nl, index, &device->link, err) : 0;
	return device->found < 0 ? -1 : 0;
}

static int read_route(struct nl *nl, const struct route_request *request, struct trace_route *route,
		      struct err *err)
{
	struct trace_device device = { .found = 0 };

	route->read = true;
	route->found = route_find(nl, request, &route->reply, err);
	if (route->found < 0 ||
	    (route->found && read_device_index(nl, route->reply.route.index, &device, err) < 0))
		return -1;
	if (device.found)
		snprintf(route->device, sizeof(route->device), "%s", device.link.name);
	return 0;
}

static int read_neigh(struct nl *nl, uint32_t index, const struct ipaddr *addr,
		      struct trace_neigh *neigh, struct err *err)
{
	neigh->read = true;
	neigh->addr = *addr;
	neigh->found = neigh_get(nl, index, addr, &neigh->neigh, err);
	return neigh->found < 0 ? -1 : 0;
}

/* The gateway of the route, or the address itself on the link. */
static const struct ipaddr *hop_of(const struct trace_route *route, const struct ipaddr *to)
{
	const struct ipaddr *gateway = &route->reply.route.gateway;

	return ipaddr_is_set(gateway) ? gateway : to;
}

/* In the container's namespace, with a socket of its own. */
static int read_inside(void *ctx, struct err *err)
{
	struct trace_facts *facts = ctx;
	const struct route_request request = { .to = facts->to, .from = facts->source };
	AUTO(nl) struct nl *nl = NULL;

	if (nl_open(&nl, err) < 0 || read_device(nl, facts->ifname, &facts->container, err) < 0 ||
	    read_route(nl, &request, &facts->container_route, err) < 0)
		return -1;
	if (!facts->container_route.found || !facts->container.found ||
	    facts->container_route.reply.route.index != facts->container.link.index)
		return 0;
	return read_neigh(nl, facts->container.link.index,
			  hop_of(&facts->container_route, &facts->to), &facts->container_neigh,
			  err);
}

static int read_container(struct trace_facts *facts, struct err *err)
{
	AUTO(close) int fd = -1;
	AUTO(close) int home = -1;
	int found = netns_open(facts->netns, &fd, err);

	/* 0: with ERR_NETNS in err. */
	if (found <= 0 || netns_open_self(&home, err) < 0)
		return -1;
	return netns_run(fd, home, read_inside, facts, err);
}

/* ---- Rules ------------------------------------------------------------------------------- */

static void set_input(struct nft_packet *packet, const struct link *link)
{
	snprintf(packet->iifname, sizeof(packet->iifname), "%s", link->name);
	packet->has_iifgroup = true;
	packet->iifgroup = link->group;
}

static void set_output(struct nft_packet *packet, const struct link *link)
{
	snprintf(packet->oifname, sizeof(packet->oifname), "%s", link->name);
	packet->has_oifgroup = true;
	packet->oifgroup = link->group;
}

/* Before routing, the output device is not known. */
static int read_hook(struct nl *netfilter, enum chain_hook hook, const struct nft_packet *packet,
		     struct trace_rules *rules, struct err *err)
{
	struct nft_packet seen = *packet;

	if (rules->drops)
		return 0;
	if (hook == CHAIN_PREROUTING || hook == CHAIN_INPUT) {
		seen.oifname[0] = '\0';
		seen.has_oifgroup = false;
	}
	rules->read = true;
	rules->drops = chain_hook_drops(netfilter, hook, &seen, &rules->drop, err);
	rules->hook = chain_hook_name[hook];
	return rules->drops < 0 ? -1 : 0;
}

/* The packet of a container or of this host, before it enters the tunnel. */
static int read_rules(struct nl *nl, struct nl *netfilter, struct trace_facts *facts,
		      struct err *err)
{
	static const enum chain_hook forwarded[] = { CHAIN_PREROUTING, CHAIN_FORWARD,
						     CHAIN_POSTROUTING },
				     own[] = { CHAIN_OUTPUT, CHAIN_POSTROUTING };
	const enum chain_hook *hooks = facts->from ? forwarded : own;
	const size_t len = facts->from ? 3 : 2;
	struct nft_packet packet = {
		.nfproto = chain_nfproto(ipaddr_family(&facts->to)),
		.source = facts->source,
		.destination = facts->to,
		.ct_state = NFT_CT_NEW,
	};
	struct trace_device output = { .found = 0 };

	if (facts->from && facts->bridge.found)
		set_input(&packet, &facts->bridge.link);
	if (read_device_index(nl, facts->route.reply.route.index, &output, err) < 0)
		return -1;
	if (output.found)
		set_output(&packet, &output.link);
	for (size_t i = 0; i < len; i++)
		if (read_hook(netfilter, hooks[i], &packet, &facts->rules, err) < 0)
			return -1;
	return 0;
}

/* The tunnel packet to the remote node, and the one from it. */
static int read_tunnel_rules(struct nl *netfilter, struct trace_facts *facts, struct err *err)
{
	const struct link_vxlan *vxlan = &facts->vxlan.link.vxlan;
	struct nft_packet packet = {
		.nfproto = chain_nfproto(ipaddr_family(&facts->vxlan_fdb.fdb.vtep)),
		.l4proto = IPPROTO_UDP,
		.dport = vxlan->port,
		.source = vxlan->local,
		.destination = facts->vxlan_fdb.fdb.vtep,
		.ct_state = NFT_CT_UNTRACKED,
		.has_vni = true,
		.vni = vxlan->vni,
	};
	struct nft_packet reply = packet;

	if (facts->uplink.found) {
		set_output(&packet, &facts->uplink.link);
		set_input(&reply, &facts->uplink.link);
	}
	reply.source = facts->vxlan_fdb.fdb.vtep;
	reply.destination = vxlan->local;
	if (read_hook(netfilter, CHAIN_OUTPUT, &packet, &facts->outer, err) < 0 ||
	    read_hook(netfilter, CHAIN_POSTROUTING, &packet, &facts->outer, err) < 0 ||
	    read_hook(netfilter, CHAIN_PREROUTING, &reply, &facts->reply, err) < 0)
		return -1;
	return read_hook(netfilter, CHAIN_INPUT, &reply, &facts->reply, err);
}

/* ---- The host ---------------------------------------------------------------------------- */

static int read_forwarding(const struct trace_facts *facts)
{
	char path[128], value[SYSCTL_VALUE_SIZE];
	struct err ignored;

	snprintf(path, sizeof(path), "net/%s/conf/%s/forwarding",
		 facts->to.family == AF_INET6 ? "ipv6" : "ipv4", facts->network->bridge);
	return sysctl_read(path, value, &ignored) < 0 ? -1 : (int)strtol(value, NULL, 10);
}

static int read_bridge(struct nl *nl, struct trace_facts *facts, struct err *err)
{
	if (!facts->network)
		return 0;
	facts->forwarding = read_forwarding(facts);
	if (read_device(nl, facts->network->bridge, &facts->bridge, err) < 0 ||
	    read_device(nl, facts->port_name, &facts->port, err) < 0)
		return -1;
	return facts->local_container ?
		       read_device(nl, facts->local_port_name, &facts->local_port, err) :
		       0;
}

/* The underlay: the route to the remote node, its device and its next hop. */
static int read_underlay(struct nl *nl, struct trace_facts *facts, struct err *err)
{
	const struct route_request request = {
		.to = facts->vxlan_fdb.fdb.vtep,
		.from = facts->vxlan.link.vxlan.local,
	};

	if (read_route(nl, &request, &facts->underlay, err) < 0)
		return -1;
	facts->next_hop.addr = *hop_of(&facts->underlay, &request.to);
	if (!facts->underlay.found)
		return 0;
	if (read_device_index(nl, facts->underlay.reply.route.index, &facts->uplink, err) < 0)
		return -1;
	return read_neigh(nl, facts->underlay.reply.route.index,
			  hop_of(&facts->underlay, &request.to), &facts->next_hop, err);
}

/* The vxlan device that the bridge's entry leads to; else the network's. */
static int read_vxlan(struct nl *nl, const struct mac *mac, struct trace_facts *facts,
		      struct err *err)
{
	struct trace_device port = { .found = 0 };

	if (read_device(nl, facts->network->vxlan, &facts->vxlan, err) < 0)
		return -1;
	if (!facts->vxlan.found)
		return 0;
	facts->bridge_fdb.read = facts->vxlan.link.master != 0;
	if (facts->bridge_fdb.read)
		facts->bridge_fdb.found = neigh_fdb_get(nl, facts->vxlan.link.index, mac,
							&facts->bridge_fdb.fdb, err);
	if (facts->bridge_fdb.found < 0)
		return -1;
	if (facts->bridge_fdb.found &&
	    read_device_index(nl, facts->bridge_fdb.fdb.index, &port, err) < 0)
		return -1;
	if (port.found && port.link.kind == LINK_KIND_VXLAN)
		facts->vxlan = port;
	facts->vxlan_fdb.read = true;
	facts->vxlan_fdb.found = neigh_vxlan_get(nl, facts->vxlan.link.index, mac,
						 &facts->vxlan_fdb.fdb, err);
	return facts->vxlan_fdb.found < 0 ? -1 : 0;
}

static int read_tunnel(struct nl *nl, struct nl *netfilter, struct trace_facts *facts,
		       struct err *err)
{
	const bool routed = facts->route.found &&
			    facts->route.reply.route.index == facts->bridge.link.index;
	const struct ipaddr *hop = routed ? hop_of(&facts->route, &facts->to) :
					    &facts->peer.subnet.addr;
	const struct mac *mac = &facts->peer.vtep_mac;

	if (!facts->bridge.found || (!routed && !facts->peer.found))
		return 0;
	if (read_neigh(nl, facts->bridge.link.index, hop, &facts->neigh, err) < 0)
		return -1;
	if (facts->neigh.found && !mac_is_zero(&facts->neigh.neigh.mac))
		mac = &facts->neigh.neigh.mac;
	if (mac_is_zero(mac))
		return 0;
	if (read_vxlan(nl, mac, facts, err) < 0)
		return -1;
	if (!facts->vxlan_fdb.found || !ipaddr_is_set(&facts->vxlan_fdb.fdb.vtep))
		return 0;
	if (read_underlay(nl, facts, err) < 0)
		return -1;
	return read_tunnel_rules(netfilter, facts, err);
}

int trace_read_kernel(const struct trace_request *request, struct trace_facts *facts,
		      struct err *err)
{
	AUTO(nl) struct nl *nl = NULL;
	AUTO(nl) struct nl *netfilter = NULL;
	struct route_request route = { .to = facts->to, .from = facts->source };

	if (request->from && read_container(facts, err) < 0)
		return -1;
	if (nl_open(&nl, err) < 0 || nl_open_netfilter(&netfilter, err) < 0 ||
	    read_bridge(nl, facts, err) < 0)
		return -1;
	if (facts->local)
		return 0;
	if (request->from)
		route.input = facts->bridge.link.index;
	if (read_route(nl, &route, &facts->route, err) < 0)
		return -1;
	if (request->from &&
	    read_route(nl, &(struct route_request){ .to = facts->source }, &facts->back, err) < 0)
		return -1;
	if (!request->from && facts->route.found)
		facts->source = facts->route.reply.route.source;
	if (read_rules(nl, netfilter, facts, err) < 0)
		return -1;
	return facts->inside ? read_tunnel(nl, netfilter, facts, err) : 0;
}
