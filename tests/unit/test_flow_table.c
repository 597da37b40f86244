/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/flow_table.h"

#include "tests/unit/samples.h"

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix = { .len = 0 };
	struct err err;

	assert_int_equal(prefix_parse(text, &prefix, &err), 0);
	return prefix;
}

static size_t rules_of(const struct flow_network *networks, size_t len)
{
	struct firewall_rules rules = { .len = 0 };
	struct flow_networks all = { .len = 0 };
	size_t count;

	for (size_t i = 0; i < len; i++)
		assert_true(flow_networks_push(&all, &networks[i]));
	assert_true(flow_table_rules(&all, &rules));
	count = rules.len;
	for (size_t i = 0; i < count; i++)
		assert_string_equal(rules.at[i].chain, flow_table_chain().name);
	firewall_rules_free(&rules);
	flow_networks_free(&all);
	return count;
}

/* One rule for new connections, one for overlays, one per local subnet, two per direct cluster. */
static void the_rules_follow_families_and_direct_routing(void **state)
{
	struct flow_network networks[2] = { { .name = "a" }, { .name = "b" } };

	(void)state;
	assert_int_equal(rules_of(networks, 0), 2);
	networks[0].subnet[FAMILY_V4] = prefix_of("10.5.1.0/24");
	networks[0].cluster[FAMILY_V4] = prefix_of("10.5.0.0/16");
	assert_int_equal(rules_of(networks, 1), 3);
	networks[0].subnet[FAMILY_V6] = prefix_of("fd00:5:0:1::/64");
	networks[0].cluster[FAMILY_V6] = prefix_of("fd00:5::/48");
	assert_int_equal(rules_of(networks, 1), 4);
	networks[1].subnet[FAMILY_V4] = prefix_of("10.6.1.0/24");
	networks[1].cluster[FAMILY_V4] = prefix_of("10.6.0.0/16");
	assert_int_equal(rules_of(networks, 2), 5);
	strcpy(networks[0].uplink, "eth0");
	assert_int_equal(rules_of(networks, 2), 9);
}

static void networks_with_other_prefixes_or_uplinks_have_other_rules(void **state)
{
	struct flow_network a = { .name = "a" }, b = { .name = "b" };

	(void)state;
	a.subnet[FAMILY_V4] = b.subnet[FAMILY_V4] = prefix_of("10.5.1.0/24");
	assert_true(flow_network_same_rules(&a, &b));
	b.subnet[FAMILY_V4] = prefix_of("10.5.2.0/24");
	assert_false(flow_network_same_rules(&a, &b));
	b.subnet[FAMILY_V4] = a.subnet[FAMILY_V4];
	b.cluster[FAMILY_V6] = prefix_of("fd00:5::/48");
	assert_false(flow_network_same_rules(&a, &b));
	b.cluster[FAMILY_V6] = a.cluster[FAMILY_V6];
	strcpy(b.uplink, "eth0");
	assert_false(flow_network_same_rules(&a, &b));
}

static void devices_of_networks_are_united(void **state)
{
	struct flow_network networks[2] = { { .name = "a" }, { .name = "b" } };
	struct flow_networks all = { networks, 2, 2 };
	struct flow_devices devices = { .len = 0 };

	(void)state;
	assert_true(flow_devices_add(&networks[0].devices, 7, "veth7"));
	assert_true(flow_devices_add(&networks[0].devices, 2, "eth0"));
	assert_true(flow_devices_add(&networks[1].devices, 2, "eth0"));
	assert_true(flow_devices_add(&networks[1].devices, 5, "a-name-of-more-than-15"));
	assert_true(flow_table_devices(&all, &devices));
	assert_int_equal(devices.len, 3);
	assert_string_equal(devices.at[0].name, "eth0");
	assert_string_equal(devices.at[1].name, "a-name-of-more-");
	assert_string_equal(devices.at[2].name, "veth7");
	flow_devices_free(&devices);
	flow_devices_free(&networks[0].devices);
	flow_devices_free(&networks[1].devices);
}

/* A device with the name of an earlier one is another device. */
static void missing_devices_are_found_by_index(void **state)
{
	struct flow_devices want = { .len = 0 }, have = { .len = 0 }, missing = { .len = 0 };

	(void)state;
	assert_true(flow_devices_add(&have, 3, "vetha"));
	assert_true(flow_devices_add(&want, 3, "vetha"));
	assert_true(flow_devices_add(&want, 9, "vetha"));
	assert_true(flow_devices_missing(&want, &have, &missing));
	assert_int_equal(missing.len, 1);
	assert_int_equal(missing.at[0].index, 9);
	flow_devices_free(&want);
	flow_devices_free(&have);
	flow_devices_free(&missing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rules_follow_families_and_direct_routing),
		cmocka_unit_test(networks_with_other_prefixes_or_uplinks_have_other_rules),
		cmocka_unit_test(devices_of_networks_are_united),
		cmocka_unit_test(missing_devices_are_found_by_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
