/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/trace.h"

#include "common/array.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_SIZE TRACE_TEXT_SIZE
#define OVERHEAD_V4 50 /* Ethernet 14, IPv4 20, UDP 8, VXLAN 8 (RFC 7348) */
#define OVERHEAD_V6 70
#define BR_STATE_FORWARDING 3

struct trace {
	const struct trace_facts *facts;
	struct jb_at steps;
	char place[64];
	struct trace_loss *loss;
};

/* ---- Steps ------------------------------------------------------------------------------- */

static const struct {
	const char *step, *explain;
} explanations[] = {
	{ "interface",
	  "The container's only link to the host is a pair of virtual Ethernet devices "
	  "(veth). Its own end carries its addresses." },
	{ "route",
	  "The routing table gives the device and the next hop for the destination. On the "
	  "host, weftd keeps one route for each remote node's subnet." },
	{ "neighbour",
	  "The next hop's IP address is translated into a MAC address: by ARP or neighbour "
	  "discovery, or by a permanent entry. weftd installs one permanent entry for each "
	  "remote node: the node's VTEP MAC." },
	{ "port",
	  "The host's end of the veth pair is a port of the bridge: what the container sends "
	  "enters the bridge here." },
	{ "bridge", "The bridge switches frames between its ports by MAC address. A frame to the "
		    "bridge's own MAC is passed up to the host and routed." },
	{ "forwarding",
	  "A host routes packets of others only if forwarding is enabled on the device that "
	  "they arrive through." },
	{ "rules",
	  "Packet filters see the packet at this hook. One chain that drops it is sufficient, "
	  "whichever program installed it." },
	{ "lease",
	  "A node owns a subnet by a lease in the store. Its lease has the VTEP MAC and the "
	  "underlay address to which packets for the subnet are sent." },
	{ "container", "The frame leaves through the port of the container that has the address." },
	{ "fdb",
	  "The bridge's forwarding database maps the destination MAC to a port. VTEP MACs are "
	  "behind the vxlan device's port." },
	{ "vxlan",
	  "The vxlan device's own forwarding database maps the destination MAC to the underlay "
	  "address of the remote node. The device puts the whole frame into a UDP packet "
	  "(RFC 7348)." },
	{ "underlay", "The UDP packet is routed like any other packet of this host." },
	{ "mtu",
	  "The outer headers need 50 bytes over IPv4 and 70 over IPv6. Packets that no longer fit "
	  "are lost without notice on many networks." },
	{ "reply",
	  "Packets from the remote node arrive as UDP packets of its underlay address. The "
	  "tunnel guard accepts only those of peers." },
	{ "outside", "The destination is in no network of this node: the packet leaves without the "
		     "tunnel." },
	{ "compare", "The kernel's entries are compared with the leases in the store." },
};

static const char *explain(const char *step)
{
	for (size_t i = 0; i < ARRAY_LEN(explanations); i++)
		if (!strcmp(explanations[i].step, step))
			return explanations[i].explain;
	return "";
}

enum step_state { STEP_OK, STEP_WARNING, STEP_LOST };

