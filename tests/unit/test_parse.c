/* SPDX-License-Identifier: Apache-2.0 */
#include "common/parse.h"

#include "common/array.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t min, max;
		bool good;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 10, true, 0 },
		{ "10", 0, 10, true, 10 },
		{ "18446744073709551615", 0, UINT64_MAX, true, UINT64_MAX },
		{ "1", 1, 1, true, 1 },
		{ "11", 0, 10, false, 0 },
		{ "0", 1, 10, false, 0 },
		{ "18446744073709551616", 0, UINT64_MAX, false, 0 },
		{ "18446744073709551625", 0, UINT64_MAX, false, 0 },
		{ "99999999999999999999999", 0, UINT64_MAX, false, 0 },
		{ "", 0, 10, false, 0 },
		{ "00", 0, 10, false, 0 },
		{ "07", 0, 10, false, 0 },
		{ "+7", 0, 10, false, 0 },
		{ "-0", 0, 10, false, 0 },
		{ " 7", 0, 10, false, 0 },
		{ "7 ", 0, 10, false, 0 },
		{ "7\n", 0, 10, false, 0 },
		{ "0x7", 0, 10, false, 0 },
		{ "1e1", 0, 10, false, 0 },
		{ "7.0", 0, 10, false, 0 },
		{ "\xd9\xa3", 0, 10, false, 0 }, /* an Arabic-Indic three */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = ERR_INIT;
		uint64_t value = 77;
		int got = parse_u64(cases[i].text, cases[i].min, cases[i].max, &value, &err);

		if (got != (cases[i].good ? 0 : -1))
			fail_msg("\"%s\" from %d", cases[i].text, got);
		assert_int_equal(value, cases[i].good ? cases[i].value : 77);
		assert_int_equal(err.code, cases[i].good ? ERR_NONE : ERR_DECODE);
	}
}

static void small_numbers(void **state)
{
	struct err err = ERR_INIT;
	uint32_t value = 77;

	(void)state;
	assert_int_equal(parse_u32("4294967296", 0, UINT32_MAX, &value, &err), -1);
	assert_int_equal(value, 77);
	assert_string_equal(err.text, "\"4294967296\" is not a number from 0 to 4294967295");
	assert_int_equal(parse_u32("4294967295", 0, UINT32_MAX, &value, &err), 0);
	assert_int_equal(value, UINT32_MAX);
}

static void truths(void **state)
{
	static const char *const yes[] = { "true", "TRUE", "True", "tRuE", "1", "t", "T" };
	static const char *const no[] = { "false", "FALSE", "False", "0", "f", "F" };
	static const char *const bad[] = { "", "yes", "no", "on", "2", "10", "true ", "tr", "01" };
	struct err err = ERR_INIT;
	bool value;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		value = false;
		assert_int_equal(parse_bool(yes[i], &value, &err), 0);
		assert_true(value);
	}
	for (size_t i = 0; i < ARRAY_LEN(no); i++) {
		value = true;
		assert_int_equal(parse_bool(no[i], &value, &err), 0);
		assert_false(value);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		value = true;
		assert_int_equal(parse_bool(bad[i], &value, &err), -1);
		assert_true(value);
		assert_int_equal(err.code, ERR_DECODE);
	}
	assert_string_equal(err.text, "\"01\" is neither \"true\" nor \"false\"");
}

typedef int word_fn(const char *text, struct err *err);

static void check_words(word_fn *parse, enum err_code code, const char *const good[],
			const char *const bad[])
{
	for (; *good; good++) {
		struct err err = ERR_INIT;

		if (parse(*good, &err) != 0)
			fail_msg("\"%s\" was refused: %s", *good, err.text);
		assert_int_equal(err.code, ERR_NONE);
	}
	for (; *bad; bad++) {
		struct err err = ERR_INIT;

		if (parse(*bad, &err) != -1)
			fail_msg("\"%s\" was taken", *bad);
		assert_int_equal(err.code, code);
		assert_true(strlen(err.text) > 0);
	}
}

static void names(void **state)
{
	static const char *const good[] = { "a", "0", "AZaz09_.-", "a-", "9.9", "c1..", NULL };
	static const char *const bad[] = { "",    ".a",  "-a", "_a",       "a b",   "a/b",
					   "a\n", "a:b", "..", "\xc3\xa4", "a\xff", NULL };
	struct err err = ERR_INIT;

	(void)state;
	check_words(parse_container_id, ERR_ENV, good, bad);
	check_words(parse_network_name, ERR_CONFIG, good, bad);
	parse_network_name("../x\n", &err);
	assert_string_equal(err.text, "network name \"../x\\x0a\" is not a letter or digit "
				      "followed by letters, digits, '_', '.' and '-'");
}

static void interface_names(void **state)
{
	static const char *const good[] = {
		"eth0", "a", "...", "weft.100", "123456789012345", "k\xc3\xb6ln", NULL
	};
	static const char *const bad[] = { "",        ".",    "..",       "1234567890123456",
					   "a/b",     "a:b",  "a b",      "a\t",
					   "a\n",     "a\v",  "a\f",      "a\r",
					   "eth%d",   "\xa0", "\xc3\xa0", "all",
					   "default", NULL };

	(void)state;
	check_words(parse_ifname, ERR_ENV, good, bad);
}

static void uuids(void **state)
{
	static const char *const good[] = { "00000000-0000-0000-0000-000000000000",
					    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", NULL };
	static const char *const bad[] = { "",
					   "f81d4fae",
					   "f81d4fae-7dec-11d0-a765-00a0c91e6bf",
					   "f81d4fae-7dec-11d0-a765-00a0c91e6bf6a",
					   "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6",
					   "f81d4fae-7dec-11d0-a765-00a0c91e6bfg",
					   "f81d4fae07dec-11d0-a765-00a0c91e6bf6",
					   "{81d4fae-7dec-11d0-a765-00a0c91e6bf6",
					   " 81d4fae-7dec-11d0-a765-00a0c91e6bf6",
					   "f81d4fae-7dec-11d0-a765-00a0c91e6bf6\n",
					   NULL };

	(void)state;
	check_words(parse_uuid, ERR_DECODE, good, bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),         cmocka_unit_test(small_numbers),
		cmocka_unit_test(truths),          cmocka_unit_test(names),
		cmocka_unit_test(interface_names), cmocka_unit_test(uuids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
