/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/http_body.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 4096
#define KEPT_SIZE (256 * 1024) /* of a stream; a larger buffer is freed after its line */

void http_body_free(struct http_body *body)
{
	free(body->buf);
	body->buf = NULL;
	body->len = body->cap = 0;
}

static bool reserve(struct http_body *body, size_t size)
{
	size_t cap = body->cap ? body->cap : FIRST_SIZE;
	char *grown;

	if (size <= body->cap)
		return true;
	while (cap < size)
		cap *= 2;
	grown = realloc(body->buf, cap);
	if (!grown)
		return false;
	body->buf = grown;
	body->cap = cap;
	return true;
}

enum http_body_state http_body_add(struct http_body *body, const char *data, size_t size)
{
	if (size > body->max - body->len)
		return HTTP_BODY_TOO_LARGE;
	if (!reserve(body, body->len + size + 1))
		return HTTP_BODY_NO_MEMORY;
	memcpy(body->buf + body->len, data, size);
	body->len += size;
	body->buf[body->len] = '\0';
	return HTTP_BODY_CONTINUES;
}

static enum http_body_state deliver_line(struct http_body *body)
{
	bool more = body->line(body->ctx, body->buf, body->len);

	body->len = 0;
	if (body->cap > KEPT_SIZE)
		http_body_free(body);
	return more ? HTTP_BODY_CONTINUES : HTTP_BODY_ENDED;
}

enum http_body_state http_body_add_lines(struct http_body *body, const char *data, size_t size)
{
	const char *newline;

	while ((newline = memchr(data, '\n', size))) {
		size_t part = (size_t)(newline - data);
		enum http_body_state state = http_body_add(body, data, part);

		if (state == HTTP_BODY_CONTINUES)
			state = deliver_line(body);
		if (state != HTTP_BODY_CONTINUES)
			return state;
		data += part + 1;
		size -= part + 1;
	}
	/* A watch has no line most of the time. */
	if (!size && !body->len) {
		http_body_free(body);
		return HTTP_BODY_CONTINUES;
	}
	return http_body_add(body, data, size);
}

enum http_body_state http_body_end_lines(struct http_body *body)
{
	return body->len ? deliver_line(body) : HTTP_BODY_CONTINUES;
}
