/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The desired state of a network's data path, built from the leases, the configuration and the
 * node's own values. Pure.
 */
#pragma once

#include "daemon/dataplane/device.h"
#include "daemon/dataplane/reconciler.h"
#include "daemon/lease/lease.h"
#include "daemon/lease/peer.h"

#include <stdbool.h>
#include <stddef.h>

struct config;
struct displaced;
struct err;
struct l2_view;
struct lease_changes;
struct underlay;

/*
 * The devices of a network with that configuration on a node with these subnets (unset: none)
 * and that VTEP MAC. name, and displaced (may be NULL), are borrowed by the result.
 */
struct device_want desired_device(const char *name, const struct config *config,
				  const struct underlay *underlay, struct mac vtep_mac,
				  const struct prefix subnet[static FAMILIES],
				  const struct displaced *displaced);

/* How many leases of other nodes are peers, and how many are refused. */
struct desired_counts {
	size_t usable;
	size_t refused[PEER_REFUSALS];
};

/*
 * The leases from which the peers are built. clash: two peers were in conflict when all peers were
 * built last; updated when all peers are built.
 */
struct desired_source {
	const struct leases *leases;         /* all of them */
	const struct lease_changes *changes; /* since the last success */
	const struct config *config;
	const struct peer_self *self;
	bool clash;
	const struct l2_view *l2;      /* the endpoints; NULL: not an L2 network */
	struct desired_counts *counts; /* of all peers; kept up to date. NULL: not wanted */
};

/*
 * Builds the usable peers into desired (reconciler.h), whose lists are empty before: all peers, or
 * the changed ones, as wanted. All are also listed if wanted is DESIRED_PEERS_CHANGED, but any
 * lease may have changed, or two peers were or are in conflict: a peer's entries then depend on
 * other leases too. In an L2 network, all peers are listed, together with the remote containers.
 * ERR_NOMEM.
 */
int desired_build_peers(struct desired_source *source, enum desired_peers wanted,
			struct desired_state *desired, struct err *err);
