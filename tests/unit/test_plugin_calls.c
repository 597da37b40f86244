/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/plugin_calls.h"

#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const dir = tempdir_path;
static char path[128];

static void append(enum call_verb verb, enum call_outcome outcome, uint64_t took_us)
{
	const struct call_record record = call_record(verb, outcome, took_us);

	call_log_append(dir, &record);
}

static const char *file_path(void)
{
	snprintf(path, sizeof(path), "%s/" CALL_LOG_FILE, dir);
	return path;
}

static off_t file_size(void)
{
	struct stat st;

	return stat(file_path(), &st) < 0 ? -1 : st.st_size;
}

static void write_bytes(const void *bytes, size_t size)
{
	int fd = open(file_path(), O_WRONLY | O_APPEND);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

static void calls_are_counted_once(void **state)
{
	struct plugin_calls calls = PLUGIN_CALLS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	append(CALL_ADD, CALL_SUCCESS, 1000); /* without the file, nothing is recorded */
	assert_int_equal(file_size(), -1);
	assert_good(plugin_calls_open(&calls, dir, &err), err);
	append(CALL_ADD, CALL_SUCCESS, 1000);
	append(CALL_ADD, CALL_RETRY, 3000);
	append(CALL_DEL, CALL_SUCCESS, 1);
	plugin_calls_read(&calls);
	plugin_calls_read(&calls);
	assert_int_equal(calls.count[CALL_ADD][CALL_SUCCESS], 1);
	assert_int_equal(calls.count[CALL_ADD][CALL_RETRY], 1);
	assert_int_equal(calls.count[CALL_DEL][CALL_SUCCESS], 1);
	assert_int_equal(calls.took[CALL_ADD].sum_us, 4000);
	append(CALL_ADD, CALL_SUCCESS, 1);
	plugin_calls_close(&calls); /* counts the last one, so that the next weftd does not */
	assert_int_equal(calls.count[CALL_ADD][CALL_SUCCESS], 2);
	assert_int_equal(file_size(), 0);
}

static void calls_while_weftd_is_down_are_counted(void **state)
{
	struct plugin_calls calls = PLUGIN_CALLS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(plugin_calls_open(&calls, dir, &err), err);
	plugin_calls_close(&calls);
	append(CALL_CHECK, CALL_ERROR, 1);
	assert_good(plugin_calls_open(&calls, dir, &err), err);
	plugin_calls_read(&calls);
	assert_int_equal(calls.count[CALL_CHECK][CALL_ERROR], 1);
	plugin_calls_close(&calls);
	plugin_calls_disable(dir);
	assert_int_equal(file_size(), -1);
}

/* No call is lost when the file is replaced, also not that of a plugin that has it open. */
static void a_grown_file_is_replaced(void **state)
{
	const struct call_record late = call_record(CALL_GC, CALL_SUCCESS, 1);
	struct plugin_calls calls = PLUGIN_CALLS_INIT;
	struct err err = ERR_INIT;
	uint64_t len = 0;
	int fd;

	(void)state;
	assert_good(plugin_calls_open(&calls, dir, &err), err);
	fd = open(file_path(), O_WRONLY | O_APPEND);
	for (; file_size() < PLUGIN_CALLS_REPLACE; len++)
		append(CALL_ADD, CALL_SUCCESS, 1);
	plugin_calls_read(&calls);
	assert_int_equal(file_size(), 0);
	append(CALL_ADD, CALL_SUCCESS, 1);
	assert_int_equal(write(fd, &late, sizeof(late)), sizeof(late));
	close(fd);
	plugin_calls_read(&calls);
	assert_int_equal(calls.count[CALL_ADD][CALL_SUCCESS], len + 1);
	assert_int_equal(calls.count[CALL_GC][CALL_SUCCESS], 1);
	plugin_calls_close(&calls);
}

static void a_full_file_is_left_alone(void **state)
{
	struct plugin_calls calls = PLUGIN_CALLS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(plugin_calls_open(&calls, dir, &err), err);
	assert_int_equal(truncate(file_path(), CALL_LOG_MAX), 0);
	append(CALL_ADD, CALL_SUCCESS, 1);
	assert_int_equal(file_size(), CALL_LOG_MAX);
	plugin_calls_close(&calls);
}

static void what_is_no_record_is_ignored(void **state)
{
	struct call_record record = call_record(CALL_ADD, CALL_SUCCESS, 1);
	struct plugin_calls calls = PLUGIN_CALLS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(plugin_calls_open(&calls, dir, &err), err);
	record.verb = CALL_VERBS;
	write_bytes(&record, sizeof(record));
	record = call_record(CALL_ADD, CALL_OUTCOMES, 1);
	write_bytes(&record, sizeof(record));
	write_bytes("sixteen bytes...", 16);
	append(CALL_DEL, CALL_SUCCESS, 1);
	write_bytes("incomplete", 10);
	plugin_calls_read(&calls);
	plugin_calls_read(&calls);
	for (size_t i = 0; i < CALL_OUTCOMES; i++)
		assert_int_equal(calls.count[CALL_ADD][i], 0);
	assert_int_equal(calls.count[CALL_DEL][CALL_SUCCESS], 1);
	plugin_calls_close(&calls);
}

static void links_and_fifos_are_not_opened(void **state)
{
	struct plugin_calls calls = PLUGIN_CALLS_INIT;
	char target[128];
	struct err err = ERR_INIT;
	struct stat st;
	int fd;

	(void)state;
	snprintf(target, sizeof(target), "%s/target", dir);
	fd = open(target, O_WRONLY | O_CREAT, 0600);
	close(fd);
	assert_int_equal(symlink("target", file_path()), 0);
	append(CALL_ADD, CALL_SUCCESS, 1);
	assert_int_equal(stat(target, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(plugin_calls_open(&calls, dir, &err), -1);
	plugin_calls_close(&calls);
	unlink(file_path());
	assert_int_equal(link(target, file_path()), 0);
	append(CALL_ADD, CALL_SUCCESS, 1);
	assert_int_equal(file_size(), 0);
	unlink(file_path());
	assert_int_equal(mkfifo(file_path(), 0600), 0);
	append(CALL_ADD, CALL_SUCCESS, 1); /* does not block */
	assert_int_equal(plugin_calls_open(&calls, dir, &err), -1);
	plugin_calls_close(&calls);
}

static void outcomes_follow_the_cni_codes(void **state)
{
	(void)state;
	assert_int_equal(call_outcome_of(0), CALL_SUCCESS);
	assert_int_equal(call_outcome_of(7), CALL_INVALID);
	assert_int_equal(call_outcome_of(5), CALL_ERROR);
	assert_int_equal(call_outcome_of(11), CALL_RETRY);
	assert_int_equal(call_outcome_of(50), CALL_ERROR);
	assert_int_equal(call_outcome_of(101), CALL_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(calls_are_counted_once),
		TEMPDIR_TEST(calls_while_weftd_is_down_are_counted),
		TEMPDIR_TEST(a_grown_file_is_replaced),
		TEMPDIR_TEST(a_full_file_is_left_alone),
		TEMPDIR_TEST(what_is_no_record_is_ignored),
		TEMPDIR_TEST(links_and_fifos_are_not_opened),
		cmocka_unit_test(outcomes_follow_the_cni_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
