/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/secret_files.h"

#include "tests/unit/samples.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#define OTHER_ID 65534

static char dir[] = "/tmp/weft-secrets-XXXXXX";

static const char *file_with_mode(const char *name, mode_t mode)
{
	static char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static void assert_remedy(const char *name, mode_t mode, const char *format)
{
	struct secret_file file = { "--etcd-keyfile", file_with_mode(name, mode) };
	char remedy[SECRET_REMEDY_SIZE], wanted[SECRET_REMEDY_SIZE];

	assert_int_equal(secret_file_is_exposed(&file, remedy), format != NULL);
	if (format) {
		snprintf(wanted, sizeof(wanted), "chmod o= %s%s%s", format, file.path, format);
		assert_string_equal(remedy, wanted);
	}
	unlink(file.path);
}

static void files_that_others_can_read_are_found(void **state)
{
	char remedy[SECRET_REMEDY_SIZE];
	struct secret_file absent = { "--etcd-keyfile", "/nonexistent/key" };

	(void)state;
	assert_remedy("key", 0600, NULL);
	assert_remedy("key", 0640, NULL);
	assert_remedy("key", 0644, "");
	assert_remedy("key", 0602, "");
	assert_remedy("a key", 0644, "'");
	assert_false(secret_file_is_exposed(&absent, remedy));
}

/* weftd runs as a user of its own, and must still read the file. */
static void the_remedy_keeps_the_file_readable(void **state)
{
	const struct group *group = getgrgid(OTHER_ID);
	struct secret_file file = { "--etcd-keyfile", file_with_mode("key", 0644) };
	char remedy[SECRET_REMEDY_SIZE], wanted[SECRET_REMEDY_SIZE];

	(void)state;
	if (geteuid() != 0)
		skip();
	if (!group)
		fail_msg("no group has the id %d", OTHER_ID);
	else
		snprintf(wanted, sizeof(wanted), "chgrp %s %s && chmod g=r,o= %s", group->gr_name,
			 file.path, file.path);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(setegid(OTHER_ID), 0);
	assert_int_equal(seteuid(OTHER_ID), 0);
	assert_true(secret_file_is_exposed(&file, remedy));
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	assert_string_equal(remedy, wanted);
	unlink(file.path);
}

static void unset_options_are_left_out(void **state)
{
	struct secret_files files = { .len = 0 };

	(void)state;
	secret_files_add(&files, "--etcd-keyfile", NULL);
	assert_int_equal(files.len, 0);
	for (size_t i = 0; i < SECRET_FILES_MAX + 1; i++)
		secret_files_add(&files, "--etcd-keyfile", "/x");
	assert_int_equal(files.len, SECRET_FILES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_that_others_can_read_are_found),
		cmocka_unit_test(the_remedy_keeps_the_file_readable),
		cmocka_unit_test(unset_options_are_left_out),
	};
	int failed;

	if (!mkdtemp(dir))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return failed;
}
