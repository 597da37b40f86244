/* SPDX-License-Identifier: Apache-2.0 */
/* fake: server */
#include "daemon/io/http.h"

#include "common/array.h"
#include "common/err.h"
#include "daemon/io/loop.h"
#include "tests/unit/fake_server.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_MS 60000 /* of requests that succeed */
#define TEXT_SIZE 512
#define CAP 65536

struct fixture {
	struct loop *loop;
	struct http *http;
	struct fake_server server;
};

/* One request and what came of it. */
struct asked {
	struct fixture *f;
	struct http_call *call;
	unsigned lines, done;
	unsigned lines_wanted; /* false from then on; 0: all */
	bool stay;             /* the loop continues after done */
	unsigned status;
	size_t size;
	char text[TEXT_SIZE]; /* the body, or the lines, each in brackets */
	struct err err;
	void (*at_line)(struct asked *asked);
	void (*at_end)(struct asked *asked);
	struct asked *other;
};

/* ---- The server ---------------------------------------------------------- */

/* The response for each path. */
static bool serve(const struct fake_server_request *request)
{
	const char *path = request->path;
	char block[1024];
	int fd = request->fd;

	memset(block, 'x', sizeof(block));
	if (!strcmp(path, "/echo")) {
		fake_server_answer(fd, 200, request->body);
	} else if (!strcmp(path, "/head")) {
		fake_server_answer(fd, 200, request->head);
	} else if (!strcmp(path, "/busy")) {
		fake_server_send(fd, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n"
				     "Content-Length: 4\r\n\r\nbusy");
	} else if (!strcmp(path, "/404")) {
		fake_server_answer(fd, 404, "not here\n");
	} else if (!strcmp(path, "/redirect")) {
		fake_server_send(fd, "HTTP/1.1 302 Found\r\nLocation: /echo\r\n"
				     "Content-Length: 0\r\n\r\n");
	} else if (!strcmp(path, "/empty")) {
		fake_server_answer(fd, 200, "");
	} else if (!strcmp(path, "/never")) {
		fake_server_wait(fd);
	} else if (!strcmp(path, "/drip")) {
		fake_server_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
		for (int i = 0; i < 1000; i++) {
			fake_server_send(fd, "x");
			usleep(10000);
		}
	} else if (!strcmp(path, "/half")) {
		fake_server_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
		return false;
	} else if (!strcmp(path, "/nothing")) {
		return false;
	} else if (!strcmp(path, "/garbage")) {
		fake_server_send(fd, "\x01\x02 this is no HTTP\r\n\r\n");
		return false;
	} else if (!strcmp(path, "/endless")) {
		fake_server_stream(fd);
		for (int i = 0; i < 10000; i++)
			fake_server_chunk(fd, block, sizeof(block));
	} else if (!strcmp(path, "/split")) {
		fake_server_stream(fd);
		fake_server_chunk(fd, "o", 1);
		usleep(5000);
		fake_server_chunk(fd, "ne\nt", 4);
		usleep(5000);
		fake_server_chunk(fd, "wo\n\nfour\nfive", 13);
		fake_server_chunk(fd, "", 0);
	} else if (!strcmp(path, "/nul")) {
		fake_server_stream(fd);
		fake_server_chunk(fd, "a\0b\n", 4);
		fake_server_chunk(fd, "", 0);
	} else if (!strcmp(path, "/cut")) {
		fake_server_stream(fd);
		fake_server_chunk(fd, "one\ntw", 6);
		usleep(5000);
		return false;
	} else if (!strcmp(path, "/long")) { /* lines that grow */
		fake_server_stream(fd);
		for (size_t size = 1; size <= 512; size *= 2) {
			for (size_t i = 0; i < size; i++)
				fake_server_chunk(fd, block, sizeof(block));
			fake_server_chunk(fd, "\n", 1);
		}
	} else { /* "/watch": a line, and silence */
		fake_server_stream(fd);
		fake_server_chunk(fd, "one\n", 4);
		fake_server_wait(fd);
	}
	return true;
}

/* ---- The client ---------------------------------------------------------- */

static int set_up(void **state)
{
	static struct fixture fixture;
	struct err err = ERR_INIT;

	fixture.server = fake_server_start(serve);
	assert_int_equal(loop_new(&fixture.loop, &err), 0);
	assert_int_equal(http_new(fixture.loop, &fixture.http, &err), 0);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	http_free(f->http);
	loop_free(f->loop);
	fake_server_stop(&f->server);
	return 0;
}

