/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl */
#include "daemon/dataplane/uplink.h"

#include "common/array.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/kernel.h"

#include <errno.h>

/* Finds the uplink where none is in use. */
static int find(struct nl *nl, const char *iface, const struct ipaddr *public_ip,
		struct uplink *uplink_out, struct err *err)
{
	static const struct uplink none;
	const char *const names[] = { iface, NULL };
	struct uplink_options options = { .iface = names };
	const struct uplink_search search = { .options = &options, .current = &none };

	for (enum family f = 0; public_ip && f < FAMILIES; f++)
		options.public_ip[f] = public_ip[f];
	return uplink_find(nl, &search, uplink_out, err);
}

/* Two interfaces, and a default route over the second. */
static const char lab[] =
	"ip link add one type veth peer name one-peer && ip link add two type veth peer name "
	"two-peer && ip link set two mtu 1400 && ip link set one up && ip link set one-peer up && "
	"ip link set two up && ip link set two-peer up && "
	"ip addr add 169.254.7.7/16 dev two && "
	"ip addr add 192.168.7.7/24 dev two scope link && "
	"ip addr add 192.168.2.1/24 dev two && ip addr add 192.168.2.2/24 dev two && "
	"ip addr add 192.168.1.1/24 dev one && "
	"ip route add default via 192.168.2.254 metric 50 && "
	"ip route add default via 192.168.1.254 metric 100";

static struct nl *make_lab(void)
{
	struct nl *nl = kernel_fresh();

	assert_int_equal(system(lab), 0);
	return nl;
}

static void assert_uplink(struct nl *nl, const char *iface, const char *name, const char *address)
{
	struct ipaddr want = kernel_addr(address);
	struct err err = ERR_INIT;
	struct uplink uplink;
	struct link link;

	assert_done(find(nl, iface, NULL, &uplink, &err), err);
	assert_string_equal(uplink.name, name);
	assert_true(ipaddr_equal(&uplink.address[FAMILY_V4], &want));
	assert_true(ipaddr_equal(&uplink.public_ip[FAMILY_V4], &want));
	assert_int_equal(link_get(nl, name, &link, &err), 1);
	assert_int_equal(uplink.index, link.index);
	assert_int_equal(uplink.mtu, link.mtu);
}

static void the_uplink_is_found_by_route_name_or_address(void **state)
{
	AUTO(nl) struct nl *nl = make_lab();

	(void)state;
	assert_uplink(nl, NULL, "two", "192.168.2.1");
	assert_uplink(nl, "one", "one", "192.168.1.1");
	assert_uplink(nl, "two", "two", "192.168.2.1");
	assert_uplink(nl, "192.168.1.1", "one", "192.168.1.1");
	assert_uplink(nl, "192.168.2.2", "two", "192.168.2.2"); /* requested, though secondary */
	assert_uplink(nl, "169.254.7.7", "two", "169.254.7.7");
}

static void unusable_addresses_are_chosen_last(void **state)
{
	AUTO(nl) struct nl *nl = make_lab();
	struct err err = ERR_INIT;
	struct uplink uplink;

	(void)state;
	assert_int_equal(system("ip addr del 192.168.2.1/24 dev two"), 0);
	assert_uplink(nl, "two", "two",
		      "192.168.7.7"); /* the secondary address was removed with it */
	assert_int_equal(system("ip addr del 192.168.7.7/24 dev two"), 0);
	assert_int_equal(find(nl, "two", NULL, &uplink, &err), -1);
	assert_string_equal(err.text, "no uplink: two has no address");
}

static void the_public_address_can_differ_from_the_local_one(void **state)
{
	const struct ipaddr public_ip[FAMILIES] = { kernel_addr("203.0.113.7"),
						    kernel_addr("2001:db8::7") };
	struct ipaddr own = kernel_addr("192.168.2.1"), unset = { .family = AF_UNSPEC };
	AUTO(nl) struct nl *nl = make_lab();
	struct err err = ERR_INIT;
	struct uplink uplink;

	(void)state;
	assert_done(find(nl, NULL, public_ip, &uplink, &err), err);
	assert_true(ipaddr_equal(&uplink.address[FAMILY_V4], &own));
	assert_true(ipaddr_equal(&uplink.public_ip[FAMILY_V4], &public_ip[FAMILY_V4]));
	/* Without this address on the uplink, no packet would have it as its source. */
	assert_true(ipaddr_equal(&uplink.public_ip[FAMILY_V6], &unset));
	assert_int_equal(system("ip addr add fd00:2::1/64 dev two nodad"), 0);
	assert_done(find(nl, "two", public_ip, &uplink, &err), err);
	assert_true(ipaddr_equal(&uplink.public_ip[FAMILY_V6], &public_ip[FAMILY_V6]));
}

