/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/err.h"
#include "common/json.h"

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
	if (jr_bool_opt(&backend, "DirectRouting", false))
		warning->warn(warning->ctx, "Backend.DirectRouting",
			      "not used: every peer is reached through the tunnel");
	jr_unknown(&backend, known, warn_unknown, (void *)(uintptr_t)warning);
}

static void read_weft(const struct jr *root, const struct warning *warning, struct config *config)
{
	static const char *const known[] = { "LeaseTTL", NULL };
	struct jr weft = jr_obj_opt(root, "Weft");

	config->lease_ttl_s = jr_u32_opt(&weft, "LeaseTTL", LEASE_TTL_MIN, LEASE_TTL_MAX,
					 CONFIG_LEASE_TTL_DEFAULT);
	jr_unknown(&weft, known, warn_unknown, (void *)(uintptr_t)warning);
}

/* The addresses' family must be IPv4 before subnet_plan_make may compare them. */
static struct ipaddr read_v4(const struct jr *root, const char *key)
{
	struct ipaddr addr = jr_ipaddr_opt(root, key);

	if (ipaddr_is_set(&addr) && addr.family != AF_INET)
		jr_fault(root, key, "is not an IPv4 address");
	return addr;
}

static void read_families(const struct jr *root)
{
	if (!jr_bool_opt(root, "EnableIPv4", true))
		jr_fault(root, "EnableIPv4", "false is not possible: this weft carries IPv4");
	if (jr_bool_opt(root, "EnableIPv6", false))
		jr_fault(root, "EnableIPv6", "true is not possible: this weft carries IPv4 only");
}

static void read_network(const struct jr *root, const struct warning *warning,
			 struct prefix *network, uint8_t *len, struct ipaddr *min,
			 struct ipaddr *max)
{
	static const char *const known[] = { "Network",        "SubnetLen",
					     "SubnetMin",      "SubnetMax",
					     "EnableIPv4",     "EnableIPv6",
					     "IPv6Network",    "IPv6SubnetLen",
					     "IPv6SubnetMin",  "IPv6SubnetMax",
					     "EnableNFTables", "Backend",
					     "Weft",           NULL };

	*network = jr_prefix(root, "Network");
	if (prefix_is_set(network) && network->addr.family != AF_INET)
		jr_fault(root, "Network", "is not an IPv4 network");
	*len = (uint8_t)jr_u32_opt(root, "SubnetLen", 0, 32, 0);
	*min = read_v4(root, "SubnetMin");
	*max = read_v4(root, "SubnetMax");
	read_families(root);
	jr_unknown(root, known, warn_unknown, (void *)(uintptr_t)warning);
}

int config_parse(const char *text, size_t size, config_warn_fn *warn, void *ctx,
		 struct config *config_out, struct err *err)
{
	const struct warning warning = { warn, ctx };
	AUTO(json) struct json *json = NULL;
	struct config config = { 0 };
	struct ipaddr min, max;
	struct prefix network;
	struct jr root;
	uint8_t len;

	if (json_parse(text, size, CONFIG_SIZE_MAX, JSON_ANY_CASE | JSON_LAST_DUPLICATE,
		       "network configuration", &json, err) < 0)
		return -1;
	root = jr_root(json);
	read_network(&root, &warning, &network, &len, &min, &max);
	read_backend(&root, &warning, &config);
	read_weft(&root, &warning, &config);
	if (jr_done(json, ERR_CONFIG, err) < 0)
		return -1;
	if (subnet_plan_make(&network, len, &min, &max, &config.plan, err) < 0)
		return err_wrap(err, "network configuration");
	*config_out = config;
	return 0;
}

bool config_equal(const struct config *a, const struct config *b)
{
	return prefix_equal(&a->plan.network, &b->plan.network) && a->plan.len == b->plan.len &&
	       ipaddr_equal(&a->plan.min, &b->plan.min) &&
	       ipaddr_equal(&a->plan.max, &b->plan.max) && a->vni == b->vni && a->port == b->port &&
	       a->mtu == b->mtu && a->learning == b->learning && a->gbp == b->gbp &&
	       a->lease_ttl_s == b->lease_ttl_s;
}
