/* SPDX-License-Identifier: Apache-2.0 */
#include "common/utf8.h"

#include "common/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Encodes any code point as in RFC 3629 section 3, valid or not. */
static size_t encode(uint32_t code, char buf[static 4])
{
	if (code < 0x80) {
		buf[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		buf[0] = (char)(0xc0 | code >> 6);
		buf[1] = (char)(0x80 | (code & 63));
		return 2;
	}
	if (code < 0x10000) {
		buf[0] = (char)(0xe0 | code >> 12);
		buf[1] = (char)(0x80 | (code >> 6 & 63));
		buf[2] = (char)(0x80 | (code & 63));
		return 3;
	}
	buf[0] = (char)(0xf0 | code >> 18);
	buf[1] = (char)(0x80 | (code >> 12 & 63));
	buf[2] = (char)(0x80 | (code >> 6 & 63));
	buf[3] = (char)(0x80 | (code & 63));
	return 4;
}

static void all_code_points_and_no_others(void **state)
{
	(void)state;
	for (uint32_t code = 0; code < 0x1fffff; code++) {
		char buf[4];
		size_t len = encode(code, buf);
		int allowed = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);

		if (utf8_len(buf, len) != (allowed ? len : 0))
			fail_msg("U+%04X", code);
		if (len > 1 && utf8_len(buf, len - 1) != 0)
			fail_msg("U+%04X cut short", code);
	}
}

static void invalid_sequences(void **state)
{
	static const char *const bad[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xf0\x8f\xbf\xbf",
		"\xf5\x80\x80\x80",
		"\xfe",
		"\xff",
		"\xc3(",
		"\xe2(\xa1",
		"\xe2\x82(",
		"\xf0\x90\x80(",
		"\xed\xa0\x80",
	};

	(void)state;
	assert_int_equal(utf8_len("a", 0), 0);
	assert_int_equal(utf8_len("", 1), 1);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(utf8_len(bad[i], strlen(bad[i])), 0);
}

static void controls_are_c0_del_and_c1(void **state)
{
	(void)state;
	for (uint32_t code = 0; code < 0x10ffff; code++) {
		char buf[4];
		size_t len = utf8_len(buf, encode(code, buf));
		bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);

		if (utf8_is_control(buf, len) != control)
			fail_msg("U+%04X", code);
		if (control)
			assert_int_equal((unsigned char)buf[len - 1], code);
	}
	assert_false(utf8_is_control("\x80", 0));
	assert_false(utf8_is_control("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_code_points_and_no_others),
		cmocka_unit_test(invalid_sequences),
		cmocka_unit_test(controls_are_c0_del_and_c1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
