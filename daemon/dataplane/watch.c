/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Some changes have no event: the kernel removes the routes of a bridge that is set down, or that
 * loses its address, without RTM_DELROUTE. So the event of the cause makes the entries stale too.
 */
#include "daemon/dataplane/watch.h"

#include "common/array.h"
#include "common/err.h"
#include "common/log.h"
#include "common/netlink/addr.h"
#include "common/netlink/link.h"
#include "common/netlink/neigh.h"
#include "common/netlink/nl.h"
#include "common/netlink/route.h"
#include "common/vec.h"
#include "daemon/dataplane/plan.h"
#include "daemon/io/loop.h"
#include "daemon/lease/foreign.h"
#include "ipam/veth.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_BUFFER (1024 * 1024) /* some 500 events of devices: the creation of 25 networks */

#define WATCH_ALL                                                                                  \
	(WATCH_DEVICES | WATCH_TABLES | WATCH_UPLINK | WATCH_GATEWAY | WATCH_FOREIGN |             \
	 WATCH_OBSTACLE)

/* An event, parsed once for all networks. */
struct event {
	uint16_t type;
	int parsed; /* 1; 0: not of interest; -1: cannot be parsed */
	bool fdb;   /* of RTM_NEWNEIGH and RTM_DELNEIGH */
	union {
		struct link link;
		struct addr addr;
		struct route route;
		struct neigh neigh;
		struct neigh_fdb forwarding;
		int32_t netconf; /* the device */
	} of;
};

/* ---- Classification ---------------------------------------------------------------------- */

static bool is_named(const struct link *link, uint32_t index, const char *name)
{
	return (index && link->index == index) || (*name && !strcmp(link->name, name));
}

static bool is_vxlan(const struct watch_objects *objects, uint32_t index)
{
	return index && (index == objects->vxlan[FAMILY_V4] || index == objects->vxlan[FAMILY_V6]);
}

static bool is_path(const struct watch_objects *objects, uint32_t index)
{
	for (size_t i = 0; i < ARRAY_LEN(objects->path); i++)
		if (objects->path[i] && objects->path[i] == index)
			return true;
	return false;
}

static bool is_public(const struct watch_objects *objects, const struct ipaddr *addr)
{
	return ipaddr_equal(addr, &objects->public_ip[FAMILY_V4]) ||
	       ipaddr_equal(addr, &objects->public_ip[FAMILY_V6]);
}

/* A change of bridge or vxlan. While the device exists and is up, it keeps its entries. */
static unsigned classify_device(const struct watch_objects *objects, const struct link *link,
				bool gone)
{
	bool vxlan = is_vxlan(objects, link->index);
	bool existing = link->index == objects->bridge || vxlan;
	bool left = vxlan && link->master != objects->bridge;

	if (gone || !existing || left || !(link->flags & IFF_UP))
		return WATCH_DEVICES | WATCH_TABLES;
	return WATCH_DEVICES;
}

/*
 * Its addresses have events of their own; a bridge without an address has a MAC, which no peer can
 * have.
 */
static bool is_foreign_bridge(const struct watch_objects *objects, const struct link *link,
			      bool gone)
{
	return link->kind == LINK_KIND_BRIDGE && mac_is_unicast(&link->mac) &&
	       gone == (foreign_find_mac(objects->foreign, &link->mac) != NULL);
}

static unsigned classify_link(const struct watch_objects *objects, const struct event *event)
{
	const struct link *link = &event->of.link;
	bool gone = event->type == RTM_DELLINK;
	unsigned events = 0;

	if (is_named(link, objects->bridge, objects->bridge_name) ||
	    is_named(link, objects->vxlan[FAMILY_V4], objects->vxlan_name[0]) ||
	    is_named(link, objects->vxlan[FAMILY_V6], objects->vxlan_name[1]))
		events |= classify_device(objects, link, gone);
	else if ((!gone || objects->announces) &&
		 (veth_is_of_network(link, objects->network) ||
		  (objects->bridge && link->master == objects->bridge)))
		events |= WATCH_DEVICES;
	else if (is_foreign_bridge(objects, link, gone))
		events |= WATCH_FOREIGN;
	if (is_named(link, objects->uplink, objects->uplink_name) || !objects->uplink ||
	    is_path(objects, link->index))
		events |= WATCH_UPLINK;
	return events;
}

