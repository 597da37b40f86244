/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/lease_changes.h"

#include <string.h>

#define CHANGES_MAX 256 /* beyond that, comparing all leases is as quick */

void lease_changes_free(struct lease_changes *changes)
{
	lease_change_list_free(&changes->list);
}

static bool is_listed(const struct lease_changes *changes,
		      const struct prefix subnet[static FAMILIES])
{
	for (size_t i = 0; i < changes->list.len; i++) {
		const struct lease_change *change = &changes->list.at[i];

		if (prefix_equal(&change->subnet[FAMILY_V4], &subnet[FAMILY_V4]) &&
		    prefix_equal(&change->subnet[FAMILY_V6], &subnet[FAMILY_V6]))
			return true;
	}
	return false;
}

/* The kernel has entries of the lease as it was before the first of several changes. */
void lease_changes_add(struct lease_changes *changes, const struct leases *leases,
		       const struct prefix subnet[static FAMILIES])
{
	const struct lease *before = leases_find(leases, subnet);
	struct lease_change change = { .existed = before };

	if (changes->all || is_listed(changes, subnet))
		return;
	memcpy(change.subnet, subnet, sizeof(change.subnet));
	if (before)
		change.before = *before;
	if (changes->list.len == CHANGES_MAX || !lease_change_list_push(&changes->list, &change))
		lease_changes_set_all(changes);
}

void lease_changes_set_all(struct lease_changes *changes)
{
	lease_change_list_free(&changes->list);
	changes->all = true;
}

static void clear(struct lease_changes *changes)
{
	lease_change_list_free(&changes->list);
	changes->all = false;
}

void lease_changes_finish(struct lease_changes *changes, bool succeeded, bool listed)
{
	if (!succeeded)
		lease_changes_set_all(changes);
	else if (listed)
		clear(changes);
}

bool lease_changes_collect(const struct lease_changes *changes, const struct leases *leases,
			   struct leases *before_out, struct leases *now_out)
{
	for (size_t i = 0; i < changes->list.len; i++) {
		const struct lease_change *change = &changes->list.at[i];
		const struct lease *now = leases_find(leases, change->subnet);

		if ((change->existed && !leases_put(before_out, &change->before)) ||
		    (now && !leases_put(now_out, now)))
			return false;
	}
	return true;
}
