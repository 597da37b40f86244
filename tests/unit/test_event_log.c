/* SPDX-License-Identifier: Apache-2.0 */
/* fake: loop */
/* weftd's log as events: every line is recorded, but few of one event. */
#include "daemon/control/event_log.h"

#include "common/event_file.h"
#include "common/log.h"
#include "daemon/io/loop.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char *content(void)
{
	static char text[1 << 20];
	int fd = openat(tempdir, EVENT_FILE, O_RDONLY);
	ssize_t size = read(fd, text, sizeof(text) - 1);

	assert_true(size >= 0);
	text[size] = '\0';
	close(fd);
	return text;
}

static size_t count(const char *part)
{
	size_t n = 0;

	for (const char *at = content(); (at = strstr(at, part)); at++)
		n++;
	return n;
}

static void every_line_is_recorded(void **state)
{
	struct event_log *log = NULL;
	struct loop *loop = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(loop_new(&loop, &err), err);
	assert_good(event_log_new(loop, tempdir_path, &log, &err), err);
	log_info("lease acquired", "network", "default", "key", "a\nb\"");
	log_debug("not an event");
	log_warn("store connection lost");
	event_log_free(log);
	log_info("after the end");
	assert_int_equal(count("\"level\":\"info\",\"event\":\"lease acquired\","
			       "\"network\":\"default\",\"key\":\"a\\u000ab\\\"\"}\n"),
			 1);
	assert_int_equal(count("\"event\":\"store connection lost\"}\n"), 1);
	assert_int_equal(count("\"time\""), 2);
	loop_free(loop);
}

static void a_storm_is_one_more_record(void **state)
{
	struct event_log *log = NULL;
	struct loop *loop = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(loop_new(&loop, &err), err);
	assert_good(event_log_new(loop, tempdir_path, &log, &err), err);
	for (int i = 0; i < 10000; i++)
		log_warn("key in the store ignored", "key", LOG_NUM(i));
	log_info("network ready");
	assert_int_equal(count("\"key in the store ignored\""), EVENT_LOG_LINES);
	assert_int_equal(count("\"network ready\""), 1);
	fake_loop_pass(loop, EVENT_LOG_MS);
	assert_int_equal(count("\"event\":\"events omitted\",\"of\":\"key in the store ignored\","
			       "\"count\":\"9980\"}"),
			 1);
	/* The next period. */
	log_warn("key in the store ignored", "key", "next");
	assert_int_equal(count("\"key in the store ignored\",\"key\":\"next\""), 1);
	/* The end of weftd. */
	for (int i = 0; i < 100; i++)
		log_warn("key in the store ignored");
	event_log_free(log);
	assert_int_equal(count("\"events omitted\""), 2);
	loop_free(loop);
}

static void a_storm_in_one_network_hides_no_other(void **state)
{
	struct event_log *log = NULL;
	struct loop *loop = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(loop_new(&loop, &err), err);
	assert_good(event_log_new(loop, tempdir_path, &log, &err), err);
	for (int i = 0; i < 30; i++)
		log_warn("lease error", "network", "blue");
	log_warn("lease error", "network", "red");
	log_warn("lease error");
	assert_int_equal(count("\"lease error\",\"network\":\"blue\""), EVENT_LOG_LINES);
	assert_int_equal(count("\"lease error\",\"network\":\"red\""), 1);
	assert_int_equal(count("\"lease error\"}"), 1);
	event_log_free(log);
	assert_int_equal(
		count("\"event\":\"events omitted\",\"of\":\"lease error\",\"count\":\"10\","
		      "\"network\":\"blue\"}"),
		1);
	assert_int_equal(count("\"events omitted\""), 1);
	loop_free(loop);
}

