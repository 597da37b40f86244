/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of a store as weftd receives them. The input is a program of two bytes for each
 * instruction, some followed by a line of input: keys are put, valid or invalid, and removed; lists
 * are complete, break off, or have invalid values. Invariants, checked after each step:
 *
 *   - Invalid input removes no peer: an invalid key or value, and its removal, leaves the usable
 *     peers unchanged; so does a list that breaks off.
 *   - Usable peers are valid: in the network, without overlaps with one another and with this
 *     node's subnet, without shared MACs. After their plan is applied, there is nothing to do.
 *   - Memory is bounded by the number of keys.
 */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "daemon/dataplane/plan.h"
#include "daemon/lease/lease_table.h"
#include "daemon/lease/peer.h"
#include "daemon/store/store.h"
#include "ipam/config.h"

#define NODES 12
#define SELF_NODE "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
#define CONFIG                                                                                     \
	"{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/32\","        \
	"\"IPv6SubnetLen\":64}"

struct world {
	struct lease_table known;
	struct config config;
	struct peer_self self;
	uint64_t revision;
	size_t keys; /* that were ever put */
	struct leases usable;
};

static struct ipaddr addr_of(const char *text)
{
	struct ipaddr addr;
	struct err err;

	require(ipaddr_parse(text, &addr, &err) == 0);
	return addr;
}

static void no_warning(void *ctx, const char *path, const char *what)
{
	(void)ctx, (void)path, (void)what;
}

static void begin(struct world *world)
{
	struct err err;

	memset(world, 0, sizeof(*world));
	require(config_parse(CONFIG, strlen(CONFIG), no_warning, NULL, &world->config, &err) == 0);
	world->revision = 10;
	world->self.node = SELF_NODE;
	require(lease_parse_key("10.5.1.0-24&fd00:5:1::-64", world->self.subnet, &err) == 0);
	world->self.public_ip[FAMILY_V4] = world->self.uplink[FAMILY_V4] = addr_of("192.168.0.1");
	world->self.public_ip[FAMILY_V6] = world->self.uplink[FAMILY_V6] = addr_of("fd00::1");
	world->self.outer[FAMILY_V4] = world->self.outer[FAMILY_V6] = true;
	require(mac_parse("c6:d2:32:6f:8f:01", &world->self.vtep_mac, &err) == 0);
}

/* ---- Invariants -------------------------------------------------------------------------- */

static void filter(const struct world *world, struct leases *usable)
{
	require(peers_filter(&world->known.current.leases, &world->config, &world->self, usable,
			     NULL, NULL, NULL));
}

static void check_pair(const struct lease *a, const struct lease *b)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		if (!prefix_is_set(&a->subnet[f]))
			continue;
		require(!prefix_is_set(&b->subnet[f]) ||
			!prefix_overlaps(&a->subnet[f], &b->subnet[f]));
		for (enum family g = 0; g < FAMILIES; g++)
			require(!prefix_is_set(&b->subnet[g]) ||
				mac_cmp(&a->vtep_mac[f], &b->vtep_mac[g]));
	}
}

static void check_usable(const struct world *world)
{
	const struct leases *usable = &world->usable;

	for (size_t i = 0; i < usable->len; i++) {
		const struct lease *peer = &usable->at[i];

		for (enum family f = 0; f < FAMILIES; f++)
			require(!prefix_is_set(&peer->subnet[f]) ||
				(prefix_covers(&world->config.pool[f].network, &peer->subnet[f]) &&
				 !prefix_overlaps(&peer->subnet[f], &world->self.subnet[f])));
		for (size_t j = 0; j < i; j++)
			check_pair(peer, &usable->at[j]);
	}
}

