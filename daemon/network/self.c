/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/self.h"

#include "common/state.h"
#include "daemon/lease/lease_client.h"
#include "daemon/lease/node.h"
#include "daemon/network/observed.h"
#include "daemon/network/own_lease.h"
#include "daemon/network/store_view.h"
#include "daemon/network/underlay.h"

#include <string.h>

struct peer_self self_make(const struct self_source *source)
{
	const struct underlay *underlay = source->underlay;
	const struct own_lease *own = source->own;
	const struct lease_client_view lease = own_lease_view(own);
	const struct state_node_network *remembered;
	struct peer_self self = {
		.node = own->node->state.id,
		.vtep_mac = own->vtep_mac,
		.foreign = &source->observed->foreign,
		.containers = &source->observed->containers,
		.others = source->others,
		.other_len = source->other_len,
	};

	underlay_public_ip(underlay, self.public_ip);
	memcpy(self.uplink, underlay->uplink.address, sizeof(self.uplink));
	memcpy(self.outer, underlay->outer, sizeof(self.outer));
	memcpy(self.subnet, lease.subnet, sizeof(self.subnet));
	if (underlay->uplink.index)
		self.mtu = underlay_mtu(underlay, &source->view->config);
	if (source->view->stale) {
		remembered = state_node_find(&own->node->state, own->network);
		if (remembered)
			memcpy(self.subnet, remembered->subnet, sizeof(self.subnet));
	}
	return self;
}
