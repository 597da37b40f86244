/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl */
#include "common/netlink/link.h"

#include "common/array.h"
#include "tests/unit/link_fixture.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>

static void a_missing_device_is_absent(void **state)
{
	struct err err = ERR_INIT;
	struct link link;

	assert_int_equal(link_get(*state, "missing", &link, &err), 0);
	assert_int_equal(link_get(*state, "a-name-of-sixteen", &link, &err), 0);
	assert_int_equal(link_get_index(*state, 9999, &link, &err), 0);
	assert_int_equal(link_del(*state, 9999, &err), 0);
	assert_int_equal(err.code, ERR_NONE);
}

static void a_device_without_a_kind_is_parsed(void **state)
{
	struct link lo = must_get(*state, "lo");

	assert_int_equal(lo.index, 1);
	assert_int_equal(lo.kind, LINK_KIND_OTHER);
	assert_true(lo.flags & IFF_LOOPBACK);
	assert_true(lo.flags & IFF_UP);
	assert_int_equal(lo.mtu, 65536);
	assert_int_equal(lo.master, 0);
	assert_int_equal(lo.family, AF_UNSPEC);
	assert_false(lo.is_port);
	assert_string_equal(lo.alias, "");
}

struct names {
	unsigned len, restarts;
	char at[8][IF_NAMESIZE];
};

static int take_name(void *ctx, const struct link *link, struct err *err)
{
	struct names *names = ctx;

	if (names->len == 8)
		return err_set(err, ERR_CHECK, "no more");
	memcpy(names->at[names->len++], link->name, IF_NAMESIZE);
	return 0;
}

static void restart_names(void *ctx)
{
	struct names *names = ctx;

	names->len = 0;
	names->restarts++;
}

static void each_device_is_visited(void **state)
{
	struct names names = { 0 };
	struct err err = ERR_INIT;

	kernel_bridge(*state);
	assert_done(link_each(*state, take_name, restart_names, &names, &err), err);
	assert_int_equal(names.len, 2);
	assert_string_equal(names.at[0], "lo");
	assert_string_equal(names.at[1], "br0");
	assert_int_equal(names.restarts, 0);
	names.len = 7;
	assert_int_equal(link_each(*state, take_name, NULL, &names, &err), -1);
	assert_string_equal(err.text, "no more");
}

/* AF_BRIDGE events of a port are distinguished: a port that leaves its bridge still exists. */
static void events_of_bridge_ports_have_family_af_bridge(void **state)
{
	const struct ifinfomsg info = { .ifi_family = AF_BRIDGE, .ifi_index = 5 };
	struct nl_msg *msg = nl_message(RTM_DELLINK, 0, &info, sizeof(info), 64);
	struct err err = ERR_INIT;
	struct link link;

	(void)state;
	nl_put_text(msg, IFLA_IFNAME, "port");
	nl_put(msg, IFLA_ADDRESS, "12345678", 8);
	assert_done(link_parse(nlmsg_hdr(msg), &link, &err), err);
	assert_int_equal(link.family, AF_BRIDGE);
	assert_int_equal(link.index, 5);
	assert_int_equal(link.kind, LINK_KIND_OTHER);
	assert_true(mac_is_zero(&link.mac));
	nlmsg_free(msg);
}

/* Old kernels send no attributes for flags that they do not support. */
static void a_port_without_flood_attributes_floods(void **state)
{
	for (int told = 0; told < 2; told++) {
		const struct ifinfomsg info = { .ifi_index = 5 };
		struct nl_msg *msg = nl_message(RTM_NEWLINK, 0, &info, sizeof(info), 256);
		struct nlattr *outer = nl_nest(msg, IFLA_LINKINFO, NULL, 0), *inner;
		struct err err = ERR_INIT;
		struct link link;

		nl_put_text(msg, IFLA_INFO_SLAVE_KIND, "bridge");
		inner = nl_nest(msg, IFLA_INFO_SLAVE_DATA, NULL, 0);
		nl_put_u8(msg, IFLA_BRPORT_STATE, 3);
		for (int i = 0; told && i < 4; i++)
			nl_put_u8(msg,
				  (const int[]){ IFLA_BRPORT_LEARNING, IFLA_BRPORT_UNICAST_FLOOD,
						 IFLA_BRPORT_MCAST_FLOOD,
						 IFLA_BRPORT_BCAST_FLOOD }[i],
				  0);
		nl_nest_end(msg, inner);
		nl_nest_end(msg, outer);
		assert_done(link_parse(nlmsg_hdr(msg), &link, &err), err);
		assert_true(link.is_port);
		assert_int_equal(link.port.learning, !told);
		assert_int_equal(link.port.flood, !told);
		assert_int_equal(link.port.mcast_flood, !told);
		assert_int_equal(link.port.bcast_flood, !told);
		assert_false(link.port.hairpin || link.port.isolated || link.port.locked ||
			     link.port.neigh_suppress);
		assert_int_equal(link.port.state, 3);
		nlmsg_free(msg);
	}
	(void)state;
}

