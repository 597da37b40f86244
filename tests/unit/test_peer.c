/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lease/peer.h"

#include "common/array.h"
#include "daemon/lease/foreign.h"
#include "tests/unit/samples.h"

#define MAC_A "c6:d2:32:6f:8f:0a"
#define MAC_B "c6:d2:32:6f:8f:0b"
#define MAC_C "c6:d2:32:6f:8f:0c"
#define MAC_SELF "c6:d2:32:6f:8f:01"
#define DUAL "{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"}"
#define DUAL_WIDE                                                                                  \
	"{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/32\"}"

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

/* A lease, and a part of the error that refuses it. */
struct one {
	const char *subnet, *public_ip, *mac;
	uint32_t vni;
	const char *error; /* NULL: it is usable */
};

static void each_peer_is_checked(void **state)
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
		{ "10.5.2.0/24", "10.5.9.9", MAC_A, 1, "10.5.9.9 is inside the container network" },
		{ "10.5.2.0/24", "192.168.0.2", "00:00:00:00:00:00", 1, "backend is not vxlan" },
		{ "10.5.2.0/24", "192.168.0.2", "01:00:5e:00:00:01", 1, "group address" },
		{ "10.5.2.0/24", "192.168.0.2", "ff:ff:ff:ff:ff:ff", 1, "group address" },
		{ "10.5.2.0/24", "192.168.0.2", MAC_SELF, 1, "VtepMAC is this node's own" },
		{ "10.5.2.0/24", "192.168.0.2", MAC_A, 2, "VNI is 2, this network's is 1" },
		{ "10.5.2.0/24", "127.0.0.1", MAC_A, 1, "127.0.0.1 is not a valid" },
		{ "10.5.2.0/24", "224.0.0.1", MAC_A, 1, "224.0.0.1 is not a valid" },
		{ "10.5.2.0/24", "255.255.255.255", MAC_A, 1, "is not a valid node address" },
		{ "10.5.2.0/24", "0.0.0.0", MAC_A, 1, "0.0.0.0 is not a valid node address" },
		{ "10.5.2.0/24", "203.0.113.1", MAC_A, 1, "203.0.113.1 is this node's own" },
		{ "10.5.2.0/24", "192.168.0.1", MAC_A, 1, "192.168.0.1 is this node's own" },
	};
	struct config config = sample_config(network);
	struct peer_self self = self_of("10.5.1.0/24");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct one *one = &cases[i];
		struct lease peer = sample_peer(one->subnet, one->public_ip, one->mac, "", 1);
		struct err err = ERR_INIT;

		peer.vni[FAMILY_V4] = one->vni;
		if (peer_check(&peer, &config, &self, &err) != (one->error ? -1 : 0))
			fail_msg("%s %s: %s", one->subnet, one->public_ip, err.text);
		if (one->error)
			assert_says(err.text, one->error);
	}
}