static bool on_line(void *ctx, const char *line, size_t size)
{
	struct asked *asked = ctx;
	size_t len = strlen(asked->text);

	assert_int_equal(line[size], '\0');
	asked->lines++;
	asked->size = size;
	if (size < 64)
		snprintf(asked->text + len, sizeof(asked->text) - len, "[%s]", line);
	if (asked->at_line)
		asked->at_line(asked);
	return asked->lines != asked->lines_wanted;
}

static void on_done(void *ctx, unsigned status, const char *body, size_t size,
		    const struct err *err)
{
	struct asked *asked = ctx;

	asked->done++;
	asked->status = status;
	if (err) {
		asked->err = *err;
	} else if (size) {
		assert_int_equal(body[size], '\0');
		asked->size = size;
		snprintf(asked->text, sizeof(asked->text), "%s", body);
	}
	if (asked->at_end)
		asked->at_end(asked);
	if (!asked->stay)
		loop_stop(asked->f->loop);
}

/* Only a request that the server does not complete reaches its limit, on a slow machine too. */
static uint64_t limit_ms(const char *path)
{
	return !strcmp(path, "/never") || !strcmp(path, "/drip") ? 300 : LIMIT_MS;
}

static void post(struct fixture *f, const char *path, bool stream, struct asked *asked)
{
	char url[64];
	struct http_request post = {
		.url = url,
		.body = "{\"a\":1}",
		.timeout_ms = stream ? 0 : limit_ms(path),
		.connect_ms = LIMIT_MS,
		.max_size = CAP,
		.ctx = asked,
		.line = stream ? on_line : NULL,
		.done = on_done,
	};

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", f->server.port, path);
	asked->f = f;
	asked->call = http_send(f->http, &post, &asked->err);
	assert_non_null(asked->call);
	assert_int_equal(asked->done, 0);
}

static void on_late(void *ctx)
{
	loop_stop(ctx);
}

/* Waits for further callbacks. */
static void settle(struct fixture *f)
{
	struct loop_event *late = loop_timer(f->loop, on_late, f->loop);

	loop_timer_start(late, 50);
	loop_run(f->loop);
	loop_event_free(late);
}

static void test_responses(void **state)
{
	static const struct {
		const char *path;
		bool stream;
		unsigned status;
		const char *text;
		const char *error; /* NULL: none */
		int sys_errno;
	} cases[] = {
		{ "/echo", false, 200, "{\"a\":1}", NULL, 0 },
		{ "/empty", false, 200, "", NULL, 0 },
		{ "/404", false, 404, "not here\n", NULL, 0 },
		{ "/redirect", false, 302, "", NULL, 0 },
		{ "/never", false, 0, "", "timed out", 0 },
		{ "/drip", false, 200, "", "timed out", 0 },
		{ "/half", false, 200, "", "closed", 0 },
		{ "/nothing", false, 0, "", "Empty reply", 0 },
		{ "/garbage", false, 0, "", "HTTP/0.9", 0 },
		{ "/endless", false, 200, "", "larger than 65536 bytes", EMSGSIZE },
		{ "/split", true, 200, "[one][two][][four][five]", NULL, 0 },
		{ "/nul", true, 200, "[a]", NULL, 0 },
		{ "/empty", true, 200, "", NULL, 0 },
		{ "/cut", true, 200, "[one]", "closed", 0 },
		{ "/404", true, 404, "not here\n", NULL, 0 },
		{ "/endless", true, 200, "", "larger than 65536 bytes", EMSGSIZE },
		{ "/long", true, 200, "", "larger than 65536 bytes", EMSGSIZE },
		{ "/nothing", true, 0, "", "Empty reply", 0 },
	};
	struct fixture *f = *state;
	char where[32];

	snprintf(where, sizeof(where), "127.0.0.1:%u: ", f->server.port);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct asked asked = { .stay = false };

		post(f, cases[i].path, cases[i].stream, &asked);
		loop_run(f->loop);
		assert_int_equal(asked.done, 1);
		assert_string_equal(asked.text, cases[i].text);
		assert_int_equal(asked.err.code, cases[i].error ? ERR_STORE : ERR_NONE);
		if (!cases[i].error) {
			assert_int_equal(asked.status, cases[i].status);
			continue;
		}
		assert_ptr_equal(strstr(asked.err.text, where), asked.err.text);
		if (!strstr(asked.err.text, cases[i].error))
			fail_msg("%s: '%s' lacks '%s'", cases[i].path, asked.err.text,
				 cases[i].error);
		if (cases[i].sys_errno)
			assert_int_equal(asked.err.sys_errno, cases[i].sys_errno);
	}
}

