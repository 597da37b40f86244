/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/doctor.h"

#include "common/array.h"
#include "ctl/doctor_facts.h"
#include "ctl/doctor_finding.h"
#include "ctl/doctor_host.h"
#include "ctl/doctor_node.h"
#include "ctl/doctor_tunnel.h"
#include "ctl/span.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define FILTER_PORT_SIZE 24 /* " or udp port 65535" */
#define FILTER_SIZE 256

struct doctor {
	struct doctor_findings findings;
	const struct doctor_facts *facts;
};

static const char *text_at(const struct jr *at, const char *key)
{
	return jr_str_opt(at, key, DOCTOR_TEXT_MAX, "");
}

static uint32_t number_at(const struct jr *at, const char *key)
{
	return jr_u32_opt(at, key, 0, UINT32_MAX, 0);
}

/* Returns the time since the member, such as "5 min". */
static const char *since(char buf[static SPAN_SIZE], const struct doctor *doctor,
			 const struct jr *at, const char *key)
{
	return span_since(buf, number_at(at, key), doctor->facts->now_s);
}

/* ---- weftd and the store ---------------------------------------------------------------- */

static void check_daemon(struct doctor *doctor, const char *error, const struct jr *status)
{
	char span[SPAN_SIZE];

	if (error)
		doctor_add_finding(
			&doctor->findings, "weftd", DOCTOR_ERROR,
			"start it (systemctl start weftd) or check its log (journalctl -u weftd); "
			"containers keep their network",
			"%s", error);
	else
		doctor_add_finding(&doctor->findings, "weftd", DOCTOR_OK, "",
				   "running: version %s, up for %s", text_at(status, "version"),
				   since(span, doctor, status, "started_at"));
}

static void check_secret_files(struct doctor *doctor, const struct jr *status)
{
	struct jr list = jr_arr_opt(status, "exposed_files"), at;

	for (size_t i = 0; jr_each(&list, &i, &at);)
		doctor_add_finding(&doctor->findings, "secrets", DOCTOR_WARNING,
				   text_at(&at, "remedy"),
				   "%s %s has a secret, and other users can read it",
				   text_at(&at, "option"), text_at(&at, "path"));
}

static void check_cni(struct doctor *doctor, const struct jr *status)
{
	struct jr cni = jr_obj_opt(status, "cni"), list, at;

	if (jr_is_absent(&cni)) {
		doctor_host_cni(&doctor->findings, doctor->facts);
		return;
	}
	if (*text_at(&cni, "error"))
		doctor_add_finding(&doctor->findings, "cni", DOCTOR_ERROR,
				   "see --install-cni in weftd(8)", "%s", text_at(&cni, "error"));
	list = jr_arr_opt(&cni, "preferred");
	for (size_t i = 0; jr_each(&list, &i, &at);)
		doctor_add_finding(
			&doctor->findings, "cni", DOCTOR_WARNING,
			"remove it, or give it a name after 10-weft.conflist",
			"the container runtime uses %s/%s instead of weft's configuration",
			text_at(&cni, "conf_dir"), jr_str(&at, NULL, NAME_MAX));
}

static void check_clock(struct doctor *doctor, const struct jr *status)
{
	if (number_at(status, "started_at") > doctor->facts->now_s)
		doctor_add_finding(&doctor->findings, "clock", DOCTOR_WARNING,
				   "set the node's time before weftd starts (NTP)",
				   "the clock was set back: weftd's start is in the future");
}

/* "udp port 8472 or udp port 4789", a filter of tcpdump: the ports of the networks' tunnels. */
static const char *tunnel_filter(char buf[static FILTER_SIZE], const struct jr *status)
{
	struct jr list = jr_arr_opt(status, "networks"), at;
	uint32_t last = 0;
	int len = 0;

	buf[0] = '\0';
	for (size_t i = 0; jr_each(&list, &i, &at) && len < FILTER_SIZE - FILTER_PORT_SIZE;) {
		const uint32_t port = jr_u32_opt(&at, "port", 0, UINT16_MAX, 0);

		if (port && port != last)
			len += snprintf(buf + len, FILTER_PORT_SIZE, "%sudp port %" PRIu32,
					len ? " or " : "", port);
		last = port;
	}
	return buf;
}

