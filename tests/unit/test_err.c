/* SPDX-License-Identifier: Apache-2.0 */
#include "common/err.h"

#include "common/array.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void set_keeps_code_and_text(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err.code, ERR_NONE);
	assert_int_equal(err_sys(&err, ERR_IO, ENOENT, "cannot open %s", "/x"), -1);
	err_details(&err, "old");
	assert_int_equal(err_set(&err, ERR_CONFIG, "%s is %d", "mtu", 7), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_int_equal(err.sys_errno, 0);
	assert_string_equal(err.text, "mtu is 7");
	assert_string_equal(err.details, "");
}

static void sys_appends_the_error_s_name(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_sys(&err, ERR_IO, ENOENT, "cannot open %s", "/x"), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_string_equal(err.text, "cannot open /x: No such file or directory");
}

static void wrap_prepends_the_context(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	err_sys(&err, ERR_KERNEL, EPERM, "cannot add link");
	err_details(&err, "operation %d", 3);
	assert_int_equal(err_wrap(&err, "container %s", "c1"), -1);
	assert_string_equal(err.text, "container c1: cannot add link: Operation not permitted");
	assert_int_equal(err.code, ERR_KERNEL);
	assert_int_equal(err.sys_errno, EPERM);
	assert_string_equal(err.details, "operation 3");
}

static void long_texts_are_truncated(void **state)
{
	char text[ERR_TEXT_SIZE * 2];
	struct err err = ERR_INIT;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, ERR_IO, "%s", text);
	assert_int_equal(strlen(err.text), ERR_TEXT_SIZE - 1);
	err_sys(&err, ERR_IO, ENOENT, "%s", text);
	assert_int_equal(strlen(err.text), ERR_TEXT_SIZE - 1);
	err_wrap(&err, "ctx");
	assert_int_equal(strlen(err.text), ERR_TEXT_SIZE - 1);
	assert_memory_equal(err.text, "ctx: xxx", 8);
	err_wrap(&err, "%s", text);
	assert_int_equal(strlen(err.text), ERR_TEXT_SIZE - 1);
	err_details(&err, "%s", text);
	assert_int_equal(strlen(err.details), ERR_DETAILS_SIZE - 1);
}

static void nomem_names_the_purpose(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_nomem(&err, "peers"), -1);
	assert_int_equal(err.code, ERR_NOMEM);
	assert_string_equal(err.text, "out of memory for peers");
}

/* The codes reserved by the specification, then those of weft; all codes are unique. */
static void every_code_has_a_unique_number(void **state)
{
	bool seen[200] = { false };

	(void)state;
	for (int code = ERR_NONE; code < ERR_CODES; code++) {
		unsigned number = err_cni_code((enum err_code)code);
		bool reserved = number <= 8 || number == 11 || number == 50 || number == 51;

		assert_true(number < sizeof(seen));
		assert_true(code == ERR_NONE ? number == 0 : number > 0);
		assert_false(seen[number]);
		assert_int_equal(reserved, code < ERR_KERNEL);
		assert_int_equal(number >= 100, code >= ERR_KERNEL);
		seen[number] = true;
	}
	assert_int_equal(err_cni_code(ERR_AGAIN), 11);
	assert_int_equal(err_cni_code(ERR_INTERNAL), 109);
	assert_int_equal(err_cni_code(ERR_CODES), 109);
}

static void control_characters_are_escaped(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{ "", "" },
		{ "eth0", "eth0" },
		{ "a\nb\x1b[0m\x7f", "a\\x0ab\\x1b[0m\\x7f" },
		{ "k\xc3\xb6ln \xf0\x9f\x90\x99", "k\xc3\xb6ln \xf0\x9f\x90\x99" },
		{ "\xc2\x9b", "\\xc2\\x9b" }, /* a C1 control */
		{ "\xc2\xa0", "\xc2\xa0" },
		{ "\xff\xc3", "\\xff\\xc3" },
		{ "123456789012345678901234567890123456789012345678901234567890",
		  "123456789012345678901234567890123456789012345678901234567890" },
		{ "1234567890123456789012345678901234567890123456789012345678901",
		  "123456789012345678901234567890123456789012345678901234567890..." },
		{ "12345678901234567890123456789012345678901234567890123456789\xc3\xb6",
		  "12345678901234567890123456789012345678901234567890123456789..." },
		{ "1234567890123456789012345678901234567890123456789012345678\n",
		  "1234567890123456789012345678901234567890123456789012345678..." },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(ERR_SHOW(cases[i].text), cases[i].shown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_keeps_code_and_text),
		cmocka_unit_test(sys_appends_the_error_s_name),
		cmocka_unit_test(wrap_prepends_the_context),
		cmocka_unit_test(long_texts_are_truncated),
		cmocka_unit_test(nomem_names_the_purpose),
		cmocka_unit_test(every_code_has_a_unique_number),
		cmocka_unit_test(control_characters_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
