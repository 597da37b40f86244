/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fs_dir.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "tests/unit/deny.h"
#include "tests/unit/tempdir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DIR_MODE 0755

static bool is_cloexec(int fd)
{
	return fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

static void put(const char *name)
{
	struct err err = ERR_INIT;

	assert_int_equal(fs_write(tempdir, name, 0644, "x", 1, FS_REPLACE, &err), 0);
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(tempdir, name, &st, 0), 0);
	return st.st_mode & 07777;
}

/* Opens and closes. Returns fs_open_dir's result. */
static int try_dir(const char *path, bool make, struct err *err)
{
	AUTO(close) int fd = -1;
	int found = fs_open_dir(path, make, &fd, err);

	assert_int_equal(found > 0, fd >= 0);
	assert_true(fd < 0 || is_cloexec(fd));
	return found;
}

static int try_dir_in(const char *path, bool make, struct err *err)
{
	AUTO(close) int fd = -1;
	int found = fs_open_dir_in(tempdir, path, make, &fd, err);

	assert_int_equal(found > 0, fd >= 0);
	assert_true(fd < 0 || is_cloexec(fd));
	return found;
}

static void makes_directories(void **state)
{
	char path[FS_PATH_SIZE], longer[FS_PATH_SIZE + 10];
	struct err err = ERR_INIT;
	mode_t before = umask(0);

	(void)state;
	snprintf(path, sizeof(path), "%s/a/b//c/", tempdir_path);
	assert_int_equal(try_dir(path, true, &err), 1);
	assert_int_equal(mode_of("a/b/c"), DIR_MODE);
	assert_int_equal(mode_of("a"), DIR_MODE);
	assert_int_equal(fchmodat(tempdir, "a/b/c", 0700, 0), 0);
	assert_int_equal(try_dir(path, true, &err), 1);
	assert_int_equal(mode_of("a/b/c"), 0700);
	assert_int_equal(try_dir("/", true, &err), 1);
	umask(before);

	put("file");
	snprintf(path, sizeof(path), "%s/file", tempdir_path);
	assert_int_equal(try_dir(path, true, &err), -1);
	assert_int_equal(err.sys_errno, ENOTDIR);
	snprintf(path, sizeof(path), "%s/file/below", tempdir_path);
	assert_int_equal(try_dir(path, true, &err), -1);
	assert_int_equal(err.sys_errno, ENOTDIR);
	assert_non_null(strstr(err.text, "file/below: Not a directory"));
	assert_int_equal(try_dir("", true, &err), -1);
	assert_int_equal(symlinkat("nowhere", tempdir, "dangling"), 0);
	snprintf(path, sizeof(path), "%s/dangling", tempdir_path);
	assert_int_equal(try_dir(path, false, &err), 0);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(try_dir(longer, true, &err), -1);
	assert_int_equal(err.sys_errno, ENAMETOOLONG);
}

static void opens_directories(void **state)
{
	char path[FS_PATH_SIZE];
	struct err err = ERR_INIT;

	(void)state;
	snprintf(path, sizeof(path), "%s/a/b", tempdir_path);
	assert_int_equal(try_dir(path, false, &err), 0);
	assert_int_equal(try_dir(path, true, &err), 1);
	assert_int_equal(try_dir(path, false, &err), 1);
	put("file");
	snprintf(path, sizeof(path), "%s/file", tempdir_path);
	assert_int_equal(try_dir(path, false, &err), -1);
	assert_int_equal(err.sys_errno, ENOTDIR);
	assert_non_null(strstr(err.text, path));
}