__attribute__((format(printf, 5, 6))) static void add_step(struct trace *trace, const char *step,
							   enum step_state state,
							   const char *remedy, const char *format,
							   ...)
{
	static const char *const states[] = { "ok", "warning", "lost" };
	struct jb_at at = jb_obj(trace->steps, NULL);
	char text[TEXT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	jb_str(at, "place", trace->place);
	jb_str(at, "step", step);
	jb_str(at, "state", states[state]);
	jb_str(at, "text", text);
	jb_str(at, "remedy", remedy);
	jb_str(at, "explain", explain(step));
	if (state != STEP_LOST || *trace->loss->step)
		return;
	snprintf(trace->loss->step, sizeof(trace->loss->step), "%s", step);
	memcpy(trace->loss->text, text, sizeof(text));
	snprintf(trace->loss->remedy, sizeof(trace->loss->remedy), "%s", remedy);
}

#define ok(trace, step, ...) add_step(trace, step, STEP_OK, "", __VA_ARGS__)
#define warn(trace, step, remedy, ...) add_step(trace, step, STEP_WARNING, remedy, __VA_ARGS__)
#define lost(trace, step, remedy, ...) add_step(trace, step, STEP_LOST, remedy, __VA_ARGS__)

__attribute__((format(printf, 2, 3))) static void enter(struct trace *trace, const char *format,
							...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(trace->place, sizeof(trace->place), format, args);
	va_end(args);
}

/* Valid to the end of the block, as LOG_NUM of log.h. */
#define ADDR(addr) ipaddr_text(addr, (char[IPADDR_TEXT_SIZE]){ 0 })
#define MAC(mac) mac_text(mac, (char[MAC_TEXT_SIZE]){ 0 })
#define PREFIX(prefix) prefix_text(prefix, (char[PREFIX_TEXT_SIZE]){ 0 })
#define REMEDY(...) remedy_text((char[TEXT_SIZE]){ 0 }, __VA_ARGS__)

__attribute__((format(printf, 2, 3))) static const char *remedy_text(char buf[static TEXT_SIZE],
								     const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(buf, TEXT_SIZE, format, args);
	va_end(args);
	return buf;
}

/* "10.5.2.0/24 via 10.5.2.0 dev weft-br1". */
static const char *route_text(char buf[static TEXT_SIZE], const struct trace_route *at)
{
	const struct route *entry = at->reply.has_entry ? &at->reply.entry : &at->reply.route;
	const bool via = ipaddr_is_set(&at->reply.route.gateway);

	snprintf(buf, TEXT_SIZE, "%s%s%s dev %s",
		 entry->dst.len || !at->reply.has_entry ? PREFIX(&entry->dst) : "default",
		 via ? " via " : "", via ? ADDR(&at->reply.route.gateway) : "", at->device);
	return buf;
}

/* Why a route of the type delivers nothing; NULL: it delivers. */
static const char *bad_type(uint8_t type)
{
	switch (type) {
	case RTN_UNREACHABLE:
		return "unreachable";
	case RTN_BLACKHOLE:
		return "blackhole";
	case RTN_PROHIBIT:
		return "prohibit";
	case RTN_THROW:
		return "throw";
	default:
		return NULL;
	}
}

static bool is_up(const struct link *link)
{
	return link->flags & IFF_UP;
}

/* ---- In the container -------------------------------------------------------------------- */

static bool step_interface(struct trace *trace)
{
	const struct trace_facts *facts = trace->facts;
	const struct trace_device *device = &facts->container;

	if (!device->found) {
		lost(trace, "interface", "delete the container and create it again",
		     "the container has no device %s", facts->ifname);
		return false;
	}
	if (!is_up(&device->link))
		lost(trace, "interface",
		     REMEDY("nsenter --net=%s ip link set %s up", facts->netns, facts->ifname),
		     "%s is down", facts->ifname);
	else
		ok(trace, "interface", "%s %s, MAC %s, MTU %" PRIu32, facts->ifname,
		   ADDR(&facts->source), MAC(&device->link.mac), device->link.mtu);
	return true;
}

/* Returns whether the packet leaves through the interface. */
static bool step_container_route(struct trace *trace)
{
	const struct trace_facts *facts = trace->facts;
	const struct trace_route *route = &facts->container_route;
	char text[TEXT_SIZE];
	const char *bad = bad_type(route->reply.type);

	if (!route->found || bad) {
		lost(trace, "route",
		     REMEDY("nsenter --net=%s ip route replace default via %s dev %s", facts->netns,
			    facts->family ? ADDR(&facts->family->gateway) : "GATEWAY",
			    facts->ifname),
		     "the container has no route to %s: %s", ADDR(&facts->to),
		     bad ? bad : strerror(route->reply.sys_errno));
		return false;
	}
	if (route->reply.type == RTN_LOCAL) {
		ok(trace, "route", "%s is the container's own address", ADDR(&facts->to));
		return false;
	}
	if (strcmp(route->device, facts->ifname) != 0) {
		warn(trace, "route", "check the container's other interfaces and routes",
		     "%s leaves through another interface: %s", ADDR(&facts->to),
		     route_text(text, route));
		return false;
	}
	ok(trace, "route", "%s", route_text(text, route));
	return true;
}

/* The MAC that the container must send to; NULL: unknown. */
static const struct mac *expected_mac(const struct trace_facts *facts)
{
	if (facts->local && !ipaddr_is_set(&facts->container_route.reply.route.gateway))
		return facts->local_container ? &facts->local_mac : NULL;
	return facts->bridge.found ? &facts->bridge.link.mac : NULL;
}

static void step_container_neigh(struct trace *trace)
{
	const struct trace_facts *facts = trace->facts;
	const struct trace_neigh *at = &facts->container_neigh;
	const struct mac *want = expected_mac(facts);
	const char *remedy = REMEDY("nsenter --net=%s ip neigh del %s dev %s", facts->netns,
				    ADDR(&at->addr), facts->ifname);

	if (!at->read)
		return;
	if (!at->found || mac_is_zero(&at->neigh.mac)) {
		if (at->found && at->neigh.state & NUD_FAILED)
			warn(trace, "neighbour", remedy, "%s did not answer the last request",
			     ADDR(&at->addr));
		else
			ok(trace, "neighbour", "%s is resolved by the first packet",
			   ADDR(&at->addr));
		return;
	}
	if (want && mac_cmp(want, &at->neigh.mac) != 0)
		lost(trace, "neighbour", remedy, "%s is at %s in the container, but its MAC is %s",
		     ADDR(&at->addr), MAC(&at->neigh.mac), MAC(want));
	else
		ok(trace, "neighbour", "%s is at %s", ADDR(&at->addr), MAC(&at->neigh.mac));
}

/* ---- The bridge -------------------------------------------------------------------------- */

/* A container's device on the host. */
static void check_port(struct trace *trace, const char *step, const struct trace_device *port,
		       const char *name, const char *container)
{
	const struct trace_facts *facts = trace->facts;
	const char *bridge = facts->network->bridge;

	if (!port->found)
		lost(trace, step, "delete the container and create it again",
		     "the device %s of %s does not exist", name, container);
	else if (!is_up(&port->link))
		lost(trace, step, REMEDY("ip link set %s up", name), "%s is down", name);
	else if (!facts->bridge.found || port->link.master != facts->bridge.link.index)
		lost(trace, step, REMEDY("ip link set %s master %s", name, bridge),
		     "%s is not a port of %s", name, bridge);
	else if (port->link.is_port && port->link.port.state != BR_STATE_FORWARDING)
		lost(trace, step, REMEDY("bridge link set dev %s state 3", name),
		     "port %s of %s is not in the state forwarding", name, bridge);
	else
		ok(trace, step, "%s is a port of %s%s", name, bridge,
		   port->link.port.isolated ? ", isolated from other ports" : "");
}

/* Returns whether there is a bridge. */
static bool step_bridge(struct trace *trace)
{
	const struct trace_facts *facts = trace->facts;
	const char *name = facts->network->bridge;

	if (!facts->bridge.found)
		lost(trace, "bridge", "systemctl restart weftd: it creates the bridge again",
		     "%s does not exist", name);
	else if (!is_up(&facts->bridge.link))
		lost(trace, "bridge", REMEDY("ip link set %s up", name), "%s is down", name);
	else
		ok(trace, "bridge", "%s, MAC %s, MTU %" PRIu32, name, MAC(&facts->bridge.link.mac),
		   facts->bridge.link.mtu);
	return facts->bridge.found;
}

static void step_local(struct trace *trace)
{
	const struct trace_facts *facts = trace->facts;
	const bool bridged = facts->from &&
			     !ipaddr_is_set(&facts->container_route.reply.route.gateway);

	if (!facts->local_container) {
		lost(trace, "container", "check the address: weftctl pods lists those of this node",
		     "%s is in this node's subnet %s, and no container has it", ADDR(&facts->to),
		     PREFIX(&facts->family->subnet));
		return;
	}
	enter(trace, "container %.48s", facts->local_container);
	check_port(trace, "container", &facts->local_port, facts->local_port_name,
		   facts->local_container);
	if (bridged && facts->port.link.port.isolated && facts->local_port.link.port.isolated)
		lost(trace, "port", "containers with portIsolation cannot reach each other",
		     "both ports are isolated");
}

/* ---- Routing ----------------------------------------------------------------------------- */

static void step_forwarding(struct trace *trace)
{
	const struct trace_facts *facts = trace->facts;
	const bool v6 = facts->to.family == AF_INET6;

	if (facts->forwarding == 0)
		lost(trace, "forwarding",
		     REMEDY("sysctl -w net.ipv%c.conf.%s.forwarding=1", v6 ? '6' : '4',
			    facts->network->bridge),
		     "net.ipv%c.conf.%s.forwarding is 0", v6 ? '6' : '4', facts->network->bridge);
	else if (facts->forwarding > 0)
		ok(trace, "forwarding", "packets from %s are forwarded", facts->network->bridge);
}

static void step_lease(struct trace *trace)
{
	const struct trace_facts *facts = trace->facts;
	const struct trace_peer *peer = &facts->peer;

	if (facts->store == TRACE_NOTHING)
		warn(trace, "compare", "systemctl start weftd",
		     "the entries are not compared with the store: %s", facts->store_error);
	else if (!peer->found)
		lost(trace, "lease",
		     "weftctl leases lists all leases: start weftd on the node that has the address",
		     "no node leases a subnet that contains %s", ADDR(&facts->to));
	else if (*peer->refused)
		lost(trace, "lease", "fix what that node publishes",
		     "the lease of %s (%s) is refused: %s", PREFIX(&peer->subnet),
		     *peer->name ? peer->name : "an unnamed node", peer->refused);
	else
		ok(trace, "lease", "%s is leased by %s, VTEP MAC %s, %s", PREFIX(&peer->subnet),
		   *peer->name ? peer->name : "an unnamed node", MAC(&peer->vtep_mac),
		   ADDR(&peer->public_ip[ipaddr_is_set(&peer->public_ip[FAMILY_V4]) ? FAMILY_V4 :
										      FAMILY_V6]));
}

/* The command that installs the route to the peer. */
static const char *route_remedy(char buf[static TEXT_SIZE], const struct trace_facts *facts)
{
	if (!facts->peer.found)
		return "";
	snprintf(buf, TEXT_SIZE, "ip route replace %s via %s dev %s onlink src %s proto 0x%x",
		 PREFIX(&facts->peer.subnet), ADDR(&facts->peer.subnet.addr),
		 facts->network->bridge, ADDR(&facts->family->gateway), ROUTE_PROTOCOL);
	return buf;
}

/* Whether the route is the one for the peer's subnet. */
static bool is_peer_route(const struct trace_facts *facts)
{
	const struct route_reply *reply = &facts->route.reply;

	return !reply->has_entry || prefix_equal(&reply->entry.dst, &facts->peer.subnet);
}

static bool is_direct(const struct trace_facts *facts)
{
	const struct route_reply *reply = &facts->route.reply;

	return reply->has_entry && reply->entry.protocol == ROUTE_PROTOCOL &&
	       strcmp(facts->route.device, facts->network->bridge) != 0;
}

/* Whether the kernel's check of the source can have refused the packet. */
static bool is_source_error(int error)
{
	return error == EINVAL || error == EXDEV;
}

/* Replies need a route to the container, and so does its packet if rp_filter is set. */
static bool has_way_back(const struct trace_facts *facts)
{
	const struct trace_route *back = &facts->back;

	return !back->read || (back->found && !bad_type(back->reply.type) &&
			       !strcmp(back->device, facts->network->bridge));
}

static void report_way_back(struct trace *trace, bool refused)
{
	const struct trace_facts *facts = trace->facts;
	const struct trace_route *back = &facts->back;
	const int error = back->reply.sys_errno;
	char text[TEXT_SIZE];

	/* For an output route, the kernel reports a blackhole as EINVAL. */
	if (back->found)
		route_text(text, back);
	else
		snprintf(text, sizeof(text), "%s",
			 error == EINVAL ? "a blackhole" : strerror(error));
	lost(trace, "route",
	     REMEDY("remove the route or the policy rule that leads elsewhere: ip route get %s; "
		    "ip rule",
		    ADDR(&facts->source)),
	     "%s: the kernel's route to %s is %s",
	     refused ? "the kernel refuses the packet for its source" :
		       "replies do not reach the container",
	     ADDR(&facts->source), text);
}

/* Returns whether the packet enters the tunnel. */
static bool step_route(struct trace *trace)
{
	const struct trace_facts *facts = trace->facts;
	const struct trace_route *route = &facts->route;
	const char *bad = bad_type(route->reply.type);
	char text[TEXT_SIZE], remedy[TEXT_SIZE];

	if (!has_way_back(facts) && (route->found || is_source_error(route->reply.sys_errno))) {
		report_way_back(trace, !route->found);
		if (!route->found)
			return facts->peer.found;
	}
	if (!route->found || bad) {
		lost(trace, "route", route_remedy(remedy, facts), "no route to %s: %s",
		     ADDR(&facts->to), bad ? bad : strerror(route->reply.sys_errno));
		return facts->peer.found;
	}
	if (facts->inside && facts->peer.found && !is_peer_route(facts)) {
		lost(trace, "route", route_remedy(remedy, facts),
		     "no route to the subnet %s of %s: the kernel uses %s",
		     PREFIX(&facts->peer.subnet), facts->peer.name, route_text(text, route));
		return true;
	}
	if (facts->inside && !is_direct(facts) &&
	    strcmp(route->device, facts->network->bridge) != 0) {
		lost(trace, "route", route_remedy(remedy, facts),
		     "the packet does not enter the tunnel: the kernel uses %s",
		     route_text(text, route));
		return facts->peer.found;
	}
	ok(trace, "route", "%s", route_text(text, route));
	return facts->inside && !is_direct(facts);
}

/* A drop of a hook; who is "packets" or the like. */
static void check_rules(struct trace *trace, const char *step, const struct trace_rules *rules,
			const char *what)
{
	const struct chain_hook_drop *drop = &rules->drop;
	const bool own = !strcmp(drop->table, "weft");
	const char *remedy;

	if (!rules->read)
		return;
	if (!rules->drops) {
		ok(trace, step, "no chain drops %s", what);
		return;
	}
	if (own)
		remedy =
			"systemctl restart weftd: it installs its rules again; weftctl peers has the "
			"accepted nodes";
	else if (drop->drop.handle)
		remedy = REMEDY("nft delete rule %s %s %s handle %" PRIu64, drop->family,
				drop->table, drop->drop.chain, drop->drop.handle);
	else
		remedy = REMEDY("accept the packets in that chain, or: nft chain %s %s %s "
				"'{ policy accept; }'",
				drop->family, drop->table, drop->base);
	lost(trace, step, remedy, "%s %s %s drops %s at the hook %s (%s%.0" PRIu64 ")",
	     drop->family, drop->table, drop->drop.chain, what, rules->hook,
	     drop->drop.handle ? "rule handle " : "policy", drop->drop.handle);
}

/* ---- The tunnel -------------------------------------------------------------------------- */

static const char *neigh_remedy(char buf[static TEXT_SIZE], const struct trace_facts *facts)
{
	if (!facts->peer.found)
		return "systemctl restart weftd";
	snprintf(buf, TEXT_SIZE, "ip neigh replace %s lladdr %s nud permanent dev %s",
		 ADDR(&facts->neigh.addr), MAC(&facts->peer.vtep_mac), facts->network->bridge);
	return buf;
}

/* Returns whether the MAC of the next hop is known. */
static bool step_neigh(struct trace *trace)
{
	const struct trace_facts *facts = trace->facts;
	const struct trace_neigh *at = &facts->neigh;
	const struct trace_peer *peer = &facts->peer;
	char remedy[TEXT_SIZE];

	if (!at->read)
		return false;
	if (!at->found || mac_is_zero(&at->neigh.mac)) {
		lost(trace, "neighbour", neigh_remedy(remedy, facts), "no entry of %s on %s",
		     ADDR(&at->addr), facts->network->bridge);
		return peer->found;
	}
	if (peer->found && mac_cmp(&at->neigh.mac, &peer->vtep_mac) != 0)
		lost(trace, "neighbour", neigh_remedy(remedy, facts),
		     "%s is at %s, but the VTEP MAC of %s is %s", ADDR(&at->addr),
		     MAC(&at->neigh.mac), *peer->name ? peer->name : "the node",
		     MAC(&peer->vtep_mac));
	else
		ok(trace, "neighbour", "%s is at %s", ADDR(&at->addr), MAC(&at->neigh.mac));
	return true;
}

/* The MAC of the frame, as the kernel has it, or else as it should be. */
static const struct mac *frame_mac(const struct trace_facts *facts)
{
	return facts->neigh.found && !mac_is_zero(&facts->neigh.neigh.mac) ?
		       &facts->neigh.neigh.mac :
		       &facts->peer.vtep_mac;
}

static void step_bridge_fdb(struct trace *trace)
{
	const struct trace_facts *facts = trace->facts;
	const struct mac *mac = frame_mac(facts);
	const char *remedy = REMEDY("bridge fdb replace %s dev %s master sticky static", MAC(mac),
				    facts->network->vxlan);

	if (!facts->bridge_fdb.read)
		return;
	if (!facts->bridge_fdb.found)
		lost(trace, "fdb", remedy,
		     "%s has no entry of %s, and the port of the tunnel is not "
		     "flooded",
		     facts->network->bridge, MAC(mac));
	else if (!facts->vxlan.found || facts->bridge_fdb.fdb.index != facts->vxlan.link.index)
		lost(trace, "fdb", remedy, "%s is behind another port than the vxlan device",
		     MAC(mac));
	else
		ok(trace, "fdb", "%s is behind port %s", MAC(mac), facts->vxlan.link.name);
}

static bool is_public(const struct trace_peer *peer, const struct ipaddr *vtep)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (ipaddr_is_set(&peer->public_ip[f]) && ipaddr_equal(&peer->public_ip[f], vtep))
			return true;
	return false;
}

