/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/firewall_table.h"

#include "common/array.h"
#include "tests/unit/samples.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>

static const struct firewall_options all = { .ip_masq = true, .forward = true, .guard = true };

static struct firewall_network network(const char *name, uint32_t vni, const char *cluster,
				       const char *subnet)
{
	struct firewall_network made = {
		.vni = vni,
		.port = 8472,
		.outer = { true, false },
		.cluster = { sample_prefix(cluster) },
		.subnet = { sample_prefix(subnet) },
	};

	snprintf(made.name, sizeof(made.name), "%s", name);
	snprintf(made.bridge, sizeof(made.bridge), "weft-br%u", vni);
	return made;
}

static void make(const struct firewall_options *options, const struct firewall_network *networks,
		 size_t len, struct firewall_table *table)
{
	assert_true(firewall_table_build(options, networks, len, table));
	/* The kernel keeps rules by chain, in the order of the chains. */
	for (size_t i = 0, chain = 0; i < table->rules.len; i++) {
		while (chain < table->chains.len &&
		       strcmp(table->chains.at[chain].name, table->rules.at[i].chain))
			chain++;
		assert_true(chain < table->chains.len);
	}
}

static size_t firewall_in(const struct firewall_table *table, const char *chain)
{
	size_t count = 0;

	for (size_t i = 0; i < table->rules.len; i++)
		count += !strcmp(table->rules.at[i].chain, chain);
	return count;
}

static const struct firewall_set *set(const struct firewall_table *table, const char *name)
{
	for (size_t i = 0; i < table->sets.len; i++)
		if (!strcmp(table->sets.at[i].name, name))
			return &table->sets.at[i];
	return NULL;
}

#define WITHOUT(part)                                                                              \
	{                                                                                          \
		.ip_masq = true, .forward = true, .guard = true, .unsupported = (part)             \
	}

static void a_network_has_the_configured_rules(void **state)
{
	static const struct {
		struct firewall_options options;
		size_t in, input, tunnel_input, tunnel_forward, forward, postrouting;
	} cases[] = {
		{ { .ip_masq = true, .forward = true, .guard = true }, 1, 3, 6, 6, 5, 3 },
		{ { .ip_masq = false, .forward = true, .guard = true }, 1, 3, 6, 6, 5, 2 },
		{ { .ip_masq = true, .forward = false, .guard = true }, 1, 3, 6, 6, 5, 3 },
		{ { .ip_masq = true, .forward = true, .guard = false }, 1, 3, 2, 3, 5, 3 },
		{ { .ip_masq = true, .bridge_nf = { true, false } }, 1, 3, 2, 3, 5, 2 },
		{ { .bridge_nf = { true, false } }, 1, 3, 2, 3, 5, 0 },
		{ { .bridge_nf = { false, true } }, 1, 3, 2, 3, 5, 2 },
		{ { .guard = false }, 1, 3, 2, 3, 5, 2 },
		{ WITHOUT(1U << FIREWALL_NOTRACK), 0, 3, 6, 6, 5, 3 },
		{ WITHOUT(1U << FIREWALL_GUARD), 1, 0, 0, 3, 1, 3 },
		{ WITHOUT(1U << FIREWALL_INJECTION), 1, 2, 4, 0, 4, 3 },
		{ WITHOUT(1U << FIREWALL_FORWARD), 1, 2, 6, 6, 0, 3 },
		{ WITHOUT(1U << FIREWALL_MASQUERADE), 1, 3, 6, 6, 5, 0 },
		{ WITHOUT(1U << FIREWALL_HAIRPIN), 1, 3, 6, 6, 5, 2 },
		{ WITHOUT(1U << FIREWALL_RANDOM), 1, 3, 6, 6, 5, 3 },
		{ WITHOUT(1U << FIREWALL_HOST_ROUTERS), 1, 2, 6, 6, 1, 3 },
		{ WITHOUT(1U << FIREWALL_ROUTERS), 1, 3, 6, 6, 5, 3 }, /* in the other table */
	};
	const struct firewall_network one = network("default", 1, "10.5.0.0/16", "10.5.1.0/24");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct firewall_table table;

		make(&cases[i].options, &one, 1, &table);
		assert_int_equal(firewall_in(&table, "tunnel-in"), cases[i].in);
		assert_int_equal(firewall_in(&table, "tunnel-out"), cases[i].in > 0);
		assert_int_equal(firewall_in(&table, "from-peers"), cases[i].in > 0);
		assert_int_equal(firewall_in(&table, "to-peers"), cases[i].in > 0);
		assert_int_equal(firewall_in(&table, "tunnel-input"), cases[i].tunnel_input);
		assert_int_equal(firewall_in(&table, "input"), cases[i].input);
		assert_int_equal(firewall_in(&table, "tunnel-forward"), cases[i].tunnel_forward);
		assert_int_equal(firewall_in(&table, "forward"), cases[i].forward);
		assert_int_equal(firewall_in(&table, "postrouting"), cases[i].postrouting);
		assert_true(!!set(&table, "own4-1") == !!cases[i].postrouting);
		assert_true(!!set(&table, "except4-1") ==
			    (cases[i].options.ip_masq && cases[i].postrouting));
		assert_null(set(&table, "peers6-1"));
		assert_null(set(&table, "own6-1"));
		assert_null(set(&table, "isolated4-1"));
		firewall_table_free(&table);
	}
}

