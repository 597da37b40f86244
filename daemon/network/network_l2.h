/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a network that only an L2 network has: connects its endpoints (daemon/l2/l2.h) with
 * the configuration, this node's lease, and the ports of its containers. Idle in a routed network.
 */
#pragma once

#include "common/log_state.h"
#include "daemon/l2/announce_rate.h"
#include "daemon/l2/l2.h"
#include "daemon/network/seen_scan.h"

#include <stdbool.h>
#include <stdint.h>

struct config;
struct err;
struct loop;
struct own_lease;
struct reconciler;
struct store;
struct store_listener;
struct store_view;

/* Opens the store of a network's endpoints, not started. Returns 0 or -1. */
typedef int network_l2_open_fn(void *ctx, const char *network,
			       const struct store_listener *listener, void *listener_ctx,
			       struct store **store_out, struct err *err);

/* Set the members up to ctx, all borrowed; the rest starts as zero. */
struct network_l2 {
	const char *network, *node; /* name, and id of this node */
	network_l2_open_fn *open;   /* NULL: the store cannot have endpoints */
	void *open_ctx;
	const struct store_view *view;
	void (*changed)(void *ctx); /* the remote containers have changed */
	void *ctx;
	struct l2 *l2;
	struct announce_rate rate; /* of what is announced from there */
	struct seen_scan seen;     /* what is on a bridge of another program */
	struct log_state unannounced;
	uint64_t warned_ms, held_back; /* log_limit */
	const struct own_lease *own;   /* of the last network_l2_announce; NULL: none */
	const struct reconciler *reconciler;
};

int network_l2_init(struct network_l2 *part, struct loop *loop, struct err *err);
void network_l2_free(struct network_l2 *part);

/* Checks whether the store can serve the configuration's mode. ERR_CONFIG. */
int network_l2_check(const struct network_l2 *part, const struct config *config, struct err *err);
/* Starts to follow the endpoints, in an L2 network. Returns 0, or -1: to be called again. */
int network_l2_start(struct network_l2 *part, const struct config *config, struct err *err);

/*
 * Announces the containers on the bridge, in an L2 network whose devices exist; none if MACs are
 * learned. Another program's bridge is scanned if scope (enum reconcile_scope) includes the
 * devices, and from then on again and again: own and reconciler must outlive part. Calls changed if
 * their addresses have changed: the remote containers depend on them.
 */
void network_l2_announce(struct network_l2 *part, const struct own_lease *own,
			 const struct reconciler *reconciler, unsigned scope);

/* Fills in *view_out and returns it; NULL in a routed network. */
const struct l2_view *network_l2_view(const struct network_l2 *part, const struct config *config,
				      struct l2_view *view_out);
