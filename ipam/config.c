/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/config.h"

#include "common/array.h"
#include "common/err.h"
#include "common/json/json.h"
#include "common/parse.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define VNI_MAX 0xffffff /* RFC 7348 section 5: 24 bits */
#define MTU_MAX 65535
#define LEASE_TTL_MIN 2 /* etcd's own minimum with its default election timeout */
#define LEASE_TTL_MAX 31536000
#define FLOOD_LIMIT_MAX 1000000

struct warning {
	config_warn_fn *warn;
	void *ctx;
};

static void warn_unknown(void *ctx, const char *path)
{
	const struct warning *warning = ctx;

	if (warning->warn)
		warning->warn(warning->ctx, path, "unknown key");
}

static void read_backend(const struct jr *root, const struct warning *warning,
			 struct config *config)
{
	static const char *const keys[] = { "Type", "VNI",      "Port",          "MTU",
					    "GBP",  "Learning", "DirectRouting", NULL };
	struct jr backend = jr_obj_opt(root, "Backend");
	const char *type = jr_str_opt(&backend, "Type", 64, "vxlan");

	if (strcasecmp(type, "vxlan"))
		jr_fault(&backend, "Type",
			 "unsupported backend \"%s\": only \"vxlan\" is supported", type);
	config->vni = jr_u32_opt(&backend, "VNI", 1, VNI_MAX, 1);
	config->port = (uint16_t)jr_u32_opt(&backend, "Port", 0, 65535, 0);
	if (!config->port)
		config->port = CONFIG_PORT_DEFAULT;
	config->mtu = jr_u32_opt(&backend, "MTU", 0, MTU_MAX, 0);
	if (config->mtu && config->mtu < CONFIG_MTU_MIN_V6)
		jr_fault(&backend, "MTU", "%u is not 0 or from %u to %u", config->mtu,
			 CONFIG_MTU_MIN_V6, MTU_MAX);
	config->gbp = jr_bool_opt(&backend, "GBP", false);
	config->learning = jr_bool_opt(&backend, "Learning", false);
	config->direct_routing = jr_bool_opt(&backend, "DirectRouting", false);
	jr_unknown(&backend, keys, warn_unknown, (void *)(uintptr_t)warning);
}

static enum config_underlay read_underlay(const struct jr *weft)
{
	static const char *const names[] = {
		[CONFIG_UNDERLAY_AUTO] = "auto",
		[CONFIG_UNDERLAY_V4] = "ipv4",
		[CONFIG_UNDERLAY_V6] = "ipv6",
	};
	const char *name = jr_str_opt(weft, "Underlay", 16, "auto");

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(name, names[i]))
			return (enum config_underlay)i;
	jr_fault(weft, "Underlay", "\"%s\" is not \"auto\", \"ipv4\" or \"ipv6\"", name);
	return CONFIG_UNDERLAY_AUTO;
}

static bool read_fast_path(const struct jr *weft)
{
	const char *mode = jr_str_opt(weft, "FastPath", 16, "auto");

	if (strcmp(mode, "auto") && strcmp(mode, "off"))
		jr_fault(weft, "FastPath", "\"%s\" is not \"auto\" or \"off\"", mode);
	return !strcmp(mode, "auto");
}

static const char *const l2_keys[] = { "Flood",   "Group",       "FloodLimit",
				       "Gateway", "IPv6Gateway", "Bridge" };

static struct ipaddr read_gateway(const struct jr *weft, const char *key, uint8_t family)
{
	struct ipaddr addr = jr_ipaddr_opt(weft, key);

	if (ipaddr_is_set(&addr) && addr.family != family)
		jr_fault(weft, key, "is not an %s address", family == AF_INET ? "IPv4" : "IPv6");
	return addr;
}

