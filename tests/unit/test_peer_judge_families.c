/* SPDX-License-Identifier: Apache-2.0 */
/* What peer_judge.c makes of leases with a subnet of each family. */
#include "tests/unit/samples.h"

#define MAC_SELF "c6:d2:32:6f:8f:01"
#define MAC_A "c6:d2:32:6f:8f:0a"
#define MAC_B "c6:d2:32:6f:8f:0b"
#define MAC_C "c6:d2:32:6f:8f:0c"
#define DUAL "{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"}"

static struct peer_self self_of(const char *subnet)
{
	struct peer_self self = {
		.node = SAMPLE_NODE,
		.public_ip = { sample_addr("203.0.113.1"), sample_addr("2001:db8::1") },
		.uplink = { sample_addr("192.168.0.1"), sample_addr("fd00::1") },
		.outer = { true, false },
		.vtep_mac = sample_mac(MAC_SELF),
	};

	sample_subnets(subnet, self.subnet);
	return self;
}

static void assert_subnets(const struct peers *peers, const char *want)
{
	char got[256] = "";

	for (size_t i = 0; i < peers->len; i++) {
		size_t len = strlen(got);

		snprintf(got + len, sizeof(got) - len, "%s ",
			 sample_subnets_text(peers->at[i].subnet));
	}
	assert_string_equal(got, want);
}

/* A dual lease, the underlay that we have, and what of it can be used. */
static void each_family_is_judged_by_itself(void **state)
{
	static const struct {
		const char *subnets, *public_ip, *public_ipv6, *mac6; /* of a flannel node */
		bool weft, outer[FAMILIES];
		const char *usable; /* NULL: refused */
	} cases[] = {
#define KEY "10.5.2.0/24&fd00:5:0:2::/64"
		{ KEY, "192.168.0.2", "fd00::2", MAC_B, false, { true, true }, KEY },
		{ KEY, "192.168.0.2", "", MAC_B, false, { true, true }, "10.5.2.0/24" },
		{ KEY, "192.168.0.2", "fd00::2", "", false, { true, true }, "10.5.2.0/24" },
		{ KEY, "192.168.0.2", "fd00::2", MAC_B, false, { true, false }, "10.5.2.0/24" },
		{ KEY, "192.168.0.2", "fd00::2", MAC_B, false, { false, true }, "fd00:5:0:2::/64" },
		/* One MAC cannot lead to two VTEPs. */
		{ KEY, "192.168.0.2", "fd00::2", MAC_A, false, { true, true }, "10.5.2.0/24" },
		{ KEY, "192.168.0.2", "fd00::2", MAC_SELF, false, { true, true }, "10.5.2.0/24" },
		/* A weft node takes both in either. */
		{ KEY, "192.168.0.2", "", "", true, { true, false }, KEY },
		{ KEY, "", "fd00::2", "", true, { true, true }, KEY },
		{ KEY, "", "fd00::2", "", true, { true, false }, NULL },
		{ KEY, "192.168.0.2", "", "", true, { false, true }, NULL },
		{ "10.5.2.0/24", "192.168.0.2", "", "", true, { true, true }, "10.5.2.0/24" },
		{ "10.5.2.0/24", "", "fd00::2", "", true, { false, true }, "10.5.2.0/24" },
		{ "fd00:5:0:2::/64", "", "fd00::2", MAC_B, true, { true, true }, "fd00:5:0:2::/64" },
		/* What is wrong with one is not wrong with the other. */
		{ "10.5.2.0/24&fd00:6:0:2::/64",
		  "192.168.0.2",
		  "",
		  "",
		  true,
		  { true, true },
		  "10.5.2.0/24" },
		{ "10.6.2.0/24&fd00:5:0:2::/64",
		  "192.168.0.2",
		  "",
		  "",
		  true,
		  { true, true },
		  "fd00:5:0:2::/64" },
		{ "10.5.2.0/24&fd00:5:0:1::/64",
		  "192.168.0.2",
		  "",
		  "",
		  true,
		  { true, true },
		  "10.5.2.0/24" },
		{ "10.5.1.0/24&fd00:5:0:2::/64",
		  "192.168.0.2",
		  "",
		  "",
		  true,
		  { true, true },
		  "fd00:5:0:2::/64" },
		{ KEY, "192.168.0.2", "fd00::1", MAC_B, false, { true, true }, "10.5.2.0/24" },
		{ KEY, "192.168.0.2", "fe80::2", MAC_B, false, { true, true }, "10.5.2.0/24" },
	};
	struct config config = sample_config(DUAL);

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct peer_self self = self_of("10.5.1.0/24&fd00:5:0:1::/64");
		struct peer peer = sample_peer(cases[i].subnets, cases[i].public_ip, MAC_A,
					       cases[i].weft ? SAMPLE_OTHER : "", 1);
		struct err err = ERR_INIT;
		int rc;

		memcpy(self.outer, cases[i].outer, sizeof(self.outer));
		peer.public_ip[FAMILY_V6] = sample_addr(cases[i].public_ipv6);
		peer.vtep_mac[FAMILY_V6] = *cases[i].mac6 ? sample_mac(cases[i].mac6) :
							    (struct mac){ { 0 } };
		rc = peer_judge(&peer, &config, &self, &err);
		if (rc != (cases[i].usable ? 0 : -1))
			fail_msg("case %zu: %s", i, err.text);
		if (rc == 0 && strcmp(sample_subnets_text(peer.subnet), cases[i].usable))
			fail_msg("case %zu: %s", i, sample_subnets_text(peer.subnet));
	}
}