/* Each case has the attributes of a device, one of them malformed. */
static void malformed_messages_are_rejected(void **state)
{
	static const struct {
		const char *kind, *slave;
		int type, size; /* of the malformed attribute in the innermost nest */
	} cases[] = {
		{ NULL, NULL, IFLA_MTU, 1 },
		{ "vxlan", NULL, IFLA_VXLAN_ID, 3 },
		{ "vxlan", NULL, IFLA_VXLAN_LOCAL, 5 },
		{ "veth", "bridge", IFLA_BRPORT_STATE, 0 },
		{ "veth", NULL, IFLA_INFO_SLAVE_KIND, 0 },
	};
	struct err err = ERR_INIT;
	struct link link;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct ifinfomsg info = { .ifi_index = 5 };
		struct nl_msg *msg = nl_message(RTM_NEWLINK, 0, &info, sizeof(info), 256);
		struct nlattr *outer = NULL, *inner = NULL;
		const bool vxlan = cases[i].kind && strcmp(cases[i].kind, "vxlan") == 0;

		if (cases[i].kind) {
			outer = nl_nest(msg, IFLA_LINKINFO, NULL, 0);
			nl_put_text(msg, IFLA_INFO_KIND, cases[i].kind);
		}
		if (cases[i].slave)
			nl_put_text(msg, IFLA_INFO_SLAVE_KIND, cases[i].slave);
		if (vxlan || cases[i].slave)
			inner = nl_nest(msg, vxlan ? IFLA_INFO_DATA : IFLA_INFO_SLAVE_DATA, NULL,
					0);
		nl_put(msg, cases[i].type, "12345678", (size_t)cases[i].size);
		if (inner)
			nl_nest_end(msg, inner);
		if (outer)
			nl_nest_end(msg, outer);
		err = ERR_INIT;
		assert_int_equal(link_parse(nlmsg_hdr(msg), &link, &err), -1);
		assert_int_equal(err.code, ERR_DECODE);
		nlmsg_hdr(msg)->nlmsg_type = RTM_NEWADDR;
		assert_int_equal(link_parse(nlmsg_hdr(msg), &link, &err), -1);
		assert_string_equal(err.text,
				    "netlink message of type 20 does not describe a device");
		nlmsg_free(msg);
	}
}

static void every_failure_is_returned(void **state)
{
	const struct mac mac = { 0 };
	const struct link_port port = { 0 };
	const struct link_add_vxlan vxlan = { .name = "vx0", .alias = "" };
	const struct link_add_veth pair = veth(0, -1);
	struct names names = { 0 };
	struct err err = ERR_INIT;
	struct nl *nl = *state;
	struct link link;
	int status = 0;

	fake_nl_stand_in();
	for (int i = 0; status <= 0; i++) {
		for (int memory = 0; memory < 2; memory++) {
			fake_nl_reset();
			fake_nl_stand_in();
			if (memory)
				fake_nl_exhaust(1);
			else
				fake_nl_fail(1, EPERM, "");
			err = ERR_INIT;
			switch (i) {
			case 0:
				status = link_get(nl, "lo", &link, &err);
				break;
			case 1:
				status = link_get_index(nl, 1, &link, &err);
				break;
			case 2:
				status = link_each(nl, take_name, NULL, &names, &err);
				break;
			case 3:
				status = link_add_bridge(nl, "b", &mac, 1, "", &err);
				break;
			case 4:
				status = link_add_vxlan(nl, &vxlan, &err);
				break;
			case 5:
				status = link_add_veth(nl, &pair, &err);
				break;
			case 6:
				status = link_set_up(nl, 1, true, &err);
				break;
			case 7:
				status = link_set_mtu(nl, 1, 1, &err);
				break;
			case 8:
				status = link_set_mac(nl, 1, &mac, &err);
				break;
			case 9:
				status = link_set_master(nl, 1, 0, &err);
				break;
			case 10:
				status = link_set_alias(nl, 1, "", &err);
				break;
			case 11:
				status = link_set_port(nl, 1, &port, &err);
				break;
			case 12:
				status = link_del(nl, 1, &err);
				break;
			default:
				return;
			}
			assert_int_equal(status, -1);
			assert_true(fake_nl_faulted());
			assert_int_equal(err.code, memory ? ERR_NOMEM : ERR_KERNEL);
			assert_int_equal(err.sys_errno, memory ? 0 : EPERM);
		}
	}
}

