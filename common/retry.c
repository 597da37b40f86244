/* SPDX-License-Identifier: Apache-2.0 */
#include "common/retry.h"

#include "common/jitter.h"

#include <limits.h>

uint64_t retry_next_ms(struct retry *retry)
{
	uint64_t max_ms = retry->max_ms;
	uint64_t delay_ms = retry->first_ms < max_ms ? retry->first_ms : max_ms;

	for (unsigned i = 0; i < retry->attempt && delay_ms && delay_ms < max_ms; i++)
		delay_ms = delay_ms > max_ms / 2 ? max_ms : delay_ms * 2;
	if (retry->attempt < UINT_MAX)
		retry->attempt++;
	return jitter_ms(delay_ms);
}

void retry_reset(struct retry *retry)
{
	retry->attempt = 0;
}
