/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned columns with any content. */
#include "ctl/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static const char *const heads[] = { "A", "LONG HEAD", "LAST" };

#define FIFTY "12345678901234567890123456789012345678901234567890"

static const struct table_cell rows[][3] = {
	{ { "x", TERM_PLAIN }, { NULL, TERM_PLAIN }, { FIFTY, TERM_PLAIN } },
	{ { FIFTY, TERM_PLAIN }, { "h\xc3\xb6st", TERM_PLAIN }, { "", TERM_BAD } },
};

static char *render(bool colour)
{
	struct table table = { .heads = heads, .len = 3 };
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	for (size_t i = 0; i < 2; i++)
		table_row(&table, rows[i]);
	table_print(&table, file, colour);
	for (size_t i = 0; i < 2; i++)
		table_row(&table, rows[i]);
	fclose(file);
	return text;
}

static void test_aligned(void **state)
{
	char *text = render(false);

	(void)state;
	assert_string_equal(
		text, "A                                                 LONG HEAD  LAST\n"
		      "x                                                 -          " FIFTY "\n"
		      "123456789012345678901234567890123456789012345...  h\xc3\xb6st       -\n");
	free(text);
}

/* Colour does not count as width. */
static void test_coloured(void **state)
{
	char *text = render(true);

	(void)state;
	assert_string_equal(text,
			    "\033[1mA\033[0m                                                 "
			    "\033[1mLONG HEAD\033[0m  \033[1mLAST\033[0m\n"
			    "x                                                 -          " FIFTY
			    "\n"
			    "123456789012345678901234567890123456789012345...  h\xc3\xb6st       "
			    "\033[31m-\033[0m\n");
	free(text);
}

static void test_heads_alone(void **state)
{
	struct table table = { .heads = heads, .len = 3 };
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	assert_non_null(file);
	table_print(&table, file, false);
	fclose(file);
	assert_string_equal(text, "A  LONG HEAD  LAST\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aligned),
		cmocka_unit_test(test_coloured),
		cmocka_unit_test(test_heads_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
