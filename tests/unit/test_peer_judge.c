/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/peer.h"

#include "tests/unit/samples.h"

#define MAC_A "c6:d2:32:6f:8f:0a"
#define MAC_B "c6:d2:32:6f:8f:0b"
#define MAC_SELF "c6:d2:32:6f:8f:01"

static const char network[] = "{\"Network\":\"10.5.0.0/16\"}";

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

/* A lease, and what one refusal says of it. */
struct one {
	const char *subnet, *public_ip, *mac;
	uint32_t vni;
	const char *says; /* NULL: it is usable */
};

static void a_peer_is_judged_alone(void **state)
{
	static const struct one cases[] = {
		{ "10.5.2.0/24", "192.168.0.2", MAC_A, 1, NULL },
		{ "10.5.128.0/17", "192.168.0.2", MAC_A, 1, NULL },
		{ "10.5.2.128/25", "192.168.0.2", MAC_A, 1, NULL },
		{ "10.6.2.0/24", "192.168.0.2", MAC_A, 1, "10.6.2.0/24 is not in the network" },
		{ "10.0.0.0/8", "192.168.0.2", MAC_A, 1, "10.0.0.0/8 is not in the network" },
		{ "0.0.0.0/0", "192.168.0.2", MAC_A, 1, "is not in the network 10.5.0.0/16" },
		{ "10.5.1.0/24", "192.168.0.2", MAC_A, 1, "overlaps this node's 10.5.1.0/24" },
		{ "10.5.1.64/26", "192.168.0.2", MAC_A, 1, "overlaps this node's" },
		{ "10.5.0.0/16", "192.168.0.2", MAC_A, 1, "overlaps this node's" },
		{ "10.5.2.0/24", "10.5.9.9", MAC_A, 1, "10.5.9.9 lies in the containers' network" },
		{ "10.5.2.0/24", "192.168.0.2", "00:00:00:00:00:00", 1, "backend is not vxlan" },
		{ "10.5.2.0/24", "192.168.0.2", "01:00:5e:00:00:01", 1, "group address" },
		{ "10.5.2.0/24", "192.168.0.2", "ff:ff:ff:ff:ff:ff", 1, "group address" },
		{ "10.5.2.0/24", "192.168.0.2", MAC_SELF, 1, "VtepMAC is this node's own" },
		{ "10.5.2.0/24", "192.168.0.2", MAC_A, 2, "VNI is 2, this network's is 1" },
		{ "10.5.2.0/24", "127.0.0.1", MAC_A, 1, "127.0.0.1 cannot be" },
		{ "10.5.2.0/24", "224.0.0.1", MAC_A, 1, "224.0.0.1 cannot be" },
		{ "10.5.2.0/24", "255.255.255.255", MAC_A, 1, "cannot be a node's address" },
		{ "10.5.2.0/24", "0.0.0.0", MAC_A, 1, "0.0.0.0 cannot be a node's address" },
		{ "10.5.2.0/24", "203.0.113.1", MAC_A, 1, "203.0.113.1 is this node's own" },
		{ "10.5.2.0/24", "192.168.0.1", MAC_A, 1, "192.168.0.1 is this node's own" },
	};
	struct config config = sample_config(network);
	struct peer_self self = self_of("10.5.1.0/24");

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		const struct one *one = &cases[i];
		struct peer peer = sample_peer(one->subnet, one->public_ip, one->mac, "", 1);
		struct err err = ERR_INIT;

		peer.vni[FAMILY_V4] = one->vni;
		if (peer_judge(&peer, &config, &self, &err) != (one->says ? -1 : 0))
			fail_msg("%s %s: %s", one->subnet, one->public_ip, err.text);
		if (one->says)
			assert_says(err.text, one->says);
	}
}

static void the_underlay_is_never_routed_into_the_tunnel(void **state)
{
	struct config config = sample_config("{\"Network\":\"192.168.0.0/16\"}");
	struct peer peer = sample_peer("192.168.0.0/24", "203.0.113.2", MAC_A, "", 1);
	struct peer_self self = self_of("");
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(peer_judge(&peer, &config, &self, &err), -1);
	assert_says(err.text, "subnet 192.168.0.0/24 contains this node's own address");
	sample_subnets("192.168.7.0/24", peer.subnet);
	assert_good(peer_judge(&peer, &config, &self, &err), err);
}

static void before_our_lease_nothing_overlaps_it(void **state)
{
	struct config config = sample_config(network);
	struct peer peer = sample_peer("10.5.1.0/24", "192.168.0.2", MAC_A, "", 1);
	struct peer_self self = self_of("");
	struct err err = ERR_INIT;

	(void)state;
	assert_good(peer_judge(&peer, &config, &self, &err), err);
}

struct refusals {
	size_t len;
	char subnet[8][2 * PREFIX_TEXT_SIZE];
	char reason[8][ERR_TEXT_SIZE];
};