static void check_injection(struct doctor *doctor, const struct jr *status, const struct jr *rules)
{
	const uint64_t drops = jr_u64_text_opt(rules, "injection_drops", 0);
	char filter[FILTER_SIZE], remedy[FILTER_SIZE + 64];

	if (!drops)
		return;
	snprintf(remedy, sizeof(remedy),
		 "find the container: tcpdump -lnei any '%s' shows its port",
		 tunnel_filter(filter, status));
	doctor_add_finding(&doctor->findings, "injection", DOCTOR_WARNING, remedy,
			   "%" PRIu64 " VXLAN packets from containers were dropped (%s)", drops,
			   filter);
}

/*
 * Writes the command that accepts the port in a chain of iptables, such as "ip raw PREROUTING".
 * Returns false if the chain is another one.
 */
static bool iptables_remedy(const char *where, uint32_t port, char *to, size_t size)
{
	static const char *const tables[] = { "filter", "mangle", "raw", "security" };

	for (size_t i = 0; i < 2 * ARRAY_LEN(tables); i++) {
		const char *table = tables[i / 2], *family = i % 2 ? "ip6" : "ip";
		char prefix[16];
		size_t len = (size_t)snprintf(prefix, sizeof(prefix), "%s %s ", family, table);

		if (strncmp(where, prefix, len) != 0 || !isupper((unsigned char)where[len]))
			continue;
		snprintf(to, size, "%stables%s%s -I %s -p udp --dport %" PRIu32 " -j ACCEPT",
			 family, i < 2 ? "" : " -t ", i < 2 ? "" : table, where + len, port);
		return true;
	}
	return false;
}

/*
 * Adds a finding for a chain that drops tunnel packets, such as "inet firewalld filter_INPUT", at
 * the hook of this name.
 */
static void add_tunnel_chain(struct doctor *doctor, const char *chain, const char *hook,
			     uint32_t port)
{
	const bool leaves = !strcmp(hook, "output") || !strcmp(hook, "postrouting") ||
			    !strcmp(hook, "egress");
	char remedy[512];

	if (strstr(chain, " firewalld ") && !leaves)
		snprintf(remedy, sizeof(remedy),
			 "firewall-cmd --permanent --add-port=%" PRIu32
			 "/udp && firewall-cmd --reload (with --zone, for the uplink's zone)",
			 port);
	else if (!iptables_remedy(chain, port, remedy, sizeof(remedy)))
		snprintf(remedy, sizeof(remedy),
			 "nft insert rule %.200s udp dport %" PRIu32 " accept", chain, port);
	doctor_add_finding(&doctor->findings, "rules", DOCTOR_ERROR, remedy,
			   "%s drops UDP packets to port %" PRIu32 ": no tunnel packet %s peers",
			   chain, port, leaves ? "leaves to" : "arrives from");
}

