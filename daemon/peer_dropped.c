/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_dropped.h"

#include "common/err.h"
#include "config.h"
#include "peer.h"

#include <stdio.h>

/* The first lease that does not come before this IPv4 subnet; an unset one is the first of all. */
static size_t first_with(const struct peers *known, const struct prefix *v4)
{
	size_t low = 0, high = known->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_cmp(&known->at[middle].subnet[FAMILY_V4], v4) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The lease with both families, of which the peer has one. NULL: the lease has no more. */
static const struct peer *lease_of(const struct peers *known, const struct peer *usable)
{
	bool v4 = prefix_is_set(&usable->subnet[FAMILY_V4]);
	enum family kept = v4 ? FAMILY_V4 : FAMILY_V6, lost = v4 ? FAMILY_V6 : FAMILY_V4;

	for (size_t i = v4 ? first_with(known, &usable->subnet[FAMILY_V4]) : 0; i < known->len;
	     i++) {
		const struct peer *lease = &known->at[i];

		if (v4 && !prefix_equal(&lease->subnet[FAMILY_V4], &usable->subnet[FAMILY_V4]))
			break;
		if (prefix_is_set(&lease->subnet[lost]) &&
		    prefix_equal(&lease->subnet[kept], &usable->subnet[kept]) &&
		    lease->mod_revision == usable->mod_revision)
			return lease;
	}
	return NULL;
}

bool peer_dropped(const struct peers *known, const struct peer *usable, const struct config *config,
		  const struct peer_self *self, char *reason_out, size_t size)
{
	bool v4 = prefix_is_set(&usable->subnet[FAMILY_V4]);
	enum family kept = v4 ? FAMILY_V4 : FAMILY_V6;
	const struct peer *lease;
	struct err err = ERR_INIT;
	struct peer alone;

	if (v4 && prefix_is_set(&usable->subnet[FAMILY_V6]))
		return false;
	lease = lease_of(known, usable);
	if (!lease)
		return false;
	/* The other family by itself is refused, or would do, and was in somebody's way. */
	alone = *lease;
	alone.subnet[kept] = (struct prefix){ .len = 0 };
	if (peer_judge(&alone, config, self, &err) < 0)
		snprintf(reason_out, size, "%s", err.text);
	else if (!lease->node[0] && v4 &&
		 !mac_cmp(&lease->vtep_mac[FAMILY_V4], &lease->vtep_mac[FAMILY_V6]))
		snprintf(reason_out, size, "its VtepMAC is that of both its families");
	else
		snprintf(
			reason_out, size,
			"its subnet overlaps, or its VtepMAC is, that of a peer which comes first");
	return true;
}
