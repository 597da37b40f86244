/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a response: collects it whole or splits it into lines, within a size limit. Used by
 * http.c. Pure: does no I/O.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum http_body_state {
	HTTP_BODY_CONTINUES,
	HTTP_BODY_ENDED,
	HTTP_BODY_TOO_LARGE,
	HTTP_BODY_NO_MEMORY
};

struct http_body {
	size_t max; /* bytes of the whole body, or of one line */
	/* Called for each line, without its newline and NUL-terminated; false ends the stream. */
	bool (*line)(void *ctx, const char *line, size_t size);
	void *ctx;
	/* Private: */
	char *buf; /* NULL, or NUL-terminated */
	size_t len, cap;
};

/* Appends to a body that is collected whole, in buf and len. */
enum http_body_state http_body_add(struct http_body *body, const char *data, size_t size);
/* Appends to a stream and delivers all complete lines. */
enum http_body_state http_body_add_lines(struct http_body *body, const char *data, size_t size);
/* Ends a stream: delivers a last line that has no newline. */
enum http_body_state http_body_end_lines(struct http_body *body);

/* An all-zero struct is allowed. */
void http_body_free(struct http_body *body);
