/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/adopt_facts.h"

#include "common/array.h"
#include "common/err.h"
#include "common/fs_dir.h"
#include "common/json/json.h"
#include "common/log.h"
#include "common/netlink/addr.h"
#include "common/netlink/nl.h"
#include "ctl/adopt_cni.h"
#include "ctl/client.h"
#include "ipam/attachment.h"
#include "ipam/veth.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENVIRONMENT_MAX (1 << 20)
#define CALL_STEP_MS 50
#define CALL_STEPS (10 * 1000 / CALL_STEP_MS)

static void auto_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* ---- weft -------------------------------------------------------------------------------- */

static void read_network(const struct jr *at, struct adopt_weft *weft)
{
	const struct jr lease = jr_obj_opt(at, "lease");
	static const char *const keys[] = { "subnet", "subnet6" };

	snprintf(weft->network, sizeof(weft->network), "%s",
		 jr_str(at, "name", STATE_NETWORK_NAME_SIZE - 1));
	weft->ready = !strcmp(jr_str(at, "state", 32), "ready");
	if (jr_is_absent(&lease) || !jr_has(at, "vtep_mac"))
		return;
	weft->vni = jr_u32(at, "vni", 0, 0xffffff);
	snprintf(weft->bridge, sizeof(weft->bridge), "%s", jr_str(at, "bridge", IF_NAMESIZE - 1));
	weft->mac = jr_mac(at, "vtep_mac");
	weft->mtu = jr_u32_opt(at, "mtu", 0, UINT32_MAX, 0);
	for (size_t i = 0; i < 2; i++) {
		const struct prefix subnet = jr_prefix_opt(&lease, keys[i]);

		if (prefix_is_set(&subnet))
			weft->subnet[subnet.addr.family == AF_INET6 ? FAMILY_V6 : FAMILY_V4] =
				subnet;
	}
}

int adopt_read_weft(const char *run_dir, const char *network, struct adopt_weft *weft_out,
		    struct err *err)
{
	struct adopt_weft weft = { .run_dir = run_dir };
	AUTO(json) struct json *answer = NULL;
	struct jr root, status, networks, each;
	size_t count = 0;

	if (client_query(run_dir, "status", network, CLIENT_TIMEOUT_MS, &answer, err) < 0)
		return -1;
	root = jr_root(answer);
	status = jr_obj(&root, "status");
	networks = jr_arr(&status, "networks");
	for (size_t i = 0; jr_each(&networks, &i, &each); count++)
		read_network(&each, &weft);
	if (jr_done(answer, ERR_DECODE, err) < 0)
		return -1;
	if (count != 1)
		return err_set(err, ERR_CONFIG,
			       count ? "weftd has several networks: name one by --network" :
				       "weftd has no such network");
	if (!weft.bridge[0])
		return err_set(
			err, ERR_STATE,
			"network %s has no lease yet, see weftctl status: try again when it has",
			weft.network);
	*weft_out = weft;
	return 0;
}

/* ---- flannel's devices --------------------------------------------------------------------- */

VEC_DEFINE(addrs, struct addr);

static int collect_addr(void *ctx, const struct addr *addr, struct err *err)
{
	return addrs_push(ctx, addr) ? 0 : err_nomem(err, "the addresses");
}

static void restart_addrs(void *ctx)
{
	addrs_clear(ctx);
}

/* flannel's device has the first address of its subnet, which weftd must have taken over. */
static int check_subnet(struct nl *nl, const struct adopt_weft *weft, const struct link *link,
			struct err *err)
{
	AUTO(addrs) struct addrs addrs = { .len = 0 };
	char addr[PREFIX_TEXT_SIZE], subnet[PREFIX_TEXT_SIZE];

	if (addr_each(nl, link->index, AF_UNSPEC, collect_addr, restart_addrs, &addrs, err) < 0)
		return -1;
	for (size_t i = 0; i < addrs.len; i++) {
		const struct prefix *own = &addrs.at[i].prefix;
		enum family f = own->addr.family == AF_INET6 ? FAMILY_V6 : FAMILY_V4;

		if (addrs.at[i].scope != RT_SCOPE_UNIVERSE ||
		    prefix_has(&weft->subnet[f], &own->addr))
			continue;
		prefix_text(own, addr);
		prefix_text(&weft->subnet[f], subnet);
		return err_set(
			err, ERR_STATE,
			"%s has the address %s, but weftd's lease is %s: flannel's lease must "
			"be in the store when weftd starts",
			link->name, addr, subnet);
	}
	return 0;
}

