/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/uplink_choose.h"

#include "common/array.h"
#include "tests/unit/samples.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#define ALIVE (IFF_UP | 0x10000) /* and IFF_LOWER_UP */
#define PERMANENT IFA_F_PERMANENT
#define DHCP 0 /* a finite lifetime */

enum { LO = 1, ETH0, ETH1, TUN0, DOCKER0, VETH1, WEFT };

static struct uplink_host host;
static struct uplink_options options;
static struct uplink current;
static struct uplink_search search;

static void add_link(uint32_t index, const char *name, enum link_kind kind, uint32_t flags)
{
	struct link link = { .index = index, .kind = kind, .flags = flags, .mtu = 1500 };

	snprintf(link.name, sizeof(link.name), "%s", name);
	assert_true(uplink_links_push(&host.links, &link));
}

/* An address at the end of the dump. */
static void add(uint32_t index, const char *prefix, uint32_t flags)
{
	const struct addr addr = { .prefix = sample_prefix(prefix),
				   .index = index,
				   .flags = flags };

	assert_true(uplink_addrs_push(&host.addrs, &addr));
}

static void take(const char *address)
{
	const struct ipaddr value = sample_addr(address);

	for (size_t i = 0; i < host.addrs.len; i++)
		if (ipaddr_equal(&host.addrs.at[i].prefix.addr, &value))
			host.addrs.at[i--] = host.addrs.at[--host.addrs.len];
}

static void flag(const char *address, uint32_t flags)
{
	const struct ipaddr value = sample_addr(address);

	for (size_t i = 0; i < host.addrs.len; i++)
		if (ipaddr_equal(&host.addrs.at[i].prefix.addr, &value))
			host.addrs.at[i].flags |= flags;
}

static void set_flags(uint32_t index, uint32_t flags)
{
	for (size_t i = 0; i < host.links.len; i++)
		if (host.links.at[i].index == index)
			host.links.at[i].flags = flags;
}

static void route(uint32_t index, const char *any, uint32_t metric, const char *source)
{
	const struct route route = {
		.dst = sample_prefix(any),
		.index = index,
		.metric = metric,
		.source = sample_addr(source),
	};

	assert_true(uplink_routes_push(&host.defaults, &route));
}

#define ROUTE4(index, metric) route(index, "0.0.0.0/0", metric, "")
#define ROUTE6(index, metric) route(index, "::/0", metric, "")

/* eth0, eth1, a VPN, docker, a container and weft's bridge; no address but the loopback's. */
static int setup(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	memset(&options, 0, sizeof(options));
	memset(&current, 0, sizeof(current));
	search = (struct uplink_search){ .options = &options, .current = &current };
	add_link(WEFT, "weft-br1", LINK_KIND_BRIDGE, ALIVE);
	add_link(ETH1, "eth1", LINK_KIND_OTHER, ALIVE);
	add_link(ETH0, "eth0", LINK_KIND_OTHER, ALIVE);
	add_link(TUN0, "tun0", LINK_KIND_OTHER, ALIVE | IFF_POINTOPOINT | IFF_NOARP);
	add_link(DOCKER0, "docker0", LINK_KIND_BRIDGE, ALIVE);
	add_link(VETH1, "veth1", LINK_KIND_VETH, ALIVE);
	add_link(LO, "lo", LINK_KIND_OTHER, ALIVE | IFF_LOOPBACK);
	add(LO, "127.0.0.1/8", PERMANENT);
	add(LO, "::1/128", PERMANENT);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	uplink_links_free(&host.links);
	uplink_addrs_free(&host.addrs);
	uplink_routes_free(&host.defaults);
	return 0;
}

static void reverse(void)
{
	for (size_t i = 0, k = host.addrs.len; i + 1 < k; i++) {
		struct addr addr = host.addrs.at[i];

		host.addrs.at[i] = host.addrs.at[--k];
		host.addrs.at[k] = addr;
	}
	for (size_t i = 0, k = host.defaults.len; i + 1 < k; i++) {
		struct route route = host.defaults.at[i];

		host.defaults.at[i] = host.defaults.at[--k];
		host.defaults.at[k] = route;
	}
	for (size_t i = 0, k = host.links.len; i + 1 < k; i++) {
		struct link link = host.links.at[i];

		host.links.at[i] = host.links.at[--k];
		host.links.at[k] = link;
	}
}

