/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl */
#include "daemon/dataplane/bridge_scan.h"

#include "common/array.h"
#include "common/netlink/addr.h"
#include "tests/unit/link_fixture.h"

#include <errno.h>

static const struct bridge_scan_want *want(void)
{
	static struct prefix networks[FAMILIES], range[FAMILIES];
	static const struct bridge_scan_want br0 = { "br0", "lan", networks, range };

	range[FAMILY_V4] = kernel_prefix("172.18.1.0/24");
	networks[FAMILY_V4] = kernel_prefix("172.18.0.0/16");
	networks[FAMILY_V6] = kernel_prefix("fd00:18::/48");
	return &br0;
}

static void add_address(const struct other *other, const char *text)
{
	const struct prefix prefix = kernel_prefix(text);
	struct err err = ERR_INIT;

	assert_done(addr_ensure(other->nl, must_get(other->nl, "eth0").index, &prefix, &err), err);
}

static void says_in(const struct other *other, const char *command)
{
	struct err err = ERR_INIT;
	int home;

	assert_done(netns_open_self(&home, &err), err);
	assert_int_equal(setns(other->netns, CLONE_NEWNET), 0);
	kernel_says(command);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	close(home);
}

/* Attaches a container as another program does. Returns the port's index. */
static uint32_t attach(struct nl *nl, uint32_t bridge, const struct other *other, const char *name,
		       const char *mac)
{
	struct link_add_veth pair = veth(bridge, other->netns);
	struct err err = ERR_INIT;

	pair.name = name;
	pair.alias = "";
	pair.peer_mac = kernel_mac(mac);
	assert_done(link_add_veth(nl, &pair, &err), err);
	return must_get(nl, name).index;
}

/* "PORT MAC ADDRESS\n" for each; PORT is "bridge", or relative to first. */
static const char *scan_text(struct nl *nl, uint32_t first)
{
	static char text[2048];
	struct bridge_scan scan = { .ports = 0 };
	struct err err = ERR_INIT;
	size_t len = 0;

	assert_done(bridge_scan(nl, want(), &scan, &err), err);
	text[0] = '\0';
	for (size_t i = 0; i < scan.seens.len && len < sizeof(text); i++) {
		const struct seen *seen = &scan.seens.at[i];
		char mac[MAC_TEXT_SIZE], addr[IPADDR_TEXT_SIZE], port[16] = "bridge";

		if (!ipaddr_is_set(&seen->addr))
			continue;
		if (seen->port)
			snprintf(port, sizeof(port), "%u", seen->port - first);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s %s\n", port,
					mac_text(&seen->mac, mac), ipaddr_text(&seen->addr, addr));
	}
	bridge_scan_free(&scan);
	return text;
}

static void containers_are_read_across_namespaces(void **state)
{
	const uint32_t bridge = kernel_bridge(*state);
	const struct other one = make_other(), two = make_other();
	uint32_t first;

	kernel_says(
		"ip link set br0 address 02:42:00:00:00:01 && ip addr add 172.18.1.254/16 dev br0");
	first = attach(*state, bridge, &one, "veth-one", "02:42:ac:12:01:01");
	attach(*state, bridge, &two, "veth-two", "02:42:ac:12:01:02");
	assert_string_equal(scan_text(*state, first), "bridge 02:42:00:00:00:01 172.18.1.254\n");
	add_address(&one, "172.18.1.1/16");
	add_address(&one, "fd00:18::1/64");
	add_address(&one, "10.9.9.9/24");
	add_address(&two, "172.18.1.2/16");
	assert_string_equal(scan_text(*state, first), "bridge 02:42:00:00:00:01 172.18.1.254\n"
						      "0 02:42:ac:12:01:01 172.18.1.1\n"
						      "0 02:42:ac:12:01:01 fd00:18::1\n"
						      "1 02:42:ac:12:01:02 172.18.1.2\n");
	kernel_says("ip link del veth-one");
	assert_string_equal(scan_text(*state, first), "bridge 02:42:00:00:00:01 172.18.1.254\n"
						      "1 02:42:ac:12:01:02 172.18.1.2\n");
	kernel_says("ip link del br0");
	assert_string_equal(scan_text(*state, first), "");
	free_other(&one);
	free_other(&two);
}

/* A container that weft attached, one on no bridge, and a pair within this namespace. */
static void other_devices_are_not_read(void **state)
{
	const uint32_t bridge = kernel_bridge(*state);
	const struct other one = make_other(), two = make_other();
	struct link_add_veth pair = veth(bridge, one.netns);
	struct err err = ERR_INIT;

	pair.name = "veth0123456789a";
	pair.alias = "weft lan c1 eth0";
	assert_done(link_add_veth(*state, &pair, &err), err);
	add_address(&one, "172.18.1.1/16");
	attach(*state, 0, &two, "veth-two", "02:42:ac:12:01:02");
	add_address(&two, "172.18.1.2/16");
	kernel_says(
		"ip link add here type veth peer name there && ip link set here master br0 up && "
		"ip addr add 172.18.1.3/16 dev there && ip link set there up");
	assert_string_equal(scan_text(*state, 0), "");
	free_other(&one);
	free_other(&two);
}

