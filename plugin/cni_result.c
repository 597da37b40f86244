/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cni_result.h"

#include "common/err.h"
#include "common/json/json.h"

#include <stdlib.h>
#include <string.h>

#define VERSION_MAX 64
#define TEXT_MAX 4095 /* bytes of a name or path */

void cni_result_free(struct cni_result *result)
{
	for (size_t i = 0; i < result->interfaces.len; i++)
		free(result->interfaces.at[i].text);
	cni_interfaces_free(&result->interfaces);
	cni_ips_free(&result->ips);
	netconf_routes_free(&result->routes);
	free(result->dns);
	json_free(result->json);
	*result = (struct cni_result){ .dns = NULL };
}

/* ---- Parsing ------------------------------------------------------------------------------ */

/* Lenient: what an interface holds beside its name is the concern of the plugin that wrote it. */
static const char *text_of(const struct jr *at, const char *key)
{
	return jr_is_str(at, key) ? jr_str(at, key, NETCONF_MAX) : NULL;
}

static int read_interfaces(const struct jr *root, struct cni_result *result, struct err *err)
{
	struct jr list = jr_arr_opt(root, "interfaces"), at;

	for (size_t i = 0; jr_each(&list, &i, &at);) {
		const char *name = text_of(&at, "name"), *mac = text_of(&at, "mac");
		struct cni_interface interface = {
			.name = name ? name : "",
			.sandbox = text_of(&at, "sandbox"),
			.text = jr_text(&at, NULL),
		};
		struct err unused = ERR_INIT;

		if (mac)
			(void)mac_parse(mac, &interface.mac, &unused);
		if (!interface.text || !cni_interfaces_push(&result->interfaces, &interface)) {
			free(interface.text);
			return err_nomem(err, "interfaces");
		}
	}
	return 0;
}

/* What is required of a result: of all of it, or of what CHECK compares. */
enum strictness { PARSE_ALL, PARSE_CHECK };

static struct route read_route(const struct jr *at, enum strictness how)
{
	struct route route;

	if (how == PARSE_ALL)
		netconf_read_route(at, &route);
	else
		route = (struct route){
			.dst = jr_prefix(at, "dst"),
			.gateway = jr_ipaddr_opt(at, "gw"),
			.table = jr_u32_opt(at, "table", 0, UINT32_MAX, 0),
		};
	return route;
}

static int read_routes(const struct jr *from, enum strictness how, struct cni_result *result,
		       struct err *err)
{
	struct jr list = jr_arr_opt(from, "routes"), at;

	for (size_t i = 0; jr_each(&list, &i, &at);) {
		const struct route route = read_route(&at, how);

		if (!netconf_routes_push(&result->routes, &route))
			return err_nomem(err, "routes");
	}
	return 0;
}

/* ips, of 0.3.0 and later. */
static int read_ips(const struct jr *root, enum strictness how, struct cni_result *result,
		    struct err *err)
{
	struct jr list = jr_arr_opt(root, "ips"), at;

	for (size_t i = 0; jr_each(&list, &i, &at);) {
		const struct cni_ip ip = {
			.address = jr_prefix(&at, "address"),
			.gateway = jr_ipaddr_opt(&at, "gateway"),
			.interface = jr_u32_opt(&at, "interface", 0, UINT32_MAX, CNI_NO_INTERFACE),
		};

		if (how == PARSE_ALL && ip.interface != CNI_NO_INTERFACE &&
		    ip.interface >= result->interfaces.len)
			jr_fault(&at, "interface", "%u: there are %zu interfaces", ip.interface,
				 result->interfaces.len);
		if (!cni_ips_push(&result->ips, &ip))
			return err_nomem(err, "addresses");
	}
	return 0;
}

/* ip4 and ip6, of 0.1.0 and 0.2.0, which contain their routes. */
static int read_family(const struct jr *root, const char *key, enum strictness how,
		       struct cni_result *result, struct err *err)
{
	struct jr at = jr_obj_opt(root, key);
	struct cni_ip ip = { .interface = CNI_NO_INTERFACE };

	if (jr_is_absent(&at))
		return 0;
	ip.address = jr_prefix(&at, "ip");
	ip.gateway = jr_ipaddr_opt(&at, "gateway");
	if (!cni_ips_push(&result->ips, &ip))
		return err_nomem(err, "addresses");
	return read_routes(&at, how, result, err);
}

static int parse(const char *text, const char *what, enum strictness how,
		 struct cni_result *result_out, struct err *err)
{
	AUTO(cni_result) struct cni_result result = { .dns = NULL };
	struct jr root, dns;
	enum version version;

