/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/result.h"

#include "common/err.h"
#include "common/json.h"
#include "plugin/given.h"

/* A result of nothing: what "before" is for the first plugin of a list. */
static const struct given nothing;

static void put_interfaces(struct jb_at root, enum version version, const struct given *before,
			   const struct result *result)
{
	struct jb_at list = jb_arr(root, "interfaces");

	for (size_t i = 0; i < before->interfaces.len; i++)
		jb_raw(list, NULL, before->interfaces.at[i]);
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
	if (route->advmss)
		jb_u32(at, "advmss", route->advmss);
	if (route->metric)
		jb_u32(at, "priority", route->metric);
	if (route->table)
		jb_u32(at, "table", route->table);
	if (route->scope)
		jb_u32(at, "scope", route->scope);
}

/* ---- 0.1.0 and 0.2.0: an object for each family, which has its routes in it -------------------- */

static void put_family_routes(struct jb_at list, enum version version, uint8_t family,
			      const struct route routes[], size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (routes[i].dst.addr.family == family)
			put_route(list, version, &routes[i]);
	}
}

static void put_family(struct jb_at root, enum version version, const struct given_ip *ip,
		       const struct given *before, const struct result *result)
{
	const uint8_t family = ip->address.addr.family;
	struct jb_at at = jb_obj(root, family == AF_INET ? "ip4" : "ip6");
	struct jb_at routes;

	jb_prefix(at, "ip", &ip->address);
	if (ipaddr_is_set(&ip->gateway))
		jb_ipaddr(at, "gateway", &ip->gateway);
	routes = jb_arr(at, "routes");
	put_family_routes(routes, version, family, before->routes.at, before->routes.len);
	put_family_routes(routes, version, family, result->routes, result->route_len);
}

static int put_families(struct jb_at root, enum version version, const struct given *before,
			const struct result *result, struct err *err)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };

	for (size_t f = 0; f < sizeof(families); f++) {
		struct given_ip ip = { .interface = GIVEN_NO_INTERFACE };
		size_t count = 0;

		for (size_t i = 0; i < before->ips.len; i++) {
			if (before->ips.at[i].address.addr.family != families[f])
				continue;
			ip = before->ips.at[i];
			count++;
		}
		for (size_t i = 0; i < result->ip_len; i++) {
			if (result->ips[i].address.addr.family != families[f])
				continue;
			ip.address = result->ips[i].address;
			ip.gateway = result->ips[i].gateway;
			count++;
		}
		if (count > 1)
			return err_set(err, ERR_CONFIG,
				       "CNI version %s does not support more than 1 address per "
				       "family, and there are %zu",
				       version_text(version), count);
		if (count)
			put_family(root, version, &ip, before, result);
	}
	return 0;
}

/* ---- Since 0.3.0 -------------------------------------------------------------------------- */

static void put_ip(struct jb_at list, enum version version, const struct given_ip *ip)
{
	struct jb_at at = jb_obj(list, NULL);

	if (version < VERSION_1_0_0)
		jb_str(at, "version", ip->address.addr.family == AF_INET ? "4" : "6");
	if (ip->interface != GIVEN_NO_INTERFACE)
		jb_u32(at, "interface", ip->interface);
	jb_prefix(at, "address", &ip->address);
	if (ipaddr_is_set(&ip->gateway))
		jb_ipaddr(at, "gateway", &ip->gateway);
}

static void put_ips(struct jb_at root, enum version version, const struct given *before,
		    const struct result *result)
{
	struct jb_at list = jb_arr(root, "ips");

	for (size_t i = 0; i < before->ips.len; i++)
		put_ip(list, version, &before->ips.at[i]);
	for (size_t i = 0; i < result->ip_len; i++) {
		const struct given_ip ip = {
			.address = result->ips[i].address,
			.gateway = result->ips[i].gateway,
			.interface = (uint32_t)before->interfaces.len + RESULT_CONTAINER,
		};

		put_ip(list, version, &ip);
	}
}

static void put_routes(struct jb_at root, enum version version, const struct given *before,
		       const struct result *result)
{
	struct jb_at list;

	if (result->route_len + before->routes.len == 0)
		return;
	list = jb_arr(root, "routes");
	for (size_t i = 0; i < before->routes.len; i++)
		put_route(list, version, &before->routes.at[i]);
	for (size_t i = 0; i < result->route_len; i++)
		put_route(list, version, &result->routes[i]);
}

int result_text(enum version version, const struct result *result, char **text_out, struct err *err)
{
	const struct given *before = result->before ? result->before : &nothing;
	const char *dns = result->dns ? result->dns : before->dns;
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root;

	if (!jb)
		return err_nomem(err, "the result");
	root = jb_root(jb);
	jb_str(root, "cniVersion", version_text(version));
	if (version < VERSION_0_3_0) {
		if (put_families(root, version, before, result, err) < 0)
			return -1;
	} else {
		put_interfaces(root, version, before, result);
		put_ips(root, version, before, result);
		put_routes(root, version, before, result);
	}
	if (dns)
		jb_raw(root, "dns", dns);
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