static void an_interrupted_list_is_restarted(void **state)
{
	const struct ifinfomsg info = { .ifi_index = 5 };
	struct names names = { 0 };
	struct err err = ERR_INIT;

	fake_nl_stand_in();
	fake_nl_answer(nl_message(RTM_NEWLINK, 0, &info, sizeof(info), 0));
	fake_nl_answer(nl_message(RTM_NEWLINK, 0, &info, sizeof(info), 0));
	fake_nl_interrupt(3);
	assert_done(link_each(*state, take_name, restart_names, &names, &err), err);
	assert_int_equal(names.len, 2);
	assert_int_equal(names.restarts, 3);
	assert_int_equal(fake_nl_sent(), 1);
	assert_int_equal(fake_nl_request(0)->nlmsg_type, RTM_GETLINK);
	assert_null(fake_nl_request(1));
}

static void a_bridge_is_created_with_all_its_attributes(void **state)
{
	const struct mac mac = kernel_mac("0a:58:0a:05:01:01");
	struct err err = ERR_INIT;
	struct link link;

	assert_done(link_add_bridge(*state, "weft-br1", &mac, 1450, "weft network default", &err),
		    err);
	link = must_get(*state, "weft-br1");
	assert_int_equal(link.kind, LINK_KIND_BRIDGE);
	assert_mac(&link.mac, "0a:58:0a:05:01:01");
	assert_int_equal(link.mtu, 1450);
	assert_int_equal(link.group, LINK_GROUP_WEFT);
	assert_true(link.flags & IFF_UP);
	assert_string_equal(link.alias, "weft network default");
	/* If the kernel supports VLANs on bridges, the bridge has no default VLAN. */
	assert_null(strstr(kernel_says("ip -d link show weft-br1"), "vlan_default_pvid 1 "));

	assert_int_equal(link_add_bridge(*state, "weft-br1", &mac, 1450, "mine", &err), -1);
	assert_int_equal(err.code, ERR_KERNEL);
	assert_int_equal(err.sys_errno, EEXIST);
	assert_string_equal(err.text, "create bridge weft-br1: File exists");
	/* The existing bridge is not changed. */
	assert_string_equal(must_get(*state, "weft-br1").alias, "weft network default");
}

static void a_vxlan_device_is_created_as_a_bridge_port(void **state)
{
	uint32_t bridge = kernel_bridge(*state);
	const struct link_add_vxlan want = {
		.name = "weft-vx1",
		.mac = kernel_mac("c6:d2:32:6f:8f:44"),
		.mtu = 1450,
		.master = bridge,
		.alias = "weft network default",
		.vxlan = {
			.vni = 16777215,
			.port = 8472,
			.local = kernel_addr("192.168.0.1"),
			.udp_csum = true,
		},
	};
	struct err err = ERR_INIT;
	struct link link;

	assert_done(link_add_vxlan(*state, &want, &err), err);
	link = must_get(*state, "weft-vx1");
	assert_int_equal(link.kind, LINK_KIND_VXLAN);
	assert_mac(&link.mac, "c6:d2:32:6f:8f:44");
	assert_int_equal(link.mtu, 1450);
	assert_int_equal(link.group, LINK_GROUP_WEFT);
	assert_true(link.flags & IFF_UP);
	assert_int_equal(link.master, bridge);
	assert_string_equal(link.alias, "weft network default");
	assert_true(link.is_port);
	assert_true(link.port.learning && link.port.flood);
	assert_int_equal(link.vxlan.vni, 16777215);
	assert_int_equal(link.vxlan.port, 8472);
	assert_int_equal(link.vxlan.lower, 0);
	assert_true(ipaddr_equal(&link.vxlan.local, &want.vxlan.local));
	assert_true(link.vxlan.udp_csum);
	assert_false(link.vxlan.learning || link.vxlan.gbp || link.vxlan.udp_zero_csum6_tx ||
		     link.vxlan.udp_zero_csum6_rx);
	assert_true(kernel_shows("ip -d link show weft-vx1", "dstport 8472 nolearning"));
}