static void read_group(const struct jr *weft, struct config *config)
{
	char text[IPADDR_TEXT_SIZE];
	enum config_underlay other;

	if (config->flood != CONFIG_FLOOD_MULTICAST) {
		if (jr_has(weft, "Group"))
			jr_fault(weft, "Group", "requires Flood \"multicast\"");
		return;
	}
	config->group = jr_ipaddr(weft, "Group");
	if (!ipaddr_is_set(&config->group))
		return;
	other = config->group.family == AF_INET6 ? CONFIG_UNDERLAY_V4 : CONFIG_UNDERLAY_V6;
	if (!ipaddr_is_multicast(&config->group))
		jr_fault(weft, "Group", "%s is not a multicast address",
			 ipaddr_text(&config->group, text));
	else if (config->underlay == other)
		jr_fault(weft, "Group", "%s is not of the family of Underlay",
			 ipaddr_text(&config->group, text));
}

const char *const config_flood_name[CONFIG_FLOODS] = {
	[CONFIG_FLOOD_NONE] = "none",
	[CONFIG_FLOOD_REPLICATE] = "replicate",
	[CONFIG_FLOOD_MULTICAST] = "multicast",
};

static void read_flood(const struct jr *weft, struct config *config)
{
	const char *name = jr_str_opt(weft, "Flood", 16, "none");
	size_t i = 0;

	while (i < CONFIG_FLOODS && strcmp(name, config_flood_name[i]) != 0)
		i++;
	if (i == CONFIG_FLOODS) {
		jr_fault(weft, "Flood", "\"%s\" is not \"none\", \"replicate\" or \"multicast\"",
			 name);
		return;
	}
	config->flood = (enum config_flood)i;
	read_group(weft, config);
	if (config->flood != CONFIG_FLOOD_NONE)
		config->flood_limit = jr_u32_opt(weft, "FloodLimit", 1, FLOOD_LIMIT_MAX,
						 CONFIG_FLOOD_LIMIT_DEFAULT);
	else if (jr_has(weft, "FloodLimit"))
		jr_fault(weft, "FloodLimit", "requires Flood \"replicate\" or \"multicast\"");
}

/* As dev_valid_name of the kernel. */
static bool is_device_name(const char *name)
{
	return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       !name[strcspn(name, "/: \t\r\n\v\f")];
}

/* After the gateways: the bridge's addresses are not weft's. */
static void read_bridge(const struct jr *weft, struct config *config)
{
	const char *name = jr_str_opt(weft, "Bridge", sizeof(config->bridge) - 1, "");

	if (!jr_has(weft, "Bridge"))
		return;
	if (!is_device_name(name) || !strncmp(name, "weft-", strlen("weft-")))
		jr_fault(weft, "Bridge", "\"%s\" is not the name of a bridge of another program",
			 name);
	else if (ipaddr_is_set(&config->gateway[FAMILY_V4]) ||
		 ipaddr_is_set(&config->gateway[FAMILY_V6]))
		jr_fault(weft, "Bridge", "excludes Gateway and IPv6Gateway");
	snprintf(config->bridge, sizeof(config->bridge), "%s", name);
}

static void read_l2(const struct jr *weft, struct config *config)
{
	read_flood(weft, config);
	config->gateway[FAMILY_V4] = read_gateway(weft, "Gateway", AF_INET);
	config->gateway[FAMILY_V6] = read_gateway(weft, "IPv6Gateway", AF_INET6);
	read_bridge(weft, config);
	if (config->direct_routing)
		jr_fault(weft, "Mode", "\"l2\" excludes Backend.DirectRouting");
	if (config->learning)
		jr_fault(weft, "Mode", "\"l2\" excludes Backend.Learning");
}

