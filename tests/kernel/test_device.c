/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl */
#include "daemon/device.h"

#include "tests/unit/fake_nl.h"
#include "tests/unit/kernel.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>

/* The kernel takes no alias for a device that is being made. */
#define ALIAS "ip link set weft-vx1 alias 'weft network default'"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static struct device_want sample_want(void)
{
	return (struct device_want){
		.network = "default",
		.vni = 1,
		.port = 8472,
		.mtu = 1450,
		.mac = kernel_mac("c6:d2:32:6f:8f:44"),
		.local = { kernel_addr("192.168.0.1") },
		.gateway = { kernel_prefix("10.5.1.1/24") },
	};
}

static struct link get(struct nl *nl, const char *name)
{
	struct err err = ERR_INIT;
	struct link link;

	assert_int_equal(link_get(nl, name, &link, &err), 1);
	return link;
}

static void run(const char *command)
{
	if (system(command))
		fail_msg("%s", command);
}

/* Whether it is a request that asks, and changes nothing. */
static bool is_question(const struct nlmsghdr *request)
{
	return request->nlmsg_type == RTM_GETLINK || request->nlmsg_type == RTM_GETADDR ||
	       request->nlmsg_type == RTM_GETROUTE;
}

/* It is so, and a further call neither says that it changed anything nor does so. */
static void assert_settled(struct nl *nl, const struct device_want *want)
{
	struct device_have have = { .changed = true };
	struct err err = ERR_INIT;

	fake_nl_reset();
	assert_done(device_ensure(nl, want, &have, &err), err);
	assert_false(have.changed);
	for (size_t i = 0; i < fake_nl_sent(); i++)
		assert_true(is_question(fake_nl_request(i)));
	assert_int_equal(have.bridge, get(nl, "weft-br1").index);
	assert_int_equal(have.vxlan[FAMILY_V4], get(nl, "weft-vx1").index);
	fake_nl_reset();
}

static void ensure(struct nl *nl, const struct device_want *want)
{
	struct device_have have = { .changed = false };
	struct err err = ERR_INIT;

	assert_done(device_ensure(nl, want, &have, &err), err);
	assert_true(have.changed);
	assert_settled(nl, want);
}

static void assert_sysctl(const char *name, const char *value)
{
	char command[128], line[32];

	snprintf(command, sizeof(command), "cat /proc/sys/net/%s", name);
	snprintf(line, sizeof(line), "%s\n", value);
	assert_string_equal(kernel_says(command), line);
}

static void names_come_from_the_vni(void **state)
{
	char name[IF_NAMESIZE];

	(void)state;
	assert_string_equal(device_bridge_name(1, name), "weft-br1");
	assert_string_equal(device_vxlan_name(1, name), "weft-vx1");
	assert_string_equal(device_bridge_name(0xffffff, name), "weft-br16777215");
	assert_string_equal(device_vxlan_name(0xffffff, name), "weft-vx16777215");
}

static void everything_is_made_once(void **state)
{
	const struct device_want want = sample_want();
	struct link bridge, vxlan;

	ensure(*state, &want);
	bridge = get(*state, "weft-br1");
	vxlan = get(*state, "weft-vx1");
	assert_int_equal(bridge.kind, LINK_KIND_BRIDGE);
	assert_int_equal(vxlan.kind, LINK_KIND_VXLAN);
	assert_int_equal(vxlan.master, bridge.index);
	assert_int_equal(mac_cmp(&bridge.mac, &want.mac), 0);
	assert_int_equal(mac_cmp(&vxlan.mac, &want.mac), 0);
	assert_int_equal(bridge.mtu, 1450);
	assert_int_equal(vxlan.mtu, 1450);
	assert_true(bridge.flags & IFF_UP);
	assert_true(vxlan.flags & IFF_UP);
	assert_true(
		kernel_shows("ip -d link show dev weft-vx1",
			     "vxlan id 1 local 192.168.0.1 srcport 0 0 dstport 8472 nolearning"));
	assert_true(kernel_shows("ip -d link show dev weft-vx1", "noudpcsum"));
	assert_true(kernel_shows("ip -d link show dev weft-vx1", "alias weft network default"));
	run("ip link add small mtu 1300 master weft-br1 type veth peer name other mtu 1300");
	assert_int_equal(get(*state, "weft-br1").mtu, 1450);
	run("ip link del small");
	assert_true(kernel_shows("bridge -d link show dev weft-vx1",
				 "learning off flood off mcast_flood off bcast_flood off"));
	assert_true(kernel_shows("ip -4 addr show dev weft-br1", "inet 10.5.1.1/24 scope global"));
	assert_sysctl("ipv4/ip_forward", "1");
	assert_sysctl("ipv4/conf/all/send_redirects", "0");
	assert_sysctl("ipv4/conf/weft-br1/send_redirects", "0");
	assert_sysctl("ipv6/conf/weft-br1/accept_ra", "0");
	assert_sysctl("ipv6/conf/weft-vx1/accept_ra", "0");
}

