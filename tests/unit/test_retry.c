/* SPDX-License-Identifier: Apache-2.0 */
#include "common/array.h"
#include "common/jitter.h"
#include "common/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

static bool is_near(uint64_t ms, uint64_t middle_ms)
{
	return ms >= middle_ms - middle_ms / 4 &&
	       (ms <= middle_ms || ms - middle_ms <= middle_ms / 4);
}

static void delays_double_up_to_the_maximum(void **state)
{
	static const struct {
		unsigned attempt;
		uint64_t first_ms, max_ms, middle_ms;
	} cases[] = {
		{ 0, 100, 30000, 100 },   { 1, 100, 30000, 200 },
		{ 5, 100, 30000, 3200 },  { 8, 100, 30000, 25600 },
		{ 9, 100, 30000, 30000 }, { 4000000000u, 100, 30000, 30000 },
		{ 0, 500, 100, 100 },     { 4000000000u, 0, 100, 0 },
		{ 3, 1, UINT64_MAX, 8 },  { 4000000000u, 3, UINT64_MAX, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct retry retry = { cases[i].first_ms, cases[i].max_ms, cases[i].attempt };

		assert_true(is_near(retry_next_ms(&retry), cases[i].middle_ms));
		assert_int_equal(retry.attempt, cases[i].attempt + 1);
	}
}

static void failures_are_counted_until_a_success(void **state)
{
	struct retry retry = { .first_ms = 200, .max_ms = 1000 };

	(void)state;
	assert_true(is_near(retry_next_ms(&retry), 200));
	assert_true(is_near(retry_next_ms(&retry), 400));
	assert_true(is_near(retry_next_ms(&retry), 800));
	assert_true(is_near(retry_next_ms(&retry), 1000));
	retry_reset(&retry);
	assert_true(is_near(retry_next_ms(&retry), 200));
	retry.attempt = UINT32_MAX;
	assert_true(is_near(retry_next_ms(&retry), 1000));
	assert_int_equal(retry.attempt, UINT32_MAX);
}

static void jitter_shortens_and_lengthens(void **state)
{
	static const uint64_t middles_ms[] = { 100, 30000, 4000000000u, UINT64_MAX, 3, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(middles_ms); i++) {
		uint64_t low = UINT64_MAX, high = 0, middle = middles_ms[i];

		for (int n = 0; n < 1000; n++) {
			uint64_t ms = jitter_ms(middle);

			assert_true(is_near(ms, middle));
			low = ms < low ? ms : low;
			high = ms > high ? ms : high;
		}
		if (middle >= 100 &&
		    middle <= UINT32_MAX) /* that all values are on one side: 2^-1000 */
			assert_true(low < middle && high > middle);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_double_up_to_the_maximum),
		cmocka_unit_test(failures_are_counted_until_a_success),
		cmocka_unit_test(jitter_shortens_and_lengthens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
