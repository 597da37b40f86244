/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/tls_files.h"

#include "common/err.h"
#include "daemon/io/http.h"
#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* The files are not parsed: any content is sufficient. */
#define CERT "a certificate\n"
#define KEY "a key\n"

static void put(const char *path, const char *text)
{
	char new[300];
	FILE *file;

	snprintf(new, sizeof(new), "%s.new", path);
	file = fopen(new, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(new, path), 0);
}

static void set_paths(char cert[static 256], char key[static 256])
{
	snprintf(cert, 256, "%s/cert", tempdir_path);
	snprintf(key, 256, "%s/key", tempdir_path);
}

static void test_files_that_cannot_be_read_are_named(void **state)
{
	char cert[256], key[256];
	const struct http_file *const source[TLS_FILES] = {
		[TLS_CA] = &(struct http_file){ .option = "--ca" },
		[TLS_CERT] = &(struct http_file){ .path = cert, .option = "--cert" },
		[TLS_KEY] = &(struct http_file){ .path = key, .option = "--key" },
	};
	struct tls_files files = { .generation = 0 };
	struct err err = ERR_INIT;

	(void)state;
	set_paths(cert, key);
	assert_int_equal(tls_files_open(&files, source, &err), -1);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_says(err.text, "--cert: ");
	assert_says(err.text, cert);
	tls_files_free(&files);

	put(cert, CERT);
	put(key, "");
	assert_int_equal(tls_files_open(&files, source, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_says(err.text, "--key: ");
	assert_says(err.text, "/key: empty file");
	tls_files_free(&files);

	assert_int_equal(unlink(key), 0);
	assert_int_equal(mkdir(key, 0700), 0);
	assert_int_equal(tls_files_open(&files, source, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_says(err.text, "/key: not a regular file");
	tls_files_free(&files);
}

static void test_changed_files_are_read_again(void **state)
{
	char cert[256], key[256];
	const struct http_file *const source[TLS_FILES] = {
		[TLS_CA] = &(struct http_file){ .option = "--ca" },
		[TLS_CERT] = &(struct http_file){ .path = cert, .option = "--cert" },
		[TLS_KEY] = &(struct http_file){ .path = key, .option = "--key" },
	};
	struct tls_files files = { .generation = 0 };
	struct err err = ERR_INIT;

	(void)state;
	set_paths(cert, key);
	put(cert, CERT);
	put(key, KEY);
	assert_int_equal(tls_files_open(&files, source, &err), 0);
	assert_string_equal(files.file[TLS_CERT].data, CERT);
	assert_null(files.file[TLS_CA].data);
	assert_int_equal(files.generation, 1);
	assert_int_equal(tls_files_refresh(&files, &err), 0);

	put(cert, CERT CERT);
	assert_int_equal(tls_files_refresh(&files, &err), 1);
	assert_string_equal(files.file[TLS_CERT].data, CERT CERT);
	assert_string_equal(files.file[TLS_KEY].data, KEY);
	assert_int_equal(files.generation, 2);
	assert_int_equal(tls_files_refresh(&files, &err), 0);
	/* The same content in another file counts as a change. */
	put(key, KEY);
	assert_int_equal(tls_files_refresh(&files, &err), 1);
	assert_int_equal(files.generation, 3);
	tls_files_free(&files);
}

static void test_previous_contents_are_kept_when_a_file_cannot_be_read(void **state)
{
	char cert[256], key[256];
	const struct http_file *const source[TLS_FILES] = {
		[TLS_CA] = &(struct http_file){ .option = "--ca" },
		[TLS_CERT] = &(struct http_file){ .path = cert, .option = "--cert" },
		[TLS_KEY] = &(struct http_file){ .path = key, .option = "--key" },
	};
	struct tls_files files = { .generation = 0 };
	struct err err = ERR_INIT;

	(void)state;
	set_paths(cert, key);
	put(cert, CERT);
	put(key, KEY);
	assert_int_equal(tls_files_open(&files, source, &err), 0);

	put(cert, "");
	assert_int_equal(tls_files_refresh(&files, &err), -1);
	assert_says(err.text, cert);
	assert_string_equal(files.file[TLS_CERT].data, CERT);
	assert_int_equal(files.generation, 1);
	put(cert, CERT CERT);
	assert_int_equal(unlink(key), 0);
	assert_int_equal(tls_files_refresh(&files, &err), -1);
	assert_says(err.text, key);
	assert_string_equal(files.file[TLS_CERT].data, CERT);
	assert_string_equal(files.file[TLS_KEY].data, KEY);
	/* The next call tries again. */
	put(key, KEY);
	assert_int_equal(tls_files_refresh(&files, &err), 1);
	assert_string_equal(files.file[TLS_CERT].data, CERT CERT);
	assert_int_equal(files.generation, 2);
	tls_files_free(&files);
}

static void test_content_is_kept_when_a_file_is_read_again(void **state)
{
	char cert[256], key[256];
	const struct http_file *const source[TLS_FILES] = {
		[TLS_CA] = &(struct http_file){ .option = "--ca", .data = "a CA" },
		[TLS_CERT] = &(struct http_file){ .path = cert, .option = "--cert" },
		[TLS_KEY] = &(struct http_file){ .path = key, .option = "--key" },
	};
	struct tls_files files = { .generation = 0 };
	struct err err = ERR_INIT;

	(void)state;
	set_paths(cert, key);
	rmdir(key);
	put(cert, CERT);
	put(key, KEY);
	assert_int_equal(tls_files_open(&files, source, &err), 0);
	assert_string_equal(files.file[TLS_CA].data, "a CA");
	assert_int_equal(files.file[TLS_CA].size, 4);
	put(cert, CERT "renewed");
	assert_int_equal(tls_files_refresh(&files, &err), 1);
	assert_string_equal(files.file[TLS_CERT].data, CERT "renewed");
	assert_string_equal(files.file[TLS_CA].data, "a CA");
	tls_files_free(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(test_files_that_cannot_be_read_are_named),
		TEMPDIR_TEST(test_changed_files_are_read_again),
		TEMPDIR_TEST(test_content_is_kept_when_a_file_is_read_again),
		TEMPDIR_TEST(test_previous_contents_are_kept_when_a_file_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