static void addresses_and_macs_of_this_node_are_refused_by_name(void **state)
{
	static const struct {
		const char *public_ip, *mac, *node, *error;
	} cases[] = {
		{ "192.168.0.255", MAC_A, "",
		  "192.168.0.255 is the broadcast address of this node's eth0" },
		{ "192.168.0.0", MAC_A, "",
		  "192.168.0.0 is the network address of this node's eth0" },
		{ "172.17.0.1", MAC_A, SAMPLE_OTHER,
		  "172.17.0.1 is an address of this node's docker0" },
		{ "10.9.1.1", MAC_A, "",
		  "10.9.1.1 is inside the container network of network \"blue\"" },
		{ "192.168.0.2", "02:00:00:00:00:07", "",
		  "VtepMAC 02:00:00:00:00:07 is that of this node's docker0" },
		{ "192.168.0.2", "02:00:00:00:00:08", "",
		  "VtepMAC 02:00:00:00:00:08 is that of a container" },
		{ "192.168.0.2", "0a:58:0a:05:01:07", "",
		  "VtepMAC 0a:58:0a:05:01:07 is one that containers have" },
		{ "192.168.0.2", "0a:58:0a:05:09:07", SAMPLE_OTHER, "containers have (0a:58)" },
		{ "192.168.0.2", "0a:58:c0:a8:09:07", SAMPLE_OTHER, "containers have (0a:58)" },
		{ "192.168.0.2", "0a:58:c0:a8:09:07", "", NULL }, /* flannel draws any MAC */
		{ "192.168.0.2", "0a:59:0a:05:01:07", SAMPLE_OTHER, NULL },
		{ "192.168.0.2", MAC_A, SAMPLE_OTHER, NULL },
	};
	const struct foreign_device eth0 = { "eth0", false }, docker0 = { "docker0", true };
	const struct prefix uplink = sample_prefix("192.168.0.1/24");
	const struct prefix docker = sample_prefix("172.17.0.1/16");
	const struct mac docker_mac = sample_mac("02:00:00:00:00:07");
	struct foreign_mac container = { .mac = sample_mac("02:00:00:00:00:08") };
	struct foreign_macs containers = { .at = &container, .len = 1 };
	struct config config = sample_config(network);
	struct config blue = sample_config("{\"Network\":\"10.9.0.0/16\"}");
	const struct peer_network others[] = { { "blue", &blue } };
	struct peer_self self = self_of("10.5.1.0/24");
	struct foreign foreign = { .prefixes.len = 0 };

	(void)state;
	assert_true(foreign_add_address(&foreign, &uplink, &eth0, true));
	assert_true(foreign_add_address(&foreign, &docker, &docker0, true));
	assert_true(foreign_add_mac(&foreign, &docker_mac, "docker0"));
	foreign_sort(&foreign);
	self.foreign = &foreign;
	self.containers = &containers;
	self.others = others;
	self.other_len = ARRAY_LEN(others);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lease peer = sample_peer("10.5.2.0/24", cases[i].public_ip, cases[i].mac,
						cases[i].node, 1);
		struct err err = ERR_INIT;

		if (peer_check(&peer, &config, &self, &err) != (cases[i].error ? -1 : 0))
			fail_msg("case %zu: %s", i, err.text);
		if (cases[i].error)
			assert_says(err.text, cases[i].error);
	}
	foreign_free(&foreign);
}

/* The MAC of an IPv6 container is derived from a hash. */
static void in_a_network_without_ipv4_no_peer_has_a_derived_mac(void **state)
{
	struct config config = sample_config(
		"{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"}");
	struct peer_self self = self_of("fd00:5:0:1::/64");
	struct lease peer = sample_peer("fd00:5:0:2::/64", "fd00::2", "0a:58:c0:a8:09:07", "", 1);
	struct err err = ERR_INIT;

	(void)state;
	self.outer[FAMILY_V6] = true;
	assert_int_equal(peer_check(&peer, &config, &self, &err), -1);
	assert_says(err.text, "containers have (0a:58)");
}

static void a_source_that_no_peer_has_is_left_out(void **state)
{
	const struct {
		const char *source;
		bool used;
	} cases[] = { { "192.168.9.9", true },
		      { "10.5.7.7", false }, /* a container's */
		      { "192.168.0.1", false } };
	struct config config = sample_config("{\"Network\":\"10.5.0.0/16\"}");
	struct peer_self self = self_of("10.5.1.0/24");
	struct err err = ERR_INIT;

	(void)state;
	self.uplink[FAMILY_V4] = sample_addr("192.168.0.1");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lease peer = sample_peer("10.5.2.0/24", "192.168.0.2", "c6:d2:32:6f:8f:44",
						SAMPLE_OTHER, 1);

		peer.source_ip[FAMILY_V4] = sample_addr(cases[i].source);
		assert_good(peer_check(&peer, &config, &self, &err), err);
		assert_int_equal(ipaddr_is_set(&peer.source_ip[FAMILY_V4]), cases[i].used);
	}
}

static void subnets_that_contain_underlay_addresses_are_refused(void **state)
{
	struct config config = sample_config("{\"Network\":\"192.168.0.0/16\"}");
	struct lease peer = sample_peer("192.168.0.0/24", "203.0.113.2", MAC_A, "", 1);
	struct peer_self self = self_of("");
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(peer_check(&peer, &config, &self, &err), -1);
	assert_says(err.text, "subnet 192.168.0.0/24 contains this node's own address");
	sample_subnets("192.168.7.0/24", peer.subnet);
	assert_good(peer_check(&peer, &config, &self, &err), err);
}