/* Whether the device is the bridge of the journal: another device can have its name. */
static bool is_old_bridge(const struct adopt_node *node, const struct link *link)
{
	return link->kind == LINK_KIND_BRIDGE &&
	       (link->index == node->bridge_index ||
		(!node->done && mac_cmp(&link->mac, &node->bridge_mac) == 0));
}

bool adopt_is_tunnel(const struct adopt_tunnel *tunnel, const struct link *link)
{
	return link->kind == LINK_KIND_VXLAN && link->vxlan.vni == tunnel->vxlan.vni &&
	       mac_cmp(&link->mac, &tunnel->mac) == 0;
}

/* What the journal has is kept, unless it is that of a complete takeover. */
static void keep_bridge(struct adopt_node *node, const struct link *link, enum family f,
			const struct prefix *addr)
{
	if (node->done) {
		memset(node->gateway, 0, sizeof(node->gateway));
		node->bridge_mac = (struct mac){ .octet = { 0 } };
		node->bridge_mtu = 0;
		node->done = false;
	}
	snprintf(node->bridge, sizeof(node->bridge), "%s", link->name);
	node->bridge_index = link->index;
	if (mac_is_zero(&node->bridge_mac))
		node->bridge_mac = link->mac;
	if (!node->bridge_mtu)
		node->bridge_mtu = link->mtu;
	if (!prefix_is_set(&node->gateway[f]))
		node->gateway[f] = *addr;
}

/* flannel's bridge is the one with an address in this node's subnet, of the subnet's length. */
static int read_bridge(struct nl *nl, const struct adopt_weft *weft, struct adopt_node *node,
		       struct err *err)
{
	AUTO(addrs) struct addrs addrs = { .len = 0 };

	if (addr_each(nl, 0, AF_UNSPEC, collect_addr, restart_addrs, &addrs, err) < 0)
		return -1;
	for (size_t i = 0; i < addrs.len; i++) {
		const struct prefix *addr = &addrs.at[i].prefix;
		enum family f = addr->addr.family == AF_INET6 ? FAMILY_V6 : FAMILY_V4;
		const struct prefix masked = prefix_masked(addr);
		struct link link;

		if (!prefix_is_set(&weft->subnet[f]) || !prefix_equal(&masked, &weft->subnet[f]))
			continue;
		if (link_get_index(nl, addrs.at[i].index, &link, err) < 0)
			return -1;
		if (link.kind != LINK_KIND_BRIDGE || !strcmp(link.name, weft->bridge))
			continue;
		if (node->bridge[0] && strcmp(node->bridge, link.name) != 0)
			return err_set(err, ERR_STATE,
				       "%s and %s have addresses in this node's subnet",
				       node->bridge, link.name);
		keep_bridge(node, &link, f, addr);
	}
	return 0;
}

static int read_tunnel(struct nl *nl, const struct adopt_weft *weft, enum family f,
		       struct adopt_node *node, struct err *err)
{
	char name[IF_NAMESIZE];
	struct link link, lower;
	struct adopt_tunnel tunnel = { .mtu = 0 };
	int found;

	snprintf(name, sizeof(name), f == FAMILY_V6 ? "flannel-v6.%u" : "flannel.%u", weft->vni);
	found = link_get(nl, name, &link, err);
	if (found <= 0)
		return found;
	if (link.kind != LINK_KIND_VXLAN || link.vxlan.vni != weft->vni)
		return err_set(err, ERR_STATE, "%s is not a vxlan device with VNI %u", name,
			       weft->vni);
	if (f == FAMILY_V4 && mac_cmp(&link.mac, &weft->mac) != 0)
		return err_set(
			err, ERR_STATE,
			"weftd's VTEP MAC is not that of %s: start weftd with an empty state "
			"directory while %s exists",
			name, name);
	if (check_subnet(nl, weft, &link, err) < 0)
		return -1;
	snprintf(tunnel.name, sizeof(tunnel.name), "%s", name);
	tunnel.mac = link.mac;
	tunnel.mtu = link.mtu;
	tunnel.vxlan = link.vxlan;
	if (link.vxlan.lower && link_get_index(nl, link.vxlan.lower, &lower, err) > 0)
		snprintf(tunnel.lower, sizeof(tunnel.lower), "%s", lower.name);
	node->tunnel[f] = tunnel;
	node->done = false;
	return 0;
}

