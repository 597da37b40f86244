/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging to a descriptor (default: standard error), one line per event, as text with key=value
 * fields or as a JSON object. The logger is the only global of a program. It never writes to
 * standard output and never fails.
 *
 * Levels: error = needs an operator's action; warn = handled, but unexpected; info = a relevant
 * change of state; debug = the reasons of a decision.
 */
#pragma once

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVELS };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* "error", "warn", "info", "debug". */
extern const char *const log_level_name[LOG_LEVELS];

/* Sets level, format and descriptor. Initially: info, text, 2. */
void log_setup(enum log_level level, enum log_format format, int fd);

/*
 * Whether fd is the journal's socket, by the variable JOURNAL_STREAM (systemd.exec(5)),
 * "DEVICE:INODE"; stream may be NULL.
 */
bool log_is_journal(const char *stream, int fd);
/* Sets whether each line begins with its priority, "<6>" (sd-daemon(3)). Initially: no. */
void log_set_journal(bool journal);

/* Returns whether events of the level are written. */
bool log_enabled(enum log_level level);

/*
 * The lines so far by enum log_level, with those that the rate limit suppressed, and the number of
 * these.
 */
void log_counts(uint64_t lines_out[static LOG_LEVELS], uint64_t *suppressed_out);

/*
 * Writes one event: its name, then pairs of key and value, both strings (a NULL value is written as
 * "-"), terminated by NULL. Values are escaped: untrusted text cannot forge a line. Of one event,
 * at most 100 lines are written in 10 s, except of level debug; the next line has the number of
 * those that were suppressed.
 */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));

#define log_error(...) log_event(LOG_LEVEL_ERROR, __VA_ARGS__, (char *)NULL)
#define log_warn(...) log_event(LOG_LEVEL_WARN, __VA_ARGS__, (char *)NULL)
#define log_info(...) log_event(LOG_LEVEL_INFO, __VA_ARGS__, (char *)NULL)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_enabled(LOG_LEVEL_DEBUG))                                                  \
			log_event(LOG_LEVEL_DEBUG, __VA_ARGS__, (char *)NULL);                     \
	} while (0)

#define LOG_JSON_SIZE 2048

/*
 * Formats an event as a JSON object without a newline, as a line of the JSON log, and writes
 * nothing. An event that does not fit is reduced to time, level, event and "cut":"yes". Returns the
 * length.
 */
size_t log_json(char buf[static LOG_JSON_SIZE], enum log_level level, const char *event, ...)
	__attribute__((sentinel));

/*
 * Calls fn, too, with each event of level info and above: its name, the value of its field
 * "network" ("": none), and the JSON object of log_json. Neither log_setup's level nor the rate
 * limit applies. fn must not log. NULL: none, as initially.
 */
typedef void log_tap_fn(void *ctx, const char *event, const char *network, const char *json,
			size_t size);
void log_set_tap(log_tap_fn *fn, void *ctx);

#define LOG_NUM_SIZE 24
const char *log_num_text(char buf[static LOG_NUM_SIZE], int64_t value);
/* A number as a string for log_event, valid to the end of the block. */
#define LOG_NUM(value) log_num_text((char[LOG_NUM_SIZE]){ 0 }, (int64_t)(value))

#define LOG_BURST_LINES 100
#define LOG_BURST_MS 10000

/* The limit of lines of one event. Zero-initialized: none yet. */
struct log_burst {
	uint64_t begun_ms; /* monotonic */
	uint64_t lines, suppressed;
};

/*
 * Returns whether a line may be written now: at most LOG_BURST_LINES in LOG_BURST_MS. If it begins
 * a new period, *suppressed_out is the number of lines that were suppressed in the last one, else
 * 0.
 */
bool log_burst_pass(struct log_burst *burst, uint64_t now_ms, uint64_t *suppressed_out);

/*
 * Rate limit: returns true at most once per interval. *last_ms is the monotonic time of the last
 * true result, initially 0; *held counts the false results.
 */
bool log_limit(uint64_t *last_ms, uint64_t *held, uint64_t now_ms, uint64_t interval_ms);
