/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/delegate.h"

#include "common/array.h"
#include "common/err.h"
#include "tests/unit/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* A plugin that runs the script. */
static void program(const char *name, const char *script)
{
	int fd = openat(tempdir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	assert_true(fd >= 0);
	dprintf(fd, "#!/bin/sh\n%s\n", script);
	close(fd);
}

static int run(const char *script, char **answer_out, struct err *err)
{
	char path[FS_PATH_SIZE];

	program("plugin", script);
	assert_int_equal(delegate_find(tempdir_path, "plugin", path, err), 1);
	return delegate_run(path, "DEL", "{\"name\":\"n\"}", answer_out, err);
}

static void a_plugin_is_found_in_cni_path(void **state)
{
	char path[FS_PATH_SIZE] = "", search[256], want[128];
	struct err err = ERR_INIT;

	(void)state;
	program("good", "");
	program("data", "");
	assert_int_equal(fchmodat(tempdir, "data", 0644, 0), 0);
	assert_int_equal(mkdirat(tempdir, "folder", 0755), 0);
	snprintf(search, sizeof(search), "/nowhere::%s", tempdir_path);
	snprintf(want, sizeof(want), "%s/good", tempdir_path);
	assert_int_equal(delegate_find(search, "good", path, &err), 1);
	assert_string_equal(path, want);
	assert_int_equal(delegate_find(search, "folder", path, &err), 0);
	assert_int_equal(err.code, ERR_DELEGATE);
	assert_non_null(strstr(err.text, "folder"));
	assert_int_equal(delegate_find(NULL, "good", path, &err), 0);
	assert_int_equal(delegate_find(search, "../good", path, &err), 0);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_string_equal(path, want);
}

static void weft_is_no_ipam_plugin(void **state)
{
	char path[FS_PATH_SIZE] = "", self[256];
	struct err err = ERR_INIT;
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct stat linked, opened;

	(void)state;
	program("weft", "");
	assert_int_equal(delegate_find(tempdir_path, "weft", path, &err), 0);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, "\"weft\" is weft itself"));

	assert_true(size > 0);
	self[size] = '\0';
	/* An emulator may follow the link to itself, which the plugin cannot detect. */
	assert_int_equal(stat(self, &linked), 0);
	assert_int_equal(stat("/proc/self/exe", &opened), 0);
	if (linked.st_ino != opened.st_ino)
		return;
	assert_int_equal(symlinkat(self, tempdir, "symbolic"), 0);
	assert_int_equal(delegate_find(tempdir_path, "symbolic", path, &err), 0);
	assert_non_null(strstr(err.text, "\"symbolic\" is weft itself"));
	assert_string_equal(path, "");
}

static void a_nested_weft_is_refused(void **state)
{
	struct err err = ERR_INIT;
	char *answer = NULL;

	(void)state;
	assert_int_equal(delegate_check_nesting(&err), 0);
	assert_int_equal(run("printf %s \"$WEFT_DELEGATED\"", &answer, &err), 0);
	assert_string_equal(answer, "1");
	free(answer);
	setenv("WEFT_DELEGATED", "1", 1);
	assert_int_equal(delegate_check_nesting(&err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	unsetenv("WEFT_DELEGATED");
}

static void a_plugin_gets_the_configuration_and_the_command(void **state)
{
	struct err err = ERR_INIT;
	char *answer = NULL;

	(void)state;
	setenv("CNI_COMMAND", "GC", 1);
	setenv("CNI_CONTAINERID", "c1", 1);
	if (run("printf '%s %s ' \"$CNI_COMMAND\" \"$CNI_CONTAINERID\"; cat", &answer, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(answer, "DEL c1 {\"name\":\"n\"}");
	assert_string_equal(getenv("CNI_COMMAND"), "GC");
	free(answer);
}

static void a_plugin_inherits_no_descriptors(void **state)
{
	int ours = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct err err = ERR_INIT;
	char *answer = NULL;

	(void)state;
	/* 3 is the directory that ls reads. */
	assert_int_equal(run("exec ls /proc/self/fd", &answer, &err), 0);
	assert_string_equal(answer, "0\n1\n2\n3\n");
	free(answer);
	close(ours);
}

static void unread_input_does_not_block(void **state)
{
	char path[FS_PATH_SIZE];
	struct err err = ERR_INIT;
	char *answer = NULL, *config = malloc(1 << 20);

	(void)state;
	memset(config, ' ', (1 << 20) - 1);
	config[(1 << 20) - 1] = '\0';
	program("plugin", "echo done");
	assert_int_equal(delegate_find(tempdir_path, "plugin", path, &err), 1);
	assert_int_equal(delegate_run(path, "ADD", config, &answer, &err), 0);
	assert_string_equal(answer, "done\n");
	free(answer);
	free(config);
}

static void the_error_of_a_plugin_is_reported(void **state)
{
	static const struct {
		const char *script;
		enum err_code code;
		const char *text, *details;
	} cases[] = {
		{ "echo '{\"code\":7,\"msg\":\"no range\",\"details\":\"at all\"}'; exit 1",
		  ERR_DELEGATE, "plugin (DEL): no range (code 7)", "at all" },
		{ "echo '{\"code\":50,\"msg\":\"full\"}'; exit 1", ERR_UNAVAILABLE, "full", "" },
		{ "echo '{\"code\":51,\"msg\":\"sick\"}'; exit 1", ERR_LIMITED, "sick", "" },
		{ "echo oops; exit 3", ERR_DELEGATE, "status 3 and printed: \"oops", "" },
		{ "kill -9 $$", ERR_DELEGATE, "killed by signal 9", "" },
		{ "exec yes", ERR_IO, "DEL", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = ERR_INIT;
		char *answer = NULL;

		assert_int_equal(run(cases[i].script, &answer, &err), -1);
		assert_null(answer);
		if (err.code != cases[i].code || !strstr(err.text, cases[i].text))
			fail_msg("%s: code %d, \"%s\"", cases[i].script, (int)err.code, err.text);
		assert_string_equal(err.details, cases[i].details);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(a_plugin_is_found_in_cni_path),
		TEMPDIR_TEST(weft_is_no_ipam_plugin),
		TEMPDIR_TEST(a_nested_weft_is_refused),
		TEMPDIR_TEST(a_plugin_gets_the_configuration_and_the_command),
		TEMPDIR_TEST(a_plugin_inherits_no_descriptors),
		TEMPDIR_TEST(unread_input_does_not_block),
		TEMPDIR_TEST(the_error_of_a_plugin_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