static struct uplink choose(void)
{
	struct uplink uplink = { .index = 0 };
	struct err err = ERR_INIT;

	if (!uplink_keep(&host, &search, &uplink))
		assert_good(uplink_choose(&host, &search, &uplink, &err), err);
	return uplink;
}

/* Whatever the order of the dumps. */
static void assert_chosen(const char *v4, const char *v6)
{
	char text[IPADDR_TEXT_SIZE];
	struct uplink uplink;

	for (int i = 0; i < 2; i++) {
		uplink = choose();
		assert_string_equal(ipaddr_text(&uplink.address[FAMILY_V4], text), v4);
		assert_string_equal(ipaddr_text(&uplink.address[FAMILY_V6], text), v6);
		reverse();
	}
	current = uplink;
}

static void assert_none(const char *says)
{
	struct uplink uplink = { .index = 77 };
	struct err err = ERR_INIT;

	assert_false(uplink_keep(&host, &search, &uplink));
	assert_int_equal(uplink_choose(&host, &search, &uplink, &err), -1);
	assert_int_equal(uplink.index, 77);
	assert_string_equal(err.text, says);
}

/* ---- The address ------------------------------------------------------------------------- */

static void addresses_have_an_order_of_preference(void **state)
{
	/* The first of each pair is preferred. */
	static const struct {
		const char *prefix[2];
		uint32_t flags[2];
	} cases[] = {
		{ { "192.168.0.9/24", "192.168.0.1/32" }, { DHCP, PERMANENT } },
		{ { "192.168.0.9/31", "192.168.0.1/32" }, { PERMANENT, PERMANENT } },
		{ { "192.168.0.9/24", "192.168.0.1/24" },
		  { DHCP, PERMANENT | IFA_F_NOPREFIXROUTE } },
		{ { "192.168.0.9/24", "192.168.0.1/24" }, { DHCP, PERMANENT | IFA_F_SECONDARY } },
		{ { "192.168.0.9/32", "192.168.0.1/24" }, { DHCP, PERMANENT | IFA_F_DEPRECATED } },
		{ { "192.168.0.9/24", "192.168.0.1/24" }, { PERMANENT, DHCP } },
		{ { "192.168.0.1/24", "192.168.0.9/24" }, { PERMANENT, PERMANENT } },
		{ { "fd00::9/64", "fd00::1/128" }, { DHCP, PERMANENT } },
		{ { "fd00::9/64", "fd00::1/64" }, { DHCP, IFA_F_TEMPORARY } },
		{ { "fd00::9/128", "fd00::1/64" }, { DHCP, IFA_F_TEMPORARY } },
		{ { "fd00::9/64", "fd00::1/64" }, { DHCP, IFA_F_DEPRECATED } },
		{ { "fd00::9/64", "fd00::1/64" }, { DHCP, PERMANENT | IFA_F_TENTATIVE } },
		{ { "fd00::1/64", "fd00::9/64" },
		  { PERMANENT | IFA_F_TENTATIVE | IFA_F_OPTIMISTIC, DHCP } },
		{ { "fd00::9/64", "fd00::1/64" }, { DHCP, PERMANENT | IFA_F_NOPREFIXROUTE } },
		{ { "fd00::1/64", "fd00::9/64" }, { DHCP, DHCP } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct addr addr[2];

		for (size_t k = 0; k < 2; k++)
			addr[k] = (struct addr){ .prefix = sample_prefix(cases[i].prefix[k]),
						 .flags = cases[i].flags[k] };
		if (!uplink_prefers(&addr[0], &addr[1]) || uplink_prefers(&addr[1], &addr[0]))
			fail_msg("case %zu", i);
	}
}

static void a_virtual_address_changes_nothing(void **state)
{
	(void)state;
	ROUTE4(ETH0, 100);
	add(ETH0, "192.168.0.7/24", DHCP);
	add(ETH0, "fd77::7/64", DHCP);
	assert_chosen("192.168.0.7", "fd77::7");
	add(ETH0, "192.168.0.1/32", PERMANENT);
	add(ETH0, "192.168.0.2/24", PERMANENT);
	add(ETH0, "fd77::1/64", PERMANENT);
	assert_chosen("192.168.0.7", "fd77::7");
	take("192.168.0.1");
	assert_chosen("192.168.0.7", "fd77::7");
}

static void a_virtual_address_is_not_chosen_at_the_start(void **state)
{
	(void)state;
	ROUTE4(ETH0, 100);
	add(ETH0, "192.168.0.1/32", PERMANENT);
	add(ETH0, "192.168.0.7/24", DHCP);
	assert_chosen("192.168.0.7", "");
	assert_false(current.doubtful);
}

static void the_only_address_is_used_whatever_it_is(void **state)
{
	static const uint32_t flags[] = { PERMANENT, IFA_F_DEPRECATED, IFA_F_NOPREFIXROUTE,
					  IFA_F_SECONDARY };

	(void)state;
	ROUTE4(ETH0, 100);
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		memset(&current, 0, sizeof(current));
		add(ETH0, "192.168.0.1/32", flags[i]);
		assert_chosen("192.168.0.1", "");
		assert_chosen("192.168.0.1", ""); /* and stays */
		assert_true(current.doubtful);
		take("192.168.0.1");
	}
}