static void without_a_lease_no_peer_overlaps_it(void **state)
{
	struct config config = sample_config(network);
	struct lease peer = sample_peer("10.5.1.0/24", "192.168.0.2", MAC_A, "", 1);
	struct peer_self self = self_of("");
	struct err err = ERR_INIT;

	(void)state;
	assert_good(peer_check(&peer, &config, &self, &err), err);
}

struct refusals {
	size_t len;
	char subnet[8][2 * PREFIX_TEXT_SIZE];
	char reason[8][ERR_TEXT_SIZE];
};

static void note_refusal(void *ctx, const struct lease *peer, const char *reason)
{
	struct refusals *refusals = ctx;

	assert_true(refusals->len < ARRAY_LEN(refusals->reason));
	snprintf(refusals->subnet[refusals->len], sizeof(refusals->subnet[0]), "%s",
		 sample_subnets_text(peer->subnet));
	assert_true(*refusals->subnet[refusals->len]);
	snprintf(refusals->reason[refusals->len], sizeof(refusals->reason[0]), "%s", reason);
	refusals->len++;
}

/* Leases in the order of their revisions; the usable and the refused ones. */
struct set {
	const char *known[8][2]; /* subnet, MAC */
	const char *usable;      /* subnets, each followed by a blank */
	const char *refused;     /* the same, in the order of the refusals */
	const char *reason;      /* of the first refusal */
};

static void filter_set(const struct set *set, bool backwards, struct refusals *refusals,
		       struct leases *usable)
{
	struct config config = sample_config(network);
	struct peer_self self = self_of("10.5.1.0/24");
	struct leases known = { .len = 0 };
	size_t len = 0;

	while (len < ARRAY_LEN(set->known) && set->known[len][0])
		len++;
	for (size_t i = 0; i < len; i++) {
		char public_ip[32];
		struct lease peer;

		snprintf(public_ip, sizeof(public_ip), "192.168.0.%zu", i + 2);
		peer = sample_peer(set->known[i][0], public_ip, set->known[i][1], SAMPLE_OTHER,
				   backwards ? len - i : i + 1);
		sample_put(&known, &peer);
	}
	assert_true(peers_filter(&known, &config, &self, usable, NULL, note_refusal, refusals));
	leases_free(&known);
}

static void assert_subnets(const struct leases *peers, const char *want)
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

