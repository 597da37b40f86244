/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/adopt_journal.h"

#include "common/err.h"
#include "common/fs_dir.h"
#include "common/json/json.h"
#include "ctl/adopt_cni.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIRECTORY ADOPT_JOURNAL_DIR
#define VERSION 1
#define JOURNAL_MAX (64 << 20)

static const char *file_of(const char *network, char buf[static STATE_NETWORK_NAME_SIZE + 8])
{
	snprintf(buf, STATE_NETWORK_NAME_SIZE + 8, "%s.json", network);
	return buf;
}

void adopt_node_free(struct adopt_node *node)
{
	adopt_containers_free(&node->containers);
	free(node->conflist_text);
	free(node->delegate_text);
	node->conflist_text = node->delegate_text = NULL;
}

/* ---- Writing ----------------------------------------------------------------------------- */

static void put_tunnel(struct jb_at to, const struct adopt_tunnel *tunnel)
{
	const struct link_vxlan *vxlan = &tunnel->vxlan;
	struct jb_at at = jb_obj(to, NULL);

	jb_str(at, "name", tunnel->name);
	jb_str(at, "lower", tunnel->lower);
	jb_mac(at, "mac", &tunnel->mac);
	jb_u32(at, "mtu", tunnel->mtu);
	jb_u32(at, "vni", vxlan->vni);
	jb_u32(at, "port", vxlan->port);
	if (ipaddr_is_set(&vxlan->local))
		jb_ipaddr(at, "local", &vxlan->local);
	jb_bool(at, "learning", vxlan->learning);
	jb_bool(at, "gbp", vxlan->gbp);
	jb_bool(at, "udp_csum", vxlan->udp_csum);
}

static void put_container(struct jb_at to, const struct adopt_container *container)
{
	struct jb_at at = jb_obj(to, NULL), addresses;

	jb_str(at, "id", container->id);
	jb_str(at, "ifname", container->ifname);
	jb_str(at, "netns", container->netns);
	jb_str(at, "list", container->list);
	jb_str(at, "veth", container->veth);
	if (!mac_is_zero(&container->mac))
		jb_mac(at, "mac", &container->mac);
	addresses = jb_arr(at, "addresses");
	for (size_t i = 0; i < container->addr_len; i++)
		jb_ipaddr(addresses, NULL, &container->addr[i]);
}

int adopt_journal_print(const struct adopt_node *node, char **text_out, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root, list;

	if (!jb)
		return err_nomem(err, "the journal");
	root = jb_root(jb);
	jb_u32(root, "version", VERSION);
	jb_bool(root, "done", node->done);
	jb_str(root, "bridge", node->bridge);
	jb_mac(root, "bridge_mac", &node->bridge_mac);
	jb_u32(root, "bridge_mtu", node->bridge_mtu);
	jb_u32(root, "weft_vni", node->weft_vni);
	jb_str(root, "weft_bridge", node->weft_bridge);
	jb_mac(root, "weft_mac", &node->weft_mac);
	jb_str(root, "run_dir", node->run_dir);
	list = jb_arr(root, "gateways");
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&node->gateway[f]))
			jb_prefix(list, NULL, &node->gateway[f]);
	list = jb_arr(root, "tunnels");
	for (enum family f = 0; f < FAMILIES; f++)
		if (node->tunnel[f].name[0])
			put_tunnel(list, &node->tunnel[f]);
	list = jb_arr(root, "containers");
	for (size_t i = 0; i < node->containers.len; i++)
		put_container(list, &node->containers.at[i]);
	jb_str(root, "conf_dir", node->conf_dir);
	jb_str(root, "conflist", node->conflist);
	if (node->conflist_text)
		jb_str(root, "conflist_text", node->conflist_text);
	if (node->delegate_text)
		jb_str(root, "delegate_text", node->delegate_text);
	return jb_text(jb, text_out, err);
}

int adopt_journal_write(const char *network, const struct adopt_node *node, struct err *err)
{
	AUTO(free) char *text = NULL;
	AUTO(close) int dir_fd = -1;
	char file[STATE_NETWORK_NAME_SIZE + 8];

	if (adopt_journal_print(node, &text, err) < 0 ||
	    fs_open_dir(DIRECTORY, true, &dir_fd, err) < 0)
		return -1;
	if (fs_write(dir_fd, file_of(network, file), 0600, text, strlen(text), FS_DURABLE, err) < 0)
		return err_wrap(err, "%s", DIRECTORY);
	return 0;
}

/* ---- Reading ----------------------------------------------------------------------------- */

