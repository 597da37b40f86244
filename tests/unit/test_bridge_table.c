/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/bridge_table.h"

#include "common/array.h"
#include "daemon/firewall/router_chains.h"
#include "tests/unit/samples.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <netinet/in.h>

static size_t rules_in(const struct firewall_table *table, const char *chain)
{
	size_t count = 0;

	for (size_t i = 0; i < table->rules.len; i++)
		count += !strcmp(table->rules.at[i].chain, chain);
	return count;
}

/* Networks that allow routers or not, and the rules of the chains that depend on it. */
static void the_rules_follow_the_options_and_the_kernel(void **state)
{
	static const struct {
		unsigned unsupported;
		bool allow[2];
		size_t prerouting, routers, router, forward;
		bool bridge_nf[FAMILIES];
	} cases[] = {
		{ 0, { false, false }, 0, 10, 3, 3, { false, false } },
		{ 0, { true, false }, 0, 10, 4, 3, { false, false } },
		{ 0, { true, true }, 0, 0, 0, 2, { false, false } },
		{ 1U << FIREWALL_ALLOW_ROUTERS, { true, false }, 0, 10, 3, 3, { false, false } },
		{ 1U << FIREWALL_ALLOW_ROUTERS, { true, true }, 0, 0, 0, 2, { false, false } },
		{ 1U << FIREWALL_ROUTERS, { false, false }, 0, 0, 0, 2, { false, false } },
		{ 1U << FIREWALL_HOST_ROUTERS, { false, false }, 10, 0, 2, 2, { false, false } },
		{ 1U << FIREWALL_GUARD, { true, false }, 10, 0, 3, 2, { false, false } },
		{ 1U << FIREWALL_FORWARD, { false, false }, 10, 0, 2, 2, { false, false } },
		{ 1U << FIREWALL_BRIDGED_TUNNEL, { false, false }, 10, 0, 2, 0, { false, false } },
		{ 1U << FIREWALL_COUNT, { false, false }, 0, 10, 2, 3, { false, false } },
		{ 0, { false, false }, 0, 10, 3, 4, { true, false } },
		{ 0, { false, false }, 0, 10, 3, 5, { true, true } },
		{ 1U << FIREWALL_BRIDGED_TUNNEL, { false, false }, 10, 0, 2, 0, { true, true } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct firewall_options options = { .unsupported = cases[i].unsupported };
		struct firewall_network networks[] = {
			{ .bridge = "weft-br1",
			  .subnet = { sample_prefix("10.5.1.0/24"),
				      sample_prefix("fd00:5::/64") } },
			{ .bridge = "weft-br2",
			  .subnet = { sample_prefix("10.6.1.0/24"),
				      sample_prefix("fd00:6::/64") } },
		};
		struct firewall_table table;

		for (size_t f = 0; f < FAMILIES; f++)
			options.bridge_nf[f] = cases[i].bridge_nf[f];
		for (size_t n = 0; n < 2; n++)
			networks[n].rules.allow_routers = cases[i].allow[n];
		assert_true(bridge_table_build(&options, networks, 2, &table));
		assert_string_equal(table.name, FIREWALL_TABLE);
		assert_int_equal(rules_in(&table, "prerouting"), cases[i].prerouting);
		assert_int_equal(rules_in(&table, "routers"), cases[i].routers);
		assert_int_equal(rules_in(&table, "router"), cases[i].router);
		assert_int_equal(rules_in(&table, "forward"), cases[i].forward);
		assert_true(!table.counters_len == !!(cases[i].unsupported & 1U << FIREWALL_COUNT));
		firewall_table_free(&table);
	}
}

/* The two drops come last. */
static void an_l2_network_reaches_its_tunnel(void **state)
{
	const struct firewall_options options = { .forward = true };
	const struct firewall_network networks[] = {
		{ .bridge = "weft-br1", .vxlan = { "weft-vx1", "weft-v61" } },
		{ .bridge = "weft-br2", .vxlan = { "weft-vx2", "weft-v62" }, .bridged = true },
	};
	struct firewall_table table;

	(void)state;
	assert_true(bridge_table_build(&options, networks, 2, &table));
	assert_int_equal(rules_in(&table, "forward"), 1 + 2 + 2 + 4 + 2);
	assert_int_equal(rules_in(&table, "output"), 1 + 2);
	firewall_table_free(&table);
	assert_true(bridge_table_build(&options, networks, 1, &table));
	assert_int_equal(rules_in(&table, "forward"), 1 + 2);
	assert_int_equal(rules_in(&table, "output"), 0);
	firewall_table_free(&table);
}

/* Whether the rule at the place in the chain has these expressions. */
static bool is_rule(const struct firewall_table *table, const char *chain, size_t place,
		    const struct nft_expr *expr)
{
	for (size_t i = 0; i < table->rules.len; i++) {
		const struct firewall_rule *rule = &table->rules.at[i];

		if (strcmp(rule->chain, chain) || place--)
			continue;
		return rule->expr.size == expr->size &&
		       !memcmp(rule->expr.at, expr->at, expr->size);
	}
	return false;
}

#define IPV4 0x0800
#define IPV6 0x86dd

static void ports_differ(struct nft_expr *expr, uint32_t mask)
{
	const uint32_t be_mask = htonl(mask), zero = 0;

	nft_expr_compare_masked(expr, &be_mask, NFT_CMP_NEQ, &zero, sizeof(zero));
}

/* UDP with no port below 1024. */
static struct nft_expr high_ports(void)
{
	const uint8_t udp = IPPROTO_UDP;
	struct nft_expr expr = { .size = 0 };

	nft_expr_meta(&expr, NFT_META_L4PROTO);
	nft_expr_compare(&expr, NFT_CMP_EQ, &udp, 1);
	nft_expr_payload(&expr, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 4);
	ports_differ(&expr, 0xfc000000);
	ports_differ(&expr, 0xfc00);
	nft_expr_verdict(&expr, NFT_RETURN, NULL);
	return expr;
}

#define NO_CHECKED_TYPE 0x70000000

/* Any protocol, with a first byte outside all checked types, and no destination port below 1024. */
static struct nft_expr most(void)
{
	struct nft_expr expr = { .size = 0 };

	nft_expr_payload(&expr, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 4);
	ports_differ(&expr, NO_CHECKED_TYPE);
	ports_differ(&expr, 0xfc00);
	nft_expr_verdict(&expr, NFT_RETURN, NULL);
	return expr;
}

/* From this place on, the two rules by which most packets leave the chain. */
static void assert_most(const struct firewall_table *table, const char *chain, size_t place)
{
	const struct nft_expr first = most(), second = high_ports();

	assert_true(is_rule(table, chain, place, &first));
	assert_true(is_rule(table, chain, place + 1, &second));
}

/* The first bytes are the type, of ICMP and ICMPv6, and the port of a server. */
static void checked_types_and_ports_are_not_passed_before(void **state)
{
	static const uint32_t types[] = { 5, 9, 134, 137 }, ports[] = { 67, 547 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		assert_int_equal((types[i] << 24 | 0x00ffffff) & NO_CHECKED_TYPE, 0);
	for (size_t i = 0; i < ARRAY_LEN(ports); i++)
		assert_int_equal((ports[i] << 16 | 0xffff) & NO_CHECKED_TYPE, 0);
}

static void compare_port(struct nft_expr *expr, uint16_t port)
{
	const uint16_t be = htons(port);

	nft_expr_payload(expr, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
	nft_expr_compare(expr, NFT_CMP_EQ, &be, 2);
}

static struct nft_expr has_protocol(uint16_t protocol)
{
	const uint16_t be = htons(protocol);
	struct nft_expr expr = { .size = 0 };

	nft_expr_meta(&expr, NFT_META_PROTOCOL);
	nft_expr_compare(&expr, NFT_CMP_EQ, &be, 2);
	return expr;
}

static void drop_probe(struct nft_expr *expr)
{
	nft_expr_counter(expr, BRIDGE_PROBE_DROPS);
	nft_expr_verdict(expr, NF_DROP, NULL);
}

/* To or from the gateway. */
static struct nft_expr probe_drop(uint16_t protocol, uint16_t port, bool source,
				  const struct ipaddr *gateway)
{
	struct nft_expr expr = has_protocol(protocol);

	compare_port(&expr, port);
	firewall_match_address(&expr, source, gateway);
	drop_probe(&expr);
	return expr;
}

/* From the subnet. */
static struct nft_expr subnet_accept(uint16_t protocol, const struct prefix *subnet)
{
	struct nft_expr expr = has_protocol(protocol);

	firewall_match_prefix(&expr, ipaddr_family(&subnet->addr), true, NFT_CMP_EQ, subnet);
	nft_expr_verdict(&expr, NFT_RETURN, NULL);
	return expr;
}

/* Not forwarded. */
static struct nft_expr forged_drop(uint16_t protocol)
{
	struct nft_expr expr = has_protocol(protocol);
	const uint8_t limit = 255;

	nft_expr_payload(&expr, NFT_PAYLOAD_NETWORK_HEADER, protocol == IPV4 ? 8 : 7, 1);
	nft_expr_compare(&expr, NFT_CMP_EQ, &limit, 1);
	drop_probe(&expr);
	return expr;
}

/* The two drops of the network in the family, from this place in the chain on. */
static void assert_probe_drops(const struct firewall_table *table, size_t place, uint16_t protocol,
			       const struct firewall_network *network)
{
	const struct ipaddr *gateway = &network->gateway[protocol == IPV4 ? FAMILY_V4 : FAMILY_V6];
	const struct nft_expr to = probe_drop(protocol, network->probe_port, false, gateway),
			      from = probe_drop(protocol, network->probe_port, true, gateway);

	assert_true(is_rule(table, "probe", place, &to));
	assert_true(is_rule(table, "probe", place + 1, &from));
}

static void assert_subnet_accept(const struct firewall_table *table, size_t place,
				 uint16_t protocol, const struct prefix *subnet)
{
	const struct nft_expr expr = subnet_accept(protocol, subnet);

	assert_true(is_rule(table, "probe", place, &expr));
}

static bool has_chain(const struct firewall_table *table, const char *name)
{
	for (size_t i = 0; i < table->chains.len; i++)
		if (!strcmp(table->chains.at[i].name, name))
			return true;
	return false;
}

static struct nft_expr probe_jump(uint16_t port)
{
	struct nft_expr expr = { .size = 0 };

	firewall_match_udp_port(&expr, port);
	firewall_match_weft(&expr, NFT_META_IIFGROUP, NFT_CMP_EQ);
	nft_expr_verdict(&expr, NFT_JUMP, "probe");
	return expr;
}

static struct nft_expr untagged_return(void)
{
	const uint16_t least = 0;
	struct nft_expr expr = { .size = 0 };

	nft_expr_payload(&expr, NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof(least));
	nft_expr_compare(&expr, NFT_CMP_GTE, &least, sizeof(least));
	nft_expr_verdict(&expr, NFT_RETURN, NULL);
	return expr;
}

static struct nft_expr tagged_goto(uint16_t tag)
{
	struct nft_expr expr = has_protocol(tag);

	firewall_match_weft(&expr, NFT_META_IIFGROUP, NFT_CMP_EQ);
	nft_expr_verdict(&expr, NFT_GOTO, "tagged");
	return expr;
}

/*
 * The hook that every packet between nodes passes has rules of probes only, and only with
 * probes.
 */
static void containers_do_not_send_probes(void **state)
{
	const struct firewall_options on = { .probe = true }, off = { .probe = false };
	const struct firewall_network networks[] = {
		{ .bridge = "weft-br1",
		  .probe_port = 8473,
		  .subnet = { sample_prefix("10.5.1.0/24"), sample_prefix("fd00:5:1::/64") },
		  .gateway = { sample_addr("10.5.1.1"), sample_addr("fd00:5:1::1") } },
		{ .bridge = "weft-br2",
		  .probe_port = 8473,
		  .subnet = { sample_prefix("10.6.1.0/26") },
		  .gateway = { sample_addr("10.6.1.1") } },
		{ .bridge = "weft-br3",
		  .probe_port = 1025,
		  .subnet = { sample_prefix("10.7.1.0/24") },
		  .gateway = { sample_addr("10.7.1.1") } },
		{ .bridge = "weft-br4", .probe_port = 9000 }, /* no subnet yet */
	};
	const struct nft_expr forged[] = { forged_drop(IPV4), forged_drop(IPV6) };
	const struct nft_expr jump = probe_jump(8473), other = probe_jump(1025);
	const struct nft_expr untagged = untagged_return();
	const struct nft_expr tags[] = { tagged_goto(0x8100), tagged_goto(0x88a8) };
	struct firewall_table table;

	(void)state;
	assert_true(bridge_table_build(&off, networks, 4, &table));
	assert_most(&table, "routers", 1);
	assert_false(has_chain(&table, "probe"));
	assert_false(has_chain(&table, "prerouting"));
	firewall_table_free(&table);
	assert_true(bridge_table_build(&on, networks, 2, &table));
	assert_most(&table, "routers", 1);
	assert_int_equal(rules_in(&table, "prerouting"), 1 + 3);
	assert_true(is_rule(&table, "prerouting", 0, &jump));
	assert_true(is_rule(&table, "prerouting", 1, &untagged));
	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		assert_true(is_rule(&table, "prerouting", 2 + i, &tags[i]));
	assert_int_equal(rules_in(&table, "tagged"), 2);
	assert_int_equal(rules_in(&table, "probe"), 1 + 3 * 2 + 2 + 1 + 1 + 1);
	firewall_table_free(&table);
	assert_true(bridge_table_build(&on, networks, 4, &table));
	assert_true(has_chain(&table, "probe"));
	assert_int_equal(rules_in(&table, "prerouting"), 2 + 3);
	assert_true(is_rule(&table, "prerouting", 0, &jump));
	assert_true(is_rule(&table, "prerouting", 1, &other));
	assert_probe_drops(&table, 1, IPV4, &networks[0]);
	assert_probe_drops(&table, 3, IPV6, &networks[0]);
	assert_probe_drops(&table, 5, IPV4, &networks[1]);
	assert_probe_drops(&table, 7, IPV4, &networks[2]);
	for (size_t i = 0; i < 3; i++)
		assert_subnet_accept(&table, 9 + i, IPV4, &networks[i].subnet[FAMILY_V4]);
	assert_true(is_rule(&table, "probe", 12, &forged[0]));
	assert_subnet_accept(&table, 13, IPV6, &networks[0].subnet[FAMILY_V6]);
	assert_true(is_rule(&table, "probe", 14, &forged[1]));
	assert_int_equal(rules_in(&table, "probe"), 15);
	firewall_table_free(&table);
}

/* Also in networks that all allow routers, whatever the kernel lacks of the checks of routers. */
static void probes_are_dropped_if_routers_are_allowed(void **state)
{
	struct firewall_network network[] = {
		{ .bridge = "weft-br1",
		  .rules = { .allow_routers = true },
		  .probe_port = 8473,
		  .gateway = { sample_addr("10.5.1.1") } },
		{ .bridge = "weft-br2",
		  .rules = { .allow_routers = true },
		  .probe_port = 8473,
		  .gateway = { sample_addr("10.6.1.1") } },
	};
	struct firewall_options options = { .probe = true };
	struct firewall_table table;

	(void)state;
	assert_true(bridge_table_build(&options, network, 1, &table));
	assert_int_equal(rules_in(&table, "probe"), 1 + 2 + 1);
	assert_int_equal(rules_in(&table, "prerouting"), 1 + 3);
	assert_false(has_chain(&table, "router"));
	firewall_table_free(&table);
	options.unsupported = 1U << FIREWALL_ALLOW_ROUTERS | 1U << FIREWALL_ROUTERS;
	assert_true(bridge_table_build(&options, network, 1, &table));
	assert_int_equal(rules_in(&table, "prerouting"), 1 + 3);
	assert_int_equal(rules_in(&table, "probe"), 1 + 2 + 1);
	firewall_table_free(&table);
	options.unsupported = 1U << FIREWALL_PROBES;
	assert_true(bridge_table_build(&options, network, 1, &table));
	assert_false(has_chain(&table, "prerouting"));
	assert_false(has_chain(&table, "probe"));
	firewall_table_free(&table);
	options.unsupported = 0;
	/* One of two. */
	network[1].rules.allow_routers = false;
	assert_true(bridge_table_build(&options, network, 2, &table));
	assert_int_equal(rules_in(&table, "probe"), 1 + 2 * 2 + 1);
	firewall_table_free(&table);
	/* Containers of an L2 network have any address. */
	network[1] = (struct firewall_network){ .bridge = "weft-br2", .bridged = true };
	assert_true(bridge_table_build(&options, network, 2, &table));
	assert_int_equal(rules_in(&table, "probe"), 1 + 2);
	firewall_table_free(&table);
}

/*
 * Frames of an L2 network that br_netfilter passes to the host are not distinguished there from
 * routed packets, and a table that is not in the kernel checks nothing: then the rules are
 * where frames leave containers.
 */
static void routers_are_checked_at_the_ports_if_the_host_does_not(void **state)
{
	static const struct {
		struct firewall_options options;
		struct firewall_network network;
		size_t prerouting, routers;
	} cases[] = {
		{ { .bridge_nf = { true, true } }, { .bridged = false }, 0, 10 },
		{ { .bridge_nf = { false, false } }, { .bridged = true }, 0, 10 },
		{ { .bridge_nf = { true, false } }, { .bridged = true }, 10, 0 },
		{ { .bridge_nf = { false, true } }, { .bridged = true }, 10, 0 },
		/* Some of its ports may be weft's; the bridge is not. */
		{ { .bridge_nf = { false, false } }, { .bridged = true, .foreign = true }, 10, 0 },
		{ { .bridge_nf = { true, true } },
		  { .bridged = true, .foreign = true, .rules = { .allow_routers = true } },
		  0,
		  0 },
		{ { .inet_missing = true }, { .bridged = false }, 10, 0 },
		{ { .inet_missing = true }, { .rules = { .allow_routers = true } }, 0, 0 },
		/* After the rules of probes. */
		{ { .probe = true, .inet_missing = true },
		  { .probe_port = 8473,
		    .gateway = { { .be = { 10, 5, 1, 1 }, .family = AF_INET } } },
		  13,
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct firewall_table table;

		assert_true(bridge_table_build(&cases[i].options, &cases[i].network, 1, &table));
		assert_int_equal(rules_in(&table, "prerouting"), cases[i].prerouting);
		assert_int_equal(rules_in(&table, "routers"), cases[i].routers);
		if (cases[i].prerouting)
			assert_most(&table, "prerouting", 1 + cases[i].options.probe);
		firewall_table_free(&table);
	}
}

static struct nft_expr count_group(uint16_t protocol, bool group)
{
	struct nft_expr expr = { .size = 0 };

	if (protocol)
		expr = has_protocol(protocol);
	firewall_match_group(&expr, group);
	nft_expr_counter(&expr, ROUTER_DROPS);
	return expr;
}

/* A broadcast is counted at the host, unless that has no address of the family in a network. */
static void copies_of_broadcasts_are_counted_if_the_host_counts_none(void **state)
{
	const struct firewall_options options = { .guard = true };
	const struct nft_expr unicast = count_group(0, false), group4 = count_group(IPV4, true),
			      group6 = count_group(IPV6, true);
	struct firewall_network networks[] = {
		{ .bridge = "weft-br1",
		  .subnet = { sample_prefix("10.5.1.0/24"), sample_prefix("fd00:5:1::/64") } },
		{ .bridge = "weft-br2", .subnet = { sample_prefix("10.6.1.0/24") } },
	};
	struct firewall_table table;

	(void)state;
	assert_true(bridge_table_build(&options, networks, 1, &table));
	assert_int_equal(rules_in(&table, "router"), 3);
	assert_true(is_rule(&table, "router", 1, &unicast));
	firewall_table_free(&table);
	assert_true(bridge_table_build(&options, networks, 2, &table));
	assert_int_equal(rules_in(&table, "router"), 4);
	assert_true(is_rule(&table, "router", 2, &group6));
	firewall_table_free(&table);
	networks[1].is_switch = true;
	assert_true(bridge_table_build(&options, networks, 2, &table));
	assert_int_equal(rules_in(&table, "router"), 5);
	assert_true(is_rule(&table, "router", 2, &group4));
	firewall_table_free(&table);
}

static struct nft_expr link_local_drop(uint32_t key)
{
	static const uint8_t group[] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x00 };
	static const uint8_t mask[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0 };
	struct nft_expr expr = { .size = 0 };

	nft_expr_meta(&expr, key);
	nft_expr_compare(&expr, NFT_CMP_EQ, "weft-v", 6);
	nft_expr_payload(&expr, NFT_PAYLOAD_LL_HEADER, 0, sizeof(group));
	nft_expr_mask(&expr, mask, sizeof(mask));
	nft_expr_compare(&expr, NFT_CMP_EQ, group, sizeof(group));
	nft_expr_verdict(&expr, NF_DROP, NULL);
	return expr;
}

static struct nft_expr flood_limit(const char *vxlan, uint32_t limit)
{
	const uint8_t group = 1;
	struct nft_expr expr = { .size = 0 };

	firewall_match_device(&expr, NFT_META_OIFNAME, NFT_CMP_EQ, vxlan);
	nft_expr_payload(&expr, NFT_PAYLOAD_LL_HEADER, 0, 1);
	nft_expr_mask(&expr, &group, 1);
	nft_expr_compare(&expr, NFT_CMP_EQ, &group, 1);
	nft_expr_over(&expr, limit);
	nft_expr_counter(&expr, BRIDGE_FLOOD_DROPS);
	nft_expr_verdict(&expr, NF_DROP, NULL);
	return expr;
}

static void a_network_that_floods_has_a_limit(void **state)
{
	struct firewall_options options = { .forward = true };
	const struct firewall_network network = {
		.bridge = "weft-br2",
		.vxlan = { "weft-vx2", "weft-v62" },
		.bridged = true,
		.flood_limit = 10,
	};
	const struct nft_expr out = link_local_drop(NFT_META_OIFNAME),
			      in = link_local_drop(NFT_META_IIFNAME),
			      first = flood_limit("weft-vx2", 10),
			      second = flood_limit("weft-v62", 10);
	struct firewall_table table;

	(void)state;
	assert_true(bridge_table_build(&options, &network, 1, &table));
	assert_int_equal(rules_in(&table, "forward"), 1 + 2 + 2 + 4 + 2);
	assert_true(is_rule(&table, "forward", 1, &out));
	assert_true(is_rule(&table, "forward", 2, &in));
	assert_true(is_rule(&table, "forward", 3, &first));
	assert_true(is_rule(&table, "forward", 4, &second));
	assert_int_equal(rules_in(&table, "output"), 1);
	assert_true(is_rule(&table, "output", 0, &out));
	firewall_table_free(&table);
	options.unsupported = 1U << FIREWALL_FLOOD_LIMIT;
	assert_true(bridge_table_build(&options, &network, 1, &table));
	assert_int_equal(rules_in(&table, "forward"), 1 + 2 + 4 + 2);
	assert_false(is_rule(&table, "forward", 3, &first));
	firewall_table_free(&table);
}

static struct nft_expr unflooded(const char *vxlan, int32_t verdict, const char *chain)
{
	const uint8_t group = 1;
	struct nft_expr expr = { .size = 0 };

	firewall_match_device(&expr, NFT_META_OIFNAME, NFT_CMP_EQ, vxlan);
	nft_expr_payload(&expr, NFT_PAYLOAD_LL_HEADER, 0, 1);
	nft_expr_mask(&expr, &group, 1);
	nft_expr_compare(&expr, NFT_CMP_EQ, &group, 1);
	nft_expr_verdict(&expr, verdict, chain);
	return expr;
}

/* Of two L2 networks, only that without flooding has the rules, and a routed one has none. */
static void broadcasts_of_a_network_without_flooding_are_counted(void **state)
{
	const struct firewall_options options = { .forward = true };
	const struct firewall_network networks[] = {
		{ .bridge = "weft-br1", .vxlan = { "weft-vx1", "weft-v61" } },
		{ .bridge = "weft-br2",
		  .vxlan = { "weft-vx2", "weft-v62" },
		  .bridged = true,
		  .flood_limit = 10 },
		{ .bridge = "weft-br3", .vxlan = { "weft-vx3", "" }, .bridged = true },
	};
	const struct nft_expr forward = unflooded("weft-vx3", NFT_GOTO, "local"),
			      output = unflooded("weft-vx3", NF_DROP, NULL);
	struct nft_expr last = { .size = 0 };
	struct firewall_table table;

	(void)state;
	nft_expr_counter(&last, BRIDGE_UNFLOODED_DROPS);
	nft_expr_verdict(&last, NF_DROP, NULL);
	assert_true(bridge_table_build(&options, networks, 3, &table));
	assert_int_equal(rules_in(&table, "forward"), 1 + 2 + 2 + 1 + 4 + 2 + 2);
	assert_true(is_rule(&table, "forward", 5, &forward));
	assert_int_equal(rules_in(&table, "output"), 1 + 1);
	assert_true(is_rule(&table, "output", 1, &output));
	assert_int_equal(rules_in(&table, "local"), 4);
	assert_true(is_rule(&table, "local", 3, &last));
	assert_true(has_chain(&table, "local"));
	firewall_table_free(&table);
	assert_true(bridge_table_build(&options, networks, 2, &table));
	assert_false(has_chain(&table, "local"));
	assert_int_equal(rules_in(&table, "local"), 0);
	firewall_table_free(&table);
}

static void routers_are_allowed_by_the_name_of_the_bridge(void **state)
{
	const struct firewall_options options = { .forward = true };
	const struct firewall_network networks[] = {
		{ .bridge = "br-lan", .foreign = true, .rules.allow_routers = true },
		{ .bridge = "weft-br1" },
	};
	struct nft_expr allowed = { .size = 0 };
	struct firewall_table table;

	(void)state;
	firewall_match_device(&allowed, NFT_META_BRI_IIFNAME, NFT_CMP_EQ, "br-lan");
	nft_expr_verdict(&allowed, NFT_RETURN, NULL);
	assert_true(bridge_table_build(&options, networks, 2, &table));
	assert_int_equal(rules_in(&table, "router"), 6);
	assert_true(is_rule(&table, "router", 1, &allowed));
	firewall_table_free(&table);
}

static void a_kernel_without_the_family_has_no_table(void **state)
{
	const struct firewall_options options = { .unsupported = 1U << FIREWALL_BRIDGE };
	const struct firewall_network network = { .bridge = "weft-br1" };
	struct firewall_table table;

	(void)state;
	assert_true(bridge_table_build(&options, &network, 1, &table));
	assert_null(table.name);
	assert_int_equal(table.chains.len + table.rules.len, 0);
	firewall_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(containers_do_not_send_probes),
		cmocka_unit_test(probes_are_dropped_if_routers_are_allowed),
		cmocka_unit_test(routers_are_checked_at_the_ports_if_the_host_does_not),
		cmocka_unit_test(copies_of_broadcasts_are_counted_if_the_host_counts_none),
		cmocka_unit_test(the_rules_follow_the_options_and_the_kernel),
		cmocka_unit_test(checked_types_and_ports_are_not_passed_before),
		cmocka_unit_test(an_l2_network_reaches_its_tunnel),
		cmocka_unit_test(a_network_that_floods_has_a_limit),
		cmocka_unit_test(broadcasts_of_a_network_without_flooding_are_counted),
		cmocka_unit_test(routers_are_allowed_by_the_name_of_the_bridge),
		cmocka_unit_test(a_kernel_without_the_family_has_no_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