static void networks_are_isolated_unless_one_allows_the_other(void **state)
{
	struct firewall_network both[] = {
		network("default", 1, "10.5.0.0/16", "10.5.1.0/24"),
		network("blue", 2, "10.6.0.0/16", "10.6.1.0/24"),
	};
	struct firewall_table table;

	(void)state;
	make(&all, both, 2, &table);
	assert_int_equal(firewall_in(&table, "forward"), 6);
	assert_int_equal(firewall_in(&table, "isolation"), 2);
	assert_int_equal(firewall_in(&table, "input"), 3);
	assert_non_null(set(&table, "isolated4-1"));
	assert_non_null(set(&table, "isolated4-2"));
	firewall_table_free(&table);

	/* blue allows default: default gets no further rule, blue gets one. */
	strcpy(both[1].rules.allow_from[both[1].rules.allow_from_len++], "default");
	make(&all, both, 2, &table);
	assert_null(set(&table, "isolated4-1"));
	assert_non_null(set(&table, "isolated4-2"));
	assert_int_equal(firewall_in(&table, "isolation"), 2);
	firewall_table_free(&table);

	strcpy(both[0].rules.allow_from[both[0].rules.allow_from_len++], "blue");
	make(&all, both, 2, &table);
	assert_null(set(&table, "isolated4-2"));
	assert_int_equal(firewall_in(&table, "forward"), 5);
	assert_int_equal(firewall_in(&table, "isolation"), 0);
	firewall_table_free(&table);
}

static void a_closed_network_is_isolated_by_device(void **state)
{
	struct firewall_network both[] = {
		{ .name = "blue", .bridge = "weft-br2", .vni = 2, .port = 8472, .closed = true },
		network("default", 1, "10.5.0.0/16", "10.5.1.0/24"),
	};
	struct firewall_table table;

	(void)state;
	make(&all, both, 2, &table);
	/* Two drops. No peer, so a drop of its tunnel packets and no accept. */
	assert_int_equal(firewall_in(&table, "isolation"), 2);
	assert_int_equal(firewall_in(&table, "tunnel-input"), 2 + 1 + 2 + 2);
	assert_null(set(&table, "peers4-2"));
	assert_null(set(&table, "isolated4-1"));
	firewall_table_free(&table);
}

static void a_switch_is_isolated_from_the_host(void **state)
{
	const struct firewall_network one = {
		.name = "blue", .bridge = "weft-br2", .vni = 2, .port = 8472, .is_switch = true
	};
	struct firewall_table table;

	(void)state;
	make(&all, &one, 1, &table);
	assert_int_equal(firewall_in(&table, "isolation"), 2);
	/* Tunnel packets, what comes from ports, the drop, the checks of routers. */
	assert_int_equal(firewall_in(&table, "input"), 1 + 1 + 1 + 1);
	assert_int_equal(firewall_in(&table, "postrouting"), 0);
	assert_null(set(&table, "cluster4"));
	firewall_table_free(&table);
}

/* ---- A bridge of another program ----------------------------------------------------------- */

static struct firewall_network foreign(const char *name, uint32_t vni, const char *bridge)
{
	struct firewall_network made = {
		.vni = vni, .port = 8472, .outer = { true, false }, .bridged = true, .foreign = true
	};

