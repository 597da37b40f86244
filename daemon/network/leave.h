/* SPDX-License-Identifier: Apache-2.0 */
/* The removal of this node's key from the store, for weftctl leave. */
#pragma once

#include <stdbool.h>

struct err;
struct l2;
struct own_lease;
struct store;
struct store_view;

/* The result, once, from the loop; err NULL: the key was removed. */
typedef void leave_done_fn(void *ctx, const struct err *err);

/* One network's. The members up to resume_ctx are set by the network, the rest is zero. */
struct leave {
	const struct own_lease *own; /* borrowed, as all that follows */
	struct store_view *view;
	struct l2 *l2;             /* the endpoints are withdrawn first */
	void (*resume)(void *ctx); /* the removal failed: the network continues as before */
	void *resume_ctx;
	bool active; /* the key is being removed, or was removed: the network writes nothing */
	struct store *store;
	leave_done_fn *done;
	void *done_ctx;
};

/*
 * Stops the snapshots and starts the removal; active is true until it fails. Returns false if no
 * key is held: there is nothing to remove, and done is not called.
 */
bool leave_start(struct leave *leave, struct store *store, leave_done_fn *done, void *ctx);