static void read_tunnel(const struct jr *at, struct adopt_node *node)
{
	const char *name = jr_str(at, "name", IF_NAMESIZE - 1);
	enum family f = strstr(name, "v6") ? FAMILY_V6 : FAMILY_V4;
	struct adopt_tunnel *tunnel = &node->tunnel[f];

	snprintf(tunnel->name, sizeof(tunnel->name), "%s", name);
	snprintf(tunnel->lower, sizeof(tunnel->lower), "%s", jr_str(at, "lower", IF_NAMESIZE - 1));
	tunnel->mac = jr_mac(at, "mac");
	tunnel->mtu = jr_u32(at, "mtu", 0, UINT32_MAX);
	tunnel->vxlan.vni = jr_u32(at, "vni", 0, 0xffffff);
	tunnel->vxlan.port = (uint16_t)jr_u32(at, "port", 0, UINT16_MAX);
	tunnel->vxlan.local = jr_ipaddr_opt(at, "local");
	tunnel->vxlan.learning = jr_bool_opt(at, "learning", false);
	tunnel->vxlan.gbp = jr_bool_opt(at, "gbp", false);
	tunnel->vxlan.udp_csum = jr_bool_opt(at, "udp_csum", false);
}

static void read_text(const struct jr *at, const char *key, char *buf, size_t size)
{
	snprintf(buf, size, "%s", jr_str(at, key, size - 1));
}

static bool read_container(const struct jr *at, struct adopt_node *node)
{
	struct adopt_container container = { .addr_len = 0 };
	const struct jr addresses = jr_arr(at, "addresses");
	struct jr each;

	read_text(at, "id", container.id, sizeof(container.id));
	read_text(at, "ifname", container.ifname, sizeof(container.ifname));
	read_text(at, "netns", container.netns, sizeof(container.netns));
	read_text(at, "list", container.list, sizeof(container.list));
	read_text(at, "veth", container.veth, sizeof(container.veth));
	if (jr_has(at, "mac"))
		container.mac = jr_mac(at, "mac");
	for (size_t i = 0; jr_each(&addresses, &i, &each);)
		if (container.addr_len < ADOPT_ADDRESSES)
			container.addr[container.addr_len++] = jr_ipaddr(&each, NULL);
	return adopt_containers_push(&node->containers, &container);
}

/* Sets *copy_out to a text of the journal, if it has one. */
static int read_copy(const struct jr *root, const char *key, char **copy_out, struct err *err)
{
	if (!jr_has(root, key))
		return 0;
	*copy_out = strdup(jr_str(root, key, ADOPT_CNI_MAX));
	return *copy_out ? 0 : err_nomem(err, "the journal");
}

static int read_node(const struct jr *root, struct adopt_node *node, struct err *err)
{
	const struct jr gateways = jr_arr(root, "gateways"), tunnels = jr_arr(root, "tunnels");
	const struct jr containers = jr_arr(root, "containers");
	struct jr each;

	node->done = jr_bool_opt(root, "done", false);
	read_text(root, "bridge", node->bridge, sizeof(node->bridge));
	node->bridge_mac = jr_mac(root, "bridge_mac");
	node->bridge_mtu = jr_u32(root, "bridge_mtu", 0, UINT32_MAX);
	node->weft_vni = jr_u32(root, "weft_vni", 0, 0xffffff);
	read_text(root, "weft_bridge", node->weft_bridge, sizeof(node->weft_bridge));
	node->weft_mac = jr_mac(root, "weft_mac");
	read_text(root, "run_dir", node->run_dir, sizeof(node->run_dir));
	/* Absent in the journals of weft 0.1.0. */
	snprintf(node->conf_dir, sizeof(node->conf_dir), "%s",
		 jr_str_opt(root, "conf_dir", FS_PATH_SIZE - 1, ADOPT_CONF_DIR));
	read_text(root, "conflist", node->conflist, sizeof(node->conflist));
	for (size_t i = 0; jr_each(&gateways, &i, &each);) {
		const struct prefix gateway = jr_prefix(&each, NULL);

		node->gateway[gateway.addr.family == AF_INET6 ? FAMILY_V6 : FAMILY_V4] = gateway;
	}
	for (size_t i = 0; jr_each(&tunnels, &i, &each);)
		read_tunnel(&each, node);
	for (size_t i = 0; jr_each(&containers, &i, &each);)
		if (!read_container(&each, node))
			return err_nomem(err, "the journal");
	return read_copy(root, "conflist_text", &node->conflist_text, err) < 0 ||
			       read_copy(root, "delegate_text", &node->delegate_text, err) < 0 ?
		       -1 :
		       0;
}

