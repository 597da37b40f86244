/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings the kernel's table to what it should be: each change is one transaction. Called by
 * rules.c, which decides when.
 */
#pragma once

#include "rules_table.h"

struct err;
struct nl;

/*
 * Puts the whole table in the place of the one that stands, if any; its counters go on. -1:
 * nothing was changed, and *refused_out is what the kernel cannot do, RULES_WHOLE where it is
 * something else.
 */
int rules_apply_whole(struct nl *nl, const struct rules_table *table, enum rules_part *refused_out,
		      struct err *err);

/*
 * Compares with what stands. Where only elements of sets differ that can be changed one by one,
 * they are. *same_out: the table is now as it should be; else it has to be put there whole.
 */
int rules_apply_check(struct nl *nl, const struct rules_table *table, bool *same_out,
		      struct err *err);

/* From one table to another that is alike (rules_table_alike): changes elements alone. */
int rules_apply_elements(struct nl *nl, const struct rules_table *have,
			 const struct rules_table *want, struct err *err);

/* Whether some table of this name stands. 1, 0, -1. */
int rules_apply_stands(struct nl *nl, struct err *err);