static void test_request_header_and_connection_reuse(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 5; i++) {
		struct asked asked = { .stay = false };

		post(f, "/head", false, &asked);
		loop_run(f->loop);
		assert_non_null(strstr(asked.text, "POST /head HTTP/1.1\r\n"));
		assert_non_null(strstr(asked.text, "\r\nContent-Type: application/json\r\n"));
		assert_null(strcasestr(asked.text, "Expect:"));
	}
	assert_int_equal(f->server.shared->connections, 1);
}

/* ---- Methods, and responses in pieces ------------------------------------ */

static bool on_piece(void *ctx, const char *data, size_t size)
{
	struct asked *asked = ctx;
	size_t len = strlen(asked->text);

	asked->lines++;
	if (size < 64)
		snprintf(asked->text + len, sizeof(asked->text) - len, "%.*s", (int)size, data);
	return asked->lines != asked->lines_wanted;
}

static void send_request(struct fixture *f, struct http_request request, const char *path,
			 struct asked *asked)
{
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", f->server.port, path);
	request.url = url;
	request.timeout_ms = LIMIT_MS;
	request.connect_ms = LIMIT_MS;
	request.max_size = CAP;
	request.ctx = asked;
	request.done = on_done;
	asked->f = f;
	asked->call = http_send(f->http, &request, &asked->err);
	assert_non_null(asked->call);
	loop_run(f->loop);
	assert_int_equal(asked->done, 1);
}

static void test_methods_and_content_types(void **state)
{
	const struct http_request get = { .method = "GET" };
	const struct http_request patch = { .method = "PATCH",
					    .body = "{}",
					    .content_type = "application/x-patch" };
	struct asked asked = { .stay = false };

	send_request(*state, get, "/head", &asked);
	assert_ptr_equal(strstr(asked.text, "GET /head HTTP/1.1\r\n"), asked.text);
	assert_null(strcasestr(asked.text, "Content-Type"));
	assert_null(strcasestr(asked.text, "Content-Length"));
	asked = (struct asked){ .stay = false };
	send_request(*state, patch, "/head", &asked);
	assert_ptr_equal(strstr(asked.text, "PATCH /head HTTP/1.1\r\n"), asked.text);
	assert_non_null(strstr(asked.text, "\r\nContent-Type: application/x-patch\r\n"));
	asked = (struct asked){ .stay = false };
	send_request(*state, patch, "/echo", &asked);
	assert_string_equal(asked.text, "{}");
}

static void test_responses_in_pieces(void **state)
{
	const struct http_request get = { .method = "GET", .data = on_piece };
	struct asked asked = { .stay = false };

	send_request(*state, get, "/split", &asked);
	assert_int_equal(asked.status, 200);
	assert_string_equal(asked.text, "one\ntwo\n\nfour\nfive");
	assert_int_equal(asked.err.code, ERR_NONE);
	asked = (struct asked){ .lines_wanted = 2 };
	send_request(*state, get, "/split", &asked);
	assert_string_equal(asked.text, "one\nt");
	assert_int_equal(asked.err.code, ERR_NONE);
	asked = (struct asked){ .stay = false };
	send_request(*state, get, "/cut", &asked);
	assert_int_equal(asked.err.code, ERR_STORE);
	asked = (struct asked){ .stay = false };
	send_request(*state, get, "/404", &asked);
	assert_int_equal(asked.status, 404);
	assert_string_equal(asked.text, "not here\n");
	assert_int_equal(asked.lines, 0);
}

static void read_retry_after(struct asked *asked)
{
	asked->size = http_retry_after_s(asked->call);
}

