/* SPDX-License-Identifier: Apache-2.0 */
/* fake: loop */
#include "daemon/control/control.h"

#include "common/control.h"
#include "common/log.h"
#include "daemon/io/loop.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CLIENTS 32 /* clients that are served at once */
#define PATIENCE_MS 5000
#define LARGE (8 << 20)

struct scene {
	struct loop *loop;
	struct control *control;
	unsigned asked;
	char request[CONTROL_REQUEST_MAX];
	size_t answer_size; /* 0: echo the request */
	bool fail;
	bool later, now; /* answered later with control_reply */
	struct control_call call;
};

static int answer(void *ctx, const char *request, size_t size, char **answer_out, struct err *err)
{
	struct scene *scene = ctx;
	size_t len = scene->answer_size ? scene->answer_size : size;

	scene->asked++;
	memcpy(scene->request, request, size);
	scene->request[size] = '\0';
	if (scene->fail)
		return err_set(err, ERR_NOMEM, "out of memory");
	scene->call = control_call(scene->control);
	if (scene->now)
		control_reply(scene->control, &scene->call, strdup("at once"));
	if (scene->later || scene->now)
		return 0;
	*answer_out = malloc(len + 1);
	assert_non_null(*answer_out);
	memset(*answer_out, 'a', len);
	if (!scene->answer_size)
		memcpy(*answer_out, request, size);
	(*answer_out)[len] = '\0';
	return 0;
}

static const char *socket_path(void)
{
	static char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	snprintf(path, sizeof(path), "%s/%s", tempdir_path, CONTROL_SOCKET);
	return path;
}

static int setup(void **state)
{
	struct scene *scene = test_calloc(1, sizeof(*scene));
	struct err err = ERR_INIT;

	if (tempdir_make(state))
		return -1;
	assert_good(loop_new(&scene->loop, &err), err);
	assert_good(control_new(scene->loop, tempdir_path, answer, scene, &scene->control, &err),
		    err);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	control_free(scene->control);
	assert_int_equal(access(socket_path(), F_OK), -1);
	assert_true(fake_loop_next_ms(scene->loop) == FAKE_LOOP_IDLE);
	loop_free(scene->loop);
	test_free(scene);
	return tempdir_remove(state);
}

#define scene_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static int dial(struct scene *scene)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path());
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	fake_loop_poll(scene->loop);
	return fd;
}

static void say(struct scene *scene, int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	fake_loop_poll(scene->loop);
}

/* Reads until the end, which must arrive without advancing the clock. */
static size_t hear(struct scene *scene, int fd, char *buf, size_t size)
{
	size_t len = 0;

	for (;;) {
		ssize_t got = recv(fd, buf + len, size - len, 0);

		if (got > 0)
			len += (size_t)got;
		else if (got == 0 || errno != EAGAIN)
			return len;
		fake_loop_poll(scene->loop);
	}
}

/* The connection was closed without an answer. */
static void assert_cut_off(int fd)
{
	char byte;
	ssize_t got = recv(fd, &byte, 1, 0);

	assert_true(got == 0 || (got < 0 && errno == ECONNRESET));
	close(fd);
}

