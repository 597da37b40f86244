/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base64.h"

#include <stdint.h>
#include <stdlib.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t size)
{
	const uint8_t *from = data;
	char *text = malloc((size + 2) / 3 * 4 + 1);
	char *to = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		uint32_t bits = (uint32_t)from[i] << 16;

		bits |= left > 1 ? (uint32_t)from[i + 1] << 8 : 0;
		bits |= left > 2 ? from[i + 2] : 0;
		*to++ = alphabet[bits >> 18];
		*to++ = alphabet[bits >> 12 & 63];
		*to++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
		*to++ = left > 2 ? alphabet[bits & 63] : '=';
	}
	*to = '\0';
	return text;
}

/* From '+' to 'z', a digit's value. */
enum { NO = 255 };
static const uint8_t values[] = { 62, NO, NO, NO, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO,
				  NO, NO, NO, NO, NO, NO, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
				  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
				  NO, NO, NO, NO, NO, NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,
				  36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51 };

static unsigned sextet(char c)
{
	unsigned place = (unsigned)(unsigned char)c - '+';

	return place < sizeof(values) ? values[place] : NO;
}

bool base64_decode(const char *text, size_t len, void *buf, size_t *size_out)
{
	uint8_t *to = buf;
	size_t digits = len, at = 0;
	uint32_t bits = 0;

	if (len % 4)
		return false;
	for (int pad = 0; pad < 2 && digits && text[digits - 1] == '='; pad++)
		digits--;
	for (; digits - at >= 4; at += 4, to += 3) {
		unsigned a = sextet(text[at]), b = sextet(text[at + 1]);
		unsigned c = sextet(text[at + 2]), d = sextet(text[at + 3]);

		if ((a | b | c | d) > 63)
			return false;
		to[0] = (uint8_t)(a << 2 | b >> 4);
		to[1] = (uint8_t)(b << 4 | c >> 2);
		to[2] = (uint8_t)(c << 6 | d);
	}
	for (size_t i = at; i < digits; i++) {
		unsigned value = sextet(text[i]);

		if (value == NO)
			return false;
		bits = bits << 6 | value;
		/* Two digits hold the first byte, three the second. */
		if (i % 4)
			*to++ = (uint8_t)(bits >> (6 - i % 4 * 2));
	}
	if (bits & (digits % 4 == 2 ? 15u : digits % 4 == 3 ? 3u : 0))
		return false;
	*size_out = (size_t)(to - (uint8_t *)buf);
	return true;
}