/* After read_backend. */
static void read_mode(const struct jr *weft, struct config *config)
{
	const size_t faults = jr_fault_count(weft->json);
	const char *mode = jr_str_opt(weft, "Mode", 16, "routed");

	if (!strcmp(mode, "l2")) {
		config->mode = CONFIG_L2;
		read_l2(weft, config);
		return;
	}
	if (strcmp(mode, "routed") != 0)
		jr_fault(weft, "Mode", "\"%s\" is not \"routed\" or \"l2\"", mode);
	if (jr_fault_count(weft->json) > faults)
		return; /* the mode is unknown */
	for (size_t i = 0; i < ARRAY_LEN(l2_keys); i++)
		if (jr_has(weft, l2_keys[i]))
			jr_fault(weft, l2_keys[i], "requires Mode \"l2\"");
}

/* An overlap or host bits are probably mistakes, and are rejected. */
static void read_exception(const struct jr *at, struct config_rules *rules)
{
	struct prefix prefix = jr_prefix(at, NULL), masked = prefix_masked(&prefix);
	char text[PREFIX_TEXT_SIZE], other[PREFIX_TEXT_SIZE];

	if (!prefix_is_set(&prefix))
		return;
	if (!prefix_equal(&prefix, &masked))
		jr_fault(at, NULL, "%s has host bits set; the network is %s",
			 prefix_text(&prefix, text), prefix_text(&masked, other));
	for (uint32_t i = 0; i < rules->non_masquerade_len; i++)
		if (prefix_overlaps(&rules->non_masquerade[i], &prefix))
			jr_fault(at, NULL, "%s overlaps the earlier element %s",
				 prefix_text(&prefix, text),
				 prefix_text(&rules->non_masquerade[i], other));
	rules->non_masquerade[rules->non_masquerade_len++] = prefix;
}

static void read_allowed(const struct jr *at, struct config_rules *rules)
{
	const char *name = jr_str(at, NULL, STATE_NETWORK_NAME_SIZE - 1);
	struct err err;

	if (*name && parse_network_name(name, &err) < 0)
		jr_fault(at, NULL, "%s", err.text);
	else if (!*name && jr_is_str(at, NULL))
		jr_fault(at, NULL, "is not a network name");
	memcpy(rules->allow_from[rules->allow_from_len], name, strlen(name) + 1);
	rules->allow_from_len++;
}

static void read_rules(const struct jr *weft, struct config_rules *rules)
{
	static const struct {
		const char *key;
		size_t max;
		void (*read)(const struct jr *at, struct config_rules *rules);
	} lists[] = {
		{ "NonMasquerade", CONFIG_NON_MASQUERADE_MAX, read_exception },
		{ "AllowFrom", CONFIG_ALLOW_FROM_MAX, read_allowed },
	};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct jr list = jr_arr_opt(weft, lists[i].key), at;

		if (jr_len(&list) > lists[i].max) {
			jr_fault(weft, lists[i].key, "has more than %zu elements", lists[i].max);
			continue;
		}
		for (size_t k = 0; jr_each(&list, &k, &at);)
			lists[i].read(&at, rules);
	}
}

/* After read_backend. The key is not in any message. */
static void read_probe(const struct jr *weft, struct config *config)
{
	const char *key = jr_secret_opt(weft, "ProbeKey", CONFIG_PROBE_KEY_MIN,
					CONFIG_PROBE_KEY_MAX);

	config->probe_port = (uint16_t)jr_u32_opt(weft, "ProbePort", 1, UINT16_MAX,
						  CONFIG_PROBE_PORT_DEFAULT);
	if (jr_has(weft, "ProbePort") && config->probe_port == config->port)
		jr_fault(weft, "ProbePort", "%u is the port of the tunnel", config->port);
	snprintf(config->probe_key, sizeof(config->probe_key), "%s", key);
}