static void assert_waiting(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void assert_received(struct scene *scene, int fd, const char *want)
{
	char buf[256];
	size_t len = hear(scene, fd, buf, sizeof(buf) - 1);

	buf[len] = '\0';
	assert_string_equal(buf, want);
	close(fd);
}

static void assert_served(struct scene *scene, int fd, const char *request, const char *want)
{
	say(scene, fd, request);
	assert_received(scene, fd, want);
}

static void a_line_is_answered_with_a_line(void **state)
{
	struct scene *scene = *state;

	assert_served(scene, dial(scene), "hello\n", "hello\n");
	assert_string_equal(scene->request, "hello");
	assert_served(scene, dial(scene), "\n", "\n");
	assert_served(scene, dial(scene), "one\ntwo\n", "one\n");
	assert_int_equal(scene->asked, 3);
}

static void a_request_can_arrive_in_pieces(void **state)
{
	struct scene *scene = *state;
	int fd = dial(scene);

	say(scene, fd, "hel");
	assert_int_equal(scene->asked, 0);
	say(scene, fd, "lo");
	assert_served(scene, fd, "\n", "hello\n");
}

static void the_socket_is_accessible_by_its_owner_only(void **state)
{
	struct stat status;

	(void)state;
	assert_int_equal(stat(socket_path(), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

static void a_silent_client_is_disconnected(void **state)
{
	struct scene *scene = *state;
	int fd = dial(scene), busy = dial(scene);

	fake_loop_pass(scene->loop, PATIENCE_MS - 1);
	assert_waiting(fd);
	assert_served(scene, busy, "hello\n", "hello\n");
	fake_loop_pass(scene->loop, 1);
	assert_cut_off(fd);
}

/* Single bytes do not extend the time limit. */
static void a_client_that_sends_too_slowly_is_disconnected(void **state)
{
	struct scene *scene = *state;
	int fd = dial(scene);

	for (int i = 0; i < 9; i++) {
		say(scene, fd, "x");
		fake_loop_pass(scene->loop, PATIENCE_MS / 10);
	}
	assert_waiting(fd);
	fake_loop_pass(scene->loop, PATIENCE_MS / 10);
	assert_cut_off(fd);
	assert_int_equal(scene->asked, 0);
}

static void a_closed_connection_is_released(void **state)
{
	struct scene *scene = *state;
	int fd = dial(scene);

	say(scene, fd, "hel");
	close(fd);
	fake_loop_poll(scene->loop);
	fd = dial(scene);
	say(scene, fd, "hello\n");
	close(fd); /* without reading the answer */
	scene->answer_size = LARGE;
	fd = dial(scene);
	say(scene, fd, "hello\n");
	close(fd); /* in the middle of an answer */
	fake_loop_poll(scene->loop);
	assert_int_equal(scene->asked, 2);
	assert_true(fake_loop_next_ms(scene->loop) == FAKE_LOOP_IDLE);
}

static void a_client_that_sends_too_much_is_disconnected(void **state)
{
	struct scene *scene = *state;
	char much[CONTROL_REQUEST_MAX + 1];
	int fd = dial(scene);

	memset(much, 'x', sizeof(much));
	much[CONTROL_REQUEST_MAX - 1] = '\n';
	much[CONTROL_REQUEST_MAX] = '\0';
	scene->answer_size = 1;
	assert_served(scene, fd, much, "a\n");
	assert_int_equal(scene->asked, 1);
	much[CONTROL_REQUEST_MAX - 1] = 'x';
	fd = dial(scene);
	say(scene, fd, much);
	assert_cut_off(fd);
	assert_int_equal(scene->asked, 1);
}

static void malformed_requests_reach_the_handler(void **state)
{
	struct scene *scene = *state;
	static const char garbage[] = "\0\xff\x1b[2J";
	int fd = dial(scene);

	assert_int_equal(send(fd, garbage, sizeof(garbage), 0), sizeof(garbage));
	fake_loop_poll(scene->loop);
	scene->answer_size = 1;
	assert_served(scene, fd, "\n", "a\n");
	assert_memory_equal(scene->request, garbage, sizeof(garbage));
}

static void a_large_answer_is_sent_completely(void **state)
{
	struct scene *scene = *state;
	char *buf = test_malloc(LARGE + 2);
	int fd = dial(scene);

	scene->answer_size = LARGE;
	say(scene, fd, "hello\n");
	assert_int_equal(hear(scene, fd, buf, LARGE + 2), LARGE + 1);
	assert_int_equal(buf[0], 'a');
	assert_int_equal(buf[LARGE - 1], 'a');
	assert_int_equal(buf[LARGE], '\n');
	close(fd);
	test_free(buf);
}

/* The time limit is extended only while the client reads. */
static void a_client_that_stops_reading_is_disconnected(void **state)
{
	struct scene *scene = *state;
	char *buf = test_malloc(LARGE);
	int fd = dial(scene);
	size_t len = 0;

	scene->answer_size = LARGE;
	say(scene, fd, "hello\n");
	for (int i = 0; i < 4; i++) {
		ssize_t got;

		fake_loop_pass(scene->loop, PATIENCE_MS - 1);
		while ((got = recv(fd, buf, LARGE / 16, 0)) > 0)
			len += (size_t)got;
		assert_int_equal(errno, EAGAIN);
		fake_loop_poll(scene->loop);
	}
	assert_true(len < LARGE);
	fake_loop_pass(scene->loop, PATIENCE_MS);
	len += hear(scene, fd, buf, LARGE);
	assert_true(len < LARGE);
	close(fd);
	test_free(buf);
}

static void a_failed_answer_ends_the_connection(void **state)
{
	struct scene *scene = *state;
	int fd = dial(scene);

	scene->fail = true;
	say(scene, fd, "hello\n");
	assert_cut_off(fd);
	scene->fail = false;
	assert_served(scene, dial(scene), "hello\n", "hello\n");
}

static void the_number_of_clients_is_limited(void **state)
{
	struct scene *scene = *state;
	int crowd[CLIENTS], late;

	for (size_t i = 0; i < CLIENTS; i++)
		crowd[i] = dial(scene);
	late = dial(scene);
	assert_cut_off(late);
	assert_served(scene, crowd[7], "hello\n", "hello\n");
	crowd[7] = dial(scene); /* a slot is free again */
	for (size_t i = 0; i < CLIENTS; i++) {
		assert_waiting(crowd[i]);
		close(crowd[i]);
	}
}

static void free_disconnects_all_clients(void **state)
{
	struct scene *scene = *state;
	struct err err = ERR_INIT;
	int idle = dial(scene), listening = dial(scene);

	scene->answer_size = LARGE;
	say(scene, listening, "hello\n");
	control_free(scene->control);
	assert_cut_off(idle);
	close(listening);
	assert_good(control_new(scene->loop, tempdir_path, answer, scene, &scene->control, &err),
		    err);
}

/* The clients wait until a descriptor is free; the loop continues. */
static void without_descriptors_clients_wait(void **state)
{
	struct scene *scene = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct rlimit before, none = { .rlim_cur = 1 };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path());
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none.rlim_max = before.rlim_max;
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(send(fd, "hello\n", 6, MSG_NOSIGNAL), 6);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (int i = 0; i < 3; i++) {
		fake_loop_poll(scene->loop);
		assert_true(fake_loop_next_ms(scene->loop) == 100);
		fake_loop_pass(scene->loop, 100);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(scene->asked, 0);
	fake_loop_pass(scene->loop, 100);
	assert_int_equal(scene->asked, 1);
	close(fd);
	assert_served(scene, dial(scene), "hello\n", "hello\n");
}

static void a_stale_socket_is_replaced(void **state)
{
	struct scene *scene = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct err err = ERR_INIT;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	control_free(scene->control);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path());
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_good(control_new(scene->loop, tempdir_path, answer, scene, &scene->control, &err),
		    err);
	assert_served(scene, dial(scene), "hello\n", "hello\n");
}

static void an_unusable_socket_path_is_named(void **state)
{
	struct scene *scene = *state;
	struct control *second = NULL;
	struct err err = ERR_INIT;
	char deep[200];

	assert_int_equal(control_new(scene->loop, "/nowhere", answer, scene, &second, &err), -1);
	assert_says(err.text, "/nowhere/control.sock");
	snprintf(deep, sizeof(deep), "/%0150d", 0);
	assert_int_equal(control_new(scene->loop, deep, answer, scene, &second, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_says(err.text, "is longer than 107 bytes");
	snprintf(deep, sizeof(deep), "%s/other", tempdir_path);
	assert_int_equal(mkdirat(tempdir, "other", 0700), 0);
	assert_int_equal(mkdirat(tempdir, "other/" CONTROL_SOCKET, 0700), 0);
	assert_int_equal(control_new(scene->loop, deep, answer, scene, &second, &err), -1);
	assert_says(err.text, deep);
	assert_says(err.text, "cannot remove control.sock: Is a directory");
	assert_null(second);
	control_free(NULL);
}

static void an_answer_may_be_sent_later(void **state)
{
	struct scene *scene = *state;
	int fd = dial(scene);

	scene->later = true;
	say(scene, fd, "hello\n");
	assert_int_equal(scene->call.uid, getuid());
	fake_loop_pass(scene->loop,
		       CONTROL_LATER_MS - 1); /* longer than the time limit of a request */
	assert_waiting(fd);
	say(scene, fd, "more\n"); /* a reply without a request */
	control_reply(scene->control, &scene->call, strdup("later"));
	assert_received(scene, fd, "later\n");
	control_reply(scene->control, &scene->call, strdup("again")); /* sent to no client */
	fd = dial(scene);
	say(scene, fd, "hello\n");
	fake_loop_pass(scene->loop, CONTROL_LATER_MS);
	assert_cut_off(fd);
	control_reply(scene->control, &scene->call, strdup("too late"));
}

static void an_answer_may_be_sent_within_the_handler(void **state)
{
	struct scene *scene = *state;
	int fd = dial(scene);

	scene->now = true;
	say(scene, fd, "hello\n");
	assert_received(scene, fd, "at once\n");
	control_reply(scene->control, &scene->call, strdup("again"));
	assert_served(scene, dial(scene), "hello\n", "at once\n");
}

/* The slot of a closed connection is reused; the new client must not get the old answer. */
static void a_late_answer_is_not_sent_to_another_client(void **state)
{
	struct scene *scene = *state;
	struct control_call first;
	int fd = dial(scene), second;

	scene->later = true;
	say(scene, fd, "hello\n");
	first = scene->call;
	close(fd);
	fake_loop_pass(scene->loop, CONTROL_LATER_MS); /* the connection is no longer read */
	second = dial(scene);
	say(scene, second, "hello\n");
	assert_int_equal(scene->call.slot, first.slot);
	control_reply(scene->control, &first, strdup("for the first"));
	assert_waiting(second);
	control_reply(scene->control, &scene->call, strdup("for the second"));
	assert_received(scene, second, "for the second\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scene_test(a_line_is_answered_with_a_line),
		scene_test(a_request_can_arrive_in_pieces),
		scene_test(the_socket_is_accessible_by_its_owner_only),
		scene_test(a_silent_client_is_disconnected),
		scene_test(a_client_that_sends_too_slowly_is_disconnected),
		scene_test(a_closed_connection_is_released),
		scene_test(a_client_that_sends_too_much_is_disconnected),
		scene_test(malformed_requests_reach_the_handler),
		scene_test(a_large_answer_is_sent_completely),
		scene_test(a_client_that_stops_reading_is_disconnected),
		scene_test(a_failed_answer_ends_the_connection),
		scene_test(an_answer_may_be_sent_later),
		scene_test(an_answer_may_be_sent_within_the_handler),
		scene_test(a_late_answer_is_not_sent_to_another_client),
		scene_test(the_number_of_clients_is_limited),
		scene_test(free_disconnects_all_clients),
		scene_test(without_descriptors_clients_wait),
		scene_test(a_stale_socket_is_replaced),
		scene_test(an_unusable_socket_path_is_named),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
