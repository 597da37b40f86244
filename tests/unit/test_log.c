/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include "common/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define STAMP "2025-01-01T00:00:00.000Z" /* the form of a time; the time itself is not compared */

static int pipe_fds[2];

static int open_pipe(void **state)
{
	(void)state;
	return pipe(pipe_fds);
}

static int close_pipe(void **state)
{
	(void)state;
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, STDERR_FILENO);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return 0;
}

/* Returns the text logged since the last call. */
static const char *logged(char buf[static 8192])
{
	ssize_t size;

	/* A marker byte, so that the read does not block if nothing was logged. */
	assert_int_equal(write(pipe_fds[1], "", 1), 1);
	size = read(pipe_fds[0], buf, 8191);
	assert_true(size > 0);
	buf[size] = '\0';
	return buf;
}

static void check_stamp(const char *text)
{
	static const char form[] = STAMP;

	for (size_t i = 0; form[i]; i++) {
		if (form[i] >= '0' && form[i] <= '9')
			assert_in_range(text[i], '0', '9');
		else
			assert_int_equal(text[i], form[i]);
	}
}

static void text_lines(void **state)
{
	static const struct {
		const char *value, *line;
	} cases[] = {
		{ "10.5.2.0/24", " info: lease taken subnet=10.5.2.0/24\n" },
		{ "", " info: lease taken subnet=\"\"\n" },
		{ NULL, " info: lease taken subnet=-\n" },
		{ "a b", " info: lease taken subnet=\"a b\"\n" },
		{ "a=b", " info: lease taken subnet=\"a=b\"\n" },
		{ "a\"\\b", " info: lease taken subnet=\"a\\\"\\\\b\"\n" },
		{ "x\nforged", " info: lease taken subnet=\"x\\u000aforged\"\n" },
		{ "\x1b[2J\x7f", " info: lease taken subnet=\"\\u001b[2J\\u007f\"\n" },
		{ "\x7f", " info: lease taken subnet=\"\\u007f\"\n" },
		{ "~", " info: lease taken subnet=~\n" },
		{ "\xc2\xa0", " info: lease taken subnet=\"\xc2\xa0\"\n" },
		{ "k\xc3\xb6ln", " info: lease taken subnet=\"k\xc3\xb6ln\"\n" },
		{ "\xc2\x9b"
		  "0m",
		  " info: lease taken subnet=\"\\u009b0m\"\n" },
		{ "a\xff"
		  "b\xc3",
		  " info: lease taken subnet=\"a\\ufffdb\\ufffd\"\n" },
	};
	char buf[8192];

	(void)state;
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, pipe_fds[1]);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		log_info("lease taken", "subnet", cases[i].value);
		check_stamp(logged(buf));
		assert_string_equal(buf + strlen(STAMP), cases[i].line);
	}
}

static void json_lines(void **state)
{
	char buf[8192];

	(void)state;
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON, pipe_fds[1]);
	log_error("pass \"failed\"", "error", "a\n\"b\"\xff", "tries", LOG_NUM(-3), "peer", NULL);
	logged(buf);
	assert_memory_equal(buf, "{\"time\":\"", 9);
	check_stamp(buf + 9);
	assert_string_equal(
		buf + 9 + strlen(STAMP),
		"\",\"level\":\"error\",\"event\":\"pass \\\"failed\\\"\","
		"\"error\":\"a\\u000a\\\"b\\\"\\ufffd\",\"tries\":\"-3\",\"peer\":\"-\"}\n");
}

static void levels(void **state)
{
	static const enum log_level all[] = { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO,
					      LOG_LEVEL_DEBUG };
	static const char *const names[] = { " error: e\n", " warn: e\n", " info: e\n",
					     " debug: e\n" };
	char buf[8192];

	(void)state;
	for (size_t set = 0; set < 4; set++) {
		log_setup(all[set], LOG_FORMAT_TEXT, pipe_fds[1]);
		for (size_t used = 0; used < 4; used++) {
			log_event(all[used], "e", (char *)NULL);
			logged(buf);
			assert_int_equal(log_enabled(all[used]), used <= set);
			assert_string_equal(*buf ? buf + strlen(STAMP) : "",
					    used <= set ? names[used] : "");
		}
	}
}

