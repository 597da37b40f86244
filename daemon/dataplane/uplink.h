/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The uplink: the device and addresses by which this node reaches the others. uplink_choose.h
 * states how it is chosen; this module reads what the choice depends on, and the MTU of the path.
 */
#pragma once

#include "common/ipaddr.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct nl;

#define UPLINK_PATHS 8 /* devices whose MTU counts */
#define UPLINK_PEERS 8 /* peers whose routes are looked up */

struct uplink {
	uint32_t index; /* of the device with the IPv4 address, without one the IPv6 address */
	char name[IF_NAMESIZE];
	struct ipaddr address[FAMILIES];   /* outer source addresses of tunnel packets */
	uint32_t device[FAMILIES];         /* indices of the devices that have them; 0: none */
	struct ipaddr public_ip[FAMILIES]; /* where peers send to; one may be unset */
	bool provisional; /* chosen without a route: replaced as soon as a route names one */
	bool doubtful; /* provisional, or without a subnet, deprecated, tentative, or temporary */
	uint32_t mtu;  /* the smallest of the path to the peers, in bytes */
	uint32_t path[UPLINK_PATHS]; /* devices by which the peers are reached; 0: unused */
	bool bridged;                /* a bridge is among these devices, or has an address */
};

/* What the operator configured; borrowed. Without iface, regex and can_reach: the default route. */
struct uplink_options {
	const char *const *iface; /* names, addresses, or "IPV4,IPV6"; NULL-terminated; or NULL */
	const char *const *regex; /* POSIX extended; NULL-terminated; or NULL */
	struct ipaddr can_reach;  /* the device of the route to it; unset: not set */
	struct ipaddr public_ip[FAMILIES]; /* unset: the uplink's address */
};

struct uplink_search {
	const struct uplink_options *options;
	const struct uplink *current;     /* in use; index 0: none yet */
	struct ipaddr previous[FAMILIES]; /* used before weftd started; unset: unknown */
	bool v6_first;                    /* tunnel packets are IPv6 */
	struct ipaddr peer[UPLINK_PEERS]; /* some of the peers; unset: fewer */
};

/*
 * Finds the uplink; the one in use is kept where that is possible. ERR_CONFIG if there is none,
 * which can be temporary; ERR_KERNEL, ERR_NOMEM.
 */
int uplink_find(struct nl *nl, const struct uplink_search *search, struct uplink *uplink_out,
		struct err *err);
