/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lease.h"

#include "tests/unit/samples.h"

#define MAC "c6:d2:32:6f:8f:0a"
#define OUR_IP "192.168.0.1"

/* One key in the store. */
struct key {
	const char *subnet, *public_ip, *node;
	uint64_t revision;
	const char *how; /* r: reserved, u: unreadable, v: vanished */
};

struct scene {
	const char *network, *last;
	uint64_t seed;
	struct key keys[6];
	enum lease_verdict verdict;
	const char *subnet;
	uint64_t if_revision;
	bool reserved;
};

static struct lease_choice choose(const struct scene *scene)
{
	struct lease_self self = {
		.node = SAMPLE_NODE,
		.machine = "",
		.public_ip = { sample_addr(OUR_IP) },
		.seed = scene->seed,
	};
	struct config config = sample_config(scene->network);
	struct peers known = { .len = 0 };
	struct lease_choice choice;

	sample_subnets(scene->last, self.last);
	for (size_t i = 0; i < LEN(scene->keys) && scene->keys[i].subnet; i++) {
		const struct key *key = &scene->keys[i];
		struct peer peer = sample_peer(key->subnet, key->public_ip, MAC, key->node,
					       key->revision);

		peer.unreadable = strchr(key->how, 'u');
		peer.vanished = strchr(key->how, 'v');
		if (strchr(key->how, 'r'))
			peer.lease = 0;
		sample_put(&known, &peer);
	}
	choice = lease_choose(&known, &config, &self);
	peers_free(&known);
	return choice;
}

#define NET "{\"Network\":\"10.5.0.0/16\"}"
#define DUAL "{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"}"
#define V6 "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"}"
#define SMALL "{\"Network\":\"10.5.0.0/28\",\"SubnetLen\":30}"

