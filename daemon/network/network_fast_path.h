/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network's devices and rules in the fast path (flow_table.h), from the state after a reconcile.
 */
#pragma once

#include <stdint.h>

struct config;
struct fast_path;
struct firewall;
struct peer_self;
struct reconciler;
struct underlay;

/* Borrowed during the call. */
struct network_fast_path_source {
	const char *name;
	const struct config *config;
	const struct peer_self *self;
	const struct underlay *underlay;
	const struct reconciler *reconciler;
	const struct firewall *firewall; /* NULL: no packet rules */
};

/*
 * Sets the network's devices in the fast path, or removes the network from it if it does not use
 * it. fast_path NULL: none. *changes is the caller's, 0 at first: the number of changes of entries,
 * devices and rules up to the last call. All flows end if it has grown since.
 */
void network_fast_path_apply(struct fast_path *fast_path,
			     const struct network_fast_path_source *source, uint64_t *changes);
