/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/http_body.h"

#include "common/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Records lines, each with a '|' after it; "end" ends the stream. */
static char heard[256];

static bool hear(void *ctx, const char *line, size_t size)
{
	(void)ctx;
	assert_int_equal(strlen(line), size);
	snprintf(heard + strlen(heard), sizeof(heard) - strlen(heard), "%s|", line);
	return strcmp(line, "end") != 0;
}

/* Pieces of any size give the same lines. */
static void test_lines(void **state)
{
	static const struct {
		const char *stream, *lines;
		enum http_body_state state;
	} cases[] = {
		{ "", "", HTTP_BODY_CONTINUES },
		{ "\n", "|", HTTP_BODY_CONTINUES },
		{ "a", "a|", HTTP_BODY_CONTINUES },
		{ "a\n", "a|", HTTP_BODY_CONTINUES },
		{ "a\n\nbc\n", "a||bc|", HTTP_BODY_CONTINUES },
		{ "a\nbc", "a|bc|", HTTP_BODY_CONTINUES },
		{ "12345678\n12345678\n", "12345678|12345678|", HTTP_BODY_CONTINUES },
		{ "a\n123456789\nb\n", "a|", HTTP_BODY_TOO_LARGE },
		{ "123456789", "", HTTP_BODY_TOO_LARGE },
		{ "a\nend\nb\n", "a|end|", HTTP_BODY_ENDED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t size = strlen(cases[i].stream);

		for (size_t piece = 1; piece <= size + 1; piece++) {
			struct http_body body = { .max = 8, .line = hear };
			enum http_body_state got = HTTP_BODY_CONTINUES;

			*heard = '\0';
			for (size_t at = 0; at < size && got == HTTP_BODY_CONTINUES; at += piece)
				got = http_body_add_lines(&body, cases[i].stream + at,
							  size - at < piece ? size - at : piece);
			if (got == HTTP_BODY_CONTINUES)
				got = http_body_end_lines(&body);
			http_body_free(&body);
			assert_string_equal(heard, cases[i].lines);
			assert_int_equal(got, cases[i].state);
		}
	}
}

static void test_whole(void **state)
{
	struct http_body body = { .max = 8 };

	(void)state;
	assert_int_equal(http_body_add(&body, "abc\n", 4), HTTP_BODY_CONTINUES);
	assert_int_equal(http_body_add(&body, "defg", 4), HTTP_BODY_CONTINUES);
	assert_string_equal(body.buf, "abc\ndefg");
	assert_int_equal(http_body_add(&body, "h", 1), HTTP_BODY_TOO_LARGE);
	assert_int_equal(body.len, 8);
	http_body_free(&body);
	http_body_free(&body);
}

/* The memory of one large line is not kept for the lifetime of a stream. */
static void test_large_buffers_are_freed(void **state)
{
	struct http_body body = { .max = SIZE_MAX, .line = hear };
	size_t size = 1 << 20;
	char *large = calloc(1, size);

	(void)state;
	assert_non_null(large);
	memset(large, 'x', size);
	assert_int_equal(http_body_add(&body, large, size), HTTP_BODY_CONTINUES);
	assert_true(body.cap > size);
	*heard = '\0';
	assert_int_equal(http_body_add_lines(&body, "\na\n", 3), HTTP_BODY_CONTINUES);
	assert_true(body.cap < size);
	http_body_free(&body);
	free(large);
}

/* Between two events, a stream keeps no buffer. */
static void test_idle_stream(void **state)
{
	struct http_body body = { .max = 100, .line = hear };

	(void)state;
	*heard = '\0';
	assert_int_equal(http_body_add_lines(&body, "a\nb\n", 4), HTTP_BODY_CONTINUES);
	assert_null(body.buf);
	assert_int_equal(http_body_add_lines(&body, "c", 1), HTTP_BODY_CONTINUES);
	assert_non_null(body.buf);
	assert_int_equal(http_body_add_lines(&body, "d\n", 2), HTTP_BODY_CONTINUES);
	assert_null(body.buf);
	assert_string_equal(heard, "a|b|cd|");
	assert_int_equal(http_body_end_lines(&body), HTTP_BODY_CONTINUES);
	http_body_free(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_idle_stream),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_large_buffers_are_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
