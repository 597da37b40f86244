/* SPDX-License-Identifier: Apache-2.0 */
#include "term.h"

#include "common/utf8.h"

#include <stdint.h>
#include <string.h>

static const char more[] = "...";

/* One step: the bytes taken from text, and the columns that they show as. */
static size_t step(const char *text, size_t size, size_t *columns_out)
{
	size_t len = utf8_len(text, size);

	if (!len || utf8_is_control(text, len)) {
		*columns_out = sizeof("\\x1b") - 1;
		return 1;
	}
	*columns_out = 1;
	return len;
}

/* The bytes of text that show as at most max columns, and those columns. */
static size_t fit(const char *text, size_t size, size_t max, size_t *columns_out)
{
	size_t used = 0, taken = 0;

	while (taken < size) {
		size_t columns;
		size_t len = step(text + taken, size - taken, &columns);

		if (used + columns > max)
			break;
		used += columns;
		taken += len;
	}
	*columns_out = used;
	return taken;
}

static void put(FILE *file, const char *text, size_t size)
{
	size_t len;

	for (size_t at = 0; at < size; at += len) {
		size_t columns;

		len = step(text + at, size - at, &columns);
		if (columns == 1)
			fwrite(text + at, 1, len, file);
		else
			fprintf(file, "\\x%02x", (unsigned char)text[at]);
	}
}

size_t term_put(FILE *file, const char *text, size_t max)
{
	size_t size = strlen(text);
	size_t columns;
	size_t whole = fit(text, size, max ? max : SIZE_MAX, &columns);

	if (whole < size)
		whole = fit(text, size, max - (sizeof(more) - 1), &columns);
	if (file)
		put(file, text, whole);
	if (whole == size)
		return columns;
	if (file)
		fputs(more, file);
	return columns + sizeof(more) - 1;
}

void term_look(FILE *file, enum term_mark mark)
{
	static const char *const look[] = {
		[TERM_PLAIN] = "\033[0m", [TERM_HEAD] = "\033[1m", [TERM_GOOD] = "\033[32m",
		[TERM_WARN] = "\033[33m", [TERM_BAD] = "\033[31m",
	};

	fputs(look[mark], file);
}