static void one_of_two_conflicting_peers_is_used(void **state)
{
	static const struct set cases[] = {
		{ { { NULL } }, "", "", NULL },
		{ { { "10.5.2.0/24", MAC_A }, { "10.5.3.0/24", MAC_B } },
		  "10.5.2.0/24 10.5.3.0/24 ",
		  "",
		  NULL },
		/* A subnet of the network's own length wins, regardless of the revisions. */
		{ { { "10.5.2.0/23", MAC_A }, { "10.5.3.0/24", MAC_B } },
		  "10.5.3.0/24 ",
		  "10.5.2.0/23 ",
		  "its subnet overlaps that of 10.5.3.0/24, which takes precedence" },
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
		/* Otherwise the older one. */
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
		/* A MAC belongs to one VTEP. */
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
		/* A lease that is refused by itself conflicts with no other. */
		{ { { "10.6.2.0/24", MAC_A }, { "10.5.3.0/24", MAC_A } },
		  "10.5.3.0/24 ",
		  "10.6.2.0/24 ",
		  "not in the network" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct refusals refusals = { .len = 0 };
		struct leases usable = { .len = 0 };

		filter_set(&cases[i], false, &refusals, &usable);
		assert_subnets(&usable, cases[i].usable);
		assert_refusals(&refusals, &cases[i]);
		leases_free(&usable);
	}
}

static void the_older_peer_is_used_in_any_order(void **state)
{
	static const struct set set = {
		.known = { { "10.5.2.0/24", MAC_A },
			   { "10.5.3.0/24", MAC_A },
			   { "10.5.4.0/24", MAC_A } },
	};
	struct refusals refusals = { .len = 0 };
	struct leases usable = { .len = 0 };

	(void)state;
	filter_set(&set, true, &refusals, &usable);
	assert_subnets(&usable, "10.5.4.0/24 ");
	assert_int_equal(refusals.len, 2);
	leases_free(&usable);
}

/* A restored or hostile store may give two keys one revision; all nodes still choose the same. */
static void a_tie_is_broken_by_the_subnet(void **state)
{
	struct config config = sample_config(network);
	struct peer_self self = self_of("10.5.1.0/24");
	struct lease high = sample_peer("10.5.3.0/24", "192.168.0.3", MAC_A, "", 5);
	struct lease low = sample_peer("10.5.2.0/24", "192.168.0.2", MAC_A, "", 5);
	struct leases known = { .len = 0 }, usable = { .len = 0 };

	(void)state;
	sample_put(&known, &high);
	sample_put(&known, &low);
	assert_true(peers_filter(&known, &config, &self, &usable, NULL, NULL, NULL));
	assert_subnets(&usable, "10.5.2.0/24 ");
	leases_free(&known);
	leases_free(&usable);
}

/*
 * Heartbeats of Kubernetes' Nodes have made the revisions meaningless: both are in the first list.
 */
static void a_tie_is_broken_by_the_age_of_the_nodes(void **state)
{
	struct config config = sample_config(network);
	struct peer_self self = self_of("10.5.1.0/24");
	struct lease older = sample_peer("10.5.3.0/24", "192.168.0.3", MAC_A, "", 1);
	struct lease newer = sample_peer("10.5.2.0/24", "192.168.0.2", MAC_A, "", 1);
	struct leases known = { .len = 0 }, usable = { .len = 0 };

	(void)state;
	older.created = 1000;
	newer.created = 1001;
	sample_put(&known, &older);
	sample_put(&known, &newer);
	assert_true(peers_filter(&known, &config, &self, &usable, NULL, NULL, NULL));
	assert_subnets(&usable, "10.5.3.0/24 ");
	leases_free(&known);
	leases_free(&usable);
}

static void the_lease_of_this_node_is_neither_a_peer_nor_refused(void **state)
{
	struct config config = sample_config(network);
	struct peer_self self = self_of("10.5.1.0/24");
	struct lease own = sample_peer("10.5.1.0/24", "203.0.113.1", MAC_SELF, SAMPLE_NODE, 1);
	struct lease old = sample_peer("10.5.9.0/24", "203.0.113.1", MAC_SELF, SAMPLE_NODE, 2);
	struct leases known = { .len = 0 }, usable = { .len = 0 };
	struct refusals refusals = { .len = 0 };

	(void)state;
	sample_put(&known, &own);
	assert_true(peers_filter(&known, &config, &self, &usable, NULL, note_refusal, &refusals));
	assert_int_equal(usable.len, 0);
	assert_int_equal(refusals.len, 0);
	sample_put(&known, &old); /* another key of this node is refused with an error */
	assert_true(peers_filter(&known, &config, &self, &usable, NULL, note_refusal, &refusals));
	assert_int_equal(usable.len, 0);
	assert_int_equal(refusals.len, 1);
	leases_free(&known);
	leases_free(&usable);
}

/* An invalid value: the earlier value stays in use; without one there is no peer. */
static void an_invalid_value_keeps_the_earlier_peer(void **state)
{
	struct config config = sample_config(network);
	struct peer_self self = self_of("10.5.1.0/24");
	struct lease before = sample_peer("10.5.2.0/24", "192.168.0.2", MAC_A, "", 1);
	struct lease never = { .subnet = { sample_prefix("10.5.3.0/24") }, .invalid = true };
	struct leases known = { .len = 0 }, usable = { .len = 0 };
	struct refusals refusals = { .len = 0 };

	(void)state;
	before.invalid = true;
	sample_put(&known, &before);
	sample_put(&known, &never);
	assert_true(peers_filter(&known, &config, &self, &usable, NULL, note_refusal, &refusals));
	assert_subnets(&usable, "10.5.2.0/24 ");
	assert_int_equal(refusals.len, 0);
	leases_free(&known);
	leases_free(&usable);
}

/* A node that was started elsewhere after the store was wiped. */
static void a_vanished_lease_loses_every_conflict(void **state)
{
	struct config config = sample_config(network);
	struct peer_self self = self_of("10.5.1.0/24");
	struct lease vanished = sample_peer("10.5.2.0/24", "192.168.0.2", MAC_A, "", 0);
	struct lease current = sample_peer("10.5.3.0/24", "192.168.0.2", MAC_A, "", 9);
	struct leases known = { .len = 0 }, usable = { .len = 0 };

	(void)state;
	vanished.vanished = true;
	sample_put(&known, &vanished);
	sample_put(&known, &current);
	assert_true(peers_filter(&known, &config, &self, &usable, NULL, NULL, NULL));
	assert_subnets(&usable, "10.5.3.0/24 ");
	leases_free(&known);
	leases_free(&usable);
}

/* ---- Both families ------------------------------------------------------------------------ */

/* A dual-stack lease, the families of the underlay, and the families that are used. */
static void each_family_is_checked_separately(void **state)
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
		/* A MAC cannot belong to two VTEPs. */
		{ KEY, "192.168.0.2", "fd00::2", MAC_A, false, { true, true }, "10.5.2.0/24" },
		{ KEY, "192.168.0.2", "fd00::2", MAC_SELF, false, { true, true }, "10.5.2.0/24" },
		/* A weft node accepts both families over either underlay. */
		{ KEY, "192.168.0.2", "", "", true, { true, false }, KEY },
		{ KEY, "", "fd00::2", "", true, { true, true }, KEY },
		{ KEY, "", "fd00::2", "", true, { true, false }, NULL },
		{ KEY, "192.168.0.2", "", "", true, { false, true }, NULL },
		{ "10.5.2.0/24", "192.168.0.2", "", "", true, { true, true }, "10.5.2.0/24" },
		{ "10.5.2.0/24", "", "fd00::2", "", true, { false, true }, "10.5.2.0/24" },
		{ "fd00:5:0:2::/64", "", "fd00::2", MAC_B, true, { true, true }, "fd00:5:0:2::/64" },
		/* An error of one family does not affect the other. */
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
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct peer_self self = self_of("10.5.1.0/24&fd00:5:0:1::/64");
		struct lease peer = sample_peer(cases[i].subnets, cases[i].public_ip, MAC_A,
						cases[i].weft ? SAMPLE_OTHER : "", 1);
		struct err err = ERR_INIT;
		int rc;

		memcpy(self.outer, cases[i].outer, sizeof(self.outer));
		peer.public_ip[FAMILY_V6] = sample_addr(cases[i].public_ipv6);
		peer.vtep_mac[FAMILY_V6] = *cases[i].mac6 ? sample_mac(cases[i].mac6) :
							    (struct mac){ { 0 } };
		rc = peer_check(&peer, &config, &self, &err);
		if (rc != (cases[i].usable ? 0 : -1))
			fail_msg("case %zu: %s", i, err.text);
		if (rc == 0 && strcmp(sample_subnets_text(peer.subnet), cases[i].usable))
			fail_msg("case %zu: %s", i, sample_subnets_text(peer.subnet));
	}
}

