/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/debounce.h"

#include "common/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static uint64_t run_at(struct debounce *debounce, uint64_t now_ms)
{
	uint64_t delay_ms = debounce_next_ms(debounce, now_ms);

	debounce_ran(debounce, now_ms + delay_ms);
	return delay_ms;
}

static void the_interval_grows_while_triggers_continue(void **state)
{
	static const uint64_t delays[] = { 2, 4, 8, 16, 32, 64, 128, 250, 250 };
	struct debounce debounce = { .first_ms = 2, .max_ms = 250, .quiet_ms = 1000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(delays); i++)
		assert_int_equal(run_at(&debounce, debounce.ran_ms + 1), delays[i]);
}

static void after_a_pause_the_interval_is_short_again(void **state)
{
	struct debounce debounce = { .first_ms = 2, .max_ms = 250, .quiet_ms = 1000 };

	(void)state;
	run_at(&debounce, 5000);
	assert_int_equal(run_at(&debounce, debounce.ran_ms + 999), 4);
	assert_int_equal(run_at(&debounce, debounce.ran_ms + 1000), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_interval_grows_while_triggers_continue),
		cmocka_unit_test(after_a_pause_the_interval_is_short_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
