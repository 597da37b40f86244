/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan.h"

#include "tests/unit/samples.h"

enum { BRIDGE = 7, VXLAN = 8 };

struct lease {
	const char *subnet, *public_ip, *mac;
};

/* What the plan wants of these leases; subnet NULL ends them. */
static void want_leases(const struct lease *leases, struct plan_table *want)
{
	const struct plan_devices devices = {
		.bridge = BRIDGE,
		.vxlan = { VXLAN },
		.gateway = { sample_addr("10.5.1.1"), sample_addr("fd00:5:1::1") },
	};
	struct config config = sample_config("{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,"
					     "\"IPv6Network\":\"fd00:5::/48\"}");
	struct peers peers = { .len = 0 };

	for (; leases->subnet; leases++) {
		struct peer peer = sample_peer(leases->subnet, leases->public_ip, leases->mac,
					       SAMPLE_OTHER, 1);

		sample_put(&peers, &peer);
	}
	assert_true(plan_want(&peers, &config, &devices, want));
	peers_free(&peers);
}

#define MAC_A "c6:00:00:00:00:0a"
#define MAC_B "c6:00:00:00:00:0b"
#define MAC_C "c6:00:00:00:00:0c"

static const struct lease standing[] = { { "10.5.2.0/24", "192.168.0.2", MAC_C },
					 { "10.5.4.0/24&fd00:5:4::/64", "192.168.0.4", MAC_A },
					 { NULL, NULL, NULL } };

/* A change of one lease (absent: it comes, or goes), and whether it concerns it alone. */
static const struct {
	const char *what;
	struct lease was, now;
	bool apart;
} cases[] = {
	{ "nothing", { NULL, NULL, NULL }, { NULL, NULL, NULL }, true },
	{ "comes", { NULL, NULL, NULL }, { "10.5.3.0/24", "192.168.0.3", MAC_B }, true },
	{ "goes", { "10.5.2.0/24", "192.168.0.2", MAC_C }, { NULL, NULL, NULL }, true },
	{ "moves",
	  { "10.5.2.0/24", "192.168.0.2", MAC_C },
	  { "10.5.2.0/24", "192.168.0.9", MAC_C },
	  true },
	{ "has another MAC",
	  { "10.5.4.0/24&fd00:5:4::/64", "192.168.0.4", MAC_A },
	  { "10.5.4.0/24&fd00:5:4::/64", "192.168.0.4", MAC_B },
	  true },
	{ "was wanted otherwise",
	  { "10.5.2.0/24", "192.168.0.3", MAC_C },
	  { "10.5.2.0/24", "192.168.0.2", MAC_C },
	  false },
	{ "did not stand", { "10.5.3.0/24", "192.168.0.3", MAC_B }, { NULL, NULL, NULL }, false },
	{ "takes a MAC", { NULL, NULL, NULL }, { "10.5.3.0/24", "192.168.0.3", MAC_A }, false },
	{ "takes a subnet", { NULL, NULL, NULL }, { "10.5.4.0/24", "192.168.0.3", MAC_B }, false },
	{ "takes an IPv6 subnet",
	  { NULL, NULL, NULL },
	  { "10.5.3.0/24&fd00:5:4::/64", "192.168.0.3", MAC_B },
	  false },
	{ "lies in another",
	  { NULL, NULL, NULL },
	  { "10.5.4.128/25", "192.168.0.3", MAC_B },
	  false },
	{ "contains another", { NULL, NULL, NULL }, { "10.5.4.0/23", "192.168.0.3", MAC_B }, false },
	{ "contains one that does not come next",
	  { NULL, NULL, NULL },
	  { "10.5.0.0/22", "192.168.0.3", MAC_B },
	  false },
	{ "grows over itself alone",
	  { "10.5.2.0/24", "192.168.0.2", MAC_C },
	  { "10.5.2.0/23", "192.168.0.2", MAC_C },
	  true },
};

static void tells_what_concerns_one_peer_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		const struct lease was[] = { cases[i].was, { NULL, NULL, NULL } };
		const struct lease now[] = { cases[i].now, { NULL, NULL, NULL } };
		struct plan_table stand = { .arp.len = 0 }, before = stand, want = stand;

		want_leases(standing, &stand);
		want_leases(was, &before);
		want_leases(now, &want);
		if (plan_is_apart(&stand, &before, &want) != cases[i].apart)
			fail_msg("%s", cases[i].what);
		plan_table_free(&stand);
		plan_table_free(&before);
		plan_table_free(&want);
	}
}

/* As if the plan had been made of all of them. */
static void replaces_a_part(void **state)
{
	static const struct lease was[] = { { "10.5.2.0/24", "192.168.0.2", MAC_C },
					    { NULL, NULL, NULL } };
	static const struct lease now[] = { { "10.5.1.0/24", "192.168.0.2", MAC_B },
					    { "10.5.9.0/24&fd00:5:2::/64", "192.168.0.9", MAC_C },
					    { NULL, NULL, NULL } };
	static const struct lease all[] = { { "10.5.1.0/24", "192.168.0.2", MAC_B },
					    { "10.5.4.0/24&fd00:5:4::/64", "192.168.0.4", MAC_A },
					    { "10.5.9.0/24&fd00:5:2::/64", "192.168.0.9", MAC_C },
					    { NULL, NULL, NULL } };
	struct plan_table stand = { .arp.len = 0 }, before = stand, want = stand, whole = stand;
	struct plan_ops ops = { .len = 0 };

	(void)state;
	want_leases(standing, &stand);
	want_leases(was, &before);
	want_leases(now, &want);
	want_leases(all, &whole);
	assert_true(plan_replace(&stand, &before, &want));
	assert_int_equal(stand.arp.len, whole.arp.len);
	assert_int_equal(stand.route.len, whole.route.len);
	assert_int_equal(stand.self.len, whole.self.len);
	assert_true(plan_as_have(&stand));
	assert_true(plan_diff(&whole, &stand, &ops));
	assert_int_equal(ops.len, 0);
	plan_ops_free(&ops);
	plan_table_free(&stand);
	plan_table_free(&before);
	plan_table_free(&want);
	plan_table_free(&whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_concerns_one_peer_alone),
		cmocka_unit_test(replaces_a_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