static void a_deprecated_or_failed_address_is_replaced(void **state)
{
	(void)state;
	ROUTE4(ETH0, 100);
	add(ETH0, "192.168.0.7/24", DHCP);
	add(ETH0, "fd77::7/64", DHCP);
	assert_chosen("192.168.0.7", "fd77::7");
	add(ETH0, "fd77::8/64", DHCP);
	flag("fd77::7", IFA_F_DEPRECATED);
	assert_chosen("192.168.0.7", "fd77::8");
	flag("fd77::8", IFA_F_DADFAILED);
	assert_chosen("192.168.0.7", "fd77::7"); /* deprecated, but the only one */
}

static void an_address_that_is_gone_is_replaced_and_does_not_return(void **state)
{
	(void)state;
	ROUTE4(ETH0, 100);
	add(ETH0, "192.168.0.7/24", DHCP);
	assert_chosen("192.168.0.7", "");
	take("192.168.0.7");
	assert_none("no uplink: no interface has the address 192.168.0.7");
	add(ETH0, "192.168.0.8/24", DHCP);
	assert_chosen("192.168.0.8", "");
	add(ETH0, "192.168.0.7/24", DHCP);
	assert_chosen("192.168.0.8", "");
}

static void the_address_is_followed_to_another_device(void **state)
{
	(void)state;
	ROUTE4(ETH0, 100);
	add(ETH0, "192.168.0.7/24", PERMANENT);
	assert_chosen("192.168.0.7", "");
	take("192.168.0.7"); /* eth0 becomes a port of a bridge */
	add(ETH1, "192.168.0.7/24", PERMANENT);
	assert_chosen("192.168.0.7", "");
	assert_int_equal(current.index, ETH1);
	assert_string_equal(current.name, "eth1");
}

static void special_addresses_are_never_chosen(void **state)
{
	(void)state;
	ROUTE4(ETH0, 100);
	add(ETH0, "169.254.1.1/16", PERMANENT);
	add(ETH0, "fe80::1/64", PERMANENT);
	assert_none("no uplink: eth0 has no address");
}

static void the_address_used_before_the_start_is_kept(void **state)
{
	(void)state;
	ROUTE4(ETH0, 100);
	ROUTE4(TUN0, 50);
	add(TUN0, "10.8.0.2/24", PERMANENT);
	add(ETH0, "192.168.0.1/24", PERMANENT);
	add(ETH0, "192.168.0.7/24", DHCP);
	search.previous[FAMILY_V4] = sample_addr("192.168.0.7");
	assert_chosen("192.168.0.7", "");
	memset(&current, 0, sizeof(current));
	search.previous[FAMILY_V4] = sample_addr("192.168.0.99"); /* no more */
	assert_chosen("10.8.0.2", "");
}

/* ---- The device -------------------------------------------------------------------------- */

static void a_vpn_does_not_move_the_uplink(void **state)
{
	(void)state;
	ROUTE4(ETH0, 100);
	add(ETH0, "192.168.0.1/24", DHCP);
	assert_chosen("192.168.0.1", "");
	ROUTE4(TUN0, 1);
	add(TUN0, "10.8.0.2/24", PERMANENT);
	assert_chosen("192.168.0.1", "");
	host.defaults.at[0] = host.defaults.at[1]; /* and eth0's is removed */
	assert_chosen("192.168.0.1", "");
}