static unsigned classify_address(const struct watch_objects *objects, const struct event *event)
{
	const struct addr *addr = &event->of.addr;
	unsigned events = 0;

	if (addr->index != objects->bridge && !ipaddr_is_special(&addr->prefix.addr))
		events |= WATCH_FOREIGN;
	if (objects->bridge && addr->index == objects->bridge)
		events |= event->type == RTM_DELADDR ? WATCH_DEVICES | WATCH_TABLES : WATCH_DEVICES;
	if (!objects->uplink || addr->index == objects->uplink || is_path(objects, addr->index) ||
	    is_public(objects, &addr->prefix.addr))
		events |= WATCH_UPLINK;
	return events;
}

/* An on-link route of another device into the network. */
static bool is_foreign_route(const struct watch_objects *objects, const struct route *route)
{
	enum family f = ipaddr_family(&route->dst.addr);

	return route->index != objects->bridge && route->protocol != ROUTE_PROTOCOL &&
	       !ipaddr_is_set(&route->gateway) && prefix_is_set(&objects->cluster[f]) &&
	       prefix_overlaps(&objects->cluster[f], &route->dst);
}

static unsigned classify_own_route(const struct watch_objects *objects, const struct event *event)
{
	const struct route *route = &event->of.route;
	const struct route *installed;
	bool same;

	if (objects->direct && route->protocol != ROUTE_PROTOCOL && route->index != objects->bridge)
		return WATCH_TABLES;
	installed = plan_find_route(objects->installed, route);
	same = installed && !route_cmp(installed, route);
	if (event->type == RTM_DELROUTE && route->protocol == RTPROT_KERNEL)
		return objects->bridge && route->index == objects->bridge ? WATCH_DEVICES : 0;
	if (event->type == RTM_DELROUTE)
		return same ? WATCH_TABLES : 0;
	/* It replaces an installed route, or is a weft route that is not desired. */
	if (!same && (installed || (route->protocol == ROUTE_PROTOCOL && objects->bridge &&
				    route->index == objects->bridge)))
		return WATCH_TABLES;
	return 0;
}

static unsigned classify_route(const struct watch_objects *objects, const struct event *event)
{
	if (event->of.route.dst.len == 0)
		return WATCH_UPLINK | WATCH_GATEWAY;
	return classify_own_route(objects, event) |
	       (is_foreign_route(objects, &event->of.route) ? WATCH_FOREIGN : 0);
}

static unsigned classify_neigh(const struct watch_objects *objects, const struct event *event)
{
	const struct neigh *neigh = &event->of.neigh, *installed;

	if (!objects->bridge || neigh->index != objects->bridge)
		return 0;
	installed = plan_find_arp(objects->installed, neigh);
	if (event->type == RTM_DELNEIGH)
		return installed ? WATCH_TABLES : 0;
	/* Entries that the kernel resolved for local containers are not permanent. */
	if (!(neigh->state & NUD_PERMANENT))
		return installed ? WATCH_TABLES : 0;
	return installed && !mac_cmp(&installed->mac, &neigh->mac) ? 0 : WATCH_TABLES;
}

/*
 * The static entry of a locked port, or the bridge's own, was deleted; the entries that containers
 * leave are learned.
 */
static bool is_lost_entry(const struct watch_objects *objects, const struct event *event)
{
	const struct neigh_fdb *fdb = &event->of.forwarding;
	/* The vxlan device has the bridge's MAC, and so may have the entry. */
	const bool own = fdb->state & NUD_PERMANENT &&
			 (fdb->index == objects->bridge || is_vxlan(objects, fdb->index));
	const bool fixed = fdb->state & NUD_NOARP && !is_vxlan(objects, fdb->index);

	return event->type == RTM_DELNEIGH && fdb->bridge && (own || fixed) && objects->bridge &&
	       fdb->master == objects->bridge;
}

static unsigned classify_flood(const struct watch_objects *objects, const struct event *event)
{
	const bool installed = plan_find_flood(objects->installed, &event->of.forwarding);

	return installed == (event->type == RTM_DELNEIGH) ? WATCH_TABLES : 0;
}

