/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/prev.h"

#include "common/err.h"
#include "common/fs.h"
#include "common/json.h"

#include <string.h>

void prev_free(struct prev *prev)
{
	prev_addresses_free(&prev->addresses);
	netconf_routes_free(&prev->routes);
}

/* Finds the interface. False where it is not there. */
static bool read_interface(const struct jr *root, const char *ifname, const char *sandbox,
			   struct prev *prev, size_t *index_out)
{
	struct jr list = jr_arr_opt(root, "interfaces");
	struct jr at;

	for (size_t i = 0; jr_each(&list, &i, &at);) {
		if (strcmp(jr_str(&at, "name", FS_PATH_SIZE), ifname) == 0 &&
		    strcmp(jr_str_opt(&at, "sandbox", FS_PATH_SIZE, ""), sandbox) == 0) {
			prev->mac = jr_mac(&at, "mac");
			*index_out = at.index;
			return true;
		}
	}
	return false;
}

static int read_addresses(const struct jr *root, size_t index, struct prev *prev, struct err *err)
{
	struct jr list = jr_arr_opt(root, "ips");
	struct jr at;

	for (size_t i = 0; jr_each(&list, &i, &at);) {
		struct prefix address = jr_prefix(&at, "address");

		if (jr_u32_opt(&at, "interface", 0, UINT32_MAX, UINT32_MAX) == index &&
		    !prev_addresses_push(&prev->addresses, &address))
			return err_nomem(err, "addresses");
	}
	return 0;
}

static int read_routes(const struct jr *root, struct prev *prev, struct err *err)
{
	struct jr list = jr_arr_opt(root, "routes");
	struct jr at;

	for (size_t i = 0; jr_each(&list, &i, &at);) {
		struct route route = {
			.dst = jr_prefix(&at, "dst"),
			.gateway = jr_ipaddr_opt(&at, "gw"),
			.table = jr_u32_opt(&at, "table", 0, UINT32_MAX, 0),
		};

		if (!netconf_routes_push(&prev->routes, &route))
			return err_nomem(err, "routes");
	}
	return 0;
}

int prev_parse(const char *text, const char *ifname, const char *sandbox, struct prev *prev_out,
	       struct err *err)
{
	AUTO(json) struct json *json = NULL;
	AUTO_PREV struct prev prev = { .mac = { { 0 } } };
	size_t index;
	struct jr root;
	bool found;

	if (json_parse(text, strlen(text), NETCONF_MAX, JSON_ANY_CASE, "prevResult", &json, err) <
	    0)
		return -1;
	root = jr_root(json);
	found = read_interface(&root, ifname, sandbox, &prev, &index);
	if (found &&
	    (read_addresses(&root, index, &prev, err) < 0 || read_routes(&root, &prev, err) < 0))
		return -1;
	if (jr_done(json, ERR_CONFIG, err) < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_CONFIG,
			       "prevResult: there is no interface %s in sandbox %s", ifname,
			       ERR_SHOW(sandbox));
	*prev_out = prev;
	prev = (struct prev){ .mac = { { 0 } } };
	return 0;
}
