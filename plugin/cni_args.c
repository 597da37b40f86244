/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cni_args.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"

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

/* The pod's names are informative: an invalid one is no reason to refuse the container. */
static void parse_pod(struct cni_args *args, const char *key, const char *value)
{
	static const struct {
		const char *key;
		enum pod_part part;
	} keys[] = {
		{ "K8S_POD_NAMESPACE", POD_NAMESPACE },
		{ "K8S_POD_NAME", POD_NAME },
		{ "K8S_POD_UID", POD_UID },
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(key, keys[i].key) == 0 && !pod_set(&args->pod, keys[i].part, value))
			args->pod_fault = keys[i].key;
	}
}

static int parse_pair(struct cni_args *args, const char *key, const char *value, struct err *err)
{
	if (strcmp(key, "MAC") == 0 && *value) {
		if (mac_parse(value, &args->mac, err) < 0)
			return -1;
		if (!mac_is_unicast(&args->mac))
			return err_set(err, ERR_ENV, "%s is not a unicast address",
				       ERR_SHOW(value));
	} else if (strcmp(key, "IP") == 0 && *value) {
		return parse_ip(value, &args->ip, err);
	} else {
		parse_pod(args, key, value);
	}
	return 0;
}

int cni_args_parse(const char *text, struct cni_args *args_out, struct err *err)
{
	AUTO(free) char *copy = strdup(text ? text : "");
	struct cni_args args = { .pod_fault = NULL };
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
		if (parse_pair(&args, pair, value, err) < 0) {
			err->code = ERR_ENV;
			return err_wrap(err, "CNI_ARGS: %s", pair);
		}
	}
	*args_out = args;
	return 0;
}
