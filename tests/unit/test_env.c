/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/env.h"

#include "common/array.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ALL (ENV_CONTAINERID | ENV_NETNS | ENV_IFNAME)

/* An environment of "NAME=value" texts. */
struct variables {
	const char *at[6];
};

static const char *look_up(void *ctx, const char *name)
{
	const struct variables *variables = ctx;
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_LEN(variables->at) && variables->at[i]; i++) {
		if (strncmp(variables->at[i], name, len) == 0 && variables->at[i][len] == '=')
			return variables->at[i] + len + 1;
	}
	return NULL;
}

static void values_are_read(void **state)
{
	struct variables variables = { { "CNI_CONTAINERID=c1_.-X", "CNI_NETNS=/run/netns/c1",
					 "CNI_IFNAME=fifteencharacte" } };
	struct err err = ERR_INIT;
	struct env env;

	(void)state;
	assert_int_equal(env_read(look_up, &variables, ALL, &env, &err), 0);
	assert_string_equal(env.container_id, "c1_.-X");
	assert_string_equal(env.netns, "/run/netns/c1");
	assert_string_equal(env.ifname, "fifteencharacte");
	assert_false(env.any_netns);
}

static void variables_that_a_command_does_not_need_may_be_missing(void **state)
{
	struct variables variables = { { "CNI_CONTAINERID=c1", "CNI_NETNS=", "CNI_IFNAME=eth0" } };
	struct variables none = { { NULL } };
	struct err err = ERR_INIT;
	struct env env;

	(void)state;
	assert_int_equal(env_read(look_up, &variables, ENV_CONTAINERID | ENV_IFNAME, &env, &err),
			 0);
	assert_null(env.netns);
	assert_int_equal(env_read(look_up, &none, 0, &env, &err), 0);
	assert_null(env.container_id);
}

static void missing_variables_are_named_in_order(void **state)
{
	static const struct {
		struct variables variables;
		unsigned needs;
		const char *text;
	} cases[] = {
		{ { { NULL } }, ALL, "[CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME]" },
		{ { { "CNI_CONTAINERID=", "CNI_NETNS=", "CNI_IFNAME=" } },
		  ALL,
		  "[CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME]" },
		{ { { "CNI_IFNAME=eth0" } }, ALL, "[CNI_CONTAINERID,CNI_NETNS]" },
		{ { { "CNI_CONTAINERID=c1" } }, ALL, "[CNI_NETNS,CNI_IFNAME]" },
		{ { { "CNI_CONTAINERID=c1" } }, ENV_CONTAINERID | ENV_IFNAME, "[CNI_IFNAME]" },
		/* Another variable that begins with the same name is not used. */
		{ { { "CNI_NETNS_OVERRIDE=1" } }, ENV_NETNS, "[CNI_NETNS]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct variables variables = cases[i].variables;
		struct env env = { .ifname = "untouched" };
		struct err err = ERR_INIT;

		assert_int_equal(env_read(look_up, &variables, cases[i].needs, &env, &err), -1);
		assert_int_equal(err.code, ERR_ENV);
		if (!strstr(err.text, cases[i].text))
			fail_msg("\"%s\" does not have %s", err.text, cases[i].text);
		assert_string_equal(env.ifname, "untouched");
	}
}

static void invalid_values_are_rejected(void **state)
{
	static const struct {
		const char *variable, *text;
	} cases[] = {
		{ "CNI_CONTAINERID=_c1", "CNI_CONTAINERID" },
		{ "CNI_CONTAINERID=a/b", "a/b" },
		{ "CNI_CONTAINERID=%s", "%s" },
		{ "CNI_CONTAINERID=a b", "a b" },
		{ "CNI_IFNAME=sixteencharacter", "sixteen" },
		{ "CNI_IFNAME=.", "CNI_IFNAME" },
		{ "CNI_IFNAME=..", ".." },
		{ "CNI_IFNAME=a/b", "a/b" },
		{ "CNI_IFNAME=a:b", "a:b" },
		{ "CNI_IFNAME=a b", "a b" },
		{ "CNI_IFNAME=a\tb", "\\x09" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		/* Reported before missing variables. */
		struct variables variables = { { cases[i].variable } };
		struct err err = ERR_INIT;
		struct env env;

		assert_int_equal(env_read(look_up, &variables, ALL, &env, &err), -1);
		assert_int_equal(err.code, ERR_ENV);
		if (!strstr(err.text, cases[i].text) || strstr(err.text, "missing"))
			fail_msg("\"%s\" does not name %s", err.text, cases[i].text);
	}
}

static void the_own_namespace_is_allowed_by_a_boolean(void **state)
{
	static const struct {
		const char *variable;
		bool any_netns;
	} cases[] = {
		{ "CNI_NETNS_OVERRIDE=1", true },        { "CNI_NETNS_OVERRIDE=true", true },
		{ "CNI_NETNS_OVERRIDE=TRUE", true },     { "CNI_NETNS_OVERRIDE=0", false },
		{ "CNI_NETNS_OVERRIDE=false", false },   { "CNI_NETNS_OVERRIDE=", false },
		{ "CNI_NETNS_OVERRIDE=perhaps", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct variables variables = { { cases[i].variable } };
		struct err err = ERR_INIT;
		struct env env;

		assert_int_equal(env_read(look_up, &variables, 0, &env, &err), 0);
		assert_int_equal(env.any_netns, cases[i].any_netns);
	}
}

static void the_key_has_the_network_of_weft(void **state)
{
	const struct env env = { .container_id = "c1", .ifname = "eth0" };
	const struct attachment_key key = env_key(&env, "default");

	(void)state;
	assert_string_equal(key.network, "default");
	assert_string_equal(key.container_id, "c1");
	assert_string_equal(key.ifname, "eth0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_read),
		cmocka_unit_test(variables_that_a_command_does_not_need_may_be_missing),
		cmocka_unit_test(missing_variables_are_named_in_order),
		cmocka_unit_test(invalid_values_are_rejected),
		cmocka_unit_test(the_own_namespace_is_allowed_by_a_boolean),
		cmocka_unit_test(the_key_has_the_network_of_weft),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
