/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leases that changed since the kernel had the entries of all: with them, few changes among
 * many leases cost as much as few leases. Pure.
 */
#pragma once

#include "common/vec.h"
#include "daemon/lease/lease.h"

#include <stdbool.h>

/* A lease that came, went or changed: its key, and the lease that the kernel has entries of. */
struct lease_change {
	struct prefix subnet[FAMILIES];
	bool existed;
	struct lease before;
};

VEC_DEFINE(lease_change_list, struct lease_change);

struct lease_changes {
	struct lease_change_list list; /* empty when all is set */
	bool all;                      /* any lease may have changed */
};

void lease_changes_free(struct lease_changes *changes);

/*
 * To be called before the lease with these subnets changes in leases, or goes, or comes. Out of
 * memory, and beyond 256 changes, all is set.
 */
void lease_changes_add(struct lease_changes *changes, const struct leases *leases,
		       const struct prefix subnet[static FAMILIES]);

/* Any lease may have changed. */
void lease_changes_set_all(struct lease_changes *changes);

/*
 * After a reconcile: if it succeeded and had listed the changed peers, the kernel has the entries
 * of all leases as they are now; if it failed, it may have those of none.
 */
void lease_changes_finish(struct lease_changes *changes, bool succeeded, bool listed);

/*
 * Adds the leases of the list, as they were, to before_out, and those that leases still has, as
 * they are, to now_out; both are the caller's. Returns false when out of memory.
 */
bool lease_changes_collect(const struct lease_changes *changes, const struct leases *leases,
			   struct leases *before_out, struct leases *now_out);
