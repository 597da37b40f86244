/* SPDX-License-Identifier: Apache-2.0 */
#include "direct.h"

#include "common/route.h"
#include "peer.h"

bool direct_is(const struct route *way, uint32_t uplink)
{
	return way->index == uplink && !ipaddr_is_set(&way->gateway);
}

/* 1 direct, 0 not, -1 failed. */
static int ask(struct nl *nl, uint32_t uplink, const struct peer *peer, enum family f,
	       struct err *err)
{
	struct route way;
	int found;

	if (!prefix_is_set(&peer->subnet[f]) || !ipaddr_is_set(&peer->public_ip[f]))
		return 0;
	found = route_to(nl, &peer->public_ip[f], &way, err);
	return found > 0 ? direct_is(&way, uplink) : found;
}

int direct_mark(struct nl *nl, uint32_t uplink, struct peers *peers, struct err *err)
{
	for (size_t i = 0; i < peers->len; i++) {
		struct peer *peer = &peers->at[i];

		for (enum family f = 0; f < FAMILIES; f++) {
			int direct = ask(nl, uplink, peer, f, err);

			if (direct < 0)
				return -1;
			peer->direct[f] = direct;
		}
	}
	return 0;
}
