/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_netconf.h"

#include "common/err.h"
#include "common/json/json.h"

#include <string.h>

int kube_netconf(const char *text, size_t size, char **text_out, bool families_out[static FAMILIES],
		 struct err *err)
{
	static const char *const path[] = { "Weft", "ReservedOnly", NULL };
	AUTO(json) struct json *json = NULL;
	bool families[FAMILIES];
	struct jr root;

	if (json_parse(text, size, KUBE_NETCONF_MAX, JSON_ANY_CASE | JSON_LAST_DUPLICATE,
		       "net-conf.json", &json, err) < 0)
		return -1;
	root = jr_root(json);
	families[FAMILY_V4] = jr_bool_opt(&root, "EnableIPv4", true);
	families[FAMILY_V6] = jr_bool_opt(&root, "EnableIPv6", false);
	if (jr_done(json, ERR_DECODE, err) < 0 || json_set(json, path, "true", err) < 0 ||
	    json_print(json, text_out, err) < 0)
		return -1;
	memcpy(families_out, families, sizeof(families));
	return 0;
}
