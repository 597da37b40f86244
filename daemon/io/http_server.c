/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/http_server.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/ipaddr.h"
#include "daemon/io/loop.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG 128 /* connections that one turn of the loop accepts at most */
#define HEAD_MAX 8192
#define INPUT_MAX ((size_t)2 * HEAD_MAX)
#define CHECK_MS 1000 /* between searches for connections past their deadline */
#define TEXT_PLAIN "text/plain; charset=utf-8"
#define METHODS                                                                                    \
	(EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | \
	 EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH)

/*
 * evhttp does not report the end of a connection. The reference to its bufferevent keeps the
 * object, and evhttp, which frees its own reference, clears the callbacks. The object closes the
 * descriptor with the last reference (BEV_OPT_CLOSE_ON_FREE): if evhttp did, the object's event
 * would remain registered in the loop, and the next descriptor of that number would get no events.
 */
struct connection {
	struct bufferevent *stream; /* a reference; NULL: the slot is free */
	uint64_t accepted_ms;
	uint64_t number; /* in the order of acceptance: many are accepted in one millisecond */
};

struct http_server {
	struct evhttp *http;
	http_server_fn *get;
	void *ctx;
	uint16_t port;
	struct connection connections[HTTP_SERVER_CONNECTIONS];
	uint64_t accepted;        /* connections so far */
	struct loop_event *timer; /* runs while there are connections */
};

/* ---- Connections ------------------------------------------------------------------------- */

static bool is_open(const struct connection *connection)
{
	bufferevent_event_cb event = NULL;

	bufferevent_getcb(connection->stream, NULL, NULL, &event, NULL);
	return event != NULL;
}

static void forget(struct connection *connection)
{
	bufferevent_decref(connection->stream);
	connection->stream = NULL;
}

/* evhttp reads the end of the stream in the next turn of the loop, and frees the connection. */
static void end(struct connection *connection)
{
	shutdown(bufferevent_getfd(connection->stream), SHUT_RDWR);
	forget(connection);
}

/* Drops closed connections and ends those past their deadline. Returns how many are left. */
static size_t check_connections(struct http_server *server, uint64_t now_ms)
{
	size_t open = 0;

	for (size_t i = 0; i < HTTP_SERVER_CONNECTIONS; i++) {
		struct connection *connection = &server->connections[i];

		if (!connection->stream)
			continue;
		if (!is_open(connection))
			forget(connection);
		else if (now_ms - connection->accepted_ms >= HTTP_SERVER_DEADLINE_MS)
			end(connection);
		else
			open++;
	}
	return open;
}

static void on_timer(void *ctx)
{
	struct http_server *server = ctx;

	if (check_connections(server, loop_now_ms()))
		loop_timer_start(server->timer, CHECK_MS);
}

/* Returns a free slot, that of the oldest connection if there is no other. */
static struct connection *take_slot(struct http_server *server)
{
	struct connection *oldest = &server->connections[0];

	for (size_t i = 0; i < HTTP_SERVER_CONNECTIONS; i++) {
		struct connection *connection = &server->connections[i];

		if (!connection->stream)
			return connection;
		if (connection->number < oldest->number)
			oldest = connection;
	}
	end(oldest);
	return oldest;
}

/* Called by evhttp for each accepted connection, whose descriptor it sets afterwards. */
static struct bufferevent *on_accepted(struct event_base *base, void *ctx)
{
	struct http_server *server = ctx;
	struct bufferevent *stream = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	uint64_t now_ms = loop_now_ms();

	if (!stream)
		return NULL;
	/* After the end of the connection, nothing empties the buffer. */
	bufferevent_setwatermark(stream, EV_READ, 0, INPUT_MAX);
	check_connections(server, now_ms);
	bufferevent_incref(stream);
	*take_slot(server) = (struct connection){ stream, now_ms, server->accepted++ };
	if (!loop_timer_running(server->timer))
		loop_timer_start(server->timer, CHECK_MS);
	return stream;
}

/* ---- Requests ---------------------------------------------------------------------------- */

static const char *status_text(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 503:
		return "Service Unavailable";
	default:
		return "Internal Server Error";
	}
}

static bool has_body(struct evhttp_request *request)
{
	const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
	const char *length = evhttp_find_header(headers, "Content-Length");

	return evhttp_find_header(headers, "Transfer-Encoding") ||
	       (length && strcmp(length, "0") != 0);
}

