/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/result.h"

#include "common/err.h"
#include "common/json.h"

static void put_interfaces(struct jb_at root, enum version version, const struct result *result)
{
	struct jb_at list = jb_arr(root, "interfaces");

	for (size_t i = 0; i < RESULT_INTERFACES; i++) {
		const struct result_interface *interface = &result->interfaces[i];
		struct jb_at at = jb_obj(list, NULL);

		jb_str(at, "name", interface->name);
		jb_mac(at, "mac", &interface->mac);
		if (version >= VERSION_1_1_0)
			jb_u32(at, "mtu", interface->mtu);
		if (interface->sandbox)
			jb_str(at, "sandbox", interface->sandbox);
	}
}

static void put_route(struct jb_at list, enum version version, const struct route *route)
{
	struct jb_at at = jb_obj(list, NULL);

	jb_prefix(at, "dst", &route->dst);
	if (ipaddr_is_set(&route->gateway))
		jb_ipaddr(at, "gw", &route->gateway);
	if (version < VERSION_1_1_0)
		return;
	if (route->mtu)
		jb_u32(at, "mtu", route->mtu);
	if (route->metric)
		jb_u32(at, "priority", route->metric);
	if (route->table)
		jb_u32(at, "table", route->table);
}

/* 0.1.0 and 0.2.0: an object for each family, which has its routes in it. */
static void put_families(struct jb_at root, enum version version, const struct result *result)
{
	for (size_t i = 0; i < result->ip_len; i++) {
		const struct result_ip *ip = &result->ips[i];
		const uint8_t family = ip->address.addr.family;
		struct jb_at at = jb_obj(root, family == AF_INET ? "ip4" : "ip6");
		struct jb_at routes;

		jb_prefix(at, "ip", &ip->address);
		jb_ipaddr(at, "gateway", &ip->gateway);
		routes = jb_arr(at, "routes");
		for (size_t j = 0; j < result->route_len; j++) {
			if (result->routes[j].dst.addr.family == family)
				put_route(routes, version, &result->routes[j]);
		}
	}
}

static void put_ips(struct jb_at root, enum version version, const struct result *result)
{
	struct jb_at list = jb_arr(root, "ips");

	for (size_t i = 0; i < result->ip_len; i++) {
		const struct result_ip *ip = &result->ips[i];
		struct jb_at at = jb_obj(list, NULL);

		if (version < VERSION_1_0_0)
			jb_str(at, "version", ip->address.addr.family == AF_INET ? "4" : "6");
		jb_u32(at, "interface", RESULT_CONTAINER);
		jb_prefix(at, "address", &ip->address);
		jb_ipaddr(at, "gateway", &ip->gateway);
	}
}

static void put_routes(struct jb_at root, enum version version, const struct result *result)
{
	struct jb_at list;

	if (result->route_len == 0)
		return;
	list = jb_arr(root, "routes");
	for (size_t i = 0; i < result->route_len; i++)
		put_route(list, version, &result->routes[i]);
}

int result_text(enum version version, const struct result *result, char **text_out, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root;

	if (!jb)
		return err_nomem(err, "the result");
	root = jb_root(jb);
	jb_str(root, "cniVersion", version_text(version));
	if (version < VERSION_0_3_0) {
		put_families(root, version, result);
	} else {
		put_interfaces(root, version, result);
		put_ips(root, version, result);
		put_routes(root, version, result);
	}
	if (result->dns)
		jb_raw(root, "dns", result->dns);
	else if (version < VERSION_1_0_0)
		jb_obj(root, "dns");
	return jb_text(jb, text_out, err);
}

int result_error_text(enum version version, const struct err *what, char **text_out,
		      struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root;

	if (!jb)
		return err_nomem(err, "the error");
	root = jb_root(jb);
	jb_str(root, "cniVersion", version_text(version));
	jb_u32(root, "code", err_cni_code(what->code));
	jb_str(root, "msg", what->text);
	if (*what->details)
		jb_str(root, "details", what->details);
	return jb_text(jb, text_out, err);
}

int result_versions_text(enum version version, char **text_out, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root, list;

	if (!jb)
		return err_nomem(err, "the versions");
	root = jb_root(jb);
	jb_str(root, "cniVersion", version_text(version));
	list = jb_arr(root, "supportedVersions");
	for (int i = 0; i < VERSIONS; i++)
		jb_str(list, NULL, version_text((enum version)i));
	return jb_text(jb, text_out, err);
}
