/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fs.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "tests/unit/contend.h"
#include "tests/unit/tempdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <cmocka.h>

static void put(const char *name, const char *text)
{
	struct err err = ERR_INIT;

	if (fs_write(tempdir, name, 0644, text, strlen(text), FS_REPLACE, &err) < 0)
		fail_msg("%s", err.text);
}

static void check_content(const char *name, const char *text)
{
	struct err err = ERR_INIT;
	AUTO(free) char *data = NULL;
	size_t size;

	assert_int_equal(fs_read(tempdir, name, 1 << 20, &data, &size, &err), 1);
	assert_int_equal(size, strlen(text));
	assert_string_equal(data, text);
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(tempdir, name, &st, 0), 0);
	return st.st_mode & 07777;
}

static void reads_up_to_max(void **state)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 8192, 100000 };
	static char text[100000];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct err err = ERR_INIT;
		char *data = NULL;
		size_t size = 77;

		assert_int_equal(fs_write(tempdir, "f", 0600, text, sizes[i], FS_REPLACE, &err), 0);
		assert_int_equal(fs_read(tempdir, "f", sizes[i], &data, &size, &err), 1);
		assert_int_equal(size, sizes[i]);
		assert_memory_equal(data, text, size);
		assert_int_equal(data[size], '\0');
		free(data);
		if (sizes[i] == 0)
			continue;
		data = NULL;
		assert_int_equal(fs_read(tempdir, "f", sizes[i] - 1, &data, &size, &err), -1);
		assert_null(data);
		assert_int_equal(err.code, ERR_IO);
		assert_non_null(strstr(err.text, "f is larger than "));
	}
}

static void reads_regular_files_only(void **state)
{
	static const struct {
		const char *path;
		int answer;
		const char *text;
	} cases[] = {
		{ "absent", 0, "" },
		{ "absent/below", 0, "" },
		{ "file/below", -1, "cannot open file/below: Not a directory" },
		{ "loop", -1, "cannot open loop: it is or contains a symbolic link" },
		{ "directory", -1, "directory is not a regular file" },
		{ "fifo", -1, "fifo is not a regular file" },
		{ "link", -1, "cannot open link: it is or contains a symbolic link" },
		{ "dangling", -1, "cannot open dangling: it is or contains a symbolic link" },
		{ "away/file", -1, "cannot open away/file: it is or contains a symbolic link" },
	};

	(void)state;
	put("file", "x");
	assert_int_equal(mkdirat(tempdir, "directory", 0755), 0);
	assert_int_equal(mkfifoat(tempdir, "fifo", 0600), 0);
	assert_int_equal(symlinkat("loop", tempdir, "loop"), 0);
	assert_int_equal(symlinkat("file", tempdir, "link"), 0);
	assert_int_equal(symlinkat("nowhere", tempdir, "dangling"), 0);
	assert_int_equal(symlinkat(".", tempdir, "away"), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = ERR_INIT;
		char *data = NULL;
		size_t size = 77;

		assert_int_equal(fs_read(tempdir, cases[i].path, 100, &data, &size, &err),
				 cases[i].answer);
		assert_string_equal(err.text, cases[i].text);
		assert_null(data);
		assert_int_equal(size, 77);
	}
}

/* The operator may name a file by a link, as in /etc. */
static void files_named_by_the_operator_may_be_links(void **state)
{
	struct err err = ERR_INIT;
	AUTO(free) char *data = NULL;
	char path[FS_PATH_SIZE];
	size_t size;

	(void)state;
	put("file", "x");
	assert_int_equal(symlinkat("file", tempdir, "link"), 0);
	assert_int_equal(fs_join(path, tempdir_path, "link", &err), 0);
	assert_int_equal(fs_read(AT_FDCWD, path, 100, &data, &size, &err), 1);
	assert_string_equal(data, "x");
	auto_free(&data);
	data = NULL;
	assert_int_equal(fs_read(AT_FDCWD, "/dev/null", 100, &data, &size, &err), -1);
	assert_string_equal(err.text, "/dev/null is not a regular file");
}

