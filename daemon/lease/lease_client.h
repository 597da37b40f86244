/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lease client: acquires this node's subnet lease, renews it, detects its loss and acquires it
 * again. lease_choose decides what to claim; the client executes the decision with transactions of
 * the store, each conditional on the revision that was read, so that a subnet never has two owners.
 *
 *             list                granted            put succeeded
 *   NONE ---------------> GRANTING -------> PUTTING --------------> HELD
 *    ^ ^                      |                | lost the race        | key or etcd
 *    | '----------------------+----------------'                      | lease missing
 *    |        failed: retried with backoff                            |
 *    '----------------------------------------------------------------'
 *                                HELD, key is another node's ------> LOST (until reacquired)
 */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>
#include <stdint.h>

struct config;
struct err;
struct lease;
struct lease_self;
struct leases;
struct loop;
struct store;

enum lease_state { LEASE_NONE, LEASE_GRANTING, LEASE_PUTTING, LEASE_HELD, LEASE_LOST };

struct lease_client;

/* Callbacks to the owner of the client, called from the loop or within lease_client_update. */
struct lease_client_owner {
	/* Fills in the other members of this node's lease; its subnet and etcd_lease are set. */
	void (*fill)(void *ctx, struct lease *lease);
	/* The lease was put into the store or lost: lease_client_view has the new state. */
	void (*changed)(void *ctx);
};

/*
 * Creates a client in state LEASE_NONE; nothing is sent before lease_client_update. loop, store,
 * owner and the strings of self must outlive it. ERR_NOMEM.
 */
int lease_client_new(struct loop *loop, struct store *store, const struct lease_self *self,
		     const struct lease_client_owner *owner, void *ctx,
		     struct lease_client **client_out, struct err *err);
/* Frees the client. Its key stays in the store. NULL is allowed. */
void lease_client_free(struct lease_client *client);

/*
 * Compares the lease with the store's present content and starts what is necessary. To be called
 * after a list and after every change of config or leases, which are read during the call only.
 */
void lease_client_update(struct lease_client *client, const struct config *config,
			 const struct leases *leases);

/* Sets the node's public addresses; the next lease_client_update writes them to the store. */
void lease_client_set_public_ip(struct lease_client *client,
				const struct ipaddr public_ip[static FAMILIES]);

/* The state for the status and for the published network state. */
struct lease_client_view {
	enum lease_state state;
	struct prefix subnet[FAMILIES]; /* of the last lease that was held; unset: none */
	uint64_t etcd_lease;            /* 0: none */
	uint64_t revision;              /* of the key in this node's last put */
	const struct lease *put;        /* the value of that put; NULL: there is no client */
	uint32_t ttl_s;
	uint64_t renewed_at;                /* seconds since the epoch */
	uint64_t renewals, renewals_failed; /* since the start */
	bool reserved;
	const char *error; /* why it is not held, or not renewed; "": no error */
};
struct lease_client_view lease_client_view(const struct lease_client *client);
