/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MTU and routes of a container's interface, computed from the network state that weftd has
 * published and from the network configuration. Pure.
 */
#pragma once

#include "common/auto.h"
#include "common/state.h"
#include "plugin/netconf.h"

#include <stddef.h>
#include <stdint.h>

struct err;

struct iface_settings {
	uint32_t mtu;
	struct netconf_routes routes; /* no device; a gateway unless the scope is link */
	/* Routes before this index are weft's; iface_settings_add_route adds the rest. */
	size_t own;
};

/*
 * Computes one default route per family through the node (with isDefaultGateway false, a route to
 * the cluster network instead), then the configured routes, which replace an equal default route.
 * Returns 0, or -1 with ERR_CONFIG: an MTU above the network's, or a route of a family that the
 * network lacks. Free with iface_settings_free.
 */
int iface_settings_make(const struct state_network *network, const struct netconf *netconf,
			struct iface_settings *settings_out, struct err *err);

/*
 * Adds a route of an IPAM plugin; its gateway defaults to the node's. A route of
 * iface_settings_make with the same destination, metric and table takes precedence. Routes of the
 * IPAM plugin to one destination through several gateways are all added. Returns 0, or -1 with
 * ERR_CONFIG.
 */
int iface_settings_add_route(struct iface_settings *settings, const struct state_network *network,
			     const struct route *route, struct err *err);

/* Frees the members. An all-zero struct is allowed. */
void iface_settings_free(struct iface_settings *settings);
AUTO_DEFINE_VALUE(iface_settings, struct iface_settings, iface_settings_free);
