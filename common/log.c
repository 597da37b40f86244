/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include "common/hash.h"
#include "common/utc.h"
#include "common/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 4096

#define BURSTS 64 /* events are divided among so many limits by their hash */

static struct {
	enum log_level level;
	enum log_format format;
	int fd;
	bool journal;
	struct log_burst bursts[BURSTS];
	uint64_t lines[LOG_LEVELS], suppressed;
	log_tap_fn *tap;
	void *tap_ctx;
} logger = { .level = LOG_LEVEL_INFO, .format = LOG_FORMAT_TEXT, .fd = STDERR_FILENO };

const char *const log_level_name[LOG_LEVELS] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

struct line {
	char text[LINE_SIZE];
	size_t len, size; /* of size bytes */
	enum log_format format;
	bool cut; /* truncated */
};

void log_setup(enum log_level level, enum log_format format, int fd)
{
	logger.level = level;
	logger.format = format;
	logger.fd = fd;
}

bool log_is_journal(const char *stream, int fd)
{
	char expected[64];
	struct stat st;

	if (!stream || fstat(fd, &st) < 0)
		return false;
	snprintf(expected, sizeof(expected), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return !strcmp(stream, expected);
}

void log_set_journal(bool journal)
{
	logger.journal = journal;
}

void log_counts(uint64_t lines_out[static LOG_LEVELS], uint64_t *suppressed_out)
{
	memcpy(lines_out, logger.lines, sizeof(logger.lines));
	*suppressed_out = logger.suppressed;
}

void log_set_tap(log_tap_fn *fn, void *ctx)
{
	logger.tap = fn;
	logger.tap_ctx = ctx;
}

bool log_enabled(enum log_level level)
{
	return level <= logger.level;
}

static void put(struct line *line, const char *text, size_t len)
{
	size_t room = line->size - 2 - line->len; /* a newline must still fit */

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
	if (line->format == LOG_FORMAT_JSON) {
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

/* The priorities of syslog(3): err, warning, info, debug. */
static void put_priority(struct line *line, enum log_level level)
{
	static const char *const priorities[] = { "<3>", "<4>", "<6>", "<7>" };

	if (logger.journal)
		put_text(line, priorities[level]);
}

static void put_head(struct line *line, enum log_level level, const char *event)
{
	char stamp[UTC_TEXT_SIZE];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	utc_text(stamp, now);
	if (line->format == LOG_FORMAT_JSON) {
		put_text(line, "{\"time\":\"");
		put_text(line, stamp);
		put_text(line, "\",\"level\":\"");
		put_text(line, log_level_name[level]);
		put_text(line, "\",\"event\":");
		put_quoted(line, event);
		return;
	}
	put_text(line, stamp);
	put_text(line, " ");
	put_text(line, log_level_name[level]);
	put_text(line, ": ");
	put_escaped(line, event);
}

bool log_burst_pass(struct log_burst *burst, uint64_t now_ms, uint64_t *suppressed_out)
{
	*suppressed_out = 0;
	if (!burst->lines || now_ms - burst->begun_ms >= LOG_BURST_MS) {
		*suppressed_out = burst->suppressed;
		*burst = (struct log_burst){ .begun_ms = now_ms };
	}
	if (burst->lines++ < LOG_BURST_LINES)
		return true;
	burst->suppressed++;
	return false;
}

/* Counts the line, and returns whether it is written. */
static bool pass(enum log_level level, const char *event, uint64_t *suppressed_out)
{
	uint64_t hash = hash_add(HASH_INIT, event, strlen(event));
	struct timespec now;

	*suppressed_out = 0;
	logger.lines[level]++;
	if (level == LOG_LEVEL_DEBUG)
		return true;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (log_burst_pass(&logger.bursts[hash % BURSTS],
			   (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000,
			   suppressed_out))
		return true;
	logger.suppressed++;
	return false;
}

static void put_fields(struct line *line, va_list args)
{
	const char *key, *value;

	while ((key = va_arg(args, const char *))) {
		value = va_arg(args, const char *);
		put_field(line, key, value ? value : "-");
	}
}

static size_t format_json(char buf[static LOG_JSON_SIZE], enum log_level level, const char *event,
			  va_list args)
{
	struct line line = { .size = LOG_JSON_SIZE, .format = LOG_FORMAT_JSON };

	put_head(&line, level, event);
	put_fields(&line, args);
	put_text(&line, "}");
	if (line.cut) {
		line.len = 0;
		line.cut = false;
		put_head(&line, level, event);
		put_text(&line, ",\"cut\":\"yes\"}");
	}
	memcpy(buf, line.text, line.len);
	buf[line.len] = '\0';
	return line.len;
}

size_t log_json(char buf[static LOG_JSON_SIZE], enum log_level level, const char *event, ...)
{
	va_list args;
	size_t len;

	va_start(args, event);
	len = format_json(buf, level, event, args);
	va_end(args);
	return len;
}

/* The fields in the format of the log. */
static void write_line(enum log_level level, const char *event, uint64_t suppressed, va_list args)
{
	struct line line = { .size = LINE_SIZE, .format = logger.format };
	char number[LOG_NUM_SIZE];

	put_priority(&line, level);
	put_head(&line, level, event);
	put_fields(&line, args);
	if (suppressed)
		put_field(&line, "suppressed", log_num_text(number, (int64_t)suppressed));
	if (logger.format == LOG_FORMAT_JSON) {
		put_text(&line, "}");
		/* A truncated line must still be JSON. */
		if (line.cut) {
			line.len = 0;
			put_priority(&line, level);
			put_head(&line, level, "line too long");
			put_text(&line, "}");
		}
	}
	line.text[line.len++] = '\n';
	/* A failed write of the log cannot be reported. */
	if (write(logger.fd, line.text, line.len) < 0)
		return;
}

/* Returns the value of a field, "" if there is none. */
static const char *find_field(const char *wanted, va_list args)
{
	const char *key, *value;

	while ((key = va_arg(args, const char *))) {
		value = va_arg(args, const char *);
		if (strcmp(key, wanted) == 0)
			return value ? value : "";
	}
	return "";
}

void log_event(enum log_level level, const char *event, ...)
{
	uint64_t suppressed;
	va_list args;

	if (logger.tap && level <= LOG_LEVEL_INFO) {
		char json[LOG_JSON_SIZE];
		const char *network;
		size_t size;

		va_start(args, event);
		size = format_json(json, level, event, args);
		va_end(args);
		va_start(args, event);
		network = find_field("network", args);
		va_end(args);
		logger.tap(logger.tap_ctx, event, network, json, size);
	}
	if (!log_enabled(level) || !pass(level, event, &suppressed))
		return;
	va_start(args, event);
	write_line(level, event, suppressed, args);
	va_end(args);
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