static void read_weft(const struct jr *root, const struct warning *warning, struct config *config)
{
	static const char *const keys[] = { "LeaseTTL",
					    "ReservedOnly",
					    "Underlay",
					    "AllowFrom",
					    "NonMasquerade",
					    "AllowRouters",
					    "FastPath",
					    "Mode",
					    "Flood",
					    "Group",
					    "FloodLimit",
					    "IPv6Gateway",
					    "Gateway",
					    "Bridge",
					    "ProbeKey",
					    "ProbePort",
					    NULL };
	struct jr weft = jr_obj_opt(root, "Weft");

	config->lease_ttl_s = jr_u32_opt(&weft, "LeaseTTL", LEASE_TTL_MIN, LEASE_TTL_MAX,
					 CONFIG_LEASE_TTL_DEFAULT);
	config->reserved_only = jr_bool_opt(&weft, "ReservedOnly", false);
	config->underlay = read_underlay(&weft);
	config->fast_path = read_fast_path(&weft);
	read_rules(&weft, &config->rules);
	config->rules.allow_routers = jr_bool_opt(&weft, "AllowRouters", false);
	read_mode(&weft, config);
	read_probe(&weft, config);
	jr_unknown(&weft, keys, warn_unknown, (void *)(uintptr_t)warning);
}

/* The keys of one family. */
struct family_keys {
	const char *enable, *network, *len, *min, *max;
	uint8_t family; /* AF_* */
	uint8_t len_max;
	const char *name;
};

static const struct family_keys family_keys[FAMILIES] = {
	[FAMILY_V4] = { "EnableIPv4", "Network", "SubnetLen", "SubnetMin", "SubnetMax", AF_INET, 32,
			"IPv4" },
	[FAMILY_V6] = { "EnableIPv6", "IPv6Network", "IPv6SubnetLen", "IPv6SubnetMin",
			"IPv6SubnetMax", AF_INET6, 128, "IPv6" },
};

/* The values as read, before subnet_pool_make validates them together. */
struct family_values {
	bool enabled;
	bool faulty; /* a value is not valid, and a fault is recorded */
	struct prefix network;
	uint8_t len;
	struct ipaddr min, max;
};

/* subnet_pool_make requires addresses of the network's family. */
static struct ipaddr read_bound(const struct jr *root, const char *key,
				const struct family_keys *keys)
{
	struct ipaddr addr = jr_ipaddr_opt(root, key);

	if (ipaddr_is_set(&addr) && addr.family != keys->family)
		jr_fault(root, key, "is not an %s address", keys->name);
	return addr;
}

/* The values of a family that is not enabled are ignored, as in flannel. */
static struct family_values read_family(const struct jr *root, const struct family_keys *keys)
{
	const size_t faults = jr_fault_count(root->json);
	struct family_values values = {
		.enabled = jr_bool_opt(root, keys->enable, keys->family == AF_INET),
	};

	if (!values.enabled)
		return values;
	values.network = jr_prefix(root, keys->network);
	if (prefix_is_set(&values.network) && values.network.addr.family != keys->family)
		jr_fault(root, keys->network, "is not an %s network", keys->name);
	values.len = (uint8_t)jr_u32_opt(root, keys->len, 0, keys->len_max, 0);
	values.min = read_bound(root, keys->min, keys);
	values.max = read_bound(root, keys->max, keys);
	values.faulty = jr_fault_count(root->json) > faults;
	return values;
}

static void read_families(const struct jr *root, const struct warning *warning,
			  struct family_values values[static FAMILIES])
{
	static const char *const keys[] = { "Network",        "SubnetLen",
					    "SubnetMin",      "SubnetMax",
					    "EnableIPv4",     "EnableIPv6",
					    "IPv6Network",    "IPv6SubnetLen",
					    "IPv6SubnetMin",  "IPv6SubnetMax",
					    "EnableNFTables", "Backend",
					    "Weft",           NULL };

	for (enum family f = 0; f < FAMILIES; f++)
		values[f] = read_family(root, &family_keys[f]);
	if (!values[FAMILY_V4].enabled && !values[FAMILY_V6].enabled)
		jr_fault(root, "EnableIPv4", "false requires EnableIPv6");
	jr_unknown(root, keys, warn_unknown, (void *)(uintptr_t)warning);
}