static void macros_use_their_level(void **state)
{
	char buf[8192];

	(void)state;
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT, pipe_fds[1]);
	log_error("e");
	log_warn("w");
	log_info("i");
	log_debug("d", "k", "v");
	logged(buf);
	assert_non_null(strstr(buf, " error: e\n"));
	assert_non_null(strstr(buf, " warn: w\n"));
	assert_non_null(strstr(buf, " info: i\n"));
	assert_non_null(strstr(buf, " debug: d k=v\n"));
}

static void a_long_line_is_truncated(void **state)
{
	char value[6000], buf[8192];

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, pipe_fds[1]);
	log_info("e", "k", value, "never", "seen");
	logged(buf);
	assert_int_equal(strlen(buf), 4095);
	assert_int_equal(buf[4094], '\n');
	assert_null(strstr(buf, "never"));

	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, pipe_fds[1]);
	log_info("e", "k", value);
	logged(buf);
	assert_string_equal(buf + 9 + strlen(STAMP),
			    "\",\"level\":\"info\",\"event\":\"line too long\"}\n");
}

/* A JSON line that exceeds the limit is replaced as a whole, at every length. */
static void a_json_line_is_never_truncated(void **state)
{
	char value[4200], buf[8192];

	(void)state;
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON, pipe_fds[1]);
	for (size_t len = 3900; len < sizeof(value); len++) {
		memset(value, 'x', len);
		value[len] = '\0';
		log_debug("e", "k", value); /* not limited */
		logged(buf);
		assert_true(strstr(buf, "x\"}\n") || strstr(buf, "\"line too long\"}\n"));
		assert_true(strlen(buf) <= 4095);
	}
}

static void an_invalid_descriptor_is_ignored(void **state)
{
	(void)state;
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, -1);
	log_info("not written");
}

static void the_rate_limit_suppresses_and_counts(void **state)
{
	uint64_t last = 0, held = 0;

	(void)state;
	assert_true(log_limit(&last, &held, 5, 1000));
	assert_false(log_limit(&last, &held, 6, 1000));
	assert_false(log_limit(&last, &held, 1004, 1000));
	assert_int_equal(held, 2);
	assert_true(log_limit(&last, &held, 1005, 1000));
	assert_int_equal(last, 1005);
	assert_int_equal(held, 2);
}

static void lines_of_one_event_are_limited(void **state)
{
	struct log_burst burst = { .lines = 0 };
	uint64_t suppressed = 7;

	(void)state;
	for (int i = 0; i < LOG_BURST_LINES; i++)
		assert_true(log_burst_pass(&burst, 1000, &suppressed));
	assert_int_equal(suppressed, 0);
	assert_false(log_burst_pass(&burst, 1000, &suppressed));
	assert_false(log_burst_pass(&burst, 999 + LOG_BURST_MS, &suppressed));
	assert_true(log_burst_pass(&burst, 1000 + LOG_BURST_MS, &suppressed));
	assert_int_equal(suppressed, 2);
	assert_true(log_burst_pass(&burst, 1001 + LOG_BURST_MS, &suppressed));
	assert_int_equal(suppressed, 0);
}

static void lines_are_counted_by_level(void **state)
{
	uint64_t before[LOG_LEVELS], after[LOG_LEVELS], suppressed;

	(void)state;
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, pipe_fds[1]);
	log_counts(before, &suppressed);
	log_warn("w");
	log_debug("not enabled");
	log_counts(after, &suppressed);
	assert_int_equal(after[LOG_LEVEL_WARN], before[LOG_LEVEL_WARN] + 1);
	assert_int_equal(after[LOG_LEVEL_INFO], before[LOG_LEVEL_INFO]);
	assert_int_equal(after[LOG_LEVEL_DEBUG], before[LOG_LEVEL_DEBUG]);
}

static void the_journal_gets_priorities(void **state)
{
	static const char *const starts[] = { "<3>20", "<4>20", "<6>20", "<7>20" };
	char buf[8192];

	(void)state;
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT, pipe_fds[1]);
	log_set_journal(true);
	for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
		log_event((enum log_level)i, "e", (char *)NULL);
		assert_memory_equal(logged(buf), starts[i], 5);
	}
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, pipe_fds[1]);
	log_info("e");
	assert_memory_equal(logged(buf), "<6>{\"time\":", 10);
	log_set_journal(false);
	log_info("e");
	assert_memory_equal(logged(buf), "{\"time\":", 8);
}