	snprintf(made.name, sizeof(made.name), "%s", name);
	snprintf(made.bridge, sizeof(made.bridge), "%s", bridge);
	return made;
}

/* Returns the place of the rule in the chain, or -1. */
static int place(const struct firewall_table *table, const char *chain, const struct nft_expr *expr)
{
	int place = 0;

	for (size_t i = 0; i < table->rules.len; i++) {
		const struct firewall_rule *rule = &table->rules.at[i];

		if (strcmp(rule->chain, chain))
			continue;
		if (rule->expr.size == expr->size && !memcmp(rule->expr.at, expr->at, expr->size))
			return place;
		place++;
	}
	return -1;
}

static void count_drop(struct nft_expr *expr)
{
	nft_expr_counter(expr, FIREWALL_ISOLATION_DROPS);
	nft_expr_verdict(expr, NF_DROP, NULL);
}

/* The drop of what passes between the bridge and devices of weft; in: from the bridge. */
static int place_closed(const struct firewall_table *table, const char *bridge, bool in)
{
	struct nft_expr expr = { .size = 0 };

	firewall_match_device(&expr, in ? NFT_META_IIFNAME : NFT_META_OIFNAME, NFT_CMP_EQ, bridge);
	firewall_match_device(&expr, in ? NFT_META_OIFNAME : NFT_META_IIFNAME, NFT_CMP_NEQ, bridge);
	firewall_match_weft(&expr, in ? NFT_META_OIFGROUP : NFT_META_IIFGROUP, NFT_CMP_EQ);
	count_drop(&expr);
	return place(table, "isolation", &expr);
}

/* A rule for packets between two bridges: an accept, one of replies only, or the drop. */
static int place_pair(const struct firewall_table *table, const char *from, const char *to,
		      bool replies, bool drop)
{
	struct nft_expr expr = { .size = 0 };

	firewall_match_device(&expr, NFT_META_IIFNAME, NFT_CMP_EQ, from);
	firewall_match_device(&expr, NFT_META_OIFNAME, NFT_CMP_EQ, to);
	if (replies)
		firewall_match_replies(&expr);
	if (drop)
		count_drop(&expr);
	else
		nft_expr_verdict(&expr, NF_ACCEPT, NULL);
	return place(table, "isolation", &expr);
}

static void another_programs_bridge_is_isolated_by_its_name(void **state)
{
	struct firewall_network networks[] = {
		foreign("lan", 7, "br-lan"),
		network("default", 1, "10.5.0.0/16", "10.5.1.0/24"),
		foreign("other", 8, "br-other"),
	};
	struct firewall_table table;

	(void)state;
	make(&all, networks, 3, &table);
	assert_true(place_closed(&table, "br-lan", true) >= 0);
	assert_true(place_closed(&table, "br-lan", false) >= 0);
	assert_true(place_closed(&table, "br-other", true) >= 0);
	assert_int_equal(place_closed(&table, "weft-br1", true), -1);
	assert_true(place_pair(&table, "br-lan", "br-other", false, true) >= 0);
	assert_true(place_pair(&table, "br-other", "br-lan", false, true) >= 0);
	assert_int_equal(place_pair(&table, "weft-br1", "br-lan", false, false), -1);
	/* Four and two drops. No drop of input to the host. */
	assert_int_equal(firewall_in(&table, "isolation"), 4 + 2);
	assert_int_equal(firewall_in(&table, "input"), 1 + 1 + 1);
	/*
	 * From ports, weft's devices and two bridges, from peers, to an overlay address; the
	 * refusals.
	 */
	assert_int_equal(firewall_in(&table, "tunnel-input"), 1 + 1 + 2 + 3 + 1 + 3 + 2);
	firewall_table_free(&table);
}

