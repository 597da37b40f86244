/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/prev_result.h"

#include "common/err.h"
#include "plugin/cni_result.h"

#include <string.h>

void prev_result_free(struct prev_result *prev)
{
	prev_result_addresses_free(&prev->addresses);
	netconf_routes_free(&prev->routes);
}

static int find_interface(const struct cni_result *result, const char *ifname, const char *sandbox,
			  size_t *index_out, struct err *err)
{
	for (size_t i = 0; i < result->interfaces.len; i++) {
		const struct cni_interface *interface = &result->interfaces.at[i];

		if (strcmp(interface->name, ifname) != 0 ||
		    strcmp(interface->sandbox ? interface->sandbox : "", sandbox) != 0)
			continue;
		if (mac_is_zero(&interface->mac))
			return err_set(err, ERR_CONFIG,
				       "prevResult: interface %s in sandbox %s has no valid mac",
				       ifname, ERR_SHOW(sandbox));
		*index_out = i;
		return 0;
	}
	return err_set(err, ERR_CONFIG, "prevResult has no interface %s in sandbox %s", ifname,
		       ERR_SHOW(sandbox));
}

int prev_result_parse(const char *text, const char *ifname, const char *sandbox,
		      struct prev_result *prev_out, struct err *err)
{
	AUTO(cni_result) struct cni_result result = { .dns = NULL };
	AUTO(prev_result) struct prev_result prev = { .mac = { { 0 } } };
	size_t index;

	if (cni_result_parse_check(text, "prevResult", &result, err) < 0) {
		if (err->code == ERR_DECODE)
			err->code = ERR_CONFIG;
		return -1;
	}
	if (find_interface(&result, ifname, sandbox, &index, err) < 0)
		return -1;
	prev.mac = result.interfaces.at[index].mac;
	for (size_t i = 0; i < result.ips.len; i++) {
		if (result.ips.at[i].interface == index &&
		    !prev_result_addresses_push(&prev.addresses, &result.ips.at[i].address))
			return err_nomem(err, "addresses");
	}
	prev.routes = result.routes;
	result.routes = (struct netconf_routes){ .at = NULL };
	*prev_out = prev;
	memset(&prev, 0, sizeof(prev)); /* owned by the caller now */
	return 0;
}
