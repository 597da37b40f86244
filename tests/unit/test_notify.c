/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/notify.h"

#include "common/array.h"
#include "common/err.h"
#include "tests/unit/samples.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int bound(const char *name, size_t len)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(at.sun_path, name, len);
	assert_int_equal(bind(fd, (struct sockaddr *)&at,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
			 0);
	return fd;
}

static void assert_received(int fd, const char *want)
{
	char got[256];
	ssize_t size = recv(fd, got, sizeof(got) - 1, 0);

	assert_true(size >= 0);
	got[size] = '\0';
	assert_string_equal(got, want);
}

static void lines_arrive_at_a_path_and_at_an_abstract_name(void **state)
{
	char path[128], name[64];
	struct notify *notify;
	struct err err = ERR_INIT;
	int fd;

	snprintf(path, sizeof(path), "/tmp/weft-notify-%d", (int)getpid());
	fd = bound(path, strlen(path));
	(void)state;
	assert_good(notify_open(path, &notify, &err), err);
	notify_send(notify, "READY=1\nSTATUS=x");
	assert_received(fd, "READY=1\nSTATUS=x");
	close(fd);
	unlink(path);
	notify_send(notify, "READY=1"); /* the manager is gone: no harm */
	notify_free(notify);

	snprintf(name, sizeof(name), "@weft-notify-%d", (int)getpid());
	name[0] = '\0';
	fd = bound(name, 1 + strlen(name + 1));
	name[0] = '@';
	assert_good(notify_open(name, &notify, &err), err);
	notify_send(notify, "STOPPING=1");
	assert_received(fd, "STOPPING=1");
	notify_free(notify);
	close(fd);
}

static void without_a_manager_nothing_is_sent(void **state)
{
	struct notify *notify = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(notify_open(NULL, &notify, &err), err);
	assert_null(notify);
	assert_good(notify_open("", &notify, &err), err);
	assert_null(notify);
	notify_send(notify, "READY=1");
	notify_free(notify);
}

static void other_values_are_refused(void **state)
{
	static char longest[200] = "/";
	const char *const wrong[] = { "x", "/", "@", "vsock:2:1", longest };

	(void)state;
	memset(longest + 1, 'a', sizeof(longest) - 2);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct notify *notify = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(notify_open(wrong[i], &notify, &err), -1);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_null(notify);
	}
}

static const char *usec, *pid;

static const char *get(const char *name)
{
	return strcmp(name, "WATCHDOG_USEC") ? pid : usec;
}

static void the_watchdog_is_fed_twice_per_period(void **state)
{
	char self[16];

	(void)state;
	snprintf(self, sizeof(self), "%d", (int)getpid());
	assert_int_equal(notify_watchdog_ms(get), 0);
	usec = "120000000";
	assert_int_equal(notify_watchdog_ms(get), 60000);
	pid = self;
	assert_int_equal(notify_watchdog_ms(get), 60000);
	pid = "1";
	assert_int_equal(notify_watchdog_ms(get), 0);
	pid = NULL;
	usec = "x";
	assert_int_equal(notify_watchdog_ms(get), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_arrive_at_a_path_and_at_an_abstract_name),
		cmocka_unit_test(without_a_manager_nothing_is_sent),
		cmocka_unit_test(other_values_are_refused),
		cmocka_unit_test(the_watchdog_is_fed_twice_per_period),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