/* Frames that no container sends by mistake. */
static void check_bridge_drops(struct doctor *doctor, const struct jr *rules)
{
	static const struct {
		const char *key, *what, *remedy;
	} rows[] = {
		{ "bridged_tunnel_drops",
		  "frames bridged between containers and tunnel were dropped",
		  "find the container: it sends frames to the MAC of another node" },
		{ "flood_drops",
		  "broadcasts of containers to other nodes were beyond Weft.FloodLimit and dropped",
		  "find the container that sends them (tcpdump -ei BRIDGE broadcast or multicast), "
		  "or raise Weft.FloodLimit" },
		{ "spoof_drops", "frames of containers with macSpoofCheck had other addresses",
		  "find the container: it sends with addresses that weft did not assign to it" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const uint64_t drops = jr_u64_text_opt(rules, rows[i].key, 0);

		if (drops)
			doctor_add_finding(&doctor->findings, "bridge", DOCTOR_WARNING,
					   rows[i].remedy, "%" PRIu64 " %s", drops, rows[i].what);
	}
}

static void check_rules(struct doctor *doctor, const struct jr *status)
{
	struct jr rules = jr_obj_opt(status, "rules"), list, at;
	const char *error = text_at(&rules, "error");
	bool quiet = true;

	if (jr_is_absent(&rules))
		return;
	check_injection(doctor, status, &rules);
	check_bridge_drops(doctor, &rules);
	if (*error) {
		doctor_add_finding(&doctor->findings, "rules", DOCTOR_ERROR,
				   "fix what the kernel refused; weftd retries",
				   "packet rules are not installed: %s", error);
		quiet = false;
	}
	list = jr_arr_opt(&rules, "other_chains");
	for (size_t i = 0; jr_each(&list, &i, &at);) {
		if (jr_bool_opt(&at, "accepted", false))
			continue;
		if (number_at(&at, "port"))
			add_tunnel_chain(doctor, text_at(&at, "chain"), text_at(&at, "hook"),
					 number_at(&at, "port"));
		else
			doctor_add_finding(
				&doctor->findings, "rules", DOCTOR_WARNING,
				"accept packets from and to the cluster network in that chain, by a rule with the comment weft",
				"%s drops forwarded packets and has no rule for weft",
				text_at(&at, "chain"));
		quiet = false;
	}
	list = jr_arr_opt(&rules, "unsupported");
	for (size_t i = 0; jr_each(&list, &i, &at);) {
		doctor_add_finding(&doctor->findings, "rules", DOCTOR_WARNING,
				   "use a kernel that supports it",
				   "not supported by the kernel: %s",
				   jr_str(&at, NULL, DOCTOR_TEXT_MAX));
		quiet = false;
	}
	quiet = doctor_node_legacy(&doctor->findings, doctor->facts) && quiet;
	if (quiet)
		doctor_add_finding(&doctor->findings, "rules", DOCTOR_OK, "",
				   "no chain drops forwarded container traffic or tunnel packets");
}

/*
 * Numbers of flows are left to the status: --watch would print everything for each of their
 * changes.
 */
static void check_fast_path(struct doctor *doctor, const struct jr *status)
{
	struct jr fast_path = jr_obj_opt(status, "fast_path");
	const char *state = text_at(&fast_path, "state");

	if (!strcmp(state, "failed"))
		doctor_add_finding(
			&doctor->findings, "fast-path", DOCTOR_WARNING,
			"fix what the kernel refused, or set --fast-path off; weftd retries",
			"packets take the normal path: %s", text_at(&fast_path, "error"));
	else if (!strcmp(state, "on"))
		doctor_add_finding(&doctor->findings, "fast-path", DOCTOR_OK, "",
				   "established connections take the kernel's flow table");
	else if (!strcmp(state, "unsupported"))
		doctor_add_finding(
			&doctor->findings, "fast-path", DOCTOR_OK, "",
			"the kernel has no flow tables: all packets take the normal path");
}

static void check_store(struct doctor *doctor, const struct jr *network)
{
	char span[SPAN_SIZE];
	struct jr store = jr_obj_opt(network, "store");

	if (jr_bool_opt(&store, "connected", false))
		doctor_add_finding(&doctor->findings, "store", DOCTOR_OK, "",
				   "connected to %s for %s", text_at(&store, "endpoint"),
				   since(span, doctor, &store, "since"));
	else
		doctor_add_finding(
			&doctor->findings, "store", DOCTOR_ERROR,
			"check that it is running and reachable from this node; containers keep "
			"their network, changes of other nodes are missed",
			"%s unreachable for %s: %s", text_at(&store, "endpoint"),
			since(span, doctor, &store, "since"), text_at(&store, "error"));
	if (jr_bool_opt(network, "from_snapshot", false))
		doctor_add_finding(&doctor->findings, "store", DOCTOR_WARNING,
				   "none: weftd uses the store again when it is reachable",
				   "configuration and leases come from the snapshot");
}

static void check_lease(struct doctor *doctor, const struct jr *network)
{
	char span[SPAN_SIZE];
	struct jr lease = jr_obj_opt(network, "lease");
	const char *error = text_at(&lease, "error"), *subnet = text_at(&lease, "subnet");

	if (jr_is_absent(&lease) || !*subnet)
		doctor_add_finding(
			&doctor->findings, "lease", DOCTOR_ERROR,
			"weftctl status shows the reason; if all subnets are leased, enlarge the "
			"network or remove nodes",
			"no subnet is leased: containers cannot start");
	else if (jr_bool_opt(&lease, "lost", false))
		doctor_add_finding(
			&doctor->findings, "lease", DOCTOR_ERROR,
			"move this node's containers away, stop weftd, remove its last lease "
			"(node.json), start weftd: it takes another subnet",
			"another node holds %s: %s", subnet, error);
	else if (*error)
		doctor_add_finding(&doctor->findings, "lease", DOCTOR_WARNING,
				   "none: weftd retries; check the store", "%s: %s", subnet, error);
	else if (jr_bool_opt(&lease, "reserved", false))
		doctor_add_finding(&doctor->findings, "lease", DOCTOR_OK, "",
				   "%s is leased by a reservation", subnet);
	else
		doctor_add_finding(&doctor->findings, "lease", DOCTOR_OK, "",
				   "%s is leased, renewed %s ago", subnet,
				   since(span, doctor, &lease, "renewed_at"));
}

/* sysctl(8) sets a name with '/' if the name of a device in it contains '.'. */
static void check_sysctls(struct doctor *doctor, const struct jr *network)
{
	struct jr list = jr_arr_opt(network, "sysctls"), at;
	char remedy[256];

	for (size_t i = 0; jr_each(&list, &i, &at);) {
		snprintf(
			remedy, sizeof(remedy),
			"sysctl %.64s=%.16s, on the host if /proc/sys is read-only where weftd runs",
			text_at(&at, "name"), text_at(&at, "wanted"));
		doctor_add_finding(
			&doctor->findings, "sysctl",
			jr_bool_opt(&at, "essential", false) ? DOCTOR_ERROR : DOCTOR_WARNING,
			remedy, "%s is %s, and weftd cannot set it to %s: %s", text_at(&at, "name"),
			text_at(&at, "value"), text_at(&at, "wanted"), text_at(&at, "error"));
	}
}

/* What arrives at the uplink for containers: replies from outside, and direct routes. */
static void check_uplink_forwarding(struct doctor *doctor, const char *uplink)
{
	char remedy[128];

	if (doctor->facts->ip_forward != 1 || doctor->facts->forwarding(uplink) != 0)
		return;
	snprintf(remedy, sizeof(remedy), "sysctl %s%.16s%s=1",
		 strchr(uplink, '.') ? "net/ipv4/conf/" : "net.ipv4.conf.", uplink,
		 strchr(uplink, '.') ? "/forwarding" : ".forwarding");
	doctor_add_finding(
		&doctor->findings, "sysctl", DOCTOR_WARNING, remedy,
		"forwarding is 0 on %s: containers get no replies from outside the cluster, and no packets by direct routes",
		uplink);
}

/* Flannel's bridge, made again by an ADD that began before adopt-flannel replaced the list. */
static bool is_late_bridge(const struct doctor *doctor, const struct jr *network,
			   const char *prefix, const char *command)
{
	const struct jr lease = jr_obj_opt(network, "lease");

	return doctor->facts->host.adopted && strstr(command, "link delete") &&
	       !jr_is_absent(&lease) &&
	       (!strcmp(text_at(&lease, "subnet"), prefix) ||
		!strcmp(text_at(&lease, "subnet6"), prefix));
}

/* Prefixes of other devices in subnets of the network. */
static void check_overlaps(struct doctor *doctor, const struct jr *network)
{
	struct jr list = jr_arr_opt(network, "overlaps"), at;

	for (size_t i = 0; jr_each(&list, &i, &at);) {
		const char *device = text_at(&at, "device"), *prefix = text_at(&at, "prefix");
		const char *name = text_at(&at, "peer_name"), *command = text_at(&at, "command");
		const uint32_t peers = number_at(&at, "peers");

		if (jr_bool_opt(&at, "blocks_add", false) &&
		    is_late_bridge(doctor, network, prefix, command))
			doctor_add_finding(
				&doctor->findings, "overlap", DOCTOR_ERROR, "weftctl adopt-flannel",
				"%s has %s in this node's subnet: flannel's plugins have "
				"attached containers after the takeover, and others cannot "
				"start",
				device, prefix);
		else if (jr_bool_opt(&at, "blocks_add", false))
			doctor_add_finding(
				&doctor->findings, "overlap", DOCTOR_ERROR, command,
				"%s has %s in this node's subnet: containers cannot start; move "
				"the containers of %s away first",
				device, prefix, device);
		else if (peers)
			doctor_add_finding(
				&doctor->findings, "overlap", DOCTOR_WARNING, command,
				"%s has %s, which overlaps the subnets of %" PRIu32
				" peers, first %s%s%s%s: their containers or those of the "
				"device are unreachable from this node; move the device to "
				"another prefix",
				device, prefix, peers, text_at(&at, "peer_subnet"),
				*name ? " (" : "", name, *name ? ")" : "");
		else
			doctor_add_finding(
				&doctor->findings, "overlap", DOCTOR_WARNING, command,
				"%s has %s, which contains this node's subnet: its own "
				"addresses there are unreachable; move the device to another "
				"prefix",
				device, prefix);
	}
}

/* Containers on a bridge of another program that other nodes do not reach. */
static void check_announced(struct doctor *doctor, const struct jr *network)
{
	const struct jr endpoints = jr_obj_opt(network, "endpoints");
	const struct jr not_announced = jr_obj_opt(&endpoints, "not_announced");
	const struct jr lease = jr_obj_opt(network, "lease");
	const char *subnet = text_at(&lease, "subnet"), *bridge = text_at(network, "bridge");
	const uint32_t outside = number_at(&not_announced, "outside_range");
	const uint32_t held = number_at(&not_announced, "held_back");

	if (jr_is_absent(&not_announced))
		return;
	if (outside)
		doctor_add_finding(
			&doctor->findings, "endpoints", DOCTOR_WARNING,
			"attach the container again with an address of the range (docker network "
			"create --ip-range), and reserve the range: weftctl reserve NODE SUBNET",
			"%s has containers with %" PRIu32
			" addresses outside %s, the range of this "
			"node, first %s: other nodes do not reach them",
			bridge, outside, *subnet ? subnet : "any range",
			text_at(&not_announced, "outside_address"));
	if (held)
		doctor_add_finding(
			&doctor->findings, "endpoints", DOCTOR_WARNING,
			"find the container that changes its addresses or MAC: weftctl events",
			"%" PRIu32 " addresses of containers on %s changed too often and are not "
			"announced for now",
			held, bridge);
}

/* A public address that is no address of this host. */
static void check_translation(struct doctor *doctor, const struct jr *uplink, const char *address,
			      const char *public_ip)
{
	const char *own = text_at(uplink, address), *published = text_at(uplink, public_ip);

	if (!*published || strcmp(own, published) == 0)
		return;
	doctor_add_finding(
		&doctor->findings, "nat", DOCTOR_OK, "",
		"peers send to %s, which is not an address of this host; its packets leave from "
		"%s, which weft nodes accept, too, and flannel nodes do not check",
		published, own);
}

static void check_ipv6_mtu(struct doctor *doctor, const struct jr *network, const char *uplink,
			   uint32_t under, uint32_t mtu)
{
	char remedy[128];

	if (!*text_at(network, "cluster6") || !mtu || mtu >= 1280)
		return;
	if (under >= mtu && under - mtu <= 70)
		snprintf(remedy, sizeof(remedy), "ip link set dev %.16s mtu %" PRIu32, uplink,
			 1280 + under - mtu);
	else
		snprintf(remedy, sizeof(remedy), "raise Backend.MTU in the network configuration");
	doctor_add_finding(&doctor->findings, "mtu", DOCTOR_ERROR, remedy,
			   "containers have no IPv6: their MTU of %" PRIu32 " is below 1280", mtu);
}

static void check_uplink(struct doctor *doctor, const struct jr *network)
{
	struct jr uplink = jr_obj_opt(network, "uplink");
	uint32_t mtu = number_at(network, "mtu"), under = number_at(&uplink, "mtu");
	const char *name = text_at(&uplink, "name");

	if (jr_is_absent(&uplink))
		doctor_add_finding(&doctor->findings, "uplink", DOCTOR_ERROR,
				   "add a default route, or use weftd --iface",
				   "no uplink to the other nodes");
	else if (mtu && mtu + 50 > under)
		doctor_add_finding(&doctor->findings, "uplink", DOCTOR_ERROR,
				   "lower Backend.MTU in the network's configuration, or raise the "
				   "device's MTU",
				   "%s has MTU %" PRIu32 "; packets of %" PRIu32
				   " bytes need 50 more in the tunnel (70 over IPv6)",
				   name, under, mtu);
	else
		doctor_add_finding(&doctor->findings, "uplink", DOCTOR_OK, "", "%s, MTU %" PRIu32,
				   name, under);
	check_ipv6_mtu(doctor, network, name, under, mtu);
	check_translation(doctor, &uplink, "address", "public_ip");
	check_translation(doctor, &uplink, "address6", "public_ipv6");
	if (*name)
		check_uplink_forwarding(doctor, name);
}

static void check_port(struct doctor *doctor, const struct jr *network,
		       const struct doctor_network *facts)
{
	uint32_t port = number_at(network, "port");

	if (facts->vxlan.exists || !port || !doctor->facts->has_udp_port(port))
		return;
	doctor_add_finding(&doctor->findings, "port", DOCTOR_ERROR,
			   "find the program (ss -uanp) and stop it, or change Backend.Port",
			   "another program uses the tunnel's UDP port %" PRIu32, port);
}

static void check_legacy_input(struct doctor *doctor, const struct jr *network)
{
	static const char *const address[FAMILIES] = { "address", "address6" };
	struct jr uplink = jr_obj_opt(network, "uplink");
	uint32_t port = number_at(network, "port");

	for (enum family f = 0; f < FAMILIES; f++)
		if (port && *text_at(&uplink, address[f]))
			doctor_node_legacy_input(&doctor->findings, doctor->facts, f, port,
						 text_at(&uplink, "name"));
}

/* ---- Kernel entries and peers ------------------------------------------------------------ */

static void check_entries(struct doctor *doctor, const struct jr *network)
{
	struct jr peers = jr_obj_opt(network, "peers"),
		  reconciles = jr_obj_opt(network, "reconciles");
	uint32_t known = number_at(&peers, "usable");
	uint32_t installed = number_at(&peers, "installed");
	const char *error = text_at(&reconciles, "last_error");

	if (*error)
		doctor_add_finding(&doctor->findings, "entries", DOCTOR_ERROR,
				   "fix what the kernel refused; weftd retries",
				   "the last reconcile failed: %s", error);
	else if (installed < known)
		doctor_add_finding(&doctor->findings, "entries", DOCTOR_WARNING,
				   "none: check again in a second",
				   "%" PRIu32 " of %" PRIu32 " peers are installed", installed,
				   known);
	else
		doctor_add_finding(&doctor->findings, "entries", DOCTOR_OK, "",
				   "all %" PRIu32 " peers are installed", known);
}

/* A peer that is refused or used in one family only. */
static void add_peer(struct doctor *doctor, const struct jr *peer)
{
	const char *dropped = text_at(peer, "single_family_reason"), *key = text_at(peer, "key");

	if (*key)
		doctor_add_finding(&doctor->findings, "keys", DOCTOR_WARNING,
				   "delete the key (etcdctl del) and find what writes it",
				   "invalid key %s: %s", key, text_at(peer, "reason"));
	else if (*dropped)
		doctor_add_finding(&doctor->findings, "peers", DOCTOR_WARNING,
				   "fix what its node publishes; the other family works",
				   "%s (%s) is used in one family only: %s",
				   text_at(peer, "subnet"), text_at(peer, "node_name"), dropped);
	else
		doctor_add_finding(&doctor->findings, "peers", DOCTOR_WARNING,
				   "fix what its node publishes: its containers are unreachable",
				   "%s (%s) is refused: %s", text_at(peer, "subnet"),
				   text_at(peer, "node_name"), text_at(peer, "reason"));
}

static void check_peers(struct doctor *doctor, const struct jr *peers, const char *name)
{
	size_t found = 0, usable = 0;
	struct jr at;

	for (size_t i = 0; jr_each(peers, &i, &at);) {
		bool refused = strcmp(jr_str_opt(&at, "state", 64, "refused"), "refused") == 0;

		if (strcmp(text_at(&at, "network"), name) != 0)
			continue;
		usable += !refused;
		if ((refused || *text_at(&at, "single_family_reason")) && found++ < DOCTOR_LISTED)
			add_peer(doctor, &at);
	}
	if (found > DOCTOR_LISTED)
		doctor_add_finding(&doctor->findings, "peers", DOCTOR_WARNING,
				   "weftctl peers lists them", "%zu more", found - DOCTOR_LISTED);
	if (!found)
		doctor_add_finding(&doctor->findings, "peers", DOCTOR_OK, "",
				   "%zu usable, none refused", usable);
}

/* A next hop that does not answer may be a node that is down. */
static void check_paths(struct doctor *doctor)
{
	const struct doctor_paths *paths = &doctor->facts->paths;
	size_t traced = 0, lost = 0;

	for (size_t i = 0; i < paths->len; i++) {
		const struct doctor_path *path = &paths->at[i];

		if (strcmp(path->network, doctor->findings.network) != 0)
			continue;
		traced++;
		if (!*path->lost_at || lost++ >= DOCTOR_LISTED)
			continue;
		doctor_add_finding(&doctor->findings, "path",
				   strcmp(path->lost_at, "underlay") ? DOCTOR_ERROR :
								       DOCTOR_WARNING,
				   path->remedy, "packets to %s%s%s%s are lost at the step %s: %s",
				   path->to, *path->node ? " (" : "", path->node,
				   *path->node ? ")" : "", path->lost_at, path->text);
	}
	if (lost > DOCTOR_LISTED)
		doctor_add_finding(&doctor->findings, "path", DOCTOR_WARNING,
				   "weftctl trace ADDRESS", "%zu more", lost - DOCTOR_LISTED);
	if (traced && !lost)
		doctor_add_finding(&doctor->findings, "path", DOCTOR_OK, "",
				   "no step of this node loses packets to %zu traced subnets",
				   traced);
}

static void check_state(struct doctor *doctor, const struct jr *network)
{
	const char *state = text_at(network, "state"), *reason = text_at(network, "reason");
	char span[SPAN_SIZE];

	if (strcmp(state, "ready") == 0)
		doctor_add_finding(&doctor->findings, "network", DOCTOR_OK, "", "ready for %s",
				   since(span, doctor, network, "since"));
	else
		doctor_add_finding(&doctor->findings, "network", DOCTOR_ERROR,
				   "see the following checks", "%s: %s", state, reason);
}

/* ---- All of it --------------------------------------------------------------------------- */

static const struct doctor_network *facts_of(const struct doctor_facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->networks.len; i++)
		if (strcmp(facts->networks.at[i].state.name, name) == 0)
			return &facts->networks.at[i];
	return NULL;
}

