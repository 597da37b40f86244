/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/span.h"

#include <inttypes.h>
#include <stdio.h>

const char *span_text(char buf[static SPAN_SIZE], uint64_t seconds)
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = { { 86400, "days" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	size_t i = 0;

	while (units[i].seconds > 1 && seconds < 2 * units[i].seconds)
		i++;
	snprintf(buf, SPAN_SIZE, "%" PRIu64 " %s", seconds / units[i].seconds, units[i].name);
	return buf;
}

const char *span_since(char buf[static SPAN_SIZE], uint64_t then_s, uint64_t now_s)
{
	return span_text(buf, now_s > then_s ? now_s - then_s : 0);
}
