/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define STAMP "2025-01-01T00:00:00.000Z" /* its form; the time itself is not compared */

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

/* What has been logged since, as one text. */
static const char *logged(char buf[static 8192])
{
	ssize_t size;

	/* A byte of our own, so that nothing logged is no wait. */
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
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
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

static void a_long_line_is_cut(void **state)
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

/* Of every length about the limit, a JSON line comes out whole or is replaced. */
static void a_json_line_is_never_half(void **state)
{
	char value[4200], buf[8192];

	(void)state;
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, pipe_fds[1]);
	for (size_t len = 3900; len < sizeof(value); len++) {
		memset(value, 'x', len);
		value[len] = '\0';
		log_info("e", "k", value);
		logged(buf);
		assert_true(strstr(buf, "x\"}\n") || strstr(buf, "\"line too long\"}\n"));
		assert_true(strlen(buf) <= 4095);
	}
}

static void a_dead_descriptor_is_no_fault(void **state)
{
	(void)state;
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, -1);
	log_info("nobody hears this");
}

static void limit_holds_back_and_counts(void **state)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(text_lines, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(json_lines, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(levels, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(macros_use_their_level, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(a_long_line_is_cut, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(a_json_line_is_never_half, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(a_dead_descriptor_is_no_fault, open_pipe,
						close_pipe),
		cmocka_unit_test(limit_holds_back_and_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
