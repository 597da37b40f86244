/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/env.h"

#include "common/array.h"
#include "common/err.h"
#include "common/parse.h"

#include <stdio.h>

#define MISSING_SIZE 128

/* The variable, or NULL if it is unset or empty. */
static const char *value_of(env_lookup_fn *lookup, void *ctx, const char *name)
{
	const char *value = lookup(ctx, name);

	return value && *value ? value : NULL;
}

static int check_values(const struct env *env, struct err *err)
{
	if (env->container_id && parse_container_id(env->container_id, err) < 0)
		return err_wrap(err, "CNI_CONTAINERID");
	if (env->ifname && parse_ifname(env->ifname, err) < 0)
		return err_wrap(err, "CNI_IFNAME");
	return 0;
}

static int check_missing(const struct env *env, unsigned needs, struct err *err)
{
	const struct {
		unsigned bit;
		const char *name, *value;
	} variables[] = {
		{ ENV_CONTAINERID, "CNI_CONTAINERID", env->container_id },
		{ ENV_NETNS, "CNI_NETNS", env->netns },
		{ ENV_IFNAME, "CNI_IFNAME", env->ifname },
	};
	char missing[MISSING_SIZE] = "";
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		if ((needs & variables[i].bit) && !variables[i].value)
			len += (size_t)snprintf(missing + len, sizeof(missing) - len, "%s%s",
						len ? "," : "", variables[i].name);
	}
	if (len)
		return err_set(err, ERR_ENV, "required env variables [%s] missing", missing);
	return 0;
}

int env_read(env_lookup_fn *lookup, void *ctx, unsigned needs, struct env *env_out, struct err *err)
{
	const char *override = value_of(lookup, ctx, "CNI_NETNS_OVERRIDE");
	struct env env = {
		.container_id = value_of(lookup, ctx, "CNI_CONTAINERID"),
		.netns = value_of(lookup, ctx, "CNI_NETNS"),
		.ifname = value_of(lookup, ctx, "CNI_IFNAME"),
		.args = value_of(lookup, ctx, "CNI_ARGS"),
		.path = value_of(lookup, ctx, "CNI_PATH"),
	};
	struct err unused = ERR_INIT;

	/* An invalid value counts as false, as with the reference plugins. */
	if (override)
		(void)parse_bool(override, &env.any_netns, &unused);
	if (check_values(&env, err) < 0 || check_missing(&env, needs, err) < 0)
		return -1;
	*env_out = env;
	return 0;
}

struct attachment_key env_key(const struct env *env, const char *network)
{
	return (struct attachment_key){
		.network = network,
		.container_id = env->container_id,
		.ifname = env->ifname,
	};
}
