/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/json_scan.h"

#include "common/array.h"
#include "common/err.h"
#include "common/json/json_member.h"
#include "common/json/json_report.h"
#include "common/utf8.h"

#include <endian.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cJSON passes at most 63 bytes to strtod and fails on the rest. */
#define NUMBER_MAX 63

struct scan {
	const char *text;
	size_t size;
	size_t at;
	unsigned depth;
	uint32_t objects;           /* bit n: the container of depth n + 1 is an object */
	struct json_member *wanted; /* NULL: nothing is searched */
	size_t wanted_len;
	bool escapes;              /* a key that could be on a path has an escape */
	const char *const *pruned; /* NULL: nothing is copied */
	bool is_pruned;            /* the last key is one of these */
	unsigned prune_depth;      /* of the container whose content is left out; 0: none */
	char *copy;
	size_t copied, copy_len; /* bytes of text that are in the copy or left out; of the copy */
	const char *what;
	const struct json_report *report; /* NULL: none */
	struct err *err;
};

_Static_assert(JSON_DEPTH_MAX <= 32, "one bit of struct scan.objects for each level");

__attribute__((format(printf, 3, 4))) static int reject(const struct scan *s, size_t at,
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
	if (s->report) {
		const struct json_fault fault = { "", message, line, column };

		s->report->fault(s->report->ctx, &fault);
	}
	return err_set(s->err, ERR_DECODE, "%s: line %zu, column %zu: %s", s->what, line, column,
		       message);
}

/* The next byte, or -1 at the end. */
static int peek(const struct scan *s)
{
	return s->at < s->size ? (unsigned char)s->text[s->at] : -1;
}

static int unexpected(const struct scan *s, const char *wanted)
{
	char found[5] = "";
	size_t len = utf8_len(s->text + s->at, s->size - s->at);

	if (s->at == s->size)
		return reject(s, s->at, "the text ends where %s is expected", wanted);
	if (peek(s) == '\0')
		return reject(s, s->at, "a zero byte where %s is expected", wanted);
	memcpy(found, s->text + s->at, len ? len : 1);
	return reject(s, s->at, "'%s' where %s is expected", ERR_SHOW(found), wanted);
}

static void skip_space(struct scan *s)
{
	for (; s->at < s->size; s->at++) {
		char c = s->text[s->at];

		if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return;
	}
}

static bool accept(struct scan *s, char c)
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
		return reject(s, start, "\\u0000 in a string");
	if (unit < 0xd800 || unit > 0xdfff)
		return 0;
	if (unit < 0xdc00 && accept(s, '\\') && accept(s, 'u')) {
		if (scan_hex4(s, &second) < 0)
			return -1;
		if (second >= 0xdc00 && second <= 0xdfff)
			return 0;
	}
	return reject(s, start, "half of a surrogate pair, \\u%04x, in a string", unit);
}

static int scan_escape(struct scan *s)
{
	size_t start = s->at++;

	if (accept(s, 'u'))
		return scan_unicode(s, start);
	if (s->at == s->size || !memchr("\"\\/bfnrt", s->text[s->at], 8))
		return unexpected(s, "an escape's letter");
	s->at++;
	return 0;
}

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* Has bit 7 of each zero byte; above the lowest one, of some others. */
static uint64_t zero_bytes(uint64_t bytes)
{
	return (bytes - EACH_BYTE(1)) & ~bytes & EACH_BYTE(0x80);
}

/* Returns how many of 8 bytes are printable ASCII, but '"' and '\\', before the first other one. */
static size_t plain_len(const char *text)
{
	uint64_t bytes, other;

	memcpy(&bytes, text, sizeof(bytes));
	bytes = le64toh(bytes);
	other = (((bytes - EACH_BYTE(0x20)) & ~bytes) | bytes) & EACH_BYTE(0x80);
	other |= zero_bytes(bytes ^ EACH_BYTE('"')) | zero_bytes(bytes ^ EACH_BYTE('\\')) |
		 zero_bytes(bytes ^ EACH_BYTE(0x7f));
	return other ? (size_t)__builtin_ctzll(other) / 8 : sizeof(bytes);
}

/* Skips printable ASCII, which is most of a string, quickly. */
static void skip_plain(struct scan *s)
{
	size_t at = s->at, len = 8;

	while (len == 8 && s->size - at >= 8) {
		len = plain_len(s->text + at);
		at += len;
	}
	while (at < s->size && s->text[at] >= 0x20 && s->text[at] < 0x7f && s->text[at] != '"' &&
	       s->text[at] != '\\')
		at++;
	s->at = at;
}

