/* SPDX-License-Identifier: Apache-2.0 */
#include "common/utc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void expect(time_t seconds, long ms, const char *expected)
{
	char buf[UTC_TEXT_SIZE];

	assert_string_equal(
		utc_text(buf, (struct timespec){ .tv_sec = seconds, .tv_nsec = ms * 1000000 }),
		expected);
}

static void times_are_formatted(void **state)
{
	(void)state;
	expect(0, 0, "1970-01-01T00:00:00.000Z");
	expect(951782399, 999, "2000-02-28T23:59:59.999Z");
	expect(951782400, 0, "2000-02-29T00:00:00.000Z");
	expect(951868800, 0, "2000-03-01T00:00:00.000Z");
	expect(4107542399, 7, "2100-02-28T23:59:59.007Z");
	expect(4107542400, 0, "2100-03-01T00:00:00.000Z");
	expect(-1, 0, "1969-12-31T23:59:59.000Z");
}

/* Each day from 1600 to 2400, at another second of the day. */
static void every_day_agrees_with_gmtime(void **state)
{
	const time_t first = -11676096000, last = 13569465600;

	(void)state;
	for (time_t t = first; t < last; t += 86400 + 37) {
		char expected[UTC_TEXT_SIZE];
		struct tm tm;

		assert_non_null(gmtime_r(&t, &tm));
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000Z", &tm);
		expect(t, 0, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_formatted),
		cmocka_unit_test(every_day_agrees_with_gmtime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