/*
 * Ranges that are not for containers anywhere (RFC 6890, RFC 4291, RFC 6052). A network that
 * contains one, such as 0.0.0.0/0, is rejected too: the node's own traffic would enter the tunnel.
 */
static const struct {
	const char *range, *name;
} reserved_ranges[] = {
	{ "0.0.0.0/8", "\"this network\"" },
	{ "127.0.0.0/8", "loopback" },
	{ "169.254.0.0/16", "link-local" },
	{ "224.0.0.0/4", "multicast" },
	{ "240.0.0.0/4", "reserved and broadcast" },
	{ "::/96", "unspecified, loopback and IPv4-compatible" },
	{ "::ffff:0:0/96", "IPv4-mapped" },
	{ "::ffff:0:0:0/96", "IPv4-translated" },
	{ "64:ff9b::/96", "NAT64" },
	{ "fe80::/10", "link-local" },
	{ "ff00::/8", "multicast" },
};

static void check_reserved(const struct jr *root, const char *key, const struct prefix *network)
{
	const struct prefix masked = prefix_masked(network);
	char text[PREFIX_TEXT_SIZE];
	struct prefix range;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(reserved_ranges); i++)
		if (prefix_parse(reserved_ranges[i].range, &range, &err) == 0 &&
		    prefix_overlaps(network, &range))
			jr_fault(root, key, "%s overlaps %s (%s)", prefix_text(&masked, text),
				 reserved_ranges[i].range, reserved_ranges[i].name);
}

/* The subnets that are reserved may have any length and place in the network. */
static void ignore_division(struct family_values values[static FAMILIES])
{
	for (enum family f = 0; f < FAMILIES; f++) {
		values[f].len = 0;
		values[f].min = values[f].max = (struct ipaddr){ .family = AF_UNSPEC };
	}
}

/* The error of subnet_pool_make begins with the key. */
static void fault_of_pool(const struct jr *root, const struct err *err)
{
	const char *colon = strstr(err->text, ": ");
	char key[32];

	snprintf(key, sizeof(key), "%.*s", (int)(colon - err->text), err->text);
	jr_fault(root, key, "%s", colon + 2);
}

static void make_pools(const struct jr *root, const struct family_values values[static FAMILIES],
		       struct config *config)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		const struct family_values *of = &values[f];
		struct err err = ERR_INIT;

		if (!of->enabled || of->faulty)
			continue;
		check_reserved(root, family_keys[f].network, &of->network);
		if (subnet_pool_make(&of->network, of->len, &of->min, &of->max, &config->pool[f],
				     &err) < 0)
			fault_of_pool(root, &err);
		else
			config->pool[f].any = config->reserved_only;
	}
}

/* The network address, and IPv4's broadcast address, are no host's. */
static void check_gateway(const struct jr *weft, const struct config *config, enum family f)
{
	static const char *const keys[FAMILIES] = { "Gateway", "IPv6Gateway" };
	const struct prefix *network = &config->pool[f].network;
	const struct ipaddr *gateway = &config->gateway[f];
	struct ipaddr first = prefix_first(network), last = prefix_last(network);
	char text[IPADDR_TEXT_SIZE], in[PREFIX_TEXT_SIZE];

	if (prefix_has(network, gateway) && !ipaddr_equal(gateway, &first) &&
	    (f == FAMILY_V6 || !ipaddr_equal(gateway, &last)))
		return;
	jr_fault(weft, keys[f], "%s is not the address of a host in %s", ipaddr_text(gateway, text),
		 prefix_text(network, in));
}

/* The kernel would forward packets of the family without a gateway all the same. */
static void check_gateway_pair(const struct jr *weft, const struct config *config)
{
	const bool v4 = config_is_routed(config, FAMILY_V4);

	if (config_has(config, FAMILY_V4) && config_has(config, FAMILY_V6) &&
	    v4 != config_is_routed(config, FAMILY_V6))
		jr_fault(weft, v4 ? "IPv6Gateway" : "Gateway",
			 "a network with both families has a gateway of each or none");
}

