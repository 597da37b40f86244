/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/store_names.h"

#include "common/array.h"
#include "common/err.h"
#include "daemon/store/file/store_file_doc.h"
#include "tests/unit/samples.h"

#include <string.h>

static void read_names(const char *text, const char *joined)
{
	struct store_names names = { .len = 0 };
	struct err err = ERR_INIT;
	char found[256] = "";
	size_t len = 0;

	assert_good(store_file_doc_names(text, strlen(text), "f", &names, &err), err);
	for (size_t i = 0; i < names.len && len < sizeof(found); i++)
		len += (size_t)snprintf(found + len, sizeof(found) - len, "%s%s", i ? " " : "",
					names.at[i].text);
	assert_string_equal(found, joined);
	store_names_free(&names);
}

static void networks_with_a_configuration_are_named(void **state)
{
	(void)state;
	read_names("{}", "");
	read_names("{\"config\":{}}", "default");
	read_names("{\"networks\":{\"red\":{\"config\":{}},\"blue\":{\"config\":{}},"
		   "\"gone\":{\"subnets\":{}},\"Bad Name\":{\"config\":{}}}}",
		   "blue red");
	read_names("{\"config\":{},\"networks\":{\"a\":{\"config\":{}}}}", "a default");
}

static void a_damaged_file_has_no_names(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "{\"network\":{}}",
					     "{\"networks\":7}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct store_names names = { .len = 0 };
		struct err err = ERR_INIT;

		assert_int_equal(
			store_file_doc_names(texts[i], strlen(texts[i]), "f", &names, &err), -1);
		assert_int_equal(err.code, ERR_DECODE);
		store_names_free(&names);
	}
}

static void invalid_names_are_skipped_and_lists_compared(void **state)
{
	struct store_names a = { .len = 0 }, b = { .len = 0 };
	char name[STATE_NETWORK_NAME_SIZE];

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_true(store_names_add(&a, name, sizeof(name)));
	assert_true(store_names_add(&a, "a\0b", 3));
	assert_true(store_names_add(&a, "", 0));
	assert_int_equal(a.len, 0);
	assert_true(store_names_add(&a, "two/", 3));
	assert_true(store_names_add(&a, "one", 3));
	assert_false(store_names_equal(&a, &b));
	assert_true(store_names_add(&b, "one", 3));
	assert_true(store_names_add(&b, "two", 3));
	assert_false(store_names_equal(&a, &b));
	store_names_sort(&a);
	assert_true(store_names_equal(&a, &b));
	store_names_free(&a);
	store_names_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_with_a_configuration_are_named),
		cmocka_unit_test(a_damaged_file_has_no_names),
		cmocka_unit_test(invalid_names_are_skipped_and_lists_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
