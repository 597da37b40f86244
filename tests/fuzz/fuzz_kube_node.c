/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Node of Kubernetes' API, in the first line, and the value of a lease in the rest: whatever its
 * annotations contain, keys, values and patches are well-formed, and a peer is identified by name
 * and uid of its Node.
 */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "common/json/json.h"
#include "common/parse.h"
#include "daemon/lease/lease.h"
#include "daemon/store/kube/kube_node.h"

#define ID "0f8fad5b-d9cb-469f-a165-70867728950e"

static void check_json(const char *text)
{
	AUTO(json) struct json *json = NULL;
	struct err err = ERR_INIT;

	require(json_parse(text, strlen(text), SIZE_MAX / 2, JSON_STRICT, "result", &json, &err) ==
		0);
}

/* The reader of leases accepts the value or refuses it; it takes no peer for another node. */
static void check_peer(const struct kube_node *node, const char *key)
{
	AUTO(free) char *value = NULL;
	struct store_entry entry = { .key = key };
	struct err err = ERR_INIT, ignored;
	struct lease lease;

	require(kube_node_peer_value(node, &value, &err) == 0);
	entry.value = value;
	entry.value_size = strlen(value);
	if (lease_parse(&entry, &lease, &err) < 0) {
		require(*err.text);
		return;
	}
	require(!lease.node[0] ||
		(parse_uuid(node->uid, &ignored) == 0 && !strcmp(lease.node, node->uid)));
}

static void check_own(const struct kube_node *node)
{
	AUTO(free) char *value = NULL;
	struct err err = ERR_INIT;

	require(kube_node_own_value(node, ID, &value, &err) == 0);
	check_json(value);
	require(strstr(value, ID));
}

static void check_patches(const struct kube_node *node, const struct kube_names *names,
			  const char *value)
{
	AUTO(free) char *put = NULL;
	AUTO(free) char *leave = NULL;
	struct err err = ERR_INIT;

	if (kube_node_patch(node, names, value, &put, &err) < 0)
		require(*err.text);
	else if (put)
		check_json(put);
	require(kube_node_patch_leave(node, names, &leave, &err) == 0);
	if (leave)
		check_json(leave);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(kube_node) struct kube_node node = { .revision = 0 };
	char *line = fuzz_line(&data, &size), *value = fuzz_text(data, size);
	char key[STORE_KEY_SIZE] = "10.1.1.0-24";
	struct kube_names names;
	struct err err = ERR_INIT;
	int found;

	require(kube_names_make("flannel.alpha.coreos.com", &names, &err) == 0);
	if (kube_node_parse(line, strlen(line), &names, &node, &err) < 0) {
		require(*err.text && !node.name);
	} else {
		require(*node.name && node.uid);
		found = kube_node_key(&node, key, &err);
		require(found >= 0 || *err.text);
		require(found <= 0 || *key);
		check_peer(&node, found > 0 ? key : "10.1.1.0-24");
		check_own(&node);
		check_patches(&node, &names, value);
	}
	free(line);
	free(value);
	return 0;
}
