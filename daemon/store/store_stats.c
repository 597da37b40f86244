/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/store_stats.h"

const char *const store_op_name[STORE_OPS] = {
	[STORE_OP_LIST] = "list",
	[STORE_OP_GRANT] = "grant",
	[STORE_OP_KEEPALIVE] = "keepalive",
	[STORE_OP_REVOKE] = "revoke",
	[STORE_OP_PUT] = "put",
	[STORE_OP_REMOVE] = "remove",
};

const char *const store_outcome_name[STORE_OUTCOMES] = {
	[STORE_OUTCOME_SUCCESS] = "success",
	[STORE_OUTCOME_CONFLICT] = "conflict",
	[STORE_OUTCOME_ERROR] = "error",
};

void store_stats_add(struct store_stats *stats, enum store_op op, enum store_outcome outcome,
		     uint64_t took_us)
{
	stats->count[op][outcome]++;
	histogram_add(&stats->took[op], took_us);
}
