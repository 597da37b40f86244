/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/given.h"

#include "common/err.h"
#include "common/json.h"
#include "plugin/version.h"

#include <stdlib.h>
#include <string.h>

#define VERSION_MAX 64

void given_free(struct given *given)
{
	for (size_t i = 0; i < given->interfaces.len; i++)
		free(given->interfaces.at[i]);
	given_texts_free(&given->interfaces);
	given_ips_free(&given->ips);
	netconf_routes_free(&given->routes);
	free(given->dns);
}

static int read_interfaces(const struct jr *root, struct given *given, struct err *err)
{
	struct jr list = jr_arr_opt(root, "interfaces"), at;

	for (size_t i = 0; jr_each(&list, &i, &at);) {
		char *text = jr_text(&at, NULL);

		if (!text || !given_texts_push(&given->interfaces, &text)) {
			free(text);
			return err_nomem(err, "interfaces");
		}
	}
	return 0;
}

static int read_routes(const struct jr *from, struct given *given, struct err *err)
{
	struct jr list = jr_arr_opt(from, "routes"), at;

	for (size_t i = 0; jr_each(&list, &i, &at);) {
		struct route route;

		netconf_read_route(&at, &route);
		if (!netconf_routes_push(&given->routes, &route))
			return err_nomem(err, "routes");
	}
	return 0;
}

/* ips, of 0.3.0 and later. */
static int read_ips(const struct jr *root, struct given *given, struct err *err)
{
	struct jr list = jr_arr_opt(root, "ips"), at;

	for (size_t i = 0; jr_each(&list, &i, &at);) {
		const struct given_ip ip = {
			.address = jr_prefix(&at, "address"),
			.gateway = jr_ipaddr_opt(&at, "gateway"),
			.interface = jr_u32_opt(&at, "interface", 0, UINT16_MAX,
						GIVEN_NO_INTERFACE),
		};

		if (ip.interface != GIVEN_NO_INTERFACE && ip.interface >= given->interfaces.len)
			jr_fault(&at, "interface", "%u: there are %zu interfaces", ip.interface,
				 given->interfaces.len);
		if (!given_ips_push(&given->ips, &ip))
			return err_nomem(err, "addresses");
	}
	return 0;
}

/* ip4 and ip6, of 0.1.0 and 0.2.0, which have their routes in them. */
static int read_family(const struct jr *root, const char *key, struct given *given, struct err *err)
{
	struct jr at = jr_obj_opt(root, key);
	struct given_ip ip = { .interface = GIVEN_NO_INTERFACE };

	if (jr_is_absent(&at))
		return 0;
	ip.address = jr_prefix(&at, "ip");
	ip.gateway = jr_ipaddr_opt(&at, "gateway");
	if (!given_ips_push(&given->ips, &ip))
		return err_nomem(err, "addresses");
	return read_routes(&at, given, err);
}

int given_parse(const char *text, const char *what, struct given *given_out, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	AUTO_GIVEN struct given given = { .dns = NULL };
	struct jr root, dns;
	enum version version;

	if (json_parse(text, strlen(text), NETCONF_MAX, JSON_ANY_CASE | JSON_LAST_DUPLICATE, what,
		       &json, err) < 0)
		return -1;
	root = jr_root(json);
	if (version_parse(jr_str_opt(&root, "cniVersion", VERSION_MAX, ""), &version, err) < 0)
		return err_wrap(err, "%s", what);
	dns = jr_obj_opt(&root, "dns");
	if (read_interfaces(&root, &given, err) < 0 || read_ips(&root, &given, err) < 0 ||
	    read_family(&root, "ip4", &given, err) < 0 ||
	    read_family(&root, "ip6", &given, err) < 0 || read_routes(&root, &given, err) < 0)
		return -1;
	if (jr_len(&dns) > 0 && !(given.dns = jr_text(&root, "dns")))
		return err_nomem(err, "dns");
	if (jr_done(json, ERR_DECODE, err) < 0)
		return -1;
	*given_out = given;
	given = (struct given){ .dns = NULL };
	return 0;
}
