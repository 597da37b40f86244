/* SPDX-License-Identifier: Apache-2.0 */
/* weftctl's client, against a weftd of every temper: a forked child that answers as a row says. */
#include "ctl/client.h"

#include "common/auto.h"
#include "common/control.h"
#include "common/err.h"
#include "common/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHORT_MS 200  /* for those that must run into it */
#define LONG_MS 60000 /* more than a busy machine needs for 16 MB in small pieces */

enum temper {
	PLAIN,   /* says it and hangs up */
	IN_BITS, /* a byte each time, with pauses: whole at last */
	SILENT,  /* says it, no newline, and stays */
	ENDLESS, /* says it over and over, without end */
	SLOW     /* says it over and over, a byte each 20 ms */
};

static const struct talk {
	const char *says;
	enum temper temper;
	unsigned timeout_ms;
	int result;
	const char *error; /* a part of it */
} talks[] = {
	{ "{\"version\":1,\"status\":{\"pid\":7}}\n", PLAIN, LONG_MS, 0, NULL },
	{ "{\"version\":1,\"status\":{\"pid\":7}}\nmore", PLAIN, LONG_MS, 0, NULL },
	{ "{\"version\":1,\"status\":{\"pid\":7}}\n", IN_BITS, LONG_MS, 0, NULL },
	{ "{\"version\":1,\"error\":\"not \\u001bnow\"}\n", PLAIN, LONG_MS, -1,
	  "weftd answers: not " },
	{ "{\"version\":2,\"status\":{}}\n", PLAIN, LONG_MS, -1,
	  "weftd speaks version 2 of the control protocol, this weftctl version 1" },
	{ "{\"status\":{}}\n", PLAIN, LONG_MS, -1, "version" },
	{ "{\"version\":1,\"error\":7}\n", PLAIN, LONG_MS, -1, "error" },
	{ "[1]\n", PLAIN, LONG_MS, -1, "weftd's answer" },
	{ "nonsense\n", PLAIN, LONG_MS, -1, "weftd's answer" },
	{ "{\"version\":1} {}\n", PLAIN, LONG_MS, -1, "weftd's answer" },
	{ "\n", PLAIN, LONG_MS, -1, "weftd's answer" },
	{ "", PLAIN, LONG_MS, -1, "weftd broke off its answer at " },
	{ "{\"version\":1,\"status\":{}}", PLAIN, LONG_MS, -1, "weftd broke off its answer at " },
	{ "{\"version\":1,", SILENT, SHORT_MS, -1, "weftd does not answer at " },
	{ " ", SLOW, SHORT_MS, -1, "within 0.2 s" },
	{ "{\"version\":1,\"status\":\"................................................\"", ENDLESS,
	  LONG_MS, -1, "weftd's answer has more than " },
};

struct place {
	char dir[64], path[96];
	int listener;
};

