/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/adopt_cni.h"

#include "common/err.h"
#include "common/json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLANNEL "flannel"
#define KEY_MAX 128

static bool in_subnets(const struct prefix subnet[static FAMILIES], const struct ipaddr *addr)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&subnet[f]) && prefix_has(&subnet[f], addr))
			return true;
	return false;
}

static void read_addresses(const struct jr *result, const struct prefix subnet[static FAMILIES],
			   struct adopt_container *container)
{
	const struct jr ips = jr_arr_opt(result, "ips");
	struct jr each;

	for (size_t i = 0; jr_each(&ips, &i, &each);) {
		const struct prefix addr = jr_prefix(&each, "address");

		if (container->addr_len < ADOPT_ADDRESSES && in_subnets(subnet, &addr.addr))
			container->addr[container->addr_len++] = addr.addr;
	}
}

/*
 * The plugin bridge lists its bridge, the host end, and the container's interface, with a sandbox.
 */
static void read_interfaces(const struct jr *result, struct adopt_container *container)
{
	const struct jr interfaces = jr_arr_opt(result, "interfaces");
	struct jr each;

	for (size_t i = 0; jr_each(&interfaces, &i, &each);) {
		const char *name = jr_str(&each, "name", IF_NAMESIZE - 1);
		const char *sandbox = jr_str_opt(&each, "sandbox", FS_PATH_SIZE - 1, "");

		if (*sandbox && !strcmp(name, container->ifname)) {
			snprintf(container->netns, sizeof(container->netns), "%s", sandbox);
			if (jr_has(&each, "mac"))
				container->mac = jr_mac(&each, "mac");
		} else if (!*sandbox && !strncmp(name, "veth", strlen("veth"))) {
			snprintf(container->veth, sizeof(container->veth), "%s", name);
		}
	}
}

bool adopt_cni_is_name(const char *text)
{
	return text[0] && text[0] != '.' && !strchr(text, '/');
}

int adopt_cni_result(const char *text, size_t size, const struct prefix subnet[static FAMILIES],
		     struct adopt_container *container_out, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct adopt_container container = { .addr_len = 0 };
	struct jr root, result;

	if (json_parse(text, size, ADOPT_CNI_MAX, JSON_STRICT, "cached result", &json, err) < 0)
		return -1;
	root = jr_root(json);
	if (!jr_is_str(&root, "kind") || !jr_is_str(&root, "containerId"))
		return 0;
	snprintf(container.id, sizeof(container.id), "%s",
		 jr_str(&root, "containerId", ADOPT_ID_SIZE - 1));
	snprintf(container.ifname, sizeof(container.ifname), "%s",
		 jr_str(&root, "ifName", IF_NAMESIZE - 1));
	snprintf(container.list, sizeof(container.list), "%s",
		 jr_str(&root, "networkName", ADOPT_FILE_SIZE - 1));
	result = jr_obj(&root, "result");
	read_addresses(&result, subnet, &container);
	read_interfaces(&result, &container);
	if (jr_done(json, ERR_DECODE, err) < 0)
		return -1;
	if (!adopt_cni_is_name(container.id) || !adopt_cni_is_name(container.ifname) ||
	    !adopt_cni_is_name(container.list))
		return err_set(err, ERR_DECODE, "cached result: invalid id, interface or network");
	if (!container.addr_len || !container.veth[0] || container.netns[0] != '/')
		return 0;
	*container_out = container;
	return 1;
}

/* ---- The list ------------------------------------------------------------------------------ */

static bool is_plugin(const struct jr *plugin, const char *type)
{
	return jr_is_str(plugin, "type") && !strcmp(jr_str(plugin, "type", KEY_MAX), type);
}

static bool is_flannel(const struct jr *plugin)
{
	return is_plugin(plugin, FLANNEL);
}

/* flannel's key "delegate" has the settings of the plugin bridge. */
static void put_plugin(struct jb_at plugins, const struct jr *flannel, const char *run_dir,
		       const char *network)
{
	const struct jr delegate = jr_obj_opt(flannel, "delegate");
	struct jb_at plugin = jb_obj(plugins, NULL);

	jb_str(plugin, "type", "weft");
	if (strcmp(network, "default") != 0)
		jb_str(plugin, "network", network);
	if (strcmp(run_dir, STATE_RUN_DIR) != 0)
		jb_str(plugin, "runDir", run_dir);
	jb_bool(plugin, "hairpinMode",
		!jr_is_absent(&delegate) && jr_bool_opt(&delegate, "hairpinMode", false));
}