/*
 * Of two peers that conflict in one family, the older keeps it; the younger keeps the other family.
 */
/* The kernel disables IPv6 on devices with an MTU below 1280. */
static void a_small_mtu_disables_ipv6_only(void **state)
{
	static const struct {
		uint32_t own, peer;
		const char *says; /* NULL: both families are usable */
	} cases[] = {
		{ 1450, 1450, NULL },
		{ 1280, 1280, NULL },
		{ 0, 0, NULL },
		{ 1450, 1230, "disabled on its node: the MTU of 1230 is below 1280" },
		{ 1279, 1450, "disabled on this node: its MTU of 1279 is below 1280" },
	};
	struct config config = sample_config(DUAL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct peer_self self = self_of("10.5.1.0/24&fd00:5:0:1::/64");
		struct lease peer = sample_peer("10.5.2.0/24&fd00:5:0:2::/64", "192.168.0.2", MAC_A,
						SAMPLE_OTHER, 1);
		struct lease v6 = sample_peer("fd00:5:0:2::/64", "192.168.0.2", MAC_A, SAMPLE_OTHER,
					      1);
		struct err err = ERR_INIT;

		self.mtu = cases[i].own;
		peer.mtu = v6.mtu = cases[i].peer;
		assert_good(peer_check(&peer, &config, &self, &err), err);
		assert_true(prefix_is_set(&peer.subnet[FAMILY_V4]));
		assert_int_equal(prefix_is_set(&peer.subnet[FAMILY_V6]), !cases[i].says);
		assert_int_equal(peer_check(&v6, &config, &self, &err), cases[i].says ? -1 : 0);
		if (cases[i].says)
			assert_says(err.text, cases[i].says);
	}
}