static void note_refusal(void *ctx, const struct peer *peer, const char *reason)
{
	struct refusals *refusals = ctx;

	assert_true(refusals->len < LEN(refusals->reason));
	snprintf(refusals->subnet[refusals->len], sizeof(refusals->subnet[0]), "%s",
		 sample_subnets_text(peer->subnet));
	assert_true(*refusals->subnet[refusals->len]);
	snprintf(refusals->reason[refusals->len], sizeof(refusals->reason[0]), "%s", reason);
	refusals->len++;
}

/* Leases known, in the order of their revisions; those that stay, and those that do not. */
struct set {
	const char *known[8][2]; /* subnet, MAC */
	const char *usable;      /* subnets, a blank after each */
	const char *refused;     /* the same, in the order of their refusal */
	const char *reason;      /* of the first */
};

static void judge_set(const struct set *set, bool backwards, struct refusals *refusals,
		      struct peers *usable)
{
	struct config config = sample_config(network);
	struct peer_self self = self_of("10.5.1.0/24");
	struct peers known = { .len = 0 };
	size_t len = 0;

	while (len < LEN(set->known) && set->known[len][0])
		len++;
	for (size_t i = 0; i < len; i++) {
		char public_ip[32];
		struct peer peer;

		snprintf(public_ip, sizeof(public_ip), "192.168.0.%zu", i + 2);
		peer = sample_peer(set->known[i][0], public_ip, set->known[i][1], SAMPLE_OTHER,
				   backwards ? len - i : i + 1);
		sample_put(&known, &peer);
	}
	assert_true(peers_judge(&known, &config, &self, usable, NULL, note_refusal, refusals));
	peers_free(&known);
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

static void assert_refusals(const struct refusals *refusals, const struct set *set)
{
	char got[256] = "";

	for (size_t i = 0; i < refusals->len; i++) {
		size_t len = strlen(got);

		snprintf(got + len, sizeof(got) - len, "%s ", refusals->subnet[i]);
	}
	assert_string_equal(got, set->refused);
	if (set->reason)
		assert_says(refusals->reason[0], set->reason);
}

static void of_two_that_clash_one_stays(void **state)
{
	static const struct set cases[] = {
		{ { { NULL } }, "", "", NULL },
		{ { { "10.5.2.0/24", MAC_A }, { "10.5.3.0/24", MAC_B } },
		  "10.5.2.0/24 10.5.3.0/24 ",
		  "",
		  NULL },
		/* The network's own length wins, whoever came first. */
		{ { { "10.5.2.0/23", MAC_A }, { "10.5.3.0/24", MAC_B } },
		  "10.5.3.0/24 ",
		  "10.5.2.0/23 ",
		  "its subnet overlaps that of 10.5.3.0/24, which comes first" },
		{ { { "10.5.3.0/24", MAC_A }, { "10.5.3.128/25", MAC_B } },
		  "10.5.3.0/24 ",
		  "10.5.3.128/25 ",
		  "overlaps that of 10.5.3.0/24" },
		{ { { "10.5.128.0/17", MAC_A },
		    { "10.5.130.0/24", MAC_B },
		    { "10.5.131.0/24", "c6:d2:32:6f:8f:0c" } },
		  "10.5.130.0/24 10.5.131.0/24 ",
		  "10.5.128.0/17 ",
		  NULL },
		/* Else the older. */
		{ { { "10.5.4.0/23", MAC_A }, { "10.5.4.0/22", MAC_B } },
		  "10.5.4.0/23 ",
		  "10.5.4.0/22 ",
		  "overlaps that of 10.5.4.0/23" },
		{ { { "10.5.4.0/22", MAC_A }, { "10.5.4.0/23", MAC_B } },
		  "10.5.4.0/22 ",
		  "10.5.4.0/23 ",
		  "overlaps that of 10.5.4.0/22" },
		{ { { "10.5.4.0/22", MAC_A },
		    { "10.5.6.0/25", MAC_B },
		    { "10.5.7.0/25", "c6:d2:32:6f:8f:0c" } },
		  "10.5.4.0/22 ",
		  "10.5.6.0/25 10.5.7.0/25 ",
		  NULL },
		/* One MAC leads to one VTEP. */
		{ { { "10.5.3.0/24", MAC_A }, { "10.5.2.0/24", MAC_A } },
		  "10.5.3.0/24 ",
		  "10.5.2.0/24 ",
		  "its VtepMAC is that of 10.5.3.0/24" },
		{ { { "10.5.3.0/24", MAC_A },
		    { "10.5.2.0/24", MAC_B },
		    { "10.5.4.0/24", MAC_A },
		    { "10.5.5.0/24", MAC_A } },
		  "10.5.2.0/24 10.5.3.0/24 ",
		  "10.5.4.0/24 10.5.5.0/24 ",
		  NULL },
		{ { { "10.5.64.0/20", MAC_A }, { "10.5.3.0/24", MAC_A } },
		  "10.5.3.0/24 ",
		  "10.5.64.0/20 ",
		  "VtepMAC is that of 10.5.3.0/24" },
		/* What is refused by itself clashes with nobody. */
		{ { { "10.6.2.0/24", MAC_A }, { "10.5.3.0/24", MAC_A } },
		  "10.5.3.0/24 ",
		  "10.6.2.0/24 ",
		  "not in the network" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct refusals refusals = { .len = 0 };
		struct peers usable = { .len = 0 };

		judge_set(&cases[i], false, &refusals, &usable);
		assert_subnets(&usable, cases[i].usable);
		assert_refusals(&refusals, &cases[i]);
		peers_free(&usable);
	}
}

static void the_older_one_stays_whatever_its_place(void **state)
{
	static const struct set set = {
		.known = { { "10.5.2.0/24", MAC_A },
			   { "10.5.3.0/24", MAC_A },
			   { "10.5.4.0/24", MAC_A } },
	};
	struct refusals refusals = { .len = 0 };
	struct peers usable = { .len = 0 };

	(void)state;
	judge_set(&set, true, &refusals, &usable);
	assert_subnets(&usable, "10.5.4.0/24 ");
	assert_int_equal(refusals.len, 2);
	peers_free(&usable);
}

/* A restored or hostile store may give two keys one revision; all nodes still agree. */
static void a_tie_is_broken_by_the_subnet(void **state)
{
	struct config config = sample_config(network);
	struct peer_self self = self_of("10.5.1.0/24");
	struct peer high = sample_peer("10.5.3.0/24", "192.168.0.3", MAC_A, "", 5);
	struct peer low = sample_peer("10.5.2.0/24", "192.168.0.2", MAC_A, "", 5);
	struct peers known = { .len = 0 }, usable = { .len = 0 };

	(void)state;
	sample_put(&known, &high);
	sample_put(&known, &low);
	assert_true(peers_judge(&known, &config, &self, &usable, NULL, NULL, NULL));
	assert_subnets(&usable, "10.5.2.0/24 ");
	peers_free(&known);
	peers_free(&usable);
}

static void our_own_lease_is_no_peer_and_no_refusal(void **state)
{
	struct config config = sample_config(network);
	struct peer_self self = self_of("10.5.1.0/24");
	struct peer own = sample_peer("10.5.1.0/24", "203.0.113.1", MAC_SELF, SAMPLE_NODE, 1);
	struct peer old = sample_peer("10.5.9.0/24", "203.0.113.1", MAC_SELF, SAMPLE_NODE, 2);
	struct peers known = { .len = 0 }, usable = { .len = 0 };
	struct refusals refusals = { .len = 0 };

	(void)state;
	sample_put(&known, &own);
	assert_true(peers_judge(&known, &config, &self, &usable, NULL, note_refusal, &refusals));
	assert_int_equal(usable.len, 0);
	assert_int_equal(refusals.len, 0);
	sample_put(&known, &old); /* another key of ours is worth a word */
	assert_true(peers_judge(&known, &config, &self, &usable, NULL, note_refusal, &refusals));
	assert_int_equal(usable.len, 0);
	assert_int_equal(refusals.len, 1);
	peers_free(&known);
	peers_free(&usable);
}

/* An unreadable value: what was read before stands, and what never was is no peer. */
static void what_was_read_before_stands(void **state)
{
	struct config config = sample_config(network);
	struct peer_self self = self_of("10.5.1.0/24");
	struct peer before = sample_peer("10.5.2.0/24", "192.168.0.2", MAC_A, "", 1);
	struct peer never = { .subnet = { sample_prefix("10.5.3.0/24") }, .unreadable = true };
	struct peers known = { .len = 0 }, usable = { .len = 0 };
	struct refusals refusals = { .len = 0 };

	(void)state;
	before.unreadable = true;
	sample_put(&known, &before);
	sample_put(&known, &never);
	assert_true(peers_judge(&known, &config, &self, &usable, NULL, note_refusal, &refusals));
	assert_subnets(&usable, "10.5.2.0/24 ");
	assert_int_equal(refusals.len, 0);
	peers_free(&known);
	peers_free(&usable);
}

/* A node that came back elsewhere after the store was wiped. */
static void what_vanished_gives_way(void **state)
{
	struct config config = sample_config(network);
	struct peer_self self = self_of("10.5.1.0/24");
	struct peer vanished = sample_peer("10.5.2.0/24", "192.168.0.2", MAC_A, "", 0);
	struct peer told = sample_peer("10.5.3.0/24", "192.168.0.2", MAC_A, "", 9);
	struct peers known = { .len = 0 }, usable = { .len = 0 };

	(void)state;
	vanished.vanished = true;
	sample_put(&known, &vanished);
	sample_put(&known, &told);
	assert_true(peers_judge(&known, &config, &self, &usable, NULL, NULL, NULL));
	assert_subnets(&usable, "10.5.3.0/24 ");
	peers_free(&known);
	peers_free(&usable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_is_judged_alone),
		cmocka_unit_test(the_underlay_is_never_routed_into_the_tunnel),
		cmocka_unit_test(before_our_lease_nothing_overlaps_it),
		cmocka_unit_test(of_two_that_clash_one_stays),
		cmocka_unit_test(the_older_one_stays_whatever_its_place),
		cmocka_unit_test(a_tie_is_broken_by_the_subnet),
		cmocka_unit_test(our_own_lease_is_no_peer_and_no_refusal),
		cmocka_unit_test(what_was_read_before_stands),
		cmocka_unit_test(what_vanished_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
