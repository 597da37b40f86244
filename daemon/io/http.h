/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP client on the loop (libcurl multi): requests with timeouts and size limits; responses are
 * delivered whole, as a stream of lines, or in pieces as they arrive. Does not use the
 * environment's proxies. TLS files that have changed on disk are read again before the next
 * request.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct loop;

struct http;
struct http_call; /* one request in progress */

/* Returns 0, or -1 with ERR_INTERNAL or ERR_NOMEM. */
int http_new(struct loop *loop, struct http **http_out, struct err *err);
/* Cancels all requests without calling back. Not from within a callback. NULL is allowed. */
void http_free(struct http *http);

/*
 * A TLS file, or its content, and the option that configured it, for errors: "--etcd-cafile". All
 * are copied.
 */
struct http_file {
	const char *path; /* PEM; NULL: none */
	const char *option;
	const char *data; /* PEM, NUL-terminated, instead of path; NULL: none */
};
struct http_settings {
	struct http_file ca;        /* none: the system's CAs */
	struct http_file cert, key; /* both, or neither */
	const char *proxy;          /* URL; NULL: none; copied */
};
/*
 * Sets how connections are made from now on. Blocks on the file system. Returns 0, or -1: an
 * error names option and file, ERR_CONFIG or ERR_IO with sys_errno (tls_files_open).
 */
int http_secure(struct http *http, const struct http_settings *settings, struct err *err);
/*
 * Returns a number that changes whenever the TLS files have been read again: a connection made
 * before uses the previous certificates.
 */
uint64_t http_tls_generation(const struct http *http);

struct http_request {
	const char *method; /* a constant: "GET", "PATCH"; NULL: POST */
	const char *url;
	const char *body;           /* copied; NULL: none, for GET */
	const char *content_type;   /* of body; copied; NULL: application/json */
	const char *const *headers; /* extra ones, "Name: value", NULL-ended; may be NULL; copied */
	uint64_t timeout_ms;        /* of the whole request; 0: none, for streams */
	uint64_t connect_ms;        /* until connected */
	size_t max_size;            /* bytes of a whole response, or of one line of a stream; of a
				       response in pieces: bytes if its status is not 200 */
	void *ctx;
	/*
	 * If set, a response of status 200 is a stream of lines: called for each line, without
	 * its newline and NUL-terminated. Returning false ends the stream; done follows. May
	 * cancel the call.
	 */
	bool (*line)(void *ctx, const char *line, size_t size);
	/*
	 * If set, a response of status 200 is delivered in pieces, as they arrive, not
	 * NUL-terminated and without a limit of their sum. Else as line. Excludes line.
	 */
	bool (*data)(void *ctx, const char *data, size_t size);
	/*
	 * Called once, at the end, unless the call was cancelled. err NULL: status and body of the
	 * response (empty after lines or pieces), NUL-terminated, valid during the call. Else
	 * ERR_STORE with the URL's host and port; sys_errno is EMSGSIZE if the response exceeds
	 * max_size, 0 if either side rejects the other's TLS, ETIMEDOUT after timeout_ms or
	 * connect_ms, and another value for what can succeed when retried.
	 */
	void (*done)(void *ctx, unsigned status, const char *body, size_t size,
		     const struct err *err);
};

/*
 * Starts a request. Does not block. The call is freed after done, or by http_cancel. Returns
 * NULL with err when it cannot be started; done is not called then.
 */
struct http_call *http_send(struct http *http, const struct http_request *request, struct err *err);
/*
 * Returns the delay before the next request that the response requires, in seconds (RFC 9110
 * section 10.2.3, Retry-After); 0: none. Within done only.
 */
uint32_t http_retry_after_s(const struct http_call *call);
/*
 * Shuts all connections down, for a change of the node's own address: requests in progress fail
 * soon, later ones use new connections.
 */
void http_disconnect(struct http *http);
/* Ends the request without calling back. NULL is allowed. */
void http_cancel(struct http_call *call);
