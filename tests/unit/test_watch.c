/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/watch.h"

#include "common/array.h"
#include "common/netlink/addr.h"
#include "common/netlink/link.h"
#include "common/netlink/nl.h"
#include "daemon/dataplane/plan.h"
#include "daemon/lease/foreign.h"
#include "tests/unit/samples.h"

#include <linux/if_bridge.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>

#define BRIDGE 7
#define VXLAN 8
#define UPLINK 2
#define VETH 9
#define OTHER 4

#define DEVICES WATCH_DEVICES
#define TABLES WATCH_TABLES
#define BOTH (WATCH_DEVICES | WATCH_TABLES)

struct fixture {
	struct plan_table stand;
	struct watch_objects objects;
};

/* The entries of one peer are installed: 10.5.2.0/24, c6:00:00:00:00:0a, 192.168.0.2. */
static int setup(void **state)
{
	struct fixture *fixture = test_calloc(1, sizeof(*fixture));
	const struct plan_devices devices = {
		.bridge = BRIDGE,
		.vxlan = { VXLAN },
		.gateway = { sample_addr("10.5.1.1") },
	};
	struct config config = sample_config("{\"Network\":\"10.5.0.0/16\"}");
	struct lease peer = sample_peer("10.5.2.0/24", "192.168.0.2", "c6:00:00:00:00:0a",
					SAMPLE_OTHER, 1);
	struct leases peers = { .len = 0 };

	sample_put(&peers, &peer);
	assert_true(plan_want(&peers, &config, &devices, &fixture->stand));
	leases_free(&peers);
	fixture->objects = (struct watch_objects){
		.bridge = BRIDGE,
		.vxlan = { VXLAN },
		.uplink = UPLINK,
		.bridge_name = "weft-br1",
		.vxlan_name = { "weft-vx1" },
		.uplink_name = "eth0",
		.network = "default",
		.installed = &fixture->stand,
		.cluster = { config.pool[FAMILY_V4].network },
	};
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	plan_table_free(&fixture->stand);
	test_free(fixture);
	return 0;
}

#define watch_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* Classifies the message as an event of that type, and frees it. */
static unsigned classify(void *const *state, struct nl_msg *msg, uint16_t type)
{
	const struct fixture *fixture = *state;
	unsigned news;

	assert_non_null(msg);
	nlmsg_hdr(msg)->nlmsg_type = type;
	news = watch_classify(&fixture->objects, nlmsg_hdr(msg));
	nlmsg_free(msg);
	return news;
}

/* ---- Routes ------------------------------------------------------------------------------ */

static struct route our_route(void **state)
{
	const struct fixture *fixture = *state;

	return fixture->stand.route.at[0];
}

static void test_installed_routes_are_ignored(void **state)
{
	struct route route = our_route(state);

	assert_int_equal(classify(state, route_add_message(&route), RTM_NEWROUTE), 0);
	assert_int_equal(classify(state, route_add_message(&route), RTM_DELROUTE), TABLES);
	route.dst = sample_prefix("10.5.9.0/24"); /* removed by weftd itself before */
	assert_int_equal(classify(state, route_add_message(&route), RTM_DELROUTE), 0);
}

static void test_conflicting_routes(void **state)
{
	struct route route = our_route(state);

	route.index = OTHER;
	route.protocol = RTPROT_STATIC;
	assert_int_equal(classify(state, route_add_message(&route), RTM_NEWROUTE), TABLES);
	route = our_route(state);
	route.dst = sample_prefix("10.5.9.0/24");
	assert_int_equal(classify(state, route_add_message(&route), RTM_NEWROUTE), TABLES);
	route.protocol = RTPROT_STATIC;
	assert_int_equal(classify(state, route_add_message(&route), RTM_NEWROUTE), 0);
	route.protocol = ROUTE_PROTOCOL;
	route.index = OTHER;
	assert_int_equal(classify(state, route_add_message(&route), RTM_NEWROUTE), 0);
}