static void place_make(struct place *place, int backlog)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(place->dir, sizeof(place->dir), "/tmp/weft-test-client.XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	snprintf(place->path, sizeof(place->path), "%s/" CONTROL_SOCKET, place->dir);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", place->path);
	place->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(place->listener >= 0);
	assert_int_equal(bind(place->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	if (backlog >= 0)
		assert_int_equal(listen(place->listener, backlog), 0);
}

static void place_remove(struct place *place)
{
	close(place->listener);
	unlink(place->path);
	assert_int_equal(rmdir(place->dir), 0);
}

static void nap_ms(long ms)
{
	struct timespec time = { .tv_nsec = ms * 1000000 };

	nanosleep(&time, NULL);
}

static void utter(int fd, const struct talk *talk)
{
	size_t size = strlen(talk->says);

	switch (talk->temper) {
	case PLAIN:
		send(fd, talk->says, size, MSG_NOSIGNAL);
		return;
	case IN_BITS:
		for (size_t i = 0; i < size; i++) {
			send(fd, talk->says + i, 1, MSG_NOSIGNAL);
			nap_ms(1);
		}
		return;
	case SILENT:
		send(fd, talk->says, size, MSG_NOSIGNAL);
		pause();
		return;
	case ENDLESS:
		while (send(fd, talk->says, size, MSG_NOSIGNAL) > 0)
			continue;
		return;
	case SLOW:
		while (send(fd, talk->says, 1, MSG_NOSIGNAL) > 0)
			nap_ms(20);
		return;
	}
}

/* The child: takes one call, and ends with 0 when the question was as control.h draws it. */
static void serve(int listener, const struct talk *talk)
{
	static const char want[] = "{\"version\":1,\"command\":\"status\"}\n";
	char question[CONTROL_REQUEST_MAX];
	int fd = accept(listener, NULL, NULL);
	ssize_t size;

	close(listener);
	size = recv(fd, question, sizeof(question), 0);
	if (size != sizeof(want) - 1 || memcmp(question, want, sizeof(want) - 1) != 0)
		_exit(1);
	utter(fd, talk);
	_exit(0);
}

static void ask_and_check(const struct place *place, const struct talk *talk)
{
	AUTO(json) struct json *answer = NULL;
	struct err err = ERR_INIT;
	struct jr root, status;

	assert_int_equal(client_ask(place->dir, "status", NULL, talk->timeout_ms, &answer, &err),
			 talk->result);
	if (talk->error) {
		assert_null(answer);
		if (!strstr(err.text, talk->error))
			fail_msg("\"%s\" is not in: %s", talk->error, err.text);
		return;
	}
	root = jr_root(answer);
	status = jr_obj(&root, "status");
	assert_int_equal(jr_u32(&status, "pid", 0, 100), 7);
	assert_int_equal(jr_done(answer, ERR_DECODE, &err), 0);
}

static void test_talks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		bool stays = talks[i].temper == SILENT;
		struct place place = { .listener = -1 };
		int status;
		pid_t child;

		place_make(&place, 1);
		child = fork();
		assert_true(child >= 0);
		if (child == 0)
			serve(place.listener, &talks[i]);
		ask_and_check(&place, &talks[i]);
		if (stays)
			kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(stays || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
		place_remove(&place);
	}
}

static void expect_failure(const char *dir, const char *error)
{
	struct json *answer = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(client_ask(dir, "status", NULL, SHORT_MS, &answer, &err), -1);
	assert_null(answer);
	if (!strstr(err.text, error))
		fail_msg("\"%s\" is not in: %s", error, err.text);
}

static void test_nobody_there(void **state)
{
	struct place place = { .listener = -1 };

	(void)state;
	expect_failure("/nonexistent", "weftd is not running, or uses another run directory: "
				       "/nonexistent/control.sock: No such file or directory");
	place_make(&place, -1);
	expect_failure(place.dir, "Connection refused");
	place_remove(&place);
}

static void test_path_too_long(void **state)
{
	char dir[120];

	(void)state;
	memset(dir, 'd', sizeof(dir) - 1);
	dir[0] = '/';
	dir[sizeof(dir) - 1] = '\0';
	expect_failure(dir, "run directory too long: a socket's path has at most 107 bytes");
}

/* A weftd that hangs and accepts nobody: its queue fills, and connect(2) itself must end. */
static void test_queue_full(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct place place = { .listener = -1 };
	int waiting[8];
	size_t len = 0;

	(void)state;
	place_make(&place, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", place.path);
	for (; len < 8; len++) {
		waiting[len] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_true(waiting[len] >= 0);
		if (connect(waiting[len], (struct sockaddr *)&addr, sizeof(addr)) < 0)
			break;
	}
	assert_true(len < 8);
	expect_failure(place.dir, "weftd does not answer at ");
	for (size_t i = 0; i <= len; i++)
		close(waiting[i]);
	place_remove(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_path_too_long),
		cmocka_unit_test(test_queue_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
