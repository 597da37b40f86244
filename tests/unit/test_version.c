/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/version.h"

#include "common/array.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void supported_versions_are_accepted(void **state)
{
	(void)state;
	for (int i = 0; i < VERSIONS; i++) {
		enum version version = VERSIONS;
		struct err err = ERR_INIT;

		assert_int_equal(version_parse(version_text((enum version)i), &version, &err), 0);
		assert_int_equal(version, i);
	}
	assert_string_equal(version_text(VERSION_LATEST), "1.1.0");
	assert_string_equal(version_text(VERSION_0_1_0), "0.1.0");
}

static void no_version_is_the_first(void **state)
{
	enum version version = VERSIONS;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(version_parse("", &version, &err), 0);
	assert_int_equal(version, VERSION_0_1_0);
}

static void other_versions_are_rejected_with_the_supported_list(void **state)
{
	static const char *const cases[] = { "2.0.0", "1.0", "1.0.0 ", "v1.0.0", "adsf", "0.3.2" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum version version = VERSIONS;
		struct err err = ERR_INIT;

		assert_int_equal(version_parse(cases[i], &version, &err), -1);
		assert_int_equal(err.code, ERR_VERSION);
		assert_string_equal(err.text, "incompatible CNI versions");
		assert_non_null(strstr(err.details, cases[i]));
		assert_non_null(strstr(err.details, "[0.1.0 0.2.0 0.3.0 0.3.1 0.4.0 1.0.0 1.1.0]"));
		assert_int_equal(version, VERSIONS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(supported_versions_are_accepted),
		cmocka_unit_test(no_version_is_the_first),
		cmocka_unit_test(other_versions_are_rejected_with_the_supported_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