static void allow_from_permits_connections_to_another_programs_bridge(void **state)
{
	struct firewall_network networks[] = {
		foreign("lan", 7, "br-lan"),
		network("default", 1, "10.5.0.0/16", "10.5.1.0/24"),
	};
	struct firewall_table table;

	(void)state;
	strcpy(networks[0].rules.allow_from[networks[0].rules.allow_from_len++], "default");
	make(&all, networks, 2, &table);
	assert_in_range(place_pair(&table, "weft-br1", "br-lan", false, false), 0,
			place_closed(&table, "br-lan", false));
	assert_in_range(place_pair(&table, "br-lan", "weft-br1", true, false), 0,
			place_closed(&table, "br-lan", true));
	assert_int_equal(place_pair(&table, "br-lan", "weft-br1", false, false), -1);
	firewall_table_free(&table);

	networks[0].rules.allow_from_len = 0;
	strcpy(networks[1].rules.allow_from[networks[1].rules.allow_from_len++], "lan");
	make(&all, networks, 2, &table);
	assert_in_range(place_pair(&table, "br-lan", "weft-br1", false, false), 0,
			place_closed(&table, "br-lan", true));
	assert_in_range(place_pair(&table, "weft-br1", "br-lan", true, false), 0,
			place_closed(&table, "br-lan", false));
	firewall_table_free(&table);

	/* Nothing reaches a switch. */
	networks[1].is_switch = true;
	make(&all, networks, 2, &table);
	{
		struct nft_expr closed = { .size = 0 };

		firewall_match_device(&closed, NFT_META_OIFNAME, NFT_CMP_EQ, "weft-br1");
		firewall_match_device(&closed, NFT_META_IIFNAME, NFT_CMP_NEQ, "weft-br1");
		count_drop(&closed);
		assert_in_range(place(&table, "isolation", &closed), 0,
				place_pair(&table, "br-lan", "weft-br1", false, false));
	}
	firewall_table_free(&table);
}

static void another_programs_bridge_injects_no_tunnel_packets(void **state)
{
	const struct firewall_network networks[] = {
		foreign("lan", 7, "br-lan"),
		network("default", 1, "10.5.0.0/16", "10.5.1.0/24"),
	};
	struct nft_expr into = { .size = 0 }, from = { .size = 0 }, port = { .size = 0 };
	struct firewall_table table;

	(void)state;
	firewall_match_device(&into, NFT_META_OIFNAME, NFT_CMP_EQ, "br-lan");
	nft_expr_verdict(&into, NFT_RETURN, NULL);
	firewall_match_device(&from, NFT_META_IIFNAME, NFT_CMP_EQ, "br-lan");
	nft_expr_verdict(&from, NFT_GOTO, "injected");
	make(&all, networks, 2, &table);
	assert_int_equal(place(&table, "tunnel-forward", &into), 1);
	assert_int_equal(place(&table, "tunnel-forward", &from), 4);
	/*
	 * Of packets that another rule may accept: frames to link-local MACs come through a port.
	 */
	firewall_match_link_local(&port);
	nft_expr_verdict(&port, NFT_GOTO, "injected");
	assert_int_equal(place(&table, "tunnel-input", &port), 0);
	assert_int_equal(firewall_in(&table, "from-peers"), 2);
	firewall_table_free(&table);
	make(&all, networks + 1, 1, &table);
	assert_int_equal(place(&table, "tunnel-forward", &into), -1);
	assert_int_equal(place(&table, "tunnel-forward", &from), -1);
	assert_int_equal(place(&table, "tunnel-input", &port), -1);
	firewall_table_free(&table);
}

/* With br_netfilter, what a switch bridges passes the forward hook too. */
static void a_switch_may_have_the_addresses_of_another_network(void **state)
{
	struct firewall_network both[] = {
		network("blue", 2, "10.5.0.0/16", "10.5.1.0/24"),
		network("default", 1, "10.5.0.0/16", "10.5.1.0/24"),
	};
	struct firewall_table table;

	(void)state;
	both[0].is_switch = true;
	make(&all, both, 2, &table);
	assert_null(set(&table, "isolated4-2"));
	firewall_table_free(&table);
}

static void other_packets_pass_no_rule_per_network(void **state)
{
	static const char *const chains[] = { "tunnel-in", "tunnel-out", "input" };
	struct firewall_network many[100];
	struct firewall_table one, all_of_them;

	(void)state;
	for (uint32_t i = 0; i < ARRAY_LEN(many); i++) {
		many[i] = network("", i + 1, "10.5.0.0/16", "10.5.1.0/24");
		snprintf(many[i].name, sizeof(many[i].name), "n%u", i);
	}
	make(&all, many, 1, &one);
	make(&all, many, ARRAY_LEN(many), &all_of_them);
	for (size_t i = 0; i < ARRAY_LEN(chains); i++)
		assert_int_equal(firewall_in(&one, chains[i]),
				 firewall_in(&all_of_them, chains[i]));
	firewall_table_free(&one);
	firewall_table_free(&all_of_them);
}

