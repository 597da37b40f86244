/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/config_check.h"

#include "common/array.h"
#include "daemon/lease/lease.h"
#include "daemon/lease/peer.h"
#include "ipam/config.h"
#include "tests/unit/samples.h"

#define MAC_2 "c6:d2:32:6f:8f:02"
#define MAC_3 "c6:d2:32:6f:8f:03"
#define DUAL(v4, v6) "{\"Network\":\"" v4 "\",\"EnableIPv6\":true,\"IPv6Network\":\"" v6 "\"}"

static const char *const endpoints[] = { "http://etcd.example:2379",
					 "https://user:a:b@10.7.0.5:2379/x",
					 "http://[fd00:7::5]:2379", "10.8.0.5", NULL };

static void a_network_must_not_contain_what_the_host_needs(void **state)
{
	static const char *const cases[][2] = {
		{ "{\"Network\":\"10.5.0.0/16\"}", NULL },
		{ "{\"Network\":\"192.168.0.0/16\"}",
		  "network configuration: Network: 192.168.0.0/16 contains the address 192.168.0.1 of "
		  "the uplink eth0" },
		{ "{\"Network\":\"203.0.113.0/24\",\"SubnetLen\":28}",
		  "contains the public address 203.0.113.1 of the uplink eth0" },
		{ "{\"Network\":\"10.6.0.0/16\"}", "contains the gateway 10.6.0.254" },
		{ "{\"Network\":\"10.7.0.0/16\"}", "contains the store's address 10.7.0.5" },
		{ "{\"Network\":\"10.8.0.0/16\"}", "contains the store's address 10.8.0.5" },
		{ "{\"Network\":\"10.0.0.0/8\"}", "contains the gateway 10.6.0.254" },
		{ DUAL("10.5.0.0/16", "fd00:5::/48"), NULL },
		{ DUAL("10.5.0.0/16", "fd00::/48"),
		  "IPv6Network: fd00::/48 contains the address fd00::1" },
		{ DUAL("10.5.0.0/16", "fd00:6::/48"), "contains the gateway fd00:6::fe" },
		{ DUAL("10.5.0.0/16", "fd00:7::/48"), "contains the store's address fd00:7::5" },
	};
	struct uplink uplink = {
		.index = 2,
		.name = "eth0",
		.address = { sample_addr("192.168.0.1"), sample_addr("fd00::1") },
		.public_ip = { sample_addr("203.0.113.1"), sample_addr("fd00::1") },
	};
	struct ipaddr gateway[] = { sample_addr("10.6.0.254"), sample_addr("fd00:6::fe") };
	const struct config_addresses gateways = { .at = gateway, .len = ARRAY_LEN(gateway) };
	const struct config_host host = { &uplink, &gateways, endpoints };
	const struct config_host without = { &uplink, NULL, NULL };
	struct config other = sample_config("{\"Network\":\"10.0.0.0/8\"}");
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct config config = sample_config(cases[i][0]);
		int rc = config_check_host(&config, &host, &err);

		if (!cases[i][1]) {
			assert_good(rc, err);
			continue;
		}
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_says(err.text, cases[i][1]);
	}
	assert_good(config_check_host(&other, &without, &err), err);
}

static void a_change_keeps_at_least_one_peer(void **state)
{
	static const char *const cases[][2] = {
		{ "{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"VNI\":9}}", NULL },
		{ "{\"Network\":\"10.4.0.0/15\"}", NULL },
		{ "{\"Network\":\"10.5.2.0/23\",\"SubnetLen\":25}", NULL }, /* one of two */
		{ "{\"Network\":\"10.9.0.0/16\"}", "all 2 peers: the Network contains none of" },
		{ DUAL("10.5.0.0/16", "fd00:5::/48"), NULL },
		{ DUAL("10.9.0.0/16", "fd00:5::/48"), "none of their subnets" },
		{ "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"}",
		  NULL },
	};
	const struct peer_self self = {
		.node = SAMPLE_NODE,
		.outer = { true, false },
		.vtep_mac = sample_mac("c6:d2:32:6f:8f:01"),
	};
	struct config current = sample_config("{\"Network\":\"10.5.0.0/16\"}");
	struct config wide = sample_config("{\"Network\":\"10.0.0.0/8\",\"SubnetLen\":24}");
	struct lease second = sample_peer("10.5.2.0/24", "192.168.0.2", MAC_2, SAMPLE_OTHER, 5);
	struct lease third = sample_peer("10.5.8.0/24", "10.200.0.3", MAC_3, "", 5);
	struct leases leases = { .len = 0 };
	struct err err = ERR_INIT;

	(void)state;
	sample_put(&leases, &second);
	sample_put(&leases, &third);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct config next = sample_config(cases[i][0]);
		int rc = config_check_peers(&current, &next, &leases, &self, &err);

		if (!cases[i][1]) {
			if (rc < 0)
				fail_msg("%s: %s", cases[i][0], err.text);
			continue;
		}
		assert_int_equal(rc, -1);
		assert_says(err.text, cases[i][1]);
	}
	assert_good(config_check_peers(&current, &wide, &leases, &self, &err), err);
	leases_remove(&leases, second.subnet);
	assert_int_equal(config_check_peers(&current, &wide, &leases, &self, &err), -1);
	assert_says(err.text, "all 1 peers: the Network contains their public addresses");
	leases_remove(&leases, third.subnet);
	assert_good(config_check_peers(&current, &wide, &leases, &self, &err), err);
	leases_free(&leases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_must_not_contain_what_the_host_needs),
		cmocka_unit_test(a_change_keeps_at_least_one_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