/* More events than limits: each is recorded, and what is omitted is counted. */
static void many_kinds_of_events_are_recorded(void **state)
{
	struct event_log *log = NULL;
	struct loop *loop = NULL;
	struct err err = ERR_INIT;
	char name[32];

	(void)state;
	assert_good(loop_new(&loop, &err), err);
	assert_good(event_log_new(loop, tempdir_path, &log, &err), err);
	for (int i = 0; i < 30; i++)
		log_info("first");
	fake_loop_pass(loop, 1);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "event %d", i);
		log_info(name);
		fake_loop_pass(loop, 1);
	}
	assert_int_equal(count("\"event\":\"event "), 300);
	assert_int_equal(count("\"event\":\"first\""), EVENT_LOG_LINES);
	assert_int_equal(count("\"of\":\"first\",\"count\":\"10\""), 1);
	event_log_free(log);
	loop_free(loop);
}

static void the_file_is_replaced_when_it_has_grown(void **state)
{
	char name[64], filler[1024];
	struct event_log *log = NULL;
	struct loop *loop = NULL;
	struct err err = ERR_INIT;
	struct stat st, former;

	(void)state;
	memset(filler, 'x', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = '\0';
	assert_good(loop_new(&loop, &err), err);
	assert_good(event_log_new(loop, tempdir_path, &log, &err), err);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "event %d", i);
		log_info(name, "filler", filler);
	}
	event_log_free(log);
	assert_int_equal(fstatat(tempdir, EVENT_FILE, &st, 0), 0);
	assert_int_equal(fstatat(tempdir, EVENT_FILE_FORMER, &former, 0), 0);
	assert_true(st.st_size < EVENT_FILE_FULL);
	assert_in_range(former.st_size, EVENT_FILE_REPLACE, EVENT_FILE_FULL);
	loop_free(loop);
}

/* The plugin appends, too, and stops at a full file. */
static void fill(void)
{
	static const char json[1024] = "{\"event\":\"container attached\"}";
	struct stat st = { .st_size = 0 };

	while (st.st_size < EVENT_FILE_FULL) {
		event_file_append_in(tempdir_path, json, sizeof(json));
		assert_int_equal(fstatat(tempdir, EVENT_FILE, &st, 0), 0);
	}
}

static void a_file_that_the_plugin_has_filled_is_replaced(void **state)
{
	static const char json[] = "{\"event\":\"of the plugin\"}";
	struct event_log *log = NULL;
	struct loop *loop = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(loop_new(&loop, &err), err);
	assert_good(event_log_new(loop, tempdir_path, &log, &err), err);
	fill();
	log_info("lease acquired");
	assert_int_equal(count("\"event\":\"lease acquired\""), 1);
	/* Without an event of weftd. */
	fill();
	fake_loop_pass(loop, 30000);
	event_file_append_in(tempdir_path, json, strlen(json));
	assert_int_equal(count(json), 1);
	fill();
	fake_loop_pass(loop, 30000);
	event_file_append_in(tempdir_path, json, strlen(json));
	assert_int_equal(count(json), 1);
	/* While weftd was not running. */
	event_log_free(log);
	fill();
	assert_good(event_log_new(loop, tempdir_path, &log, &err), err);
	event_file_append_in(tempdir_path, json, strlen(json));
	assert_int_equal(count(json), 1);
	event_log_free(log);
	loop_free(loop);
}

static void without_directory_or_file_there_is_none(void **state)
{
	struct event_log *log = NULL;
	struct loop *loop = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(loop_new(&loop, &err), err);
	assert_int_equal(event_log_new(loop, "/nonexistent/run", &log, &err), -1);
	assert_says(err.text, "/nonexistent/run");
	assert_int_equal(mkdirat(tempdir, "events", 0700), 0);
	assert_int_equal(event_log_new(loop, tempdir_path, &log, &err), -1);
	assert_says(err.text, tempdir_path);
	assert_says(err.text, "cannot remove events: Is a directory");
	log_info("nothing happens");
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(every_line_is_recorded),
		TEMPDIR_TEST(a_storm_is_one_more_record),
		TEMPDIR_TEST(a_storm_in_one_network_hides_no_other),
		TEMPDIR_TEST(many_kinds_of_events_are_recorded),
		TEMPDIR_TEST(the_file_is_replaced_when_it_has_grown),
		TEMPDIR_TEST(a_file_that_the_plugin_has_filled_is_replaced),
		TEMPDIR_TEST(without_directory_or_file_there_is_none),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, open("/dev/null", O_WRONLY | O_CLOEXEC));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