/* After the plan is applied, there is nothing to do. */
static void check_plan(const struct world *world)
{
	struct plan_devices devices = { .bridge = 3, .uplink = 2, .vxlan = { 4, 5 } };
	struct plan_table want = { .arp.len = 0 }, have = { .arp.len = 0 };
	struct plan_ops ops = { .len = 0 };

	for (enum family f = 0; f < FAMILIES; f++)
		devices.cluster[f] = world->config.pool[f].network;
	devices.gateway[FAMILY_V4] = addr_of("10.5.1.1");
	devices.gateway[FAMILY_V6] = addr_of("fd00:5:1::1");
	require(plan_want(&world->usable, &world->config, &devices, &want));
	require(plan_want(&world->usable, &world->config, &devices, &have));
	require(plan_as_have(&have) && plan_diff(&want, &have, &ops));
	require(!ops.len);
	require(want.route.len >= world->usable.len && want.route.len <= 2 * world->usable.len);
	plan_table_free(&want);
	plan_table_free(&have);
	plan_ops_free(&ops);
}

/* Compares the members that are used of a peer. */
static bool same_peer(const struct lease *a, const struct lease *b)
{
	if (lease_cmp(a, b))
		return false;
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&a->subnet[f]) &&
		    (mac_cmp(&a->vtep_mac[f], &b->vtep_mac[f]) ||
		     !ipaddr_equal(&a->public_ip[f], &b->public_ip[f])))
			return false;
	return true;
}

static bool same_peers(const struct leases *a, const struct leases *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (!same_peer(&a->at[i], &b->at[i]))
			return false;
	return true;
}

/* Checks the table after an event. invalid: the event must not change the usable peers. */
static void check(struct world *world, bool invalid)
{
	struct leases now = { .len = 0 };

	filter(world, &now);
	require(!invalid || same_peers(&now, &world->usable));
	leases_free(&world->usable);
	world->usable = now;
	check_usable(world);
	require(world->known.current.leases.len <= world->keys);
	require(world->known.current.invalid.len <= LEASE_TABLE_INVALID_MAX);
	require(world->known.current.invalid.len <= world->known.current.invalid_hashes.len);
}

/* ---- Events ------------------------------------------------------------------------------ */

/* One of a few keys, so that conflicts occur: of node n, in flannel's form or another. */
static void key_of(char key[static 128], uint8_t n, uint8_t form)
{
	unsigned node = 1 + n % NODES; /* 1 is this node */

	switch (form % 6) {
	case 0:
		snprintf(key, 128, "10.5.%u.0-24", node);
		break;
	case 1:
		snprintf(key, 128, "10.5.%u.0-24&fd00:5:%x::-64", node, node);
		break;
	case 2:
		snprintf(key, 128, "10.5.%u.0-24&fd00:5:%x:0::-64", node, node);
		break;
	case 3:
		snprintf(key, 128, "fd00:5:%x::-64", node);
		break;
	case 4:
		snprintf(key, 128, "10.5.%u.0-23", node & ~1u);
		break;
	default:
		snprintf(key, 128, "10.5.%u.0-24-meta", node);
	}
}

static void good_value(char value[static 512], uint8_t n, uint8_t form)
{
	unsigned node = 1 + n % NODES;
	char weft[160] = "";

	if (form & 1)
		snprintf(weft, sizeof(weft),
			 ",\"Weft\":{\"Node\":\"7ba7b810-9dad-11d1-80b4-00c04fd430%02x\","
			 "\"Name\":\"host\",\"MTU\":1450}",
			 node);
	snprintf(value, 512,
		 "{\"PublicIP\":\"192.168.0.%u\",\"PublicIPv6\":\"fd00::%x\","
		 "\"BackendType\":\"vxlan\","
		 "\"BackendData\":{\"VNI\":%u,\"VtepMAC\":\"c6:d2:32:6f:8f:%02x\"},"
		 "\"BackendV6Data\":{\"VNI\":1,\"VtepMAC\":\"c6:d2:32:6f:9f:%02x\"}%s}",
		 node, node, form & 2 ? 2u : 1u, node + (form >> 6), node, weft);
}

