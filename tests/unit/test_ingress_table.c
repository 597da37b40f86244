/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/ingress_table.h"

#include "common/array.h"
#include "tests/unit/samples.h"

#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

static const struct firewall_options all = { .guard = true, .forward = true };

static struct firewall_network network(uint32_t vni, const char *local, const char *device)
{
	struct firewall_network made = { .vni = vni, .port = 8472, .outer = { true, false } };

	made.local[FAMILY_V4] = sample_addr(local);
	snprintf(made.arrivals.name[made.arrivals.len++], IF_NAMESIZE, "%s", device);
	return made;
}

static void make(const struct firewall_options *options, const struct firewall_network *networks,
		 size_t len, struct firewall_table *table)
{
	assert_true(ingress_table_build(options, networks, len, table));
}

/* Whether the table inet weft has a chain at prerouting. */
static bool has_prerouting(const struct firewall_options *options,
			   const struct firewall_network *networks, size_t len)
{
	struct firewall_table table;
	bool found = false;

	assert_true(firewall_table_build(options, networks, len, &table));
	for (size_t i = 0; i < table.chains.len; i++)
		found |= table.chains.at[i].type && table.chains.at[i].hook == NF_INET_PRE_ROUTING;
	firewall_table_free(&table);
	return found;
}

static void one_rule_is_sufficient_for_all_networks_at_an_address(void **state)
{
	struct firewall_network many[] = {
		network(1, "192.168.0.1", "eth1"),
		network(2, "192.168.0.1", "eth0"),
		network(3, "192.168.0.1", "eth1"),
	};
	struct firewall_table table;

	(void)state;
	make(&all, many, ARRAY_LEN(many), &table);
	assert_int_equal(table.family, INGRESS_FAMILY);
	assert_int_equal(table.chains.len, 1);
	assert_int_equal(table.rules.len, 1);
	assert_int_equal(table.devices.len, 2);
	assert_string_equal(table.devices.name[0], "eth0");
	assert_string_equal(table.devices.name[1], "eth1");
	assert_false(has_prerouting(&all, many, ARRAY_LEN(many)));
	firewall_table_free(&table);

	many[1].port = 4789;
	many[2].group = sample_addr("239.1.1.1");
	many[2].outer[FAMILY_V6] = true;
	many[2].local[FAMILY_V6] = sample_addr("fd00::1");
	make(&all, many, ARRAY_LEN(many), &table);
	assert_int_equal(table.rules.len, 1 + 1 + 2);
	firewall_table_free(&table);

	/* Another address of the host, to which peers send, and the same as the local one. */
	many[0].published[FAMILY_V4] = sample_addr("192.168.0.9");
	many[1].published[FAMILY_V4] = sample_addr("192.168.0.1");
	many[0].published[FAMILY_V6] = sample_addr("fd00::9"); /* of no outer family */
	make(&all, many, ARRAY_LEN(many), &table);
	assert_int_equal(table.rules.len, 1 + 1 + 2 + 1);
	firewall_table_free(&table);
}

/* At the bridge's port, br_netfilter passes packets to connection tracking. */
static void a_bridge_with_br_netfilter_is_not_served(void **state)
{
	const struct firewall_options v4 = { .bridge_nf = { true, false } };
	const struct firewall_options v6 = { .bridge_nf = { false, true } };
	struct firewall_network one = network(1, "192.168.0.1", "br0");

	(void)state;
	assert_true(ingress_table_serves(&v4, &one, 1));
	one.over_bridge = true;
	assert_false(ingress_table_serves(&v4, &one, 1));
	assert_true(ingress_table_serves(&v6, &one, 1));
	assert_true(ingress_table_serves(&all, &one, 1));
	assert_true(has_prerouting(&v4, &one, 1));
}

static void without_all_devices_and_addresses_prerouting_has_the_rules(void **state)
{
	const struct firewall_options without[] = {
		{ .unsupported = 1U << FIREWALL_INGRESS },
		{ .unsupported = 1U << FIREWALL_NOTRACK },
	};
	struct firewall_network both[] = {
		network(1, "192.168.0.1", "eth0"),
		network(2, "192.168.0.1", "eth0"),
	};
	struct firewall_table table;

	(void)state;
	make(&without[0], both, 2, &table);
	assert_null(table.name);
	assert_true(has_prerouting(&without[0], both, 2));
	make(&without[1], both, 2, &table);
	assert_int_equal(table.chains.len, 0);
	assert_false(has_prerouting(&without[1], both, 2));

	both[1].arrivals.len = 0;
	make(&all, both, 2, &table);
	assert_string_equal(table.name, FIREWALL_TABLE);
	assert_int_equal(table.chains.len, 0);
	assert_true(has_prerouting(&all, both, 2));
	/* A network without a tunnel needs neither. */
	both[1].outer[FAMILY_V4] = false;
	assert_true(ingress_table_serves(&all, both, 2));

	both[0].outer[FAMILY_V6] = true; /* without an address */
	assert_false(ingress_table_serves(&all, both, 2));
	assert_false(ingress_table_serves(&all, both, 0));
}

static void too_many_devices_are_not_served(void **state)
{
	struct firewall_network many[NFT_CHAIN_DEVICES_MAX + 1];
	char name[IF_NAMESIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(many); i++) {
		snprintf(name, sizeof(name), "eth%zu", i);
		many[i] = network((uint32_t)i + 1, "192.168.0.1", name);
	}
	assert_true(ingress_table_serves(&all, many, NFT_CHAIN_DEVICES_MAX));
	assert_false(ingress_table_serves(&all, many, ARRAY_LEN(many)));
}

static void the_devices_are_part_of_the_shape(void **state)
{
	const struct firewall_network a = network(1, "192.168.0.1", "eth0");
	const struct firewall_network b = network(1, "192.168.0.1", "eth1");
	struct firewall_table one, other;
	struct nft_devices too_many = { .len = NFT_CHAIN_DEVICES_MAX + 1 };

	(void)state;
	make(&all, &a, 1, &one);
	make(&all, &b, 1, &other);
	assert_true(firewall_table_same_shape(&one, &one));
	assert_false(firewall_table_same_shape(&one, &other));
	assert_false(nft_devices_equal(&too_many, &too_many));
	firewall_table_free(&one);
	firewall_table_free(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_rule_is_sufficient_for_all_networks_at_an_address),
		cmocka_unit_test(a_bridge_with_br_netfilter_is_not_served),
		cmocka_unit_test(without_all_devices_and_addresses_prerouting_has_the_rules),
		cmocka_unit_test(too_many_devices_are_not_served),
		cmocka_unit_test(the_devices_are_part_of_the_shape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