/* Each kind of path below a directory; the table is run with and without openat2(2). */
static void check_below(void)
{
	static const struct {
		const char *path;
		bool make;
		int result;
		int sys_errno;
	} cases[] = {
		{ "absent", false, 0, 0 },
		{ "absent/b", false, 0, 0 },
		{ "a/b", true, 1, 0 },
		{ "a/b", false, 1, 0 },
		{ "a//b/", false, 1, 0 },
		{ "file", false, -1, ENOTDIR },
		{ "file/b", false, -1, ENOTDIR },
		{ "file/b", true, -1, ENOTDIR },
		{ "fifo", false, -1, ENOTDIR },
		{ "loop", false, -1, ELOOP },
		{ "link", false, -1, ELOOP },
		{ "link", true, -1, ELOOP },
		{ "link/b", false, -1, ELOOP },
		{ "link/b", true, -1, ELOOP },
		{ "link/new", true, -1, ELOOP },
		{ "a/up", false, -1, ELOOP },
		{ "a/up/b", true, -1, ELOOP },
		{ "dangling", false, -1, ELOOP },
		{ "dangling", true, -1, ELOOP },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = ERR_INIT;
		int result = try_dir_in(cases[i].path, cases[i].make, &err);

		if (result != cases[i].result ||
		    (cases[i].sys_errno && err.sys_errno != cases[i].sys_errno))
			fail_msg("%s: %d %s", cases[i].path, result, err.text);
	}
}

static void make_below(void)
{
	put("file");
	assert_int_equal(mkdirat(tempdir, "a", 0755), 0);
	assert_int_equal(mkfifoat(tempdir, "fifo", 0600), 0);
	assert_int_equal(symlinkat("a", tempdir, "link"), 0);
	assert_int_equal(symlinkat("..", tempdir, "a/up"), 0);
	assert_int_equal(symlinkat("nowhere", tempdir, "dangling"), 0);
	assert_int_equal(symlinkat("loop", tempdir, "loop"), 0);
}

static void links_below_a_directory_are_not_followed(void **state)
{
	(void)state;
	make_below();
	check_below();
	assert_int_equal(faccessat(tempdir, "a/new", F_OK, 0), -1);
	assert_int_equal(faccessat(tempdir, "nowhere", F_OK, 0), -1);
}

static void check_paths(void)
{
	char path[FS_PATH_SIZE];
	struct err err = ERR_INIT;

	snprintf(path, sizeof(path), "%s/a/b", tempdir_path);
	assert_int_equal(try_dir(path, false, &err), 1);
	snprintf(path, sizeof(path), "%s/link/./b/../b", tempdir_path);
	assert_int_equal(try_dir(path, false, &err), 1);
	snprintf(path, sizeof(path), "%s/absent/c", tempdir_path);
	assert_int_equal(try_dir(path, false, &err), 0);
	snprintf(path, sizeof(path), "%s/link/made/c", tempdir_path);
	assert_int_equal(try_dir(path, true, &err), 1);
	assert_int_equal(mode_of("a/made/c"), DIR_MODE);
	snprintf(path, sizeof(path), "%s/loop", tempdir_path);
	assert_int_equal(try_dir(path, true, &err), -1);
	assert_int_equal(err.sys_errno, ELOOP);
	assert_int_equal(fs_open_beneath(tempdir, "a/up/file", O_RDONLY), -1);
}

static void links_of_root_in_a_path_are_followed(void **state)
{
	(void)state;
	make_below();
	check_below();
	check_paths();
}

static void works_without_openat2(void **state)
{
	static const int errors[] = { ENOSYS, EPERM };

	(void)state;
	make_below();
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			deny_syscall(SYS_openat2, errors[i]);
			check_below();
			check_paths();
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

static void opens_the_directory_of_a_file(void **state)
{
	char path[FS_PATH_SIZE];
	struct err err = ERR_INIT;
	const char *name = NULL;
	int fd = -1;

	(void)state;
	snprintf(path, sizeof(path), "%s/d/subnet.env", tempdir_path);
	assert_int_equal(fs_open_parent(path, false, &fd, &name, &err), 0);
	assert_null(name);
	assert_int_equal(fs_open_parent(path, true, &fd, &name, &err), 1);
	assert_string_equal(name, "subnet.env");
	close(fd);
	assert_int_equal(fs_open_parent("name", false, &fd, &name, &err), 1);
	assert_string_equal(name, "name");
	close(fd);
	assert_int_equal(fs_open_parent("/name", false, &fd, &name, &err), 1);
	assert_string_equal(name, "name");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(makes_directories),
		TEMPDIR_TEST(opens_directories),
		TEMPDIR_TEST(links_below_a_directory_are_not_followed),
		TEMPDIR_TEST(links_of_root_in_a_path_are_followed),
		TEMPDIR_TEST(works_without_openat2),
		TEMPDIR_TEST(opens_the_directory_of_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
