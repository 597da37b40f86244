/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lease/lease_choose.h"

#include "common/array.h"
#include "tests/unit/samples.h"

#define MAC "c6:d2:32:6f:8f:0a"
#define OUR_IP "192.168.0.1"

/* One key in the store. */
struct key {
	const char *subnet, *public_ip, *node;
	uint64_t revision;
	const char *how; /* r: reserved, u: invalid, v: vanished */
};

struct scene {
	const char *network, *last;
	uint64_t seed;
	struct key keys[6];
	enum lease_action action;
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
	struct leases known = { .len = 0 };
	struct lease_choice choice;

	sample_subnets(scene->last, self.last);
	for (size_t i = 0; i < ARRAY_LEN(scene->keys) && scene->keys[i].subnet; i++) {
		const struct key *key = &scene->keys[i];
		struct lease peer = sample_peer(key->subnet, key->public_ip, MAC, key->node,
						key->revision);

		peer.invalid = strchr(key->how, 'u');
		peer.vanished = strchr(key->how, 'v');
		if (strchr(key->how, 'r'))
			peer.etcd_lease = 0;
		sample_put(&known, &peer);
	}
	choice = lease_choose(&known, &config, &self);
	leases_free(&known);
	return choice;
}

#define NET "{\"Network\":\"10.5.0.0/16\"}"
#define DUAL "{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"}"
#define V6 "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"}"
#define RESERVED "{\"Network\":\"10.5.0.0/16\",\"SubnetLen\":22,\"Weft\":{\"ReservedOnly\":true}}"
#define SMALL "{\"Network\":\"10.5.0.0/28\",\"SubnetLen\":30}"

static const struct scene scenes[] = {
	/* An empty store: the search begins where the seed decides. */
	{ NET, "", 0, { { 0 } }, LEASE_CREATE, "10.5.1.0/24", 0, false },
	{ NET, "", 41, { { 0 } }, LEASE_CREATE, "10.5.42.0/24", 0, false },
	/* A lease with the node's ID, regardless of its address and of the remembered subnet. */
	{ NET,
	  "10.5.9.0/24",
	  0,
	  { { "10.5.3.0/24", "192.168.7.7", SAMPLE_NODE, 8, "" } },
	  LEASE_ADOPT,
	  "10.5.3.0/24",
	  8,
	  false },
	/* The lease of a flannel node that weft replaces, by its address. */
	{ NET,
	  "",
	  0,
	  { { "10.5.3.0/24", OUR_IP, "", 8, "" } },
	  LEASE_ADOPT,
	  "10.5.3.0/24",
	  8,
	  false },
	/* Another weft node that has this node's address now. */
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
	/*
	 * The node's own lease of an earlier network configuration: another length, below the
	 * first.
	 */
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
	/* Of several leases: the reservation, else the remembered one, else the first. */
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
	/*
	 * The node's own lease, overwritten with an invalid value: adopted, but not as a
	 * reservation.
	 */
	{ NET,
	  "",
	  0,
	  { { "10.5.3.0/24", OUR_IP, SAMPLE_NODE, 7, "ru" } },
	  LEASE_ADOPT,
	  "10.5.3.0/24",
	  7,
	  false },
	/*
	 * The node's own lease, whose key vanished: put as a new key. A vanished one of another
	 * node is avoided.
	 */
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
	/* An invalid key whose owner is unknown. */
	{ NET,
	  "10.5.3.0/24",
	  0,
	  { { "10.5.3.0/24", "", "", 7, "ru" } },
	  LEASE_CREATE,
	  "10.5.1.0/24",
	  0,
	  false },
	/* The remembered subnet, if it is free and valid. */
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
	/* A full network of three subnets. */
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
	/* A key outside the network takes no subnet of it. */
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
	/* Only a reservation is used, of any length and place in the network. */
	{ RESERVED, "10.5.9.0/24", 0, { { 0 } }, LEASE_UNRESERVED, "", 0, false },
	{ RESERVED,
	  "",
	  0,
	  { { "10.5.0.0/26", "", SAMPLE_NODE, 8, "r" } },
	  LEASE_ADOPT,
	  "10.5.0.0/26",
	  8,
	  true },
	{ RESERVED,
	  "",
	  0,
	  { { "10.6.0.0/24", "", SAMPLE_NODE, 8, "r" } },
	  LEASE_UNSUITABLE,
	  "10.6.0.0/24",
	  0,
	  false },
	{ RESERVED,
	  "",
	  0,
	  { { "10.5.1.0/24&fd00:5:0:1::/64", "", SAMPLE_NODE, 8, "r" } },
	  LEASE_UNSUITABLE,
	  "10.5.1.0/24&fd00:5:0:1::/64",
	  0,
	  false },
	/* Both families: the IPv6 subnet has the index of the IPv4 subnet, if that is free. */
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
	/* The subnets of the other configuration are kept, in a new key. */
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
	/* Both keys exist, as after a kill between the two steps. */
	{ DUAL,
	  "",
	  0,
	  { { "10.5.3.0/24", OUR_IP, SAMPLE_NODE, 8, "" },
	    { "10.5.3.0/24&fd00:5:0:8::/64", OUR_IP, SAMPLE_NODE, 9, "" } },
	  LEASE_ADOPT,
	  "10.5.3.0/24&fd00:5:0:8::/64",
	  9,
	  false },
	/* The IPv6 subnet is outside the network: only this subnet is replaced. */
	{ DUAL,
	  "",
	  0,
	  { { "10.5.3.0/24&fd00:9:0:8::/64", OUR_IP, SAMPLE_NODE, 8, "" } },
	  LEASE_CREATE,
	  "10.5.3.0/24&fd00:5:0:3::/64",
	  0,
	  false },
	/* IPv6 only. */
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
	/* A node without IPv4 on the underlay does not match another node by its absent address. */
	{ DUAL,
	  "",
	  0,
	  { { "10.5.1.0/24&fd00:5:0:1::/64", "fd00::2", "", 8, "" } },
	  LEASE_CREATE,
	  "10.5.2.0/24&fd00:5:0:2::/64",
	  0,
	  false },
};