/*
 * Any protocol, with a first byte outside all checked types, and a destination port that is
 * neither low nor one of a tunnel.
 */
static struct nft_expr most(uint32_t high, int32_t verdict, const char *target)
{
	const uint32_t type = htonl(0x70000000), upper = htonl(high), zero = 0;
	struct nft_expr expr = { .size = 0 };

	nft_expr_payload(&expr, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 4);
	nft_expr_compare_masked(&expr, &type, NFT_CMP_NEQ, &zero, sizeof(zero));
	nft_expr_compare_masked(&expr, &upper, NFT_CMP_NEQ, &zero, sizeof(zero));
	nft_expr_verdict(&expr, verdict, target);
	return expr;
}

static struct nft_expr of_containers(int32_t verdict)
{
	struct nft_expr expr = { .size = 0 };

	firewall_match_weft(&expr, NFT_META_IIFGROUP, NFT_CMP_EQ);
	nft_expr_verdict(&expr, verdict, "routers");
	return expr;
}

/* Most forwarded packets pass by the second rule, whatever the tunnels' ports. */
static void no_tunnel_packet_passes_before_the_rules_of_tunnels(void **state)
{
	static const struct {
		uint16_t ports[2];
		uint32_t high; /* the bits of a destination port; 0: no such rule */
	} cases[] = {
		{ { 8472, 8472 }, 0xdc00 }, { { 4789, 8472 }, 0xcc00 }, { { 1, 1023 }, 0xfc00 },
		{ { 65535, 8472 }, 0 },     { { 43008, 21504 }, 0 },
	};
	struct firewall_network both[] = {
		network("default", 1, "10.5.0.0/16", "10.5.1.0/24"),
		network("blue", 2, "10.6.0.0/16", "10.6.1.0/24"),
	};

	(void)state;
	strcpy(both[0].rules.allow_from[both[0].rules.allow_from_len++], "blue");
	strcpy(both[1].rules.allow_from[both[1].rules.allow_from_len++], "default");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct nft_expr passed = most(cases[i].high, NF_ACCEPT, NULL);
		struct firewall_table table;

		for (size_t n = 0; n < 2; n++) {
			both[n].port = cases[i].ports[n];
			assert_int_equal(cases[i].high & both[n].port, 0);
		}
		make(&all, both, 2, &table);
		assert_int_equal(place(&table, "forward", &passed), cases[i].high ? 1 : -1);
		firewall_table_free(&table);
	}
}

/* All packets pass the isolation of networks, and all but most those of tunnels and routers. */
static void forwarded_packets_pass_the_checks_in_order(void **state)
{
	const struct firewall_network both[] = {
		network("default", 1, "10.5.0.0/16", "10.5.1.0/24"),
		network("blue", 2, "10.6.0.0/16", "10.6.1.0/24"),
	};
	const struct nft_expr passed = most(0xdc00, NFT_GOTO, "isolation"),
			      checks = of_containers(NFT_JUMP), input = of_containers(NFT_GOTO);
	struct nft_expr tunnel = { .size = 0 }, isolation = { .size = 0 };
	struct firewall_table table;

	(void)state;
	firewall_match_udp_port(&tunnel, 8472);
	nft_expr_verdict(&tunnel, NFT_JUMP, "tunnel-forward");
	nft_expr_verdict(&isolation, NFT_GOTO, "isolation");
	make(&all, both, 2, &table);
	assert_int_equal(place(&table, "forward", &passed), 1);
	assert_int_equal(place(&table, "forward", &tunnel), 3);
	assert_int_equal(place(&table, "forward", &checks), 4);
	assert_int_equal(place(&table, "forward", &isolation), 5);
	assert_int_equal(place(&table, "input", &input), 2);
	firewall_table_free(&table);
}

static struct nft_expr exempt(const char *bridge)
{
	struct nft_expr expr = { .size = 0 };

	firewall_match_device(&expr, NFT_META_IIFNAME, NFT_CMP_EQ, bridge);
	nft_expr_verdict(&expr, NFT_RETURN, NULL);
	return expr;
}

