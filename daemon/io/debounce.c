/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/debounce.h"

uint64_t debounce_next_ms(struct debounce *debounce, uint64_t now_ms)
{
	if (!debounce->distance_ms || now_ms - debounce->ran_ms >= debounce->quiet_ms)
		debounce->distance_ms = debounce->first_ms;
	else if (debounce->distance_ms < debounce->max_ms / 2)
		debounce->distance_ms *= 2;
	else
		debounce->distance_ms = debounce->max_ms;
	return debounce->distance_ms;
}

void debounce_ran(struct debounce *debounce, uint64_t now_ms)
{
	debounce->ran_ms = now_ms;
}
