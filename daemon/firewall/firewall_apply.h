/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applies a table to the kernel, each change in one transaction. firewall.c decides when. A
 * generation is that of the rule set from which the table was built (nft_change): if another
 * program has changed rules since, nothing is changed, and sys_errno is ERESTART.
 */
#pragma once

#include "daemon/firewall/firewall_table.h"

struct err;
struct nl;

/*
 * Replaces the kernel's table, if any; its counters keep their values. Returns 0, or -1: nothing
 * was changed, and *unsupported_out is the part that the kernel does not support, or FIREWALL_WHOLE
 * for any other error.
 */
int firewall_apply_table(struct nl *nl, const struct firewall_table *table, uint32_t generation,
			 enum firewall_part *unsupported_out, struct err *err);

/*
 * Compares the table with the kernel's. Differences in elements of sets without intervals are
 * corrected. *same_out: the kernel's table is now the same; else it must be replaced.
 */
int firewall_apply_check(struct nl *nl, const struct firewall_table *table, uint32_t generation,
			 bool *same_out, struct err *err);

/* Changes the elements from have, which is installed, to want of the same shape. */
int firewall_apply_elements(struct nl *nl, const struct firewall_table *have,
			    const struct firewall_table *want, struct err *err);

/* Returns 1 if the kernel has the table `inet weft`, else 0; -1 failed. */
int firewall_apply_exists(struct nl *nl, struct err *err);