static void reads_files_that_report_no_size(void **state)
{
	struct err err = ERR_INIT;
	AUTO(free) char *data = NULL;
	size_t size;

	(void)state;
	assert_int_equal(fs_read(AT_FDCWD, "/proc/self/status", 1 << 16, &data, &size, &err), 1);
	assert_true(size > 0);
	assert_memory_equal(data, "Name:", 5);
}

static void reads_and_writes_through_a_pipe(void **state)
{
	static char sent[300000]; /* more than a pipe holds */
	struct err err = ERR_INIT;
	AUTO(free) char *data = NULL;
	size_t size;
	int fds[2], status;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)(i % 251);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		_exit(fs_write_fd(fds[1], "pipe", sent, sizeof(sent), &err) == 0 ? 0 : 1);
	close(fds[1]);
	assert_int_equal(fs_read_fd(fds[0], "pipe", 1 << 20, &data, &size, &err), 0);
	assert_int_equal(size, sizeof(sent));
	assert_memory_equal(data, sent, size);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fds[0]);
}

static void io_faults_name_the_file(void **state)
{
	AUTO(close) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct err err = ERR_INIT;
	char *data = NULL;
	size_t size;

	(void)state;
	assert_int_equal(fs_write_fd(full, "it", "x", 1, &err), -1);
	assert_int_equal(err.sys_errno, ENOSPC);
	assert_string_equal(err.text, "cannot write it: No space left on device");
	assert_int_equal(fs_write_fd(full, "it", "x", 0, &err), 0);
	assert_int_equal(fs_read_fd(tempdir, "it", 10, &data, &size, &err), -1);
	assert_int_equal(err.sys_errno, EISDIR);
	assert_string_equal(err.text, "cannot read it: Is a directory");
	assert_null(data);
}

static void writes_replace_files_and_set_the_mode(void **state)
{
	static const mode_t masks[] = { 0, 022, 077, 0777 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
		mode_t before = umask(masks[i]);
		struct err err = ERR_INIT;

		assert_int_equal(fs_write(tempdir, "f", 0644, "old", 3, FS_REPLACE, &err), 0);
		check_content("f", "old");
		assert_int_equal(fs_write(tempdir, "f", 0666, "new!", 4, FS_DURABLE, &err), 0);
		check_content("f", "new!");
		assert_int_equal(mode_of("f"), 0666);
		umask(before);
	}
	assert_int_equal(tempdir_count(tempdir_path), 1);
}

static void writes_below_directories(void **state)
{
	struct err err = ERR_INIT;
	char path[FS_PATH_SIZE];

	(void)state;
	assert_int_equal(mkdirat(tempdir, "a", 0755), 0);
	assert_int_equal(fs_write(tempdir, "a/f", 0600, "1", 1, FS_DURABLE, &err), 0);
	check_content("a/f", "1");
	assert_int_equal(fs_join(path, tempdir_path, "a/g", &err), 0);
	assert_int_equal(fs_write(AT_FDCWD, path, 0600, "2", 1, FS_NEW | FS_DURABLE, &err), 0);
	check_content("a/g", "2");
	assert_int_equal(fs_join(path, tempdir_path, "a", &err), 0);
	assert_int_equal(tempdir_count(path), 2);
	assert_int_equal(tempdir_count(tempdir_path), 1);
}

