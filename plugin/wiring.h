/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container of this network gets, but for its addresses: from which ranges those
 * come, which MTU, which routes. Follows from what weftd has published and from the
 * network configuration. Pure.
 */
#pragma once

#include "common/state.h"
#include "ipam/range.h"
#include "plugin/netconf.h"

#include <stddef.h>
#include <stdint.h>

struct err;

struct wiring {
	struct range ranges[2]; /* as the network's families */
	size_t range_len;
	uint32_t mtu;
	struct netconf_routes routes; /* every gateway set, no device */
};

/*
 * For each family a default route through the node, or, with isDefaultGateway false, one to
 * the cluster's network; then the configured ones, which win over a default route of ours.
 * ERR_CONFIG: an MTU above the network's, a route of a family that it has not.
 * The caller frees with wiring_free.
 */
int wiring_of(const struct state_network *network, const struct netconf *netconf,
	      struct wiring *wiring_out, struct err *err);

/* An all-zero struct is allowed. */
void wiring_free(struct wiring *wiring);
#define AUTO_WIRING __attribute__((cleanup(wiring_free)))
