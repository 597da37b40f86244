/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of a host's addresses is the uplink. Pure.
 *
 * An address in use stays in use as long as it is configured, not deprecated, and its device is up
 * and has a carrier, whatever else changes. Otherwise, in this order:
 *
 * 1. --public-ip, if it is an address of this host;
 * 2. what --iface, --iface-regex or --iface-can-reach name;
 * 3. the default routes of the main table, by metric, then by interface index;
 * 4. the kernel's route to a public address, which policy routing can put into other tables;
 * 5. provisionally, if no route leads out: an address of a device that is neither weft's nor a
 *    bridge of containers.
 *
 * IPv4 comes first, and IPv6 uses the same device. Of a device's addresses, see uplink_prefers.
 */
#pragma once

#include "common/netlink/addr.h"
#include "common/netlink/link.h"
#include "common/netlink/route.h"
#include "common/vec.h"
#include "daemon/dataplane/uplink.h"

#include <stdbool.h>

struct err;

VEC_DEFINE(uplink_links, struct link);
VEC_DEFINE(uplink_addrs, struct addr);
VEC_DEFINE(uplink_routes, struct route);

/* What the choice depends on, in any order. */
struct uplink_host {
	struct uplink_links links;
	struct uplink_addrs addrs;
	struct uplink_routes defaults; /* next hops of default routes of the main table */
	/*
	 * The kernel's routes to a public address and to can_reach of the options; index 0: none.
	 */
	struct route to_public[FAMILIES], to_wanted;
};

/*
 * Keeps the uplink in use, without looking at routes. Returns false if it cannot stay as it is, or
 * if a route could add what it lacks: uplink_choose decides then.
 */
bool uplink_keep(const struct uplink_host *host, const struct uplink_search *search,
		 struct uplink *uplink_out);

/*
 * Chooses; MTU and path are not set. A device that is down or has no carrier is chosen only if
 * nothing is in use yet. ERR_CONFIG with the reason.
 */
int uplink_choose(const struct uplink_host *host, const struct uplink_search *search,
		  struct uplink *uplink_out, struct err *err);

/*
 * Whether a is preferred to b: neither deprecated, tentative nor temporary; with a subnet, not /32
 * or /128; without noprefixroute; primary; permanent; then by value.
 */
bool uplink_prefers(const struct addr *a, const struct addr *b);

/* Whether the options name the uplink, so that default routes do not matter. */
bool uplink_is_selective(const struct uplink_options *options);
/* Whether it is a bridge or vxlan device of weft, of any network. */
bool uplink_is_ours(const struct link *link);
/* The device with that index; NULL: none. */
const struct link *uplink_link(const struct uplink_host *host, uint32_t index);