static void conflicts_are_resolved_for_each_family(void **state)
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
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct leases known = { .len = 0 }, usable = { .len = 0 };

		for (size_t k = 0; k < ARRAY_LEN(cases[i].known) && cases[i].known[k][0]; k++) {
			static const char *const nodes[] = {
				"7ba7b810-9dad-11d1-80b4-00c04fd430c8",
				"8ba7b810-9dad-11d1-80b4-00c04fd430c8",
				"9ba7b810-9dad-11d1-80b4-00c04fd430c8",
			};
			char public_ip[32];
			struct lease peer;

			snprintf(public_ip, sizeof(public_ip), "192.168.0.%zu", k + 2);
			peer = sample_peer(cases[i].known[k][0], public_ip, cases[i].known[k][1],
					   nodes[k], k + 1);
			sample_put(&known, &peer);
		}
		assert_true(peers_filter(&known, &config, &self, &usable, NULL, NULL, NULL));
		assert_subnets(&usable, cases[i].usable);
		leases_free(&known);
		leases_free(&usable);
	}
}

/* A node whose network gets a second family puts its new key, then removes the old one. */
static void a_new_key_of_a_node_replaces_its_old_key(void **state)
{
	struct config config = sample_config(DUAL);
	struct peer_self self = self_of("");
	struct lease old = sample_peer("10.5.2.0/24", "192.168.0.2", MAC_A, SAMPLE_OTHER, 1);
	struct lease new = sample_peer("10.5.2.0/24&fd00:5:0:2::/64", "192.168.0.2", MAC_A,
				       SAMPLE_OTHER, 2);
	struct leases known = { .len = 0 }, usable = { .len = 0 };

	(void)state;
	sample_put(&known, &old);
	sample_put(&known, &new);
	assert_true(peers_filter(&known, &config, &self, &usable, NULL, NULL, NULL));
	assert_subnets(&usable, "10.5.2.0/24&fd00:5:0:2::/64 ");
	/* A node with the same ID at another address is a clone; its key replaces nothing. */
	leases_find(&known, new.subnet)->public_ip[FAMILY_V4] = sample_addr("192.168.0.3");
	assert_true(peers_filter(&known, &config, &self, &usable, NULL, NULL, NULL));
	assert_subnets(&usable, "10.5.2.0/24 ");
	leases_free(&known);
	leases_free(&usable);
}

/* A flannel node with both families. */
static struct lease flannel(const char *subnets, const char *mac, const char *mac6, const char *ip6)
{
	struct lease peer = sample_peer(subnets, "192.168.0.2", mac, "", 7);

	peer.vtep_mac[FAMILY_V6] = sample_mac(mac6);
	peer.public_ip[FAMILY_V6] = sample_addr(ip6);
	return peer;
}

static struct peer_self dual_self(void)
{
	struct peer_self self = { .node = SAMPLE_NODE,
				  .outer = { true, true },
				  .vtep_mac = sample_mac("c6:d2:32:6f:8f:01") };

	sample_subnets("10.5.1.0/24&fd00:5:1::/64", self.subnet);
	self.public_ip[FAMILY_V4] = self.uplink[FAMILY_V4] = sample_addr("192.168.0.1");
	self.public_ip[FAMILY_V6] = self.uplink[FAMILY_V6] = sample_addr("fd00::1");
	return self;
}

