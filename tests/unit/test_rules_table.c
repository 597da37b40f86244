/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/rules_table.h"

#include "tests/unit/samples.h"

#include <linux/netfilter.h>

static const struct rules_options all = { .ip_masq = true, .forward = true, .guard = true };

static struct rules_network network(const char *name, uint32_t vni, const char *cluster,
				    const char *subnet)
{
	struct rules_network made = {
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

static void make(const struct rules_options *options, const struct rules_network *networks,
		 size_t len, struct rules_table *table)
{
	assert_true(rules_table_make(options, networks, len, table));
	/* The kernel keeps rules by chain, in the order of the chains. */
	for (size_t i = 0, chain = 0; i < table->rules.len; i++) {
		while (chain < table->chains.len &&
		       strcmp(table->chains.at[chain].name, table->rules.at[i].chain))
			chain++;
		assert_true(chain < table->chains.len);
	}
}

static size_t rules_in(const struct rules_table *table, const char *chain)
{
	size_t count = 0;

	for (size_t i = 0; i < table->rules.len; i++)
		count += !strcmp(table->rules.at[i].chain, chain);
	return count;
}

static const struct rules_set *set(const struct rules_table *table, const char *name)
{
	for (size_t i = 0; i < table->sets.len; i++)
		if (!strcmp(table->sets.at[i].name, name))
			return &table->sets.at[i];
	return NULL;
}

static void one_network_has_the_rules_that_were_asked_for(void **state)
{
	static const struct {
		struct rules_options options;
		size_t in, guard, input, forward, postrouting;
	} cases[] = {
		{ { .ip_masq = true, .forward = true, .guard = true }, 1, 4, 1, 2, 2 },
		{ { .ip_masq = false, .forward = true, .guard = true }, 1, 4, 1, 2, 0 },
		{ { .ip_masq = true, .forward = false, .guard = true }, 1, 4, 1, 0, 2 },
		{ { .ip_masq = true, .forward = true, .guard = false }, 1, 0, 0, 2, 2 },
		{ { .guard = false }, 1, 0, 0, 0, 0 },
		{ { true, true, true, 1U << RULES_NOTRACK }, 0, 4, 1, 2, 2 },
		{ { true, true, true, 1U << RULES_GUARD }, 1, 0, 0, 2, 2 },
		{ { true, true, true, 1U << RULES_MASQUERADE }, 1, 4, 1, 2, 0 },
		{ { true, true, true, 1U << RULES_RANDOM }, 1, 4, 1, 2, 2 },
	};
	const struct rules_network one = network("default", 1, "10.5.0.0/16", "10.5.1.0/24");

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct rules_table table;

		make(&cases[i].options, &one, 1, &table);
		assert_int_equal(rules_in(&table, "tunnel-in"), cases[i].in);
		assert_int_equal(rules_in(&table, "tunnel-out"), cases[i].in);
		assert_int_equal(rules_in(&table, "guard"), cases[i].guard);
		assert_int_equal(rules_in(&table, "input"), cases[i].input);
		assert_int_equal(rules_in(&table, "forward"), cases[i].forward);
		assert_int_equal(rules_in(&table, "postrouting"), cases[i].postrouting);
		assert_true(!!set(&table, "except4-1") == !!cases[i].postrouting);
		assert_null(set(&table, "peers6-1"));
		assert_null(set(&table, "own6-1"));
		assert_null(set(&table, "apart4-1"));
		rules_table_free(&table);
	}
}

static void networks_are_kept_apart_unless_one_lets_the_other_in(void **state)
{
	struct rules_network both[] = {
		network("default", 1, "10.5.0.0/16", "10.5.1.0/24"),
		network("blue", 2, "10.6.0.0/16", "10.6.1.0/24"),
	};
	struct rules_table table;

	(void)state;
	make(&all, both, 2, &table);
	assert_int_equal(rules_in(&table, "forward"), 6);
	assert_int_equal(rules_in(&table, "input"), 1);
	assert_non_null(set(&table, "apart4-1"));
	assert_non_null(set(&table, "apart4-2"));
	rules_table_free(&table);

	/* default may ask, and blue answer: not one rule more for default, one for blue. */
	strcpy(both[1].rules.allow_from[both[1].rules.allow_from_len++], "default");
	make(&all, both, 2, &table);
	assert_null(set(&table, "apart4-1"));
	assert_non_null(set(&table, "apart4-2"));
	assert_int_equal(rules_in(&table, "forward"), 6);
	rules_table_free(&table);

	strcpy(both[0].rules.allow_from[both[0].rules.allow_from_len++], "blue");
	make(&all, both, 2, &table);
	assert_null(set(&table, "apart4-2"));
	assert_int_equal(rules_in(&table, "forward"), 4);
	rules_table_free(&table);
}

static void only_peers_change_without_a_new_table(void **state)
{
	struct rules_network one = network("default", 1, "10.5.0.0/16", "10.5.1.0/24");
	const struct ipaddr peer = sample_addr("192.168.0.2");
	struct rules_table before, after;

	(void)state;
	make(&all, &one, 1, &before);
	assert_true(rules_elements_add(&one.peers[FAMILY_V4], &peer));
	make(&all, &one, 1, &after);
	assert_int_equal(set(&after, "peers4-1")->elements.len, 1);
	assert_true(rules_table_alike(&before, &after));
	rules_table_free(&after);

	one.rules.non_masquerade[one.rules.non_masquerade_len++] = sample_prefix("203.0.113.0/24");
	make(&all, &one, 1, &after);
	assert_false(rules_table_alike(&before, &after));
	rules_table_free(&after);

	one.rules.non_masquerade_len = 0;
	one.port = 4789;
	make(&all, &one, 1, &after);
	assert_false(rules_table_alike(&before, &after));
	rules_table_free(&after);
	rules_table_free(&before);
	rules_network_free(&one);
}

/* ---- Rules, as they are written and known again ------------------------------------------ */

static void sample_rule(struct nft_expr *expr, uint8_t last, int32_t verdict)
{
	const uint8_t address[4] = { 10, 5, 0, last };

	*expr = (struct nft_expr){ .size = 0 };
	nft_expr_payload(expr, NFT_PAYLOAD_NETWORK_HEADER, 12, 4);
	nft_expr_compare(expr, NFT_CMP_EQ, address, sizeof(address));
	nft_expr_lookup(expr, "some", false);
	nft_expr_verdict(expr, verdict, verdict == NFT_GOTO ? "there" : NULL);
}

static void a_rule_is_known_again_by_what_it_does(void **state)
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
	/* Cut anywhere it is another, and nothing behind the end is read. */
	for (have.size = 0; have.size < other.size; have.size++)
		assert_false(nft_expr_same(&written, have));
}

