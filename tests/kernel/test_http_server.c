/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/http_server.h"

#include "common/array.h"
#include "common/ipaddr.h"
#include "daemon/io/loop.h"
#include "tests/unit/samples.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_SIZE 65536
#define CLIENTS 200

/* ---- The server, in a child process ------------------------------------------------------ */

struct server {
	pid_t pid;
	uint16_t port;
};

static void get(void *ctx, const char *path, struct http_reply *reply)
{
	(void)ctx;
	if (!strcmp(path, "/short")) {
		reply->status = 200;
		reply->body = strdup("a document\n");
	} else if (!strcmp(path, "/down")) {
		reply->status = 503;
		reply->content_type = "text/x-reason";
		reply->body = strdup("because\n");
	} else if (!strcmp(path, "/bare")) {
		reply->status = 200;
	}
}

static void serve(int to)
{
	const struct ipaddr address = sample_addr("127.0.0.1");
	struct http_server *server;
	struct loop *loop;
	uint16_t port;
	struct err err;

	if (loop_new(&loop, &err) < 0 ||
	    http_server_new(loop, &address, 0, get, NULL, &server, &err) < 0)
		_exit(1);
	port = http_server_port(server);
	if (write(to, &port, sizeof(port)) != sizeof(port))
		_exit(1);
	loop_run(loop);
	_exit(1);
}

static int set_up(void **state)
{
	struct server *server = calloc(1, sizeof(*server));
	int ends[2];

	if (!server || pipe(ends) < 0)
		return -1;
	*state = server;
	server->pid = fork();
	if (server->pid == 0)
		serve(ends[1]);
	close(ends[1]);
	if (read(ends[0], &server->port, sizeof(server->port)) != sizeof(server->port))
		return -1;
	close(ends[0]);
	return 0;
}

static int tear_down(void **state)
{
	struct server *server = *state;

	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	free(server);
	return 0;
}

/* ---- A client ---------------------------------------------------------------------------- */

static int connect_to(const struct server *server)
{
	const struct sockaddr_in where = { .sin_family = AF_INET,
					   .sin_port = htons(server->port),
					   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&where, sizeof(where)), 0);
	return fd;
}