/* The older of two that clash in one family keeps it, and the younger one the other. */
static void clashes_are_settled_by_family(void **state)
{
	static const struct {
		const char *known[3][2]; /* subnets, MAC; in the order of their revisions */
		const char *usable;
	} cases[] = {
		{ { { "10.5.2.0/24&fd00:5:0:2::/64", MAC_A },
		    { "10.5.3.0/24&fd00:5:0:2::/64", MAC_B } },
		  "10.5.2.0/24&fd00:5:0:2::/64 10.5.3.0/24 " },
		{ { { "10.5.3.0/24&fd00:5:0:2::/64", MAC_A },
		    { "10.5.2.0/24&fd00:5:0:2::/64", MAC_B } },
		  "10.5.2.0/24 10.5.3.0/24&fd00:5:0:2::/64 " },
		{ { { "10.5.2.0/24&fd00:5:0:2::/64", MAC_A },
		    { "10.5.2.0/24&fd00:5:0:3::/64", MAC_B } },
		  "fd00:5:0:3::/64 10.5.2.0/24&fd00:5:0:2::/64 " },
		{ { { "10.5.9.0/24&fd00:5:0:2::/64", MAC_A },
		    { "10.5.3.0/24&fd00:5:0:3::/64", MAC_B },
		    { "10.5.2.0/24&fd00:5:0:3::/64", MAC_C } },
		  "10.5.2.0/24 10.5.3.0/24&fd00:5:0:3::/64 10.5.9.0/24&fd00:5:0:2::/64 " },
		{ { { "10.5.2.0/24&fd00:5:0:2::/64", MAC_A },
		    { "10.5.3.0/24&fd00:5:0:3::/64", MAC_A } },
		  "10.5.2.0/24&fd00:5:0:2::/64 " },
	};
	struct config config = sample_config(DUAL);
	struct peer_self self = self_of("");

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct peers known = { .len = 0 }, usable = { .len = 0 };

		for (size_t k = 0; k < LEN(cases[i].known) && cases[i].known[k][0]; k++) {
			static const char *const nodes[] = {
				"7ba7b810-9dad-11d1-80b4-00c04fd430c8",
				"8ba7b810-9dad-11d1-80b4-00c04fd430c8",
				"9ba7b810-9dad-11d1-80b4-00c04fd430c8",
			};
			char public_ip[32];
			struct peer peer;

			snprintf(public_ip, sizeof(public_ip), "192.168.0.%zu", k + 2);
			peer = sample_peer(cases[i].known[k][0], public_ip, cases[i].known[k][1],
					   nodes[k], k + 1);
			sample_put(&known, &peer);
		}
		assert_true(peers_judge(&known, &config, &self, &usable, NULL, NULL, NULL));
		assert_subnets(&usable, cases[i].usable);
		peers_free(&known);
		peers_free(&usable);
	}
}

/* A node that came to have both families puts its new key, then removes the old one. */
static void a_nodes_new_key_takes_over_from_its_old_one(void **state)
{
	struct config config = sample_config(DUAL);
	struct peer_self self = self_of("");
	struct peer old = sample_peer("10.5.2.0/24", "192.168.0.2", MAC_A, SAMPLE_OTHER, 1);
	struct peer new = sample_peer("10.5.2.0/24&fd00:5:0:2::/64", "192.168.0.2", MAC_A,
				      SAMPLE_OTHER, 2);
	struct peers known = { .len = 0 }, usable = { .len = 0 };

	(void)state;
	sample_put(&known, &old);
	sample_put(&known, &new);
	assert_true(peers_judge(&known, &config, &self, &usable, NULL, NULL, NULL));
	assert_subnets(&usable, "10.5.2.0/24&fd00:5:0:2::/64 ");
	/* One that lives elsewhere is a clone, and no successor. */
	peers_find(&known, new.subnet)->public_ip[FAMILY_V4] = sample_addr("192.168.0.3");
	assert_true(peers_judge(&known, &config, &self, &usable, NULL, NULL, NULL));
	assert_subnets(&usable, "10.5.2.0/24 ");
	peers_free(&known);
	peers_free(&usable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_family_is_judged_by_itself),
		cmocka_unit_test(clashes_are_settled_by_family),
		cmocka_unit_test(a_nodes_new_key_takes_over_from_its_old_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
