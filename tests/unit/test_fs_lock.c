/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fs_lock.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "tests/unit/contend.h"
#include "tests/unit/tempdir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#define PROCESSES 20
#define ROUNDS 50
#define WAIT_MS 60000

static bool is_cloexec(int fd)
{
	return fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(tempdir, name, &st, 0), 0);
	return st.st_mode & 07777;
}

static void locks_are_released_with_their_descriptor(void **state)
{
	struct err err = ERR_INIT;
	int fd = -1;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fs_lock(tempdir, "lock", WAIT_MS, &fd, &err), 0);
		assert_true(is_cloexec(fd));
		close(fd);
	}
	assert_int_equal(mode_of("lock"), 0600);
	fd = -1;
	assert_int_equal(fs_lock(tempdir, "absent/lock", WAIT_MS, &fd, &err), -1);
	assert_string_equal(err.text, "cannot lock absent/lock: No such file or directory");
	assert_int_equal(symlinkat("lock", tempdir, "link"), 0);
	assert_int_equal(fs_lock(tempdir, "link", WAIT_MS, &fd, &err), -1);
	assert_int_equal(err.sys_errno, ELOOP);
	assert_int_equal(fd, -1);
}

/* With two holders at once, both would create "held"; every second holder removes the lock file. */
static int hold_lock(void)
{
	struct err err = ERR_INIT;

	for (int i = 0; i < ROUNDS; i++) {
		AUTO(close) int fd = -1;
		int held;

		if (fs_lock(tempdir, "lock", WAIT_MS, &fd, &err) < 0)
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
	assert_int_equal(contend(PROCESSES, hold_lock), PROCESSES);
}

static int interrupted[2];

static void on_signal(int number)
{
	(void)number;
	if (write(interrupted[1], "", 1) < 0)
		_exit(9);
}

static int lock_under_signals(void)
{
	const struct itimerspec often = { .it_interval.tv_nsec = 5000000,
					  .it_value.tv_nsec = 5000000 };
	const struct sigaction action = { .sa_handler = on_signal }; /* without SA_RESTART */
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	timer_t timer;
	struct err err = ERR_INIT;
	int fd = -1;

	if (sigaction(SIGUSR1, &action, NULL) < 0 ||
	    timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 ||
	    timer_settime(timer, 0, &often, NULL) < 0)
		return 1;
	return fs_lock(tempdir, "lock", WAIT_MS, &fd, &err) == 0 ? 0 : 2;
}

static void waiting_for_a_lock_continues_after_signals(void **state)
{
	AUTO(close) int held = -1;
	struct err err = ERR_INIT;
	char bytes[3];
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(interrupted, O_CLOEXEC), 0);
	assert_int_equal(fs_lock(tempdir, "lock", WAIT_MS, &held, &err), 0);
	pid = fork();
	if (pid == 0) {
		close(held); /* a copied descriptor would keep the lock */
		_exit(lock_under_signals());
	}
	/* The first signal may arrive before the wait; the later ones do not. */
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(read(interrupted[0], bytes + i, 1), 1);
	close(take_fd(&held));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(interrupted[0]);
	close(interrupted[1]);
}

static void try_lock_does_not_wait(void **state)
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
	assert_int_equal(fs_lock(tempdir, "lock", WAIT_MS, &fd, &err), 0);
	assert_int_equal(fs_try_lock(tempdir, "lock", &second, &err), 0);
	close(fd);
	assert_int_equal(fs_try_lock(tempdir, "lock", &second, &err), 1);
	close(second);
	second = -1;
	assert_int_equal(fs_try_lock(tempdir, "absent/lock", &second, &err), -1);
	assert_string_equal(err.text, "cannot lock absent/lock: No such file or directory");
	assert_int_equal(second, -1);
}

