/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's events as a doorbell: listens to changes of devices, addresses,
 * routes, neighbours and forwarding switches, and tells which look a network has to take.
 * It only decides whether an event is about what is ours; what is to be done about it, a
 * pass finds out. An event that says what should be so anyway, as those that our own
 * writes cause, is no news.
 */
#pragma once

#include "common/ipaddr.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct loop;
struct nlmsghdr;
struct plan_table;

/* What is ours, in terms of the kernel. An index of 0: not there yet. */
struct watch_objects {
	uint32_t bridge, uplink;
	uint32_t vxlan[FAMILIES]; /* by the family of their packets */
	char bridge_name[IF_NAMESIZE], uplink_name[IF_NAMESIZE];
	char vxlan_name[2][IF_NAMESIZE]; /* the first, and the second where there are two */
	bool direct;         /* peers may be reached without the tunnel: any route says how */
	const char *network; /* of the containers' veths that count */
	bool learning;       /* the vxlan device adds entries of its own */
	const struct plan_table *stand; /* the entries that should stand, sorted */
};

/* Which look is due. */
enum watch_news {
	WATCH_DEVICES = 1 << 0, /* at the devices and their ports */
	WATCH_TABLES = 1 << 1,  /* at all that stands on them */
	WATCH_UPLINK = 1 << 2   /* at the way to the other nodes */
};

/* What one event is worth: enum watch_news, 0 for nothing. Pure. */
unsigned watch_judge(const struct watch_objects *objects, const struct nlmsghdr *event);

struct watch_owner {
	/* What is ours now; asked once for many events. False: nothing yet. */
	bool (*objects)(void *ctx, struct watch_objects *objects_out);
	/* Once for many events; events that were lost count as every look. */
	void (*rang)(void *ctx, unsigned news);
};

struct watch;

/* Listens in the calling thread's namespace from now on. ERR_KERNEL. */
int watch_new(struct loop *loop, const struct watch_owner *owner, void *ctx,
	      struct watch **watch_out, struct err *err);
/* NULL is allowed. */
void watch_free(struct watch *watch);
