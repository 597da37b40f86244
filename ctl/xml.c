/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/xml.h"

#include "common/array.h"
#include "common/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char ellipsis[] = "\xe2\x80\xa6";

/* The code point of a character of len bytes, as returned by utf8_len. */
static uint32_t code_point(const char *text, size_t len)
{
	static const uint8_t lead[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = (uint8_t)text[0] & lead[len];

	for (size_t i = 1; i < len; i++)
		code = code << 6 | ((uint8_t)text[i] & 0x3f);
	return code;
}

static bool is_between(uint32_t code, uint32_t first, uint32_t last)
{
	return code >= first && code <= last;
}

/* Separators of lines, marks and overrides of the direction, and noncharacters. */
static bool is_printable(uint32_t code)
{
	return !is_between(code, 0x200b, 0x200f) && !is_between(code, 0x2028, 0x202e) &&
	       !is_between(code, 0x2060, 0x206f) && code != 0x061c && code != 0xfeff &&
	       !is_between(code, 0xfdd0, 0xfdef) && (code & 0xfffe) != 0xfffe;
}

static size_t columns_of(uint32_t code)
{
	return is_between(code, 0x1100, 0x115f) || is_between(code, 0x2e80, 0xa4cf) ||
			       is_between(code, 0xac00, 0xd7a3) ||
			       is_between(code, 0xf900, 0xfaff) ||
			       is_between(code, 0xfe30, 0xfe6f) ||
			       is_between(code, 0xff00, 0xff60) || code >= 0x1f000 ?
		       2 :
		       1;
}

/*
 * One step: the bytes taken from text, and the columns that they are shown as; escaped if not
 * UTF-8.
 */
static size_t step(const char *text, size_t *columns_out, bool *escaped_out)
{
	const size_t len = utf8_len(text, strnlen(text, 4));

	*escaped_out = !len || utf8_is_control(text, len) || !is_printable(code_point(text, len));
	if (*escaped_out) {
		*columns_out = sizeof("\\x1b") - 1;
		return 1;
	}
	*columns_out = columns_of(code_point(text, len));
	return len;
}

static void put(FILE *file, const char *text, size_t len)
{
	static const struct {
		char character;
		const char *entity;
	} entities[] = { { '&', "&amp;" },
			 { '<', "&lt;" },
			 { '>', "&gt;" },
			 { '"', "&quot;" },
			 { '\'', "&#39;" } };

	for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
		if (*text == entities[i].character) {
			fputs(entities[i].entity, file);
			return;
		}
	}
	fwrite(text, 1, len, file);
}

static size_t count(const char *text)
{
	size_t total = 0, columns;
	bool escaped;

	while (*text) {
		text += step(text, &columns, &escaped);
		total += columns;
	}
	return total;
}

size_t xml_put(FILE *file, const char *text, size_t max)
{
	const size_t whole = count(text);
	const bool cut = max && whole > max;
	size_t total = 0;

	while (*text) {
		size_t columns;
		bool escaped;
		const size_t len = step(text, &columns, &escaped);

		if (cut && total + columns + 1 > max)
			break;
		if (file && escaped)
			fprintf(file, "\\x%02x", (unsigned char)*text);
		else if (file)
			put(file, text, len);
		total += columns;
		text += len;
	}
	if (cut && file)
		fputs(ellipsis, file);
	return total + cut;
}
