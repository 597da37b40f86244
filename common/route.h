/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes: list those of one protocol number, add, delete, and ask the kernel
 * which way a packet would go.
 */
#pragma once

#include "ipaddr.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct nl;
struct nl_msg;
struct nlmsghdr;

#define ROUTE_PROTOCOL 0x77 /* marks a route as weft's; no other user in iproute2's rt_protos */

struct route {
	struct prefix dst;     /* masked; its family is the route's */
	struct ipaddr gateway; /* unset: on link */
	struct ipaddr source;  /* preferred source; unset: the kernel's choice */
	uint32_t index;        /* outgoing device */
	uint32_t metric;
	uint32_t table;   /* 0 in a request: main (254) */
	uint32_t mtu;     /* 0: none */
	uint32_t advmss;  /* 0: none */
	uint8_t protocol; /* RTPROT_* */
	uint8_t scope;    /* RT_SCOPE_* */
	bool onlink;
};

/*
 * Order by destination, metric, then the rest: two routes that compare equal are the
 * same route to the last attribute. As the kernel does, takes table 0 for main and an IPv6
 * metric of 0 for 1024; an IPv6 route has no scope, whatever was asked for.
 */
int route_cmp(const void *a, const void *b);

/*
 * Unicast routes of a protocol in the main table, by family; the kernel filters (strict
 * checking). Of a route with several next hops: the first.
 */
typedef int route_visit_fn(void *ctx, const struct route *route, struct err *err);
int route_each(struct nl *nl, uint8_t family, uint8_t protocol, route_visit_fn *visit,
	       void (*restart)(void *ctx), void *ctx, struct err *err);

/*
 * Unicast routes of a family in whatever table, also those of policy routing; one with several
 * next hops is visited once for each.
 */
int route_each_hop(struct nl *nl, uint8_t family, route_visit_fn *visit, void (*restart)(void *ctx),
		   void *ctx, struct err *err);

/*
 * From an RTM_NEWROUTE or RTM_DELROUTE message, as events have them. 1 a unicast route of the
 * main table, 0 another, -1 failed.
 */
int route_parse(const struct nlmsghdr *header, struct route *route_out, struct err *err);

/* The messages, for a batch. Adding replaces a route of the same destination and metric. */
struct nl_msg *route_add_message(const struct route *route);

/*
 * The same behind what is there: a route to the same destination by another device stays, and stays
 * first. In a container the other device is another attachment's. EEXIST: this very route is there.
 */
struct nl_msg *route_append_message(const struct route *route);
struct nl_msg *route_del_message(const struct route *route);

/*
 * The route that a packet to addr would take (RTM_GETROUTE, not a dump).
 * 1 found, 0 unreachable or no single host's address, -1 failed. source is the address that the kernel would use;
 * the device of an address of our own is the loopback.
 */
int route_to(struct nl *nl, const struct ipaddr *addr, struct route *route_out, struct err *err);

/*
 * The default route of the family with the lowest metric in the main table, dead ones
 * left out; the first next hop of several. 1 / 0 / -1.
 */
int route_default(struct nl *nl, uint8_t family, struct route *route_out, struct err *err);
