/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This node's own lease in one network: its VTEP MAC, the value of its key, and the lease client
 * (lease_client.h), which puts the key and keeps it.
 */
#pragma once

#include "common/ipaddr.h"
#include "daemon/lease/lease_client.h"

#include <stdbool.h>

struct config;
struct err;
struct foreign;
struct leases;
struct loop;
struct nl;
struct node;
struct store;
struct underlay;

/* Set all borrowed members; the rest starts as zero. */
struct own_lease {
	const char *network; /* name; borrowed, as all up to underlay */
	struct node *node;
	const char *node_name;       /* for users */
	const char *machine;         /* node_machine_id(); "": unknown */
	const struct config *config; /* in use */
	const struct underlay *underlay;
	const struct foreign *foreign; /* the node's other devices */
	void (*changed)(void *ctx);    /* the lease is held, lost, or held again */
	void *ctx;
	struct mac vtep_mac;         /* zero before own_lease_start */
	struct lease_client *client; /* NULL before own_lease_start */
};

/*
 * Finds the VTEP MAC, and makes the lease client: config and underlay are usable by now. A node
 * that ran flannel keeps the MAC and the subnets that it had there: leases are searched for
 * flannel's lease of this node; subnet_file (may be NULL) is its subnet.env. Returns 0, or -1:
 * to be called again.
 */
int own_lease_start(struct own_lease *own, struct loop *loop, struct nl *nl, struct store *store,
		    const struct leases *leases, const char *subnet_file, struct err *err);
/* The key stays in the store. */
void own_lease_free(struct own_lease *own);

/* The client's view; before own_lease_start, of no lease. */
struct lease_client_view own_lease_view(const struct own_lease *own);
/* The subnets of a lease that is held in the store; *view is filled in. NULL: none is held. */
const struct prefix *own_lease_subnet(const struct own_lease *own, struct lease_client_view *view);

/*
 * Returns whether the lease is held; *lease_out is what this node put into the store then, of an
 * earlier configuration if that has changed meanwhile.
 */
bool own_lease_held(const struct own_lease *own, struct lease *lease_out);

/* Whether the configuration contains the subnets that this node holds or held. ERR_CONFIG. */
int own_lease_check_config(const struct own_lease *own, const struct config *config,
			   struct err *err);
