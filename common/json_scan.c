/* SPDX-License-Identifier: Apache-2.0 */
#include "json_private.h"

#include "utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cJSON hands strtod a copy of at most 63 bytes and fails on what is left. */
#define NUMBER_MAX 63

struct scan {
	const char *text;
	size_t size;
	size_t at;
	unsigned depth;
	uint32_t objects; /* bit n: the container of depth n + 1 is an object */
	const char *what;
	struct err *err;
};

_Static_assert(JSON_DEPTH_MAX <= 32, "one bit of struct scan.objects for each level");

__attribute__((format(printf, 3, 4))) static int refuse(const struct scan *s, size_t at,
							const char *format, ...)
{
	size_t line = 1, column = 1;
	char message[160];
	va_list args;

	for (size_t i = 0; i < at; i++) {
		if (s->text[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)s->text[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return err_set(s->err, ERR_DECODE, "%s: line %zu, column %zu: %s", s->what, line, column,
		       message);
}

/* The byte at the scan's place, or -1 at the end. */
static int peek(const struct scan *s)
{
	return s->at < s->size ? (unsigned char)s->text[s->at] : -1;
}

static int unexpected(const struct scan *s, const char *wanted)
{
	char seen[5] = "";
	size_t len = utf8_len(s->text + s->at, s->size - s->at);

	if (s->at == s->size)
		return refuse(s, s->at, "the text ends where %s is expected", wanted);
	if (peek(s) == '\0')
		return refuse(s, s->at, "a zero byte where %s is expected", wanted);
	memcpy(seen, s->text + s->at, len ? len : 1);
	return refuse(s, s->at, "'%s' where %s is expected", ERR_SHOW(seen), wanted);
}

static void skip_space(struct scan *s)
{
	for (; s->at < s->size; s->at++) {
		char c = s->text[s->at];

		if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return;
	}
}

static bool take(struct scan *s, char c)
{
	if (peek(s) != (unsigned char)c)
		return false;
	s->at++;
	return true;
}

/* The four hex digits of an escape. 0 / -1. */
static int scan_hex4(struct scan *s, unsigned *unit_out)
{
	unsigned unit = 0;

	for (int i = 0; i < 4; i++, s->at++) {
		int c = peek(s);

		if (c >= '0' && c <= '9')
			unit = unit << 4 | (unsigned)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			unit = unit << 4 | (unsigned)((c | 0x20) - 'a' + 10);
		else
			return unexpected(s, "a hex digit");
	}
	*unit_out = unit;
	return 0;
}

/* \uXXXX, of which surrogates must come as a pair (RFC 8259 section 7). */
static int scan_unicode(struct scan *s, size_t start)
{
	unsigned unit = 0, second = 0;

	if (scan_hex4(s, &unit) < 0)
		return -1;
	if (unit == 0)
		return refuse(s, start, "\\u0000 in a string");
	if (unit < 0xd800 || unit > 0xdfff)
		return 0;
	if (unit < 0xdc00 && take(s, '\\') && take(s, 'u')) {
		if (scan_hex4(s, &second) < 0)
			return -1;
		if (second >= 0xdc00 && second <= 0xdfff)
			return 0;
	}
	return refuse(s, start, "half of a surrogate pair, \\u%04x, in a string", unit);
}

static int scan_escape(struct scan *s)
{
	size_t start = s->at++;

	if (take(s, 'u'))
		return scan_unicode(s, start);
	if (s->at == s->size || !memchr("\"\\/bfnrt", s->text[s->at], 8))
		return unexpected(s, "an escape's letter");
	s->at++;
	return 0;
}

/* The bytes that stand for themselves, which is most of what there is. */
static void skip_plain(struct scan *s)
{
	size_t at = s->at;

	while (at < s->size && s->text[at] >= 0x20 && s->text[at] < 0x7f && s->text[at] != '"' &&
	       s->text[at] != '\\')
		at++;
	s->at = at;
}

static int scan_string(struct scan *s)
{
	size_t start = s->at++;

	for (skip_plain(s); !take(s, '"'); skip_plain(s)) {
		int c = peek(s);
		size_t len = utf8_len(s->text + s->at, s->size - s->at);

		if (c < 0)
			return refuse(s, start, "a string without an end");
		if (c < 0x20)
			return refuse(s, s->at, "the control byte 0x%02x in a string", c);
		if (!len)
			return refuse(s, s->at, "the byte 0x%02x, which is not UTF-8", c);
		if (c != '\\')
			s->at += len;
		else if (scan_escape(s) < 0)
			return -1;
	}
	return 0;
}

static int scan_digits(struct scan *s)
{
	if (peek(s) < '0' || peek(s) > '9')
		return unexpected(s, "a digit");
	while (peek(s) >= '0' && peek(s) <= '9')
		s->at++;
	return 0;
}

static int scan_number(struct scan *s)
{
	char copy[NUMBER_MAX + 1];
	size_t start = s->at, len;

	take(s, '-');
	if (!take(s, '0')) {
		if (scan_digits(s) < 0)
			return -1;
	} else if (peek(s) >= '0' && peek(s) <= '9') {
		return refuse(s, start, "a number with a leading zero");
	}
	if (take(s, '.') && scan_digits(s) < 0)
		return -1;
	if (take(s, 'e') || take(s, 'E')) {
		if (!take(s, '-'))
			take(s, '+');
		if (scan_digits(s) < 0)
			return -1;
	}
	len = s->at - start;
	if (len > NUMBER_MAX)
		return refuse(s, start, "a number of more than %d bytes", NUMBER_MAX);
	memcpy(copy, s->text + start, len);
	copy[len] = '\0';
	if (isinf(strtod(copy, NULL)))
		return refuse(s, start, "the number %s is out of range", copy);
	return 0;
}

static int scan_scalar(struct scan *s)
{
	static const char *const words[] = { "true", "false", "null" };
	int c = peek(s);

	if (c == '"')
		return scan_string(s);
	if (c == '-' || (c >= '0' && c <= '9'))
		return scan_number(s);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i]);

		if (s->size - s->at >= len && memcmp(s->text + s->at, words[i], len) == 0) {
			s->at += len;
			return 0;
		}
	}
	return unexpected(s, "a value");
}

