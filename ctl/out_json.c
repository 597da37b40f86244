/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/out.h"

#include "common/auto.h"
#include "common/json/json.h"
#include "common/utf8.h"

#include <string.h>

static void line(FILE *file, unsigned depth)
{
	fprintf(file, "\n%*s", (int)depth * 2, "");
}

/*
 * Writes the string literal that starts at text. Returns its end. JSON may contain DEL and C1
 * characters; a terminal must not get them.
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

/* Compact JSON text, valid as common/json makes it, with one member or element per line. */
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

static void put_compact(FILE *file, const char *text)
{
	while (*text) {
		if (*text == '"')
			text = put_string(file, text);
		else
			fputc(*text++, file);
	}
	fputc('\n', file);
}

static void put_value(const struct out_to *to, const struct jr *at)
{
	AUTO(free) char *text = jr_text(at, NULL);

	if (text)
		put_indented(to->file, text);
	else
		jr_fault(at, NULL, "absent, or out of memory");
}

/* Compact: one object per line. */
static void put_event_lines(const struct out_to *to, const struct jr *at)
{
	struct jr events = jr_arr(at, "events"), event;

	for (size_t i = 0; jr_each(&events, &i, &event);) {
		AUTO(free) char *text = jr_text(&event, NULL);

		if (text)
			put_compact(to->file, text);
	}
}

static void put_version(const struct out_to *to, const char *version, const char *commit)
{
	fprintf(to->file, "{\n  \"version\": \"%s\",\n  \"commit\": \"%s\"\n}\n", version, commit);
}

const struct out out_json = {
	.status = put_value,
	.peers = put_value,
	.doctor = put_value,
	.leases = put_value,
	.reserved = put_value,
	.released = put_value,
	.removed = put_value,
	.pods = put_value,
	.ipam = put_value,
	.map = put_value,
	.trace = put_value,
	.config = put_value,
	.events = put_value,
	.event_lines = put_event_lines,
	.adopted = put_value,
	.version = put_version,
};
