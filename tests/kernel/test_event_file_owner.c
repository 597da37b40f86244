/* SPDX-License-Identifier: Apache-2.0 */
/* The file of events of another user. Only root can give a file away. */
#include "common/event_file.h"

#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OTHER 65534
#define DAEMON 65533

static void make_file(const char *name, uid_t owner)
{
	int fd = openat(tempdir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "{}\n", 3), 3);
	assert_int_equal(fchown(fd, owner, (gid_t)-1), 0);
	close(fd);
}

static int writer(void)
{
	struct err err = ERR_INIT;
	int fd = -1;

	assert_good(event_file_open(tempdir, &fd, &err), err);
	return fd;
}

static void append_in(const char *json)
{
	event_file_append_in(tempdir_path, json, strlen(json));
}

static void a_file_of_another_user_is_refused(void **state)
{
	struct event_file_reader reader = EVENT_FILE_READER_INIT;
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t size = 0;

	(void)state;
	make_file(EVENT_FILE, OTHER);
	assert_int_equal(event_file_reader_open(&reader, tempdir_path, &err), -1);
	assert_says(err.text, EVENT_FILE " belongs to another user");
	event_file_reader_close(&reader);
	make_file(EVENT_FILE, 0);
	make_file(EVENT_FILE_FORMER, OTHER);
	assert_good(event_file_reader_open(&reader, tempdir_path, &err), err);
	assert_int_equal(event_file_read_former(&reader, &text, &size, &err), -1);
	assert_says(err.text, EVENT_FILE_FORMER " belongs to another user");
	event_file_reader_close(&reader);
}

static void the_owner_of_the_directory_and_root_may_write(void **state)
{
	static const uid_t owners[] = { DAEMON, 0 };

	(void)state;
	assert_int_equal(fchown(tempdir, DAEMON, (gid_t)-1), 0);
	for (size_t i = 0; i < 2; i++) {
		struct event_file_reader reader = EVENT_FILE_READER_INIT;
		struct err err = ERR_INIT;
		char *text = NULL;
		size_t size = 0;

		make_file(EVENT_FILE, owners[i]);
		assert_good(event_file_reader_open(&reader, tempdir_path, &err), err);
		assert_int_equal(event_file_read(&reader, &text, &size, &err), 1);
		assert_string_equal(text, "{}\n");
		free(text);
		event_file_reader_close(&reader);
	}
}

static void a_file_of_another_user_is_replaced(void **state)
{
	struct stat st;

	(void)state;
	make_file(EVENT_FILE, 0);
	append_in("{}"); /* of root, in root's directory */
	assert_int_equal(fchown(tempdir, 65534, 65534), 0);
	append_in("{}");
	assert_int_equal(fstatat(tempdir, EVENT_FILE, &st, 0), 0);
	assert_int_equal(st.st_size, 3 + 4);
	/* A new file is used by its own descriptor, also with another owner. */
	close(writer());
	assert_int_equal(fstatat(tempdir, EVENT_FILE, &st, 0), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(fchownat(tempdir, EVENT_FILE, 65534, 65534, 0), 0);
	append_in("{}");
	close(writer());
	assert_int_equal(fstatat(tempdir, EVENT_FILE, &st, 0), 0);
	assert_int_equal(st.st_size, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(a_file_of_another_user_is_refused),
		TEMPDIR_TEST(the_owner_of_the_directory_and_root_may_write),
		TEMPDIR_TEST(a_file_of_another_user_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
