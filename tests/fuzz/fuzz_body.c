/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The framing of a stream: split into pieces of any size, it yields the same lines as the whole
 * stream at once. The first byte is the size limit, the second the size of the pieces.
 */
#include "tests/fuzz/fuzz.h"

#include "daemon/io/http_body.h"

struct reader {
	const char *rest;
	size_t rest_size;
	size_t max;
	size_t lines;
	uint8_t last; /* a line with this first byte ends the stream */
};

/* The next line of the stream. */
static bool on_line(void *ctx, const char *line, size_t size)
{
	struct reader *reader = ctx;
	const char *end = memchr(reader->rest, '\n', reader->rest_size);
	size_t want = end ? (size_t)(end - reader->rest) : reader->rest_size;

	require(size == want && size <= reader->max && line[size] == '\0');
	require(memcmp(line, reader->rest, size) == 0);
	reader->rest += end ? want + 1 : want;
	reader->rest_size -= end ? want + 1 : want;
	reader->lines++;
	return !size || (uint8_t)line[0] != reader->last;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t max = fuzz_byte(&data, &size), piece = fuzz_byte(&data, &size) + 1u;
	char *text = fuzz_text(data, size);
	struct reader reader = { text, size, max, 0, 'e' };
	struct http_body body = { .max = max, .line = on_line, .ctx = &reader };
	enum http_body_state state = HTTP_BODY_CONTINUES;

	for (size_t at = 0; at < size && state == HTTP_BODY_CONTINUES; at += piece) {
		size_t part = size - at < piece ? size - at : piece;
		char *alone = fuzz_text(data + at, part);

		state = http_body_add_lines(&body, alone, part);
		free(alone);
	}
	if (state == HTTP_BODY_CONTINUES)
		state = http_body_end_lines(&body);
	require(state != HTTP_BODY_NO_MEMORY && body.len <= max);
	require(state != HTTP_BODY_CONTINUES || !reader.rest_size);
	http_body_free(&body);
	free(text);
	return 0;
}
