/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Nodes of peers, by events and lists in any order: of what is reported, no two subnets
 * overlap, and none overlaps this node's. Each step is an operation, a Node, the subnet of its
 * annotation and that of spec.podCIDRs.
 */
#include "tests/fuzz/fuzz.h"

#include "common/array.h"
#include "common/err.h"
#include "common/log.h"
#include "daemon/store/kube/kube_node.h"
#include "daemon/store/kube/kube_table.h"

#define NODES 6

static const char *const subnets[] = { "10.1.1.0/24", "10.1.1.0/25", "10.1.1.128/25", "10.1.0.0/16",
				       "10.1.2.0/24", "10.1.3.0/24", "10.0.0.0/8" };

struct reported {
	char keys[2 * NODES][STORE_KEY_SIZE]; /* "": unused */
};

struct scene {
	struct kube_table table;
	struct reported now, listed;
	uint64_t revision;
};

static char *find(struct reported *reported, const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(reported->keys); i++)
		if (!strcmp(reported->keys[i], key))
			return reported->keys[i];
	return NULL;
}

static void on_entry(void *ctx, const struct store_entry *entry)
{
	struct scene *scene = ctx;
	struct reported *reported = scene->table.listing ? &scene->listed : &scene->now;
	char *slot = find(reported, entry->key);

	if (!slot)
		slot = find(reported, "");
	require(slot && *entry->key);
	snprintf(slot, STORE_KEY_SIZE, "%s", entry->key);
}

static void on_gone(void *ctx, const char *key, uint64_t revision)
{
	struct scene *scene = ctx;
	char *slot = find(&scene->now, key);

	require(!scene->table.listing && slot && *key && revision <= scene->revision);
	*slot = '\0';
}

static const struct store_listener listener = { .entry = on_entry, .gone = on_gone };

static void check(const struct scene *scene)
{
	const struct reported *now = &scene->now;

	for (size_t i = 0; i < ARRAY_LEN(now->keys); i++) {
		require(!kube_keys_overlap(now->keys[i], scene->table.own_key));
		for (size_t k = 0; k < i; k++)
			require(!kube_keys_overlap(now->keys[i], now->keys[k]));
	}
}

static const char *subnet_at(uint8_t byte)
{
	return byte % 8 < ARRAY_LEN(subnets) ? subnets[byte % 8] : NULL;
}

static void put(struct scene *scene, struct kube_node *node, const char *weft, const char *cidr)
{
	char text[64];
	struct err err = ERR_INIT;

	node->annotation[KUBE_MANAGER] = strdup("true");
	node->annotation[KUBE_BACKEND_TYPE] = strdup("vxlan");
	if (weft) {
		snprintf(text, sizeof(text), "{\"Subnets\":[\"%s\"]}", weft);
		node->annotation[KUBE_LEASE] = strdup(text);
	}
	node->whole = cidr;
	if (cidr)
		require(prefix_parse(cidr, &node->cidr[FAMILY_V4], &err) == 0);
	/* Whatever is read, no Node has to be read whole a second time. */
	require(kube_table_put(&scene->table, node) || !node->whole);
}

static void set_own_key(struct scene *scene, const char *subnet)
{
	struct prefix own[FAMILIES] = { { .len = 0 } };
	char key[STORE_KEY_SIZE], *slot;
	struct err err = ERR_INIT;

	if (subnet)
		require(prefix_parse(subnet, &own[FAMILY_V4], &err) == 0);
	kube_key(own, key);
	kube_table_set_own_key(&scene->table, key);
	/* This node's own entry replaces it. */
	slot = *key ? find(&scene->now, key) : NULL;
	if (slot)
		*slot = '\0';
	slot = *key ? find(&scene->listed, key) : NULL;
	if (slot)
		*slot = '\0';
}

static void end_list(struct scene *scene)
{
	if (!scene->table.listing)
		return;
	kube_table_list_end(&scene->table);
	scene->now = scene->listed;
	kube_table_report_retracted(&scene->table);
}

static void step(struct scene *scene, const uint8_t **data, size_t *size)
{
	uint8_t op = fuzz_byte(data, size), which = fuzz_byte(data, size);
	const char *weft = subnet_at(fuzz_byte(data, size)), *cidr = subnet_at(op / 8);
	AUTO(kube_node) struct kube_node node = { .revision = ++scene->revision };
	char name[8], uid[8];

	snprintf(name, sizeof(name), "n%d", which % NODES);
	snprintf(uid, sizeof(uid), "u%d", which / NODES % 2);
	node.name = strdup(name);
	node.uid = strdup(uid);
	if (op % 8 < 4) {
		put(scene, &node, weft, cidr);
	} else if (op % 8 == 4 && !scene->table.listing) {
		kube_table_remove(&scene->table, &node);
	} else if (op % 8 == 5 && !scene->table.listing) {
		kube_table_list_begin(&scene->table);
		scene->listed = (struct reported){ { "" } };
	} else if (op % 8 == 6) {
		end_list(scene);
	} else if (op % 8 == 7 && !scene->table.listing) {
		set_own_key(scene, cidr);
	}
	if (!scene->table.listing)
		check(scene);
}

/* The Node is read whole later, or never. */
static void verify(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scene scene = { .revision = 0 };

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	scene.table.listener = &listener;
	scene.table.listener_ctx = &scene;
	scene.table.verify = verify;
	while (size > 0)
		step(&scene, &data, &size);
	end_list(&scene);
	kube_table_free(&scene.table);
	return 0;
}