static void new_files_do_not_replace_existing_ones(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(fs_write(tempdir, "f", 0640, "first", 5, FS_NEW, &err), 0);
	assert_int_equal(mode_of("f"), 0640);
	assert_int_equal(fs_write(tempdir, "f", 0640, "second", 6, FS_NEW, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(err.sys_errno, EEXIST);
	assert_string_equal(err.text, "cannot create f: File exists");
	check_content("f", "first");
	assert_int_equal(symlinkat("nowhere", tempdir, "dangling"), 0);
	assert_int_equal(fs_write(tempdir, "dangling", 0640, "x", 1, FS_NEW, &err), -1);
	assert_int_equal(err.sys_errno, EEXIST);
	assert_int_equal(tempdir_count(tempdir_path), 2);
}

static void failed_writes_leave_no_file(void **state)
{
	char name[FS_PATH_SIZE + 10];
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(mkdirat(tempdir, "taken", 0755), 0);
	assert_int_equal(fs_write(tempdir, "taken", 0644, "x", 1, FS_REPLACE, &err), -1);
	assert_int_equal(err.sys_errno, EISDIR);
	assert_string_equal(err.text, "cannot replace taken: Is a directory");
	assert_int_equal(fs_write(tempdir, "absent/f", 0644, "x", 1, FS_REPLACE, &err), -1);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_string_equal(err.text, "cannot write absent/f: No such file or directory");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(fs_write(tempdir, name, 0644, "x", 1, FS_REPLACE, &err), -1);
	assert_int_equal(err.sys_errno, ENAMETOOLONG);
	name[NAME_MAX] = '\0';
	assert_int_equal(fs_write(tempdir, name, 0644, "x", 1, FS_REPLACE, &err), -1);
	assert_int_equal(err.sys_errno, ENAMETOOLONG);
	assert_int_equal(tempdir_count(tempdir_path), 1);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
	struct rlimit before, small;
	struct err err = ERR_INIT;

	(void)state;
	put("f", "old");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){ .rlim_cur = 5, .rlim_max = before.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(fs_write(tempdir, "f", 0644, "more than 5", 11, FS_REPLACE, &err), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_string_equal(err.text, "cannot write f: File too large");
	check_content("f", "old");
	assert_int_equal(tempdir_count(tempdir_path), 1);
}

/* The longer name of the temporary file must fit as well. */
static void long_names_fit(void **state)
{
	char name[201];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	put(name, "text");
	check_content(name, "text");
}

static void removes_files(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	put("f", "x");
	assert_int_equal(fs_unlink(tempdir, "f", &err), 1);
	assert_int_equal(fs_unlink(tempdir, "f", &err), 0);
	assert_int_equal(mkdirat(tempdir, "d", 0755), 0);
	assert_int_equal(fs_unlink(tempdir, "d", &err), -1);
	assert_string_equal(err.text, "cannot remove d: Is a directory");
}

/* A writer that is killed before it renames its temporary file. */
static void leave_a_temporary_file(const char *name)
{
	struct rlimit small = { .rlim_cur = 1, .rlim_max = 1 };
	struct err err = ERR_INIT;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		(void)setrlimit(RLIMIT_FSIZE, &small); /* and is killed by SIGXFSZ */
		(void)prctl(PR_SET_DUMPABLE, 0);
		(void)fs_write(tempdir, name, 0644, "more", 4, FS_REPLACE, &err);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void temporary_files_of_killed_writers_are_removed(void **state)
{
	static const char *const others[] = {
		"node.json",
		".node.json.tmp",
		".node.json.12.0123abcd",
		".node.json.12.0123abcd.tmp2",
		".node.json.12.0123abc.tmp",
		".node.json.12.00123abcd.tmp",
		".node.json.12.0123abcg.tmp",
		".node.json.12.0123ABCD.tmp",
		".node.json.x.0123abcd.tmp",
		".node.json..0123abcd.tmp",
		"node.json.12.0123abcd.tmp",
		"..12.0123abcd.tmp",
		".12.0123abcd.tmp",
		".tmp",
	};
	char path[FS_PATH_SIZE];
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		put(others[i], "x");
	leave_a_temporary_file("node.json");
	leave_a_temporary_file("x");
	leave_a_temporary_file(".writable");
	assert_int_equal(tempdir_count(tempdir_path), ARRAY_LEN(others) + 3);
	snprintf(path, sizeof(path), "%s/x", tempdir_path);
	assert_int_equal(fs_sweep_file(path, &err), 0);
	assert_int_equal(tempdir_count(tempdir_path), ARRAY_LEN(others) + 2);
	assert_int_equal(fs_sweep(tempdir_path, NULL, &err), 0);
	assert_int_equal(tempdir_count(tempdir_path), ARRAY_LEN(others));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		check_content(others[i], "x");
	snprintf(path, sizeof(path), "%s/absent", tempdir_path);
	assert_int_equal(fs_sweep(path, NULL, &err), 0);
	snprintf(path, sizeof(path), "%s/node.json", tempdir_path);
	assert_int_equal(fs_sweep(path, NULL, &err), -1);
	assert_int_equal(err.sys_errno, ENOTDIR);
	assert_non_null(strstr(err.text, "node.json: Not a directory"));
	assert_int_equal(mkdirat(tempdir, ".d.1.01234567.tmp", 0755), 0);
	assert_int_equal(fs_sweep(tempdir_path, NULL, &err), -1);
	assert_non_null(strstr(err.text, "cannot remove .d.1.01234567.tmp"));
}

static void joins_paths(void **state)
{
	char buf[FS_PATH_SIZE], name[FS_PATH_SIZE];
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(fs_join(buf, "/run/weft", "ipam", &err), 0);
	assert_string_equal(buf, "/run/weft/ipam");
	assert_int_equal(fs_join(buf, "/", "ipam", &err), 0);
	assert_string_equal(buf, "/ipam");
	memset(name, 'x', sizeof(name) - 1);
	name[FS_PATH_SIZE - 1 - 5] = '\0';
	assert_int_equal(fs_join(buf, "/run", name, &err), 0);
	assert_int_equal(strlen(buf), FS_PATH_SIZE - 1);
	name[FS_PATH_SIZE - 1 - 5] = 'x';
	name[FS_PATH_SIZE - 1 - 4] = '\0';
	assert_int_equal(fs_join(buf, "/run", name, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, "is longer than 4095 bytes"));
}

#define PROCESSES 20
#define ROUNDS 50

static void readers_get_complete_files(void **state)
{
	static char text[2][20000];
	struct err err = ERR_INIT;
	int status;
	pid_t pid;

	(void)state;
	memset(text[0], 'a', sizeof(text[0]));
	memset(text[1], 'b', sizeof(text[1]));
	assert_int_equal(fs_write(tempdir, "f", 0644, text[0], sizeof(text[0]), 0, &err), 0);
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 2000; i++)
			if (fs_write(tempdir, "f", 0644, text[i % 2], sizeof(text[0]), 0, &err) < 0)
				_exit(1);
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		char *data = NULL;
		size_t size;

		assert_int_equal(fs_read(tempdir, "f", sizeof(text[0]), &data, &size, &err), 1);
		assert_int_equal(size, sizeof(text[0]));
		assert_memory_equal(data, text[data[0] == 'b'], size);
		free(data);
	}
	assert_int_equal(status, 0);
}

static int write_new(void)
{
	struct err err = ERR_INIT;

	if (fs_write(tempdir, "one", 0644, "mine", 4, FS_NEW, &err) == 0)
		return 0;
	return err.sys_errno == EEXIST ? 1 : 2;
}

static void one_of_many_processes_creates_a_new_file(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct err err = ERR_INIT;

		assert_int_equal(contend(PROCESSES, write_new), 1);
		assert_int_equal(tempdir_count(tempdir_path), 1);
		assert_int_equal(fs_unlink(tempdir, "one", &err), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(reads_up_to_max),
		TEMPDIR_TEST(reads_regular_files_only),
		TEMPDIR_TEST(files_named_by_the_operator_may_be_links),
		TEMPDIR_TEST(reads_files_that_report_no_size),
		TEMPDIR_TEST(reads_and_writes_through_a_pipe),
		TEMPDIR_TEST(io_faults_name_the_file),
		TEMPDIR_TEST(writes_replace_files_and_set_the_mode),
		TEMPDIR_TEST(writes_below_directories),
		TEMPDIR_TEST(new_files_do_not_replace_existing_ones),
		TEMPDIR_TEST(failed_writes_leave_no_file),
		TEMPDIR_TEST(a_full_disk_leaves_the_old_file),
		TEMPDIR_TEST(long_names_fit),
		TEMPDIR_TEST(removes_files),
		TEMPDIR_TEST(temporary_files_of_killed_writers_are_removed),
		cmocka_unit_test(joins_paths),
		TEMPDIR_TEST(readers_get_complete_files),
		TEMPDIR_TEST(one_of_many_processes_creates_a_new_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
