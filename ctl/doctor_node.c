/* SPDX-License-Identifier: Apache-2.0 */
/* What can be seen on the node itself, with weftd's help or without (doctor.h). */
#include "doctor_private.h"

#include "common/legacy.h"

#include <inttypes.h>
#include <stdio.h>

#define REDIRECTS_REMEDY "set it to 0; weftd does so in every pass, so see who sets it back"

bool doctor_has_family(const struct doctor_network *network, enum family family)
{
	int number = family == FAMILY_V6 ? AF_INET6 : AF_INET;

	for (size_t f = 0; f < network->state.family_len; f++)
		if (network->state.family[f].cluster.addr.family == number)
			return true;
	return false;
}

/* The first that has the family; NULL: none has. */
static const struct doctor_network *with_family(const struct doctor_facts *facts,
						enum family family)
{
	for (size_t i = 0; i < facts->networks.len; i++)
		if (doctor_has_family(&facts->networks.at[i], family))
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

/* sysctls: net.ipv4.ip_forward and the like. */
void doctor_check_node(struct doctor *doctor)
{
	const struct doctor_facts *facts = doctor->facts;
	const struct doctor_network *redirects = with_redirects(facts);
	bool v4_off = facts->ip_forward == 0 && with_family(facts, FAMILY_V4);
	bool v6_off = facts->ip6_forward == 0 && with_family(facts, FAMILY_V6);

	if (v4_off)
		doctor_find(doctor, "sysctl", DOCTOR_WRONG,
			    "sysctl net.ipv4.ip_forward=1; see who sets it to 0 (/etc/sysctl.d)",
			    "net.ipv4.ip_forward is 0: no packet leaves a container's node");
	if (v6_off)
		doctor_find(
			doctor, "sysctl", DOCTOR_WRONG,
			"sysctl net.ipv6.conf.all.forwarding=1; see who sets it to 0",
			"net.ipv6.conf.all.forwarding is 0: no packet leaves a container's node");
	if (facts->redirects == 1 && facts->networks.len)
		doctor_find(doctor, "sysctl", DOCTOR_WARNING, REDIRECTS_REMEDY,
			    "net.ipv4.conf.all.send_redirects is 1: containers are told of ways "
			    "that they cannot go");
	else if (redirects)
		doctor_find(
			doctor, "sysctl", DOCTOR_WARNING, REDIRECTS_REMEDY,
			"net.ipv4.conf.%s.send_redirects is 1: containers are told of ways that "
			"they cannot go",
			redirects->state.bridge);
	if (is_strict(facts))
		doctor_find(doctor, "sysctl", DOCTOR_WARNING,
			    "sysctl net.ipv4.conf.all.rp_filter=2, where a peer is reached by one "
			    "way and answers by another (DirectRouting, several uplinks)",
			    "rp_filter is strict (1): packets that come by another way than "
			    "answers would go are dropped");
	if (!v4_off && !v6_off && (facts->redirects != 1 || !facts->networks.len) && !redirects &&
	    !is_strict(facts))
		doctor_find(doctor, "sysctl", DOCTOR_OK, "",
			    "packets are forwarded, without redirects");
}

bool doctor_check_legacy(struct doctor *doctor, enum family family)
{
	const struct doctor_network *network = with_family(doctor->facts, family);
	const char *name = legacy_name(family);
	char remedy[256];

	if (!network || doctor->facts->legacy[family] == DOCTOR_LEGACY_PASSES)
		return true;
	if (doctor->facts->legacy[family] == DOCTOR_LEGACY_UNSEEN) {
		doctor_find(doctor, "rules", DOCTOR_WARNING, "run weftctl doctor as root",
			    "whether %s drops what is forwarded, weftd may not see", name);
		return false;
	}
	snprintf(remedy, sizeof(remedy),
		 "%s -I FORWARD -i %s -j ACCEPT, and the same with -o; weftd does so where it may "
		 "see it (weftd(8), PACKET RULES)",
		 name, network->state.bridge);
	doctor_find(doctor, "rules", DOCTOR_WARNING, remedy,
		    "%s filter FORWARD drops what is forwarded, containers' packets too", name);
	return false;
}

static bool check_device(struct doctor *doctor, const struct doctor_device *device, uint32_t mtu)
{
	if (!device->there)
		doctor_find(doctor, "devices", DOCTOR_WRONG,
			    "weftd makes it anew within a second where it runs and has a lease",
			    "the device %s is not there", device->name);
	else if (!device->up)
		doctor_find(doctor, "devices", DOCTOR_WRONG,
			    "ip link set up; weftd does so by itself where it runs",
			    "the device %s is down", device->name);
	else if (device->mtu != mtu)
		doctor_find(doctor, "devices", DOCTOR_WARNING,
			    "weftd sets it in its next pass, within five minutes",
			    "the device %s has MTU %" PRIu32 ", the network %" PRIu32, device->name,
			    device->mtu, mtu);
	else
		return true;
	return false;
}

/* What weftd has, where it answers, else what it published last. */
void doctor_check_devices(struct doctor *doctor, const struct doctor_network *facts,
			  const struct jr *network)
{
	uint32_t told = network ? doctor_number(network, "mtu") : 0;
	uint32_t mtu = told ? told : facts->state.mtu;
	bool bridge = check_device(doctor, &facts->bridge, mtu);
	bool vxlan = check_device(doctor, &facts->vxlan, mtu);

	if (bridge && vxlan)
		doctor_find(doctor, "devices", DOCTOR_OK, "", "%s and %s are up, MTU %" PRIu32,
			    facts->bridge.name, facts->vxlan.name, mtu);
}

void doctor_check_containers(struct doctor *doctor, const struct doctor_network *facts)
{
	size_t told = 0, gone = 0;

	for (size_t i = 0; i < facts->containers.len; i++) {
		const struct doctor_container *container = &facts->containers.at[i];

		gone += container->gone;
		if (container->mtu <= facts->state.mtu || told++ >= DOCTOR_LISTED)
			continue;
		doctor_find(doctor, "containers", DOCTOR_WARNING,
			    "restart the container: its large packets are lost on the way",
			    "%s of %s keeps MTU %" PRIu32 ", the network has %" PRIu32
			    " since it started",
			    container->ifname, container->id, container->mtu, facts->state.mtu);
	}
	if (told > DOCTOR_LISTED)
		doctor_find(doctor, "containers", DOCTOR_WARNING, "restart them",
			    "%zu more keep a larger MTU", told - DOCTOR_LISTED);
	if (gone)
		doctor_find(doctor, "containers", DOCTOR_WARNING,
			    "weftd frees what they held within three minutes where it runs",
			    "%zu ended without a DEL", gone);
	if (facts->damaged)
		doctor_find(doctor, "containers", DOCTOR_WARNING,
			    "see the run directory's attachments/; a DEL of the container ends it",
			    "%zu records cannot be read", facts->damaged);
	if (!told && !gone && !facts->damaged)
		doctor_find(doctor, "containers", DOCTOR_OK, "", "%zu attached",
			    facts->containers.len);
}

/* How many addresses containers can have; UINT64_MAX where nobody counts them. */
static uint64_t size_of(const struct prefix *subnet)
{
	unsigned bits = (subnet->addr.family == AF_INET6 ? 128u : 32u) - subnet->len;

	/* The base, the gateway, and for IPv4 the broadcast address are not given. */
	if (bits >= 32)
		return UINT64_MAX;
	return bits < 2 ? 0 : (UINT64_C(1) << bits) - (subnet->addr.family == AF_INET6 ? 2 : 3);
}

void doctor_check_pool(struct doctor *doctor, const struct doctor_network *facts)
{
	static const char remedy[] = "end containers, or give nodes larger subnets (SubnetLen)";
	char text[PREFIX_TEXT_SIZE];

	for (size_t i = 0; i < facts->state.family_len; i++) {
		const struct prefix *subnet = &facts->state.family[i].subnet;
		uint64_t size = size_of(subnet);
		uint64_t used =
			facts->used[subnet->addr.family == AF_INET6 ? FAMILY_V6 : FAMILY_V4];
		bool scarce = used >= size - size / 10;
		enum doctor_state state = used >= size ? DOCTOR_WRONG :
					  scarce       ? DOCTOR_WARNING :
							 DOCTOR_OK;

		prefix_text(subnet, text);
		if (size == UINT64_MAX)
			doctor_find(doctor, "addresses", DOCTOR_OK, "", "%" PRIu64 " of %s in use",
				    used, text);
		else
			doctor_find(doctor, "addresses", state, remedy,
				    "%" PRIu64 " of %" PRIu64 " of %s in use", used, size, text);
	}
}