/* ---- CNI's files --------------------------------------------------------------------------- */

static bool has_container(const struct adopt_node *node, const struct adopt_container *container)
{
	for (size_t i = 0; i < node->containers.len; i++)
		if (!strcmp(node->containers.at[i].id, container->id) &&
		    !strcmp(node->containers.at[i].ifname, container->ifname))
			return true;
	return false;
}

/* An unreadable file is reported and skipped: its container's port is moved without a record. */
static int read_result(DIR *dir, const char *name, const struct adopt_weft *weft,
		       struct adopt_node *node, struct err *err)
{
	struct adopt_container container;
	AUTO(free) char *text = NULL;
	struct err why = ERR_INIT;
	size_t size;
	int found = fs_read(dirfd(dir), name, ADOPT_CNI_MAX, &text, &size, &why);

	if (found > 0)
		found = adopt_cni_result(text, size, weft->subnet, &container, &why);
	if (found < 0)
		log_warn("cached result skipped", "file", name, "error", why.text);
	if (found <= 0 || has_container(node, &container))
		return 0;
	return adopt_containers_push(&node->containers, &container) ?
		       0 :
		       err_nomem(err, "the containers");
}

static int open_list(const char *path, DIR **dir_out, struct err *err)
{
	int fd = -1, found = fs_open_dir(path, false, &fd, err);

	if (found <= 0)
		return found;
	*dir_out = fs_list(&fd, path, err);
	return *dir_out ? 1 : -1;
}

/* Of the first container that has it; a file that is something else is left out. */
static int read_delegate(struct adopt_node *node, struct err *err)
{
	AUTO(close) int dir_fd = -1;
	int found = fs_open_subdir(ADOPT_CNI_DIR, "flannel", false, &dir_fd, err);

	for (size_t i = 0; found > 0 && i < node->containers.len && !node->delegate_text; i++) {
		AUTO(free) char *text = NULL;
		struct err ignored = ERR_INIT;
		size_t size;

		if (fs_read(dir_fd, node->containers.at[i].id, ADOPT_CNI_MAX, &text, &size,
			    &ignored) <= 0 ||
		    !adopt_cni_is_delegate(text, size))
			continue;
		node->delegate_text = text;
		text = NULL;
	}
	return found < 0 ? -1 : 0;
}

static int read_results(const struct adopt_weft *weft, struct adopt_node *node, struct err *err)
{
	__attribute__((cleanup(auto_dir))) DIR *dir = NULL;
	const struct dirent *entry;
	int found = open_list(ADOPT_CNI_DIR "/results", &dir, err);

	while (found > 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && read_result(dir, entry->d_name, weft, node, err) < 0)
			return -1;
	return found < 0 ? -1 : read_delegate(node, err);
}

static bool is_configuration(const char *name)
{
	const char *end = strrchr(name, '.');

	return name[0] != '.' && end && strlen(name) < ADOPT_FILE_SIZE &&
	       (!strcmp(end, ".conflist") || !strcmp(end, ".conf") || !strcmp(end, ".json"));
}

/* What CNI's directory has. */
struct lists {
	bool weft;                     /* a file names weft's plugin */
	char flannel[ADOPT_FILE_SIZE]; /* the file that names flannel's; "": none */
	char *text;                    /* its content, owned */
};

static int read_list(int dir_fd, const char *name, struct lists *lists, struct err *err)
{
	AUTO(free) char *text = NULL;
	struct adopt_cni_plugins plugins;
	struct err ignored = ERR_INIT; /* of other programs' files */
	size_t size;

	if (fs_read(dir_fd, name, ADOPT_CNI_MAX, &text, &size, &ignored) <= 0 ||
	    adopt_cni_plugins(text, size, &plugins, &ignored) < 0)
		return 0;
	lists->weft |= plugins.weft;
	if (!plugins.flannel)
		return 0;
	if (lists->flannel[0])
		return err_set(err, ERR_STATE,
			       "%s and %s name flannel's plugin: remove the one that is not used",
			       lists->flannel, name);
	snprintf(lists->flannel, sizeof(lists->flannel), "%.*s", ADOPT_FILE_SIZE - 1, name);
	lists->text = text;
	text = NULL;
	return 0;
}

