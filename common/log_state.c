/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log_state.h"

#include <stdio.h>
#include <string.h>

bool log_state_fail(struct log_state *state, const char *error)
{
	if (!strncmp(state->error, error, sizeof(state->error) - 1))
		return false;
	snprintf(state->error, sizeof(state->error), "%s", error);
	return true;
}

bool log_state_clear(struct log_state *state)
{
	bool failed = state->error[0];

	state->error[0] = '\0';
	return failed;
}