/* error NULL: both families are used, or there is only one. */
static void an_unused_family_has_a_reason(void **state)
{
	static const struct {
		const char *subnets, *mac6, *ip6, *config, *error;
	} cases[] = {
		{ "10.5.2.0/24&fd00:5:2::/64", MAC_B, "fd00::2", DUAL_WIDE, NULL },
		{ "10.5.2.0/24", MAC_B, "fd00::2", DUAL_WIDE, NULL },
		{ "10.5.2.0/24&fd00:5:2::/64", MAC_B, "", DUAL_WIDE, "no address on the underlay" },
		{ "10.5.2.0/24&fd00:5:2::/64", MAC_A, "fd00::2", DUAL_WIDE, "same VtepMAC" },
		{ "10.5.2.0/24&fd00:5:2::/64", "00:00:00:00:00:00", "fd00::2", DUAL_WIDE,
		  "backend is not vxlan" },
		{ "10.5.2.0/24&fd00:6:2::/64", MAC_B, "fd00::2", DUAL_WIDE, "not in the network" },
		{ "10.6.2.0/24&fd00:5:2::/64", MAC_B, "fd00::2", DUAL_WIDE,
		  "not in the network 10.5.0.0/16" },
		{ "10.5.2.0/24&fd00:5:2::/64", MAC_B, "fd00::2", "{\"Network\":\"10.5.0.0/16\"}",
		  "family that the network does not have" },
		{ "10.5.2.0/24&fd00:5:7::/64", MAC_B, "fd00::2", DUAL_WIDE,
		  "which takes precedence" },
	};
	const struct peer_self self = dual_self();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct config config = sample_config(cases[i].config);
		struct leases known = { .len = 0 }, usable = { .len = 0 };
		struct lease peer = flannel(cases[i].subnets, MAC_A, cases[i].mac6, cases[i].ip6);
		struct lease first = sample_peer("fd00:5:7::/64", "fd00::7", "c6:d2:32:6f:8f:07",
						 SAMPLE_OTHER, 3);
		char reason[256] = "";
		size_t dropped = 0;

		sample_put(&known, &peer);
		sample_put(&known, &first);
		assert_true(peers_filter(&known, &config, &self, &usable, NULL, NULL, NULL));
		for (size_t p = 0; p < usable.len; p++)
			dropped += peer_unused_family(&known, &usable.at[p], &config, &self, reason,
						      sizeof(reason));
		if (dropped != (cases[i].error != NULL))
			fail_msg("case %zu: %s", i, reason);
		assert_says(reason, cases[i].error ? cases[i].error : "");
		leases_free(&known);
		leases_free(&usable);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_peer_is_checked),
		cmocka_unit_test(addresses_and_macs_of_this_node_are_refused_by_name),
		cmocka_unit_test(in_a_network_without_ipv4_no_peer_has_a_derived_mac),
		cmocka_unit_test(a_source_that_no_peer_has_is_left_out),
		cmocka_unit_test(subnets_that_contain_underlay_addresses_are_refused),
		cmocka_unit_test(without_a_lease_no_peer_overlaps_it),
		cmocka_unit_test(one_of_two_conflicting_peers_is_used),
		cmocka_unit_test(the_older_peer_is_used_in_any_order),
		cmocka_unit_test(a_tie_is_broken_by_the_subnet),
		cmocka_unit_test(a_tie_is_broken_by_the_age_of_the_nodes),
		cmocka_unit_test(the_lease_of_this_node_is_neither_a_peer_nor_refused),
		cmocka_unit_test(an_invalid_value_keeps_the_earlier_peer),
		cmocka_unit_test(a_vanished_lease_loses_every_conflict),
		cmocka_unit_test(each_family_is_checked_separately),
		cmocka_unit_test(a_small_mtu_disables_ipv6_only),
		cmocka_unit_test(conflicts_are_resolved_for_each_family),
		cmocka_unit_test(a_new_key_of_a_node_replaces_its_old_key),
		cmocka_unit_test(an_unused_family_has_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
