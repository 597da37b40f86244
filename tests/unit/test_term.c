/* SPDX-License-Identifier: Apache-2.0 */
/* What may reach a terminal. */
#include "ctl/term.h"

#include "common/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static void test_put(void **state)
{
	static const struct {
		const char *text;
		size_t max;
		const char *want;
		size_t columns;
	} rows[] = {
		{ "", 0, "", 0 },
		{ "host1", 0, "host1", 5 },
		{ "host1", 5, "host1", 5 },
		{ "host12", 5, "ho...", 5 },
		{ "h\xc3\xb6st", 4, "h\xc3\xb6st", 4 }, /* one column for each character */
		{ "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 4,
		  "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 4 },
		{ "\x1b[2J", 0, "\\x1b[2J", 7 },
		{ "a\nb\tc", 0, "a\\x0ab\\x09c", 11 },
		{ "\x7f", 0, "\\x7f", 4 },
		{ "\xc2\x9b", 0, "\\xc2\\x9b", 8 },
		{ "\xc2\xa0", 0, "\xc2\xa0", 1 },
		{ "\xff\xc3", 0, "\\xff\\xc3", 8 },
		{ "\xed\xa0\x80", 0, "\\xed\\xa0\\x80", 12 }, /* a surrogate */
		{ "ab\x1b\x1b", 10, "ab\\x1b\\x1b", 10 },
		{ "ab\x1b\x1b", 9, "ab\\x1b...", 9 }, /* no escape sequence is cut */
		{ "abc\x1b\x1b", 9, "abc...", 6 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *text = NULL;
		size_t size;
		FILE *file = open_memstream(&text, &size);

		assert_non_null(file);
		assert_int_equal(term_put(file, rows[i].text, rows[i].max), rows[i].columns);
		fclose(file);
		assert_string_equal(text, rows[i].want);
		assert_int_equal(term_put(NULL, rows[i].text, rows[i].max), rows[i].columns);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_put) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