/* By name, also if the kernel cannot distinguish bridges in the table of bridges. */
static void routers_are_allowed_in_one_of_two_networks(void **state)
{
	struct firewall_network both[] = {
		network("default", 1, "10.5.0.0/16", "10.5.1.0/24"),
		network("blue", 2, "10.6.0.0/16", "10.6.1.0/24"),
	};
	const struct nft_expr one = exempt("weft-br1"), other = exempt("weft-br2");
	struct firewall_options options = WITHOUT(1U << FIREWALL_ALLOW_ROUTERS);
	struct firewall_table table;

	(void)state;
	both[1].rules.allow_routers = true;
	make(&options, both, 2, &table);
	assert_int_equal(place(&table, "router", &one), -1);
	assert_int_equal(place(&table, "router", &other), 0);
	assert_int_equal(firewall_in(&table, "router"), 2);
	firewall_table_free(&table);
	both[0].rules.allow_routers = true;
	make(&options, both, 2, &table);
	assert_int_equal(firewall_in(&table, "router"), 0);
	assert_int_equal(firewall_in(&table, "routers"), 0);
	firewall_table_free(&table);
	/*
	 * The frames of its peers may be those of routers, and br_netfilter passes them to the
	 * host.
	 */
	both[0].rules.allow_routers = both[1].rules.allow_routers = false;
	both[0].bridged = true;
	options.bridge_nf[FAMILY_V4] = true;
	make(&options, both, 2, &table);
	assert_int_equal(place(&table, "router", &one), 0);
	assert_int_equal(firewall_in(&table, "router"), 2);
	firewall_table_free(&table);
}

/* Tunnel packets of a single network pass no further chain. */
static void a_single_network_has_its_rules_in_the_hooks(void **state)
{
	struct firewall_network both[] = {
		network("default", 1, "10.5.0.0/16", "10.5.1.0/24"),
		network("blue", 2, "10.6.0.0/16", "10.6.1.0/24"),
	};
	struct firewall_table table;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		both[i].outer[FAMILY_V6] = true;
		both[i].local[FAMILY_V4] = sample_addr("192.168.0.1");
		both[i].local[FAMILY_V6] = sample_addr("fd00::1");
	}
	make(&all, both, 1, &table);
	assert_int_equal(firewall_in(&table, "tunnel-out"), 2);
	assert_int_equal(firewall_in(&table, "to-peers"), 0);
	assert_int_equal(firewall_in(&table, "input"), 2 + 1 + 1 + 1);
	assert_int_equal(firewall_in(&table, "tunnel-input"), 1 + 2 + 1 + 3);
	firewall_table_free(&table);

	make(&all, both, 2, &table);
	assert_int_equal(firewall_in(&table, "tunnel-out"), 1);
	assert_int_equal(firewall_in(&table, "to-peers"), 4);
	assert_int_equal(firewall_in(&table, "input"), 1 + 1 + 1);
	firewall_table_free(&table);

	/* An address in the overlay is no tunnel endpoint. */
	both[0].local[FAMILY_V4] = sample_addr("10.5.9.9");
	make(&all, both, 1, &table);
	assert_int_equal(firewall_in(&table, "input"), 1 + 1 + 1 + 1);
	firewall_table_free(&table);

	/* Packets from another program's bridge are recognised by its name only. */
	both[0].foreign = true;
	make(&all, both, 1, &table);
	assert_int_equal(firewall_in(&table, "input"), 1 + 1 + 1);
	firewall_table_free(&table);
	both[0].foreign = false;

	make(&(struct firewall_options){ .guard = false }, both, 1, &table);
	assert_int_equal(firewall_in(&table, "input"), 1 + 1 + 1);
	firewall_table_free(&table);

	both[0].local[FAMILY_V6] = (struct ipaddr){ .family = 0 };
	make(&all, both, 1, &table);
	assert_int_equal(firewall_in(&table, "to-peers"), 2);
	assert_int_equal(firewall_in(&table, "input"), 1 + 1 + 1);
	firewall_table_free(&table);
}

static struct nft_expr of_tunnel(enum family f, bool with_family)
{
	struct nft_expr expr = { .size = 0 };
	const struct ipaddr to = sample_addr(f == FAMILY_V6 ? "fd00::1" : "192.168.0.1");

