/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/peer_dropped.h"

#include "tests/unit/samples.h"

#define CONFIG "{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/32\"}"
#define MAC_2 "c6:d2:32:6f:8f:02"
#define MAC_3 "c6:d2:32:6f:8f:03"

/* A flannel node with both families. */
static struct peer flannel(const char *subnets, const char *mac, const char *mac6, const char *ip6)
{
	struct peer peer = sample_peer(subnets, "192.168.0.2", mac, "", 7);

	peer.vtep_mac[FAMILY_V6] = sample_mac(mac6);
	peer.public_ip[FAMILY_V6] = sample_addr(ip6);
	return peer;
}

static struct peer_self self_of(void)
{
	struct peer_self self = { .node = SAMPLE_NODE,
				  .outer = { true, true },
				  .vtep_mac = sample_mac("c6:d2:32:6f:8f:01") };

	sample_subnets("10.5.1.0/24&fd00:5:1::/64", self.subnet);
	self.public_ip[FAMILY_V4] = self.uplink[FAMILY_V4] = sample_addr("192.168.0.1");
	self.public_ip[FAMILY_V6] = self.uplink[FAMILY_V6] = sample_addr("fd00::1");
	return self;
}

/* says NULL: both families are used, or there is but one. */
static void test_reasons(void **state)
{
	static const struct {
		const char *subnets, *mac6, *ip6, *config, *says;
	} cases[] = {
		{ "10.5.2.0/24&fd00:5:2::/64", MAC_3, "fd00::2", CONFIG, NULL },
		{ "10.5.2.0/24", MAC_3, "fd00::2", CONFIG, NULL },
		{ "10.5.2.0/24&fd00:5:2::/64", MAC_3, "", CONFIG, "no address on the underlay" },
		{ "10.5.2.0/24&fd00:5:2::/64", MAC_2, "fd00::2", CONFIG, "both its families" },
		{ "10.5.2.0/24&fd00:5:2::/64", "00:00:00:00:00:00", "fd00::2", CONFIG,
		  "backend is not vxlan" },
		{ "10.5.2.0/24&fd00:6:2::/64", MAC_3, "fd00::2", CONFIG, "not in the network" },
		{ "10.6.2.0/24&fd00:5:2::/64", MAC_3, "fd00::2", CONFIG,
		  "not in the network 10.5.0.0/16" },
		{ "10.5.2.0/24&fd00:5:2::/64", MAC_3, "fd00::2", "{\"Network\":\"10.5.0.0/16\"}",
		  "not of this network's family" },
		{ "10.5.2.0/24&fd00:5:7::/64", MAC_3, "fd00::2", CONFIG, "which comes first" },
	};
	const struct peer_self self = self_of();

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct config config = sample_config(cases[i].config);
		struct peers known = { .len = 0 }, usable = { .len = 0 };
		struct peer peer = flannel(cases[i].subnets, MAC_2, cases[i].mac6, cases[i].ip6);
		struct peer first = sample_peer("fd00:5:7::/64", "fd00::7", "c6:d2:32:6f:8f:07",
						SAMPLE_OTHER, 3);
		char reason[256] = "";
		size_t dropped = 0;

		sample_put(&known, &peer);
		sample_put(&known, &first);
		assert_true(peers_judge(&known, &config, &self, &usable, NULL, NULL, NULL));
		for (size_t p = 0; p < usable.len; p++)
			dropped += peer_dropped(&known, &usable.at[p], &config, &self, reason,
						sizeof(reason));
		if (dropped != (cases[i].says != NULL))
			fail_msg("case %zu: %s", i, reason);
		assert_says(reason, cases[i].says ? cases[i].says : "");
		peers_free(&known);
		peers_free(&usable);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
