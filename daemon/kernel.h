/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's side of a pass: read what stands on a network's devices, and
 * carry out what the plan says. Decides nothing.
 */
#pragma once

#include "plan.h"

#include <stdint.h>

struct err;
struct nl;

/* Everything on the two devices that a plan looks at, sorted. have_out is cleared first. */
int kernel_dump(struct nl *nl, const struct plan_devices *devices, struct plan_table *have_out,
		struct err *err);

struct kernel_result {
	uint64_t written; /* requests that the kernel carried out */
	uint64_t failed;
};

/*
 * Carries the operations out in order, batched. One that fails does not stop the others: the
 * first failure is in err, with what it was about, and the answer -1. To remove what has
 * gone already is no failure.
 */
int kernel_apply(struct nl *nl, const struct plan_ops *ops, const struct plan_table *want,
		 const struct plan_table *have, struct kernel_result *result_out, struct err *err);
