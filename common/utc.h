/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time stamps in UTC. gmtime_r(3) is not used: its first call reads the time zone from
 * /etc/localtime, seven system calls in every process of the plugin. Pure.
 */
#pragma once

#include <time.h>

#define UTC_TEXT_SIZE 80 /* of any time_t */

/*
 * Returns the time since 1970 as in RFC 3339 section 5.6, with milliseconds:
 * "2026-02-28T23:59:59.007Z", in the Gregorian calendar. buf is returned.
 */
const char *utc_text(char buf[static UTC_TEXT_SIZE], struct timespec since_1970);