static void the_addresses_of_a_port_are_limited(void **state)
{
	const uint32_t bridge = kernel_bridge(*state);
	const struct other one = make_other();
	struct bridge_scan scan = { .ports = 0 };
	struct err err = ERR_INIT;

	attach(*state, bridge, &one, "veth-one", "02:42:ac:12:01:01");
	for (unsigned i = 1; i <= SEEN_PORT_MAX + 9; i++) {
		char text[PREFIX_TEXT_SIZE];

		snprintf(text, sizeof(text), "172.18.1.%u/16", i);
		add_address(&one, text);
	}
	assert_done(bridge_scan(*state, want(), &scan, &err), err);
	assert_int_equal(scan.ports, 1);
	assert_int_equal(scan.seens.len, 2 + SEEN_PORT_MAX + 1); /* two MACs alone */
	bridge_scan_free(&scan);
	free_other(&one);
}

/* Addresses that are not announced leave the room for others. */
static void addresses_outside_the_range_displace_none(void **state)
{
	const uint32_t bridge = kernel_bridge(*state);
	const struct other one = make_other();
	struct err err = ERR_INIT;
	struct bridge_scan scan = { .ports = 0 };

	attach(*state, bridge, &one, "veth-one", "02:42:ac:12:01:01");
	for (unsigned i = 1; i <= SEEN_PORT_MAX + 9; i++) {
		char text[PREFIX_TEXT_SIZE];

		snprintf(text, sizeof(text), "172.18.9.%u/16", i);
		add_address(&one, text);
	}
	add_address(&one, "172.18.1.7/16");
	assert_non_null(strstr(scan_text(*state, 0), " 172.18.1.7\n"));
	assert_done(bridge_scan(*state, want(), &scan, &err), err);
	assert_int_equal(scan.seens.len,
			 2 + SEEN_PORT_MAX + 1 + 1); /* two MACs alone, and that address */
	bridge_scan_free(&scan);
	free_other(&one);
}

/* Its device has more alternative names than a reply has room for. */
static void a_container_with_too_much_is_left_out(void **state)
{
	const uint32_t bridge = kernel_bridge(*state);
	const struct other named = make_other(), addressed = make_other(), good = make_other();
	struct bridge_scan scan = { .ports = 0 };
	struct err err = ERR_INIT;
	uint32_t first;

	first = attach(*state, bridge, &named, "veth-one", "02:42:ac:12:01:01");
	add_address(&named, "172.18.1.1/16");
	attach(*state, bridge, &addressed, "veth-two", "02:42:ac:12:01:02");
	attach(*state, bridge, &good, "veth-three", "02:42:ac:12:01:03");
	add_address(&good, "172.18.1.3/16");
	for (unsigned i = 0; i <= ADDR_EACH_IN_MAX; i++) {
		char text[PREFIX_TEXT_SIZE];

		snprintf(text, sizeof(text), "172.18.%u.%u/16", 2 + i / 250, 1 + i % 250);
		add_address(&addressed, text);
	}
	says_in(&named, "for i in $(seq 300); do ip link property add dev eth0 altname "
			"$(printf '%0120d' $i); done");
	assert_done(bridge_scan(*state, want(), &scan, &err), err);
	assert_int_equal(scan.unreadable, 2);
	assert_int_equal(scan.ports, 2); /* MACs are known, of all but the first */
	bridge_scan_free(&scan);
	assert_string_equal(scan_text(*state, first), "2 02:42:ac:12:01:03 172.18.1.3\n");
	free_other(&named);
	free_other(&addressed);
	free_other(&good);
}

/* The last result stays, or one port is left out. */
static void a_failure_is_no_empty_bridge(void **state)
{
	static const int errnos[] = { EBADF, EPERM, EMSGSIZE, EACCES, ENODEV };
	/*
	 * Of the calls of one scan: the request for the port's other end, and those for its
	 * addresses.
	 */
	static const unsigned calls[] = { 6, 7, 8 };
	const uint32_t bridge = kernel_bridge(*state);
	const struct other one = make_other();
	struct bridge_scan scan = { .ports = 0 };
	struct err err = ERR_INIT;

	attach(*state, bridge, &one, "veth-one", "02:42:ac:12:01:01");
	add_address(&one, "172.18.1.1/16");
	assert_done(bridge_scan(*state, want(), &scan, &err), err);
	assert_int_equal(scan.seens.len, 3);
	for (size_t i = 0; i < ARRAY_LEN(errnos) * ARRAY_LEN(calls); i++) {
		const int number = errnos[i / ARRAY_LEN(calls)];
		struct bridge_scan next = { .ports = 0 };

		fake_nl_fail(calls[i % ARRAY_LEN(calls)], number, "");
		err = ERR_INIT;
		if (number == EBADF) {
			assert_int_equal(bridge_scan(*state, want(), &scan, &err), -1);
			assert_int_equal(scan.seens.len, 3);
		} else {
			assert_done(bridge_scan(*state, want(), &next, &err), err);
			assert_int_equal(next.seens.len, 1);
			assert_int_equal(next.unreadable, number != ENODEV);
		}
		bridge_scan_free(&next);
		fake_nl_reset();
	}
	bridge_scan_free(&scan);
	free_other(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		link_test(containers_are_read_across_namespaces),
		link_test(other_devices_are_not_read),
		link_test(the_addresses_of_a_port_are_limited),
		link_test(addresses_outside_the_range_displace_none),
		link_test(a_container_with_too_much_is_left_out),
		link_test(a_failure_is_no_empty_bridge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
