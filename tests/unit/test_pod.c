/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/pod.h"

#include "common/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void names_without_special_characters_are_valid(void **state)
{
	static const struct {
		const char *value;
		bool valid;
	} cases[] = {
		{ "", true },
		{ "web-0", true },
		{ "2f6e5a0c-1b7d-4a7e-9d1e-0c5b8f3a6d21", true },
		{ "my_pod.x", true },
		{ "9", true },
		{ "-web", false },
		{ ".", false },
		{ "..", false },
		{ "a/b", false },
		{ "a b", false },
		{ "a;b", false },
		{ "a\n", false },
		{ "\x1b[2J", false },
		{ "\xff", false },
		{ "a\"b", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pod pod = { .name = "old" };

		assert_int_equal(pod_set(&pod, POD_NAME, cases[i].value), cases[i].valid);
		assert_string_equal(pod.name, cases[i].valid ? cases[i].value : "");
	}
}

static void each_part_has_its_longest_length(void **state)
{
	static const size_t sizes[] = {
		[POD_NAMESPACE] = POD_NAMESPACE_SIZE,
		[POD_NAME] = POD_NAME_SIZE,
		[POD_UID] = POD_UID_SIZE,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct pod pod = { .name = "" };
		char value[300];

		memset(value, 'a', sizeof(value));
		value[sizes[i]] = '\0';
		assert_false(pod_set(&pod, (enum pod_part)i, value));
		value[sizes[i] - 1] = '\0';
		assert_true(pod_set(&pod, (enum pod_part)i, value));
	}
}

static void a_pod_is_shown_with_its_namespace(void **state)
{
	static const struct {
		struct pod pod;
		const char *text;
	} cases[] = {
		{ { .namespace = "default", .name = "web-0", .uid = "7" }, "default/web-0" },
		{ { .name = "web-0" }, "web-0" },
		{ { .namespace = "default" }, "" },
		{ { .uid = "7" }, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[POD_TEXT_SIZE];

		assert_string_equal(pod_text(&cases[i].pod, text), cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_without_special_characters_are_valid),
		cmocka_unit_test(each_part_has_its_longest_length),
		cmocka_unit_test(a_pod_is_shown_with_its_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