static const char *vtep_remedy(char buf[static TEXT_SIZE], const struct trace_facts *facts)
{
	const bool v6 = facts->vxlan.link.vxlan.local.family == AF_INET6;

	if (!facts->peer.found)
		return "systemctl restart weftd";
	snprintf(buf, TEXT_SIZE, "bridge fdb replace %s dev %s dst %s self sticky static",
		 MAC(&facts->peer.vtep_mac), facts->vxlan.link.name,
		 ADDR(&facts->peer.public_ip[v6 ? FAMILY_V6 : FAMILY_V4]));
	return buf;
}

/* Returns whether the remote node's address is known. */
static bool step_vxlan(struct trace *trace)
{
	const struct trace_facts *facts = trace->facts;
	const struct link *link = &facts->vxlan.link;
	char remedy[TEXT_SIZE];

	if (!facts->vxlan.found) {
		lost(trace, "vxlan", "systemctl restart weftd: it creates the device again",
		     "%s does not exist", facts->network->vxlan);
		return false;
	}
	if (!is_up(link)) {
		lost(trace, "vxlan", REMEDY("ip link set %s up", link->name), "%s is down",
		     link->name);
	} else if (link->master != facts->bridge.link.index) {
		lost(trace, "vxlan",
		     REMEDY("ip link set %s master %s", link->name, facts->network->bridge),
		     "%s is not a port of %s", link->name, facts->network->bridge);
	} else {
		ok(trace, "vxlan", "%s, VNI %" PRIu32 ", UDP port %u, from %s", link->name,
		   link->vxlan.vni, link->vxlan.port, ADDR(&link->vxlan.local));
	}
	if (!facts->vxlan_fdb.read)
		return false;
	if (!facts->vxlan_fdb.found || !ipaddr_is_set(&facts->vxlan_fdb.fdb.vtep)) {
		lost(trace, "vxlan", vtep_remedy(remedy, facts), "%s has no entry of %s",
		     link->name, MAC(frame_mac(facts)));
		return false;
	}
	if (facts->peer.found && !is_public(&facts->peer, &facts->vxlan_fdb.fdb.vtep))
		lost(trace, "vxlan", vtep_remedy(remedy, facts),
		     "%s is sent to %s, which is not an address of %s", MAC(frame_mac(facts)),
		     ADDR(&facts->vxlan_fdb.fdb.vtep),
		     *facts->peer.name ? facts->peer.name : "the node");
	else
		ok(trace, "vxlan", "%s is at %s", MAC(frame_mac(facts)),
		   ADDR(&facts->vxlan_fdb.fdb.vtep));
	return true;
}