static void check_gateways(const struct jr *root,
			   const struct family_values values[static FAMILIES],
			   const struct config *config)
{
	struct jr weft = jr_obj_opt(root, "Weft");

	for (enum family f = 0; f < FAMILIES; f++) {
		if (!ipaddr_is_set(&config->gateway[f]))
			continue;
		if (!values[f].enabled)
			jr_fault(&weft, f == FAMILY_V4 ? "Gateway" : "IPv6Gateway",
				 "the family is not enabled");
		else if (config_has(config, f))
			check_gateway(&weft, config, f);
	}
	check_gateway_pair(&weft, config);
}

int config_parse(const char *text, size_t size, config_warn_fn *warn, void *ctx,
		 struct config *config_out, struct err *err)
{
	return config_parse_report(text, size, warn, ctx, NULL, config_out, err);
}

int config_parse_report(const char *text, size_t size, config_warn_fn *warn, void *ctx,
			const struct json_report *report, struct config *config_out,
			struct err *err)
{
	const struct warning warning = { warn, ctx };
	AUTO(json) struct json *json = NULL;
	struct family_values values[FAMILIES];
	struct config config = { 0 };
	struct jr document, root;

	if (json_parse_report(text, size, CONFIG_SIZE_MAX, JSON_ANY_CASE | JSON_LAST_DUPLICATE,
			      "network configuration", report, &json, err) < 0)
		return -1;
	document = jr_root(json);
	root = jr_obj(&document, NULL);
	if (jr_is_absent(&root))
		return jr_done(json, ERR_CONFIG, err);
	read_families(&root, &warning, values);
	read_backend(&root, &warning, &config);
	read_weft(&root, &warning, &config);
	if (config.reserved_only)
		ignore_division(values);
	make_pools(&root, values, &config);
	check_gateways(&root, values, &config);
	if (jr_done(json, ERR_CONFIG, err) < 0)
		return -1;
	*config_out = config;
	return 0;
}

bool config_has(const struct config *config, enum family family)
{
	return prefix_is_set(&config->pool[family].network);
}

bool config_is_routed(const struct config *config, enum family family)
{
	return config_has(config, family) &&
	       (config->mode == CONFIG_ROUTED || ipaddr_is_set(&config->gateway[family]));
}

bool config_is_switch(const struct config *config)
{
	return !config_is_routed(config, FAMILY_V4) && !config_is_routed(config, FAMILY_V6);
}

void config_outer_families(const struct config *config,
			   const struct ipaddr address[static FAMILIES],
			   bool uses_out[static FAMILIES])
{
	bool v4 = ipaddr_is_set(&address[FAMILY_V4]), v6 = ipaddr_is_set(&address[FAMILY_V6]);

	if (config->flood != CONFIG_FLOOD_NONE && config->underlay == CONFIG_UNDERLAY_AUTO) {
		uses_out[FAMILY_V4] = v4 && config->group.family != AF_INET6;
		uses_out[FAMILY_V6] = v6 && config->group.family == AF_INET6;
		return;
	}
	uses_out[FAMILY_V4] = v4 && config->underlay != CONFIG_UNDERLAY_V6;
	/* A flannel node sends packets of IPv6 containers over IPv6 only. */
	if (config->underlay == CONFIG_UNDERLAY_AUTO)
		v6 = v6 && (!v4 || config_has(config, FAMILY_V6));
	uses_out[FAMILY_V6] = v6 && config->underlay != CONFIG_UNDERLAY_V4;
}

bool config_learns(const struct config *config)
{
	return config->learning || config->flood == CONFIG_FLOOD_MULTICAST ||
	       (config->bridge[0] && config->flood != CONFIG_FLOOD_NONE);
}

bool config_announces(const struct config *config)
{
	return config->mode == CONFIG_L2 && !config_learns(config);
}