static const struct scene scenes[] = {
	/* Nothing there: from the place that the seed decides. */
	{ NET, "", 0, { { 0 } }, LEASE_CREATE, "10.5.1.0/24", 0, false },
	{ NET, "", 41, { { 0 } }, LEASE_CREATE, "10.5.42.0/24", 0, false },
	/* Ours by our id, wherever it was then, and though another was remembered. */
	{ NET,
	  "10.5.9.0/24",
	  0,
	  { { "10.5.3.0/24", "192.168.7.7", SAMPLE_NODE, 8, "" } },
	  LEASE_ADOPT,
	  "10.5.3.0/24",
	  8,
	  false },
	/* A flannel node that we take over, by its address. */
	{ NET,
	  "",
	  0,
	  { { "10.5.3.0/24", OUR_IP, "", 8, "" } },
	  LEASE_ADOPT,
	  "10.5.3.0/24",
	  8,
	  false },
	/* Another weft node that has our address now is not us. */
	{ NET,
	  "",
	  0,
	  { { "10.5.1.0/24", OUR_IP, SAMPLE_OTHER, 8, "" } },
	  LEASE_CREATE,
	  "10.5.2.0/24",
	  0,
	  false },
	{ NET,
	  "",
	  0,
	  { { "10.5.1.0/24", "192.168.0.2", "", 8, "" } },
	  LEASE_CREATE,
	  "10.5.2.0/24",
	  0,
	  false },
	/* Ours, but of another network configuration: too long, below the first. */
	{ NET,
	  "",
	  0,
	  { { "10.5.1.0/25", OUR_IP, SAMPLE_NODE, 8, "" },
	    { "10.5.0.0/24", OUR_IP, SAMPLE_NODE, 9, "" },
	    { "10.6.2.0/24", OUR_IP, SAMPLE_NODE, 9, "" } },
	  LEASE_CREATE,
	  "10.5.2.0/24",
	  0,
	  false },
	/* Of several, the reservation, else the remembered one, else the first. */
	{ NET,
	  "10.5.4.0/24",
	  0,
	  { { "10.5.3.0/24", OUR_IP, SAMPLE_NODE, 7, "" },
	    { "10.5.4.0/24", OUR_IP, SAMPLE_NODE, 8, "" },
	    { "10.5.5.0/24", OUR_IP, "", 9, "r" } },
	  LEASE_ADOPT,
	  "10.5.5.0/24",
	  9,
	  true },
	{ NET,
	  "10.5.4.0/24",
	  0,
	  { { "10.5.3.0/24", OUR_IP, SAMPLE_NODE, 7, "" },
	    { "10.5.4.0/24", OUR_IP, SAMPLE_NODE, 8, "" },
	    { "10.5.5.0/24", OUR_IP, SAMPLE_NODE, 9, "" } },
	  LEASE_ADOPT,
	  "10.5.4.0/24",
	  8,
	  false },
	{ NET,
	  "",
	  0,
	  { { "10.5.3.0/24", OUR_IP, SAMPLE_NODE, 7, "" },
	    { "10.5.4.0/24", OUR_IP, SAMPLE_NODE, 8, "" } },
	  LEASE_ADOPT,
	  "10.5.3.0/24",
	  7,
	  false },
	/* Ours before it was overwritten with rubbish: taken back, as no reservation. */
	{ NET,
	  "",
	  0,
	  { { "10.5.3.0/24", OUR_IP, SAMPLE_NODE, 7, "ru" } },
	  LEASE_ADOPT,
	  "10.5.3.0/24",
	  7,
	  false },
	/* Ours, but its key is gone: it is taken again as new; another's is left alone a while. */
	{ NET,
	  "",
	  0,
	  { { "10.5.3.0/24", OUR_IP, SAMPLE_NODE, 7, "rv" } },
	  LEASE_CREATE,
	  "10.5.3.0/24",
	  0,
	  false },
	{ NET,
	  "10.5.3.0/24",
	  0,
	  { { "10.5.3.0/24", "192.168.0.2", "", 7, "v" } },
	  LEASE_CREATE,
	  "10.5.1.0/24",
	  0,
	  false },
	/* Rubbish that never said whose it is. */
	{ NET,
	  "10.5.3.0/24",
	  0,
	  { { "10.5.3.0/24", "", "", 7, "ru" } },
	  LEASE_CREATE,
	  "10.5.1.0/24",
	  0,
	  false },
	/* The remembered one, if it is free and still valid. */
	{ NET,
	  "10.5.9.0/24",
	  0,
	  { { "10.5.1.0/24", "192.168.0.2", "", 8, "" } },
	  LEASE_CREATE,
	  "10.5.9.0/24",
	  0,
	  false },
	{ NET,
	  "10.5.9.0/24",
	  0,
	  { { "10.5.8.0/23", "192.168.0.2", "", 8, "" } },
	  LEASE_CREATE,
	  "10.5.1.0/24",
	  0,
	  false },
	{ NET,
	  "10.5.9.0/24",
	  0,
	  { { "10.5.9.64/26", "192.168.0.2", "", 8, "" } },
	  LEASE_CREATE,
	  "10.5.1.0/24",
	  0,
	  false },
	{ NET, "10.6.9.0/24", 0, { { 0 } }, LEASE_CREATE, "10.5.1.0/24", 0, false },
	{ NET, "10.5.9.0/25", 0, { { 0 } }, LEASE_CREATE, "10.5.1.0/24", 0, false },
	/* Full, with three subnets. */
	{ SMALL,
	  "",
	  1,
	  { { "10.5.0.4/30", "192.168.0.2", "", 1, "" },
	    { "10.5.0.12/30", "192.168.0.3", "", 2, "" } },
	  LEASE_CREATE,
	  "10.5.0.8/30",
	  0,
	  false },
	{ SMALL,
	  "10.5.0.8/30",
	  1,
	  { { "10.5.0.4/30", "192.168.0.2", "", 1, "" },
	    { "10.5.0.8/30", "", "", 3, "u" },
	    { "10.5.0.12/30", "192.168.0.3", "", 2, "" } },
	  LEASE_FULL,
	  "",
	  0,
	  false },
	{ NET, "", 1, { { "10.5.0.0/16", "192.168.0.2", "", 1, "" } }, LEASE_FULL, "", 0, false },
	/* A key outside the network takes nothing in it. */
	{ NET,
	  "",
	  1,
	  { { "10.0.0.0/8", "192.168.0.2", "", 1, "" } },
	  LEASE_CREATE,
	  "10.5.2.0/24",
	  0,
	  false },
	{ NET,
	  "10.5.9.0/24",
	  1,
	  { { "0.0.0.0/0", "192.168.0.2", "", 1, "" } },
	  LEASE_CREATE,
	  "10.5.9.0/24",
	  0,
	  false },
	/* Both families: IPv6 with the number that IPv4 has, if that is free. */
	{ DUAL, "", 41, { { 0 } }, LEASE_CREATE, "10.5.42.0/24&fd00:5:0:2a::/64", 0, false },
	{ DUAL,
	  "",
	  0,
	  { { "10.5.3.0/24&fd00:5:0:1::/64", "192.168.0.2", SAMPLE_OTHER, 8, "" } },
	  LEASE_CREATE,
	  "10.5.1.0/24&fd00:5:0:2::/64",
	  0,
	  false },
	{ DUAL,
	  "10.5.9.0/24&fd00:5:0:7::/64",
	  0,
	  { { 0 } },
	  LEASE_CREATE,
	  "10.5.9.0/24&fd00:5:0:7::/64",
	  0,
	  false },
	{ DUAL, "10.5.9.0/24", 0, { { 0 } }, LEASE_CREATE, "10.5.9.0/24&fd00:5:0:9::/64", 0, false },
	{ DUAL,
	  "",
	  0,
	  { { "10.5.3.0/24&fd00:5:0:8::/64", OUR_IP, SAMPLE_NODE, 8, "r" } },
	  LEASE_ADOPT,
	  "10.5.3.0/24&fd00:5:0:8::/64",
	  8,
	  true },
	/* What we had under the other configuration stays, in a new key. */
	{ DUAL,
	  "",
	  0,
	  { { "10.5.3.0/24", OUR_IP, SAMPLE_NODE, 8, "" } },
	  LEASE_CREATE,
	  "10.5.3.0/24&fd00:5:0:3::/64",
	  0,
	  false },
	{ DUAL,
	  "",
	  0,
	  { { "10.5.3.0/24", OUR_IP, "", 8, "r" } },
	  LEASE_CREATE,
	  "10.5.3.0/24&fd00:5:0:3::/64",
	  0,
	  true },
	{ NET,
	  "",
	  0,
	  { { "10.5.3.0/24&fd00:5:0:8::/64", OUR_IP, SAMPLE_NODE, 8, "" } },
	  LEASE_CREATE,
	  "10.5.3.0/24",
	  0,
	  false },
	/* Both stand, as after a kill between the two steps. */
	{ DUAL,
	  "",
	  0,
	  { { "10.5.3.0/24", OUR_IP, SAMPLE_NODE, 8, "" },
	    { "10.5.3.0/24&fd00:5:0:8::/64", OUR_IP, SAMPLE_NODE, 9, "" } },
	  LEASE_ADOPT,
	  "10.5.3.0/24&fd00:5:0:8::/64",
	  9,
	  false },
	/* The IPv6 part is of another network: that part alone is new. */
	{ DUAL,
	  "",
	  0,
	  { { "10.5.3.0/24&fd00:9:0:8::/64", OUR_IP, SAMPLE_NODE, 8, "" } },
	  LEASE_CREATE,
	  "10.5.3.0/24&fd00:5:0:3::/64",
	  0,
	  false },
	/* IPv6 alone. */
	{ V6, "", 4, { { 0 } }, LEASE_CREATE, "fd00:5:0:5::/64", 0, false },
	{ V6,
	  "",
	  4,
	  { { "fd00:5:0:5::/64", "fd00::2", SAMPLE_OTHER, 8, "" } },
	  LEASE_CREATE,
	  "fd00:5:0:6::/64",
	  0,
	  false },
	{ V6,
	  "",
	  4,
	  { { "fd00:5:0:7::/64", "fd00::1", SAMPLE_NODE, 8, "" } },
	  LEASE_ADOPT,
	  "fd00:5:0:7::/64",
	  8,
	  false },
	/* A node without IPv4 on the underlay is no other node's twin by that. */
	{ DUAL,
	  "",
	  0,
	  { { "10.5.1.0/24&fd00:5:0:1::/64", "fd00::2", "", 8, "" } },
	  LEASE_CREATE,
	  "10.5.2.0/24&fd00:5:0:2::/64",
	  0,
	  false },
};