static void the_error_names_what_is_missing(void **state)
{
	static const struct {
		const char *iface, *says;
	} cases[] = {
		{ NULL, "no uplink: no default route, and no interface with an address; set "
			"--iface" },
		{ "eth7", "no uplink: interface eth7 does not exist" },
		{ "10.0.0.1", "no uplink: no interface has the address 10.0.0.1" },
		{ "fd00::1", "no uplink: no interface has the address fd00::1" },
		{ "lo", "no uplink: lo has no address" },
	};
	AUTO(nl) struct nl *nl = kernel_fresh();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct uplink uplink = { .index = 77 };
		struct err err = ERR_INIT;

		assert_int_equal(find(nl, cases[i].iface, NULL, &uplink, &err), -1);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_string_equal(err.text, cases[i].says);
		assert_int_equal(uplink.index, 77);
	}
}

static void every_failed_call_is_reported(void **state)
{
	static const char *const ifaces[] = { NULL, "two", "192.168.2.1" };
	AUTO(nl) struct nl *nl = make_lab();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ifaces); i++) {
		bool faulted = true;

		for (unsigned nth = 1; faulted; nth++) {
			struct err err = ERR_INIT;
			struct uplink uplink;
			int rc;

			fake_nl_fail(nth, ENOBUFS, "no room");
			rc = find(nl, ifaces[i], NULL, &uplink, &err);
			faulted = fake_nl_faulted();
			assert_int_equal(rc, faulted ? -1 : 0);
			fake_nl_reset();
		}
	}
}

static struct nl *make_host(const char *commands)
{
	struct nl *nl = kernel_fresh();

	assert_int_equal(system("ip link set lo up && "
				"ip link add one type veth peer name one-peer && "
				"ip link add two type veth peer name two-peer && "
				"ip link set one up && ip link set one-peer up && "
				"ip link set two mtu 1400 && ip link set two up && "
				"ip link set two-peer up && "
				"sysctl -qw net.ipv6.conf.one.accept_dad=0"),
			 0);
	assert_int_equal(system(commands), 0);
	return nl;
}

