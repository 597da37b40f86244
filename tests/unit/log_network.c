/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/log_network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

void log_network_required(void *ctx, const char *event, const char *network, const char *json,
			  size_t size)
{
	(void)ctx, (void)event;
	if (!network[0])
		fail_msg("the event does not name its network: %.*s", (int)size, json);
}