static bool deliver_at(struct world *world, uint64_t revision, const char *key, const char *value)
{
	const struct store_entry entry = { .key = key,
					   .value = value,
					   .value_size = strlen(value),
					   .mod_revision = revision,
					   .lease = 9 };
	struct err err = ERR_INIT;
	int rc = lease_table_put(&world->known, &entry, &err);

	world->keys++;
	require(rc == 0 || *err.text);
	return rc == 0;
}

static bool deliver(struct world *world, const char *key, const char *value)
{
	return deliver_at(world, ++world->revision, key, value);
}

/* Lists all leases again; bits of spoilt replace values with invalid ones. */
static void list_again(struct world *world, uint8_t spoilt)
{
	struct leases before = { .len = 0 };
	struct err err;

	for (size_t i = 0; i < world->known.current.leases.len; i++)
		require(leases_push(&before, &world->known.current.leases.at[i]));
	lease_table_list_begin(&world->known);
	for (size_t i = 0; i < before.len; i++) {
		char key[LEASE_KEY_SIZE], *value = NULL;
		bool spoil = (spoilt >> (i % 8) & 1) || before.at[i].invalid;

		require(lease_value(&before.at[i], &value, &err) == 0);
		deliver_at(world, before.at[i].mod_revision, lease_key(before.at[i].subnet, key),
			   spoil ? "{" : value);
		free(value);
	}
	lease_table_list_end(&world->known, NULL);
	leases_free(&before);
}

static void let_go(void *ctx, const struct lease *peer)
{
	(void)ctx;
	require(peer->vanished);
}

static void step(struct world *world, uint8_t what, uint8_t n, const uint8_t **data, size_t *size)
{
	char key[128], value[512];
	bool invalid = true;
	char *line;

	key_of(key, n, n / NODES);
	switch (what % 8) {
	case 0:
	case 1:
		good_value(value, (uint8_t)(n + (what & 0x80 ? 1 : 0)), what >> 3);
		invalid = !deliver(world, key, value);
		break;
	case 2: /* a value from the input */
		line = fuzz_line(data, size);
		invalid = !deliver(world, key, line);
		free(line);
		break;
	case 3: /* a key from the input */
		line = fuzz_line(data, size);
		good_value(value, n, what >> 3);
		invalid = !deliver(world, line, value);
		free(line);
		break;
	case 4: {
		/* A noncanonical key was never a lease: its removal affects no peer. */
		struct prefix subnet[FAMILIES];
		char canonical[LEASE_KEY_SIZE];
		struct err err;

		lease_table_drop_vanished(&world->known, let_go, NULL);
		check(world, false);
		invalid = lease_parse_key(key, subnet, &err) < 0 ||
			  strcmp(lease_key(subnet, canonical), key);
		lease_table_delete(&world->known, key, ++world->revision, world->self.subnet);
		lease_table_drop_vanished(&world->known, let_go, NULL);
		break;
	}
	case 5:
		lease_table_list_begin(&world->known);
		good_value(value, n, what >> 3);
		deliver(world, key, value);
		lease_table_list_failed(&world->known);
		break;
	case 6:
		lease_table_drop_vanished(&world->known, let_go, NULL);
		check(world, false);
		list_again(world, n);
		break;
	default: /* the store was wiped: of conflicting peers another may be used */
		lease_table_list_begin(&world->known);
		require(lease_table_list_end(&world->known, world->self.subnet));
		invalid = false;
		break;
	}
	check(world, invalid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world;

	begin(&world);
	for (size_t steps = 0; size >= 2 && steps < 200; steps++) {
		uint8_t what = fuzz_byte(&data, &size), n = fuzz_byte(&data, &size);

		step(&world, what, n, &data, &size);
	}
	check_plan(&world);
	lease_table_free(&world.known);
	leases_free(&world.usable);
	return 0;
}
