/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container of this network gets, but for its addresses: which MTU, which routes. Follows from what weftd has published and from the
 * network configuration. Pure.
 */
#pragma once

#include "common/state.h"
#include "plugin/netconf.h"

#include <stddef.h>
#include <stdint.h>

struct err;

struct wiring {
	uint32_t mtu;
	struct netconf_routes routes; /* no device; a gateway but where scope is the link's */
	size_t own; /* the first so many are ours or configured; wiring_add has added the others */
};

/*
 * For each family a default route through the node, or, with isDefaultGateway false, one to
 * the cluster's network; then the configured ones, which win over a default route of ours.
 * ERR_CONFIG: an MTU above the network's, a route of a family that it has not.
 * The caller frees with wiring_free.
 */
int wiring_of(const struct state_network *network, const struct netconf *netconf,
	      struct wiring *wiring_out, struct err *err);

/*
 * Adds a route that another plugin wants, its gateway the node's where it has none; one of
 * wiring_of to the same destination with the same metric and table stays instead. Several of
 * that plugin's to one destination are all added, for as many gateways.
 */
int wiring_add(struct wiring *wiring, const struct state_network *network,
	       const struct route *route, struct err *err);

/* An all-zero struct is allowed. */
void wiring_free(struct wiring *wiring);
#define AUTO_WIRING __attribute__((cleanup(wiring_free)))
