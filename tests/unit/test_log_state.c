/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void a_failure_is_logged_when_it_begins_and_when_it_changes(void **unused)
{
	struct log_state state = { .error = "" };

	(void)unused;
	assert_true(log_state_fail(&state, "no route"));
	assert_false(log_state_fail(&state, "no route"));
	assert_true(log_state_fail(&state, "no route to host"));
	assert_string_equal(state.error, "no route to host");
	assert_true(log_state_fail(&state, "no route"));
	assert_false(log_state_fail(&state, state.error));
	assert_string_equal(state.error, "no route");
}

static void its_end_is_logged_once(void **unused)
{
	struct log_state state = { .error = "" };

	(void)unused;
	assert_false(log_state_clear(&state));
	assert_true(log_state_fail(&state, "no route"));
	assert_true(log_state_clear(&state));
	assert_string_equal(state.error, "");
	assert_false(log_state_clear(&state));
	assert_true(log_state_fail(&state, "no route"));
}

static void a_truncated_text_compares_equal(void **unused)
{
	struct log_state state = { .error = "" };
	char text[ERR_TEXT_SIZE + 100];

	(void)unused;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_true(log_state_fail(&state, text));
	assert_int_equal(strlen(state.error), ERR_TEXT_SIZE - 1);
	assert_false(log_state_fail(&state, text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_is_logged_when_it_begins_and_when_it_changes),
		cmocka_unit_test(its_end_is_logged_once),
		cmocka_unit_test(a_truncated_text_compares_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