	firewall_match_port(&expr, 8472);
	firewall_match_sent_vni(&expr, 1);
	if (with_family)
		firewall_match_family(&expr, f);
	firewall_match_set(&expr, f, true, "peers", 1, false);
	firewall_match_address(&expr, false, &to);
	firewall_match_weft(&expr, NFT_META_IIFGROUP, NFT_CMP_NEQ);
	nft_expr_verdict(&expr, NF_ACCEPT, NULL);
	return expr;
}

/* A node whose tunnels have both families could take the packets of one for those of the other. */
static void the_family_of_tunnel_packets_is_compared_if_there_are_two(void **state)
{
	struct firewall_network one = network("default", 1, "10.5.0.0/16", "10.5.1.0/24");
	const struct nft_expr any = of_tunnel(FAMILY_V4, false), v4 = of_tunnel(FAMILY_V4, true),
			      v6 = of_tunnel(FAMILY_V6, true);
	struct firewall_table table;

	(void)state;
	one.local[FAMILY_V4] = sample_addr("192.168.0.1");
	one.local[FAMILY_V6] = sample_addr("fd00::1");
	make(&all, &one, 1, &table);
	assert_int_equal(place(&table, "input", &any), 0);
	firewall_table_free(&table);
	one.outer[FAMILY_V6] = true;
	make(&all, &one, 1, &table);
	assert_int_equal(place(&table, "input", &v4), 0);
	assert_int_equal(place(&table, "input", &v6), 1);
	assert_int_equal(place(&table, "input", &any), -1);
	firewall_table_free(&table);
}

static void changed_peers_do_not_replace_the_table(void **state)
{
	struct firewall_network one = network("default", 1, "10.5.0.0/16", "10.5.1.0/24");
	const struct ipaddr peer = sample_addr("192.168.0.2");
	struct firewall_table before, after;

	(void)state;
	make(&all, &one, 1, &before);
	assert_true(firewall_elements_add(&one.peers[FAMILY_V4], &peer));
	make(&all, &one, 1, &after);
	assert_int_equal(set(&after, "peers4-1")->elements.len, 1);
	assert_true(firewall_table_same_shape(&before, &after));
	firewall_table_free(&after);

	one.rules.non_masquerade[one.rules.non_masquerade_len++] = sample_prefix("203.0.113.0/24");
	make(&all, &one, 1, &after);
	assert_false(firewall_table_same_shape(&before, &after));
	firewall_table_free(&after);

	one.rules.non_masquerade_len = 0;
	one.port = 4789;
	make(&all, &one, 1, &after);
	assert_false(firewall_table_same_shape(&before, &after));
	firewall_table_free(&after);
	firewall_table_free(&before);
	firewall_network_free(&one);
}

static uint32_t limit_of(const char *cluster, const char *subnet, size_t peers)
{
	struct firewall_network one = network("default", 1, cluster, subnet);
	struct firewall_table table;
	uint32_t limit;

	for (size_t i = 0; i < peers; i++) {
		char text[] = "192.168.0.1";
		struct ipaddr address;

		text[sizeof(text) - 2] += (char)i;
		address = sample_addr(text);
		assert_true(firewall_elements_add(&one.peers[FAMILY_V4], &address));
	}
	make(&all, &one, 1, &table);
	limit = set(&table, "peers4-1")->limit;
	assert_int_equal(set(&table, "own4-1")->limit, 0);
	firewall_table_free(&table);
	firewall_network_free(&one);
	return limit;
}

static void the_number_of_subnets_limits_the_set_of_peers(void **state)
{
	(void)state;
	assert_int_equal(limit_of("10.5.0.0/16", "10.5.1.0/24", 0), 2 * 256);
	assert_int_equal(limit_of("10.5.0.0/16", "10.5.1.0/24", 9), 2 * 256);
	assert_int_equal(limit_of("10.0.0.0/12", "10.5.1.0/24", 1), 2 * 4096);
	assert_int_equal(limit_of("10.0.0.0/11", "10.5.1.0/24", 1), 0);
	assert_int_equal(limit_of("10.5.0.0/23", "10.5.1.0/24", 2), 2 * 2);
	assert_int_equal(limit_of("10.5.0.0/23", "10.5.1.0/24", 3), 0);
	assert_int_equal(limit_of("10.5.1.0/24", "10.5.1.0/24", 1), 2);
}