/* ---- The underlay ------------------------------------------------------------------------ */

static void check_mtu(struct trace *trace)
{
	const struct trace_facts *facts = trace->facts;
	const struct route *route = &facts->underlay.reply.route;
	const uint32_t over = facts->vxlan_fdb.fdb.vtep.family == AF_INET6 ? OVERHEAD_V6 :
									     OVERHEAD_V4;
	uint32_t path = facts->uplink.link.mtu, inner = facts->bridge.link.mtu;

	if (facts->container.found)
		inner = facts->container.link.mtu;
	if (route->mtu && route->mtu < path)
		path = route->mtu;
	if (facts->peer.mtu && inner > facts->peer.mtu && !facts->route.reply.entry.mtu)
		warn(trace, "mtu", "lower the MTU of this node, or raise that of the other one",
		     "packets may have %" PRIu32 " bytes, the MTU of %s is %" PRIu32, inner,
		     facts->peer.name, facts->peer.mtu);
	if (inner + over > path)
		lost(trace, "mtu",
		     facts->uplink.link.mtu == path ?
			     REMEDY("ip link set %s mtu %" PRIu32
				    ", or lower Backend.MTU in the network "
				    "configuration",
				    facts->underlay.device, inner + over) :
			     "ip route show cache: raise the MTU of the path, or lower Backend.MTU",
		     "a packet of %" PRIu32 " bytes needs %" PRIu32
		     " in the tunnel, the path has %" PRIu32,
		     inner, inner + over, path);
	else
		ok(trace, "mtu",
		   "%" PRIu32 " and %" PRIu32 " bytes of outer headers fit into %" PRIu32, inner,
		   over, path);
}