static void every_setting_of_a_vxlan_device_is_applied(void **state)
{
	const struct link_add_vxlan want = {
		.name = "vx6",
		.mac = kernel_mac("c6:d2:32:6f:8f:45"),
		.mtu = 1430,
		.alias = "",
		.vxlan = {
			.vni = 7,
			.port = 4789,
			.lower = kernel_bridge(*state),
			.local = kernel_addr("fd00::1"),
			.learning = true,
			.gbp = true,
			.udp_zero_csum6_tx = true,
			.udp_zero_csum6_rx = true,
		},
	};
	struct err err = ERR_INIT;
	struct link link;

	assert_done(link_add_vxlan(*state, &want, &err), err);
	link = must_get(*state, "vx6");
	assert_int_equal(link.master, 0);
	assert_false(link.is_port);
	assert_memory_equal(&link.vxlan.local, &want.vxlan.local, sizeof(struct ipaddr));
	assert_int_equal(link.vxlan.lower, want.vxlan.lower);
	assert_int_equal(link.vxlan.port, 4789);
	assert_true(link.vxlan.learning && link.vxlan.gbp && link.vxlan.udp_zero_csum6_tx &&
		    link.vxlan.udp_zero_csum6_rx);
	assert_false(link.vxlan.udp_csum);
	assert_string_equal(link.alias, "");
}

static void a_veth_pair_is_created_with_the_attributes_of_both_ends(void **state)
{
	uint32_t bridge = kernel_bridge(*state);
	struct other other = make_other();
	struct link_add_veth want = veth(bridge, other.netns);
	struct err err = ERR_INIT;
	struct link host, peer;

	assert_done(link_add_veth(*state, &want, &err), err);
	host = must_get(*state, want.name);
	peer = must_get(other.nl, "eth0");
	assert_int_equal(host.kind, LINK_KIND_VETH);
	assert_int_equal(host.master, bridge);
	assert_int_equal(host.mtu, 1450);
	assert_int_equal(host.group, LINK_GROUP_WEFT);
	assert_int_equal(host.peer, peer.index);
	assert_mac(&host.mac, "0a:58:00:00:00:01");
	assert_string_equal(host.alias, want.alias);
	assert_true(host.flags & IFF_UP);
	assert_int_equal(peer.kind, LINK_KIND_VETH);
	assert_int_equal(peer.mtu, 1450);
	assert_int_equal(peer.group, 0);
	assert_int_equal(peer.peer, host.index);
	assert_mac(&peer.mac, "0a:58:0a:05:01:07");
	assert_false(peer.flags & IFF_UP);

	/* With both ends up, the kernel sets the port to forwarding. */
	assert_done(link_set_up(other.nl, peer.index, true, &err), err);
	assert_int_equal(must_get(*state, want.name).port.state, BR_STATE_FORWARDING);

	/* The name of one end exists already. */
	assert_int_equal(link_add_veth(*state, &want, &err), -1);
	assert_int_equal(err.sys_errno, EEXIST);
	want.name = "weft-other";
	assert_int_equal(link_add_veth(*state, &want, &err), -1);
	assert_int_equal(err.sys_errno, EEXIST);
	assert_int_equal(link_get(*state, "weft-other", &host, &err), 0);
	free_other(&other);
}