static unsigned classify_fdb(const struct watch_objects *objects, const struct event *event)
{
	const uint16_t fixed = NUD_PERMANENT | NUD_NOARP;
	const struct neigh_fdb *fdb = &event->of.forwarding, *installed;
	bool same;

	installed = plan_find_fdb(objects->installed, &fdb->mac);
	/* The move of an installed entry to another port has no other event. */
	if (!is_vxlan(objects, fdb->index) && fdb->bridge && installed)
		return WATCH_TABLES;
	if (is_lost_entry(objects, event))
		return WATCH_DEVICES;
	if (!is_vxlan(objects, fdb->index))
		return 0;
	if (!fdb->bridge && mac_is_zero(&fdb->mac))
		return classify_flood(objects, event);
	same = installed && (fdb->bridge || ipaddr_equal(&installed->vtep, &fdb->vtep));
	if (event->type == RTM_DELNEIGH)
		return same ? WATCH_TABLES : 0;
	/* In the bridge's FDB, permanent means a port's own address. */
	if (fdb->bridge && fdb->state & NUD_PERMANENT)
		return 0;
	if (same)
		return fdb->state & fixed && (fdb->sticky || !fdb->bridge) ? 0 : WATCH_TABLES;
	/* Learned entries are not fixed; they are expected if learning is enabled. */
	return fdb->state & fixed || !objects->learning ? WATCH_TABLES : 0;
}

/* Each device that is created has such events, also the host end of any container's veth. */
static unsigned classify_netconf(const struct watch_objects *objects, const struct event *event)
{
	const int32_t index = event->of.netconf;

	return index < 0 || (uint32_t)index == objects->bridge ||
			       is_vxlan(objects, (uint32_t)index) ?
		       WATCH_DEVICES :
		       0;
}

/* Whether the event may end what a network waits for: any object of another program is gone. */
static bool ends_wait(const struct watch_objects *objects, const struct event *event)
{
	const struct link *link = &event->of.link;

	switch (event->type) {
	case RTM_DELADDR:
	case RTM_DELROUTE:
	case RTM_DELRULE:
	case RTM_DELLINK:
		return true;
	case RTM_NEWLINK: /* renamed, or set down: a vxlan device then releases its UDP port */
		return event->parsed < 0 ||
		       (link->family == AF_UNSPEC && link->index != objects->bridge &&
			!is_vxlan(objects, link->index) &&
			!veth_is_of_network(link, objects->network));
	default:
		return false;
	}
}

static unsigned classify(const struct watch_objects *objects, const struct event *event)
{
	if (event->parsed <= 0)
		return event->parsed == 0            ? 0 :
		       event->type == RTM_NEWNETCONF ? WATCH_DEVICES :
						       WATCH_ALL;
	switch (event->type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return classify_link(objects, event);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return classify_address(objects, event);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return classify_route(objects, event);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return event->fdb ? classify_fdb(objects, event) : classify_neigh(objects, event);
	case RTM_NEWNETCONF:
		return classify_netconf(objects, event);
	default:
		return 0;
	}
}

static unsigned classify_all(const struct watch_objects *objects, const struct event *event)
{
	return classify(objects, event) |
	       (objects->waiting && ends_wait(objects, event) ? WATCH_OBSTACLE : 0);
}

static int parse_neigh(const struct nlmsghdr *header, struct event *event, struct err *err)
{
	const struct ndmsg *info = (const void *)((const char *)header + NLMSG_HDRLEN);

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
		return -1;
	event->fdb = info->ndm_family == AF_BRIDGE;
	return event->fdb ? neigh_fdb_parse(header, &event->of.forwarding, err) :
			    neigh_parse(header, &event->of.neigh, err);
}

static int parse_body(const struct nlmsghdr *header, struct event *event, struct err *err)
{
	switch (header->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return link_parse(header, &event->of.link, err) < 0 ? -1 : 1;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return addr_parse(header, &event->of.addr, err);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return route_parse(header, &event->of.route, err);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return parse_neigh(header, event, err);
	case RTM_NEWNETCONF:
		return link_parse_netconf(header, &event->of.netconf, err) < 0 ? -1 : 1;
	default:
		return 0;
	}
}

static void parse(const struct nlmsghdr *header, struct event *event)
{
	struct err unused = ERR_INIT;

	event->type = header->nlmsg_type;
	event->parsed = parse_body(header, event, &unused);
}

unsigned watch_classify(const struct watch_objects *objects, const struct nlmsghdr *header)
{
	struct event event;

	parse(header, &event);
	return classify_all(objects, &event);
}

/* ---- Subscription ------------------------------------------------------------------------ */

/* A network. */
struct member {
	const struct watch_owner *owner;
	void *ctx;
	bool has_objects;
	struct watch_objects objects; /* during one read */
	unsigned events;              /* of it */
};
VEC_DEFINE(members, struct member);

