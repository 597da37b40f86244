/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/bridge_table.h"

#include "common/array.h"
#include "tests/unit/samples.h"

#include <linux/netfilter.h>

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
		size_t prerouting, drop, forward;
		bool bridge_nf[FAMILIES];
	} cases[] = {
		{ 0, { false, false }, 8, 2, 2, { false, false } },
		{ 0, { true, false }, 8, 3, 2, { false, false } },
		{ 0, { true, true }, 0, 0, 2, { false, false } },
		{ 1U << FIREWALL_ALLOW_ROUTERS, { true, false }, 8, 2, 2, { false, false } },
		{ 1U << FIREWALL_ALLOW_ROUTERS, { true, true }, 0, 0, 2, { false, false } },
		{ 1U << FIREWALL_ROUTERS, { false, false }, 0, 0, 2, { false, false } },
		{ 1U << FIREWALL_BRIDGED_TUNNEL, { false, false }, 8, 2, 0, { false, false } },
		{ 1U << FIREWALL_COUNT, { false, false }, 8, 2, 2, { false, false } },
		{ 0, { false, false }, 8, 2, 3, { true, false } },
		{ 0, { false, false }, 8, 2, 4, { true, true } },
		{ 1U << FIREWALL_BRIDGED_TUNNEL, { false, false }, 8, 2, 0, { true, true } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct firewall_options options = { .unsupported = cases[i].unsupported };
		struct firewall_network networks[] = { { .bridge = "weft-br1" },
						       { .bridge = "weft-br2" } };
		struct firewall_table table;

		for (size_t f = 0; f < FAMILIES; f++)
			options.bridge_nf[f] = cases[i].bridge_nf[f];
		for (size_t n = 0; n < 2; n++)
			networks[n].rules.allow_routers = cases[i].allow[n];
		assert_true(bridge_table_build(&options, networks, 2, &table));
		assert_string_equal(table.name, FIREWALL_TABLE);
		assert_int_equal(rules_in(&table, "prerouting"), cases[i].prerouting);
		assert_int_equal(rules_in(&table, "router"), cases[i].drop);
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
	assert_int_equal(rules_in(&table, "forward"), 2 + 2 + 4 + 2);
	assert_int_equal(rules_in(&table, "output"), 1 + 2);
	firewall_table_free(&table);
	assert_true(bridge_table_build(&options, networks, 1, &table));
	assert_int_equal(rules_in(&table, "forward"), 2);
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
	assert_int_equal(rules_in(&table, "forward"), 2 + 2 + 4 + 2);
	assert_true(is_rule(&table, "forward", 0, &out));
	assert_true(is_rule(&table, "forward", 1, &in));
	assert_true(is_rule(&table, "forward", 2, &first));
	assert_true(is_rule(&table, "forward", 3, &second));
	assert_int_equal(rules_in(&table, "output"), 1);
	assert_true(is_rule(&table, "output", 0, &out));
	firewall_table_free(&table);
	options.unsupported = 1U << FIREWALL_FLOOD_LIMIT;
	assert_true(bridge_table_build(&options, &network, 1, &table));
	assert_int_equal(rules_in(&table, "forward"), 2 + 4 + 2);
	assert_false(is_rule(&table, "forward", 2, &first));
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

static bool has_chain(const struct firewall_table *table, const char *name)
{
	for (size_t i = 0; i < table->chains.len; i++)
		if (!strcmp(table->chains.at[i].name, name))
			return true;
	return false;
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
	assert_int_equal(rules_in(&table, "forward"), 2 + 2 + 1 + 4 + 2 + 2);
	assert_true(is_rule(&table, "forward", 4, &forward));
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
	nft_expr_verdict(&allowed, NF_ACCEPT, NULL);
	assert_true(bridge_table_build(&options, networks, 2, &table));
	assert_int_equal(rules_in(&table, "router"), 3);
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
		cmocka_unit_test(the_rules_follow_the_options_and_the_kernel),
		cmocka_unit_test(an_l2_network_reaches_its_tunnel),
		cmocka_unit_test(a_network_that_floods_has_a_limit),
		cmocka_unit_test(broadcasts_of_a_network_without_flooding_are_counted),
		cmocka_unit_test(routers_are_allowed_by_the_name_of_the_bridge),
		cmocka_unit_test(a_kernel_without_the_family_has_no_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