static void a_port_gets_its_flags_before_it_forwards(void **state)
{
	struct other other = make_other();
	struct link_add_veth want = veth(kernel_bridge(*state), other.netns);
	struct link_port port = LINK_PORT_NEW;
	struct err err = ERR_INIT;
	struct link host;

	/* The defaults are the flags that the kernel gives to a new port. */
	assert_done(link_add_veth(*state, &want, &err), err);
	host = must_get(*state, want.name);
	port.state = host.port.state;
	assert_memory_equal(&host.port, &port, sizeof(port));
	assert_int_equal(link_del(*state, host.index, &err), 1);

	port = (struct link_port){ .hairpin = true, .isolated = true, .locked = true };
	want.port = &port;
	assert_done(link_add_veth(*state, &want, &err), err);
	host = must_get(*state, want.name);
	assert_int_not_equal(host.port.state, BR_STATE_FORWARDING);
	host.port.state = 0;
	assert_memory_equal(&host.port, &port, sizeof(port));
	assert_string_equal(host.alias, want.alias);
	assert_int_equal(link_del(*state, host.index, &err), 1);

	/* A veth that is not a bridge port cannot have the flags; it is removed. */
	want.master = 0;
	assert_int_equal(link_add_veth(*state, &want, &err), -1);
	assert_non_null(strstr(err.text, "set alias and port flags of weft0123456789a: "));
	assert_int_equal(link_get(*state, want.name, &host, &err), 0);
	free_other(&other);
}

static void a_device_that_cannot_have_its_alias_is_removed(void **state)
{
	const struct mac mac = kernel_mac("0a:58:0a:05:01:01");
	struct err err = ERR_INIT;
	struct link link;

	fake_nl_fail(2, EPERM, "not you");
	assert_int_equal(link_add_bridge(*state, "br0", &mac, 1450, "alias", &err), -1);
	assert_true(fake_nl_faulted());
	assert_string_equal(err.text, "set alias of br0: not you: Operation not permitted");
	assert_int_equal(link_get(*state, "br0", &link, &err), 0);
}

static void every_property_can_be_changed(void **state)
{
	const struct mac mac = kernel_mac("0a:58:00:00:00:02");
	uint32_t bridge = kernel_bridge(*state);
	struct other other = make_other();
	const struct link_add_veth want = veth(0, other.netns);
	struct err err = ERR_INIT;
	struct link link;
	uint32_t index;

	assert_done(link_add_veth(*state, &want, &err), err);
	index = must_get(*state, want.name).index;
	assert_int_equal(must_get(*state, want.name).master, 0);
	assert_done(link_set_mtu(*state, index, 1300, &err), err);
	assert_done(link_set_mac(*state, index, &mac, &err), err);
	assert_done(link_set_alias(*state, index, "other", &err), err);
	assert_done(link_set_master(*state, index, bridge, &err), err);
	assert_done(link_set_up(*state, index, false, &err), err);
	link = must_get(*state, want.name);
	assert_int_equal(link.mtu, 1300);
	assert_mac(&link.mac, "0a:58:00:00:00:02");
	assert_string_equal(link.alias, "other");
	assert_int_equal(link.master, bridge);
	assert_false(link.flags & IFF_UP);
	assert_done(nl_request(*state, link_up_message(index), "up", &err), err);
	assert_done(link_set_master(*state, index, 0, &err), err);
	link = must_get(*state, want.name);
	assert_true(link.flags & IFF_UP);
	assert_int_equal(link.master, 0);
	assert_int_equal(link_del(*state, index, &err), 1);
	assert_int_equal(link_del(*state, index, &err), 0);
	assert_int_equal(link_get(*state, want.name, &link, &err), 0);
	assert_int_equal(link_get(other.nl, "eth0", &link, &err), 0);
	free_other(&other);
}

static void every_port_flag_can_be_set_and_cleared(void **state)
{
	struct other other = make_other();
	const struct link_add_veth want = veth(kernel_bridge(*state), other.netns);
	struct err err = ERR_INIT;
	uint32_t index;

	assert_done(link_add_veth(*state, &want, &err), err);
	index = must_get(*state, want.name).index;
	for (unsigned bit = 0; bit < 256; bit = bit ? bit << 1 : 1) {
		const struct link_port port = {
			.learning = bit & 1,
			.flood = bit & 2,
			.mcast_flood = bit & 4,
			.bcast_flood = bit & 8,
			.hairpin = bit & 16,
			.isolated = bit & 32,
			.locked = bit & 64,
			.neigh_suppress = bit & 128,
		};
		struct link link;

		assert_done(link_set_port(*state, index, &port, &err), err);
		link = must_get(*state, want.name);
		link.port.state = 0;
		assert_memory_equal(&link.port, &port, sizeof(port));
	}
	free_other(&other);
}

