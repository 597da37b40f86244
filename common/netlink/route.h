/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes: list those of one protocol number, add, delete, and query the route to an address.
 */
#pragma once

#include "common/ipaddr.h"

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
 * Orders by destination, metric, then the rest; 0 means equal in all attributes. As in the kernel,
 * table 0 is main, an IPv6 metric of 0 is 1024, and the scope of an IPv6 route is ignored.
 */
int route_cmp(const void *a, const void *b);

/*
 * Visits the unicast routes of a protocol and family in the main table; the kernel filters (strict
 * checking). A route with several next hops is visited with the first. Returns 0 or -1.
 */
typedef int route_visit_fn(void *ctx, const struct route *route, struct err *err);
int route_each(struct nl *nl, uint8_t family, uint8_t protocol, route_visit_fn *visit,
	       void (*restart)(void *ctx), void *ctx, struct err *err);

/*
 * Visits the unicast routes of a family in all tables, also those of policy routing, except those
 * of a protocol (0: none). A route with several next hops is visited once for each. Returns 0 or
 * -1.
 */
int route_each_hop(struct nl *nl, uint8_t family, uint8_t except, route_visit_fn *visit,
		   void (*restart)(void *ctx), void *ctx, struct err *err);

/*
 * Parses an RTM_NEWROUTE or RTM_DELROUTE message. Returns 1 a unicast route of the main table, 0
 * another route, -1 failed.
 */
int route_parse(const struct nlmsghdr *header, struct route *route_out, struct err *err);

/* Messages for a batch. Adding replaces a route of the same destination and metric. */
struct nl_msg *route_add_message(const struct route *route);

/*
 * Appends instead: a route to the same destination through another device (in a container, of
 * another attachment) stays, and stays first. EEXIST: an equal route exists.
 */
struct nl_msg *route_append_message(const struct route *route);
struct nl_msg *route_del_message(const struct route *route);

/*
 * Queries the route of a packet to addr (RTM_GETROUTE, not a dump). source is the address that the
 * kernel would use; the device for a local address is the loopback. Returns 1 found, 0 unreachable
 * or not a unicast address, -1 failed.
 */
int route_to(struct nl *nl, const struct ipaddr *addr, struct route *route_out, struct err *err);

/* The route of one packet. */
struct route_request {
	struct ipaddr to, from; /* from unset: the kernel's choice */
	uint32_t input;         /* the device that it arrives through; 0: this host sends it */
};
struct route_reply {
	struct route route; /* as the kernel applies it; dst is the address */
	struct route entry; /* the entry of the table that matched; if !has_entry, unset */
	bool has_entry;
	uint8_t type;  /* RTN_* */
	int sys_errno; /* why there is no route, if the function returned 0 */
};
/*
 * Queries the kernel's decision, with policy rules, forwarding and the check of the source. Returns
 * 1 found, of any type, 0 no route, -1 failed.
 */
int route_find(struct nl *nl, const struct route_request *request, struct route_reply *reply_out,
	       struct err *err);

/*
 * Visits each next hop of the route in the tables by which packets from source (unset: any address)
 * to addr leave; route.mtu is the route's own, not a learned one. Returns 1 visited, 0 unreachable
 * or not a unicast route, -1 failed.
 */
int route_to_hops(struct nl *nl, const struct ipaddr *addr, const struct ipaddr *source,
		  route_visit_fn *visit, void *ctx, struct err *err);

/*
 * Visits each next hop of the family's default routes in the main table, except dead ones. Those
 * of next-hop objects are included as far as the kernel expands them
 * (net.ipv4.nexthop_compat_mode). Returns 0 or -1.
 */
int route_each_default(struct nl *nl, uint8_t family, route_visit_fn *visit,
		       void (*restart)(void *ctx), void *ctx, struct err *err);

/*
 * Finds the default route of the family with the lowest metric in the main table, except dead ones;
 * of several next hops, the first. Returns 1 found, 0 none, -1 failed.
 */
int route_default(struct nl *nl, uint8_t family, struct route *route_out, struct err *err);