static int scan_string(struct scan *s)
{
	size_t start = s->at++;

	for (skip_plain(s); !accept(s, '"'); skip_plain(s)) {
		int c = peek(s);
		size_t len = utf8_len(s->text + s->at, s->size - s->at);

		if (c < 0)
			return reject(s, start, "a string without an end");
		if (c < 0x20)
			return reject(s, s->at, "the control byte 0x%02x in a string", c);
		if (!len)
			return reject(s, s->at, "the byte 0x%02x, which is not UTF-8", c);
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

	accept(s, '-');
	if (!accept(s, '0')) {
		if (scan_digits(s) < 0)
			return -1;
	} else if (peek(s) >= '0' && peek(s) <= '9') {
		return reject(s, start, "a number with a leading zero");
	}
	if (accept(s, '.') && scan_digits(s) < 0)
		return -1;
	if (accept(s, 'e') || accept(s, 'E')) {
		if (!accept(s, '-'))
			accept(s, '+');
		if (scan_digits(s) < 0)
			return -1;
	}
	len = s->at - start;
	if (len > NUMBER_MAX)
		return reject(s, start, "a number of more than %d bytes", NUMBER_MAX);
	memcpy(copy, s->text + start, len);
	copy[len] = '\0';
	if (isinf(strtod(copy, NULL)))
		return reject(s, start, "the number %s is out of range", copy);
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
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t len = strlen(words[i]);

		if (s->size - s->at >= len && memcmp(s->text + s->at, words[i], len) == 0) {
			s->at += len;
			return 0;
		}
	}
	return unexpected(s, "a value");
}

/* ---- Pruning ------------------------------------------------------------- */

static bool is_pruned_key(const struct scan *s, const char *key, size_t len)
{
	for (const char *const *name = s->pruned; *name; name++)
		if (strlen(*name) == len && !memcmp(*name, key, len))
			return true;
	return false;
}

/* Copies the text up to the current place. */
static void copy_text(struct scan *s)
{
	memcpy(s->copy + s->copy_len, s->text + s->copied, s->at - s->copied);
	s->copy_len += s->at - s->copied;
	s->copied = s->at;
}

/* After an opening bracket. */
static void prune_begin(struct scan *s)
{
	if (!s->is_pruned)
		return;
	s->is_pruned = false;
	s->prune_depth = s->depth;
	copy_text(s);
}

/* After a closing bracket, which is copied. */
static void prune_end(struct scan *s)
{
	if (s->depth != s->prune_depth)
		return;
	s->prune_depth = 0;
	s->copied = s->at - 1;
}

/* ---- Searching ----------------------------------------------------------- */

/* Before the value of a key, which is that of a member of the innermost object. */
static void match_key(struct scan *s, const char *key, size_t len)
{
	for (size_t i = 0; i < s->wanted_len; i++) {
		struct json_member *member = &s->wanted[i];
		const char *name = s->depth <= JSON_PATH_MAX ? member->path[s->depth - 1] : NULL;

		if (!name || member->matched != s->depth - 1)
			continue;
		s->escapes = s->escapes || memchr(key, '\\', len);
		if (strlen(name) != len || memcmp(name, key, len) != 0)
			continue;
		member->matched = s->depth;
		/* What has been found is a duplicate. */
		member->size = 0;
		member->text = s->depth == JSON_PATH_MAX || !member->path[s->depth] ?
				       s->text + s->at :
				       NULL;
	}
}

/* After a value in the innermost container. */
static void match_end(struct scan *s)
{
	for (size_t i = 0; s->depth && i < s->wanted_len; i++) {
		struct json_member *member = &s->wanted[i];

		if (member->matched != s->depth)
			continue;
		member->matched--;
		if (member->text && !member->size)
			member->size = s->at - (size_t)(member->text - s->text);
	}
}

/* ---- Containers ---------------------------------------------------------- */

static int scan_key(struct scan *s)
{
	const char *key;
	size_t len;

	skip_space(s);
	if (peek(s) != '"')
		return unexpected(s, "a key in double quotes");
	key = s->text + s->at + 1;
	if (scan_string(s) < 0)
		return -1;
	len = (size_t)(s->text + s->at - 1 - key);
	s->is_pruned = s->pruned && !s->prune_depth && is_pruned_key(s, key, len);
	skip_space(s);
	if (!accept(s, ':'))
		return unexpected(s, "':'");
	skip_space(s);
	match_key(s, key, len);
	return 0;
}

static bool in_object(const struct scan *s)
{
	return s->objects >> (s->depth - 1) & 1;
}

static int scan_open(struct scan *s)
{
	uint32_t bit = UINT32_C(1) << (s->depth % 32);

	if (s->depth == JSON_DEPTH_MAX)
		return reject(s, s->at, "more than %d objects and arrays within one another",
			      JSON_DEPTH_MAX);
	s->depth++;
	s->objects = s->text[s->at++] == '{' ? s->objects | bit : s->objects & ~bit;
	prune_begin(s);
	skip_space(s);
	return 0;
}

/* Scans from the end of a value. Returns 1 if another value follows, 0 at the end of the text. */
static int scan_separator(struct scan *s)
{
	for (;;) {
		match_end(s);
		skip_space(s);
		if (!s->depth)
			return s->at == s->size ? 0 : unexpected(s, "the end of the text");
		if (accept(s, ','))
			return in_object(s) && scan_key(s) < 0 ? -1 : 1;
		if (!accept(s, in_object(s) ? '}' : ']'))
			return unexpected(s, in_object(s) ? "',' or '}'" : "',' or ']'");
		prune_end(s);
		s->depth--;
	}
}

