/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/err.h"
#include "common/json.h"
#include "common/parse.h"

#include <string.h>
#include <strings.h>

#define VNI_MAX 0xffffff /* RFC 7348 section 5: 24 bits */
#define MTU_MIN 1280     /* what IPv6 needs (RFC 8200 section 5); less serves nobody */
#define MTU_MAX 65535
#define LEASE_TTL_MIN 2 /* etcd's own minimum with its default election timeout */
#define LEASE_TTL_MAX 31536000

struct warning {
	config_warn_fn *warn;
	void *ctx;
};

static void warn_unknown(void *ctx, const char *path)
{
	const struct warning *warning = ctx;

	warning->warn(warning->ctx, path, "unknown key");
}

static void read_backend(const struct jr *root, const struct warning *warning,
			 struct config *config)
{
	static const char *const known[] = { "Type", "VNI",      "Port",          "MTU",
					     "GBP",  "Learning", "DirectRouting", NULL };
	struct jr backend = jr_obj_opt(root, "Backend");
	const char *type = jr_str_opt(&backend, "Type", 64, "vxlan");

	if (strcasecmp(type, "vxlan"))
		jr_fault(&backend, "Type", "\"%s\" is not a backend of weft; it has \"vxlan\"",
			 type);
	config->vni = jr_u32_opt(&backend, "VNI", 1, VNI_MAX, 1);
	config->port = (uint16_t)jr_u32_opt(&backend, "Port", 0, 65535, 0);
	if (!config->port)
		config->port = CONFIG_PORT_DEFAULT;
	config->mtu = jr_u32_opt(&backend, "MTU", 0, MTU_MAX, 0);
	if (config->mtu && config->mtu < MTU_MIN)
		jr_fault(&backend, "MTU", "%u is not 0 or from %u to %u", config->mtu, MTU_MIN,
			 MTU_MAX);
	config->gbp = jr_bool_opt(&backend, "GBP", false);
	config->learning = jr_bool_opt(&backend, "Learning", false);
	config->direct_routing = jr_bool_opt(&backend, "DirectRouting", false);
	jr_unknown(&backend, known, warn_unknown, (void *)(uintptr_t)warning);
}

static enum config_underlay read_underlay(const struct jr *weft)
{
	static const char *const names[] = {
		[CONFIG_UNDERLAY_AUTO] = "auto",
		[CONFIG_UNDERLAY_V4] = "ipv4",
		[CONFIG_UNDERLAY_V6] = "ipv6",
	};
	const char *name = jr_str_opt(weft, "Underlay", 16, "auto");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return (enum config_underlay)i;
	jr_fault(weft, "Underlay", "\"%s\" is not \"auto\", \"ipv4\" or \"ipv6\"", name);
	return CONFIG_UNDERLAY_AUTO;
}

/* One that overlaps another, or has host bits, is likely to be meant otherwise. */
static void read_exception(const struct jr *at, struct config_rules *rules)
{
	struct prefix prefix = jr_prefix(at, NULL), masked = prefix_masked(&prefix);
	char text[PREFIX_TEXT_SIZE], other[PREFIX_TEXT_SIZE];

	if (!prefix_is_set(&prefix))
		return;
	if (!prefix_equal(&prefix, &masked))
		jr_fault(at, NULL, "%s has bits behind its length; the network is %s",
			 prefix_text(&prefix, text), prefix_text(&masked, other));
	for (uint32_t i = 0; i < rules->non_masquerade_len; i++)
		if (prefix_overlaps(&rules->non_masquerade[i], &prefix))
			jr_fault(at, NULL, "%s overlaps %s, which stands before it",
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
	else if (!*name)
		jr_fault(at, NULL, "is not the name of a network");
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

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct jr list = jr_arr_opt(weft, lists[i].key), at;

		if (jr_len(&list) > lists[i].max) {
			jr_fault(weft, lists[i].key, "has more than %zu elements", lists[i].max);
			continue;
		}
		for (size_t k = 0; jr_each(&list, &k, &at);)
			lists[i].read(&at, rules);
	}
}

static void read_weft(const struct jr *root, const struct warning *warning, struct config *config)
{
	static const char *const known[] = { "LeaseTTL", "Underlay", "NonMasquerade", "AllowFrom",
					     NULL };
	struct jr weft = jr_obj_opt(root, "Weft");

	config->lease_ttl_s = jr_u32_opt(&weft, "LeaseTTL", LEASE_TTL_MIN, LEASE_TTL_MAX,
					 CONFIG_LEASE_TTL_DEFAULT);
	config->underlay = read_underlay(&weft);
	read_rules(&weft, &config->rules);
	jr_unknown(&weft, known, warn_unknown, (void *)(uintptr_t)warning);
}

/* One family's keys and what stands under them. */
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

/* As read, before it is known whether it makes a plan. */
struct family_values {
	bool enabled;
	struct prefix network;
	uint8_t len;
	struct ipaddr min, max;
};

/* The addresses' family must be right before subnet_plan_make may compare them. */
static struct ipaddr read_bound(const struct jr *root, const char *key,
				const struct family_keys *keys)
{
	struct ipaddr addr = jr_ipaddr_opt(root, key);

	if (ipaddr_is_set(&addr) && addr.family != keys->family)
		jr_fault(root, key, "is not an %s address", keys->name);
	return addr;
}

/* What stands under the keys of a family that is not enabled is not looked at, as in flannel. */
static struct family_values read_family(const struct jr *root, const struct family_keys *keys)
{
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
	return values;
}