static void a_device_without_carrier_is_replaced_if_there_is_another(void **state)
{
	(void)state;
	ROUTE4(ETH0, 100);
	add(ETH0, "192.168.0.1/24", DHCP);
	assert_chosen("192.168.0.1", "");
	set_flags(ETH0, IFF_UP);
	assert_none("no uplink: eth0 has no carrier");
	set_flags(ETH0, 0);
	assert_none("no uplink: eth0 is down");
	ROUTE4(ETH1, 200);
	add(ETH1, "192.168.1.1/24", DHCP);
	assert_chosen("192.168.1.1", "");
	set_flags(ETH0, ALIVE);
	assert_chosen("192.168.1.1", "");
}

static void a_device_without_carrier_is_accepted_at_the_start(void **state)
{
	(void)state;
	ROUTE4(ETH0, 100);
	add(ETH0, "192.168.0.1/24", DHCP);
	set_flags(ETH0, IFF_UP);
	assert_chosen("192.168.0.1", "");
	memset(&current, 0, sizeof(current));
	ROUTE4(ETH1, 200);
	add(ETH1, "192.168.1.1/24", DHCP);
	assert_chosen("192.168.1.1", "");
}

static void default_routes_are_ordered_by_metric_then_by_device(void **state)
{
	(void)state;
	add(ETH0, "192.168.0.1/24", DHCP);
	add(ETH1, "192.168.1.1/24", DHCP);
	ROUTE4(ETH1, 100);
	ROUTE4(ETH0, 200);
	assert_chosen("192.168.1.1", "");
	memset(&current, 0, sizeof(current));
	ROUTE4(ETH0, 100); /* equal: as the next hops of one route */
	assert_chosen("192.168.0.1", "");
}

static void a_route_without_an_address_is_skipped(void **state)
{
	(void)state;
	ROUTE4(TUN0, 1);
	ROUTE4(WEFT, 0);
	ROUTE4(99, 0); /* its device is gone */
	ROUTE4(ETH0, 100);
	add(ETH0, "192.168.0.1/24", DHCP);
	add(WEFT, "10.5.1.1/24", PERMANENT);
	assert_chosen("192.168.0.1", "");
}

static void the_source_of_a_route_is_its_address(void **state)
{
	(void)state;
	add(ETH0, "10.0.0.1/31", PERMANENT);
	add(LO, "10.255.0.1/32", PERMANENT);
	route(ETH0, "0.0.0.0/0", 0, "10.255.0.1");
	assert_chosen("10.255.0.1", "");
	assert_int_equal(current.index, LO);
}

/* default via inet6 fe80::1 dev eth0, and the address on the loopback (RFC 5549). */
static void an_unnumbered_device_uses_what_the_kernel_takes(void **state)
{
	(void)state;
	add(LO, "10.255.0.1/32", PERMANENT);
	ROUTE4(ETH0, 0);
	host.to_public[FAMILY_V4] = (struct route){ .index = ETH0,
						    .source = sample_addr("10.255.0.1") };
	assert_chosen("10.255.0.1", "");
}

static void policy_routing_names_the_uplink_without_a_default_route(void **state)
{
	(void)state;
	add(ETH0, "192.168.0.1/24", PERMANENT);
	add(ETH1, "192.168.1.1/24", PERMANENT);
	host.to_public[FAMILY_V4] = (struct route){ .index = ETH1,
						    .source = sample_addr("192.168.1.1") };
	assert_chosen("192.168.1.1", "");
	assert_false(current.provisional);
	memset(&current, 0, sizeof(current));
	ROUTE4(ETH0, 100); /* 0.0.0.0/1 and 128.0.0.0/1 lead elsewhere */
	assert_chosen("192.168.0.1", "");
}

static void without_any_route_a_likely_device_is_used_until_there_is_one(void **state)
{
	(void)state;
	add(DOCKER0, "172.17.0.1/16", PERMANENT);
	add(WEFT, "10.5.1.1/24", PERMANENT);
	assert_none("no uplink: no default route, and no interface with an address; set --iface");
	add(VETH1, "192.168.9.1/24", PERMANENT);
	assert_chosen("192.168.9.1", "");
	assert_true(current.provisional);
	memset(&current, 0, sizeof(current));
	add(ETH1, "192.168.1.1/24", PERMANENT);
	assert_chosen("192.168.1.1", "");
	add(ETH0, "192.168.0.1/24", PERMANENT);
	assert_chosen("192.168.1.1", ""); /* in use */
	ROUTE4(ETH0, 100);
	assert_chosen("192.168.0.1", "");
	assert_false(current.provisional);
	host.defaults.len = 0;
	assert_chosen("192.168.0.1", "");
}

