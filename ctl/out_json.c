/* SPDX-License-Identifier: Apache-2.0 */
#include "out.h"

#include "common/auto.h"
#include "common/json.h"
#include "common/utf8.h"

#include <string.h>

static void line(FILE *file, unsigned depth)
{
	fprintf(file, "\n%*s", (int)depth * 2, "");
}

/*
 * Writes the string literal that starts at text and answers where it ends. JSON
 * may carry DEL and C1 characters as they are; a terminal must not get them.
 */
static const char *put_string(FILE *file, const char *text)
{
	size_t len;

	fputc(*text++, file);
	for (; *text != '"'; text += len) {
		/* A character has at most 4 bytes, and the text's NUL is part of none. */
		len = *text == '\\' ? 2 : utf8_len(text, 4);
		if (utf8_is_control(text, len))
			fprintf(file, "\\u%04x", (unsigned char)text[len - 1]);
		else
			fwrite(text, 1, len, file);
	}
	fputc('"', file);
	return text + 1;
}

/* Compact JSON text, valid as common/json makes it, with a member or element a line. */
static void put_indented(FILE *file, const char *text)
{
	unsigned depth = 0;

	while (*text) {
		char c = *text;

		if (c == '"') {
			text = put_string(file, text);
			continue;
		}
		text++;
		if ((c == '}' || c == ']') && depth)
			line(file, --depth);
		fputc(c, file);
		if ((c == '{' || c == '[') && strchr("}]", *text))
			fputc(*text++, file);
		else if (c == '{' || c == '[')
			line(file, ++depth);
		else if (c == ',')
			line(file, depth);
		else if (c == ':')
			fputc(' ', file);
	}
	fputc('\n', file);
}

static void put_value(const struct out_to *to, const struct jr *at)
{
	AUTO_FREE char *text = jr_text(at, NULL);

	if (text)
		put_indented(to->file, text);
	else
		jr_fault(at, NULL, "absent, or no memory to show it");
}

static void put_version(const struct out_to *to, const char *version)
{
	fprintf(to->file, "{\n  \"weftctl\": \"%s\"\n}\n", version);
}

const struct out out_json = {
	.status = put_value,
	.peers = put_value,
	.doctor = put_value,
	.leases = put_value,
	.reserved = put_value,
	.released = put_value,
	.removed = put_value,
	.version = put_version,
};
