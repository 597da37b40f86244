/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/doctor_node.h"

#include "ctl/doctor_finding.h"
#include "ctl/doctor_legacy.h"
#include "ipam/range.h"

#include <inttypes.h>
#include <stdio.h>

#define REDIRECTS_REMEDY "set it to 0; weftd also does, so find the program that sets it to 1"

/* Returns the first network with the family, or NULL. */
static const struct doctor_network *with_family(const struct doctor_facts *facts,
						enum family family)
{
	for (size_t i = 0; i < facts->networks.len; i++)
		if (doctor_network_has(&facts->networks.at[i], family))
			return &facts->networks.at[i];
	return NULL;
}

static const struct doctor_network *with_redirects(const struct doctor_facts *facts)
{
	for (size_t i = 0; i < facts->networks.len; i++)
		if (facts->networks.at[i].bridge_redirects == 1)
			return &facts->networks.at[i];
	return NULL;
}

static bool is_strict(const struct doctor_facts *facts)
{
	for (size_t i = 0; i < facts->networks.len; i++)
		if (facts->networks.at[i].bridge_rp_filter == 1 && facts->rp_filter != 2)
			return true;
	return facts->rp_filter == 1;
}

/* Returns whether forwarding is on. ip_forward enables it on all devices, so it comes first. */
static bool check_forwarding(struct doctor_findings *findings, const struct doctor_facts *facts)
{
	bool v4_off = facts->ip_forward == 0 && with_family(facts, FAMILY_V4);
	bool v6_off = facts->ip6_forward == 0 && with_family(facts, FAMILY_V6);
	bool on = !v4_off && !v6_off;

	if (v4_off)
		doctor_add_finding(
			findings, "sysctl", DOCTOR_ERROR,
			"sysctl net.ipv4.ip_forward=1; find what sets it to 0 (/etc/sysctl.d)",
			"net.ipv4.ip_forward is 0: container traffic cannot leave the node");
	if (v6_off)
		doctor_add_finding(
			findings, "sysctl", DOCTOR_ERROR,
			"sysctl net.ipv6.conf.all.forwarding=1; find what sets it to 0",
			"net.ipv6.conf.all.forwarding is 0: container traffic cannot leave the node");
	for (size_t i = 0; !v4_off && i < facts->networks.len; i++) {
		const struct doctor_network *network = &facts->networks.at[i];
		char remedy[128];

		if (network->bridge_forwarding || !doctor_network_has(network, FAMILY_V4) ||
		    !network->bridge.exists)
			continue;
		snprintf(remedy, sizeof(remedy), "sysctl net.ipv4.conf.%s.forwarding=1",
			 network->state.bridge);
		doctor_add_finding(
			findings, "sysctl", DOCTOR_ERROR, remedy,
			"net.ipv4.conf.%s.forwarding is 0: containers reach only this node's containers",
			network->state.bridge);
		on = false;
	}
	return on;
}

/* sysctls: net.ipv4.ip_forward and the like. */
void doctor_node_sysctls(struct doctor_findings *findings, const struct doctor_facts *facts)
{
	const struct doctor_network *redirects = with_redirects(facts);
	bool on = check_forwarding(findings, facts);

	if (facts->redirects == 1 && facts->networks.len)
		doctor_add_finding(
			findings, "sysctl", DOCTOR_WARNING, REDIRECTS_REMEDY,
			"net.ipv4.conf.all.send_redirects is 1: containers get wrong ICMP "
			"redirects");
	else if (redirects)
		doctor_add_finding(
			findings, "sysctl", DOCTOR_WARNING, REDIRECTS_REMEDY,
			"net.ipv4.conf.%s.send_redirects is 1: containers get wrong ICMP "
			"redirects",
			redirects->state.bridge);
	if (is_strict(facts))
		doctor_add_finding(
			findings, "sysctl", DOCTOR_WARNING,
			"sysctl net.ipv4.conf.all.rp_filter=2 if routing is asymmetric "
			"(DirectRouting, several uplinks)",
			"rp_filter is strict (1): packets on asymmetric routes are dropped");
	if (on && (facts->redirects != 1 || !facts->networks.len) && !redirects &&
	    !is_strict(facts))
		doctor_add_finding(findings, "sysctl", DOCTOR_OK, "",
				   "forwarding is on, redirects are off");
}

/* Checks one network. Returns whether no command is missing. */
static bool check_forward(struct doctor_findings *findings, const struct doctor_facts *facts,
			  const struct doctor_network *network, enum family family)
{
	const char *program = doctor_legacy_program(family), *bridge = network->state.bridge;
	const char *rules = facts->legacy[family].rules;
	bool from = doctor_legacy_drops(rules, bridge, true);
	bool to = doctor_legacy_drops(rules, bridge, false);
	char remedy[256], in[96] = "", out[96] = "";

	if (!from && !to)
		return true;
	if (from)
		snprintf(in, sizeof(in), "%s -I FORWARD -i %s -j ACCEPT", program, bridge);
	if (to)
		snprintf(out, sizeof(out), "%s -I FORWARD -o %s -j ACCEPT", program, bridge);
	snprintf(remedy, sizeof(remedy), "%s%s%s", in, from && to ? "; " : "", out);
	doctor_add_finding(findings, "rules", DOCTOR_WARNING, remedy,
			   "%s filter FORWARD drops packets forwarded %s %s", program,
			   from && to ? "from and to" :
			   from       ? "from" :
					"to",
			   bridge);
	return false;
}

