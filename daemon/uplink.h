/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The uplink: the device and address by which this node reaches the others.
 * Chosen by name or address, or else by the default route, IPv4's before IPv6's.
 */
#pragma once

#include "common/ipaddr.h"

#include <net/if.h>
#include <stdint.h>

struct err;
struct nl;

struct uplink {
	uint32_t index;
	char name[IF_NAMESIZE];
	struct ipaddr address[FAMILIES];   /* ours on it: source of what the tunnel sends */
	struct ipaddr public_ip[FAMILIES]; /* where peers send to; either may have one alone */
	uint32_t mtu;
};

/*
 * Finds it as things stand now. iface: a name, an address, or NULL for the default
 * route's; public_ip, of each family, unset: the same as the address. One stands for a family only
 * where the uplink has an address of it. ERR_CONFIG says what is not there;
 * it may come, so the caller tries again.
 */
int uplink_find(struct nl *nl, const char *iface, const struct ipaddr public_ip[static FAMILIES],
		struct uplink *uplink_out, struct err *err);