struct watch {
	struct nl *nl;
	struct loop_event *event;
	struct members members;
	uint32_t filtered; /* index of the device whose neighbour events the socket filters */
	bool failing;      /* reported */
};

static int on_event(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	struct watch *watch = ctx;
	struct event event;

	(void)err;
	parse(header, &event);
	for (size_t i = 0; i < watch->members.len; i++) {
		struct member *member = &watch->members.at[i];

		if (member->has_objects)
			member->events |= classify_all(&member->objects, &event);
	}
	return 0;
}

static void get_objects(struct watch *watch)
{
	for (size_t i = 0; i < watch->members.len; i++) {
		struct member *member = &watch->members.at[i];

		member->events = 0;
		member->has_objects = member->owner->objects(member->ctx, &member->objects);
	}
}

/*
 * The uplink's neighbours change often. If no filter can be set, or networks have different
 * uplinks, classification drops them.
 */
static void filter_neighbours(struct watch *watch)
{
	struct err unused = ERR_INIT;
	uint32_t uplink = 0;

	for (size_t i = 0; i < watch->members.len; i++) {
		const struct member *member = &watch->members.at[i];

		if (!member->has_objects)
			continue;
		if (uplink && uplink != member->objects.uplink) {
			uplink = 0;
			break;
		}
		uplink = member->objects.uplink;
	}
	if (watch->filtered != uplink && nl_filter_neigh_events(watch->nl, uplink, &unused) == 0)
		watch->filtered = uplink;
}

static void notify(struct watch *watch, bool all)
{
	for (size_t i = 0; i < watch->members.len; i++) {
		const struct member *member = &watch->members.at[i];
		const unsigned events = !member->has_objects ? WATCH_UPLINK :
					all                  ? WATCH_ALL :
							       member->events;

		if (events)
			member->owner->on_events(member->ctx, events);
	}
}

static void on_readable(void *ctx, int fd, unsigned ready)
{
	struct watch *watch = ctx;
	struct err err = ERR_INIT;
	bool lost = false;
	int rc;

	(void)fd, (void)ready;
	get_objects(watch);
	rc = nl_read_events(watch->nl, on_event, watch, &lost, &err);
	/* The socket remains in use, and all parts are stale. */
	if (rc < 0 && !watch->failing)
		log_error("cannot read kernel events", "error", err.text);
	watch->failing = rc < 0;
	filter_neighbours(watch);
	notify(watch, rc < 0 || lost);
}

int watch_add(struct watch *watch, const struct watch_owner *owner, void *ctx, struct err *err)
{
	const struct member member = { .owner = owner, .ctx = ctx };

	return members_push(&watch->members, &member) ? 0 : err_nomem(err, "the kernel watch");
}

void watch_remove(struct watch *watch, const void *ctx)
{
	struct members *members = &watch->members;
	size_t kept = 0;

	for (size_t i = 0; i < members->len; i++)
		if (members->at[i].ctx != ctx)
			members->at[kept++] = members->at[i];
	members->len = kept;
}

int watch_new(struct loop *loop, struct watch **watch_out, struct err *err)
{
	static const unsigned groups[] = { RTNLGRP_LINK,
					   RTNLGRP_NEIGH,
					   RTNLGRP_IPV4_IFADDR,
					   RTNLGRP_IPV4_ROUTE,
					   RTNLGRP_IPV6_IFADDR,
					   RTNLGRP_IPV6_ROUTE,
					   RTNLGRP_IPV4_NETCONF,
					   RTNLGRP_IPV6_NETCONF,
					   RTNLGRP_IPV4_RULE,
					   RTNLGRP_IPV6_RULE,
					   0 };
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return err_nomem(err, "the kernel watch");
	if (nl_open(&watch->nl, err) < 0 || nl_listen(watch->nl, groups, err) < 0) {
		watch_free(watch);
		return -1;
	}
	nl_set_buffer(watch->nl, EVENTS_BUFFER);
	watch->event = loop_fd(loop, nl_fd(watch->nl), LOOP_READ, on_readable, watch);
	if (!watch->event) {
		watch_free(watch);
		return err_nomem(err, "the kernel watch");
	}
	*watch_out = watch;
	return 0;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	loop_event_free(watch->event);
	nl_free(watch->nl);
	members_free(&watch->members);
	free(watch);
}