static void test_retry_after_is_read(void **state)
{
	const struct http_request get = { .method = "GET" };
	struct asked asked = { .at_end = read_retry_after };

	send_request(*state, get, "/busy", &asked);
	assert_int_equal(asked.status, 429);
	assert_int_equal(asked.size, 7);
	asked = (struct asked){ .at_end = read_retry_after };
	send_request(*state, get, "/404", &asked);
	assert_int_equal(asked.size, 0);
}

static void test_proxies_of_the_environment_are_not_used(void **state)
{
	struct asked asked = { .stay = false };

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	post(*state, "/echo", false, &asked);
	loop_run(((struct fixture *)*state)->loop);
	unsetenv("http_proxy");
	assert_int_equal(asked.status, 200);
}

static void test_refused_connection_is_reported(void **state)
{
	struct fixture *f = *state;
	struct asked asked = { .stay = false };
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "127.0.0.1:%u: cannot connect", f->server.port);
	kill(f->server.pid, SIGKILL);
	waitpid(f->server.pid, NULL, 0);
	f->server.pid = -1;
	post(f, "/echo", false, &asked);
	assert_int_equal(asked.done, 0);
	loop_run(f->loop);
	assert_int_equal(asked.err.code, ERR_STORE);
	assert_int_equal(asked.err.sys_errno, ECONNREFUSED);
	assert_ptr_equal(strstr(asked.err.text, wanted), asked.err.text);
}

static void test_invalid_urls(void **state)
{
	static const char *const urls[] = { "", "127.0.0.1:2379/v3", "http://", "http://h:99999/" };
	struct fixture *f = *state;
	struct asked asked = { .f = f };
	struct http_request post = { .body = "", .max_size = 1, .ctx = &asked, .done = on_done };

	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		struct err err = ERR_INIT;

		post.url = urls[i];
		assert_null(http_send(f->http, &post, &err));
		assert_int_equal(err.code, ERR_STORE);
		assert_non_null(strstr(err.text, urls[i]));
	}
	post.url = "file:///etc/passwd";
	assert_null(http_send(f->http, &post, &asked.err));
	post.url = "ftp://127.0.0.1/x";
	assert_non_null(http_send(f->http, &post, &asked.err));
	loop_run(f->loop);
	assert_int_equal(asked.done, 1);
	assert_int_equal(asked.err.code, ERR_STORE);
	assert_non_null(strstr(asked.err.text, "Protocol \"ftp\""));
}

static void test_stream_ends_when_line_returns_false(void **state)
{
	struct fixture *f = *state;
	struct asked asked = { .lines_wanted = 2 };

	post(f, "/split", true, &asked);
	loop_run(f->loop);
	assert_string_equal(asked.text, "[one][two]");
	assert_int_equal(asked.done, 1);
	assert_int_equal(asked.err.code, ERR_NONE);
	settle(f);
	assert_int_equal(asked.lines, 2);
	assert_int_equal(asked.done, 1);
}

/* ---- From inside callbacks ----------------------------------------------- */

static void cancel_both(struct asked *asked)
{
	http_cancel(asked->call);
	http_cancel(asked->other->call);
	loop_stop(asked->f->loop);
}

static void test_line_cancels_its_own_call_and_another(void **state)
{
	struct fixture *f = *state;
	struct asked one = { .at_line = cancel_both }, other = { .stay = false };

	one.other = &other;
	post(f, "/never", false, &other);
	post(f, "/split", true, &one);
	loop_run(f->loop);
	settle(f);
	assert_string_equal(one.text, "[one]");
	assert_int_equal(one.done, 0);
	assert_int_equal(other.done, 0);
	http_cancel(NULL);
}

static void test_done_cancels_its_own_call_and_a_stream(void **state)
{
	struct fixture *f = *state;
	struct asked one = { .at_end = cancel_both }, other = { .stay = true };

	one.other = &other;
	post(f, "/watch", true, &other);
	for (int i = 0; i < 200 && !other.lines; i++)
		settle(f);
	assert_int_equal(other.lines, 1);
	post(f, "/echo", false, &one);
	loop_run(f->loop);
	settle(f);
	assert_int_equal(one.done, 1);
	assert_int_equal(other.done, 0);
	assert_int_equal(other.lines, 1);
}

static void ask_other(struct asked *asked)
{
	post(asked->f, "/echo", false, asked->other);
}

