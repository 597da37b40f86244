/* SPDX-License-Identifier: Apache-2.0 */
/* The file of events: appended, replaced, read while it is replaced, and hostile. */
#include "common/event_file.h"

#include "common/log.h"
#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void append(int fd, const char *json)
{
	event_file_append(fd, json, strlen(json));
}

static void append_in(const char *json)
{
	event_file_append_in(tempdir_path, json, strlen(json));
}

static int writer(void)
{
	struct err err = ERR_INIT;
	int fd = -1;

	assert_good(event_file_open(tempdir, &fd, &err), err);
	return fd;
}

static void write_file(const char *name, const char *data, size_t size)
{
	int fd = openat(tempdir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

/* What the next read returns, without the empty lines. */
static const char *next(struct event_file_reader *reader, char buf[static 512])
{
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t size = 0, len = 0;

	assert_good(event_file_read(reader, &text, &size, &err), err);
	for (size_t i = 0; i < size && len < 511; i++)
		if (text[i] != '\n' || (len && buf[len - 1] != '\n'))
			buf[len++] = text[i];
	buf[len] = '\0';
	free(text);
	return buf;
}

static struct event_file_reader reader_of_dir(void)
{
	struct event_file_reader reader = EVENT_FILE_READER_INIT;
	struct err err = ERR_INIT;

	assert_good(event_file_reader_open(&reader, tempdir_path, &err), err);
	return reader;
}

static void records_are_read_once(void **state)
{
	struct event_file_reader reader;
	char buf[512];
	int fd;

	(void)state;
	append_in("{\"a\":0}"); /* without the file, nothing is recorded */
	reader = reader_of_dir();
	assert_string_equal(next(&reader, buf), "");
	fd = writer();
	append(fd, "{\"a\":1}");
	append_in("{\"a\":2}");
	assert_string_equal(next(&reader, buf), "{\"a\":1}\n{\"a\":2}\n");
	assert_string_equal(next(&reader, buf), "");
	append(fd, "{\"a\":3}");
	assert_string_equal(next(&reader, buf), "{\"a\":3}\n");
	event_file_reader_close(&reader);
	close(fd);
	/* After a restart, the events from before are still there. */
	fd = writer();
	append(fd, "{\"a\":4}");
	reader = reader_of_dir();
	assert_string_equal(next(&reader, buf), "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n{\"a\":4}\n");
	event_file_reader_close(&reader);
	close(fd);
}

static void a_partial_record_does_not_damage_the_next(void **state)
{
	struct event_file_reader reader;
	char buf[512];
	int fd;

	(void)state;
	write_file(EVENT_FILE, "\n{\"a\":", 6);
	reader = reader_of_dir();
	assert_string_equal(next(&reader, buf), "");
	fd = writer();
	append(fd, "{\"a\":1}");
	assert_string_equal(next(&reader, buf), "{\"a\":\n{\"a\":1}\n");
	event_file_reader_close(&reader);
	close(fd);
}

static void a_replaced_file_is_read_to_its_end(void **state)
{
	struct event_file_reader reader, second;
	char buf[512], *text = NULL;
	struct err err = ERR_INIT;
	size_t size = 0;
	int fd = writer(), former;

	(void)state;
	append(fd, "{\"a\":1}");
	reader = reader_of_dir();
	assert_string_equal(next(&reader, buf), "{\"a\":1}\n");
	append(fd, "{\"a\":2}");
	former = dup(fd);
	assert_good(event_file_replace(tempdir, &fd, &err), err);
	append(fd, "{\"a\":3}");
	second = reader_of_dir();
	assert_string_equal(next(&reader, buf), "{\"a\":2}\n");
	assert_string_equal(next(&reader, buf), "");
	/* Of a plugin that has opened the file before. */
	append(former, "{\"a\":0}");
	close(former);
	assert_string_equal(next(&reader, buf), "{\"a\":0}\n");
	assert_string_equal(next(&reader, buf), "");
	assert_string_equal(next(&reader, buf), "");
	assert_string_equal(next(&reader, buf), "{\"a\":3}\n");
	assert_string_equal(next(&reader, buf), "");
	assert_int_equal(event_file_read_former(&second, &text, &size, &err), 1);
	assert_non_null(strstr(text, "{\"a\":1}"));
	assert_non_null(strstr(text, "{\"a\":2}"));
	assert_null(strstr(text, "{\"a\":3}"));
	assert_string_equal(next(&second, buf), "{\"a\":3}\n");
	free(text);
	event_file_reader_close(&second);
	/* The file that a reader has open becomes the former one: it is not read twice. */
	second = reader_of_dir();
	assert_good(event_file_replace(tempdir, &fd, &err), err);
	assert_int_equal(event_file_read_former(&second, &text, &size, &err), 0);
	assert_string_equal(next(&second, buf), "{\"a\":3}\n");
	event_file_reader_close(&second);
	event_file_reader_close(&reader);
	close(fd);
}

static void the_size_is_bounded(void **state)
{
	char json[LOG_JSON_SIZE];
	struct stat st;
	int fd = writer();

	(void)state;
	memset(json, 'x', sizeof(json));
	/* weftd cannot replace the file, or is not there. */
	for (int i = 0; i < 1000; i++) {
		event_file_append(fd, json, sizeof(json));
		event_file_append_in(tempdir_path, json, sizeof(json));
	}
	assert_int_equal(fstat(fd, &st), 0);
	assert_in_range(st.st_size, EVENT_FILE_FULL, EVENT_FILE_FULL + sizeof(json) + 2);
	close(fd);
}

static void another_kind_of_file_is_replaced(void **state)
{
	char target[128];
	struct stat st;

	(void)state;
	snprintf(target, sizeof(target), "%s/target", tempdir_path);
	write_file("target", "kept", 4);
	assert_int_equal(symlinkat(target, tempdir, EVENT_FILE), 0);
	append_in("{}"); /* the plugin follows no link */
	close(writer());
	assert_int_equal(fstatat(tempdir, EVENT_FILE, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode) && st.st_size == 0 && (st.st_mode & 0777) == 0600);

	assert_int_equal(unlinkat(tempdir, EVENT_FILE, 0), 0);
	assert_int_equal(linkat(tempdir, "target", tempdir, EVENT_FILE, 0), 0);
	append_in("{}"); /* nor does it write to a file with another name */
	close(writer());

	assert_int_equal(unlinkat(tempdir, EVENT_FILE, 0), 0);
	assert_int_equal(mkfifoat(tempdir, EVENT_FILE, 0600), 0);
	append_in("{}"); /* and it does not wait for a reader */
	close(writer());
	assert_int_equal(fstatat(tempdir, EVENT_FILE, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(fstatat(tempdir, "target", &st, 0), 0);
	assert_int_equal(st.st_size, 4);
}

static void a_reader_follows_no_link_and_does_not_wait(void **state)
{
	struct event_file_reader reader = EVENT_FILE_READER_INIT;
	struct err err = ERR_INIT;

	(void)state;
	write_file("target", "kept", 4);
	assert_int_equal(symlinkat("target", tempdir, EVENT_FILE), 0);
	assert_int_equal(event_file_reader_open(&reader, tempdir_path, &err), -1);
	assert_says(err.text, "symbolic link");
	event_file_reader_close(&reader);
	assert_int_equal(unlinkat(tempdir, EVENT_FILE, 0), 0);
	assert_int_equal(mkfifoat(tempdir, EVENT_FILE, 0600), 0);
	assert_int_equal(event_file_reader_open(&reader, tempdir_path, &err), -1);
	assert_says(err.text, "not a regular file");
	event_file_reader_close(&reader);
}

static void of_a_huge_file_the_end_is_read(void **state)
{
	struct event_file_reader reader;
	struct err err = ERR_INIT;
	char *text = NULL, buf[512];
	size_t size = 0;
	int fd = openat(tempdir, EVENT_FILE, O_WRONLY | O_CREAT, 0600);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0); /* sparse: a terabyte of NULs */
	assert_int_equal(lseek(fd, 0, SEEK_END), (off_t)1 << 40);
	assert_int_equal(write(fd, "\n{\"last\":1}\n", 12), 12);
	reader = reader_of_dir();
	assert_int_equal(event_file_read(&reader, &text, &size, &err), 1);
	assert_true(size <= 2 * EVENT_FILE_FULL);
	assert_memory_equal(text + size - 12, "\n{\"last\":1}\n", 12);
	free(text);
	/* What is read once is not read again. */
	assert_string_equal(next(&reader, buf), "");
	assert_int_equal(write(fd, "\n{\"a\":2}\n", 9), 9);
	assert_string_equal(next(&reader, buf), "{\"a\":2}\n");
	/* A line without end is passed over. */
	assert_int_equal(ftruncate(fd, (off_t)1 << 41), 0);
	assert_string_equal(next(&reader, buf), "");
	assert_int_equal(lseek(fd, 0, SEEK_END), (off_t)1 << 41);
	assert_int_equal(write(fd, "\n{\"a\":3}\n", 9), 9);
	assert_string_equal(next(&reader, buf), "{\"a\":3}\n");
	close(fd);
	event_file_reader_close(&reader);
}

static void append_repeated(const char *json)
{
	event_file_append_repeated_in(tempdir_path, "failed", json, strlen(json));
}

static size_t lines_of(const char *part)
{
	struct event_file_reader reader = reader_of_dir();
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t size = 0, count = 0;

	assert_good(event_file_read(&reader, &text, &size, &err), err);
	for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
		count++;
	free(text);
	event_file_reader_close(&reader);
	return count;
}

/* Of one event in one minute; other events and other minutes are independent of it. */
static void repeated_records_are_limited(void **state)
{
	static const char other[] =
		"{\"time\":\"2026-11-29T12:00:00.000Z\",\"level\":\"info\","
		"\"event\":\"failed again\",\"error\":\"\\\"event\\\":\\\"failed\\\"\"}";
	char json[LOG_JSON_SIZE];
	int fd = writer();

	(void)state;
	for (int i = 0; i < 3 * EVENT_FILE_REPEATED; i++) {
		snprintf(json, sizeof(json),
			 "{\"time\":\"2026-11-29T12:00:%02d.000Z\",\"event\":\"failed\"}", i);
		append(fd, other);
		append_repeated(json);
	}
	assert_int_equal(lines_of("T12:00:00.000Z\",\"level"), 3 * EVENT_FILE_REPEATED);
	assert_int_equal(lines_of("\"event\":\"failed\"}"), EVENT_FILE_REPEATED);
	append_repeated("{\"time\":\"2026-11-29T12:01:00.000Z\",\"event\":\"failed\"}");
	assert_int_equal(lines_of("\"event\":\"failed\"}"), EVENT_FILE_REPEATED + 1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(records_are_read_once),
		TEMPDIR_TEST(a_partial_record_does_not_damage_the_next),
		TEMPDIR_TEST(a_replaced_file_is_read_to_its_end),
		TEMPDIR_TEST(the_size_is_bounded),
		TEMPDIR_TEST(another_kind_of_file_is_replaced),
		TEMPDIR_TEST(a_reader_follows_no_link_and_does_not_wait),
		TEMPDIR_TEST(of_a_huge_file_the_end_is_read),
		TEMPDIR_TEST(repeated_records_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