/* In whatever form the kernel has the default route. */
static void every_form_of_default_route_is_found(void **state)
{
	static const struct {
		const char *commands, *name, *address;
	} cases[] = {
		{ "ip addr add 192.168.1.1/24 dev one && ip addr add 192.168.2.1/24 dev two && "
		  "ip route add default nexthop via 192.168.2.254 nexthop via 192.168.1.254",
		  "one", "192.168.1.1" },
		{ "ip addr add 192.168.2.1/24 dev two && "
		  "ip route add default nexthop dev one nexthop via 192.168.2.254",
		  "two", "192.168.2.1" },
		{ "ip addr add 192.168.2.1/24 dev two && ip nexthop add id 7 via 192.168.2.254 "
		  "dev two && ip route add default nhid 7",
		  "two", "192.168.2.1" },
		{ "ip addr add 192.168.1.1/24 dev one && ip addr add 192.168.2.1/24 dev two && "
		  "ip nexthop add id 7 via 192.168.2.254 dev two && "
		  "ip nexthop add id 8 via 192.168.1.254 dev one && "
		  "ip nexthop add id 9 group 7/8 && ip route add default nhid 9",
		  "one", "192.168.1.1" },
		{ "sysctl -qw net.ipv4.nexthop_compat_mode=0 && "
		  "ip addr add 192.168.1.1/24 dev one && "
		  "ip addr add 192.168.2.1/24 dev two && "
		  "ip nexthop add id 7 via 192.168.2.254 dev two && ip route add default nhid 7",
		  "two", "192.168.2.1" },
		{ "ip addr add 192.168.2.1/32 dev two && ip route add default dev two", "two",
		  "192.168.2.1" },
		{ "ip addr add 192.168.2.1/32 peer 10.64.0.1 dev two && "
		  "ip route add default dev two",
		  "two", "192.168.2.1" },
		{ "ip addr add 10.255.0.1/32 dev lo && ip addr add fe80::2/64 dev two nodad && "
		  "ip route add default via inet6 fe80::1 dev two",
		  "lo", "10.255.0.1" },
		{ "ip addr add 192.168.1.1/24 dev one && ip addr add 10.255.0.1/32 dev lo && "
		  "ip route add default via 192.168.1.254 src 10.255.0.1",
		  "lo", "10.255.0.1" },
		{ "ip addr add 192.168.2.1/24 dev two && "
		  "ip route add unreachable default metric 1 && "
		  "ip route add default via 192.168.2.254 metric 9",
		  "two", "192.168.2.1" },
		{ "ip addr add 192.168.1.1/24 dev one && ip addr add 192.168.2.1/24 dev two && "
		  "ip route add default via 192.168.2.254 table 77 && ip rule add table 77",
		  "two", "192.168.2.1" },
		{ "ip addr add 192.168.1.1/24 dev one && ip addr add 192.168.2.1/24 dev two && "
		  "ip route add default via 192.168.1.254 && "
		  "ip route add 0.0.0.0/1 via 192.168.2.254 && "
		  "ip route add 128.0.0.0/1 via 192.168.2.254",
		  "one", "192.168.1.1" },
		{ "ip addr add 192.168.2.1/24 dev two && ip route add blackhole default", "two",
		  "192.168.2.1" },
		{ "ip addr add 192.168.2.1/24 dev two", "two", "192.168.2.1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(nl) struct nl *nl = make_host(cases[i].commands);
		struct ipaddr want = kernel_addr(cases[i].address);
		struct uplink uplink;
		struct err err = ERR_INIT;

		assert_done(find(nl, NULL, NULL, &uplink, &err), err);
		if (strcmp(uplink.name, cases[i].name) ||
		    !ipaddr_equal(&uplink.address[FAMILY_V4], &want))
			fail_msg("case %zu: %s", i, uplink.name);
	}
}

static uint32_t mtu_towards(struct nl *nl, const char *first, const char *second)
{
	static const struct uplink none;
	const struct uplink_options options = { .iface = NULL };
	struct uplink_search search = { .options = &options, .current = &none };
	struct uplink uplink;
	struct err err = ERR_INIT;

	if (first)
		search.peer[0] = kernel_addr(first);
	if (second)
		search.peer[1] = kernel_addr(second);
	assert_done(uplink_find(nl, &search, &uplink, &err), err);
	return uplink.mtu;
}

static void the_mtu_is_that_of_the_path_to_the_peers(void **state)
{
	/* Device one has 1500, two has 1400. */
	AUTO(nl)
	struct nl *nl = make_host("ip addr add 192.168.1.1/24 dev one && "
				  "ip addr add 192.168.2.1/24 dev two && "
				  "ip addr add 10.255.0.1/32 dev lo && "
				  "ip route add default src 10.255.0.1 "
				  "nexthop via 192.168.1.254 nexthop via 192.168.2.254 && "
				  "ip route add 10.255.0.2 via 192.168.1.254 && "
				  "ip route add 10.255.0.3 via 192.168.1.254 mtu 1300");

	(void)state;
	assert_int_equal(mtu_towards(nl, NULL, NULL), 1400);
	assert_int_equal(mtu_towards(nl, "10.255.0.2", NULL), 1500);
	assert_int_equal(mtu_towards(nl, "10.255.0.2", "10.255.0.9"), 1400);
	assert_int_equal(mtu_towards(nl, "10.255.0.2", "10.255.0.3"), 1300);
	assert_int_equal(mtu_towards(nl, "10.255.0.1", "192.168.1.1"), 1400); /* local ones */
}

static void without_peers_the_mtu_is_that_of_the_device(void **state)
{
	AUTO(nl)
	struct nl *nl = make_host("ip addr add 192.168.1.1/24 dev one && "
				  "ip addr add 192.168.2.1/24 dev two && "
				  "ip route add default via 192.168.1.254 && "
				  "ip route add 0.0.0.0/1 via 192.168.2.254 && "
				  "ip route add 128.0.0.0/1 via 192.168.2.254");

	(void)state;
	assert_int_equal(mtu_towards(nl, NULL, NULL), 1500);
	assert_int_equal(mtu_towards(nl, "192.168.1.9", NULL), 1500);
	assert_int_equal(mtu_towards(nl, "203.0.113.9", NULL), 1400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_uplink_is_found_by_route_name_or_address),
		cmocka_unit_test(unusable_addresses_are_chosen_last),
		cmocka_unit_test(the_public_address_can_differ_from_the_local_one),
		cmocka_unit_test(the_error_names_what_is_missing),
		cmocka_unit_test(every_failed_call_is_reported),
		cmocka_unit_test(every_form_of_default_route_is_found),
		cmocka_unit_test(the_mtu_is_that_of_the_path_to_the_peers),
		cmocka_unit_test(without_peers_the_mtu_is_that_of_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