static void step_underlay(struct trace *trace)
{
	const struct trace_facts *facts = trace->facts;
	const struct trace_route *route = &facts->underlay;
	const struct ipaddr *vtep = &facts->vxlan_fdb.fdb.vtep;
	const char *bad = bad_type(route->reply.type);
	char text[TEXT_SIZE];

	if (!route->read)
		return;
	enter(trace, "underlay %s", route->found ? route->device : "");
	check_rules(trace, "rules", &facts->outer, "tunnel packets that this node sends");
	if (!route->found || bad) {
		lost(trace, "underlay", "add a route to the other node, or a default route",
		     "no route to %s: %s", ADDR(vtep),
		     bad ? bad : strerror(route->reply.sys_errno));
		return;
	}
	if (facts->uplink.found && !(facts->uplink.link.flags & IFF_UP))
		lost(trace, "underlay", REMEDY("ip link set %s up", route->device), "%s is down",
		     route->device);
	else
		ok(trace, "underlay", "%s", route_text(text, route));
	if (facts->next_hop.found && facts->next_hop.neigh.state & NUD_FAILED)
		lost(trace, "underlay", "check that the host is up and on this link",
		     "%s does not answer on %s", ADDR(&facts->next_hop.addr), route->device);
	if (facts->uplink.found)
		check_mtu(trace);
}