static void choices_are_as_the_contract_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(scenes); i++) {
		struct lease_choice choice = choose(&scenes[i]);
		const char *text = sample_subnets_text(choice.subnet);

		if (choice.verdict != scenes[i].verdict || strcmp(text, scenes[i].subnet) ||
		    choice.if_revision != scenes[i].if_revision ||
		    choice.reserved != scenes[i].reserved)
			fail_msg("scene %zu: verdict %d, subnet %s, revision %d, %s", i,
				 (int)choice.verdict, text, (int)choice.if_revision,
				 choice.reserved ? "reserved" : "not reserved");
	}
}

/* Whose key it is that has one of our subnets. */
static void a_rival_has_one_of_the_subnets_in_whatever_form(void **state)
{
	static const struct {
		const char *subnet, *public_ip, *node;
		bool rival;
	} cases[] = {
		{ "10.5.3.0/24", "192.168.0.2", SAMPLE_OTHER, true },
		{ "10.5.3.0/24", "192.168.0.2", "", true },
		{ "10.5.3.0/24&fd00:5:0:9::/64", "192.168.0.2", SAMPLE_OTHER, true },
		{ "10.5.4.0/24&fd00:5:0:3::/64", "192.168.0.2", SAMPLE_OTHER, true },
		{ "fd00:5:0:3::/64", "192.168.0.2", SAMPLE_OTHER, true },
		{ "10.5.3.0/24", OUR_IP, SAMPLE_NODE, false },
		{ "10.5.3.0/24", OUR_IP, "", false },
		{ "10.5.4.0/24", "192.168.0.2", SAMPLE_OTHER, false },
	};
	const struct lease_self self = { .node = SAMPLE_NODE,
					 .machine = "",
					 .public_ip = { sample_addr(OUR_IP) } };
	struct peer held = sample_peer("10.5.3.0/24&fd00:5:0:3::/64", OUR_IP, MAC, SAMPLE_NODE, 9);

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct peer peer = sample_peer(cases[i].subnet, cases[i].public_ip, MAC,
					       cases[i].node, 8);
		struct peers known = { .len = 0 };

		sample_put(&known, &peer);
		if (!lease_rival(&known, &self, held.subnet) == cases[i].rival)
			fail_msg("%s of %s", cases[i].subnet, cases[i].public_ip);
		known.at[0].vanished = true;
		assert_null(lease_rival(&known, &self, held.subnet));
		peers_free(&known);
	}
}