static void the_choice_follows_the_documented_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scenes); i++) {
		struct lease_choice choice = choose(&scenes[i]);
		const char *text = sample_subnets_text(choice.subnet);

		if (choice.action != scenes[i].action || strcmp(text, scenes[i].subnet) ||
		    choice.if_revision != scenes[i].if_revision ||
		    choice.reserved != scenes[i].reserved)
			fail_msg("scene %zu: action %d, subnet %s, revision %d, %s", i,
				 (int)choice.action, text, (int)choice.if_revision,
				 choice.reserved ? "reserved" : "not reserved");
	}
}

/* The key that has one of the node's subnets, and its owner. */
static void a_rival_has_one_of_the_subnets_in_any_form_of_key(void **state)
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
	struct lease held = sample_peer("10.5.3.0/24&fd00:5:0:3::/64", OUR_IP, MAC, SAMPLE_NODE, 9);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lease peer = sample_peer(cases[i].subnet, cases[i].public_ip, MAC,
						cases[i].node, 8);
		struct leases known = { .len = 0 };

		sample_put(&known, &peer);
		if (!lease_find_conflict(&known, &self, held.subnet) == cases[i].rival)
			fail_msg("%s of %s", cases[i].subnet, cases[i].public_ip);
		known.at[0].vanished = true;
		assert_null(lease_find_conflict(&known, &self, held.subnet));
		leases_free(&known);
	}
}