static void a_changed_limit_replaces_the_table(void **state)
{
	const struct firewall_network many = network("default", 1, "10.5.0.0/16", "10.5.1.0/24");
	struct firewall_table before, after;

	(void)state;
	make(&all, &many, 1, &before);
	make(&all, &many, 1, &after);
	assert_true(firewall_table_same_shape(&before, &after));
	after.sets.at[0].limit++;
	assert_false(firewall_table_same_shape(&before, &after));
	firewall_table_free(&after);
	firewall_table_free(&before);
}

/* ---- Printed and parsed rules ------------------------------------------------------------- */

static void sample_rule(struct nft_expr *expr, uint8_t last, int32_t verdict)
{
	const uint8_t address[4] = { 10, 5, 0, last };

	*expr = (struct nft_expr){ .size = 0 };
	nft_expr_payload(expr, NFT_PAYLOAD_NETWORK_HEADER, 12, 4);
	nft_expr_compare(expr, NFT_CMP_EQ, address, sizeof(address));
	nft_expr_lookup(expr, "some", false);
	nft_expr_verdict(expr, verdict, verdict == NFT_GOTO ? "there" : NULL);
}

static void a_rule_is_recognised_by_its_expressions(void **state)
{
	struct nft_expr written, other;
	struct nft_span have = { other.at, 0 };

	(void)state;
	sample_rule(&written, 1, NF_ACCEPT);
	sample_rule(&other, 1, NF_ACCEPT);
	have.size = other.size;
	assert_true(nft_expr_same(&written, have));
	nft_expr_counter(&other, "more");
	have.size = other.size;
	assert_false(nft_expr_same(&written, have));
	sample_rule(&other, 2, NF_ACCEPT);
	have.size = other.size;
	assert_false(nft_expr_same(&written, have));
	sample_rule(&other, 1, NF_DROP);
	assert_false(nft_expr_same(&written, have));
	sample_rule(&other, 1, NF_ACCEPT);
	/* A truncated rule is another rule, and no byte after its end is read. */
	for (have.size = 0; have.size < other.size; have.size++)
		assert_false(nft_expr_same(&written, have));
}

static void the_effect_of_another_programs_rule_is_read(void **state)
{
	struct nft_expr expr;
	struct nft_effect effect;

	(void)state;
	sample_rule(&expr, 1, NFT_GOTO);
	effect = nft_expr_effect((struct nft_span){ expr.at, expr.size });
	assert_false(effect.unconditional);
	assert_false(effect.drops);
	assert_string_equal(effect.chain, "there");
	expr.size = 0;
	nft_expr_verdict(&expr, NF_DROP, NULL);
	effect = nft_expr_effect((struct nft_span){ expr.at, expr.size });
	assert_true(effect.unconditional);
	assert_true(effect.drops);
	assert_null(effect.chain);
	for (size_t size = 0; size <= expr.size; size++)
		(void)nft_expr_effect((struct nft_span){ expr.at, size });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_has_the_configured_rules),
		cmocka_unit_test(networks_are_isolated_unless_one_allows_the_other),
		cmocka_unit_test(a_closed_network_is_isolated_by_device),
		cmocka_unit_test(a_switch_is_isolated_from_the_host),
		cmocka_unit_test(another_programs_bridge_is_isolated_by_its_name),
		cmocka_unit_test(allow_from_permits_connections_to_another_programs_bridge),
		cmocka_unit_test(another_programs_bridge_injects_no_tunnel_packets),
		cmocka_unit_test(a_switch_may_have_the_addresses_of_another_network),
		cmocka_unit_test(other_packets_pass_no_rule_per_network),
		cmocka_unit_test(a_single_network_has_its_rules_in_the_hooks),
		cmocka_unit_test(the_family_of_tunnel_packets_is_compared_if_there_are_two),
		cmocka_unit_test(no_tunnel_packet_passes_before_the_rules_of_tunnels),
		cmocka_unit_test(forwarded_packets_pass_the_checks_in_order),
		cmocka_unit_test(routers_are_allowed_in_one_of_two_networks),
		cmocka_unit_test(changed_peers_do_not_replace_the_table),
		cmocka_unit_test(the_number_of_subnets_limits_the_set_of_peers),
		cmocka_unit_test(a_changed_limit_replaces_the_table),
		cmocka_unit_test(a_rule_is_recognised_by_its_expressions),
		cmocka_unit_test(the_effect_of_another_programs_rule_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