static void the_journal_is_identified_by_its_socket(void **state)
{
	char stream[64], longer[65];
	struct stat st;

	(void)state;
	assert_int_equal(fstat(pipe_fds[1], &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	assert_true(log_is_journal(stream, pipe_fds[1]));
	assert_false(log_is_journal(stream, -1));
	snprintf(longer, sizeof(longer), "%s1", stream);
	assert_false(log_is_journal(longer, pipe_fds[1]));
	assert_false(log_is_journal(NULL, pipe_fds[1]));
	assert_false(log_is_journal("", pipe_fds[1]));
	assert_false(log_is_journal("8", pipe_fds[1]));
	assert_false(log_is_journal("8:1x", pipe_fds[1]));
}

struct tapped {
	size_t count;
	char event[64], json[LOG_JSON_SIZE];
	char network[64];
};

static void on_tap(void *ctx, const char *event, const char *network, const char *json, size_t size)
{
	struct tapped *tapped = ctx;

	assert_int_equal(size, strlen(json));
	tapped->count++;
	snprintf(tapped->event, sizeof(tapped->event), "%s", event);
	snprintf(tapped->network, sizeof(tapped->network), "%s", network);
	snprintf(tapped->json, sizeof(tapped->json), "%s", json);
}

static void the_tap_has_every_event(void **state)
{
	struct tapped tapped = { .count = 0 };
	char buf[8192];

	(void)state;
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, pipe_fds[1]);
	log_set_tap(on_tap, &tapped);
	log_info("tapped", "key", "a b", "none", NULL);
	assert_string_equal(tapped.event, "tapped");
	assert_string_equal(tapped.network, "");
	assert_string_equal(
		tapped.json + strlen("{\"time\":\"" STAMP),
		"\",\"level\":\"info\",\"event\":\"tapped\",\"key\":\"a b\",\"none\":\"-\"}");
	log_info("tapped", "key", "network", "network", "blue", "other", "red");
	assert_string_equal(tapped.network, "blue");
	log_info("tapped", "network", NULL);
	assert_string_equal(tapped.network, "");
	log_debug("not tapped");
	for (int i = 0; i < 2 * LOG_BURST_LINES; i++)
		log_warn("tapped often");
	assert_int_equal(tapped.count, 3 + 2 * LOG_BURST_LINES);
	assert_string_equal(logged(buf), ""); /* the log's own level is error */
	log_set_tap(NULL, NULL);
	log_warn("not tapped");
	assert_int_equal(tapped.count, 3 + 2 * LOG_BURST_LINES);
}

static void a_long_event_is_cut_and_still_json(void **state)
{
	char json[LOG_JSON_SIZE], value[2 * LOG_JSON_SIZE];
	size_t len;

	(void)state;
	memset(value, '"', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	len = log_json(json, LOG_LEVEL_WARN, "long", "key", value, (char *)NULL);
	assert_int_equal(len, strlen(json));
	assert_string_equal(json + strlen("{\"time\":\"" STAMP),
			    "\",\"level\":\"warn\",\"event\":\"long\",\"cut\":\"yes\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_tap_has_every_event, open_pipe, close_pipe),
		cmocka_unit_test(a_long_event_is_cut_and_still_json),
		cmocka_unit_test_setup_teardown(text_lines, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(json_lines, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(levels, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(macros_use_their_level, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(a_long_line_is_truncated, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(a_json_line_is_never_truncated, open_pipe,
						close_pipe),
		cmocka_unit_test_setup_teardown(an_invalid_descriptor_is_ignored, open_pipe,
						close_pipe),
		cmocka_unit_test(the_rate_limit_suppresses_and_counts),
		cmocka_unit_test(lines_of_one_event_are_limited),
		cmocka_unit_test_setup_teardown(lines_are_counted_by_level, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(the_journal_gets_priorities, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(the_journal_is_identified_by_its_socket, open_pipe,
						close_pipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