static void test_routes_of_the_kernel(void **state)
{
	struct route route = {
		.dst = sample_prefix("10.5.1.0/24"),
		.index = BRIDGE,
		.protocol = RTPROT_KERNEL,
		.scope = RT_SCOPE_LINK,
	};

	assert_int_equal(classify(state, route_add_message(&route), RTM_NEWROUTE), 0);
	assert_int_equal(classify(state, route_add_message(&route), RTM_DELROUTE), DEVICES);
	route.index = OTHER;
	assert_int_equal(classify(state, route_add_message(&route), RTM_DELROUTE), WATCH_FOREIGN);
	route.dst = sample_prefix("0.0.0.0/0");
	assert_int_equal(classify(state, route_add_message(&route), RTM_DELROUTE),
			 WATCH_UPLINK | WATCH_GATEWAY);
}

/* ---- Neighbours -------------------------------------------------------------------------- */

static struct nl_msg *arp(uint32_t index, const char *address, const char *mac, uint16_t nud)
{
	const struct ipaddr addr = sample_addr(address);
	const struct mac lladdr = sample_mac(mac);
	struct nl_msg *msg = neigh_add_message(
		&(struct neigh){ .addr = addr, .mac = lladdr, .index = index });

	((struct ndmsg *)nlmsg_data(nlmsg_hdr(msg)))->ndm_state = nud;
	return msg;
}

