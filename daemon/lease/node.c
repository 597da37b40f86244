/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lease/node.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/hash.h"
#include "common/netlink/link.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static int random_bytes(uint8_t *bytes, size_t size, struct err *err)
{
	if (getrandom(bytes, size, 0) != (ssize_t)size)
		return err_sys(err, ERR_IO, errno, "cannot get random bytes");
	return 0;
}

/* RFC 9562 section 5.4: version 4. */
static int new_id(char id[static STATE_NODE_ID_SIZE], struct err *err)
{
	uint8_t b[16];

	if (random_bytes(b, sizeof(b), err) < 0)
		return -1;
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(id, STATE_NODE_ID_SIZE,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		 b[15]);
	return 0;
}

int node_load(struct node *node, const char *state_dir, struct err *err)
{
	struct node loaded = { .state_dir = state_dir };
	int found = state_read_node(state_dir, &loaded.state, err);

	if (found < 0)
		return -1;
	if (!loaded.state.id[0] && new_id(loaded.state.id, err) < 0)
		return -1;
	if (!found && state_write_node(state_dir, &loaded.state, err) < 0)
		return -1;
	*node = loaded;
	return 0;
}

/* Peers refuse a MAC that a container may have. */
static bool is_vtep_mac(const struct mac *mac)
{
	return mac_is_unicast(mac) && !mac_is_derived(mac);
}

/* The MAC of an existing vxlan device of this network, else flannel's, else a random one. */
static int find_mac(struct nl *nl, const char *vxlan, const struct mac *flannel,
		    struct mac *mac_out, struct err *err)
{
	uint8_t bytes[6];
	struct link link;
	int found = link_get(nl, vxlan, &link, err);

	if (found < 0)
		return -1;
	if (found && link.kind == LINK_KIND_VXLAN && is_vtep_mac(&link.mac)) {
		*mac_out = link.mac;
		return 0;
	}
	if (is_vtep_mac(flannel)) {
		*mac_out = *flannel;
		return 0;
	}
	do {
		if (random_bytes(bytes, sizeof(bytes), err) < 0)
			return -1;
		*mac_out = mac_local(bytes);
	} while (!is_vtep_mac(mac_out));
	return 0;
}

const struct state_node_network *node_network(struct node *node, struct nl *nl, const char *name,
					      const char *vxlan, const struct mac *flannel,
					      struct err *err)
{
	struct state_node_network *network = state_node_find(&node->state, name);

	if (!network) {
		err_set(err, ERR_CONFIG, "more than %d networks on one node", STATE_NODE_NETWORKS);
		return NULL;
	}
	if (is_vtep_mac(&network->vtep_mac))
		return network;
	if (find_mac(nl, vxlan, flannel, &network->vtep_mac, err) < 0)
		return NULL;
	if (state_write_node(node->state_dir, &node->state, err) < 0) {
		network->vtep_mac = (struct mac){ { 0 } }; /* not stored: the next call retries */
		return NULL;
	}
	return network;
}

int node_remember_lease(struct node *node, const char *name,
			const struct prefix subnet[static FAMILIES], struct err *err)
{
	struct state_node_network *network = state_node_find(&node->state, name);
	struct state_node_network before;

	if (!network)
		return err_set(err, ERR_CONFIG, "more than %d networks on one node",
			       STATE_NODE_NETWORKS);
	if (prefix_equal(&network->subnet[FAMILY_V4], &subnet[FAMILY_V4]) &&
	    prefix_equal(&network->subnet[FAMILY_V6], &subnet[FAMILY_V6]))
		return 0;
	before = *network;
	memcpy(network->subnet, subnet, sizeof(network->subnet));
	if (state_write_node(node->state_dir, &node->state, err) == 0)
		return 0;
	*network = before;
	return -1;
}

uint64_t node_seed(const struct node *node)
{
	uint64_t hash = hash_add(HASH_INIT, node->state.id, strlen(node->state.id));

	return hash ^ hash >> 32;
}

#define ID_FILE_MAX 256
#define SALT "weft machine" /* distinguishes the hash from that of other programs */

void node_machine_id(char id[static NODE_MACHINE_ID_SIZE])
{
	static const char *const files[] = { "/etc/machine-id", "/sys/class/dmi/id/product_uuid" };
	uint64_t hash = hash_add(HASH_INIT, SALT, strlen(SALT));
	bool any = false;

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO(free) char *text = NULL;
		struct err ignored;
		size_t size;

		if (fs_read(AT_FDCWD, files[i], ID_FILE_MAX, &text, &size, &ignored) <= 0 || !*text)
			continue;
		hash = hash_add(hash, text, size);
		any = true;
	}
	snprintf(id, NODE_MACHINE_ID_SIZE, "%016" PRIx64, hash);
	if (!any)
		id[0] = '\0';
}