/* A key of ours that cannot stay as it is makes place for the next in the same step. */
static void our_own_other_key_goes_with_the_new_one(void **state)
{
	static const struct {
		const char *network, *subnet, *node, *how;
		const char *goes; /* "": nothing */
	} cases[] = {
		{ DUAL, "10.5.3.0/24", SAMPLE_NODE, "", "10.5.3.0/24" },
		{ DUAL, "10.5.3.0/24", "", "", "10.5.3.0/24" }, /* flannel's, of our address */
		{ NET, "10.5.3.0/24&fd00:5:0:3::/64", SAMPLE_NODE, "",
		  "10.5.3.0/24&fd00:5:0:3::/64" },
		{ NET, "10.6.3.0/24", SAMPLE_NODE, "", "10.6.3.0/24" }, /* of no use at all */
		{ V6, "10.5.3.0/24", SAMPLE_NODE, "", "10.5.3.0/24" },
		{ DUAL, "10.5.3.0/24", SAMPLE_NODE, "v", "" },
		{ DUAL, "10.5.3.0/24", SAMPLE_OTHER, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct scene scene = {
			cases[i].network,
			"",
			0,
			{ { cases[i].subnet, OUR_IP, cases[i].node, 8, cases[i].how } },
			LEASE_CREATE,
			"",
			0,
			false
		};
		struct lease_choice choice = choose(&scene);
		bool goes = *cases[i].goes;

		assert_int_equal(choice.verdict, LEASE_CREATE);
		assert_int_equal(choice.instead_revision, goes ? 8 : 0);
		if (goes)
			assert_string_equal(sample_subnets_text(choice.instead_of), cases[i].goes);
	}
}

/* Two machines with one state directory; and one machine that is not quite what it was. */
static void a_machine_with_our_id_elsewhere_is_a_copy(void **state)
{
	static const struct {
		const char *public_ip, *node, *machine;
		bool copy;
	} cases[] = {
		{ "192.168.0.9", SAMPLE_NODE, "00000000000000bb", true },
		{ OUR_IP, SAMPLE_NODE, "00000000000000bb", false }, /* the address moved here */
		{ "192.168.0.9", SAMPLE_NODE, "00000000000000aa", false }, /* another address */
		{ OUR_IP, SAMPLE_NODE, "00000000000000aa", false },        /* started again */
		{ "192.168.0.9", SAMPLE_NODE, "", false },                 /* not known */
		{ "192.168.0.9", SAMPLE_OTHER, "00000000000000bb", false },
	};
	const struct lease_self self = { .node = SAMPLE_NODE,
					 .machine = "00000000000000aa",
					 .public_ip = { sample_addr(OUR_IP) } };
	struct config config = sample_config(NET);

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct peer peer = sample_peer("10.5.3.0/24", cases[i].public_ip, MAC,
					       cases[i].node, 8);
		struct peers known = { .len = 0 };

		snprintf(peer.machine, sizeof(peer.machine), "%s", cases[i].machine);
		sample_put(&known, &peer);
		if ((lease_choose(&known, &config, &self).verdict == LEASE_COPY) != cases[i].copy)
			fail_msg("case %zu", i);
		peers_free(&known);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choices_are_as_the_contract_says),
		cmocka_unit_test(a_rival_has_one_of_the_subnets_in_whatever_form),
		cmocka_unit_test(our_own_other_key_goes_with_the_new_one),
		cmocka_unit_test(a_machine_with_our_id_elsewhere_is_a_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
