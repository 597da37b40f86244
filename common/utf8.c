/* SPDX-License-Identifier: Apache-2.0 */
#include "common/utf8.h"

#include "common/array.h"

#include <stdint.h>

/* Valid byte sequences: RFC 3629 section 4, one row per line of its grammar. */
static const struct {
	uint8_t first_low, first_high;
	uint8_t second_low, second_high;
	uint8_t len;
} forms[] = {
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

static size_t form_len(const uint8_t *bytes, size_t size, size_t row)
{
	if (size < forms[row].len)
		return 0;
	if (bytes[1] < forms[row].second_low || bytes[1] > forms[row].second_high)
		return 0;
	for (size_t i = 2; i < forms[row].len; i++)
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	return forms[row].len;
}

size_t utf8_len(const char *text, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)text;

	if (!size)
		return 0;
	if (bytes[0] < 0x80)
		return 1;
	for (size_t row = 0; row < ARRAY_LEN(forms); row++)
		if (bytes[0] >= forms[row].first_low && bytes[0] <= forms[row].first_high)
			return form_len(bytes, size, row);
	return 0;
}

bool utf8_is_control(const char *text, size_t len)
{
	const uint8_t *bytes = (const uint8_t *)text;

	if (len == 1)
		return bytes[0] < 0x20 || bytes[0] == 0x7f;
	return len == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0;
}