/* A child that holds the lock, and can be stopped. */
static pid_t start_holder(void)
{
	struct err err = ERR_INIT;
	int ready[2], fd = -1;
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		/* A test that fails does not end its holder. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
		    fs_lock(tempdir, "lock", WAIT_MS, &fd, &err) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

/* As the kernel shows it: in an emulator, it is the emulator's. */
static const char *own_name(char buf[static 64])
{
	AUTO(close) int fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
	ssize_t size = read(fd, buf, 63);

	assert_true(size > 1);
	buf[size - 1] = '\0';
	return buf;
}

static void a_wait_ends_at_its_deadline_and_names_the_holder(void **state)
{
	char wanted[200], holder[FS_LOCK_HOLDER_SIZE], name[64];
	struct sigaction after;
	struct itimerval timer;
	struct err err = ERR_INIT;
	int fd = -1, status;
	pid_t pid;

	(void)state;
	pid = start_holder();
	assert_int_equal(fs_lock(tempdir, "lock", 1, &fd, &err), -1);
	assert_int_equal(err.code, ERR_AGAIN);
	snprintf(wanted, sizeof(wanted), "lock is locked by process %d (%s); try again later",
		 (int)pid, own_name(name));
	assert_string_equal(err.text, wanted);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_int_equal(fs_lock_existing(tempdir, "lock", 150, &fd, &err), -1);
	assert_int_equal(err.code, ERR_AGAIN);
	snprintf(wanted, sizeof(wanted), "process %d (%s, stopped)", (int)pid, name);
	assert_non_null(strstr(err.text, wanted));
	assert_string_equal(fs_lock_holder(tempdir, "lock", holder), wanted);
	assert_string_equal(fs_lock_holder(tempdir, "absent", holder), "another process");
	assert_int_equal(fd, -1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* Neither the timer nor the handler remains. */
	assert_int_equal(getitimer(ITIMER_REAL, &timer), 0);
	assert_int_equal(timer.it_value.tv_sec + timer.it_value.tv_usec, 0);
	assert_int_equal(sigaction(SIGALRM, NULL, &after), 0);
	assert_true(after.sa_handler == SIG_DFL);
	assert_int_equal(fs_lock(tempdir, "lock", 0, &fd, &err), 0);
	close(fd);
}

/* A signal mask and a handler are inherited across fork(2), the mask across execve(2) too. */
static void a_blocked_alarm_does_not_prolong_the_wait(void **state)
{
	struct err err = ERR_INIT;
	sigset_t alarm, mask;
	int fd = -1, status;
	pid_t pid;

	(void)state;
	pid = start_holder();
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &alarm, NULL), 0);
	assert_int_equal(fs_lock(tempdir, "lock", 20, &fd, &err), -1);
	assert_int_equal(err.code, ERR_AGAIN);
	assert_int_equal(sigprocmask(SIG_UNBLOCK, &alarm, &mask), 0);
	assert_true(sigismember(&mask, SIGALRM));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void an_absent_file_is_not_created(void **state)
{
	struct err err = ERR_INIT;
	int fd = -1;

	(void)state;
	assert_int_equal(fs_lock_existing(tempdir, "lock", WAIT_MS, &fd, &err), 0);
	assert_int_equal(tempdir_count(tempdir_path), 0);
	assert_int_equal(fd, -1);
}

static void a_lock_is_detected_without_taking_it(void **state)
{
	struct err err = ERR_INIT;
	int fd = -1, second = -1;

	(void)state;
	assert_false(fs_is_locked(tempdir, "lock"));
	assert_int_equal(fs_try_lock(tempdir, "other", &second, &err), 1);
	assert_int_equal(fs_try_lock(tempdir, "lock", &fd, &err), 1);
	assert_true(fs_is_locked(tempdir, "lock"));
	close(fd);
	assert_false(fs_is_locked(tempdir, "lock"));
	assert_int_equal(fs_try_lock(tempdir, "lock", &fd, &err), 1);
	close(fd);
	close(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(locks_are_released_with_their_descriptor),
		TEMPDIR_TEST(a_lock_has_one_holder),
		TEMPDIR_TEST(waiting_for_a_lock_continues_after_signals),
		TEMPDIR_TEST(try_lock_does_not_wait),
		TEMPDIR_TEST(a_wait_ends_at_its_deadline_and_names_the_holder),
		TEMPDIR_TEST(a_blocked_alarm_does_not_prolong_the_wait),
		TEMPDIR_TEST(an_absent_file_is_not_created),
		TEMPDIR_TEST(a_lock_is_detected_without_taking_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
