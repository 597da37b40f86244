/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP server on the loop (evhttp of libevent): answers GET and HEAD of short documents that are
 * made when they are requested. Every connection serves one request and is closed, 10 s after it
 * was accepted at the latest. At most 32 connections are open: a new one ends the oldest, so
 * clients that send or read slowly, however many, delay no other client. A request head has at most
 * 8 KiB, and a request with a body is refused.
 */
#pragma once

#include <stdint.h>

struct err;
struct ipaddr;
struct loop;

struct http_server;

#define HTTP_SERVER_CONNECTIONS 32
#define HTTP_SERVER_DEADLINE_MS 10000

/* A response. Initially: status 404, no body. */
struct http_reply {
	unsigned status;
	const char *content_type; /* a constant; NULL: text/plain; charset=utf-8 */
	char *body;               /* malloc'ed text, taken over; NULL: the name of the status */
};

/*
 * Fills in the reply to a request for path, which has no query: "/metrics". Called from the loop.
 */
typedef void http_server_fn(void *ctx, const char *path, struct http_reply *reply);

/*
 * Listens on address and port (0: any free one). Returns 0, or -1 with ERR_IO, whose text names
 * both ("cannot listen on 0.0.0.0:8471: Address already in use"), or ERR_NOMEM.
 */
int http_server_new(struct loop *loop, const struct ipaddr *address, uint16_t port,
		    http_server_fn *get, void *ctx, struct http_server **server_out,
		    struct err *err);
/* Closes all connections. Not from within get. NULL is allowed. */
void http_server_free(struct http_server *server);

/* Returns the port that the server listens on. */
uint16_t http_server_port(const struct http_server *server);