static void send_reply(struct evhttp_request *request, const struct http_reply *reply)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	struct evbuffer *buffer = evbuffer_new();
	const char *text = reply->body ? reply->body : status_text(reply->status);
	const char *newline = reply->body ? "" : "\n";
	char length[24];

	snprintf(length, sizeof(length), "%zu", strlen(text) + strlen(newline));
	evhttp_add_header(headers, "Content-Type",
			  reply->content_type ? reply->content_type : TEXT_PLAIN);
	evhttp_add_header(headers, "Content-Length", length);
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	evhttp_add_header(headers, "Connection", "close");
	/*
	 * evhttp sends a body in response to HEAD, too. Out of memory: the length does not match.
	 */
	if (buffer && evhttp_request_get_command(request) != EVHTTP_REQ_HEAD)
		evbuffer_add_printf(buffer, "%s%s", text, newline);
	evhttp_send_reply(request, (int)reply->status, status_text(reply->status), buffer);
	if (buffer)
		evbuffer_free(buffer);
}

static void on_request(struct evhttp_request *request, void *ctx)
{
	struct http_server *server = ctx;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	enum evhttp_cmd_type method = evhttp_request_get_command(request);
	struct http_reply reply = { .status = 404 };

	if (has_body(request)) {
		reply.status = 400;
	} else if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
		reply.status = 405;
		evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD");
	} else if (path) {
		server->get(server->ctx, path, &reply);
	}
	send_reply(request, &reply);
	free(reply.body);
}

/* ---- Construction ------------------------------------------------------------------------- */

static socklen_t socket_address(const struct ipaddr *address, uint16_t port,
				struct sockaddr_storage *out)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	size_t size = 0;
	const void *wire = ipaddr_wire(address, &size);

	memset(out, 0, sizeof(*out));
	if (address->family == AF_INET6) {
		*v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
		memcpy(&v6->sin6_addr, wire, size);
		return sizeof(*v6);
	}
	*v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	memcpy(&v4->sin_addr, wire, size);
	return sizeof(*v4);
}

static int open_socket(const struct ipaddr *address, uint16_t port, int *fd_out, struct err *err)
{
	struct sockaddr_storage where;
	socklen_t size = socket_address(address, port, &where);
	AUTO(close) int fd = socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[IPADDR_TEXT_SIZE];
	const int on = 1;

	ipaddr_text(address, text);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&where, size) < 0 || listen(fd, BACKLOG) < 0)
		return err_sys(err, ERR_IO, errno,
			       where.ss_family == AF_INET6 ? "cannot listen on [%s]:%u" :
							     "cannot listen on %s:%u",
			       text, port);
	*fd_out = take_fd(&fd);
	return 0;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage where;
	socklen_t size = sizeof(where);

	memset(&where, 0, sizeof(where));
	if (getsockname(fd, (struct sockaddr *)&where, &size) < 0)
		return 0;
	if (where.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)&where)->sin6_port);
	return ntohs(((const struct sockaddr_in *)&where)->sin_port);
}

AUTO_DEFINE(http_server, struct http_server, http_server_free);

int http_server_new(struct loop *loop, const struct ipaddr *address, uint16_t port,
		    http_server_fn *get, void *ctx, struct http_server **server_out,
		    struct err *err)
{
	AUTO(http_server) struct http_server *server = calloc(1, sizeof(*server));
	AUTO(close) int fd = -1;

	if (open_socket(address, port, &fd, err) < 0)
		return -1;
	if (!server)
		return err_nomem(err, "the HTTP server");
	server->get = get;
	server->ctx = ctx;
	server->port = port_of(fd);
	server->timer = loop_timer(loop, on_timer, server);
	server->http = evhttp_new(loop_base(loop));
	if (!server->timer || !server->http)
		return err_nomem(err, "the HTTP server");
	evhttp_set_max_headers_size(server->http, HEAD_MAX);
	evhttp_set_max_body_size(server->http, 0);
	evhttp_set_timeout(server->http, HTTP_SERVER_DEADLINE_MS / 1000);
	evhttp_set_allowed_methods(server->http, METHODS);
	evhttp_set_default_content_type(server->http, TEXT_PLAIN);
	evhttp_set_bevcb(server->http, on_accepted, server);
	evhttp_set_gencb(server->http, on_request, server);
	if (evhttp_accept_socket(server->http, fd) < 0)
		return err_nomem(err, "the HTTP server");
	take_fd(&fd); /* evhttp closes it */
	*server_out = take_ptr(server);
	return 0;
}

void http_server_free(struct http_server *server)
{
	if (!server)
		return;
	if (server->http)
		evhttp_free(server->http);
	for (size_t i = 0; i < HTTP_SERVER_CONNECTIONS; i++)
		if (server->connections[i].stream)
			forget(&server->connections[i]);
	loop_event_free(server->timer);
	free(server);
}

uint16_t http_server_port(const struct http_server *server)
{
	return server->port;
}
