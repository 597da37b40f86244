/* SPDX-License-Identifier: Apache-2.0 */
#include "common/state.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/fs_dir.h"
#include "common/fs_lock.h"
#include "common/json/json.h"
#include "common/parse.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define STATE_VERSION 1
#define STATE_FILE_MAX (64 << 10)
#define STATE_FILE_MODE 0644

int state_check_network(const char *name, struct err *err)
{
	if (parse_network_name(name, err) < 0)
		return -1;
	if (strlen(name) >= STATE_NETWORK_NAME_SIZE)
		return err_set(err, ERR_CONFIG, "network name \"%s\": at most %d bytes are allowed",
			       ERR_SHOW(name), STATE_NETWORK_NAME_SIZE - 1);
	return 0;
}

/* Rejects documents of a newer version, which could be misread. */
static void check_version(const struct jr *root)
{
	uint32_t version = jr_u32(root, "version", 1, UINT32_MAX);

	if (version > STATE_VERSION)
		jr_fault(root, "version", "%u was written by a newer weft; %d is supported",
			 version, STATE_VERSION);
}

/* Copies a string of the document, of at most size - 1 bytes. */
static void copy_str(const struct jr *at, const char *key, size_t size, char *text_out)
{
	snprintf(text_out, size, "%s", jr_str(at, key, size - 1));
}

/*
 * Reads and parses the file, "node.json" or "networks/NAME.json", below a directory. 1 read, 0
 * absent, -1 failed. path gets the whole path, which must outlive the document.
 */
static int read_document(const char *dir, const char *file, char path[static FS_PATH_SIZE],
			 struct json **json_out, struct err *err)
{
	AUTO(close) int fd = -1;
	AUTO(free) char *text = NULL;
	size_t size = 0;
	int found = fs_open_dir(dir, false, &fd, err);

	if (found > 0)
		found = fs_read(fd, file, STATE_FILE_MAX, &text, &size, err);
	if (found < 0)
		return err_wrap(err, "%s", dir);
	if (found == 0 || fs_join(path, dir, file, err) < 0)
		return found == 0 ? 0 : -1;
	if (json_parse(text, size, STATE_FILE_MAX, JSON_STRICT, path, json_out, err) < 0) {
		err->code = ERR_STATE;
		return -1;
	}
	return 1;
}

/* ---- RUN/networks/NAME.json ------------------------------------------------------------- */

#define NETWORK_FILE_SIZE (sizeof(STATE_NETWORKS "/.json") + STATE_NETWORK_NAME_SIZE)

/* Checks the name and formats "networks/NAME.json". */
static int network_file(char file[static NETWORK_FILE_SIZE], const char *name, struct err *err)
{
	if (state_check_network(name, err) < 0)
		return -1;
	snprintf(file, NETWORK_FILE_SIZE, STATE_NETWORKS "/%s.json", name);
	return 0;
}

static void read_device(const struct jr *root, const char *key, char name_out[static IF_NAMESIZE])
{
	struct err why = ERR_INIT;

	copy_str(root, key, IF_NAMESIZE, name_out);
	if (parse_ifname(name_out, &why) < 0)
		jr_fault(root, key, "%s", why.text);
}

static void read_holder(const struct jr *root, char name_out[static IF_NAMESIZE])
{
	const char *name = jr_str_opt(root, "subnetHolder", IF_NAMESIZE - 1, "");
	struct err why = ERR_INIT;

	if (*name && parse_ifname(name, &why) < 0)
		jr_fault(root, "subnetHolder", "%s", why.text);
	else
		memcpy(name_out, name, strlen(name) + 1);
}

static void read_mode(const struct jr *root, struct state_network *network)
{
	const char *mode = jr_str_opt(root, "mode", 16, "routed");

	network->l2 = !strcmp(mode, "l2");
	if (!network->l2 && strcmp(mode, "routed") != 0)
		jr_fault(root, "mode", "\"%s\" is not \"routed\" or \"l2\"", mode);
}

static void read_family(const struct jr *at, bool l2, struct state_family *family_out)
{
	struct state_family family = {
		.cluster = jr_prefix(at, "cluster"),
		.subnet = jr_prefix(at, "subnet"),
		.gateway = l2 ? jr_ipaddr_opt(at, "gateway") : jr_ipaddr(at, "gateway"),
	};

	family.cluster = prefix_masked(&family.cluster);
	family.subnet = prefix_masked(&family.subnet);
	if (!prefix_covers(&family.cluster, &family.subnet))
		jr_fault(at, "subnet", "lies outside the cluster network");
	else if (l2 && ipaddr_is_set(&family.gateway) &&
		 !prefix_has(&family.cluster, &family.gateway))
		jr_fault(at, "gateway", "lies outside the cluster network");
	else if (!l2 && !prefix_has(&family.subnet, &family.gateway))
		jr_fault(at, "gateway", "lies outside the subnet");
	*family_out = family;
}