bool doctor_node_legacy(struct doctor_findings *findings, const struct doctor_facts *facts)
{
	bool quiet = true;

	for (enum family f = 0; f < FAMILIES; f++) {
		const struct doctor_legacy *legacy = &facts->legacy[f];

		if (!with_family(facts, f))
			continue;
		if (*legacy->error) {
			doctor_add_finding(findings, "rules", DOCTOR_WARNING,
					   "run weftctl doctor as root, with the package iptables "
					   "installed",
					   "cannot inspect %s: %s", doctor_legacy_program(f),
					   legacy->error);
			quiet = false;
		}
		for (size_t i = 0; legacy->rules && i < facts->networks.len; i++)
			if (doctor_network_has(&facts->networks.at[i], f))
				quiet = check_forward(findings, facts, &facts->networks.at[i], f) &&
					quiet;
	}
	return quiet;
}

void doctor_node_legacy_input(struct doctor_findings *findings, const struct doctor_facts *facts,
			      enum family family, uint32_t port, const char *device)
{
	const char *program = doctor_legacy_program(family), *rules = facts->legacy[family].rules;
	char remedy[128];

	if (!rules || !doctor_legacy_drops_tunnel(rules, port, device))
		return;
	snprintf(remedy, sizeof(remedy), "%s -I INPUT -p udp --dport %" PRIu32 " -j ACCEPT",
		 program, port);
	doctor_add_finding(findings, "rules", DOCTOR_ERROR, remedy,
			   "%s filter INPUT drops UDP packets to port %" PRIu32
			   ": no tunnel packet arrives from peers",
			   program, port);
}

static bool check_device(struct doctor_findings *findings, const struct doctor_device *device,
			 uint32_t mtu)
{
	if (!device->exists)
		doctor_add_finding(
			findings, "devices", DOCTOR_ERROR,
			"none if weftd is running and has a lease: it creates the device within "
			"a second",
			"device %s does not exist", device->name);
	else if (!device->up)
		doctor_add_finding(findings, "devices", DOCTOR_ERROR,
				   "ip link set up; weftd also does if it is running",
				   "device %s is down", device->name);
	else if (device->mtu != mtu)
		doctor_add_finding(findings, "devices", DOCTOR_WARNING,
				   "none if weftd is running: it sets the MTU within five minutes",
				   "device %s has MTU %" PRIu32 ", the network has %" PRIu32,
				   device->name, device->mtu, mtu);
	else
		return true;
	return false;
}

void doctor_node_devices(struct doctor_findings *findings, const struct doctor_network *network,
			 uint32_t mtu)
{
	bool bridge = check_device(findings, &network->bridge, mtu);
	bool vxlan = check_device(findings, &network->vxlan, mtu);

	if (bridge && vxlan)
		doctor_add_finding(findings, "devices", DOCTOR_OK, "",
				   "%s and %s are up, MTU %" PRIu32, network->bridge.name,
				   network->vxlan.name, mtu);
}

void doctor_node_containers(struct doctor_findings *findings, const struct doctor_network *network)
{
	size_t large = 0, gone = 0;

	for (size_t i = 0; i < network->containers.len; i++) {
		const struct doctor_container *container = &network->containers.at[i];

		gone += container->gone;
		if (container->mtu <= network->state.mtu || large++ >= DOCTOR_LISTED)
			continue;
		doctor_add_finding(findings, "containers", DOCTOR_WARNING,
				   "restart the container: its large packets are lost",
				   "%s of %s has MTU %" PRIu32 ", the network has %" PRIu32,
				   container->ifname, container->id, container->mtu,
				   network->state.mtu);
	}
	if (large > DOCTOR_LISTED)
		doctor_add_finding(findings, "containers", DOCTOR_WARNING, "restart them",
				   "%zu more have a larger MTU", large - DOCTOR_LISTED);
	if (gone)
		doctor_add_finding(
			findings, "containers", DOCTOR_WARNING,
			"none if weftd is running: it frees their addresses within three minutes",
			"%zu ended without a DEL", gone);
	if (network->damaged)
		doctor_add_finding(
			findings, "containers", DOCTOR_WARNING,
			"delete the container, or see attachments/ in the runtime state directory",
			"%zu unreadable records", network->damaged);
	if (!large && !gone && !network->damaged)
		doctor_add_finding(findings, "containers", DOCTOR_OK, "", "%zu attached",
				   network->containers.len);
}

void doctor_node_addresses(struct doctor_findings *findings, const struct doctor_network *network)
{
	static const char remedy[] = "remove containers, or use larger subnets (SubnetLen)";
	char text[PREFIX_TEXT_SIZE];

	for (size_t i = 0; i < network->state.family_len; i++) {
		const struct state_family *family = &network->state.family[i];
		const struct prefix *subnet = &family->subnet;
		uint64_t size = range_capacity(subnet, &family->gateway);
		uint64_t used = network->used[ipaddr_family(&subnet->addr)];
		bool scarce = used >= size - size / 10;
		enum doctor_state state = used >= size ? DOCTOR_ERROR :
					  scarce       ? DOCTOR_WARNING :
							 DOCTOR_OK;

		prefix_text(subnet, text);
		if (size > UINT32_MAX) /* practically unlimited */
			doctor_add_finding(findings, "addresses", DOCTOR_OK, "",
					   "%" PRIu64 " of %s in use", used, text);
		else
			doctor_add_finding(findings, "addresses", state, remedy,
					   "%" PRIu64 " of %" PRIu64 " of %s in use", used, size,
					   text);
	}
}