/* What another port of the new bridge has learned would lead frames away from the moved port. */
static void a_port_moves_with_its_flags_and_learned_entries(void **state)
{
	static const struct link_port hairpin = { .learning = true, .hairpin = true };
	uint32_t bridge = kernel_bridge(*state);
	struct link_move move = {
		.name = "moved",
		.mac = kernel_mac("0a:58:00:00:00:02"),
		.alias = "weft alias",
		.master = bridge,
		.group = LINK_GROUP_WEFT,
		.port = &hairpin,
	};
	struct err err = ERR_INIT;
	struct link link;

	kernel_says("ip link add br1 up type bridge && "
		    "ip link add p1 master br1 up type veth peer name c1 && "
		    "ip link add p2 master br0 up type veth peer name c2 && ip link set c2 up && "
		    "bridge fdb add 0a:58:0a:05:01:07 dev p2 master dynamic && "
		    "bridge fdb add 0a:58:0a:05:01:08 dev p2 master static");
	move.index = must_get(*state, "p1").index;
	move.flush = must_get(*state, "p2").index;
	assert_done(link_move(*state, &move, &err), err);
	link = must_get(*state, "moved");
	assert_int_equal(link.index, move.index);
	assert_int_equal(link.master, bridge);
	assert_int_equal(link.group, LINK_GROUP_WEFT);
	assert_mac(&link.mac, "0a:58:00:00:00:02");
	assert_string_equal(link.alias, "weft alias");
	assert_true(link.port.hairpin && link.port.learning && !link.port.flood);
	assert_false(kernel_shows("bridge fdb show dev p2", "0a:58:0a:05:01:07"));
	assert_true(kernel_shows("bridge fdb show dev p2", "0a:58:0a:05:01:08"));

	/* The flags of a new port, and nothing is flushed. */
	kernel_says("bridge fdb add 0a:58:0a:05:01:07 dev p2 master dynamic");
	move = (struct link_move){ .index = link.index, .name = "p1", .alias = "" };
	move.master = must_get(*state, "br1").index;
	assert_done(link_move(*state, &move, &err), err);
	link = must_get(*state, "p1");
	assert_int_equal(link.master, move.master);
	assert_mac(&link.mac, "0a:58:00:00:00:02");
	assert_true(!link.port.hairpin && link.port.flood);
	assert_true(kernel_shows("bridge fdb show dev p2", "0a:58:0a:05:01:07"));
}

static void a_port_that_cannot_move_is_named(void **state)
{
	struct link_move move = { .index = 9999, .name = "moved", .alias = "" };
	struct err err = ERR_INIT;

	assert_int_equal(link_move(*state, &move, &err), -1);
	assert_int_equal(err.sys_errno, ENODEV);
	assert_non_null(strstr(err.text, "device 9999: set name and bridge"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		link_test(a_missing_device_is_absent),
		link_test(a_device_without_a_kind_is_parsed),
		link_test(each_device_is_visited),
		link_test(events_of_bridge_ports_have_family_af_bridge),
		link_test(a_port_without_flood_attributes_floods),
		link_test(malformed_messages_are_rejected),
		link_test(every_failure_is_returned),
		link_test(an_interrupted_list_is_restarted),
		link_test(a_bridge_is_created_with_all_its_attributes),
		link_test(a_vxlan_device_is_created_as_a_bridge_port),
		link_test(every_setting_of_a_vxlan_device_is_applied),
		link_test(a_veth_pair_is_created_with_the_attributes_of_both_ends),
		link_test(a_port_gets_its_flags_before_it_forwards),
		link_test(a_device_that_cannot_have_its_alias_is_removed),
		link_test(every_property_can_be_changed),
		link_test(every_port_flag_can_be_set_and_cleared),
		link_test(a_port_moves_with_its_flags_and_learned_entries),
		link_test(a_port_that_cannot_move_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
