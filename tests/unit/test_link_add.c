/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl */
#include "common/link.h"

#include "tests/unit/link_fixture.h"

#include <errno.h>
#include <linux/if_bridge.h>

static void a_bridge_has_all_it_needs_from_birth(void **state)
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
	assert_true(link.flags & IFF_UP);
	assert_string_equal(link.alias, "weft network default");
	/* Not every kernel has VLANs on bridges; where it has, there is no default one. */
	assert_null(strstr(kernel_says("ip -d link show weft-br1"), "vlan_default_pvid 1 "));

	assert_int_equal(link_add_bridge(*state, "weft-br1", &mac, 1450, "mine", &err), -1);
	assert_int_equal(err.code, ERR_KERNEL);
	assert_int_equal(err.sys_errno, EEXIST);
	assert_string_equal(err.text, "create bridge weft-br1: File exists");
	/* What was there is left as it was. */
	assert_string_equal(must_get(*state, "weft-br1").alias, "weft network default");
}

static void a_vxlan_device_is_a_port_from_birth(void **state)
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

static void every_setting_of_a_vxlan_device_arrives(void **state)
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

static void a_veth_pair_is_complete_at_both_ends(void **state)
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
	assert_int_equal(host.peer, peer.index);
	assert_mac(&host.mac, "0a:58:00:00:00:01");
	assert_string_equal(host.alias, want.alias);
	assert_true(host.flags & IFF_UP);
	assert_int_equal(peer.kind, LINK_KIND_VETH);
	assert_int_equal(peer.mtu, 1450);
	assert_int_equal(peer.peer, host.index);
	assert_mac(&peer.mac, "0a:58:0a:05:01:07");
	assert_false(peer.flags & IFF_UP);

	/* Once both ends are up, asking for the port brings it to forwarding. */
	assert_done(link_set_up(other.nl, peer.index, true, &err), err);
	assert_int_equal(must_get(*state, want.name).port.state, BR_STATE_FORWARDING);

	/* A name taken at either end. */
	assert_int_equal(link_add_veth(*state, &want, &err), -1);
	assert_int_equal(err.sys_errno, EEXIST);
	want.name = "weft-other";
	assert_int_equal(link_add_veth(*state, &want, &err), -1);
	assert_int_equal(err.sys_errno, EEXIST);
	assert_int_equal(link_get(*state, "weft-other", &host, &err), 0);
	free_other(&other);
}

static void a_port_has_its_flags_before_anything_passes(void **state)
{
	struct other other = make_other();
	struct link_add_veth want = veth(kernel_bridge(*state), other.netns);
	struct link_port port = LINK_PORT_NEW;
	struct err err = ERR_INIT;
	struct link host;

	/* What is called the flags of a new port is what the kernel gives to one. */
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

	/* What is no port cannot have them, and is not left without. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		link_test(a_bridge_has_all_it_needs_from_birth),
		link_test(a_vxlan_device_is_a_port_from_birth),
		link_test(every_setting_of_a_vxlan_device_arrives),
		link_test(a_veth_pair_is_complete_at_both_ends),
		link_test(a_port_has_its_flags_before_anything_passes),
		link_test(a_device_that_cannot_have_its_alias_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