static int scan_key(struct scan *s)
{
	skip_space(s);
	if (peek(s) != '"')
		return unexpected(s, "a key in double quotes");
	if (scan_string(s) < 0)
		return -1;
	skip_space(s);
	return take(s, ':') ? 0 : unexpected(s, "':'");
}

static bool in_object(const struct scan *s)
{
	return s->objects >> (s->depth - 1) & 1;
}

static int scan_open(struct scan *s)
{
	uint32_t bit = UINT32_C(1) << (s->depth % 32);

	if (s->depth == JSON_DEPTH_MAX)
		return refuse(s, s->at, "more than %d objects and arrays within one another",
			      JSON_DEPTH_MAX);
	s->depth++;
	s->objects = s->text[s->at++] == '{' ? s->objects | bit : s->objects & ~bit;
	skip_space(s);
	return 0;
}

/* From the end of a value to the next one. 1 when one is due, 0 at the end of the text. */
static int scan_on(struct scan *s)
{
	for (;;) {
		skip_space(s);
		if (!s->depth)
			return s->at == s->size ? 0 : unexpected(s, "the end of the text");
		if (take(s, ','))
			return in_object(s) && scan_key(s) < 0 ? -1 : 1;
		if (!take(s, in_object(s) ? '}' : ']'))
			return unexpected(s, in_object(s) ? "',' or '}'" : "',' or ']'");
		s->depth--;
	}
}

/* One value, or no more of it than the opening of a container that has content. */
static int scan_value(struct scan *s, bool *opened_out)
{
	int c;

	skip_space(s);
	c = peek(s);
	*opened_out = false;
	if (c != '{' && c != '[')
		return scan_scalar(s);
	if (scan_open(s) < 0)
		return -1;
	*opened_out = peek(s) != (in_object(s) ? '}' : ']');
	return *opened_out && in_object(s) ? scan_key(s) : 0;
}

int json_scan(const char *text, size_t size, const char *what, struct err *err)
{
	struct scan s = { .text = text, .size = size, .what = what, .err = err };
	int more = 1;

	while (more > 0) {
		bool opened;

		if (scan_value(&s, &opened) < 0)
			return -1;
		if (!opened)
			more = scan_on(&s);
	}
	return more;
}