static void read_families(const struct jr *root, struct state_network *network)
{
	struct jr families = jr_arr(root, "families");
	size_t len = jr_len(&families);
	struct jr at;

	if (len < 1 || len > 2)
		jr_fault(root, "families", "has %zu elements; one or two are allowed", len);
	for (size_t i = 0; network->family_len < 2 && jr_each(&families, &i, &at);)
		read_family(&at, network->l2, &network->family[network->family_len++]);
	if (network->family_len == 2 &&
	    network->family[0].cluster.addr.family >= network->family[1].cluster.addr.family)
		jr_fault(root, "families", "must have IPv4 first, and each family once");
}

int state_read_network(const char *run_dir, const char *name, struct state_network *network_out,
		       struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct state_network network = { 0 };
	char file[NETWORK_FILE_SIZE], path[FS_PATH_SIZE];
	struct jr root;
	int found;

	if (network_file(file, name, err) < 0)
		return -1;
	found = read_document(run_dir, file, path, &json, err);
	if (found <= 0)
		return found;

	root = jr_root(json);
	check_version(&root);
	copy_str(&root, "name", sizeof(network.name), network.name);
	if (strcmp(network.name, name) != 0)
		jr_fault(&root, "name", "is \"%s\", not that of the file", network.name);
	network.vni = jr_u32(&root, "vni", 0, 0xffffff);
	read_device(&root, "bridge", network.bridge);
	read_device(&root, "vxlan", network.vxlan);
	network.mtu = jr_u32(&root, "mtu", 68, 65535);
	network.lease_lost = jr_bool_opt(&root, "leaseLost", false);
	network.retired = jr_bool_opt(&root, "retired", false);
	read_holder(&root, network.holder);
	read_mode(&root, &network);
	read_families(&root, &network);
	if (jr_done(json, ERR_STATE, err) < 0)
		return -1;
	*network_out = network;
	return 1;
}

static int network_text(const struct state_network *network, char **text_out, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root, families;

	if (!jb)
		return err_nomem(err, "a network's state");
	root = jb_root(jb);
	jb_u32(root, "version", STATE_VERSION);
	jb_str(root, "name", network->name);
	jb_u32(root, "vni", network->vni);
	jb_str(root, "bridge", network->bridge);
	jb_str(root, "vxlan", network->vxlan);
	jb_u32(root, "mtu", network->mtu);
	if (network->l2)
		jb_str(root, "mode", "l2");
	jb_bool(root, "leaseLost", network->lease_lost);
	if (network->retired)
		jb_bool(root, "retired", true);
	if (network->holder[0])
		jb_str(root, "subnetHolder", network->holder);
	families = jb_arr(root, "families");
	for (size_t i = 0; i < network->family_len; i++) {
		struct jb_at family = jb_obj(families, NULL);

		jb_prefix(family, "cluster", &network->family[i].cluster);
		jb_prefix(family, "subnet", &network->family[i].subnet);
		if (ipaddr_is_set(&network->family[i].gateway))
			jb_ipaddr(family, "gateway", &network->family[i].gateway);
	}
	return jb_text(jb, text_out, err);
}

/*
 * Whether the file contains exactly text. An unreadable file counts as different, and is rewritten.
 */
static bool file_holds(int dir_fd, const char *file, const char *text)
{
	AUTO(free) char *old = NULL;
	struct err ignored = ERR_INIT;
	size_t size = 0;

	return fs_read(dir_fd, file, STATE_FILE_MAX, &old, &size, &ignored) == 1 &&
	       size == strlen(text) && memcmp(old, text, size) == 0;
}

int state_write_network(const char *run_dir, const struct state_network *network, struct err *err)
{
	AUTO(free) char *text = NULL;
	AUTO(close) int fd = -1;
	char file[NETWORK_FILE_SIZE];
	const char *name;

	if (network_file(file, network->name, err) < 0 || network_text(network, &text, err) < 0 ||
	    fs_open_subdir(run_dir, STATE_NETWORKS, true, &fd, err) < 0)
		return -1;
	name = file + strlen(STATE_NETWORKS "/");
	if (file_holds(fd, name, text))
		return 0;
	if (fs_write(fd, name, STATE_FILE_MODE, text, strlen(text), FS_REPLACE, err) < 0)
		return err_wrap(err, "%s/" STATE_NETWORKS, run_dir);
	return 1;
}

uint8_t state_address_len(const struct state_network *network, const struct state_family *family)
{
	return network->l2 ? family->cluster.len : family->subnet.len;
}

int state_remove_network(const char *run_dir, const char *name, struct err *err)
{
	AUTO(close) int fd = -1;
	char file[NETWORK_FILE_SIZE];
	int found;

	if (network_file(file, name, err) < 0)
		return -1;
	found = fs_open_subdir(run_dir, STATE_NETWORKS, false, &fd, err);
	return found > 0 ? fs_unlink(fd, file + strlen(STATE_NETWORKS "/"), err) : found;
}

/* ---- STATE/node.json -------------------------------------------------------------------- */