static void put_outer(const struct trace_facts *facts, struct jb_at root)
{
	const struct link_vxlan *vxlan = &facts->vxlan.link.vxlan;
	const struct ipaddr *to = &facts->vxlan_fdb.fdb.vtep;
	struct jb_at at = jb_obj(root, "outer");

	jb_ipaddr(at, "source", &vxlan->local);
	jb_ipaddr(at, "destination", to);
	jb_u32(at, "port", vxlan->port);
	jb_u32(at, "vni", vxlan->vni);
	jb_str(at, "device", facts->underlay.device);
	if (facts->underlay.found)
		jb_ipaddr(at, "next_hop", &facts->next_hop.addr);
	jb_u32(at, "overhead", to->family == AF_INET6 ? OVERHEAD_V6 : OVERHEAD_V4);
	jb_mac(at, "inner_source_mac", &facts->bridge.link.mac);
	jb_mac(at, "inner_destination_mac", frame_mac(facts));
}

/* ---- All of it --------------------------------------------------------------------------- */

/* Returns whether the packet reaches the host's routing, or the bridge. */
static bool trace_container(struct trace *trace)
{
	const struct trace_facts *facts = trace->facts;

	enter(trace, "container %.48s", facts->from);
	if (!step_interface(trace) || !step_container_route(trace))
		return false;
	step_container_neigh(trace);
	enter(trace, "bridge %s", facts->network->bridge);
	check_port(trace, "port", &facts->port, facts->port_name, facts->from);
	return true;
}