/* A DHCP client removes address and route, adds the new address, then the route. */
static void readdressing_does_not_lead_to_another_device(void **state)
{
	(void)state;
	ROUTE4(ETH0, 100);
	add(ETH0, "192.168.0.1/24", DHCP);
	add(ETH1, "192.168.1.1/24", PERMANENT);
	assert_chosen("192.168.0.1", "");
	take("192.168.0.1");
	host.defaults.len = 0;
	assert_none("no uplink: no interface has the address 192.168.0.1");
	add(ETH0, "192.168.0.9/24", DHCP);
	assert_chosen("192.168.0.9", "");
	assert_true(current.doubtful);
	ROUTE4(TUN0, 1);
	add(TUN0, "10.8.0.2/24", PERMANENT);
	ROUTE4(ETH0, 100);
	assert_chosen("192.168.0.9", "");
	assert_false(current.provisional);
}

/* ---- IPv6 -------------------------------------------------------------------------------- */

static void ipv6_uses_the_device_of_ipv4(void **state)
{
	(void)state;
	ROUTE4(ETH0, 100);
	ROUTE6(ETH1, 100);
	add(ETH0, "192.168.0.1/24", DHCP);
	add(ETH1, "fd00:1::1/64", DHCP);
	assert_chosen("192.168.0.1", "");
	add(ETH0, "fd00::1/64", DHCP);
	assert_chosen("192.168.0.1", "fd00::1"); /* also later */
}

static void ipv6_alone_uses_its_own_default_route(void **state)
{
	(void)state;
	ROUTE6(ETH1, 1024);
	add(ETH0, "fd00::1/64", DHCP);
	add(ETH1, "fd00:1::1/64", DHCP);
	assert_chosen("", "fd00:1::1");
	ROUTE6(ETH0, 1);
	assert_chosen("", "fd00:1::1");
}

static void a_tunnel_of_ipv6_finds_the_device_with_it(void **state)
{
	(void)state;
	search.v6_first = true;
	ROUTE4(ETH0, 100);
	ROUTE6(ETH1, 100);
	add(ETH0, "192.168.0.1/24", DHCP);
	add(ETH1, "fd00:1::1/64", DHCP);
	assert_chosen("192.168.0.1", "fd00:1::1");
	assert_int_equal(current.device[FAMILY_V6], ETH1);
	assert_int_equal(current.index, ETH0);
}

/* ---- What the operator names ------------------------------------------------------------- */

static void a_local_public_address_is_the_source(void **state)
{
	(void)state;
	ROUTE4(ETH0, 100);
	add(ETH0, "192.168.0.1/24", PERMANENT);
	add(ETH0, "fd00::1/64", PERMANENT);
	assert_chosen("192.168.0.1", "fd00::1");
	options.public_ip[FAMILY_V4] = sample_addr("192.168.0.50");
	assert_chosen("192.168.0.1", "fd00::1"); /* NAT: not local */
	assert_true(ipaddr_equal(&current.public_ip[FAMILY_V4], &options.public_ip[FAMILY_V4]));
	add(ETH1, "192.168.0.50/32", PERMANENT);
	assert_chosen("192.168.0.50", "fd00::1");
}

static void the_first_interface_that_exists_is_used(void **state)
{
	static const char *const iface[] = { "eth7", "10.0.0.9", "eth1", "eth0", NULL };

	(void)state;
	options.iface = iface;
	ROUTE4(ETH0, 100);
	add(ETH0, "192.168.0.1/24", PERMANENT);
	assert_none("no uplink: eth1 has no address");
	add(ETH1, "192.168.1.1/24", PERMANENT);
	assert_chosen("192.168.1.1", "");
	add(ETH0, "10.0.0.9/24", PERMANENT);
	assert_chosen("192.168.1.1", "");
}

static void a_pair_of_addresses_is_used_exactly(void **state)
{
	static const char *const iface[] = { "192.168.0.2,fd00:1::1", NULL };

	(void)state;
	options.iface = iface;
	ROUTE4(ETH0, 100);
	add(ETH0, "192.168.0.1/24", PERMANENT);
	add(ETH0, "192.168.0.2/24", PERMANENT | IFA_F_SECONDARY);
	add(ETH0, "fd00::1/64", PERMANENT);
	assert_chosen("192.168.0.2", ""); /* the other one is missing */
	add(ETH1, "fd00:1::1/64", PERMANENT);
	assert_chosen("192.168.0.2", "fd00:1::1");
}

