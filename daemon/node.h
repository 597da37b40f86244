/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who this node is: its id, and for each network its VTEP MAC and its last
 * lease. Durable in the state directory; where that is lost, what still stands
 * in the kernel is taken over, for a new VTEP MAC would cut every peer off
 * until it is told.
 */
#pragma once

#include "common/state.h"

struct err;
struct nl;

struct node {
	const char *state_dir; /* borrowed */
	struct state_node state;
};

/*
 * Reads STATE/node.json, makes an id where there is none, and writes it again. A file that
 * is damaged is an error: guessing an identity is not weft's to do.
 */
int node_load(struct node *node, const char *state_dir, struct err *err);

/*
 * The network's record. Its MAC is set: the remembered one, or that of the vxlan device
 * named, or flannel's (zero: it has none), or a new random one, and is on disk when this returns.
 * NULL on failure.
 */
const struct state_node_network *node_network(struct node *node, struct nl *nl, const char *name,
					      const char *vxlan, const struct mac *flannel,
					      struct err *err);

/* Remembers the network's lease; writes only a change. */
int node_remember_lease(struct node *node, const char *name,
			const struct prefix subnet[static FAMILIES], struct err *err);

/* A number that differs from node to node, to spread their choices. */
uint64_t node_seed(const struct node *node);
