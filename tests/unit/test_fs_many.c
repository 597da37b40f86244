/* SPDX-License-Identifier: Apache-2.0 */
/* Files of fs.c in the hands of many processes at once. */
#include "common/fs.h"

#include "common/auto.h"
#include "common/err.h"
#include "tests/unit/tempdir.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <cmocka.h>

#define PROCESSES 20
#define ROUNDS 50

static void readers_see_whole_files(void **state)
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

/* Runs work in many processes that start at once; answers how many exited with 0. */
static int contend(int (*work)(void))
{
	pid_t pids[PROCESSES];
	int gate[2], good = 0;

	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			char byte;

			close(gate[1]);
			/* The pipe's end comes when the parent lets go. */
			_exit(read(gate[0], &byte, 1) == 0 ? work() : 1);
		}
	}
	close(gate[0]);
	close(gate[1]);
	for (int i = 0; i < PROCESSES; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		good += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	return good;
}

static int write_new(void)
{
	struct err err = ERR_INIT;

	if (fs_write(tempdir, "one", 0644, "mine", 4, FS_NEW, &err) == 0)
		return 0;
	return err.sys_errno == EEXIST ? 1 : 2;
}

static void one_of_many_makes_a_new_file(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct err err = ERR_INIT;

		assert_int_equal(contend(write_new), 1);
		assert_int_equal(tempdir_count(tempdir_path), 1);
		assert_int_equal(fs_unlink(tempdir, "one", &err), 1);
	}
}

/* Two holders at once would both make "held"; every other holder removes the lock's file. */
static int hold_lock(void)
{
	struct err err = ERR_INIT;

	for (int i = 0; i < ROUNDS; i++) {
		AUTO_CLOSE int fd = -1;
		int held;

		if (fs_lock(tempdir, "lock", &fd, &err) < 0)
			return 1;
		held = openat(tempdir, "held", O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (held < 0)
			return 2;
		close(held);
		if (fs_unlink(tempdir, "held", &err) != 1)
			return 3;
		if (i % 2 && fs_unlink(tempdir, "lock", &err) != 1)
			return 4;
	}
	return 0;
}

static void a_lock_has_one_holder(void **state)
{
	(void)state;
	assert_int_equal(contend(hold_lock), PROCESSES);
}

static int interrupted[2];

static void on_alarm(int number)
{
	(void)number;
	if (write(interrupted[1], "", 1) < 0)
		_exit(9);
}

static int lock_under_alarms(void)
{
	const struct itimerval often = { .it_interval.tv_usec = 5000, .it_value.tv_usec = 5000 };
	const struct sigaction action = { .sa_handler = on_alarm }; /* without SA_RESTART */
	struct err err = ERR_INIT;
	int fd = -1;

	if (sigaction(SIGALRM, &action, NULL) < 0 || setitimer(ITIMER_REAL, &often, NULL) < 0)
		return 1;
	return fs_lock(tempdir, "lock", &fd, &err) == 0 ? 0 : 2;
}

static void waiting_outlives_signals(void **state)
{
	AUTO_CLOSE int held = -1;
	struct err err = ERR_INIT;
	char bytes[3];
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(interrupted, O_CLOEXEC), 0);
	assert_int_equal(fs_lock(tempdir, "lock", &held, &err), 0);
	pid = fork();
	if (pid == 0) {
		close(held); /* a copy would keep the lock */
		_exit(lock_under_alarms());
	}
	/* The first may come before the wait; not all three. */
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(read(interrupted[0], bytes + i, 1), 1);
	close(take_fd(&held));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(interrupted[0]);
	close(interrupted[1]);
}

static void a_lock_that_is_held_is_not_waited_for(void **state)
{
	struct err err = ERR_INIT;
	int fd = -1, second = -1;

	(void)state;
	assert_int_equal(fs_try_lock(tempdir, "lock", &fd, &err), 1);
	assert_int_equal(fs_try_lock(tempdir, "lock", &second, &err), 0);
	assert_int_equal(second, -1);
	assert_int_equal(fs_unlink(tempdir, "lock", &err), 1);
	assert_int_equal(fs_try_lock(tempdir, "lock", &second, &err), 1);
	close(second);
	second = -1;
	close(fd);
	assert_int_equal(fs_lock(tempdir, "lock", &fd, &err), 0);
	assert_int_equal(fs_try_lock(tempdir, "lock", &second, &err), 0);
	close(fd);
	assert_int_equal(fs_try_lock(tempdir, "lock", &second, &err), 1);
	close(second);
	second = -1;
	assert_int_equal(fs_try_lock(tempdir, "absent/lock", &second, &err), -1);
	assert_string_equal(err.text, "cannot lock absent/lock: No such file or directory");
	assert_int_equal(second, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(readers_see_whole_files),
		TEMPDIR_TEST(one_of_many_makes_a_new_file),
		TEMPDIR_TEST(a_lock_has_one_holder),
		TEMPDIR_TEST(waiting_outlives_signals),
		TEMPDIR_TEST(a_lock_that_is_held_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
