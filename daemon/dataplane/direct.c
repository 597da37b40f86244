/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/direct.h"

#include "common/err.h"
#include "common/netlink/route.h"
#include "daemon/dataplane/reconciler.h"
#include "daemon/dataplane/uplink.h"
#include "daemon/lease/lease.h"
#include "ipam/config.h"

bool direct_is(const struct route *route, uint32_t uplink)
{
	return route->index == uplink && !ipaddr_is_set(&route->gateway);
}

/* Returns 1 if direct, 0 if not, -1 on failure. */
static int is_direct(struct nl *nl, uint32_t uplink, const struct lease *peer, enum family f,
		     struct err *err)
{
	struct route route;
	int found;

	if (!prefix_is_set(&peer->subnet[f]) || !ipaddr_is_set(&peer->public_ip[f]))
		return 0;
	found = route_to(nl, &peer->public_ip[f], &route, err);
	return found > 0 ? direct_is(&route, uplink) : found;
}

static int mark(struct nl *nl, uint32_t uplink, struct leases *peers, struct err *err)
{
	for (size_t i = 0; i < peers->len; i++) {
		struct lease *peer = &peers->at[i];

		for (enum family f = 0; f < FAMILIES; f++) {
			int direct = is_direct(nl, uplink, peer, f, err);

			if (direct < 0)
				return -1;
			peer->direct[f] = direct;
		}
	}
	return 0;
}

int direct_mark_desired(struct nl *nl, struct desired_state *desired, struct err *err)
{
	uint32_t uplink = desired->uplink ? desired->uplink->index : 0;

	if (!desired->config->direct_routing)
		return 0;
	if (mark(nl, uplink, &desired->peers, err) < 0 ||
	    mark(nl, uplink, &desired->before, err) < 0)
		return err_wrap(err, "cannot look up routes to peers");
	return 0;
}
