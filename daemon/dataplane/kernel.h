/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the entries of a network's devices from the kernel, and applies the operations of a plan.
 * Makes no decisions.
 */
#pragma once

#include "daemon/dataplane/plan.h"

#include <stdint.h>

struct err;
struct nl;

/* Reads all entries that a plan concerns, sorted. have_out is cleared first. ERR_KERNEL. */
int kernel_dump(struct nl *nl, const struct plan_devices *devices, struct plan_table *have_out,
		struct err *err);

struct kernel_result {
	uint64_t written; /* requests that succeeded */
	uint64_t failed;
	uint64_t written_by[PLAN_KINDS], failed_by[PLAN_KINDS];
};

/*
 * Applies the operations in order, in batches. A failed operation does not stop the others: the
 * first error is in err, and -1 is returned after the last one. The removal of an entry that does
 * not exist is no error. want and have are the tables that the plan was made from.
 */
int kernel_apply(struct nl *nl, const struct plan_ops *ops, const struct plan_table *want,
		 const struct plan_table *have, struct kernel_result *result_out, struct err *err);

/*
 * Removes weft's neighbour entries on a bridge of another program that a network does not use any
 * more; none if it does not exist. *removed_out: their number. ERR_KERNEL, ERR_NOMEM.
 */
int kernel_leave_bridge(struct nl *nl, const char *bridge, size_t *removed_out, struct err *err);