static void check_probe(struct doctor *doctor, const struct jr *network)
{
	struct jr probe = jr_obj_opt(network, "probe");
	struct jr families = jr_arr_opt(&probe, "families");

	if (!strcmp(text_at(&probe, "state"), "failed"))
		doctor_add_finding(&doctor->findings, "probes", DOCTOR_WARNING,
				   "free the port, or set Weft.ProbePort to another; weftd retries",
				   "peers are not probed, and not answered%s: %s",
				   jr_is_absent(&families) || !jr_len(&families) ?
					   "" :
					   ", in one address family",
				   text_at(&probe, "error"));
}

static void check_network(struct doctor *doctor, const struct jr *network, const struct jr *peers)
{
	static const struct doctor_network none;
	const struct doctor_network *facts = facts_of(doctor->facts, text_at(network, "name"));
	uint32_t mtu = number_at(network, "mtu");

	doctor->findings.network = text_at(network, "name");
	check_state(doctor, network);
	check_store(doctor, network);
	check_lease(doctor, network);
	check_overlaps(doctor, network);
	check_announced(doctor, network);
	check_uplink(doctor, network);
	check_sysctls(doctor, network);
	check_probe(doctor, network);
	check_legacy_input(doctor, network);
	check_port(doctor, network, facts ? facts : &none);
	if (facts)
		doctor_node_devices(&doctor->findings, facts, mtu ? mtu : facts->state.mtu);
	check_entries(doctor, network);
	check_peers(doctor, peers, doctor->findings.network);
	doctor_tunnel_identities(&doctor->findings, peers, doctor->findings.network);
	if (facts) {
		doctor_tunnel_stale(&doctor->findings, peers, facts);
		doctor_tunnel_counters(&doctor->findings, network, facts);
	}
	check_paths(doctor);
	doctor_tunnel_measured(&doctor->findings, peers, doctor->findings.network);
	doctor_tunnel_probes(&doctor->findings, doctor->facts, doctor->findings.network);
	if (facts) {
		doctor_host_checksums(&doctor->findings, facts);
		doctor_node_containers(&doctor->findings, facts);
		doctor_node_addresses(&doctor->findings, facts);
	}
}

