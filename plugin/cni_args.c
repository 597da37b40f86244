/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/args.h"

#include "common/auto.h"
#include "common/err.h"

#include <stdio.h>
#include <string.h>

/* "10.5.1.7" or "10.5.1.7/24". */
static int parse_ip(const char *text, struct ipaddr *addr_out, struct err *err)
{
	struct prefix prefix;

	if (!strchr(text, '/'))
		return ipaddr_parse(text, addr_out, err);
	if (prefix_parse(text, &prefix, err) < 0)
		return -1;
	*addr_out = prefix.addr;
	return 0;
}

static int take(struct args *args, const char *key, const char *value, struct err *err)
{
	if (strcmp(key, "MAC") == 0 && *value) {
		if (mac_parse(value, &args->mac, err) < 0)
			return -1;
		if (!mac_is_unicast(&args->mac))
			return err_set(err, ERR_ENV, "%s is not a unicast address",
				       ERR_SHOW(value));
	} else if (strcmp(key, "IP") == 0 && *value) {
		return parse_ip(value, &args->ip, err);
	} else if (strcmp(key, "K8S_POD_NAMESPACE") == 0) {
		snprintf(args->pod_namespace, sizeof(args->pod_namespace), "%s", value);
	} else if (strcmp(key, "K8S_POD_NAME") == 0) {
		snprintf(args->pod_name, sizeof(args->pod_name), "%s", value);
	}
	return 0;
}

int args_parse(const char *text, struct args *args_out, struct err *err)
{
	AUTO_FREE char *copy = strdup(text ? text : "");
	struct args args = { .pod_name = "" };
	char *rest = copy, *pair;

	if (!copy)
		return err_nomem(err, "CNI_ARGS");
	while ((pair = strsep(&rest, ";"))) {
		char *value = strchr(pair, '=');

		if (!*pair)
			continue;
		if (!value)
			return err_set(err, ERR_ENV, "CNI_ARGS: \"%s\" is not KEY=VALUE",
				       ERR_SHOW(pair));
		*value++ = '\0';
		if (take(&args, pair, value, err) < 0) {
			err->code = ERR_ENV;
			return err_wrap(err, "CNI_ARGS: %s", pair);
		}
	}
	*args_out = args;
	return 0;
}