	if (json_parse(text, strlen(text), NETCONF_MAX, JSON_ANY_CASE | JSON_LAST_DUPLICATE, what,
		       &result.json, err) < 0)
		return -1;
	root = jr_root(result.json);
	if (how == PARSE_ALL &&
	    version_parse(jr_str_opt(&root, "cniVersion", VERSION_MAX, ""), &version, err) < 0)
		return err_wrap(err, "%s", what);
	dns = jr_obj_opt(&root, "dns");
	if (read_interfaces(&root, &result, err) < 0 || read_ips(&root, how, &result, err) < 0 ||
	    read_family(&root, "ip4", how, &result, err) < 0 ||
	    read_family(&root, "ip6", how, &result, err) < 0 ||
	    read_routes(&root, how, &result, err) < 0)
		return -1;
	if (jr_len(&dns) > 0 && !(result.dns = jr_text(&root, "dns")))
		return err_nomem(err, "dns");
	if (jr_done(result.json, ERR_DECODE, err) < 0)
		return -1;
	*result_out = result;
	result = (struct cni_result){ .dns = NULL };
	return 0;
}

int cni_result_parse(const char *text, const char *what, struct cni_result *result_out,
		     struct err *err)
{
	return parse(text, what, PARSE_ALL, result_out, err);
}

int cni_result_parse_check(const char *text, const char *what, struct cni_result *result_out,
			   struct err *err)
{
	return parse(text, what, PARSE_CHECK, result_out, err);
}

/* ---- Printing ----------------------------------------------------------------------------- */

static void put_interfaces(struct jb_at root, enum version version, const struct cni_result *result)
{
	struct jb_at list = jb_arr(root, "interfaces");

	for (size_t i = 0; i < result->interfaces.len; i++) {
		const struct cni_interface *interface = &result->interfaces.at[i];
		struct jb_at at;

		if (interface->text) {
			jb_raw(list, NULL, interface->text);
			continue;
		}
		at = jb_obj(list, NULL);
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

/* ---- 0.1.0 and 0.2.0: one object per family, which contains its routes --------------------- */

static void put_family(struct jb_at root, enum version version, const struct cni_ip *ip,
		       const struct netconf_routes *routes)
{
	const uint8_t family = ip->address.addr.family;
	struct jb_at at = jb_obj(root, family == AF_INET ? "ip4" : "ip6");
	struct jb_at list;

	jb_prefix(at, "ip", &ip->address);
	if (ipaddr_is_set(&ip->gateway))
		jb_ipaddr(at, "gateway", &ip->gateway);
	list = jb_arr(at, "routes");
	for (size_t i = 0; i < routes->len; i++) {
		if (routes->at[i].dst.addr.family == family)
			put_route(list, version, &routes->at[i]);
	}
}

static int put_families(struct jb_at root, enum version version, const struct cni_result *result,
			struct err *err)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };

	for (size_t f = 0; f < sizeof(families); f++) {
		const struct cni_ip *ip = NULL;
		size_t count = 0;

		for (size_t i = 0; i < result->ips.len; i++) {
			if (result->ips.at[i].address.addr.family != families[f])
				continue;
			ip = &result->ips.at[i];
			count++;
		}
		if (count > 1)
			return err_set(err, ERR_CONFIG,
				       "CNI version %s does not support more than 1 address per "
				       "family, and there are %zu",
				       version_text(version), count);
		if (ip)
			put_family(root, version, ip, &result->routes);
	}
	return 0;
}

/* ---- 0.3.0 and later ---------------------------------------------------------------------- */

static void put_ips(struct jb_at root, enum version version, const struct cni_result *result)
{
	struct jb_at list = jb_arr(root, "ips");

	for (size_t i = 0; i < result->ips.len; i++) {
		const struct cni_ip *ip = &result->ips.at[i];
		struct jb_at at = jb_obj(list, NULL);

		if (version < VERSION_1_0_0)
			jb_str(at, "version", ip->address.addr.family == AF_INET ? "4" : "6");
		if (ip->interface != CNI_NO_INTERFACE)
			jb_u32(at, "interface", ip->interface);
		jb_prefix(at, "address", &ip->address);
		if (ipaddr_is_set(&ip->gateway))
			jb_ipaddr(at, "gateway", &ip->gateway);
	}
}

static void put_routes(struct jb_at root, enum version version, const struct cni_result *result)
{
	struct jb_at list;

	if (result->routes.len == 0)
		return;
	list = jb_arr(root, "routes");
	for (size_t i = 0; i < result->routes.len; i++)
		put_route(list, version, &result->routes.at[i]);
}

int cni_result_text(enum version version, const struct cni_result *result, char **text_out,
		    struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root;

	if (!jb)
		return err_nomem(err, "the result");
	root = jb_root(jb);
	jb_str(root, "cniVersion", version_text(version));
	if (version < VERSION_0_3_0) {
		if (put_families(root, version, result, err) < 0)
			return -1;
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

/* ---- Errors and versions ------------------------------------------------------------------ */

int cni_result_error_text(enum version version, const struct err *what, char **text_out,
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

int cni_result_versions_text(enum version version, char **text_out, struct err *err)
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
