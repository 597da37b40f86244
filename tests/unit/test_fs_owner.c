/* SPDX-License-Identifier: Apache-2.0 */
/* Files in directories of others. */
#include "common/fs.h"

#include "common/auto.h"
#include "common/err.h"
#include "tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void what_leads_elsewhere_is_not_locked(void **state)
{
	struct err err = ERR_INIT;
	int fd = -1;

	(void)state;
	assert_int_equal(fs_lock(tempdir, "mine", &fd, &err), 0);
	close(fd);
	fd = -1;
	assert_int_equal(linkat(tempdir, "mine", tempdir, "second", 0), 0);
	assert_int_equal(fs_lock(tempdir, "mine", &fd, &err), -1);
	assert_string_equal(err.text, "cannot lock mine: not a regular file with one name");
	assert_int_equal(mkfifoat(tempdir, "fifo", 0600), 0);
	assert_int_equal(fs_lock(tempdir, "fifo", &fd, &err), -1);
	assert_int_equal(mkdirat(tempdir, "dir", 0700), 0);
	assert_int_equal(fs_lock(tempdir, "dir", &fd, &err), -1);
	assert_int_equal(fd, -1);
}

static void what_root_makes_is_the_directory_owners(void **state)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	struct err err = ERR_INIT;
	AUTO_CLOSE int theirs = -1;
	AUTO_CLOSE int below = -1;
	AUTO_CLOSE int lock = -1;
	struct stat is;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdirat(tempdir, "theirs", 0755), 0);
	assert_int_equal(fchownat(tempdir, "theirs", 4711, 4712, 0), 0);
	theirs = openat(tempdir, "theirs", flags);
	assert_int_equal(fs_open_dir_in(theirs, "below", false, &below, &err), 0);
	assert_int_equal(fs_open_dir_in(theirs, "below", true, &below, &err), 1);
	assert_int_equal(fstat(below, &is), 0);
	assert_int_equal(is.st_uid, 4711);
	assert_int_equal(is.st_gid, 4712);
	assert_int_equal(fs_lock(below, "lock", &lock, &err), 0);
	assert_int_equal(fstat(lock, &is), 0);
	assert_int_equal(is.st_uid, 4711);
	/* A file that was there is nobody's to give away. */
	assert_int_equal(fchown(lock, 0, 0), 0);
	close(take_fd(&lock));
	assert_int_equal(fs_lock(below, "lock", &lock, &err), 0);
	assert_int_equal(fstat(lock, &is), 0);
	assert_int_equal(is.st_uid, 0);
	assert_int_equal(symlinkat("below", theirs, "link"), 0);
	close(take_fd(&below));
	assert_int_equal(fs_open_dir_in(theirs, "link", true, &below, &err), -1);
	assert_int_equal(below, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(what_leads_elsewhere_is_not_locked),
		TEMPDIR_TEST(what_root_makes_is_the_directory_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
