/* SPDX-License-Identifier: Apache-2.0 */
#include "common/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void bounds_are_inclusive_and_ascending(void **state)
{
	struct histogram histogram = { .sum_us = 0 };
	uint64_t sum = 0;

	(void)state;
	for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
		assert_true(!i || histogram_bound_us[i] > histogram_bound_us[i - 1]);
		histogram_add(&histogram, histogram_bound_us[i]);
		histogram_add(&histogram, histogram_bound_us[i] + 1);
		sum += 2 * (uint64_t)histogram_bound_us[i] + 1;
	}
	assert_int_equal(histogram.count[0], 1);
	for (size_t i = 1; i < HISTOGRAM_BOUNDS; i++)
		assert_int_equal(histogram.count[i], 2);
	assert_int_equal(histogram.count[HISTOGRAM_BOUNDS], 1);
	assert_int_equal(histogram.sum_us, sum);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_are_inclusive_and_ascending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
