/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel does without an event of its own decides what the others are worth: a bridge
 * that goes down, or loses its address, loses its routes in silence.
 */
#include "watch.h"

#include "common/addr.h"
#include "common/err.h"
#include "common/link.h"
#include "common/log.h"
#include "common/nl.h"
#include "loop.h"
#include "plan.h"
#include "ports.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_EVERYWHERE (WATCH_DEVICES | WATCH_TABLES | WATCH_UPLINK)

/* ---- What an event is worth -------------------------------------------------------------- */

static bool is_named(const struct link *link, uint32_t index, const char *name)
{
	return (index && link->index == index) || (*name && !strcmp(link->name, name));
}

static bool is_vxlan(const struct watch_objects *objects, uint32_t index)
{
	return index && (index == objects->vxlan[FAMILY_V4] || index == objects->vxlan[FAMILY_V6]);
}

/* A change of bridge or vxlan; while it is up and there, its entries are as they were. */
static unsigned judge_device(const struct watch_objects *objects, const struct link *link,
			     bool gone)
{
	bool vxlan = is_vxlan(objects, link->index);
	bool known = link->index == objects->bridge || vxlan;
	bool left = vxlan && link->master != objects->bridge;

	if (gone || !known || left || !(link->flags & IFF_UP))
		return WATCH_DEVICES | WATCH_TABLES;
	return WATCH_DEVICES;
}

static unsigned judge_link(const struct watch_objects *objects, const struct nlmsghdr *event,
			   struct err *err)
{
	bool gone = event->nlmsg_type == RTM_DELLINK;
	unsigned news = 0;
	struct link link;

	if (link_parse(event, &link, err) < 0)
		return LOOK_EVERYWHERE;
	if (is_named(&link, objects->bridge, objects->bridge_name) ||
	    is_named(&link, objects->vxlan[FAMILY_V4], objects->vxlan_name[0]) ||
	    is_named(&link, objects->vxlan[FAMILY_V6], objects->vxlan_name[1]))
		news |= judge_device(objects, &link, gone);
	else if (!gone &&
		 (ports_is_ours(&link, objects->network) ||
		  (link.family == AF_BRIDGE && objects->bridge && link.master == objects->bridge)))
		news |= WATCH_DEVICES;
	if (is_named(&link, objects->uplink, objects->uplink_name) || !objects->uplink)
		news |= WATCH_UPLINK;
	return news;
}

static unsigned judge_address(const struct watch_objects *objects, const struct nlmsghdr *event,
			      struct err *err)
{
	unsigned news = 0;
	struct addr addr;
	int parsed = addr_parse(event, &addr, err);

	if (parsed <= 0)
		return parsed < 0 ? LOOK_EVERYWHERE : 0;
	if (objects->bridge && addr.index == objects->bridge)
		news |= event->nlmsg_type == RTM_DELADDR ? WATCH_DEVICES | WATCH_TABLES :
							   WATCH_DEVICES;
	if (!objects->uplink || addr.index == objects->uplink)
		news |= WATCH_UPLINK;
	return news;
}

static unsigned judge_route(const struct watch_objects *objects, const struct nlmsghdr *event,
			    struct err *err)
{
	const struct route *stands;
	struct route route;
	int parsed = route_parse(event, &route, err);
	bool same;

	if (parsed <= 0)
		return parsed < 0 ? LOOK_EVERYWHERE : 0;
	if (route.dst.len == 0)
		return WATCH_UPLINK;
	if (objects->direct && route.protocol != ROUTE_PROTOCOL && route.index != objects->bridge)
		return WATCH_TABLES;
	stands = plan_find_route(objects->stand, &route);
	same = stands && !route_cmp(stands, &route);
	if (event->nlmsg_type == RTM_DELROUTE && route.protocol == RTPROT_KERNEL)
		return objects->bridge && route.index == objects->bridge ? WATCH_DEVICES : 0;
	if (event->nlmsg_type == RTM_DELROUTE)
		return same ? WATCH_TABLES : 0;
	/* In the place of one of ours, or where only ours may be. */
	if (!same && (stands || (route.protocol == ROUTE_PROTOCOL && objects->bridge &&
				 route.index == objects->bridge)))
		return WATCH_TABLES;
	return 0;
}

static unsigned judge_neigh(const struct watch_objects *objects, const struct nlmsghdr *event,
			    struct err *err)
{
	const struct neigh *stands;
	struct neigh neigh;
	int parsed = neigh_parse(event, &neigh, err);

	if (parsed <= 0)
		return parsed < 0 ? LOOK_EVERYWHERE : 0;
	if (!objects->bridge || neigh.index != objects->bridge)
		return 0;
	stands = plan_find_arp(objects->stand, &neigh);
	if (event->nlmsg_type == RTM_DELNEIGH)
		return stands ? WATCH_TABLES : 0;
	/* What the kernel learns of our own containers comes and goes, and is not ours. */
	if (!(neigh.state & NUD_PERMANENT))
		return stands ? WATCH_TABLES : 0;
	return stands && !mac_cmp(&stands->mac, &neigh.mac) ? 0 : WATCH_TABLES;
}

