/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/term.h"

#include "common/utf8.h"

#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WRAP_MIN 16 /* columns: a narrower text is not wrapped */

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

/* The bytes of the next word, with the blanks before it. */
static size_t word_len(const char *text)
{
	const size_t blanks = strspn(text, " ");

	return blanks + strcspn(text + blanks, " ");
}

void term_wrap(FILE *file, const char *text, size_t indent, size_t width)
{
	size_t column = indent;

	if (width < indent + WRAP_MIN)
		width = 0;
	while (*text) {
		size_t len = word_len(text), columns;

		(void)fit(text, len, SIZE_MAX, &columns);
		if (width && column > indent && column + columns > width) {
			fprintf(file, "\n%*s", (int)indent, "");
			column = indent;
			text += strspn(text, " ");
			continue;
		}
		put(file, text, len);
		column += columns;
		text += len;
	}
}

unsigned term_width(int fd)
{
	struct winsize size;

	return isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void term_style(FILE *file, enum term_mark mark)
{
	static const char *const style[] = {
		[TERM_PLAIN] = "\033[0m", [TERM_HEAD] = "\033[1m", [TERM_GOOD] = "\033[32m",
		[TERM_WARN] = "\033[33m", [TERM_BAD] = "\033[31m",
	};

	fputs(style[mark], file);
}