#define NODE_FILE "node.json"

static void read_node_subnet(const struct jr *at, const char *key, uint8_t family,
			     struct prefix *subnet_out)
{
	*subnet_out = jr_prefix_opt(at, key);
	if (prefix_is_set(subnet_out) && subnet_out->addr.family != family)
		jr_fault(at, key, "is of the other family");
}

static void read_node_network(const struct jr *at, struct state_node *node)
{
	struct state_node_network *network;
	struct err why = ERR_INIT;

	if (parse_network_name(at->key, &why) < 0) {
		jr_fault(at, NULL, "%s", why.text);
		return;
	}
	if (strlen(at->key) >= STATE_NETWORK_NAME_SIZE) {
		jr_fault(at, NULL, "the name is longer than %d bytes", STATE_NETWORK_NAME_SIZE - 1);
		return;
	}
	network = state_node_find(node, at->key);
	if (!network) {
		jr_fault(at, NULL, "exceeds the limit of %d networks", STATE_NODE_NETWORKS);
		return;
	}
	network->vtep_mac = jr_mac(at, "vtepMac");
	read_node_subnet(at, "subnet", AF_INET, &network->subnet[FAMILY_V4]);
	read_node_subnet(at, "subnet6", AF_INET6, &network->subnet[FAMILY_V6]);
	if (!mac_is_unicast(&network->vtep_mac))
		jr_fault(at, "vtepMac", "is not a unicast address");
}

int state_read_node(const char *state_dir, struct state_node *node_out, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct state_node node = { 0 };
	struct err why = ERR_INIT;
	struct jr root, networks, at;
	char path[FS_PATH_SIZE];
	int found = read_document(state_dir, NODE_FILE, path, &json, err);

	if (found == 0)
		*node_out = node;
	if (found <= 0)
		return found;

	root = jr_root(json);
	check_version(&root);
	copy_str(&root, "node", sizeof(node.id), node.id);
	if (parse_uuid(node.id, &why) < 0)
		jr_fault(&root, "node", "%s", why.text);
	networks = jr_obj(&root, "networks");
	for (size_t i = 0; jr_each(&networks, &i, &at);)
		read_node_network(&at, &node);
	if (jr_done(json, ERR_STATE, err) < 0)
		return -1;
	*node_out = node;
	return 1;
}

int state_write_node(const char *state_dir, const struct state_node *node, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	AUTO(free) char *text = NULL;
	AUTO(close) int fd = -1;
	struct jb_at root, networks;

	if (!jb)
		return err_nomem(err, "the node's state");
	root = jb_root(jb);
	jb_u32(root, "version", STATE_VERSION);
	jb_str(root, "node", node->id);
	networks = jb_obj(root, "networks");
	for (size_t i = 0; i < node->network_len; i++) {
		const struct state_node_network *network = &node->network[i];
		struct jb_at at = jb_obj(networks, network->name);

		jb_mac(at, "vtepMac", &network->vtep_mac);
		if (prefix_is_set(&network->subnet[FAMILY_V4]))
			jb_prefix(at, "subnet", &network->subnet[FAMILY_V4]);
		if (prefix_is_set(&network->subnet[FAMILY_V6]))
			jb_prefix(at, "subnet6", &network->subnet[FAMILY_V6]);
	}
	if (jb_text(jb, &text, err) < 0 || fs_open_dir(state_dir, true, &fd, err) < 0)
		return -1;
	if (fs_write(fd, NODE_FILE, STATE_FILE_MODE, text, strlen(text), FS_REPLACE | FS_DURABLE,
		     err) < 0)
		return err_wrap(err, "%s", state_dir);
	return 0;
}

struct state_node_network *state_node_find(struct state_node *node, const char *name)
{
	struct state_node_network *network;

	for (size_t i = 0; i < node->network_len; i++)
		if (strcmp(node->network[i].name, name) == 0)
			return &node->network[i];
	if (node->network_len == STATE_NODE_NETWORKS)
		return NULL;
	network = &node->network[node->network_len++];
	*network = (struct state_node_network){ 0 };
	snprintf(network->name, sizeof(network->name), "%s", name);
	return network;
}

/* ---- RUN/PART/NETWORK/ ------------------------------------------------------------------ */

bool state_weftd_runs(const char *run_dir)
{
	char path[FS_PATH_SIZE];
	struct err unused = ERR_INIT;

	return fs_join(path, run_dir, STATE_LOCK, &unused) == 0 && fs_is_locked(AT_FDCWD, path);
}

int state_open_dir(const char *run_dir, const char *part, const char *network, bool make,
		   int *fd_out, struct err *err)
{
	char below[sizeof(STATE_ATTACHMENTS "/") + STATE_NETWORK_NAME_SIZE];

	if (state_check_network(network, err) < 0)
		return -1;
	snprintf(below, sizeof(below), "%s/%s", part, network);
	return fs_open_subdir(run_dir, below, make, fd_out, err);
}
