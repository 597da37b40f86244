/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store's life as weftd hears of it. The input is a program of two bytes an instruction, some
 * followed by a line of the input's own: keys are put, good or rubbish, and removed, lists come
 * whole, broken off, or with rubbish in the place of values. Along with weftd's own memory a plain
 * model of the store is kept, and after each step it must hold that
 *
 *   - rubbish removes nobody: what cannot be read, and its removal, leaves the usable peers as
 *     they were; so does a list that breaks off;
 *   - what is used can be used: in the network, apart from one another and from our own subnet,
 *     no two with one MAC, and the plan for it leaves nothing to do once it is carried out;
 *   - memory is bounded by the number of keys.
 */
#include "fuzz.h"

#include "common/err.h"
#include "daemon/config.h"
#include "daemon/known.h"
#include "daemon/plan.h"
#include "daemon/store.h"

#define NODES 12
#define SELF_NODE "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
#define CONFIG                                                                                     \
	"{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/32\","        \
	"\"IPv6SubnetLen\":64}"

struct world {
	struct known known;
	struct config config;
	struct peer_self self;
	uint64_t revision;
	size_t keys; /* that were ever told */
	struct peers usable;
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
	require(peer_parse_key("10.5.1.0-24&fd00:5:1::-64", world->self.subnet, &err) == 0);
	world->self.public_ip[FAMILY_V4] = world->self.uplink[FAMILY_V4] = addr_of("192.168.0.1");
	world->self.public_ip[FAMILY_V6] = world->self.uplink[FAMILY_V6] = addr_of("fd00::1");
	world->self.outer[FAMILY_V4] = world->self.outer[FAMILY_V6] = true;
	require(mac_parse("c6:d2:32:6f:8f:01", &world->self.vtep_mac, &err) == 0);
}

/* ---- What must hold ---------------------------------------------------------------------- */

static void judge(const struct world *world, struct peers *usable)
{
	require(peers_judge(&world->known.now.peers, &world->config, &world->self, usable, NULL,
			    NULL, NULL));
}

static void check_pair(const struct peer *a, const struct peer *b)
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
	const struct peers *usable = &world->usable;

	for (size_t i = 0; i < usable->len; i++) {
		const struct peer *peer = &usable->at[i];

		for (enum family f = 0; f < FAMILIES; f++)
			require(!prefix_is_set(&peer->subnet[f]) ||
				(prefix_covers(&world->config.plan[f].network, &peer->subnet[f]) &&
				 !prefix_overlaps(&peer->subnet[f], &world->self.subnet[f])));
		for (size_t j = 0; j < i; j++)
			check_pair(peer, &usable->at[j]);
	}
}

/* Carried out, the plan leaves nothing to do; and all of it goes when there are no peers. */
static void check_plan(const struct world *world)
{
	struct plan_devices devices = { .bridge = 3, .uplink = 2, .vxlan = { 4, 5 } };
	struct plan_table want = { .arp.len = 0 }, have = { .arp.len = 0 };
	struct plan_ops ops = { .len = 0 };

	for (enum family f = 0; f < FAMILIES; f++)
		devices.cluster[f] = world->config.plan[f].network;
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

/* In what is used of them. */
static bool same_peer(const struct peer *a, const struct peer *b)
{
	if (peer_cmp(a, b))
		return false;
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&a->subnet[f]) &&
		    (mac_cmp(&a->vtep_mac[f], &b->vtep_mac[f]) ||
		     !ipaddr_equal(&a->public_ip[f], &b->public_ip[f])))
			return false;
	return true;
}

static bool same_peers(const struct peers *a, const struct peers *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (!same_peer(&a->at[i], &b->at[i]))
			return false;
	return true;
}

/* After an event: of one that says nothing that can be read, the usable peers stay as they were. */
static void check(struct world *world, bool rubbish)
{
	struct peers now = { .len = 0 };

	judge(world, &now);
	require(!rubbish || same_peers(&now, &world->usable));
	peers_free(&world->usable);
	world->usable = now;
	check_usable(world);
	require(world->known.now.peers.len <= world->keys);
	require(world->known.now.unread.len <= KNOWN_UNREAD_MAX);
	require(world->known.now.unread.len <= world->known.now.unread_all.len);
}