/* Scans a value, or only the opening of a container that is not empty. */
static int scan_value(struct scan *s, bool *opened_out)
{
	int c;

	skip_space(s);
	c = peek(s);
	*opened_out = false;
	if (c != '{' && c != '[') {
		s->is_pruned = false;
		return scan_scalar(s);
	}
	if (scan_open(s) < 0)
		return -1;
	*opened_out = peek(s) != (in_object(s) ? '}' : ']');
	return *opened_out && in_object(s) ? scan_key(s) : 0;
}

static int scan_text(struct scan *s)
{
	int more = 1;

	while (more > 0) {
		bool opened;

		if (scan_value(s, &opened) < 0)
			return -1;
		if (!opened)
			more = scan_separator(s);
	}
	return more;
}

int json_scan(const char *text, size_t size, const char *what, const struct json_report *report,
	      struct err *err)
{
	struct scan s = { .text = text, .size = size, .what = what, .report = report, .err = err };

	return scan_text(&s);
}

/* Scans the text, and finds what is wanted. */
static int scan_wanted(struct scan *s)
{
	int rc;

	for (size_t i = 0; i < s->wanted_len; i++) {
		s->wanted[i].text = NULL;
		s->wanted[i].size = s->wanted[i].matched = 0;
	}
	rc = scan_text(s);
	for (size_t i = 0; (rc < 0 || s->escapes) && i < s->wanted_len; i++)
		s->wanted[i].text = NULL;
	return rc;
}

int json_scan_find(const char *text, size_t size, const char *what, struct json_member *members,
		   size_t len, struct err *err)
{
	struct scan s = { .text = text,
			  .size = size,
			  .what = what,
			  .wanted = members,
			  .wanted_len = len,
			  .err = err };

	return scan_wanted(&s);
}

int json_scan_pruned(const char *text, size_t size, const char *what, const char *const keys[],
		     struct json_member *members, size_t len, char *copy, size_t *copy_len_out,
		     struct err *err)
{
	struct scan s = { .text = text,
			  .size = size,
			  .what = what,
			  .pruned = keys,
			  .copy = copy,
			  .wanted = members,
			  .wanted_len = len,
			  .err = err };

	if (scan_wanted(&s) < 0)
		return -1;
	copy_text(&s);
	*copy_len_out = s.copy_len;
	return 0;
}

/* ---- Elements ------------------------------------------------------------ */

/* Skips a string of a text that a scan accepted: it ends at the first quote that is not escaped. */
static void skip_string(struct scan *s)
{
	const char *start = s->text + s->at + 1, *end = s->text + s->size, *quote = start;
	bool escaped = true;

	for (; escaped; quote++) {
		const char *before;

		quote = memchr(quote, '"', (size_t)(end - quote));
		if (!quote) {
			s->at = s->size;
			return;
		}
		before = quote;
		while (before > start && before[-1] == '\\')
			before--;
		escaped = (quote - before) % 2;
	}
	s->at = (size_t)(quote - s->text);
}

/* Skips a value of a text that a scan accepted. */
static void skip_value(struct scan *s)
{
	do {
		switch (peek(s)) {
		case '"':
			skip_string(s);
			break;
		case '{':
		case '[':
			s->depth++;
			s->at++;
			break;
		case '}':
		case ']':
			s->depth--;
			s->at++;
			break;
		default:
			s->at++;
		}
	} while (s->at < s->size && (s->depth || !memchr(", \t\r\n]}", s->text[s->at], 7)));
}

bool json_scan_element(const char *text, size_t size, size_t *at, size_t *start_out,
		       size_t *len_out)
{
	struct scan s = { .text = text, .size = size, .at = *at };

	skip_space(&s);
	if (!accept(&s, *at ? ',' : '['))
		return false;
	skip_space(&s);
	if (s.at == size || peek(&s) == ']')
		return false;
	*start_out = s.at;
	skip_value(&s);
	*len_out = s.at - *start_out;
	*at = s.at;
	return true;
}

bool json_scan_member(const char *text, size_t size, size_t *at, struct json_text *key_out,
		      struct json_text *value_out)
{
	struct scan s = { .text = text, .size = size, .at = *at };
	struct json_text key;
	size_t start;

	skip_space(&s);
	if (!accept(&s, *at ? ',' : '{'))
		return false;
	skip_space(&s);
	if (peek(&s) != '"')
		return false;
	key.at = text + s.at + 1;
	skip_string(&s);
	key.size = (size_t)(text + s.at - 1 - key.at);
	skip_space(&s);
	accept(&s, ':');
	skip_space(&s);
	start = s.at;
	if (start == size)
		return false;
	skip_value(&s);
	*key_out = key;
	*value_out = (struct json_text){ text + start, s.at - start };
	*at = s.at;
	return true;
}
