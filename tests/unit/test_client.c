/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weftctl's client with a forked child as weftd, whose behaviour and answer are given by a table.
 */
#include "ctl/client.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/control.h"
#include "common/err.h"
#include "common/json/json.h"

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
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHORT_MS 200  /* for cases that must time out */
#define LONG_MS 60000 /* more than a busy machine needs for 16 MB in small pieces */

enum behaviour {
	PLAIN,   /* sends the text and closes the connection */
	IN_BITS, /* one byte at a time, with pauses: finally complete */
	SILENT,  /* sends the text without a newline, and keeps the connection open */
	ENDLESS, /* repeats the text without end */
	SLOW     /* repeats the text, one byte every 20 ms */
};

static const struct talk {
	const char *says;
	enum behaviour behaviour;
	unsigned timeout_ms;
	int result;
	const char *error; /* a part of the message */
} talks[] = {
	{ "{\"version\":2,\"status\":{\"pid\":7}}\n", PLAIN, LONG_MS, 0, NULL },
	{ "{\"version\":2,\"status\":{\"pid\":7}}\nmore", PLAIN, LONG_MS, 0, NULL },
	{ "{\"version\":2,\"status\":{\"pid\":7}}\n", IN_BITS, LONG_MS, 0, NULL },
	{ "{\"version\":2,\"error\":\"not \\u001bnow\"}\n", PLAIN, LONG_MS, -1, "weftd: not " },
	{ "{\"version\":1,\"status\":{}}\n", PLAIN, LONG_MS, -1,
	  "weftd uses version 1 of the control protocol, weftctl " WEFT_VERSION " uses version 2" },
	{ "{\"version\":1,\"error\":\"version: 2 is above 1\"}\n", PLAIN, LONG_MS, -1,
	  "weftd uses version 1 of the control protocol" },
	{ "{\"status\":{}}\n", PLAIN, LONG_MS, -1, "version" },
	{ "{\"version\":2,\"error\":7}\n", PLAIN, LONG_MS, -1, "error" },
	{ "[1]\n", PLAIN, LONG_MS, -1, "weftd's answer" },
	{ "nonsense\n", PLAIN, LONG_MS, -1, "weftd's answer" },
	{ "{\"version\":2} {}\n", PLAIN, LONG_MS, -1, "weftd's answer" },
	{ "\n", PLAIN, LONG_MS, -1, "weftd's answer" },
	{ "", PLAIN, LONG_MS, -1, "weftd closed the connection early at " },
	{ "{\"version\":2,\"status\":{}}", PLAIN, LONG_MS, -1,
	  "weftd closed the connection early at " },
	{ "{\"version\":2,", SILENT, SHORT_MS, -1, "no answer from weftd at " },
	{ " ", SLOW, SHORT_MS, -1, "within 0.2 s" },
	{ "{\"version\":2,\"status\":\"................................................\"", ENDLESS,
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
	static char repeated[1 << 16];
	size_t size = strlen(talk->says);

	switch (talk->behaviour) {
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
		/* Repeated within one message: the limit is 64 MB. */
		for (size_t at = 0; at + size <= sizeof(repeated); at += size)
			memcpy(repeated + at, talk->says, size);
		while (send(fd, repeated, sizeof(repeated), MSG_NOSIGNAL) > 0)
			continue;
		return;
	case SLOW:
		while (send(fd, talk->says, 1, MSG_NOSIGNAL) > 0)
			nap_ms(20);
		return;
	}
}

/* The child: accepts one connection; exits with 0 if the request has the form of control.h. */
static void serve(int listener, const struct talk *talk)
{
	static const char want[] = "{\"version\":2,\"command\":\"status\"}\n";
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

	assert_int_equal(client_query(place->dir, "status", NULL, talk->timeout_ms, &answer, &err),
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

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
		bool stays = talks[i].behaviour == SILENT;
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

	assert_int_equal(client_query(dir, "status", NULL, SHORT_MS, &answer, &err), -1);
	assert_null(answer);
	if (!strstr(err.text, error))
		fail_msg("\"%s\" is not in: %s", error, err.text);
}

static void test_connection_refused(void **state)
{
	struct place place = { .listener = -1 };

	(void)state;
	expect_failure("/nonexistent", "weftd is not running, or uses another run directory: "
				       "/nonexistent/control.sock: No such file or directory");
	place_make(&place, -1);
	expect_failure(place.dir, "Connection refused");
	place_remove(&place);
}

/* weftd's user, who owns the directory, leads root to another program's socket. */
static void test_links(void **state)
{
	struct place place = { .listener = -1 };
	char other[sizeof(place.path) + 8];

	(void)state;
	place_make(&place, 4);
	snprintf(other, sizeof(other), "%s.other", place.path);
	assert_int_equal(rename(place.path, other), 0);
	assert_int_equal(symlink(other, place.path), 0);
	expect_failure(place.dir, "control.sock is not a socket with one name");
	assert_int_equal(unlink(place.path), 0);
	assert_int_equal(link(other, place.path), 0);
	expect_failure(place.dir, "control.sock is not a socket with one name");
	assert_int_equal(unlink(place.path), 0);
	assert_int_equal(mkfifo(place.path, 0600), 0);
	expect_failure(place.dir, "control.sock is not a socket with one name");
	assert_int_equal(unlink(other), 0);
	place_remove(&place);
}

/* A weftd that hangs and accepts no connection: its queue fills, and connect(2) must time out. */
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
	expect_failure(place.dir, "no answer from weftd at ");
	for (size_t i = 0; i <= len; i++)
		close(waiting[i]);
	place_remove(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_connection_refused),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_queue_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