static bool has_network(const struct jr *networks, const char *name)
{
	struct jr at;

	for (size_t i = 0; jr_each(networks, &i, &at);)
		if (strcmp(text_at(&at, "name"), name) == 0)
			return true;
	return false;
}

/* Networks that are published and unknown to weftd; all published networks without weftd. */
static void check_unserved_networks(struct doctor *doctor, const struct jr *networks)
{
	for (size_t i = 0; i < doctor->facts->networks.len; i++) {
		const struct doctor_network *facts = &doctor->facts->networks.at[i];

		if (networks && has_network(networks, facts->state.name))
			continue;
		doctor->findings.network = facts->state.name;
		if (networks)
			doctor_add_finding(
				&doctor->findings, "files", DOCTOR_WARNING,
				"start weftd with this network, or delete its file in networks/ "
				"of the runtime state directory",
				"weftd does not serve this network: its containers keep running, "
				"ADD is rejected");
		doctor_node_devices(&doctor->findings, facts, facts->state.mtu);
		doctor_host_checksums(&doctor->findings, facts);
		doctor_node_containers(&doctor->findings, facts);
		doctor_node_addresses(&doctor->findings, facts);
	}
}

bool doctor_diagnose(const char *error, const struct jr *status, const struct jr *peers,
		     const struct doctor_facts *facts, struct jb_at root)
{
	struct doctor doctor = { .findings.network = "", .facts = facts };
	struct jr networks, at;

	doctor.findings.list = jb_arr(root, "findings");
	check_daemon(&doctor, error, status);
	if (!error)
		check_clock(&doctor, status);
	if (!error)
		check_secret_files(&doctor, status);
	if (!error)
		check_cni(&doctor, status);
	doctor_node_sysctls(&doctor.findings, facts);
	doctor_host_check(&doctor.findings, facts);
	if (error) {
		doctor_host_cni(&doctor.findings, facts);
		doctor_node_legacy(&doctor.findings, facts);
		check_unserved_networks(&doctor, NULL);
	} else {
		check_rules(&doctor, status);
		check_fast_path(&doctor, status);
		networks = jr_arr(status, "networks");
		for (size_t i = 0; jr_each(&networks, &i, &at);)
			check_network(&doctor, &at, peers);
		check_unserved_networks(&doctor, &networks);
	}
	jb_bool(root, "healthy", !doctor.findings.error);
	return !doctor.findings.error;
}