static bool pool_equal(const struct subnet_pool *a, const struct subnet_pool *b)
{
	return prefix_equal(&a->network, &b->network) && a->len == b->len &&
	       ipaddr_equal(&a->min, &b->min) && ipaddr_equal(&a->max, &b->max);
}

static bool firewall_equal(const struct config_rules *a, const struct config_rules *b)
{
	if (a->non_masquerade_len != b->non_masquerade_len ||
	    a->allow_from_len != b->allow_from_len || a->allow_routers != b->allow_routers)
		return false;
	for (uint32_t i = 0; i < a->non_masquerade_len; i++)
		if (!prefix_equal(&a->non_masquerade[i], &b->non_masquerade[i]))
			return false;
	for (uint32_t i = 0; i < a->allow_from_len; i++)
		if (strcmp(a->allow_from[i], b->allow_from[i]))
			return false;
	return true;
}

bool config_equal(const struct config *a, const struct config *b)
{
	return firewall_equal(&a->rules, &b->rules) &&
	       pool_equal(&a->pool[FAMILY_V4], &b->pool[FAMILY_V4]) &&
	       pool_equal(&a->pool[FAMILY_V6], &b->pool[FAMILY_V6]) && a->vni == b->vni &&
	       a->port == b->port && a->mtu == b->mtu && a->learning == b->learning &&
	       a->gbp == b->gbp && a->direct_routing == b->direct_routing &&
	       a->underlay == b->underlay && a->lease_ttl_s == b->lease_ttl_s &&
	       a->reserved_only == b->reserved_only && a->fast_path == b->fast_path &&
	       a->mode == b->mode && a->flood == b->flood && !strcmp(a->bridge, b->bridge) &&
	       a->probe_port == b->probe_port && !strcmp(a->probe_key, b->probe_key) &&
	       ipaddr_equal(&a->group, &b->group) && a->flood_limit == b->flood_limit &&
	       ipaddr_equal(&a->gateway[FAMILY_V4], &b->gateway[FAMILY_V4]) &&
	       ipaddr_equal(&a->gateway[FAMILY_V6], &b->gateway[FAMILY_V6]);
}

/* All vxlan devices of a port share one socket, with or without the GBP extension. */
static bool port_conflicts(const struct config *config, const struct config *other)
{
	return config->port == other->port && config->gbp != other->gbp;
}

int config_check_coexistence(const struct config *config, const struct config *other,
			     const char *other_name, struct err *err)
{
	char first[PREFIX_TEXT_SIZE], second[PREFIX_TEXT_SIZE];

	if (config->vni == other->vni)
		return err_set(err, ERR_CONFIG,
			       "network configuration: Backend.VNI: %u is already used by network "
			       "\"%s\"; each network on a node needs a different VNI",
			       config->vni, other_name);
	for (enum family f = 0; f < FAMILIES; f++) {
		const struct prefix *a = &config->pool[f].network, *b = &other->pool[f].network;

		if (config_is_routed(config, f) && config_is_routed(other, f) &&
		    prefix_overlaps(a, b))
			return err_set(
				err, ERR_CONFIG,
				"network configuration: %s: %s overlaps %s of network \"%s\"",
				f == FAMILY_V4 ? "Network" : "IPv6Network", prefix_text(a, first),
				prefix_text(b, second), other_name);
	}
	if (config->bridge[0] && !strcmp(config->bridge, other->bridge))
		return err_set(err, ERR_CONFIG,
			       "network configuration: Weft.Bridge: %s is already used by network "
			       "\"%s\"",
			       config->bridge, other_name);
	if (port_conflicts(config, other))
		return err_set(
			err, ERR_CONFIG,
			"network configuration: Backend.GBP: %s differs from network \"%s\" with "
			"the same Port, %u; choose another port",
			config->gbp ? "true" : "false", other_name, config->port);
	return 0;
}
