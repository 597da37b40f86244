/* SPDX-License-Identifier: Apache-2.0 */
#include "common/jitter.h"

#include <stdlib.h>

uint64_t jitter_ms(uint64_t delay_ms)
{
	uint64_t quarter = delay_ms / 4;

	/* Beyond some 100 days, arc4random_uniform's range ends; such a delay is "never". */
	if (quarter > UINT32_MAX / 2 - 1)
		return delay_ms;
	return delay_ms - quarter + arc4random_uniform((uint32_t)quarter * 2 + 1);
}
