/* SPDX-License-Identifier: Apache-2.0 */
/* Counts what a store does, for metrics: each store adds its requests when they end. Pure. */
#pragma once

#include "common/histogram.h"

#include <stdint.h>

enum store_op {
	STORE_OP_LIST, /* of all leases, from the first request to the last entry */
	STORE_OP_GRANT,
	STORE_OP_KEEPALIVE,
	STORE_OP_REVOKE,
	STORE_OP_PUT,
	STORE_OP_REMOVE,
	STORE_OPS
};

enum store_outcome {
	STORE_OUTCOME_SUCCESS,
	STORE_OUTCOME_CONFLICT, /* the conditions of a transaction did not hold */
	STORE_OUTCOME_ERROR,
	STORE_OUTCOMES
};

struct store_stats {
	uint64_t count[STORE_OPS][STORE_OUTCOMES];
	struct histogram took[STORE_OPS];
	uint64_t watches_ended; /* watches that had to be started again */
};

extern const char *const store_op_name[STORE_OPS];           /* "list", "put" */
extern const char *const store_outcome_name[STORE_OUTCOMES]; /* "success" */

/* An operation that took_us has ended. */
void store_stats_add(struct store_stats *stats, enum store_op op, enum store_outcome outcome,
		     uint64_t took_us);