/* A key of this node with other subnets is removed in the same transaction as the put. */
static void another_key_of_this_node_is_replaced(void **state)
{
	static const struct {
		const char *network, *subnet, *node, *how;
		const char *goes; /* "": none */
	} cases[] = {
		{ DUAL, "10.5.3.0/24", SAMPLE_NODE, "", "10.5.3.0/24" },
		{ DUAL, "10.5.3.0/24", "", "",
		  "10.5.3.0/24" }, /* flannel's, with this node's address */
		{ NET, "10.5.3.0/24&fd00:5:0:3::/64", SAMPLE_NODE, "",
		  "10.5.3.0/24&fd00:5:0:3::/64" },
		{ NET, "10.6.3.0/24", SAMPLE_NODE, "", "10.6.3.0/24" }, /* an invalid key */
		{ V6, "10.5.3.0/24", SAMPLE_NODE, "", "10.5.3.0/24" },
		{ DUAL, "10.5.3.0/24", SAMPLE_NODE, "v", "" },
		{ DUAL, "10.5.3.0/24", SAMPLE_OTHER, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
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

		assert_int_equal(choice.action, LEASE_CREATE);
		assert_int_equal(choice.instead_revision, goes ? 8 : 0);
		if (goes)
			assert_string_equal(sample_subnets_text(choice.instead_of), cases[i].goes);
	}
}

/* Two machines with one state directory, and one machine whose attributes changed. */
static void a_running_machine_with_the_same_id_is_a_clone(void **state)
{
	static const struct {
		const char *public_ip, *node, *machine;
		bool copy;
	} cases[] = {
		{ "192.168.0.9", SAMPLE_NODE, "00000000000000bb", true },
		{ OUR_IP, SAMPLE_NODE, "00000000000000bb", false }, /* the address has moved here */
		{ "192.168.0.9", SAMPLE_NODE, "00000000000000aa", false }, /* another address */
		{ OUR_IP, SAMPLE_NODE, "00000000000000aa", false },        /* restarted */
		{ "192.168.0.9", SAMPLE_NODE, "", false },                 /* unknown */
		{ "192.168.0.9", SAMPLE_OTHER, "00000000000000bb", false },
	};
	const struct lease_self self = { .node = SAMPLE_NODE,
					 .machine = "00000000000000aa",
					 .public_ip = { sample_addr(OUR_IP) } };
	struct config config = sample_config(NET);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lease peer = sample_peer("10.5.3.0/24", cases[i].public_ip, MAC,
						cases[i].node, 8);
		struct leases known = { .len = 0 };

		snprintf(peer.machine, sizeof(peer.machine), "%s", cases[i].machine);
		sample_put(&known, &peer);
		if ((lease_choose(&known, &config, &self).action == LEASE_CLONE) != cases[i].copy)
			fail_msg("case %zu", i);
		leases_free(&known);
	}
}

/* As in Kubernetes, where any Node can have this node's address in an annotation. */
static void where_subnets_are_assigned_a_key_is_recognised_by_the_id_alone(void **state)
{
	struct lease_self self = { .node = SAMPLE_NODE,
				   .machine = "",
				   .public_ip = { sample_addr(OUR_IP) },
				   .assigned = true };
	struct lease first = sample_peer("10.5.4.0/24", OUR_IP, MAC, "", 7);
	struct lease own = sample_peer("10.5.8.0/24", OUR_IP, MAC, SAMPLE_NODE, 8);
	struct config config = sample_config(RESERVED);
	struct leases known = { .len = 0 };
	struct lease_choice choice;

	(void)state;
	first.etcd_lease = own.etcd_lease = 0;
	sample_put(&known, &first);
	assert_int_equal(lease_choose(&known, &config, &self).action, LEASE_UNRESERVED);
	sample_put(&known, &own);
	choice = lease_choose(&known, &config, &self);
	assert_int_equal(choice.action, LEASE_ADOPT);
	assert_string_equal(sample_subnets_text(choice.subnet), "10.5.8.0/24");
	leases_free(&known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_choice_follows_the_documented_rules),
		cmocka_unit_test(a_rival_has_one_of_the_subnets_in_any_form_of_key),
		cmocka_unit_test(where_subnets_are_assigned_a_key_is_recognised_by_the_id_alone),
		cmocka_unit_test(another_key_of_this_node_is_replaced),
		cmocka_unit_test(a_running_machine_with_the_same_id_is_a_clone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
