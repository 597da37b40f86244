/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/netconf.h"

#include "common/array.h"
#include "common/err.h"
#include "common/parse.h"
#include "common/state.h"
#include "ipam/attachment.h"
#include "ipam/host_local.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#define WHAT "network configuration"
#define TEXT_MAX 4095 /* bytes of a name or path */
#define MTU_MIN 68U   /* RFC 791 */

void netconf_free(struct netconf *netconf)
{
	netconf_routes_free(&netconf->routes);
	free(netconf->dns);
	free(netconf->prev_result);
	free(netconf->text);
	json_free(netconf->json);
	*netconf = NETCONF_INIT;
}

/* The keys that the specification requires. */
static int read_required(const struct jr *root, struct netconf *netconf, struct err *err)
{
	const char *version = jr_str_opt(root, "cniVersion", TEXT_MAX, "");

	netconf->name = jr_str_opt(root, "name", TEXT_MAX, "");
	if (jr_done(netconf->json, ERR_DECODE, err) < 0 ||
	    version_parse(version, &netconf->version, err) < 0)
		return -1;
	if (!*netconf->name)
		return err_set(err, ERR_CONFIG, "missing network name");
	return parse_network_name(netconf->name, err);
}

void netconf_read_route(const struct jr *at, struct route *route_out)
{
	struct route route = {
		.dst = jr_prefix(at, "dst"),
		.gateway = jr_ipaddr_opt(at, "gw"),
		.metric = jr_u32_opt(at, "priority", 0, UINT32_MAX, 0),
		.table = jr_u32_opt(at, "table", 0, UINT32_MAX, 0),
		.mtu = jr_u32_opt(at, "mtu", 0, UINT16_MAX, 0),
		.advmss = jr_u32_opt(at, "advmss", 0, UINT16_MAX, 0),
		.scope = (uint8_t)jr_u32_opt(at, "scope", 0, UINT8_MAX, RT_SCOPE_UNIVERSE),
	};

	route.dst = prefix_masked(&route.dst);
	if (ipaddr_is_set(&route.gateway) && route.gateway.family != route.dst.addr.family)
		jr_fault(at, "gw", "is not of the address family of dst");
	if (ipaddr_is_set(&route.gateway) && route.scope >= RT_SCOPE_LINK)
		jr_fault(at, "scope",
			 "%u excludes a gateway: it is that of directly connected destinations",
			 route.scope);
	*route_out = route;
}

static int read_routes(const struct jr *root, struct netconf_routes *routes, struct err *err)
{
	struct jr list = jr_arr_opt(root, "routes");
	struct jr at;

	for (size_t i = 0; jr_each(&list, &i, &at);) {
		struct route route;

		netconf_read_route(&at, &route);
		if (!netconf_routes_push(routes, &route))
			return err_nomem(err, "routes");
	}
	return 0;
}

static uint32_t read_mtu(const struct jr *root)
{
	uint32_t mtu = jr_u32_opt(root, "mtu", 0, UINT16_MAX, 0);

	if (mtu > 0 && mtu < MTU_MIN)
		jr_fault(root, "mtu", "%u is neither 0 (the network's) nor from %u to %d", mtu,
			 MTU_MIN, UINT16_MAX);
	return mtu;
}

static const char *read_run_dir(const struct jr *root)
{
	const char *run_dir = jr_str_opt(root, "runDir", TEXT_MAX, STATE_RUN_DIR);

	if (run_dir[0] != '/')
		jr_fault(root, "runDir", "\"%s\" is not an absolute path", ERR_SHOW(run_dir));
	return run_dir;
}

static const char *read_network(const struct jr *root)
{
	const char *network = jr_str_opt(root, "network", STATE_NETWORK_NAME_SIZE - 1, "default");
	struct err why = ERR_INIT;

	if (parse_network_name(network, &why) < 0)
		jr_fault(root, "network", "%s", why.text);
	return network;
}

/* An IPAM plugin is passed the configuration unchanged. */
static int read_ipam(const struct jr *root, const char *text, size_t size, struct netconf *netconf,
		     struct err *err)
{
	struct jr ipam = jr_obj_opt(root, "ipam");

	netconf->ipam = "";
	netconf->data_dir = HOST_LOCAL_DIR;
	if (!jr_is_absent(&ipam))
		netconf->ipam = jr_str_opt(&ipam, "type", ATTACHMENT_IPAM_SIZE - 1, "");
	/* Without a type; else the key is the other plugin's. */
	if (!jr_is_absent(&ipam) && !*netconf->ipam)
		netconf->data_dir = jr_str_opt(&ipam, "dataDir", FS_PATH_SIZE / 2, HOST_LOCAL_DIR);
	if (*netconf->ipam && !(netconf->text = strndup(text, size)))
		return err_nomem(err, "the configuration");
	return 0;
}

/* Runtimes refuse a result of which a member has another type. */
static void check_dns(const struct jr *dns)
{
	static const char *const lists[] = { "nameservers", "search", "options" };
	struct jr at;

	(void)jr_str_opt(dns, "domain", TEXT_MAX, "");
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct jr list = jr_arr_opt(dns, lists[i]);

		for (size_t k = 0; jr_each(&list, &k, &at);)
			(void)jr_str(&at, NULL, TEXT_MAX);
	}
}

/* weft's own keys. */
static int read_own(const struct jr *root, struct netconf *netconf, struct err *err)
{
	struct jr dns = jr_obj_opt(root, "dns");

	netconf->network = read_network(root);
	netconf->run_dir = read_run_dir(root);
	netconf->is_default_gateway = jr_bool_opt(root, "isDefaultGateway", true);
	netconf->hairpin = jr_bool_opt(root, "hairpinMode", true);
	netconf->isolated = jr_bool_opt(root, "portIsolation", false);
	netconf->spoof_check = jr_bool_opt(root, "macSpoofCheck", false);
	netconf->mtu = read_mtu(root);
	if (read_routes(root, &netconf->routes, err) < 0)
		return -1;
	if (jr_len(&dns) > 0)
		check_dns(&dns);
	if (jr_len(&dns) > 0 && !(netconf->dns = jr_text(root, "dns")))
		return err_nomem(err, "dns");
	if (jr_has(root, "prevResult") && !(netconf->prev_result = jr_text(root, "prevResult")))
		return err_nomem(err, "prevResult");
	return jr_done(netconf->json, ERR_CONFIG, err);
}

int netconf_parse(const char *text, size_t size, enum version *version_out,
		  struct netconf *netconf_out, struct err *err)
{
	AUTO(netconf) struct netconf netconf = NETCONF_INIT;
	struct jr document, root;
	int result;

	if (json_parse(text, size, NETCONF_MAX, JSON_ANY_CASE | JSON_LAST_DUPLICATE, WHAT,
		       &netconf.json, err) < 0)
		return -1;
	document = jr_root(netconf.json);
	root = jr_obj(&document, NULL);
	if (jr_done(netconf.json, ERR_DECODE, err) < 0)
		return -1;
	result = read_required(&root, &netconf, err);
	*version_out = netconf.version;
	if (result < 0 || read_ipam(&root, text, size, &netconf, err) < 0 ||
	    read_own(&root, &netconf, err) < 0)
		return -1;
	*netconf_out = netconf;
	netconf = NETCONF_INIT;
	return 0;
}
