/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits the log lines of something that is tried again and again: a failure is logged when it
 * begins, when its text changes, and when it ends; not at every attempt. The caller writes the
 * lines, at the level and with the fields that fit.
 *
 *	if (log_state_fail(&state, err.text))
 *		log_error("reconcile failed, retrying", "error", err.text);
 *	...
 *	if (log_state_clear(&state))
 *		log_info("reconcile succeeded again");
 */
#pragma once

#include "common/err.h"

#include <stdbool.h>

/* Zero-initialized: no failure. */
struct log_state {
	char error[ERR_TEXT_SIZE]; /* the present failure; "" when there is none */
};

/*
 * Records a failure. error is copied, and cut to ERR_TEXT_SIZE; it is not empty, and may be
 * state->error itself. Returns whether to log it: it differs from the one recorded before.
 */
bool log_state_fail(struct log_state *state, const char *error);

/* Records a success. Returns whether to log it: a failure was recorded before. */
bool log_state_clear(struct log_state *state);
