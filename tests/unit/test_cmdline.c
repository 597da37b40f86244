/* SPDX-License-Identifier: Apache-2.0 */
/* weftctl's command line. */
#include "ctl/cmdline.h"

#include "common/array.h"
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

static void check(const struct cmdline *cmdline, const struct cmdline *want)
{
	same(cmdline->command, want->command);
	for (size_t n = 0; n < CMDLINE_ARGUMENTS; n++)
		same(cmdline->argument[n], want->argument[n]);
	same(cmdline->network, want->network);
	assert_int_equal(cmdline->force, want->force);
	assert_int_equal(cmdline->flannel, want->flannel);
	assert_int_equal(cmdline->dry_run, want->dry_run);
	assert_int_equal(cmdline->undo, want->undo);
	same(cmdline->cni_conf_dir, want->cni_conf_dir);
	same(cmdline->run_dir, want->run_dir);
	assert_int_equal(cmdline->json, want->json);
}

static void test_good(void **state)
{
	static const struct {
		const char *args[ARGS];
		struct cmdline want;
	} rows[] = {
		{ { "status" }, { .command = "status", .run_dir = "/run/weft" } },
		{ { "reserve", "host2", "10.5.1.0/24", "--json" },
		  { .command = "reserve",
		    .run_dir = "/run/weft",
		    .argument = { "host2", "10.5.1.0/24" },
		    .json = true } },
		{ { "leave", "--force" },
		  { .command = "leave", .run_dir = "/run/weft", .force = true } },
		{ { "adopt-flannel", "--dry-run", "--undo", "--cni-conf-dir", "/x" },
		  { .command = "adopt-flannel",
		    .run_dir = "/run/weft",
		    .dry_run = true,
		    .undo = true,
		    .cni_conf_dir = "/x" } },
		{ { "cleanup", "--flannel" },
		  { .command = "cleanup", .run_dir = "/run/weft", .flannel = true } },
		{ { "release", "10.5.1.0/24" },
		  { .command = "release", .run_dir = "/run/weft", .argument = { "10.5.1.0/24" } } },
		{ { "--json", "peers" },
		  { .command = "peers", .run_dir = "/run/weft", .json = true } },
		{ { "peers", "-json" },
		  { .command = "peers", .run_dir = "/run/weft", .json = true } },
		{ { "--run-dir", "/r", "status" }, { .command = "status", .run_dir = "/r" } },
		{ { "status", "--run-dir=/r=1" }, { .command = "status", .run_dir = "/r=1" } },
		{ { "-run-dir=/r", "status" }, { .command = "status", .run_dir = "/r" } },
		{ { "--run-dir", "--json", "status" },
		  { .command = "status", .run_dir = "--json" } },
		{ { "--", "status" }, { .command = "status", .run_dir = "/run/weft" } },
		{ { "nonsense" }, { .command = "nonsense", .run_dir = "/run/weft" } },
		{ { "--version" }, { .command = "version", .run_dir = "/run/weft" } },
		{ { "--version", "--json" },
		  { .command = "version", .run_dir = "/run/weft", .json = true } },
		{ { "help" }, { .command = "help", .run_dir = "/run/weft" } },
		{ { "help", "status" },
		  { .command = "help", .run_dir = "/run/weft", .argument = { "status" } } },
		{ { "--help" }, { .command = "help", .run_dir = "/run/weft" } },
		{ { "-h" }, { .command = "help", .run_dir = "/run/weft" } },
		{ { "status", "--help" },
		  { .command = "help", .run_dir = "/run/weft", .argument = { "status" } } },
		{ { "--help", "status" },
		  { .command = "help", .run_dir = "/run/weft", .argument = { "status" } } },
		{ { "help", "--help" }, { .command = "help", .run_dir = "/run/weft" } },
		{ { "help", "status", "-h" },
		  { .command = "help", .run_dir = "/run/weft", .argument = { "status" } } },
		{ { "--network", "blue", "status" },
		  { .command = "status", .run_dir = "/run/weft", .network = "blue" } },
		{ { "peers", "-network=b" },
		  { .command = "peers", .run_dir = "/run/weft", .network = "b" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *argv[ARGS + 2] = { (char *)(uintptr_t) "weftctl" };
		struct cmdline cmdline = { 0 };
		struct err err = ERR_INIT;
		int argc;

		memcpy(argv + 1, rows[i].args, sizeof(rows[i].args));
		for (argc = 1; argv[argc];)
			argc++;
		if (cmdline_parse(argc, argv, &cmdline, &err) < 0)
			fail_msg("row %zu: %s", i, err.text);
		check(&cmdline, &rows[i].want);
	}
}

/* 64 bytes. */
#define LONG_NAME "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void test_bad(void **state)
{
	static const struct {
		const char *args[ARGS];
		const char *error;
	} rows[] = {
		{ { NULL }, "no command given. Try 'weftctl --help'." },
		{ { "--json" }, "no command given" },
		{ { "--jsn", "status" }, "unknown option '--jsn'. Try 'weftctl --help'." },
		/* Abbreviations. */
		{ { "status", "--jso" }, "unknown option '--jso'." },
		{ { "status", "-js" }, "unknown option '-js'." },
		{ { "status", "--run=/r" }, "unknown option '--run'." },
		{ { "status", "--he" }, "unknown option '--he'." },
		{ { "status", "--netw" }, "unknown option '--netw'." },
		{ { "status", "--js=1" }, "unknown option '--js'." },
		{ { "status", "--jsonx" }, "unknown option '--jsonx'." },
		{ { "status", "-x" }, "unknown option '-x'." },
		{ { "status", "-:" }, "unknown option '-:'." },
		{ { "-", "status" }, "unexpected argument 'status'. Try 'weftctl --help'." },
		{ { "--", "status", "--json" }, "unexpected argument '--json'." },
		{ { "---json", "status" }, "unknown option '---json'." },
		{ { "--\x1b[2J", "status" }, "unknown option '--\\x1b[2J'." },
		{ { "--json=true", "status" }, "--json takes no value" },
		{ { "status", "--network" }, "--network requires a value" },
		{ { "status", "--network=" }, "--network requires a value" },
		{ { "status", "--network", "a\"b" }, "--network: network name \"a\"b\"" },
		{ { "status", "--run-dir" }, "--run-dir requires a value" },
		{ { "status", "--run-dir=" }, "--run-dir requires a value" },
		{ { "status", "-run-dir", "" }, "-run-dir requires a value" },
		{ { "status", "peers" }, "unexpected argument 'peers'." },
		{ { "help", "status", "peers" }, "unexpected argument 'peers'." },
		{ { "reserve", "a", "b", "c" }, "unexpected argument 'c'." },
		{ { "status", "--network", LONG_NAME }, "at most 63 bytes are allowed" },
		{ { "trace" }, "usage: weftctl trace ADDRESS" },
		{ { "trace", "--from", "web" }, "usage: weftctl trace ADDRESS" },
		{ { "reserve" }, "usage: weftctl reserve NODE SUBNET" },
		{ { "reserve", "a" }, "usage: weftctl reserve NODE SUBNET" },
		{ { "release" }, "usage: weftctl release SUBNET" },
		{ { "completion" }, "usage: weftctl completion SHELL" },
		{ { "config" }, "usage: weftctl config check FILE" },
		{ { "config", "check" }, "usage: weftctl config check FILE" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *argv[ARGS + 2] = { (char *)(uintptr_t) "weftctl" };
		struct cmdline cmdline = { 0 };
		struct err err = ERR_INIT;
		int argc;

		memcpy(argv + 1, rows[i].args, sizeof(rows[i].args));
		for (argc = 1; argv[argc];)
			argc++;
		assert_int_equal(cmdline_parse(argc, argv, &cmdline, &err), -1);
		if (!strstr(err.text, rows[i].error))
			fail_msg("\"%s\" is not in: %s", rows[i].error, err.text);
		assert_null(cmdline.command);
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
