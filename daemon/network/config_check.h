/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a network configuration fits this host and the leases. The same check is used when a
 * network comes up, when its configuration changes, and when the uplink changes. Ranges that no
 * network may have are rejected earlier, by config_parse. Pure.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/vec.h"
#include "daemon/dataplane/uplink.h"

#include <stddef.h>

struct config;
struct err;
struct leases;
struct peer_self;

VEC_DEFINE(config_addresses, struct ipaddr);

/* The addresses of this host that must stay reachable outside the tunnel; all borrowed. */
struct config_host {
	const struct uplink *uplink;
	const struct config_addresses *gateways; /* of the default routes, and through the uplink */
	const char *const *endpoints; /* URLs of the store, NULL-terminated; NULL: none */
};

/*
 * Checks that no Network of the configuration contains an address of the uplink, a gateway, or a
 * literal address of the store's endpoints. ERR_CONFIG with key, value and address.
 */
int config_check_host(const struct config *config, const struct config_host *host, struct err *err);

/*
 * Checks that a configuration that replaces the current one keeps at least one of the peers that
 * are usable now, if there are any. A peer is lost if its public address is inside the new Network,
 * or if the new Network contains none of its subnets. A peer without a subnet of the new families
 * is kept: its node will replace its key. ERR_CONFIG or ERR_NOMEM.
 */
int config_check_peers(const struct config *current, const struct config *next,
		       const struct leases *leases, const struct peer_self *self, struct err *err);