static void send_text(int fd, const char *text)
{
	/* The server may have closed the connection. */
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Reads until the server closes the connection, and closes it. Returns text. */
static const char *read_all(int fd, char text[static TEXT_SIZE])
{
	size_t size = 0;
	ssize_t got;

	while (size < TEXT_SIZE - 1 && (got = read(fd, text + size, TEXT_SIZE - 1 - size)) > 0)
		size += (size_t)got;
	text[size] = '\0';
	close(fd);
	return text;
}

static const char *exchange(const struct server *server, const char *request,
			    char text[static TEXT_SIZE])
{
	int fd = connect_to(server);

	send_text(fd, request);
	return read_all(fd, text);
}

static void assert_begins(const char *text, const char *start)
{
	if (strncmp(text, start, strlen(start)) != 0)
		fail_msg("\"%.200s\" does not begin with \"%s\"", text, start);
}

/* The body begins after the first empty line. */
static const char *body_of(const char *text)
{
	const char *end = strstr(text, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

/* ---- Tests ------------------------------------------------------------------------------- */

static void documents_are_served_and_the_connection_is_closed(void **state)
{
	static char text[TEXT_SIZE];

	exchange(*state, "GET /short HTTP/1.1\r\nHost: x\r\n\r\n", text);
	assert_begins(text, "HTTP/1.1 200 OK\r\n");
	assert_says(text, "Content-Length: 11\r\n");
	assert_says(text, "Content-Type: text/plain; charset=utf-8\r\n");
	assert_says(text, "Connection: close\r\n");
	assert_string_equal(body_of(text), "a document\n");
	exchange(*state, "GET /down?x=/short HTTP/1.0\r\n\r\n", text);
	assert_begins(text, "HTTP/1.0 503 Service Unavailable\r\n");
	assert_says(text, "Content-Type: text/x-reason\r\n");
	assert_string_equal(body_of(text), "because\n");
	exchange(*state, "GET /bare HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", text);
	assert_string_equal(body_of(text), "OK\n");
}

static void head_has_the_headers_of_get_and_no_body(void **state)
{
	static char text[TEXT_SIZE];

	exchange(*state, "HEAD /short HTTP/1.1\r\nHost: x\r\n\r\n", text);
	assert_begins(text, "HTTP/1.1 200 OK\r\n");
	assert_says(text, "Content-Length: 11\r\n");
	assert_string_equal(body_of(text), "");
}

static void other_requests_are_refused(void **state)
{
	static const struct {
		const char *request, *reply;
	} cases[] = {
		{ "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found\r\n" },
		{ "GET /short/ HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 " },
		{ "GET //short HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 " },
		{ "GET /a/../short HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 " },
		{ "GET /%73hort HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 " },
		{ "POST /short HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		  "HTTP/1.1 405 Method Not Allowed\r\n" },
		{ "DELETE /short HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 " },
		{ "POST /short HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 4" },
		{ "POST /short HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nabc",
		  "HTTP/1.1 4" },
		{ "GET /short HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 4" },
		{ "GET /short HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		  "HTTP/1.1 4" },
		{ "FROB /short HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 " },
		{ "GET /short HTTP/1.1\r\nno colon\r\n\r\n", "HTTP/1.1 400 " },
		{ "\x16\x03\x01\x02 this is TLS\r\n\r\n", "HTTP/1." },
		{ "\r\n\r\n\r\n", "HTTP/1." },
	};
	static char text[TEXT_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		exchange(*state, cases[i].request, text);
		if (*text) /* evhttp may close without a reply what is no HTTP */
			assert_begins(text, cases[i].reply);
		assert_null(strstr(text, "a document"));
	}
	exchange(*state, "GET /short HTTP/1.1\r\nHost: x\r\n\r\n", text);
	assert_string_equal(body_of(text), "a document\n");
}

static void a_long_head_is_refused(void **state)
{
	static char request[40000], text[TEXT_SIZE];
	char *end = stpcpy(request, "GET /short HTTP/1.1\r\nX-Long: ");

	memset(end, 'x', sizeof(request) - 100);
	memcpy(end + sizeof(request) - 100, "\r\n\r\n", sizeof("\r\n\r\n"));
	exchange(*state, request, text);
	assert_null(strstr(text, "a document"));
	exchange(*state, "GET /short HTTP/1.1\r\nHost: x\r\n\r\n", text);
	assert_string_equal(body_of(text), "a document\n");
}

static bool is_closed(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	char byte;

	return poll(&poller, 1, 0) > 0 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

static void slow_clients_delay_nobody(void **state)
{
	static char text[TEXT_SIZE];
	int fd[CLIENTS];
	unsigned open = 0;

	for (size_t i = 0; i < CLIENTS; i++) {
		fd[i] = connect_to(*state);
		send_text(fd[i], "GET /short HTT");
	}
	for (size_t i = 0; i < 3; i++) {
		exchange(*state, "GET /short HTTP/1.1\r\nHost: x\r\n\r\n", text);
		assert_string_equal(body_of(text), "a document\n");
	}
	for (size_t i = 0; i < CLIENTS; i++)
		open += !is_closed(fd[i]);
	assert_in_range(open, 1, HTTP_SERVER_CONNECTIONS);
	/* The newest are kept, and are served when they continue. */
	send_text(fd[CLIENTS - 1], "P/1.1\r\nHost: x\r\n\r\n");
	assert_string_equal(body_of(read_all(fd[CLIENTS - 1], text)), "a document\n");
	for (size_t i = 0; i < CLIENTS - 1; i++)
		close(fd[i]);
	for (size_t i = 0; i < 3 * HTTP_SERVER_CONNECTIONS; i++) {
		exchange(*state, "GET /short HTTP/1.1\r\nHost: x\r\n\r\n", text);
		assert_string_equal(body_of(text), "a document\n");
	}
}

/* A byte now and then restarts the time-out of a read, but not the connection's deadline. */
static void a_connection_ends_at_its_deadline(void **state)
{
	int fd = connect_to(*state);

	send_text(fd, "GET /short HTTP/1.1\r\nX-Slow: ");
	for (int i = 0; i < 1200 && !is_closed(fd); i++) {
		send_text(fd, "x");
		usleep(100000);
	}
	assert_true(is_closed(fd));
	close(fd);
}

static void a_port_in_use_is_an_error(void **state)
{
	const struct ipaddr address = sample_addr("127.0.0.1");
	const struct server *server = *state;
	struct http_server *second = NULL;
	struct err err = ERR_INIT;
	struct loop *loop;
	char expected[128];

	assert_good(loop_new(&loop, &err), err);
	assert_int_equal(http_server_new(loop, &address, server->port, get, NULL, &second, &err),
			 -1);
	snprintf(expected, sizeof(expected),
		 "cannot listen on 127.0.0.1:%u: Address already in use", server->port);
	assert_string_equal(err.text, expected);
	assert_null(second);
	loop_free(loop);
}

/*
 * A client in the server's process, and a pipe that is opened when the server ended the connection.
 */
struct reuse {
	struct loop *loop;
	struct loop_event *connection, *pipe_end;
	int ends[2];
	bool heard;
};

static void on_pipe(void *ctx, int fd, unsigned ready)
{
	struct reuse *reuse = ctx;

	(void)fd, (void)ready;
	reuse->heard = true;
	loop_stop(reuse->loop);
}

static void on_response(void *ctx, int fd, unsigned ready)
{
	struct reuse *reuse = ctx;
	char text[512];

	(void)ready;
	if (recv(fd, text, sizeof(text), MSG_DONTWAIT) != 0)
		return;
	loop_event_free(reuse->connection);
	assert_int_equal(pipe(reuse->ends), 0);
	reuse->pipe_end = loop_fd(reuse->loop, reuse->ends[0], LOOP_READ, on_pipe, reuse);
	assert_int_equal(write(reuse->ends[1], "x", 1), 1);
}

static void stop(void *ctx)
{
	loop_stop(ctx);
}

/* The number of a closed connection's descriptor is that of the next one. */
static void events_of_descriptors_opened_after_a_connection_arrive(void **state)
{
	const struct ipaddr address = sample_addr("127.0.0.1");
	struct reuse reuse = { .heard = false };
	struct http_server *http_server;
	struct loop_event *limit;
	struct server server;
	struct err err = ERR_INIT;
	int fd;

	(void)state;
	assert_good(loop_new(&reuse.loop, &err), err);
	assert_good(http_server_new(reuse.loop, &address, 0, get, NULL, &http_server, &err), err);
	server.port = http_server_port(http_server);
	fd = connect_to(&server);
	send_text(fd, "GET /short HTTP/1.1\r\nHost: x\r\n\r\n");
	reuse.connection = loop_fd(reuse.loop, fd, LOOP_READ, on_response, &reuse);
	limit = loop_timer(reuse.loop, stop, reuse.loop);
	loop_timer_start(limit, 60000);
	loop_run(reuse.loop);
	assert_true(reuse.heard);
	loop_event_free(limit);
	loop_event_free(reuse.pipe_end);
	http_server_free(http_server);
	loop_free(reuse.loop);
	close(reuse.ends[0]);
	close(reuse.ends[1]);
	close(fd);
}

static void ipv6_is_served_and_open_connections_are_closed(void **state)
{
	const struct ipaddr address = sample_addr("::1");
	struct sockaddr_in6 where = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct http_server *server;
	struct err err = ERR_INIT;
	struct loop *loop;

	(void)state;
	assert_good(loop_new(&loop, &err), err);
	assert_good(http_server_new(loop, &address, 0, get, NULL, &server, &err), err);
	where.sin6_port = htons(http_server_port(server));
	assert_int_equal(connect(fd, (const struct sockaddr *)&where, sizeof(where)), 0);
	http_server_free(server);
	http_server_free(NULL);
	loop_free(loop);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_are_served_and_the_connection_is_closed),
		cmocka_unit_test(head_has_the_headers_of_get_and_no_body),
		cmocka_unit_test(other_requests_are_refused),
		cmocka_unit_test(a_long_head_is_refused),
		cmocka_unit_test(slow_clients_delay_nobody),
		cmocka_unit_test(a_connection_ends_at_its_deadline),
		cmocka_unit_test(a_port_in_use_is_an_error),
		cmocka_unit_test(events_of_descriptors_opened_after_a_connection_arrive),
		cmocka_unit_test(ipv6_is_served_and_open_connections_are_closed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
