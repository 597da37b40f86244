/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoints of one L2 network: reads those of all nodes from the store, and announces those of
 * this node's containers there. Owns the store of the endpoints, which is apart from that of the
 * leases. Started when the network's configuration has the mode "l2"; without a start it does
 * nothing. Never writes to the kernel.
 *
 * An endpoint that is missing from the store stays for some seconds, since its node may have
 * replaced its etcd lease, and for as long as its node's lease is in the grace period.
 */
#pragma once

#include "daemon/l2/announce.h"
#include "daemon/l2/endpoint.h"
#include "daemon/l2/seen.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct loop;
struct store;
struct store_listener;

struct l2;

struct l2_owner {
	/* Opens the store of the endpoints, not started. Returns 0 or -1. */
	int (*open_store)(void *ctx, const struct store_listener *listener, void *listener_ctx,
			  struct store **store_out, struct err *err);
	/* Whether the lease of the node is kept during a grace period. */
	bool (*is_in_grace)(void *ctx, const char *node);
	/* Endpoints have changed. */
	void (*changed)(void *ctx);
};

/* name and node, the network's and the id of this node, are borrowed. ERR_NOMEM. */
int l2_new(struct loop *loop, const char *name, const char *node, const struct l2_owner *owner,
	   void *ctx, struct l2 **l2_out, struct err *err);
/* Leaves the announcements in the store. NULL is allowed. */
void l2_free(struct l2 *l2);

/* Opens and starts the store, unless it is started. Returns 0, or -1: to be called again. */
int l2_start(struct l2 *l2, struct err *err);
/* The node's address has changed. */
void l2_reconnect(struct l2 *l2);
/* Makes the store, if it is open, check its connection. */
void l2_check(struct l2 *l2);

/*
 * Sets the etcd lease to which announcements are attached; 0: the node's key has none. held: the
 * node holds its lease; otherwise nothing is announced.
 */
void l2_set_lease(struct l2 *l2, bool held, uint64_t etcd_lease);

/*
 * Sets the addresses of this node's containers, sorted, of which node need not be set. complete:
 * these are all; announcements of other addresses are withdrawn. Returns whether an address or a
 * MAC has changed.
 */
bool l2_set_local(struct l2 *l2, const struct endpoints *local, bool complete);

/*
 * Sets the MACs that no container of another node may have, sorted, besides those of the local
 * addresses. Returns whether they have changed.
 */
bool l2_set_reserved(struct l2 *l2, const struct macs *macs);
/* Sets the numbers of addresses that are not announced, for l2_view. */
void l2_set_unannounced(struct l2 *l2, const struct seen_counts *counts);

/*
 * Withdraws all announcements, for a node that leaves; done is called once, later, after the last
 * one or an error. Returns false if there is none: done is not called then. Nothing is announced
 * afterwards, unless l2_resume is called.
 */
typedef void l2_withdrawn_fn(void *ctx);
bool l2_withdraw(struct l2 *l2, l2_withdrawn_fn *done, void *ctx);
void l2_resume(struct l2 *l2);

/* Valid until control returns to the loop. */
struct l2_view {
	bool known; /* a list was complete: endpoints has those of all nodes */
	const struct endpoints *endpoints;
	const struct local_endpoints *locals;
	const struct macs *reserved;
	const struct seen_counts *unannounced;
	size_t announced;  /* of the local ones */
	const char *error; /* why an announcement failed, or why the store is not reached; "" */
};
struct l2_view l2_view(const struct l2 *l2);