static unsigned judge_fdb(const struct watch_objects *objects, const struct nlmsghdr *event,
			  struct err *err)
{
	const uint16_t fixed = NUD_PERMANENT | NUD_NOARP;
	const struct neigh_fdb *stands;
	struct neigh_fdb fdb;
	int parsed = neigh_fdb_parse(event, &fdb, err);
	bool same;

	if (parsed <= 0)
		return parsed < 0 ? LOOK_EVERYWHERE : 0;
	stands = plan_find_fdb(objects->stand, &fdb.mac);
	/* One of ours that moves to another port has no event but this. */
	if (!is_vxlan(objects, fdb.index))
		return fdb.bridge && stands ? WATCH_TABLES : 0;
	same = stands && (fdb.bridge || ipaddr_equal(&stands->vtep, &fdb.vtep));
	if (event->nlmsg_type == RTM_DELNEIGH)
		return same ? WATCH_TABLES : 0;
	/* In the bridge's half, permanent is the port's own address. */
	if (fdb.bridge && fdb.state & NUD_PERMANENT)
		return 0;
	if (same)
		return fdb.state & fixed && (fdb.sticky || !fdb.bridge) ? 0 : WATCH_TABLES;
	/* What a device learns is not fixed; where it may learn, that is no news. */
	return fdb.state & fixed || !objects->learning ? WATCH_TABLES : 0;
}

unsigned watch_judge(const struct watch_objects *objects, const struct nlmsghdr *event)
{
	const struct ndmsg *info = (const void *)((const char *)event + NLMSG_HDRLEN);
	struct err unused;

	switch (event->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return judge_link(objects, event, &unused);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return judge_address(objects, event, &unused);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return judge_route(objects, event, &unused);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (event->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
			return LOOK_EVERYWHERE;
		return info->ndm_family == AF_BRIDGE ? judge_fdb(objects, event, &unused) :
						       judge_neigh(objects, event, &unused);
	case RTM_NEWNETCONF:
		return WATCH_DEVICES;
	default:
		return 0;
	}
}

/* ---- Listening --------------------------------------------------------------------------- */

struct watch {
	struct nl *nl;
	struct loop_event *event;
	const struct watch_owner *owner;
	void *ctx;
	uint32_t passed_over; /* whose neighbours are nothing to us */
	bool failing;         /* and said so */
};

/* Events being read. */
struct drain {
	struct watch_objects objects;
	unsigned news;
};

static int take_event(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	struct drain *drain = ctx;

	(void)err;
	drain->news |= watch_judge(&drain->objects, header);
	return 0;
}

/* Those of the underlay change all day long. Without a filter they are judged, and dropped. */
static void pass_over(struct watch *watch, uint32_t uplink)
{
	struct err unused = ERR_INIT;

	if (watch->passed_over != uplink &&
	    nl_pass_over_neighbours(watch->nl, uplink, &unused) == 0)
		watch->passed_over = uplink;
}

static void on_readable(void *ctx, int fd, unsigned ready)
{
	struct watch *watch = ctx;
	struct drain drain = { .news = 0 };
	bool known = watch->owner->objects(watch->ctx, &drain.objects), lost = false;
	struct err err = ERR_INIT;
	int rc = nl_drain(watch->nl, known ? take_event : NULL, &drain, &lost, &err);

	(void)fd, (void)ready;
	/* The socket stays: whatever it was, the next look is at everything. */
	if (rc < 0 && !watch->failing)
		log_error("events of the kernel are not read", "reason", err.text);
	watch->failing = rc < 0;
	if (rc < 0 || lost)
		drain.news = LOOK_EVERYWHERE;
	if (!known)
		drain.news = WATCH_UPLINK;
	else
		pass_over(watch, drain.objects.uplink);
	if (drain.news)
		watch->owner->rang(watch->ctx, drain.news);
}

int watch_new(struct loop *loop, const struct watch_owner *owner, void *ctx,
	      struct watch **watch_out, struct err *err)
{
	static const unsigned groups[] = {
		RTNLGRP_LINK,         RTNLGRP_NEIGH,        RTNLGRP_IPV4_IFADDR,
		RTNLGRP_IPV4_ROUTE,   RTNLGRP_IPV6_IFADDR,  RTNLGRP_IPV6_ROUTE,
		RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF, 0
	};
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return err_nomem(err, "the watch of the kernel");
	watch->owner = owner;
	watch->ctx = ctx;
	if (nl_open(&watch->nl, err) < 0 || nl_listen(watch->nl, groups, err) < 0) {
		watch_free(watch);
		return -1;
	}
	watch->event = loop_fd(loop, nl_fd(watch->nl), LOOP_READ, on_readable, watch);
	if (!watch->event) {
		watch_free(watch);
		return err_nomem(err, "the watch of the kernel");
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
	free(watch);
}