static void test_arp(void **state)
{
	static const struct {
		uint32_t index;
		const char *address, *mac;
		uint16_t nud, type;
		unsigned news;
	} cases[] = {
		{ BRIDGE, "10.5.2.0", "c6:00:00:00:00:0a", NUD_PERMANENT, RTM_NEWNEIGH, 0 },
		{ BRIDGE, "10.5.2.0", "c6:00:00:00:00:0a", NUD_PERMANENT, RTM_DELNEIGH, TABLES },
		{ BRIDGE, "10.5.2.0", "c6:00:00:00:00:0b", NUD_PERMANENT, RTM_NEWNEIGH, TABLES },
		{ BRIDGE, "10.5.2.0", "c6:00:00:00:00:0a", NUD_REACHABLE, RTM_NEWNEIGH, TABLES },
		{ BRIDGE, "10.5.3.0", "c6:00:00:00:00:0a", NUD_PERMANENT, RTM_NEWNEIGH, TABLES },
		{ BRIDGE, "10.5.3.0", "c6:00:00:00:00:0a", NUD_PERMANENT, RTM_DELNEIGH, 0 },
		{ BRIDGE, "10.5.1.7", "0a:58:0a:05:01:07", NUD_REACHABLE, RTM_NEWNEIGH, 0 },
		{ BRIDGE, "10.5.1.7", "0a:58:0a:05:01:07", NUD_STALE, RTM_DELNEIGH, 0 },
		{ OTHER, "10.5.2.0", "c6:00:00:00:00:0b", NUD_PERMANENT, RTM_NEWNEIGH, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct nl_msg *msg = arp(cases[i].index, cases[i].address, cases[i].mac,
					 cases[i].nud);

		if (classify(state, msg, cases[i].type) != cases[i].news)
			fail_msg("case %zu", i);
	}
}

/* ---- The FDB ----------------------------------------------------------------------------- */

static void test_fdb(void **state)
{
	static const struct {
		uint32_t index;
		const char *mac, *vtep; /* "": the bridge's entry */
		uint16_t nud, type;
		bool learning;
		unsigned news;
	} cases[] = {
		{ VXLAN, "c6:00:00:00:00:0a", "192.168.0.2", NUD_NOARP, RTM_NEWNEIGH, false, 0 },
		{ VXLAN, "c6:00:00:00:00:0a", "", NUD_NOARP, RTM_NEWNEIGH, false, 0 },
		{ VXLAN, "c6:00:00:00:00:0a", "192.168.0.2", NUD_NOARP, RTM_DELNEIGH, false,
		  TABLES },
		{ VXLAN, "c6:00:00:00:00:0a", "", NUD_NOARP, RTM_DELNEIGH, false, TABLES },
		{ VXLAN, "c6:00:00:00:00:0a", "192.168.0.3", NUD_NOARP, RTM_NEWNEIGH, false,
		  TABLES },
		{ VXLAN, "c6:00:00:00:00:0a", "192.168.0.3", NUD_NOARP, RTM_DELNEIGH, false, 0 },
		{ VXLAN, "c6:00:00:00:00:0a", "", NUD_REACHABLE, RTM_NEWNEIGH, false, TABLES },
		{ VXLAN, "c6:00:00:00:00:0c", "192.168.0.2", NUD_NOARP, RTM_NEWNEIGH, false,
		  TABLES },
		{ VXLAN, "c6:00:00:00:00:0c", "", NUD_PERMANENT, RTM_NEWNEIGH, false, 0 },
		{ VXLAN, "c6:00:00:00:00:0c", "", NUD_REACHABLE, RTM_NEWNEIGH, false, TABLES },
		{ VXLAN, "c6:00:00:00:00:0c", "", NUD_REACHABLE, RTM_NEWNEIGH, true, 0 },
		{ VXLAN, "c6:00:00:00:00:0c", "192.168.0.9", NUD_REACHABLE, RTM_NEWNEIGH, true, 0 },
		{ VXLAN, "c6:00:00:00:00:0c", "192.168.0.9", NUD_NOARP, RTM_NEWNEIGH, true,
		  TABLES },
		{ VETH, "c6:00:00:00:00:0a", "", NUD_NOARP, RTM_NEWNEIGH, false, TABLES },
		{ VETH, "0a:58:0a:05:01:07", "", NUD_REACHABLE, RTM_NEWNEIGH, false, 0 },
		{ VETH, "0a:58:0a:05:01:07", "", NUD_REACHABLE, RTM_DELNEIGH, false, 0 },
		{ VETH, "0a:58:0a:05:01:07", "", NUD_NOARP, RTM_NEWNEIGH, false, 0 },
		{ VETH, "0a:58:0a:05:01:07", "", NUD_NOARP, RTM_DELNEIGH, false, DEVICES },
		{ VETH, "0a:58:0a:05:01:07", "192.168.0.2", NUD_NOARP, RTM_DELNEIGH, false, 0 },
		/* The MAC of the bridge, and of a port. */
		{ BRIDGE, "0e:00:00:00:00:01", "", NUD_PERMANENT, RTM_DELNEIGH, false, DEVICES },
		{ BRIDGE, "0e:00:00:00:00:01", "", NUD_PERMANENT, RTM_NEWNEIGH, false, 0 },
		{ VXLAN, "0e:00:00:00:00:01", "", NUD_PERMANENT, RTM_DELNEIGH, false, DEVICES },
		{ VETH, "0e:00:00:00:00:02", "", NUD_PERMANENT, RTM_DELNEIGH, false, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *fixture = *state;
		const struct mac mac = sample_mac(cases[i].mac);
		const struct ipaddr vtep = sample_addr(cases[i].vtep);
		struct nl_msg *msg = neigh_fdb_add_message(cases[i].index, &mac, &vtep);
		struct ndmsg *info;

		if (!*cases[i].vtep)
			nl_put_u32(msg, NDA_MASTER, BRIDGE);
		info = nlmsg_data(nlmsg_hdr(msg));
		info->ndm_state = cases[i].nud;
		fixture->objects.learning = cases[i].learning;
		if (classify(state, msg, cases[i].type) != cases[i].news)
			fail_msg("case %zu", i);
	}
}

static void test_flood(void **state)
{
	static const struct {
		uint32_t index;
		const char *vtep;
		uint16_t type;
		unsigned news;
	} cases[] = {
		{ VXLAN, "192.168.0.2", RTM_NEWNEIGH, 0 },
		{ VXLAN, "192.168.0.2", RTM_DELNEIGH, TABLES },
		{ VXLAN, "192.168.0.3", RTM_NEWNEIGH, TABLES },
		{ VXLAN, "192.168.0.3", RTM_DELNEIGH, 0 },
		{ OTHER, "192.168.0.3", RTM_NEWNEIGH, 0 },
	};
	struct fixture *fixture = *state;
	struct plan_table installed = *fixture->objects.installed;
	const struct neigh_fdb entry = { .index = VXLAN, .vtep = sample_addr("192.168.0.2") };

	installed.flood = (struct plan_fdbs){ .len = 0 };
	assert_true(plan_fdbs_push(&installed.flood, &entry));
	fixture->objects.installed = &installed;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct neigh_fdb fdb = { .index = cases[i].index,
					       .vtep = sample_addr(cases[i].vtep) };
		struct nl_msg *msg = neigh_flood_add_message(&fdb);

		if (classify(state, msg, cases[i].type) != cases[i].news)
			fail_msg("case %zu", i);
	}
	plan_fdbs_free(&installed.flood);
}

/* ---- Devices and addresses --------------------------------------------------------------- */

struct device {
	uint32_t index;
	uint8_t family;
	const char *name, *kind, *alias;
	uint32_t master;
	bool up;
};

static struct nl_msg *link_event(const struct device *device)
{
	const struct ifinfomsg info = {
		.ifi_family = device->family,
		.ifi_index = (int)device->index,
		.ifi_flags = device->up ? IFF_UP : 0,
	};
	struct nl_msg *msg = nl_message(RTM_NEWLINK, 0, &info, sizeof(info), 512);
	struct nlattr *nest;

	nl_put_text(msg, IFLA_IFNAME, device->name);
	if (device->alias)
		nl_put_text(msg, IFLA_IFALIAS, device->alias);
	if (device->master)
		nl_put_u32(msg, IFLA_MASTER, device->master);
	if (device->kind) {
		nest = nl_nest(msg, IFLA_LINKINFO, NULL, 0);
		nl_put_text(msg, IFLA_INFO_KIND, device->kind);
		nl_nest_end(msg, nest);
	}
	return msg;
}

static void test_devices(void **state)
{
	static const struct {
		struct device device;
		uint16_t type;
		unsigned news;
	} cases[] = {
		{ { BRIDGE, 0, "weft-br1", "bridge", NULL, 0, true }, RTM_NEWLINK, DEVICES },
		{ { BRIDGE, 0, "weft-br1", "bridge", NULL, 0, false }, RTM_NEWLINK, BOTH },
		{ { BRIDGE, 0, "weft-br1", "bridge", NULL, 0, true }, RTM_DELLINK, BOTH },
		{ { BRIDGE, 0, "renamed", "bridge", NULL, 0, true }, RTM_NEWLINK, DEVICES },
		{ { 30, 0, "weft-br1", "bridge", NULL, 0, true }, RTM_NEWLINK, BOTH },
		{ { VXLAN, 0, "weft-vx1", "vxlan", NULL, BRIDGE, true }, RTM_NEWLINK, DEVICES },
		{ { VXLAN, 0, "weft-vx1", "vxlan", NULL, 0, true }, RTM_NEWLINK, BOTH },
		{ { VXLAN, AF_BRIDGE, "weft-vx1", NULL, NULL, BRIDGE, true }, RTM_NEWLINK, DEVICES },
		{ { VXLAN, AF_BRIDGE, "weft-vx1", NULL, NULL, BRIDGE, true }, RTM_DELLINK, BOTH },
		{ { VETH, 0, "weft0123456789a", "veth", "weft default c1 eth0", 0, true },
		  RTM_NEWLINK,
		  DEVICES },
		{ { VETH, 0, "weft0123456789a", "veth", "weft default c1 eth0", 0, true },
		  RTM_DELLINK,
		  0 },
		{ { VETH, 0, "weft0123456789a", "veth", "weft other c1 eth0", 0, true },
		  RTM_NEWLINK,
		  0 },
		{ { VETH, 0, "weft0123456789a", "veth", "weft defaults c1 eth0", 0, true },
		  RTM_NEWLINK,
		  0 },
		{ { VETH, 0, "veth0123456789a", "veth", "weft default c1 eth0", 0, true },
		  RTM_NEWLINK,
		  DEVICES },
		{ { VETH, 0, "veth0", "veth", "weft default c1 eth0", 0, true }, RTM_NEWLINK, 0 },
		{ { VETH, AF_BRIDGE, "weft0123456789a", NULL, NULL, BRIDGE, true },
		  RTM_NEWLINK,
		  DEVICES },
		{ { VETH, AF_BRIDGE, "weft0123456789a", NULL, NULL, OTHER, true }, RTM_NEWLINK, 0 },
		{ { UPLINK, 0, "eth0", NULL, NULL, 0, true }, RTM_NEWLINK, WATCH_UPLINK },
		{ { 31, 0, "eth0", NULL, NULL, 0, true }, RTM_NEWLINK, WATCH_UPLINK },
		{ { UPLINK, 0, "eth0", NULL, NULL, 0, true }, RTM_DELLINK, WATCH_UPLINK },
		{ { OTHER, 0, "eth1", NULL, NULL, 0, true }, RTM_NEWLINK, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (classify(state, link_event(&cases[i].device), cases[i].type) != cases[i].news)
			fail_msg("case %zu", i);
}

/*
 * The MAC of another bridge, which no peer can have: it appears, is as the last scan found it, or
 * is free again.
 */
static void test_macs_of_other_bridges(void **state)
{
	static const struct device device = { OTHER, 0, "br0", "bridge", NULL, 0, true };
	static const struct mac mac = { { 2, 0, 0, 0, 0, 0x79 } }, group = { { 1, 0, 0, 0, 0, 1 } };
	static const struct {
		const struct mac *mac;
		bool is_found;
		uint16_t type;
		unsigned news;
	} cases[] = {
		{ &mac, false, RTM_NEWLINK, WATCH_FOREIGN }, { &mac, true, RTM_NEWLINK, 0 },
		{ &mac, true, RTM_DELLINK, WATCH_FOREIGN },  { &mac, false, RTM_DELLINK, 0 },
		{ &group, false, RTM_NEWLINK, 0 },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct nl_msg *msg = link_event(&device);
		struct foreign foreign = { .macs = { .len = 0 } };

		nl_put(msg, IFLA_ADDRESS, cases[i].mac, sizeof(*cases[i].mac));
		if (cases[i].is_found)
			assert_true(foreign_add_mac(&foreign, &mac, "br0"));
		foreign_sort(&foreign);
		fixture->objects.foreign = &foreign;
		if (classify(state, msg, cases[i].type) != cases[i].news)
			fail_msg("case %zu", i);
		fixture->objects.foreign = NULL;
		foreign_free(&foreign);
	}
}

static void test_addresses(void **state)
{
	struct fixture *fixture = *state;
	const struct prefix prefix = sample_prefix("10.5.1.1/24");
	const struct prefix link_local = sample_prefix("fe80::1/64");

	assert_int_equal(classify(state, addr_add_message(BRIDGE, &prefix), RTM_NEWADDR), DEVICES);
	assert_int_equal(classify(state, addr_add_message(BRIDGE, &prefix), RTM_DELADDR), BOTH);
	assert_int_equal(classify(state, addr_add_message(UPLINK, &prefix), RTM_DELADDR),
			 WATCH_UPLINK | WATCH_FOREIGN);
	assert_int_equal(classify(state, addr_add_message(OTHER, &prefix), RTM_NEWADDR),
			 WATCH_FOREIGN);
	assert_int_equal(classify(state, addr_add_message(OTHER, &link_local), RTM_NEWADDR), 0);
	fixture->objects.uplink = 0;
	assert_int_equal(classify(state, addr_add_message(OTHER, &prefix), RTM_NEWADDR),
			 WATCH_UPLINK | WATCH_FOREIGN);
}

/* Routes of other devices into the network, without a gateway. */
static void test_foreign_routes(void **state)
{
	static const struct {
		const char *dst, *gateway;
		uint32_t index;
		unsigned news;
	} cases[] = {
		{ "10.5.9.0/24", "", OTHER, WATCH_FOREIGN },
		{ "10.0.0.0/8", "", OTHER, WATCH_FOREIGN },
		{ "10.5.9.0/24", "192.168.0.7", OTHER, 0 },
		{ "10.6.0.0/16", "", OTHER, 0 },
		{ "10.5.1.0/24", "", BRIDGE, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct route route = {
			.dst = sample_prefix(cases[i].dst),
			.gateway = sample_addr(cases[i].gateway),
			.index = cases[i].index,
			.protocol = RTPROT_KERNEL,
			.scope = RT_SCOPE_LINK,
		};

		if (classify(state, route_add_message(&route), RTM_NEWROUTE) != cases[i].news)
			fail_msg("case %zu", i);
	}
}

/* ---- Other events ------------------------------------------------------------------------ */

static void test_malformed_events_trigger_every_check(void **state)
{
	const struct fixture *fixture = *state;
	const uint16_t types[] = { RTM_NEWLINK, RTM_DELADDR, RTM_NEWROUTE, RTM_DELNEIGH };

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		const struct nlmsghdr event = { .nlmsg_len = sizeof(event),
						.nlmsg_type = types[i] };

		assert_int_equal(watch_classify(&fixture->objects, &event),
				 WATCH_DEVICES | WATCH_TABLES | WATCH_UPLINK | WATCH_GATEWAY |
					 WATCH_FOREIGN | WATCH_OBSTACLE);
	}
}

/* Nothing of this is relevant for a network that waits for nothing. */
static void test_removals_end_a_wait(void **state)
{
	static const struct device vxlan = { OTHER, 0, "flannel.1", "vxlan", NULL, 0, false };
	static const struct device own = { VXLAN, 0, "weft-vx1", "vxlan", NULL, BRIDGE, true };
	struct fixture *fixture = *state;
	const struct nlmsghdr rule = { .nlmsg_len = sizeof(rule), .nlmsg_type = RTM_DELRULE };
	const struct prefix prefix = sample_prefix("fe80::1/64");
	struct route route = {
		.dst = sample_prefix("10.6.0.0/16"),
		.gateway = sample_addr("192.168.0.7"),
		.index = OTHER,
		.protocol = RTPROT_STATIC,
	};

	for (int i = 0; i < 2; i++) {
		const unsigned want = i ? WATCH_OBSTACLE : 0;

		fixture->objects.waiting = i;
		assert_int_equal(classify(state, link_event(&vxlan), RTM_DELLINK), want);
		assert_int_equal(classify(state, link_event(&vxlan), RTM_NEWLINK), want);
		assert_int_equal(classify(state, link_event(&own), RTM_NEWLINK), DEVICES);
		assert_int_equal(classify(state, addr_add_message(OTHER, &prefix), RTM_DELADDR),
				 want);
		assert_int_equal(classify(state, route_add_message(&route), RTM_DELROUTE), want);
		assert_int_equal(watch_classify(&fixture->objects, &rule), want);
		assert_int_equal(classify(state, route_add_message(&route), RTM_NEWROUTE), 0);
	}
}

static struct nl_msg *netconf_event(int32_t index)
{
	const struct netconfmsg info = { .ncm_family = AF_INET };
	struct nl_msg *msg = nl_message(RTM_NEWNETCONF, 0, &info, sizeof(info), 16);

	nl_put_u32(msg, NETCONFA_IFINDEX, (uint32_t)index);
	return msg;
}

static void test_settings_of_other_devices_are_ignored(void **state)
{
	static const int32_t relevant[] = { NETCONFA_IFINDEX_ALL, NETCONFA_IFINDEX_DEFAULT, BRIDGE,
					    VXLAN };
	const struct netconfmsg info = { .ncm_family = AF_INET };
	const struct nlmsghdr cut = { .nlmsg_len = sizeof(cut), .nlmsg_type = RTM_NEWNETCONF };
	const struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LEN(relevant); i++)
		assert_int_equal(classify(state, netconf_event(relevant[i]), RTM_NEWNETCONF),
				 DEVICES);
	assert_int_equal(classify(state, netconf_event(OTHER), RTM_NEWNETCONF), 0);
	/* What cannot be parsed may be of any device. */
	assert_int_equal(watch_classify(&fixture->objects, &cut), DEVICES);
	assert_int_equal(classify(state, nl_message(0, 0, &info, sizeof(info), 0), RTM_NEWNETCONF),
			 DEVICES);
}

static void test_other_types(void **state)
{
	const struct fixture *fixture = *state;
	const struct nlmsghdr event = { .nlmsg_len = sizeof(event), .nlmsg_type = RTM_NEWRULE };

	assert_int_equal(watch_classify(&fixture->objects, &event), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		watch_test(test_installed_routes_are_ignored),
		watch_test(test_conflicting_routes),
		watch_test(test_routes_of_the_kernel),
		watch_test(test_arp),
		watch_test(test_fdb),
		watch_test(test_flood),
		watch_test(test_devices),
		watch_test(test_macs_of_other_bridges),
		watch_test(test_addresses),
		watch_test(test_foreign_routes),
		watch_test(test_malformed_events_trigger_every_check),
		watch_test(test_removals_end_a_wait),
		watch_test(test_settings_of_other_devices_are_ignored),
		watch_test(test_other_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
