/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netlink/netns.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/log.h"
#include "tests/unit/deny.h"
#include "tests/unit/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define DIR_TEMPLATE "/tmp/weft-test-netns-XXXXXX"

struct place {
	char dir[sizeof(DIR_TEMPLATE)];
	char path[sizeof(DIR_TEMPLATE) + 8];
};

static int setup(void **state)
{
	struct place *place = test_calloc(1, sizeof(*place));

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	strcpy(place->dir, DIR_TEMPLATE);
	assert_non_null(mkdtemp(place->dir));
	snprintf(place->path, sizeof(place->path), "%s/it", place->dir);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	unlink(place->path);
	assert_int_equal(rmdir(place->dir), 0);
	test_free(place);
	return 0;
}

#define netns_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void a_namespace_is_the_same_by_every_path(void **state)
{
	struct place *place = *state;
	AUTO(close) int self = -1, by_path = -1, other = -1;
	struct err err = ERR_INIT;
	struct netns_id a, b, c;

	assert_done(netns_open_self(&self, &err), err);
	assert_int_equal(symlink("/proc/self/ns/net", place->path), 0);
	assert_int_equal(netns_open(place->path, &by_path, &err), 1);
	assert_true(fcntl(self, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(by_path, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_done(netns_open_self(&other, &err), err);
	assert_done(netns_identify(self, &a, &err), err);
	assert_done(netns_identify(by_path, &b, &err), err);
	assert_done(netns_identify(other, &c, &err), err);
	assert_true(netns_same(&a, &b));
	assert_false(netns_same(&a, &c));
	c = a;
	c.device++;
	assert_false(netns_same(&a, &c));
	assert_int_equal(netns_identify(-1, &c, &err), -1);
	assert_int_equal(err.code, ERR_NETNS);
	assert_int_equal(err.sys_errno, EBADF);
}

/* Files that a runtime may leave at the path of a namespace. None of them may block a DEL. */
static void a_path_that_is_not_a_namespace_is_absent(void **state)
{
	struct place *place = *state;
	struct err err = ERR_INIT;
	char below[64], expected[128];
	int fd = -7, file;

	snprintf(expected, sizeof(expected), "network namespace %s: No such file or directory",
		 place->path);
	assert_int_equal(netns_open(place->path, &fd, &err), 0);
	assert_int_equal(err.code, ERR_NETNS);
	assert_string_equal(err.text, expected);

	snprintf(expected, sizeof(expected), "%s is not a network namespace", place->path);
	file = open(place->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	close(file);
	err = ERR_INIT;
	assert_int_equal(netns_open(place->path, &fd, &err), 0);
	assert_int_equal(err.code, ERR_NETNS);
	assert_string_equal(err.text, expected);
	snprintf(below, sizeof(below), "%s/below", place->path);
	assert_int_equal(netns_open(below, &fd, &err), 0);
	assert_int_equal(err.sys_errno, ENOTDIR);

	unlink(place->path);
	assert_int_equal(mkfifo(place->path, 0600), 0);
	assert_int_equal(netns_open(place->path, &fd, &err), 0);
	assert_string_equal(err.text, expected);
	unlink(place->path);
	assert_int_equal(mknod(place->path, S_IFSOCK | 0600, 0), 0);
	assert_int_equal(netns_open(place->path, &fd, &err), 0);
	assert_string_equal(err.text, expected);
	assert_int_equal(netns_open("/proc/self/ns/mnt", &fd, &err), 0);
	assert_string_equal(err.text, "/proc/self/ns/mnt is not a network namespace");
	assert_int_equal(fd, -7);
}

/* The peer of a FIFO or socket and the driver of a device do not notice the check. */
static void fifos_sockets_and_devices_are_not_opened(void **state)
{
	struct place *place = *state;
	struct err err = ERR_INIT;
	AUTO(close) int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	char events[512];
	int fd = -7;

	assert_int_equal(mkfifo(place->path, 0600), 0);
	assert_true(inotify_add_watch(watch, place->path, IN_OPEN) >= 0);
	assert_int_equal(netns_open(place->path, &fd, &err), 0);
	assert_int_equal(read(watch, events, sizeof(events)), -1);
	assert_int_equal(errno, EAGAIN);
	fd = open(place->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* an open would be detected */
	assert_true(read(watch, events, sizeof(events)) > 0);
	close(fd);
}

static void an_unreadable_path_is_an_error(void **state)
{
	struct place *place = *state;
	struct err err = ERR_INIT;
	int fd = -7;

	assert_int_equal(symlink(place->path, place->path), 0);
	assert_int_equal(netns_open(place->path, &fd, &err), -1);
	assert_int_equal(err.code, ERR_NETNS);
	assert_int_equal(err.sys_errno, ELOOP);
	assert_int_equal(fd, -7);
}

/* A sandbox that refuses the request for the type must not make a namespace look absent. */
static void a_type_that_is_refused_is_an_error(void **state)
{
	static const struct {
		int sys_errno;
		int result;
	} cases[] = { { EPERM, -1 }, { ENOSYS, 1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = ERR_INIT;
		int fd = -7, status;
		pid_t pid = fork();

		if (pid == 0) {
			deny_syscall(SYS_ioctl, cases[i].sys_errno);
			assert_int_equal(netns_open("/proc/self/ns/net", &fd, &err),
					 cases[i].result);
			assert_int_equal(err.sys_errno, cases[i].result < 0 ? EPERM : 0);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

struct visit {
	int result;
	struct netns_id id;
};

static int identify_here(void *ctx, struct err *err)
{
	struct visit *visit = ctx;
	AUTO(close) int fd = -1;

	if (netns_open_self(&fd, err) || netns_identify(fd, &visit->id, err))
		return -1;
	return visit->result ? err_set(err, ERR_CHECK, "requested by the test") : 0;
}

static void a_function_runs_in_the_namespace_and_returns(void **state)
{
	struct err err = ERR_INIT;
	AUTO(close) int home = -1, there = -1;
	struct visit visit = { 0 }, back = { 0 };
	struct netns_id home_id, there_id;

	(void)state;
	assert_done(netns_open_self(&there, &err), err);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_done(netns_open_self(&home, &err), err);
	assert_done(netns_identify(home, &home_id, &err), err);
	assert_done(netns_identify(there, &there_id, &err), err);
	assert_false(netns_same(&home_id, &there_id));

	assert_int_equal(netns_run(there, home, identify_here, &visit, &err), 0);
	assert_true(netns_same(&visit.id, &there_id));
	visit.result = -1;
	assert_int_equal(netns_run(there, home, identify_here, &visit, &err), -1);
	assert_string_equal(err.text, "requested by the test");
	assert_done(identify_here(&back, &err), err);
	assert_true(netns_same(&back.id, &home_id));

	assert_int_equal(netns_run(-1, home, identify_here, &visit, &err), -1);
	assert_int_equal(err.code, ERR_NETNS);
	assert_int_equal(err.sys_errno, EBADF);
}

static void a_failed_return_to_the_namespace_ends_the_program(void **state)
{
	struct err err = ERR_INIT;
	AUTO(close) int there = -1;
	int status;
	pid_t child;

	(void)state;
	assert_done(netns_open_self(&there, &err), err);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct visit visit = { 0 };
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		signal(SIGABRT, SIG_DFL);
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
		log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, null);
		netns_run(there, null, identify_here, &visit, &err);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		netns_test(a_namespace_is_the_same_by_every_path),
		netns_test(a_path_that_is_not_a_namespace_is_absent),
		netns_test(fifos_sockets_and_devices_are_not_opened),
		netns_test(an_unreadable_path_is_an_error),
		netns_test(a_type_that_is_refused_is_an_error),
		netns_test(a_function_runs_in_the_namespace_and_returns),
		netns_test(a_failed_return_to_the_namespace_ends_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