static void test_requests_made_within_callbacks(void **state)
{
	struct fixture *f = *state;
	struct asked third = { .stay = false };
	struct asked second = { .stay = true, .at_end = ask_other, .other = &third };
	struct asked first = { .stay = true, .at_line = ask_other, .other = &second };

	post(f, "/watch", true, &first);
	loop_run(f->loop);
	assert_string_equal(second.text, "{\"a\":1}");
	assert_string_equal(third.text, "{\"a\":1}");
	assert_int_equal(third.done, 1);
	assert_int_equal(first.done, 0);
	http_cancel(first.call);
	assert_int_equal(f->server.shared->connections, 2); /* the third took the second's */
}

static void ask_and_cancel_other(struct asked *asked)
{
	post(asked->f, "/echo", false, asked->other);
	http_cancel(asked->other->call);
	asked->at_line = NULL;
}

static void test_request_made_and_cancelled_within_line(void **state)
{
	struct fixture *f = *state;
	struct asked second = { .stay = true };
	struct asked first = { .at_line = ask_and_cancel_other, .other = &second };

	post(f, "/split", true, &first);
	loop_run(f->loop);
	settle(f);
	assert_int_equal(first.done, 1);
	assert_int_equal(second.done, 0);
	assert_int_equal(f->server.shared->requests, 1);
}

static void test_freed_with_calls_in_progress(void **state)
{
	struct fixture *f = *state;
	struct asked asked[3] = { { .stay = true } };
	struct err err = ERR_INIT;

	post(f, "/watch", true, &asked[0]);
	post(f, "/never", false, &asked[1]);
	settle(f);
	post(f, "/echo", false, &asked[2]);
	http_free(f->http);
	settle(f);
	assert_int_equal(asked[0].done + asked[1].done + asked[2].done, 0);
	assert_int_equal(http_new(f->loop, &f->http, &err), 0);
}

#define STREAMS 150 /* as many as the watches of 75 networks with endpoints, or of 150 without */

static void stop_loop(struct asked *asked)
{
	loop_stop(asked->f->loop);
}

static unsigned count_done(const struct asked *asked)
{
	unsigned done = 0;

	for (size_t i = 0; i < STREAMS; i++)
		done += asked[i].done;
	return done;
}

/* Starts every step-th stream, each after the one before has its line. */
static void start_streams(struct fixture *f, struct asked *asked, size_t step)
{
	for (size_t i = 0; i < STREAMS; i += step) {
		asked[i] = (struct asked){ .stay = true, .at_line = stop_loop };
		post(f, "/watch", true, &asked[i]);
		loop_run(f->loop);
		assert_int_equal(asked[i].lines, 1);
	}
}

static void test_disconnect_ends_any_number_of_streams(void **state)
{
	static struct asked asked[STREAMS];
	struct asked again = { .stay = false };
	struct fixture *f = *state;

	start_streams(f, asked, 1);
	/* Connections that ended before make place for others. */
	for (size_t i = 0; i < STREAMS; i += 2)
		http_cancel(asked[i].call);
	start_streams(f, asked, 2);
	assert_int_equal(count_done(asked), 0);
	http_disconnect(f->http);
	for (int n = 0; n < 200 && count_done(asked) < STREAMS; n++)
		settle(f);
	assert_int_equal(count_done(asked), STREAMS);
	for (size_t i = 0; i < STREAMS; i++)
		assert_string_not_equal(asked[i].err.text, "");
	post(f, "/echo", false, &again);
	loop_run(f->loop);
	assert_int_equal(again.status, 200);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_responses),
		TEST(test_request_header_and_connection_reuse),
		TEST(test_methods_and_content_types),
		TEST(test_responses_in_pieces),
		TEST(test_retry_after_is_read),
		TEST(test_proxies_of_the_environment_are_not_used),
		TEST(test_refused_connection_is_reported),
		TEST(test_invalid_urls),
		TEST(test_stream_ends_when_line_returns_false),
		TEST(test_line_cancels_its_own_call_and_another),
		TEST(test_done_cancels_its_own_call_and_a_stream),
		TEST(test_requests_made_within_callbacks),
		TEST(test_request_made_and_cancelled_within_line),
		TEST(test_freed_with_calls_in_progress),
		TEST(test_disconnect_ends_any_number_of_streams),
	};

	fake_server_isolate();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
