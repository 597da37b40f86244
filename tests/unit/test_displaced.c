/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/displaced.h"

#include "common/array.h"
#include "daemon/dataplane/plan.h"
#include "tests/unit/samples.h"

#include <linux/rtnetlink.h>

#define DUAL "{\"Network\":\"10.5.0.0/16\",\"IPv6Network\":\"fd00:5::/48\",\"EnableIPv6\":true}"

enum { BRIDGE = 7 };

/* The node has 10.5.2.0/24 and fd00:5:0:2::/64 now. */
static void own_subnets(struct prefix own[static FAMILIES])
{
	sample_subnets("10.5.2.0/24&fd00:5:0:2::/64", own);
}

static void add(struct displaced *displaced, const struct config *config, const char *text)
{
	const struct ipaddr addr = sample_addr(text);
	struct prefix own[FAMILIES];

	own_subnets(own);
	assert_true(displaced_add(displaced, &addr, config, own));
}

static void only_addresses_of_other_subnets_of_the_network_are_displaced(void **state)
{
	static const struct {
		const char *addr, *gateway; /* NULL: not displaced */
	} cases[] = {
		{ "10.5.2.7", NULL }, /* in the subnet of this node */
		{ "10.5.9.7", "10.5.9.1/32" }, { "10.5.9.1", NULL }, /* the gateway itself */
		{ "10.6.9.7", NULL }, /* outside the network, as allocated by another plugin */
		{ "10.5.0.7", NULL }, /* in a subnet that no node can lease */
		{ "fd00:5:0:2::7", NULL },     { "fd00:5:0:9::7", "fd00:5:0:9::1/128" },
		{ "fd00:6:0:9::7", NULL },
	};
	const struct config config = sample_config(DUAL);
	char text[PREFIX_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct displaced displaced = { .gateway_len = 0 };

		add(&displaced, &config, cases[i].addr);
		if (displaced.container.len != (cases[i].gateway != NULL) ||
		    displaced.gateway_len != displaced.container.len)
			fail_msg("%s", cases[i].addr);
		if (cases[i].gateway)
			assert_string_equal(prefix_text(&displaced.gateway[0], text),
					    cases[i].gateway);
		displaced_free(&displaced);
	}
}

/* A family that the network does not use has no gateway, and no displaced containers. */
static void an_unused_family_has_no_displaced_containers(void **state)
{
	const struct config config = sample_config("{\"Network\":\"10.5.0.0/16\"}");
	struct displaced displaced = { .gateway_len = 0 };

	(void)state;
	add(&displaced, &config, "fd00:5:0:9::7");
	assert_int_equal(displaced.container.len, 0);
	displaced_free(&displaced);
}

static void each_subnet_has_one_gateway_up_to_a_limit(void **state)
{
	const struct config config = sample_config(DUAL);
	struct displaced displaced = { .gateway_len = 0 }, others = { .gateway_len = 0 };
	char text[32];

	(void)state;
	for (unsigned i = 0; i < DISPLACED_GATEWAYS_MAX + 2; i++)
		for (unsigned k = 7; k < 9; k++) {
			snprintf(text, sizeof(text), "10.5.%u.%u", 10 + i, k);
			add(&displaced, &config, text);
		}
	assert_int_equal(displaced.gateway_len, DISPLACED_GATEWAYS_MAX);
	assert_int_equal(displaced.container.len, 2 * DISPLACED_GATEWAYS_MAX);
	assert_true(displaced_equal(&displaced, &displaced));
	assert_false(displaced_equal(&displaced, &others));
	add(&others, &config, "10.5.10.7");
	add(&others, &config, "10.5.10.8");
	displaced_free(&displaced);
	add(&displaced, &config, "10.5.10.7");
	add(&displaced, &config, "10.5.10.9");
	assert_false(displaced_equal(&displaced, &others));
	displaced_free(&displaced);
	displaced_free(&others);
}

static void routes_to_displaced_containers_are_wanted_beside_those_of_peers(void **state)
{
	const struct plan_devices devices = {
		.bridge = BRIDGE,
		.gateway = { sample_addr("10.5.2.1"), sample_addr("fd00:5:0:2::1") },
	};
	const struct route peer = { .dst = sample_prefix("10.5.9.0/24"), .metric = 9 };
	const struct config config = sample_config(DUAL);
	struct displaced displaced = { .gateway_len = 0 };
	struct plan_table want = { .arp.len = 0 };
	const struct route *route;

	(void)state;
	assert_true(plan_routes_push(&want.route, &peer));
	add(&displaced, &config, "fd00:5:0:9::7");
	add(&displaced, &config, "10.5.9.7");
	assert_true(displaced_want(&displaced, &devices, &want));
	assert_int_equal(want.route.len, 3);
	assert_int_equal(want.arp.len + want.self.len, 0);
	for (size_t i = 0; i < want.route.len; i++)
		assert_ptr_equal(plan_find_route(&want, &want.route.at[i]), &want.route.at[i]);
	route = plan_find_route(&want, &(struct route){ .dst = sample_prefix("10.5.9.7/32"),
							.metric = 1 });
	assert_non_null(route);
	assert_int_equal(route->index, BRIDGE);
	assert_int_equal(route->scope, RT_SCOPE_LINK);
	assert_int_equal(route->protocol, ROUTE_PROTOCOL);
	assert_true(ipaddr_equal(&route->source, &devices.gateway[FAMILY_V4]));
	assert_false(ipaddr_is_set(&route->gateway));
	plan_table_free(&want);
	displaced_free(&displaced);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_addresses_of_other_subnets_of_the_network_are_displaced),
		cmocka_unit_test(an_unused_family_has_no_displaced_containers),
		cmocka_unit_test(each_subnet_has_one_gateway_up_to_a_limit),
		cmocka_unit_test(routes_to_displaced_containers_are_wanted_beside_those_of_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