static int read_lists(const char *conf_dir, struct lists *lists, struct err *err)
{
	__attribute__((cleanup(auto_dir))) DIR *dir = NULL;
	const struct dirent *entry;
	int found = open_list(conf_dir, &dir, err);

	while (found > 0 && (entry = readdir(dir)))
		if (is_configuration(entry->d_name) &&
		    read_list(dirfd(dir), entry->d_name, lists, err) < 0)
			return err_wrap(err, "%s", conf_dir);
	if (found >= 0 && !lists->weft && !lists->flannel[0])
		return err_set(err, ERR_STATE, "no file in %s names flannel's plugin or weft's",
			       conf_dir);
	return found < 0 ? -1 : 0;
}

/* Without a file of flannel, the journal's stays. */
static int read_conflist(const struct adopt_weft *weft, struct adopt_node *node, struct err *err)
{
	struct lists lists = { .weft = false };
	bool of_weftd;

	if (read_lists(node->conf_dir, &lists, err) < 0) {
		free(lists.text);
		return -1;
	}
	if (!lists.flannel[0])
		return 0;
	memcpy(node->conflist, lists.flannel, sizeof(lists.flannel));
	free(node->conflist_text);
	node->conflist_text = lists.text;
	return adopt_check_list(weft, node, &of_weftd, err);
}

int adopt_check_list(const struct adopt_weft *weft, const struct adopt_node *node,
		     bool *of_weftd_out, struct err *err)
{
	AUTO(free) char *text = NULL, *list = NULL;
	AUTO(close) int dir_fd = -1;
	struct adopt_cni_plugins plugins = { .flannel = false };
	struct err ignored = ERR_INIT; /* of a file that is not JSON */
	char name[ADOPT_FILE_SIZE];
	size_t size;
	int found;

	*of_weftd_out = false;
	if (!strcmp(adopt_cni_file(node->conflist, name), node->conflist))
		return 0;
	if (adopt_cni_list(node->conflist_text, strlen(node->conflist_text), weft->run_dir,
			   weft->network, &list, err) < 0)
		return err_wrap(err, "%s", node->conflist);
	found = fs_open_dir(node->conf_dir, false, &dir_fd, err);
	if (found > 0)
		found = fs_read(dir_fd, name, ADOPT_CNI_MAX, &text, &size, err);
	if (found <= 0)
		return found;
	adopt_cni_plugins(text, size, &plugins, &ignored);
	*of_weftd_out = plugins.of_weftd;
	if (plugins.of_weftd || (list && !strcmp(text, list)))
		return 0;
	return err_set(err, ERR_STATE,
		       "%s/%s exists, but has not the content that would replace %s: "
		       "remove it first",
		       node->conf_dir, name, node->conflist);
}

/* ---- Records of other attachments ------------------------------------------------------------ */

struct others {
	const struct adopt_weft *weft;
	const struct adopt_node *node;
	const char *network; /* that is visited */
	size_t count;
};

static int count_other(void *ctx, const char name[static ATTACHMENT_NAME_SIZE], struct err *err)
{
	struct others *others = ctx;
	const struct adopt_containers *containers = &others->node->containers;
	char known[ATTACHMENT_NAME_SIZE];

	(void)err;
	for (size_t i = 0; i < containers->len && !strcmp(others->network, others->weft->network);
	     i++) {
		const struct attachment_key key = { others->network, containers->at[i].id,
						    containers->at[i].ifname };

		snprintf(known, sizeof(known), "%016" PRIx64, attachment_hash(&key));
		if (!strcmp(known, name))
			return 0;
	}
	others->count++;
	return 0;
}

