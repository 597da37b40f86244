/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging to a descriptor (standard error unless told), one line an event, as
 * text with key=value fields or as one JSON object a line. The logger is the
 * only global of a program. It never writes to standard output and never fails.
 *
 * Levels: error = somebody must act; warn = weft works around it, somebody
 * should know; info = a change of state worth a line; debug = how a decision
 * was come to.
 */
#pragma once

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>

struct err;

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Sets what is written, how, and to which descriptor. Before: info, text, 2. */
void log_setup(enum log_level level, enum log_format format, int fd);

bool log_enabled(enum log_level level);

/*
 * Writes one event: its name, then pairs of key and value, both strings (a NULL
 * value is written as "-"), ended by NULL. Values are escaped, so hostile text
 * cannot forge a line.
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

#define LOG_NUM_SIZE 24
const char *log_num_text(char buf[static LOG_NUM_SIZE], int64_t value);
/* A number as the text that log_event takes; lives to the end of the block. */
#define LOG_NUM(value) log_num_text((char[LOG_NUM_SIZE]){ 0 }, (int64_t)(value))

/*
 * At most one true answer per interval for one *last (monotonic milliseconds of
 * the last true answer, 0 at first); counts the others in *held.
 */
bool log_limit(uint64_t *last_ms, uint64_t *held, uint64_t now_ms, uint64_t interval_ms);