static void what_others_rules_do_is_seen(void **state)
{
	const uint8_t network[4] = { 10, 5, 0, 1 }, another[4] = { 10, 6, 0, 1 };
	struct nft_expr expr;
	struct nft_seen seen;

	(void)state;
	sample_rule(&expr, 1, NFT_GOTO);
	seen = nft_expr_look((struct nft_span){ expr.at, expr.size }, network, 2, 4);
	assert_false(seen.all);
	assert_false(seen.drops);
	assert_true(seen.compares);
	assert_string_equal(seen.chain, "there");
	seen = nft_expr_look((struct nft_span){ expr.at, expr.size }, another, 2, 4);
	assert_false(seen.compares);
	expr.size = 0;
	nft_expr_verdict(&expr, NF_DROP, NULL);
	seen = nft_expr_look((struct nft_span){ expr.at, expr.size }, NULL, 0, 0);
	assert_true(seen.all);
	assert_true(seen.drops);
	assert_null(seen.chain);
	for (size_t size = 0; size <= expr.size; size++)
		(void)nft_expr_look((struct nft_span){ expr.at, size }, network, 2, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_network_has_the_rules_that_were_asked_for),
		cmocka_unit_test(networks_are_kept_apart_unless_one_lets_the_other_in),
		cmocka_unit_test(only_peers_change_without_a_new_table),
		cmocka_unit_test(a_rule_is_known_again_by_what_it_does),
		cmocka_unit_test(what_others_rules_do_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
