/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base64.h"

#include "common/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* RFC 4648 section 10, and bytes encoded with the last two digits of the alphabet. */
static const struct {
	const char *bytes, *text;
} pairs[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "\xfb\xff\xbf", "+/+/" },
	{ "/coreos.com/network/subnets/", "L2NvcmVvcy5jb20vbmV0d29yay9zdWJuZXRzLw==" },
};

static void rfc_4648_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		size_t size = strlen(pairs[i].bytes), decoded = 99;
		char *text = base64_encode(pairs[i].bytes, size);
		char buf[64];

		assert_string_equal(text, pairs[i].text);
		assert_true(BASE64_DECODED_MAX(strlen(text)) >= size);
		assert_true(base64_decode(text, strlen(text), buf, &decoded));
		assert_int_equal(decoded, size);
		assert_memory_equal(buf, pairs[i].bytes, size);
		free(text);
	}
}

static void every_byte_at_every_place(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		for (size_t size = 1; size <= 4; size++) {
			uint8_t bytes[4] = { 0x55, 0xaa, 0, 0xff }, back[6];
			size_t decoded;
			char *text;

			bytes[size - 1] = (uint8_t)byte;
			text = base64_encode(bytes, size);
			assert_true(base64_decode(text, strlen(text), back, &decoded));
			assert_int_equal(decoded, size);
			assert_memory_equal(back, bytes, size);
			free(text);
		}
	}
}

static void invalid_text_is_rejected(void **state)
{
	static const char *const bad[] = {
		"Z",    "Zg",       "Zg=",    "=",        "==",       "===",     "====",
		"Z===", "Zg==Zg==", "Zm9v\n", "Zm 9",     " Zm9v",    "Zm9-",    "Zm9_",
		"Zh==", "Zm9=",     "Zg=v",   "Zm9vZ===", "Zm9v====", "Z\xff==", "Zm9vYmFy=",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char buf[64];
		size_t size = 77;

		if (base64_decode(bad[i], strlen(bad[i]), buf, &size))
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(size, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_4648_vectors),
		cmocka_unit_test(every_byte_at_every_place),
		cmocka_unit_test(invalid_text_is_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