int adopt_check_undo(const struct adopt_weft *weft, const struct adopt_node *node, struct err *err)
{
	__attribute__((cleanup(auto_dir))) DIR *dir = NULL;
	const struct dirent *entry;
	int fd = -1;
	int found = fs_open_subdir(weft->run_dir, STATE_ATTACHMENTS, false, &fd, err);

	if (found > 0 && !(dir = fs_list(&fd, STATE_ATTACHMENTS, err)))
		return -1;
	while (found > 0 && (entry = readdir(dir))) {
		struct others others = { weft, node, entry->d_name, 0 };

		if (entry->d_name[0] == '.')
			continue;
		if (attachment_each(weft->run_dir, entry->d_name, count_other, &others, err) < 0)
			return -1;
		if (others.count)
			return err_set(err, ERR_STATE,
				       "network %.*s has %zu containers that flannel cannot get: "
				       "remove them first",
				       STATE_NETWORK_NAME_SIZE, entry->d_name, others.count);
	}
	return found < 0 ? -1 : 0;
}

/* ---- flanneld ------------------------------------------------------------------------------ */

/* A flanneld of this network namespace would create its devices again. */
static int check_flanneld(struct err *err)
{
	__attribute__((cleanup(auto_dir))) DIR *dir = opendir("/proc");
	char own[64] = "", path[64], text[64];
	const struct dirent *entry;

	if (readlink("/proc/self/ns/net", own, sizeof(own) - 1) < 0)
		return 0;
	while (dir && (entry = readdir(dir))) {
		AUTO(free) char *name = NULL;
		struct err ignored = ERR_INIT;
		size_t size;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/ns/net", entry->d_name);
		memset(text, 0, sizeof(text));
		if (readlink(path, text, sizeof(text) - 1) < 0 || strcmp(text, own) != 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/comm", entry->d_name);
		if (fs_read(AT_FDCWD, path, 64, &name, &size, &ignored) > 0 &&
		    !strcmp(name, "flanneld\n"))
			return err_set(err, ERR_STATE,
				       "flanneld is running, as process %.20s: stop it first",
				       entry->d_name);
	}
	return 0;
}

/* The environment has a NUL between variables. */
static bool is_add(const char *pid)
{
	static const char variable[] = "CNI_COMMAND=ADD";
	AUTO(free) char *text = NULL;
	struct err ignored = ERR_INIT;
	char path[64];
	size_t size;

	snprintf(path, sizeof(path), "/proc/%.20s/environ", pid);
	return fs_read(AT_FDCWD, path, ENVIRONMENT_MAX, &text, &size, &ignored) > 0 &&
	       memmem(text, size, variable, sizeof(variable));
}

static bool has_plugin_call(void)
{
	static const char *const names[] = { "flannel\n", "bridge\n", "host-local\n", "weft\n" };
	__attribute__((cleanup(auto_dir))) DIR *dir = opendir("/proc");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		AUTO(free) char *name = NULL;
		struct err ignored = ERR_INIT;
		char path[64];
		size_t size;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/comm", entry->d_name);
		if (fs_read(AT_FDCWD, path, 64, &name, &size, &ignored) <= 0)
			continue;
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (!strcmp(name, names[i]) && is_add(entry->d_name))
				return true;
	}
	return false;
}

void adopt_wait_plugin_calls(void)
{
	const struct timespec pause = { .tv_nsec = CALL_STEP_MS * 1000000L };

	for (size_t i = 0; i < CALL_STEPS && has_plugin_call(); i++)
		nanosleep(&pause, NULL);
}

int adopt_read_node(struct nl *nl, const struct adopt_weft *weft, struct adopt_node *node,
		    struct err *err)
{
	if (check_flanneld(err) < 0 || read_bridge(nl, weft, node, err) < 0 ||
	    read_tunnel(nl, weft, FAMILY_V4, node, err) < 0 ||
	    read_tunnel(nl, weft, FAMILY_V6, node, err) < 0 ||
	    (node->bridge[0] && read_results(weft, node, err) < 0))
		return -1;
	if (!node->bridge[0] && !node->tunnel[FAMILY_V4].name[0] &&
	    !node->tunnel[FAMILY_V6].name[0])
		return err_set(err, ERR_STATE,
			       "found no device of flannel with this node's subnet or VNI %u",
			       weft->vni);
	return read_conflist(weft, node, err);
}

/* ---- The present state --------------------------------------------------------------------- */