/* The tunnel, and the way to the remote node. */
static void trace_tunnel(struct trace *trace, struct jb_at root)
{
	const struct trace_facts *facts = trace->facts;

	if (!step_neigh(trace))
		return;
	step_bridge_fdb(trace);
	enter(trace, "tunnel %s", facts->vxlan.found ? facts->vxlan.link.name : "");
	if (!step_vxlan(trace))
		return;
	step_underlay(trace);
	put_outer(facts, root);
	if (facts->peer.found && facts->reply.read) {
		enter(trace, "reply from %.40s", *facts->peer.name ? facts->peer.name : "the node");
		check_rules(trace, "reply", &facts->reply, "tunnel packets of that node");
	}
}

static void trace_host(struct trace *trace, struct jb_at root)
{
	const struct trace_facts *facts = trace->facts;

	if (!facts->from)
		enter(trace, "this host");
	if (facts->network && !step_bridge(trace) && facts->inside)
		return;
	if (facts->local) {
		step_local(trace);
		return;
	}
	if (facts->from)
		step_forwarding(trace);
	if (facts->inside)
		step_lease(trace);
	check_rules(trace, "rules", &facts->rules, "the packet");
	if (step_route(trace)) {
		trace_tunnel(trace, root);
	} else if (facts->route.found) {
		enter(trace, "underlay %s", facts->route.device);
		ok(trace, "outside", "the packet leaves through %s without the tunnel",
		   facts->route.device);
	}
}

bool trace_evaluate(const struct trace_facts *facts, struct jb_at root, struct trace_loss *loss_out)
{
	static const char *const sources[] = { "", "weftd", "snapshot" };
	struct trace trace = { .facts = facts, .loss = loss_out };

	*loss_out = (struct trace_loss){ .step = "" };
	jb_ipaddr(root, "to", &facts->to);
	jb_str(root, "from", facts->from ? facts->from : "");
	if (ipaddr_is_set(&facts->source))
		jb_ipaddr(root, "source", &facts->source);
	jb_str(root, "network", facts->network ? facts->network->name : "");
	jb_str(root, "compared_with", sources[facts->store]);
	trace.steps = jb_arr(root, "steps");
	if (!facts->from || trace_container(&trace))
		trace_host(&trace, root);
	jb_bool(root, "delivered", !*loss_out->step);
	jb_str(root, "lost_at", loss_out->step);
	return !*loss_out->step;
}