/* ---- What happens ------------------------------------------------------------------------ */

/* One of a few keys, so that they meet: of node n, written as flannel writes it or otherwise. */
static void key_of(char key[static 128], uint8_t n, uint8_t form)
{
	unsigned node = 1 + n % NODES; /* 1 is us */

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

static bool tell_at(struct world *world, uint64_t revision, const char *key, const char *value)
{
	const struct store_entry entry = { .key = key,
					   .value = value,
					   .value_size = strlen(value),
					   .mod_revision = revision,
					   .lease = 9 };
	struct err err = ERR_INIT;
	int rc = known_entry(&world->known, &entry, &err);

	world->keys++;
	require(rc == 0 || *err.text);
	return rc == 0;
}

static bool tell(struct world *world, const char *key, const char *value)
{
	return tell_at(world, ++world->revision, key, value);
}

/* All that is known told again; every so often with rubbish in the place of the value. */
static void list_again(struct world *world, uint8_t spoilt)
{
	struct peers before = { .len = 0 };
	struct err err;

	for (size_t i = 0; i < world->known.now.peers.len; i++)
		require(peers_push(&before, &world->known.now.peers.at[i]));
	known_list_begin(&world->known);
	for (size_t i = 0; i < before.len; i++) {
		char key[PEER_KEY_SIZE], *value = NULL;
		bool spoil = (spoilt >> (i % 8) & 1) || before.at[i].unreadable;

		require(peer_value(&before.at[i], &value, &err) == 0);
		tell_at(world, before.at[i].mod_revision, peer_key(before.at[i].subnet, key),
			spoil ? "{" : value);
		free(value);
	}
	known_list_end(&world->known, NULL);
	peers_free(&before);
}

static void let_go(void *ctx, const struct peer *peer)
{
	(void)ctx;
	require(peer->vanished);
}

static void step(struct world *world, uint8_t what, uint8_t n, const uint8_t **data, size_t *size)
{
	char key[128], value[512];
	bool rubbish = true;
	char *line;

	key_of(key, n, n / NODES);
	switch (what % 8) {
	case 0:
	case 1:
		good_value(value, (uint8_t)(n + (what & 0x80 ? 1 : 0)), what >> 3);
		rubbish = !tell(world, key, value);
		break;
	case 2: /* a value of the input's own */
		line = fuzz_line(data, size);
		rubbish = !tell(world, key, line);
		free(line);
		break;
	case 3: /* a key of the input's own */
		line = fuzz_line(data, size);
		good_value(value, n, what >> 3);
		rubbish = !tell(world, line, value);
		free(line);
		break;
	case 4: {
		/* Another way of writing a key was never a lease: its end is nobody's. */
		struct prefix subnet[FAMILIES];
		char canonical[PEER_KEY_SIZE];
		struct err err;

		known_drop_vanished(&world->known, let_go, NULL);
		check(world, false);
		rubbish = peer_parse_key(key, subnet, &err) < 0 ||
			  strcmp(peer_key(subnet, canonical), key);
		known_gone(&world->known, key, ++world->revision, world->self.subnet);
		known_drop_vanished(&world->known, let_go, NULL);
		break;
	}
	case 5:
		known_list_begin(&world->known);
		good_value(value, n, what >> 3);
		tell(world, key, value);
		known_list_failed(&world->known);
		break;
	case 6:
		known_drop_vanished(&world->known, let_go, NULL);
		check(world, false);
		list_again(world, n);
		break;
	default: /* the store was wiped: of peers that clash another may come first */
		known_list_begin(&world->known);
		require(known_list_end(&world->known, world->self.subnet));
		rubbish = false;
		break;
	}
	check(world, rubbish);
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
	known_free(&world.known);
	peers_free(&world.usable);
	return 0;
}