static void what_was_used_before_must_match_the_flag(void **state)
{
	static const char *const iface[] = { "eth1", NULL };

	(void)state;
	add(ETH0, "192.168.0.1/24", PERMANENT);
	add(ETH1, "192.168.1.1/24", PERMANENT);
	add(ETH1, "192.168.1.2/24", PERMANENT);
	options.iface = iface;
	search.previous[FAMILY_V4] = sample_addr("192.168.0.1");
	assert_chosen("192.168.1.1", "");
	memset(&current, 0, sizeof(current));
	search.previous[FAMILY_V4] = sample_addr("192.168.1.2");
	assert_chosen("192.168.1.2", "");
}

static void an_expression_matches_addresses_before_names(void **state)
{
	static const char *const address[] = { "^192\\.168\\.1\\.", NULL },
				 *const name[] = { "^none", "^eth[0-9]$", NULL },
				 *const both[] = { "1$", NULL };

	(void)state;
	add(ETH0, "192.168.0.7/24", PERMANENT);
	add(ETH0, "fd00::7/64", PERMANENT);
	add(ETH1, "192.168.1.1/24", PERMANENT);
	options.regex = address;
	assert_chosen("192.168.1.1", "");
	memset(&current, 0, sizeof(current));
	options.regex = name;
	assert_chosen("192.168.0.7", "fd00::7");
	memset(&current, 0, sizeof(current));
	options.regex = both;
	assert_chosen("192.168.1.1", "");
	memset(&current, 0, sizeof(current));
	options.regex = (const char *const[]){ "^wlan", NULL };
	assert_none("no uplink: no address and no interface matches --iface-regex ^wlan");
}

static void the_device_that_reaches_an_address_is_used(void **state)
{
	(void)state;
	options.can_reach = sample_addr("192.0.2.1");
	ROUTE4(ETH0, 100);
	add(ETH0, "192.168.0.1/24", PERMANENT);
	add(ETH1, "192.168.1.1/24", PERMANENT);
	add(ETH1, "192.168.1.2/24", PERMANENT);
	assert_none("no uplink: there is no route to 192.0.2.1 (--iface-can-reach)");
	host.to_wanted = (struct route){ .index = ETH1, .source = sample_addr("192.168.1.2") };
	assert_chosen("192.168.1.2", "");
	host.to_wanted.index = ETH0;
	assert_chosen("192.168.1.2", "");
}

#define uplink_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		uplink_test(addresses_have_an_order_of_preference),
		uplink_test(a_virtual_address_changes_nothing),
		uplink_test(a_virtual_address_is_not_chosen_at_the_start),
		uplink_test(the_only_address_is_used_whatever_it_is),
		uplink_test(a_deprecated_or_failed_address_is_replaced),
		uplink_test(an_address_that_is_gone_is_replaced_and_does_not_return),
		uplink_test(the_address_is_followed_to_another_device),
		uplink_test(special_addresses_are_never_chosen),
		uplink_test(the_address_used_before_the_start_is_kept),
		uplink_test(a_vpn_does_not_move_the_uplink),
		uplink_test(a_device_without_carrier_is_replaced_if_there_is_another),
		uplink_test(a_device_without_carrier_is_accepted_at_the_start),
		uplink_test(default_routes_are_ordered_by_metric_then_by_device),
		uplink_test(a_route_without_an_address_is_skipped),
		uplink_test(the_source_of_a_route_is_its_address),
		uplink_test(an_unnumbered_device_uses_what_the_kernel_takes),
		uplink_test(policy_routing_names_the_uplink_without_a_default_route),
		uplink_test(without_any_route_a_likely_device_is_used_until_there_is_one),
		uplink_test(readdressing_does_not_lead_to_another_device),
		uplink_test(ipv6_uses_the_device_of_ipv4),
		uplink_test(ipv6_alone_uses_its_own_default_route),
		uplink_test(a_tunnel_of_ipv6_finds_the_device_with_it),
		uplink_test(a_local_public_address_is_the_source),
		uplink_test(the_first_interface_that_exists_is_used),
		uplink_test(a_pair_of_addresses_is_used_exactly),
		uplink_test(what_was_used_before_must_match_the_flag),
		uplink_test(an_expression_matches_addresses_before_names),
		uplink_test(the_device_that_reaches_an_address_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
