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
	const struct lease_self self = {
		.node = SAMPLE_NODE,
		.public_ip = sample_addr(OUR_IP),
		.last = sample_prefix(scene->last),
		.seed = scene->seed,
	};
	struct config config = sample_config(scene->network);
	struct peers known = { .len = 0 };
	struct lease_choice choice;

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
};

static void choices_are_as_the_contract_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(scenes); i++) {
		struct lease_choice choice = choose(&scenes[i]);
		char text[PREFIX_TEXT_SIZE];

		if (choice.verdict != scenes[i].verdict ||
		    strcmp(prefix_text(&choice.subnet, text), scenes[i].subnet) ||
		    choice.if_revision != scenes[i].if_revision ||
		    choice.reserved != scenes[i].reserved)
			fail_msg("scene %zu: verdict %d, subnet %s, revision %d, %s", i,
				 (int)choice.verdict, text, (int)choice.if_revision,
				 choice.reserved ? "reserved" : "not reserved");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choices_are_as_the_contract_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
