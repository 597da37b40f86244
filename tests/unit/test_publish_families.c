/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/publish.h"

#include "common/array.h"
#include "common/state.h"
#include "tests/unit/samples.h"

static struct state_family family_of(const char *cluster, const char *subnet, const char *gateway)
{
	return (struct state_family){
		.cluster = sample_prefix(cluster),
		.subnet = sample_prefix(subnet),
		.gateway = sample_addr(gateway),
	};
}

/* flannel's subnet.env has lines for the families of the network. */
static void every_family_has_its_lines(void **state)
{
	const struct state_family v4 = family_of("10.5.0.0/16", "10.5.1.0/24", "10.5.1.1");
	const struct state_family v6 = family_of("fd00:5::/48", "fd00:5:0:1::/64", "fd00:5:0:1::1");
	const struct {
		struct state_network network;
		const char *text;
	} cases[] = {
		{ { .mtu = 1450, .family = { v4 }, .family_len = 1 },
		  "FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=10.5.1.1/24\n"
		  "FLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n" },
		{ { .mtu = 1430, .family = { v4, v6 }, .family_len = 2 },
		  "FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=10.5.1.1/24\n"
		  "FLANNEL_IPV6_NETWORK=fd00:5::/48\nFLANNEL_IPV6_SUBNET=fd00:5:0:1::1/64\n"
		  "FLANNEL_MTU=1430\nFLANNEL_IPMASQ=false\n" },
		{ { .mtu = 1430, .family = { v6 }, .family_len = 1 },
		  "FLANNEL_IPV6_NETWORK=fd00:5::/48\nFLANNEL_IPV6_SUBNET=fd00:5:0:1::1/64\n"
		  "FLANNEL_MTU=1430\nFLANNEL_IPMASQ=false\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[PUBLISH_SUBNET_SIZE];

		assert_string_equal(publish_subnet_text(&cases[i].network, false, text),
				    cases[i].text);
	}
}

static void an_mtu_below_1280_leaves_ipv6_out(void **state)
{
	struct config config = sample_config("{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,"
					     "\"IPv6Network\":\"fd00:5::/48\"}");
	struct prefix subnet[FAMILIES];
	struct state_network network;

	(void)state;
	sample_subnets("10.5.1.0/24&fd00:5:0:1::/64", subnet);
	publish_make_state("default", &config, subnet, 1280, false, &network);
	assert_int_equal(network.family_len, 2);
	publish_make_state("default", &config, subnet, 1279, false, &network);
	assert_int_equal(network.family_len, 1);
	assert_true(prefix_equal(&network.family[0].subnet, &subnet[FAMILY_V4]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_family_has_its_lines),
		cmocka_unit_test(an_mtu_below_1280_leaves_ipv6_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