static void what_is_anothers_stops_us(void **state)
{
	static const struct {
		const char *before, *says, *after;
	} cases[] = {
		{ "ip link add weft-br1 type veth peer name x",
		  "weft-br1 is there and is not a bridge", "ip link show weft-br1" },
		{ "ip link add weft-br1 type bridge", "weft-br1 is there with the alias \"\"",
		  "ip link show weft-br1" },
		{ "ip link add weft-br1 type bridge && "
		  "ip link set weft-br1 alias 'weft network x' address c6:d2:32:6f:8f:44",
		  "with the alias \"weft network x\", not \"weft network default\"",
		  "ip link show weft-br1" },
		{ "ip link add weft-vx1 type bridge", "weft-vx1 is there and is not a vxlan device",
		  "ip -d link show weft-vx1 type bridge" },
		{ "ip link add weft-vx1 type vxlan id 1 dstport 4789",
		  "weft-vx1 is there with the alias \"\"", "ip -d link show weft-vx1 type vxlan" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		const struct device_want want = sample_want();
		struct device_have have = { .bridge = 77 };
		AUTO(nl) struct nl *nl = kernel_fresh();
		struct err err = ERR_INIT;

		run(cases[i].before);
		assert_int_equal(device_ensure(nl, &want, &have, &err), -1);
		assert_int_equal(err.code, ERR_CONFIG);
		if (!strstr(err.text, cases[i].says))
			fail_msg("%s", err.text);
		assert_int_equal(have.bridge, 77);
		kernel_says(cases[i].after);
	}
}

static void what_somebody_changed_is_mended_in_place(void **state)
{
	static const char *const changes[] = {
		"ip link set weft-br1 address 02:00:00:00:00:01",
		"ip link set weft-vx1 address 02:00:00:00:00:01",
		"ip link set weft-br1 mtu 1400",
		"ip link set weft-vx1 mtu 1400",
		"ip link set weft-br1 down",
		"ip link set weft-vx1 down",
		"ip link set weft-vx1 nomaster",
		"ip link add other type bridge && ip link set weft-vx1 master other",
		"bridge link set dev weft-vx1 learning on",
		"bridge link set dev weft-vx1 flood on",
		"bridge link set dev weft-vx1 mcast_flood on",
		"bridge link set dev weft-vx1 bcast_flood on",
		"ip addr flush dev weft-br1",
		"ip addr add 10.9.9.9/24 dev weft-br1",
		"ip addr add 10.5.1.1/16 dev weft-br1",
		"ip addr add 10.5.1.2/24 dev weft-br1",
		"ip addr flush dev weft-br1 && ip addr add 10.5.1.2/24 dev weft-br1",
		"echo 0 >/proc/sys/net/ipv4/ip_forward",
		"echo 1 >/proc/sys/net/ipv4/conf/all/send_redirects",
		"echo 1 >/proc/sys/net/ipv4/conf/weft-br1/send_redirects",
		"echo 1 >/proc/sys/net/ipv6/conf/weft-br1/accept_ra",
		"echo 2 >/proc/sys/net/ipv6/conf/weft-vx1/accept_ra",
	};
	const struct device_want want = sample_want();
	uint32_t bridge, vxlan;

	ensure(*state, &want);
	bridge = get(*state, "weft-br1").index;
	vxlan = get(*state, "weft-vx1").index;
	for (size_t i = 0; i < LEN(changes); i++) {
		run(changes[i]);
		ensure(*state, &want);
		assert_int_equal(get(*state, "weft-br1").index, bridge);
		assert_int_equal(get(*state, "weft-vx1").index, vxlan);
		assert_true(kernel_shows("ip -4 -o addr show dev weft-br1", " 10.5.1.1/24 "));
	}
}

static void what_was_deleted_is_made_again(void **state)
{
	const struct device_want want = sample_want();

	ensure(*state, &want);
	run("ip link del weft-vx1");
	ensure(*state, &want);
	run("ip link del weft-br1");
	ensure(*state, &want);
	run("ip link del weft-vx1 && ip link del weft-br1");
	ensure(*state, &want);
}

/* A weftd that is killed leaves a device between its birth and its alias. */
static void what_was_half_made_is_taken_up(void **state)
{
	static const char *const names[] = { "weft-br1", "weft-vx1" };
	const struct device_want want = sample_want();
	struct err err = ERR_INIT;

	ensure(*state, &want);
	for (size_t i = 0; i < LEN(names); i++) {
		uint32_t index = get(*state, names[i]).index;

		assert_done(link_set_alias(*state, index, "", &err), err);
		assert_string_equal(get(*state, names[i]).alias, "");
		ensure(*state, &want);
		assert_int_equal(get(*state, names[i]).index, index);
		assert_string_equal(get(*state, names[i]).alias, "weft network default");
	}
}

/* Neither flags of ours that nobody asks about, nor IPv6 addresses, nor ports of containers. */
static void what_is_not_ours_to_say_stays(void **state)
{
	const struct device_want want = sample_want();

	ensure(*state, &want);
	run("bridge link set dev weft-vx1 neigh_suppress on");
	run("ip addr add fd00::1/64 dev weft-br1 nodad");
	run("ip link add host type veth peer name inside && ip link set host master weft-br1 up");
	assert_settled(*state, &want);
	assert_true(kernel_shows("bridge -d link show dev weft-vx1", "neigh_suppress on"));
	assert_true(kernel_shows("ip -6 addr show dev weft-br1", "fd00::1/64"));
}

static void assert_replaced(struct nl *nl, const struct device_want *want)
{
	uint32_t bridge = get(nl, "weft-br1").index, vxlan = get(nl, "weft-vx1").index;

	ensure(nl, want);
	assert_int_equal(get(nl, "weft-br1").index, bridge);
	assert_int_not_equal(get(nl, "weft-vx1").index, vxlan);
}

static void a_vxlan_device_of_other_attributes_is_replaced(void **state)
{
	struct device_want want = sample_want();
	struct device_want cases[5];

	for (size_t i = 0; i < LEN(cases); i++)
		cases[i] = want;
	cases[0].port = 4789;
	cases[1].local[FAMILY_V4] = kernel_addr("192.168.0.99");
	cases[2].learning = true;
	cases[3].gbp = true;
	ensure(*state, &want);
	for (size_t i = 0; i < LEN(cases); i++)
		assert_replaced(*state, &cases[i]);
	run("ip link del weft-vx1 && ip link add weft-vx1 type vxlan id 9 "
	    "local 192.168.0.1 dstport 8472 nolearning noudpcsum && " ALIAS);
	assert_replaced(*state, &want);
	run("ip link add up0 type veth peer name up1 && ip link del weft-vx1 && "
	    "ip link add weft-vx1 type vxlan id 1 dev up0 local 192.168.0.1 dstport 8472 "
	    "nolearning noudpcsum && " ALIAS);
	assert_replaced(*state, &want);
}

static void new_wants_are_followed(void **state)
{
	struct device_want want = sample_want();

	ensure(*state, &want);
	want.gateway[FAMILY_V4] = kernel_prefix("10.5.2.1/24");
	ensure(*state, &want);
	assert_true(kernel_shows("ip -4 -o addr show dev weft-br1", " 10.5.2.1/24 "));
	assert_null(strstr(kernel_says("ip -4 -o addr show dev weft-br1"), " 10.5.1.1/24 "));
	want.mtu = 8950;
	ensure(*state, &want);
	assert_int_equal(get(*state, "weft-vx1").mtu, 8950);
	want.mac = kernel_mac("c6:d2:32:6f:8f:45");
	ensure(*state, &want);
}

/* Networks live beside each other. */
/* As after a lost lease: the gateway of before stays, without its subnet. */
static void a_gateway_of_before_can_stay_alone(void **state)
{
	const struct prefix more[] = { kernel_prefix("10.5.1.1/32"),
				       kernel_prefix("fd00:5:1::1/128") };
	struct device_want want = sample_want();
	const char *said;

	want.gateway[FAMILY_V6] = kernel_prefix("fd00:5:1::1/64");
	ensure(*state, &want);
	want.gateway[FAMILY_V4] = kernel_prefix("10.5.2.1/24");
	want.gateway[FAMILY_V6] = kernel_prefix("fd00:5:2::1/64");
	want.more = more;
	want.more_len = LEN(more);
	ensure(*state, &want);
	said = kernel_says("ip address show dev weft-br1");
	assert_non_null(strstr(said, "inet 10.5.1.1/32"));
	assert_non_null(strstr(said, "inet 10.5.2.1/24"));
	assert_non_null(strstr(said, "inet6 fd00:5:1::1/128"));
	assert_null(strstr(said, "10.5.1.1/24"));
	assert_false(strstr(kernel_says("ip route; ip -6 route"), "5.1.0/24"));
	want.more_len = 0;
	ensure(*state, &want);
	said = kernel_says("ip address show dev weft-br1");
	assert_null(strstr(said, "10.5.1.1/"));
	assert_null(strstr(said, "fd00:5:1::1"));
}

static void another_network_is_another_pair(void **state)
{
	struct device_want want = sample_want(), other = sample_want();
	struct device_have have = { .changed = false };
	struct err err = ERR_INIT;

	other.network = "other";
	other.vni = 2;
	other.gateway[FAMILY_V4] = kernel_prefix("10.6.1.1/24");
	other.mac = kernel_mac("c6:d2:32:6f:8f:46");
	ensure(*state, &want);
	assert_done(device_ensure(*state, &other, &have, &err), err);
	assert_true(have.changed);
	assert_int_equal(have.bridge, get(*state, "weft-br2").index);
	assert_settled(*state, &want);
}

/* Each call to the kernel fails in its turn: the error is told, and the next time all is well. */
static void every_failure_is_told_and_mended(void **state)
{
	static const char *const starts[] = {
		"true",
		("ip link set weft-br1 down mtu 1400 address 02:00:00:00:00:01 && "
		 "ip link set weft-vx1 nomaster down mtu 1400 address 02:00:00:00:00:02 && "
		 "ip addr flush dev weft-br1 && ip addr add 10.9.9.9/24 dev weft-br1"),
		"ip link del weft-vx1 && ip link add weft-vx1 type vxlan id 9 dstport 8472 && " ALIAS,
		"ip link set weft-br1 alias '' && ip link set weft-vx1 alias ''",
	};
	const struct device_want want = sample_want();

	(void)state;
	for (size_t i = 0; i < LEN(starts); i++) {
		bool faulted = true;

		for (unsigned nth = 1; faulted; nth++) {
			AUTO(nl) struct nl *nl = kernel_fresh();
			struct device_have have = { .bridge = 77 };
			struct err err = ERR_INIT;
			int rc;

			if (i) {
				assert_done(device_ensure(nl, &want, &have, &err), err);
				run(starts[i]);
			}
			have.bridge = 77;
			fake_nl_reset();
			fake_nl_fail(nth, ENOBUFS, "no room");
			rc = device_ensure(nl, &want, &have, &err);
			faulted = fake_nl_faulted();
			assert_int_equal(rc, faulted ? -1 : 0);
			if (faulted) {
				assert_int_equal(err.sys_errno, ENOBUFS);
				assert_int_equal(have.bridge, 77);
			}
			fake_nl_reset();
			assert_done(device_ensure(nl, &want, &have, &err), err);
			assert_settled(nl, &want);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_come_from_the_vni),
		kernel_test(everything_is_made_once),
		cmocka_unit_test(what_is_anothers_stops_us),
		kernel_test(what_somebody_changed_is_mended_in_place),
		kernel_test(what_was_deleted_is_made_again),
		kernel_test(what_was_half_made_is_taken_up),
		kernel_test(what_is_not_ours_to_say_stays),
		kernel_test(a_vxlan_device_of_other_attributes_is_replaced),
		kernel_test(new_wants_are_followed),
		kernel_test(a_gateway_of_before_can_stay_alone),
		kernel_test(another_network_is_another_pair),
		cmocka_unit_test(every_failure_is_told_and_mended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
