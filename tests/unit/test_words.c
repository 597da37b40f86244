/* SPDX-License-Identifier: Apache-2.0 */
/* weftctl's command line. */
#include "ctl/words.h"

#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define ARGS 5

static void same(const char *a, const char *b)
{
	if (!a || !b)
		assert_ptr_equal(a, b);
	else
		assert_string_equal(a, b);
}

static void test_good(void **state)
{
	static const struct {
		const char *args[ARGS];
		struct words want;
	} rows[] = {
		{ { "status" }, { "status", NULL, "/run/weft", false, NULL, false, NULL } },
		{ { "reserve", "host2", "10.5.1.0/24", "--json" },
		  { "reserve", "host2", "/run/weft", true, "10.5.1.0/24", false, NULL } },
		{ { "leave", "--force" }, { "leave", NULL, "/run/weft", false, NULL, true, NULL } },
		{ { "release", "10.5.1.0/24" },
		  { "release", "10.5.1.0/24", "/run/weft", false, NULL, false, NULL } },
		{ { "--json", "peers" }, { "peers", NULL, "/run/weft", true, NULL, false, NULL } },
		{ { "peers", "-json" }, { "peers", NULL, "/run/weft", true, NULL, false, NULL } },
		{ { "--run-dir", "/r", "status" },
		  { "status", NULL, "/r", false, NULL, false, NULL } },
		{ { "status", "--run-dir=/r=1" },
		  { "status", NULL, "/r=1", false, NULL, false, NULL } },
		{ { "-run-dir=/r", "status" }, { "status", NULL, "/r", false, NULL, false, NULL } },
		{ { "--run-dir", "--json", "status" },
		  { "status", NULL, "--json", false, NULL, false, NULL } },
		{ { "nonsense" }, { "nonsense", NULL, "/run/weft", false, NULL, false, NULL } },
		{ { "--version" }, { "version", NULL, "/run/weft", false, NULL, false, NULL } },
		{ { "--version", "--json" },
		  { "version", NULL, "/run/weft", true, NULL, false, NULL } },
		{ { "help" }, { "help", NULL, "/run/weft", false, NULL, false, NULL } },
		{ { "help", "status" },
		  { "help", "status", "/run/weft", false, NULL, false, NULL } },
		{ { "--help" }, { "help", NULL, "/run/weft", false, NULL, false, NULL } },
		{ { "-h" }, { "help", NULL, "/run/weft", false, NULL, false, NULL } },
		{ { "status", "--help" },
		  { "help", "status", "/run/weft", false, NULL, false, NULL } },
		{ { "--help", "status" },
		  { "help", "status", "/run/weft", false, NULL, false, NULL } },
		{ { "help", "--help" }, { "help", NULL, "/run/weft", false, NULL, false, NULL } },
		{ { "help", "status", "-h" },
		  { "help", "status", "/run/weft", false, NULL, false, NULL } },
		{ { "--network", "blue", "status" },
		  { "status", NULL, "/run/weft", false, NULL, false, "blue" } },
		{ { "peers", "-network=b" },
		  { "peers", NULL, "/run/weft", false, NULL, false, "b" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *argv[ARGS + 2] = { (char *)(uintptr_t) "weftctl" };
		struct words words = { 0 };
		struct err err = ERR_INIT;

		memcpy(argv + 1, rows[i].args, sizeof(rows[i].args));
		if (words_parse(argv, &words, &err) < 0)
			fail_msg("row %zu: %s", i, err.text);
		same(words.command, rows[i].want.command);
		same(words.argument, rows[i].want.argument);
		assert_int_equal(words.force, rows[i].want.force);
		same(words.second, rows[i].want.second);
		same(words.run_dir, rows[i].want.run_dir);
		assert_int_equal(words.json, rows[i].want.json);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *args[ARGS];
		const char *error;
	} rows[] = {
		{ { NULL }, "no command was given; weftctl help lists them" },
		{ { "--json" }, "no command was given" },
		{ { "--jsn", "status" },
		  "\"--jsn\" is no option; there are --run-dir DIR, --network NAME, --json, --help and --version" },
		{ { "status", "--jso" }, "\"--jso\" is no option" },
		{ { "status", "--jsonx" }, "\"--jsonx\" is no option" },
		{ { "-", "status" }, "\"-\" is no option" },
		{ { "--", "status" }, "\"--\" is no option" },
		{ { "---json", "status" }, "\"---json\" is no option" },
		{ { "--\x1b[2J", "status" }, "\"--\\x1b[2J\" is no option" },
		{ { "--json=true", "status" }, "\"--json=true\": this option takes no value" },
		{ { "status", "--network" }, "--network needs a network's name" },
		{ { "status", "--network=" }, "--network needs a network's name" },
		{ { "status", "--network", "a\"b" }, "--network: network name \"a\"b\"" },
		{ { "status", "--run-dir" }, "--run-dir needs a directory" },
		{ { "status", "--run-dir=" }, "--run-dir needs a directory" },
		{ { "status", "--run-dir", "" }, "--run-dir needs a directory" },
		{ { "status", "peers" }, "\"peers\" is one word too many after status" },
		{ { "help", "status", "peers" }, "\"peers\" is one word too many after help" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *argv[ARGS + 2] = { (char *)(uintptr_t) "weftctl" };
		struct words words = { 0 };
		struct err err = ERR_INIT;

		memcpy(argv + 1, rows[i].args, sizeof(rows[i].args));
		assert_int_equal(words_parse(argv, &words, &err), -1);
		if (!strstr(err.text, rows[i].error))
			fail_msg("\"%s\" is not in: %s", rows[i].error, err.text);
		assert_null(words.command);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
