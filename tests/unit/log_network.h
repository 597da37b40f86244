/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requires events of the log to name their network: `weftctl events --network` selects by it, and
 * on a node with several networks a line without it is of no use.
 */
#pragma once

#include <stddef.h>

/* A log_tap_fn (log_set_tap) that fails the test at an event without the field "network". */
void log_network_required(void *ctx, const char *event, const char *network, const char *json,
			  size_t size);