static int put_raw(struct jb_at to, const char *key, const struct jr *at, const char *member,
		   struct err *err)
{
	AUTO(free) char *text = jr_text(at, member);

	if (!text)
		return err_nomem(err, "the list");
	jb_raw(to, key, text);
	return 0;
}

static int put_plugins(struct jb_at list, const struct jr *plugins, const char *run_dir,
		       const char *network, struct err *err)
{
	struct jb_at to = jb_arr(list, "plugins");
	struct jr each;

	for (size_t i = 0; jr_each(plugins, &i, &each);) {
		if (is_flannel(&each))
			put_plugin(to, &each, run_dir, network);
		else if (put_raw(to, NULL, &each, NULL, err) < 0)
			return -1;
	}
	return 0;
}

static bool names_plugin(const struct jr *root, const struct jr *plugins, const char *type)
{
	struct jr each;

	if (jr_is_absent(plugins))
		return is_plugin(root, type);
	for (size_t i = 0; jr_each(plugins, &i, &each);)
		if (is_plugin(&each, type))
			return true;
	return false;
}

int adopt_cni_plugins(const char *text, size_t size, struct adopt_cni_plugins *plugins_out,
		      struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct adopt_cni_plugins names = { .flannel = false };
	struct jr root, plugins;

	if (json_parse(text, size, ADOPT_CNI_MAX, JSON_STRICT, "CNI configuration", &json, err) < 0)
		return -1;
	root = jr_root(json);
	plugins = jr_arr_opt(&root, "plugins");
	names.flannel = names_plugin(&root, &plugins, FLANNEL);
	names.weft = names_plugin(&root, &plugins, "weft");
	names.of_weftd = jr_is_str(&root, "managedBy") &&
			 !strcmp(jr_str(&root, "managedBy", KEY_MAX), "weftd");
	if (jr_done(json, ERR_DECODE, err) < 0)
		return -1;
	*plugins_out = names;
	return 0;
}

/*
 * The members of a list, other than its plugins, or the two that a single configuration shares with
 * it.
 */
static int put_members(struct jb_at list, const struct jr *root, bool single, struct err *err)
{
	struct jr each;

	for (size_t i = 0; jr_each(root, &i, &each);) {
		if (!strcmp(each.key, "plugins") || (single && strcmp(each.key, "name") != 0 &&
						     strcmp(each.key, "cniVersion") != 0))
			continue;
		if (put_raw(list, each.key, root, each.key, err) < 0)
			return -1;
	}
	return 0;
}

int adopt_cni_list(const char *text, size_t size, const char *run_dir, const char *network,
		   char **list_out, struct err *err)
{
	AUTO(json) struct json *json = NULL, *list = NULL;
	AUTO(jb) struct jb *jb = jb_new();
	AUTO(free) char *compact = NULL;
	struct jr root, plugins;
	bool single;

	if (!jb)
		return err_nomem(err, "the list");
	if (json_parse(text, size, ADOPT_CNI_MAX, JSON_STRICT, "CNI configuration", &json, err) < 0)
		return -1;
	root = jr_root(json);
	plugins = jr_arr_opt(&root, "plugins");
	single = jr_is_absent(&plugins);
	if (!names_plugin(&root, &plugins, FLANNEL))
		return jr_done(json, ERR_DECODE, err) < 0 ? -1 : 0;
	if (put_members(jb_root(jb), &root, single, err) < 0)
		return -1;
	if (single)
		put_plugin(jb_arr(jb_root(jb), "plugins"), &root, run_dir, network);
	else if (put_plugins(jb_root(jb), &plugins, run_dir, network, err) < 0)
		return -1;
	if (jr_done(json, ERR_DECODE, err) < 0 || jb_text(jb, &compact, err) < 0 ||
	    json_parse(compact, strlen(compact), 2 * ADOPT_CNI_MAX, JSON_STRICT,
		       "CNI configuration", &list, err) < 0 ||
	    json_print(list, list_out, err) < 0)
		return -1;
	return 1;
}

int adopt_cni_list_name(const char *text, size_t size, char name_out[static ADOPT_FILE_SIZE],
			struct err *err)
{
	AUTO(json) struct json *json = NULL;
	char name[ADOPT_FILE_SIZE];
	struct jr root;

