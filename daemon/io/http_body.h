/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has arrived of an answer, whole or cut into lines, never more than was allowed. Used by
 * http.c. Pure: does no I/O.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum http_body_state {
	HTTP_BODY_FLOWING,
	HTTP_BODY_ENDED,
	HTTP_BODY_TOO_LARGE,
	HTTP_BODY_NO_MEMORY
};

struct http_body {
	size_t max; /* bytes of the whole, or of one line */
	/* For each line, without its newline and NUL-terminated; false: no more of them. */
	bool (*line)(void *ctx, const char *line, size_t size);
	void *ctx;
	/* The body's own: */
	char *buf; /* NUL-terminated where it is not NULL */
	size_t len, cap;
};

/* Adds to a body that is wanted whole; buf and len are it. */
enum http_body_state http_body_add(struct http_body *body, const char *data, size_t size);
/* Adds to a stream, and tells of the lines that are whole now. */
enum http_body_state http_body_add_lines(struct http_body *body, const char *data, size_t size);
/* The stream is over: what has no newline behind it is a line too. */
enum http_body_state http_body_end_lines(struct http_body *body);

/* An all-zero struct is allowed. */
void http_body_free(struct http_body *body);