static int collect_port(void *ctx, const struct link *link, struct err *err)
{
	struct adopt_have *have = ctx;
	struct adopt_port port = {
		.index = link->index,
		.in_new = link->master == have->new_bridge,
		.hairpin = link->port.hairpin,
		.is_veth = link->kind == LINK_KIND_VETH,
		.of_weft = !strncmp(link->alias, "weft ", strlen("weft ")),
	};

	if (!link->master || (link->master != have->old_bridge && link->master != have->new_bridge))
		return 0;
	if (!strcmp(link->name, ADOPT_LINK_OLD) || !strcmp(link->name, ADOPT_LINK_NEW)) {
		have->link_ends++;
		return 0;
	}
	if (link->kind == LINK_KIND_VXLAN && port.in_new)
		return 0;
	memcpy(port.name, link->name, sizeof(port.name));
	memcpy(port.alias, link->alias, sizeof(port.alias));
	return adopt_ports_push(&have->ports, &port) ? 0 : err_nomem(err, "the ports");
}

static void restart_ports(void *ctx)
{
	struct adopt_have *have = ctx;

	adopt_ports_clear(&have->ports);
	have->link_ends = 0;
}

static int has_address(struct nl *nl, uint32_t index, const struct prefix *prefix, bool *has_out,
		       struct err *err)
{
	AUTO(addrs) struct addrs addrs = { .len = 0 };

	*has_out = false;
	if (!index || !prefix_is_set(prefix))
		return 0;
	if (addr_each(nl, index, prefix->addr.family, collect_addr, restart_addrs, &addrs, err) < 0)
		return -1;
	for (size_t i = 0; i < addrs.len; i++)
		*has_out |= prefix_equal(&addrs.at[i].prefix, prefix);
	return 0;
}

static int index_of(struct nl *nl, const char *name, uint32_t *index_out, struct err *err)
{
	*index_out = 0;
	return name[0] && nl_device_index(nl, name, index_out, err) < 0 ? -1 : 0;
}

static int old_bridge(struct nl *nl, const struct adopt_node *node, uint32_t *index_out,
		      struct err *err)
{
	struct link link;
	int found = node->bridge[0] ? link_get(nl, node->bridge, &link, err) : 0;

	*index_out = found > 0 && is_old_bridge(node, &link) ? link.index : 0;
	return found < 0 ? -1 : 0;
}

static int has_tunnel(struct nl *nl, const struct adopt_tunnel *tunnel, bool *has_out,
		      struct err *err)
{
	struct link link;
	int found = tunnel->name[0] ? link_get(nl, tunnel->name, &link, err) : 0;

	*has_out = found > 0 && adopt_is_tunnel(tunnel, &link);
	return found < 0 ? -1 : 0;
}

static int has_conflist(const struct adopt_node *node, bool *has_out, struct err *err)
{
	AUTO(free) char *text = NULL;
	AUTO(close) int dir_fd = -1;
	size_t size;
	int found = node->conflist[0] ? fs_open_dir(node->conf_dir, false, &dir_fd, err) : 0;

	*has_out = false;
	if (found > 0)
		found = fs_read(dir_fd, node->conflist, ADOPT_CNI_MAX, &text, &size, err);
	/* Under the same name, it is flannel's as long as its text is. */
	if (found > 0)
		*has_out = node->conflist_text && !strcmp(text, node->conflist_text);
	return found < 0 ? -1 : 0;
}

int adopt_read_have(struct nl *nl, const struct adopt_weft *weft, const struct adopt_node *node,
		    struct adopt_have *have_out, struct err *err)
{
	AUTO(adopt_have) struct adopt_have have = { .link = false };

	if (old_bridge(nl, node, &have.old_bridge, err) < 0 ||
	    index_of(nl, weft->bridge, &have.new_bridge, err) < 0 ||
	    link_each(nl, collect_port, restart_ports, &have, err) < 0 ||
	    has_conflist(node, &have.conflist, err) < 0)
		return -1;
	have.link = have.link_ends == 2;
	for (enum family f = 0; f < FAMILIES; f++) {
		if (has_address(nl, have.old_bridge, &node->gateway[f], &have.gateway_old[f], err) <
			    0 ||
		    has_address(nl, have.new_bridge, &node->gateway[f], &have.gateway_new[f], err) <
			    0 ||
		    has_tunnel(nl, &node->tunnel[f], &have.tunnel[f], err) < 0)
			return -1;
	}
	*have_out = have;
	have.ports = (struct adopt_ports){ .len = 0 };
	return 0;
}