static void read_families(const struct jr *root, const struct warning *warning,
			  struct family_values values[static FAMILIES])
{
	static const char *const known[] = { "Network",        "SubnetLen",
					     "SubnetMin",      "SubnetMax",
					     "EnableIPv4",     "EnableIPv6",
					     "IPv6Network",    "IPv6SubnetLen",
					     "IPv6SubnetMin",  "IPv6SubnetMax",
					     "EnableNFTables", "Backend",
					     "Weft",           NULL };

	for (enum family f = 0; f < FAMILIES; f++)
		values[f] = read_family(root, &family_keys[f]);
	if (!values[FAMILY_V4].enabled && !values[FAMILY_V6].enabled)
		jr_fault(root, "EnableIPv4", "false needs EnableIPv6: containers need an address");
	jr_unknown(root, known, warn_unknown, (void *)(uintptr_t)warning);
}

static int make_plans(const struct family_values values[static FAMILIES], struct config *config,
		      struct err *err)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		const struct family_values *of = &values[f];

		if (of->enabled && subnet_plan_make(&of->network, of->len, &of->min, &of->max,
						    &config->plan[f], err) < 0)
			return err_wrap(err, "network configuration");
	}
	return 0;
}

int config_parse(const char *text, size_t size, config_warn_fn *warn, void *ctx,
		 struct config *config_out, struct err *err)
{
	const struct warning warning = { warn, ctx };
	AUTO(json) struct json *json = NULL;
	struct family_values values[FAMILIES];
	struct config config = { 0 };
	struct jr root;

	if (json_parse(text, size, CONFIG_SIZE_MAX, JSON_ANY_CASE | JSON_LAST_DUPLICATE,
		       "network configuration", &json, err) < 0)
		return -1;
	root = jr_root(json);
	read_families(&root, &warning, values);
	read_backend(&root, &warning, &config);
	read_weft(&root, &warning, &config);
	if (jr_done(json, ERR_CONFIG, err) < 0 || make_plans(values, &config, err) < 0)
		return -1;
	*config_out = config;
	return 0;
}

bool config_has(const struct config *config, enum family family)
{
	return prefix_is_set(&config->plan[family].network);
}

void config_outer(const struct config *config, const struct ipaddr address[static FAMILIES],
		  bool uses_out[static FAMILIES])
{
	bool v4 = ipaddr_is_set(&address[FAMILY_V4]), v6 = ipaddr_is_set(&address[FAMILY_V6]);

	uses_out[FAMILY_V4] = v4 && config->underlay != CONFIG_UNDERLAY_V6;
	/* A flannel node sends its IPv6 containers' packets over IPv6 and in no other way. */
	if (config->underlay == CONFIG_UNDERLAY_AUTO)
		v6 = v6 && (!v4 || config_has(config, FAMILY_V6));
	uses_out[FAMILY_V6] = v6 && config->underlay != CONFIG_UNDERLAY_V4;
}

static bool plan_equal(const struct subnet_plan *a, const struct subnet_plan *b)
{
	return prefix_equal(&a->network, &b->network) && a->len == b->len &&
	       ipaddr_equal(&a->min, &b->min) && ipaddr_equal(&a->max, &b->max);
}

static bool rules_equal(const struct config_rules *a, const struct config_rules *b)
{
	if (a->non_masquerade_len != b->non_masquerade_len ||
	    a->allow_from_len != b->allow_from_len)
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
	return rules_equal(&a->rules, &b->rules) &&
	       plan_equal(&a->plan[FAMILY_V4], &b->plan[FAMILY_V4]) &&
	       plan_equal(&a->plan[FAMILY_V6], &b->plan[FAMILY_V6]) && a->vni == b->vni &&
	       a->port == b->port && a->mtu == b->mtu && a->learning == b->learning &&
	       a->gbp == b->gbp && a->direct_routing == b->direct_routing &&
	       a->underlay == b->underlay && a->lease_ttl_s == b->lease_ttl_s;
}

/* One socket takes the packets of one port, and either reads the group policy in them or not. */
static bool share_port_badly(const struct config *config, const struct config *other)
{
	return config->port == other->port && config->gbp != other->gbp;
}

int config_beside(const struct config *config, const struct config *other, const char *other_name,
		  struct err *err)
{
	char ours[PREFIX_TEXT_SIZE], theirs[PREFIX_TEXT_SIZE];

	if (config->vni == other->vni)
		return err_set(err, ERR_CONFIG,
			       "network configuration: Backend.VNI: %u is that of network \"%s\", "
			       "too; each network on a node needs one of its own",
			       config->vni, other_name);
	for (enum family f = 0; f < FAMILIES; f++) {
		const struct prefix *a = &config->plan[f].network, *b = &other->plan[f].network;

		if (config_has(config, f) && config_has(other, f) && prefix_overlaps(a, b))
			return err_set(
				err, ERR_CONFIG,
				"network configuration: %s: %s overlaps %s of network \"%s\"",
				f == FAMILY_V4 ? "Network" : "IPv6Network", prefix_text(a, ours),
				prefix_text(b, theirs), other_name);
	}
	if (share_port_badly(config, other))
		return err_set(err, ERR_CONFIG,
			       "network configuration: Backend.GBP: %s is not that of network "
			       "\"%s\", which has the same Port, %u; choose another port",
			       config->gbp ? "true" : "false", other_name, config->port);
	return 0;
}
