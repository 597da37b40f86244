/* SPDX-License-Identifier: Apache-2.0 */
/* Files in directories of other users. */
#include "common/fs.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/fs_dir.h"
#include "common/fs_lock.h"
#include "tests/unit/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void only_regular_files_with_one_link_are_locked(void **state)
{
	struct err err = ERR_INIT;
	int fd = -1;

	(void)state;
	assert_int_equal(fs_lock(tempdir, "file", 0, &fd, &err), 0);
	close(fd);
	fd = -1;
	assert_int_equal(linkat(tempdir, "file", tempdir, "second", 0), 0);
	assert_int_equal(fs_lock(tempdir, "file", 0, &fd, &err), -1);
	assert_string_equal(err.text, "cannot lock file: not a regular file with one name");
	assert_int_equal(mkfifoat(tempdir, "fifo", 0600), 0);
	assert_int_equal(fs_lock(tempdir, "fifo", 0, &fd, &err), -1);
	assert_int_equal(mkdirat(tempdir, "dir", 0700), 0);
	assert_int_equal(fs_lock(tempdir, "dir", 0, &fd, &err), -1);
	assert_int_equal(fd, -1);
}

static void files_created_by_root_belong_to_the_directory_owner(void **state)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	struct err err = ERR_INIT;
	AUTO(close) int other = -1;
	AUTO(close) int below = -1;
	AUTO(close) int lock = -1;
	struct stat is;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdirat(tempdir, "other", 0755), 0);
	assert_int_equal(fchownat(tempdir, "other", 4711, 4712, 0), 0);
	other = openat(tempdir, "other", flags);
	assert_int_equal(fs_open_dir_in(other, "below", false, &below, &err), 0);
	assert_int_equal(fs_open_dir_in(other, "below", true, &below, &err), 1);
	assert_int_equal(fstat(below, &is), 0);
	assert_int_equal(is.st_uid, 4711);
	assert_int_equal(is.st_gid, 4712);
	assert_int_equal(fs_lock(below, "lock", 0, &lock, &err), 0);
	assert_int_equal(fstat(lock, &is), 0);
	assert_int_equal(is.st_uid, 4711);
	/* A kill between creation and chown: the file is still empty. */
	assert_int_equal(fchown(lock, 0, 0), 0);
	close(take_fd(&lock));
	assert_int_equal(fs_lock(below, "lock", 0, &lock, &err), 0);
	assert_int_equal(fstat(lock, &is), 0);
	assert_int_equal(is.st_uid, 4711);
	assert_int_equal(fchown(below, 0, 0), 0);
	close(take_fd(&below));
	assert_int_equal(fs_open_dir_in(other, "below", true, &below, &err), 1);
	assert_int_equal(fstat(below, &is), 0);
	assert_int_equal(is.st_uid, 4711);
	/* A file with content is not given away. */
	assert_int_equal(write(lock, "x", 1), 1);
	assert_int_equal(fchown(lock, 0, 0), 0);
	close(take_fd(&lock));
	assert_int_equal(fs_lock(below, "lock", 0, &lock, &err), 0);
	assert_int_equal(fstat(lock, &is), 0);
	assert_int_equal(is.st_uid, 0);
	assert_int_equal(fs_write(below, "written", 0600, "x", 1, FS_REPLACE, &err), 0);
	assert_int_equal(fstatat(below, "written", &is, 0), 0);
	assert_int_equal(is.st_uid, 4711);
	assert_int_equal(symlinkat("below", other, "link"), 0);
	close(take_fd(&below));
	assert_int_equal(fs_open_dir_in(other, "link", true, &below, &err), -1);
	assert_int_equal(below, -1);
}

/* A symbolic link in a path is followed if only root can have created it. */
static void only_links_of_root_in_a_path_are_followed(void **state)
{
	static const struct {
		uid_t dir, link;
		mode_t mode;
		int result;
	} cases[] = {
		{ 0, 0, 0755, 1 },      { 0, 0, 01777, 1 },       { 0, 0, 0777, -1 },
		{ 0, 0, 0775, -1 },     { 4711, 0, 0755, -1 },    { 0, 4711, 0755, -1 },
		{ 0, 4711, 01777, -1 }, { 4711, 4711, 0755, -1 },
	};

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdirat(tempdir, "dir", 0755), 0);
	assert_int_equal(mkdirat(tempdir, "target", 0755), 0);
	assert_int_equal(mkdirat(tempdir, "target/run", 0755), 0);
	assert_int_equal(symlinkat("../target", tempdir, "dir/link"), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(close) int fd = -1;
		struct err err = ERR_INIT;
		char path[128];

		assert_int_equal(fchownat(tempdir, "dir", cases[i].dir, 0, 0), 0);
		assert_int_equal(fchmodat(tempdir, "dir", cases[i].mode, 0), 0);
		assert_int_equal(
			fchownat(tempdir, "dir/link", cases[i].link, 0, AT_SYMLINK_NOFOLLOW), 0);
		snprintf(path, sizeof(path), "%s/dir/link/run", tempdir_path);
		assert_int_equal(fs_open_dir(path, false, &fd, &err), cases[i].result);
		assert_int_equal(cases[i].result < 0,
				 !!strstr(err.text, "a user other than root can change"));
		snprintf(path, sizeof(path), "%s/dir/link/new%zu", tempdir_path, i);
		auto_close(&fd);
		fd = -1;
		assert_int_equal(fs_open_dir(path, true, &fd, &err), cases[i].result);
	}
	assert_int_equal(faccessat(tempdir, "target/new0", F_OK, 0), 0);
	assert_int_equal(faccessat(tempdir, "target/new4", F_OK, 0), -1);
}

/* fs.protected_hardlinks may be off. */
static void hard_links_to_files_of_others_are_not_read(void **state)
{
	AUTO(close) int other = -1;
	struct err err = ERR_INIT;
	int fd = -1;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdirat(tempdir, "other", 0755), 0);
	other = openat(tempdir, "other", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fs_write(tempdir, "secret", 0600, "x", 1, FS_REPLACE, &err), 0);
	assert_int_equal(linkat(tempdir, "secret", other, "one", 0), 0);
	assert_int_equal(fs_open(other, "one", &fd, &err), 1); /* both of root */
	close(fd);
	fd = -1;
	assert_int_equal(fchown(other, 4711, 4712), 0);
	assert_int_equal(fs_open(other, "one", &fd, &err), -1);
	assert_string_equal(err.text, "one is another name of another user's file");
	assert_int_equal(fchownat(tempdir, "secret", 4711, 4712, 0), 0);
	assert_int_equal(fs_open(other, "one", &fd, &err), 1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(only_regular_files_with_one_link_are_locked),
		TEMPDIR_TEST(only_links_of_root_in_a_path_are_followed),
		TEMPDIR_TEST(hard_links_to_files_of_others_are_not_read),
		TEMPDIR_TEST(files_created_by_root_belong_to_the_directory_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
