/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP client on the loop (libcurl multi): POST with deadlines and size caps,
 * whole or streamed answers. Used by the etcd store; knows nothing of etcd.
 * Proxies of the environment are not used. Files of TLS are read again when they have
 * changed on the disk, for the connections that follow.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct loop;

struct http;
struct http_call; /* one request under way */

int http_new(struct loop *loop, struct http **http_out, struct err *err);
/* Cancels what is under way; no callback is called. Not inside a callback. NULL is allowed. */
void http_free(struct http *http);

/* Each may be NULL; copied. */
struct http_settings {
	const char *ca_file;              /* PEM; NULL: whom the system trusts */
	const char *cert_file, *key_file; /* PEM; both or neither */
	const char *proxy;                /* URL */
};
/*
 * How connections are made from now on. An error names the flag (--etcd-cafile and so
 * on), the file, and what is wrong with it: ERR_CONFIG, or ERR_IO with sys_errno.
 */
int http_secure(struct http *http, const struct http_settings *settings, struct err *err);
/* Another number since new files were read: whoever has a connection open has one of the old. */
uint64_t http_generation(const struct http *http);

struct http_post {
	const char *url;
	const char *body;           /* JSON; copied */
	const char *const *headers; /* more of them, "Name: value", NULL-ended; may be NULL; copied */
	uint64_t timeout_ms;        /* of the whole request; 0: none, for streams */
	uint64_t connect_ms;        /* until connected */
	size_t max_size;            /* of a whole answer, or of one line of a streamed one */
	void *ctx;
	/*
	 * Where it is set, an answer of status 200 is a stream of lines: called for
	 * each, without its newline and NUL-terminated. False ends the stream, and done
	 * follows. The call may be cancelled inside it.
	 */
	bool (*line)(void *ctx, const char *line, size_t size);
	/*
	 * Called once, at the end, unless cancelled. err NULL: the answer's status and
	 * whole body (empty after lines), NUL-terminated, valid during the call. Else what
	 * went wrong (ERR_STORE): it names the URL's host and port, and its sys_errno is
	 * EMSGSIZE where the answer was larger than max_size, 0 where TLS is refused by either
	 * side, ETIMEDOUT after timeout_ms or connect_ms, and something else where another try
	 * may go well.
	 */
	void (*done)(void *ctx, unsigned status, const char *body, size_t size,
		     const struct err *err);
};

/* NULL with err when it cannot even start. The call is freed after done, or by cancel. */
struct http_call *http_post(struct http *http, const struct http_post *post, struct err *err);
/*
 * Ends every connection, as when the node's own address is another one: what is under way
 * fails soon, and what follows connects anew.
 */
void http_disconnect(struct http *http);
/* No callback of the call is called any more. NULL is allowed. */
void http_cancel(struct http_call *call);