	if (json_parse(text, size, ADOPT_CNI_MAX, JSON_STRICT, "CNI configuration", &json, err) < 0)
		return -1;
	root = jr_root(json);
	snprintf(name, sizeof(name), "%s", jr_str(&root, "name", ADOPT_FILE_SIZE - 1));
	if (jr_done(json, ERR_DECODE, err) < 0)
		return -1;
	if (!adopt_cni_is_name(name))
		return err_set(err, ERR_DECODE, "invalid name of the list");
	memcpy(name_out, name, sizeof(name));
	return 0;
}

/* ---- What flannel's plugin keeps ------------------------------------------------------------- */

bool adopt_cni_is_delegate(const char *text, size_t size)
{
	AUTO(json) struct json *json = NULL;
	struct err ignored = ERR_INIT;
	struct jr root;

	if (json_parse(text, size, ADOPT_CNI_MAX, JSON_STRICT, FLANNEL, &json, &ignored) < 0)
		return false;
	root = jr_root(json);
	return jr_is_str(&root, "type") && jr_is_str(&root, "name") && jr_has(&root, "ipam");
}

static void put_ipam(struct jb_at to, const struct adopt_node *node)
{
	const struct jb_at ipam = jb_obj(to, "ipam");
	struct jb_at ranges;

	jb_str(ipam, "type", "host-local");
	ranges = jb_arr(ipam, "ranges");
	for (enum family f = 0; f < FAMILIES; f++) {
		const struct prefix subnet = prefix_masked(&node->gateway[f]);

		if (prefix_is_set(&subnet))
			jb_prefix(jb_obj(jb_arr(ranges, NULL), NULL), "subnet", &subnet);
	}
}

/* The plugin's entry in a list, or a configuration of it alone. */
static struct jr flannel_entry(const struct jr *root)
{
	const struct jr plugins = jr_arr_opt(root, "plugins");
	struct jr each;

	if (!jr_is_absent(&plugins))
		for (size_t i = 0; jr_each(&plugins, &i, &each);)
			if (is_flannel(&each))
				return each;
	return *root;
}

/* Members of the key "delegate" have precedence, as in flannel's plugin. */
static int put_delegate(struct jb_at to, const struct jr *root, const struct adopt_node *node,
			struct err *err)
{
	const struct jr flannel = flannel_entry(root), delegate = jr_obj_opt(&flannel, "delegate");
	struct jr each;

	for (size_t i = 0; !jr_is_absent(&delegate) && jr_each(&delegate, &i, &each);)
		if (strcmp(each.key, "name") != 0 && strcmp(each.key, "ipam") != 0 &&
		    strcmp(each.key, "cniVersion") != 0 &&
		    put_raw(to, each.key, &delegate, each.key, err) < 0)
			return -1;
	if (jr_is_absent(&delegate) || !jr_has(&delegate, "type"))
		jb_str(to, "type", "bridge");
	if (jr_is_absent(&delegate) || !jr_has(&delegate, "bridge"))
		jb_str(to, "bridge", node->bridge);
	put_ipam(to, node);
	return 0;
}

int adopt_cni_delegate(const struct adopt_node *node, char **text_out, struct err *err)
{
	const char *text = node->conflist_text;
	AUTO(json) struct json *json = NULL;
	AUTO(jb) struct jb *jb = jb_new();
	struct jr root;

	if (!jb)
		return err_nomem(err, "the configuration");
	if (json_parse(text, strlen(text), ADOPT_CNI_MAX, JSON_STRICT, "CNI configuration", &json,
		       err) < 0)
		return -1;
	root = jr_root(json);
	jb_str(jb_root(jb), "name", jr_str(&root, "name", KEY_MAX));
	if (jr_has(&root, "cniVersion"))
		jb_str(jb_root(jb), "cniVersion", jr_str(&root, "cniVersion", KEY_MAX));
	if (put_delegate(jb_root(jb), &root, node, err) < 0 || jr_done(json, ERR_DECODE, err) < 0)
		return -1;
	return jb_text(jb, text_out, err);
}

const char *adopt_cni_file(const char *flannel, char buf[static ADOPT_FILE_SIZE])
{
	const char *at = strstr(flannel, FLANNEL);

	if (at)
		snprintf(buf, ADOPT_FILE_SIZE, "%.*sweft%s", (int)(at - flannel), flannel,
			 at + strlen(FLANNEL));
	else
		snprintf(buf, ADOPT_FILE_SIZE, "%s", flannel);
	/*
	 * A configuration of one plugin became a list, which runtimes recognise by the file's name.
	 */
	at = strrchr(buf, '.');
	if (at && strcmp(at, ".conflist") != 0)
		snprintf(buf + (at - buf), ADOPT_FILE_SIZE - (size_t)(at - buf), ".conflist");
	return buf;
}
