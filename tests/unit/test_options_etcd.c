/* SPDX-License-Identifier: Apache-2.0 */
/* The options for TLS, users and the proxy. Other options: test_options.c. */
#include "daemon/options.h"

#include "common/array.h"
#include "tests/unit/samples.h"

#define ARGS_MAX 10
/* Argument vectors are not const, and a password is overwritten in them. */
#define ARG(text) ((char[]){ text })

static const char *environment(const char *name)
{
	(void)name;
	return NULL;
}

static void invalid_options_are_named(void **state)
{
	static const struct {
		const char *args[4];
		const char *text;
	} cases[] = {
		{ { "weftd", "--etcd-endpoints=10.0.0.5:2379" },
		  "\"10.0.0.5:2379\" is not of the form http://HOST:PORT or https://HOST:PORT" },
		{ { "weftd", "--etcd-cafile=ca.crt" }, "\"ca.crt\" is not an absolute path" },
		{ { "weftd", "--etcd-certfile=/c" }, "--etcd-certfile /c requires --etcd-keyfile" },
		{ { "weftd", "--etcd-keyfile=/k" }, "--etcd-keyfile /k requires --etcd-certfile" },
		{ { "weftd", "--etcd-username=weft" },
		  "--etcd-username weft requires --etcd-password-file" },
		{ { "weftd", "--etcd-username=weft:secret" }, "\"weft:...\" contains a password" },
		{ { "weftd", "--etcd-password=x" }, "--etcd-password requires --etcd-username" },
		{ { "weftd", "--etcd-password-file=/p" },
		  "--etcd-password-file requires --etcd-username" },
		{ { "weftd", "--etcd-password=x", "--etcd-password-file=/p",
		    "--etcd-username=weft" },
		  "--etcd-password and --etcd-password-file exclude each other" },
		{ { "weftd", "--etcd-proxy=proxy:3128" },
		  "\"proxy:3128\" is not of the form http://HOST:PORT" },
		{ { "weftd", "--etcd-proxy=http://me:secret@proxy:3128" }, "is not of the form" },
		{ { "weftd", "--etcd-proxy=http://proxy:0" }, "is not of the form" },
		{ { "weftd", "--etcd-proxy=socks5://[::1:1080" }, "is not of the form" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct options options;
		struct err err = ERR_INIT;
		int argc = 0;

		while (argc < 4 && cases[i].args[argc])
			argc++;
		assert_int_equal(options_parse(argc, (char *const *)(uintptr_t)cases[i].args,
					       environment, NULL, &options, &err),
				 -1);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_says(err.text, cases[i].text);
		options_free(&options);
	}
}

static void a_password_is_hidden_in_the_arguments_and_kept(void **state)
{
	char *argv[ARGS_MAX] = { ARG("weftd"),
				 ARG("--iface"),
				 ARG("--etcd-password"),
				 ARG("-v"),
				 ARG("-etcd-password=s=x"),
				 ARG("--etcd-username"),
				 ARG("weft"),
				 ARG("-etcd-password"),
				 ARG("geheim"),
				 NULL };
	struct options options;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(options_parse(9, argv, environment, NULL, &options, &err), err);
	assert_true(options_hide_password(9, argv));
	assert_string_equal(options.etcd_password, "geheim");
	assert_string_equal(options.etcd_username, "weft");
	assert_string_equal(argv[2], "--etcd-password"); /* the value of --iface */
	assert_string_equal(argv[4], "-etcd-password=xxx");
	assert_string_equal(argv[8], "xxxxxx");
	options_free(&options);
	assert_false(options_hide_password(4, argv));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invalid_options_are_named),
		cmocka_unit_test(a_password_is_hidden_in_the_arguments_and_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
