/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/l2/announce.h"

#include <string.h>

enum announce_action announce_decide(const struct local_endpoint *local,
				     const struct endpoint *stored, uint64_t etcd_lease,
				     uint64_t *if_revision_out)
{
	*if_revision_out = 0;
	if (!stored || stored->vanished)
		return ANNOUNCE_PUT;
	*if_revision_out = stored->mod_revision;
	if (!strcmp(stored->node, local->endpoint.node))
		return stored->etcd_lease == etcd_lease &&
				       !mac_cmp(&stored->mac, &local->endpoint.mac) ?
			       ANNOUNCE_NOTHING :
			       ANNOUNCE_PUT;
	return local->attached_now ? ANNOUNCE_PUT : ANNOUNCE_DUPLICATE;
}

/* The endpoint is the first member. */
struct local_endpoint *announce_find(const struct local_endpoints *set, const struct ipaddr *addr)
{
	const struct local_endpoint key = { .endpoint.addr = *addr };

	return vec_find(set->at, set->len, sizeof(key), endpoint_cmp, &key);
}

bool announce_update(struct local_endpoints *set, const struct endpoints *now, bool later,
		     bool *changed_out)
{
	struct local_endpoints next = { .len = 0 };
	bool changed = now->len != set->len;

	for (size_t i = 0; i < now->len; i++) {
		struct local_endpoint added = { .endpoint = now->at[i],
						.attached_now = later && !now->at[i].seen };
		const struct local_endpoint *before = announce_find(set, &added.endpoint.addr);

		if (before && !mac_cmp(&before->endpoint.mac, &added.endpoint.mac))
			added = *before;
		else
			changed = true;
		if (!local_endpoints_push(&next, &added)) {
			local_endpoints_free(&next);
			return false;
		}
	}
	local_endpoints_free(set);
	*set = next;
	*changed_out = changed;
	return true;
}
