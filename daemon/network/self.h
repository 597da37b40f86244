/* SPDX-License-Identifier: Apache-2.0 */
/* This node in one of its networks, with which a peer must not conflict (peer.h). Pure. */
#pragma once

#include "daemon/lease/peer.h"

struct observed;
struct own_lease;
struct peer_network;
struct store_view;
struct underlay;

/* All borrowed, also by the result. */
struct self_source {
	const struct own_lease *own;
	const struct underlay *underlay;
	const struct observed *observed;
	const struct store_view *view;
	const struct peer_network *others; /* the node's other networks; NULL: none */
	size_t other_len;
};

/* Without the store, the subnets are those from node.json. */
struct peer_self self_make(const struct self_source *source);
