/* SPDX-License-Identifier: Apache-2.0 */
#include "common/utc.h"

#include <stdint.h>
#include <stdio.h>

#define DAY 86400             /* seconds */
#define YEARS_400 146097      /* days: the calendar repeats after 400 years */
#define FROM_1_MARCH_0 719468 /* days from 1 March of the year 0 to 1 January 1970 */

struct date {
	int64_t year;
	int month, day; /* from 1 */
};

/* Rounds down, also below 0. */
static int64_t divide(int64_t dividend, int64_t divisor, int64_t *rest_out)
{
	int64_t rest = dividend % divisor;

	*rest_out = rest < 0 ? rest + divisor : rest;
	return (dividend - *rest_out) / divisor;
}

/* Counts years from 1 March, so that the leap day is the last day of its year. */
static struct date date_of(int64_t days_since_1970)
{
	int64_t day, cycles = divide(days_since_1970 + FROM_1_MARCH_0, YEARS_400, &day);
	/* Without the leap days of the years before: one in 4 years, none in 100, one in 400. */
	int64_t year = (day - day / (4 * 365) + day / 36524 - day / (YEARS_400 - 1)) / 365;
	int month;

	day -= 365 * year + year / 4 - year / 100;
	/* Five months from March or August have 153 days. */
	month = (int)((5 * day + 2) / 153);
	return (struct date){ .year = cycles * 400 + year + (month >= 10),
			      .month = month < 10 ? month + 3 : month - 9,
			      .day = (int)day - (153 * month + 2) / 5 + 1 };
}

const char *utc_text(char buf[static UTC_TEXT_SIZE], struct timespec since_1970)
{
	int64_t second;
	struct date date = date_of(divide(since_1970.tv_sec, DAY, &second));

	snprintf(buf, UTC_TEXT_SIZE, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", (long long)date.year,
		 date.month, date.day, (int)(second / 3600), (int)(second / 60 % 60),
		 (int)(second % 60), (int)(since_1970.tv_nsec / 1000000));
	return buf;
}
