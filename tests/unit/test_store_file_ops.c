/* SPDX-License-Identifier: Apache-2.0 */
/* One change of the file with its conditions. The store that uses it: test_store_file.c. */
#include "daemon/store/file/store_file_ops.h"

#include "common/array.h"
#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

#define HEAD "{\"config\":{\"Network\":\"10.5.0.0/16\"}"
#define DUAL "10.5.1.0-24&fd00:5:1::-64"

static char path[128];

static void write_file(const char *text)
{
	FILE *file;

	snprintf(path, sizeof(path), "%s/f", tempdir_path);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void assert_file(const char *wanted)
{
	char text[512] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	fclose(file);
	strip_blanks(text);
	assert_string_equal(text, wanted);
}

/* Requests a change after the file has been read. */
static enum store_file_outcome change(const char *key, const char *value, uint64_t if_revision,
				      const char *instead_of, uint64_t instead_revision)
{
	const struct store_file_change what = {
		.path = path,
		.part = { "default", false },
		.key = key,
		.value = value,
		.if_revision = if_revision,
		.instead_of = instead_of,
		.instead_revision = instead_revision,
	};
	struct store_file_doc none = { .revision = 0 }, before, after = { .revision = 0 };
	enum store_file_outcome outcome;
	struct err err = ERR_INIT;

	assert_good(store_file_read(path, &what.part, &none, &before, &err), err);
	outcome = store_file_change(&what, &before, &after, &err);
	assert_int_not_equal(outcome, STORE_FILE_FAILED);
	store_file_doc_free(&before);
	store_file_doc_free(&after);
	return outcome;
}

static void a_subnet_is_in_one_key_of_any_form(void **state)
{
	static const char *const others[] = { "10.5.1.0-24", "10.5.1.0-24&fd00:5:2::-64",
					      "10.5.2.0-24&fd00:5:1::-64", "fd00:5:1::-64" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		write_file(HEAD ",\"subnets\":{\"" DUAL "\":{}}}");
		assert_int_equal(change(others[i], "{}", 0, NULL, 0), STORE_FILE_DIFFERS);
		assert_file(HEAD ",\"subnets\":{\"" DUAL "\":{}}}");
	}
	assert_int_equal(change("10.5.2.0-24&fd00:5:2::-64", "{}", 0, NULL, 0), STORE_FILE_DONE);
}

/* An existing key is changed even if another key has its subnet. */
static void an_existing_key_is_compared_alone(void **state)
{
	(void)state;
	write_file(HEAD ",\"subnets\":{\"" DUAL "\":{},\"10.5.1.0-24\":{}}}");
	assert_int_equal(change(DUAL, "{\"a\":1}", 1, NULL, 0), STORE_FILE_DONE);
	assert_file(HEAD ",\"subnets\":{\"" DUAL "\":{\"a\":1},\"10.5.1.0-24\":{}}}");
}

static void a_key_replaces_another(void **state)
{
	(void)state;
	write_file(HEAD ",\"subnets\":{\"10.5.1.0-24\":{}}}");
	assert_int_equal(change(DUAL, "{}", 0, "10.5.1.0-24", 7), STORE_FILE_DIFFERS);
	assert_int_equal(change(DUAL, "{}", 0, "10.5.3.0-24", 1), STORE_FILE_DIFFERS);
	assert_int_equal(change(DUAL, "{}", 0, "10.5.1.0-24", 1), STORE_FILE_DONE);
	assert_file(HEAD ",\"subnets\":{\"" DUAL "\":{}}}");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, tempdir_make, tempdir_remove)
	const struct CMUnitTest tests[] = {
		TEST(a_subnet_is_in_one_key_of_any_form),
		TEST(an_existing_key_is_compared_alone),
		TEST(a_key_replaces_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