/* Names of the journal become paths. */
static bool has_valid_names(const struct adopt_node *node)
{
	for (size_t i = 0; i < node->containers.len; i++) {
		const struct adopt_container *container = &node->containers.at[i];

		if (!adopt_cni_is_name(container->id) || !adopt_cni_is_name(container->ifname) ||
		    !adopt_cni_is_name(container->list))
			return false;
	}
	return node->conf_dir[0] == '/' &&
	       (!node->conflist[0] || adopt_cni_is_name(node->conflist));
}

int adopt_journal_parse(const char *text, size_t size, struct adopt_node *node_out, struct err *err)
{
	AUTO(adopt_node) struct adopt_node node = { .done = false };
	AUTO(json) struct json *json = NULL;
	struct jr root;

	if (json_parse(text, size, JOURNAL_MAX, JSON_STRICT, DIRECTORY, &json, err) < 0) {
		err->code = ERR_STATE;
		return -1;
	}
	root = jr_root(json);
	jr_u32(&root, "version", VERSION, VERSION);
	if (read_node(&root, &node, err) < 0 || jr_done(json, ERR_STATE, err) < 0)
		return -1;
	if (!has_valid_names(&node))
		return err_set(err, ERR_STATE,
			       DIRECTORY ": invalid id, interface, network or file in the journal");
	*node_out = node;
	node = (struct adopt_node){ .done = false };
	return 0;
}

int adopt_journal_read(const char *network, struct adopt_node *node_out, struct err *err)
{
	AUTO(free) char *text = NULL;
	AUTO(close) int dir_fd = -1;
	char file[STATE_NETWORK_NAME_SIZE + 8];
	size_t size;
	int found = fs_open_dir(DIRECTORY, false, &dir_fd, err);

	if (found > 0)
		found = fs_read(dir_fd, file_of(network, file), JOURNAL_MAX, &text, &size, err);
	if (found <= 0)
		return found;
	return adopt_journal_parse(text, size, node_out, err) < 0 ? -1 : 1;
}

/* Copies the network's name out of that of a journal. Other files have other names. */
static bool network_of(const char *file, char network[static STATE_NETWORK_NAME_SIZE])
{
	const char *end = strrchr(file, '.');

	if (!end || strcmp(end, ".json") != 0 || end == file ||
	    end - file >= STATE_NETWORK_NAME_SIZE)
		return false;
	snprintf(network, STATE_NETWORK_NAME_SIZE, "%.*s", (int)(end - file), file);
	return true;
}

int adopt_journal_find(char network_out[static STATE_NETWORK_NAME_SIZE], struct err *err)
{
	char network[STATE_NETWORK_NAME_SIZE];
	const struct dirent *entry;
	size_t count = 0;
	DIR *dir;
	int fd = -1, found = fs_open_dir(DIRECTORY, false, &fd, err);

	if (found <= 0)
		return found;
	dir = fs_list(&fd, DIRECTORY, err);
	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		count += network_of(entry->d_name, network);
	closedir(dir);
	if (count > 1)
		return err_set(err, ERR_CONFIG,
			       "several networks were taken over: name one by --network");
	if (count)
		memcpy(network_out, network, sizeof(network));
	return count ? 1 : 0;
}

int adopt_journal_check_others(const char *network, struct err *err)
{
	char other[STATE_NETWORK_NAME_SIZE];
	const struct dirent *entry;
	bool exists = false;
	DIR *dir;
	int fd = -1, found = fs_open_dir(DIRECTORY, false, &fd, err);

	if (found <= 0)
		return found;
	dir = fs_list(&fd, DIRECTORY, err);
	if (!dir)
		return -1;
	while (!exists && (entry = readdir(dir)))
		exists = network_of(entry->d_name, other) && strcmp(other, network) != 0;
	closedir(dir);
	if (!exists)
		return 0;
	return err_set(
		err, ERR_STATE,
		"network %s was taken over from flannel, and only one can be: give it back by "
		"--undo --network %s, or delete " DIRECTORY "/%s.json after the next boot",
		other, other, other);
}

int adopt_journal_delete(const char *network, struct err *err)
{
	AUTO(close) int dir_fd = -1;
	char file[STATE_NETWORK_NAME_SIZE + 8];
	int found = fs_open_dir(DIRECTORY, false, &dir_fd, err);

	if (found <= 0)
		return found;
	return fs_unlink(dir_fd, file_of(network, file), err) < 0 ? -1 : 0;
}
