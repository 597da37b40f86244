/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 4096

static struct {
	enum log_level level;
	enum log_format format;
	int fd;
} logger = { LOG_LEVEL_INFO, LOG_FORMAT_TEXT, STDERR_FILENO };

static const char *const level_name[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

struct line {
	char text[LINE_SIZE];
	size_t len;
	bool cut; /* something did not fit */
};

void log_setup(enum log_level level, enum log_format format, int fd)
{
	logger.level = level;
	logger.format = format;
	logger.fd = fd;
}

bool log_enabled(enum log_level level)
{
	return level <= logger.level;
}

static void put(struct line *line, const char *text, size_t len)
{
	size_t room = LINE_SIZE - 2 - line->len; /* a newline must still fit */

	if (len > room) {
		len = room;
		line->cut = true;
	}
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

static void put_text(struct line *line, const char *text)
{
	put(line, text, strlen(text));
}

/* Inside double quotes, the same escapes serve both formats (RFC 8259 section 7). */
static void put_escaped(struct line *line, const char *text)
{
	size_t left = strlen(text), len;

	for (; left; text += len, left -= len) {
		unsigned char c = (unsigned char)*text;
		char escape[8] = "\\ufffd"; /* for a byte that is not UTF-8 */

		len = utf8_len(text, left);
		if (c == '"' || c == '\\')
			snprintf(escape, sizeof(escape), "\\%c", c);
		else if (utf8_is_control(text, len))
			snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)text[len - 1]);
		else if (len)
			snprintf(escape, sizeof(escape), "%.*s", (int)len, text);
		put_text(line, escape);
		len = len ? len : 1;
	}
}

static bool plain(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if (*text <= ' ' || *text >= 0x7f || strchr("\"\\=", *text))
			return false;
	return true;
}

static void put_quoted(struct line *line, const char *text)
{
	put_text(line, "\"");
	put_escaped(line, text);
	put_text(line, "\"");
}

static void put_field(struct line *line, const char *key, const char *value)
{
	if (logger.format == LOG_FORMAT_JSON) {
		put_text(line, ",");
		put_quoted(line, key);
		put_text(line, ":");
		put_quoted(line, value);
		return;
	}
	put_text(line, " ");
	put_text(line, key);
	put_text(line, "=");
	if (plain(value))
		put_text(line, value);
	else
		put_quoted(line, value);
}

static void put_head(struct line *line, enum log_level level, const char *event)
{
	char stamp[40];
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(stamp + strlen(stamp), sizeof(stamp) - strlen(stamp), ".%03ldZ",
		 now.tv_nsec / 1000000);
	if (logger.format == LOG_FORMAT_JSON) {
		put_text(line, "{\"time\":\"");
		put_text(line, stamp);
		put_text(line, "\",\"level\":\"");
		put_text(line, level_name[level]);
		put_text(line, "\",\"event\":");
		put_quoted(line, event);
		return;
	}
	put_text(line, stamp);
	put_text(line, " ");
	put_text(line, level_name[level]);
	put_text(line, ": ");
	put_escaped(line, event);
}

void log_event(enum log_level level, const char *event, ...)
{
	struct line line = { .len = 0 };
	const char *key, *value;
	va_list args;

	if (!log_enabled(level))
		return;
	put_head(&line, level, event);
	va_start(args, event);
	while ((key = va_arg(args, const char *))) {
		value = va_arg(args, const char *);
		put_field(&line, key, value ? value : "-");
	}
	va_end(args);
	if (logger.format == LOG_FORMAT_JSON) {
		put_text(&line, "}");
		/* A line cut short must still be JSON. */
		if (line.cut) {
			line.len = 0;
			put_head(&line, level, "line too long");
			put_text(&line, "}");
		}
	}
	line.text[line.len++] = '\n';
	/* Nobody is left to tell when the log itself cannot be written. */
	if (write(logger.fd, line.text, line.len) < 0)
		return;
}

const char *log_num_text(char buf[static LOG_NUM_SIZE], int64_t value)
{
	snprintf(buf, LOG_NUM_SIZE, "%" PRId64, value);
	return buf;
}

bool log_limit(uint64_t *last_ms, uint64_t *held, uint64_t now_ms, uint64_t interval_ms)
{
	if (*last_ms && now_ms - *last_ms < interval_ms) {
		(*held)++;
		return false;
	}
	*last_ms = now_ms;
	return true;
}
