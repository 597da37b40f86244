/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel watch: subscribes to rtnetlink events of devices, addresses, routes, neighbours and
 * forwarding sysctls, and classifies them by the part of the network's state that may be stale. An
 * event is only a trigger: a reconcile determines what has changed. Events that report the desired
 * state, such as those caused by weftd's own requests, are ignored. One subscription serves all
 * networks: with one for each, every change would be copied, read and parsed once per network.
 */
#pragma once

#include "common/ipaddr.h"
#include "daemon/dataplane/uplink.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct foreign;
struct loop;
struct nlmsghdr;
struct plan_table;

/* The network's objects in the kernel. Index 0: does not exist yet. */
struct watch_objects {
	uint32_t bridge, uplink;
	uint32_t vxlan[FAMILIES]; /* by outer family */
	/* Further devices with the uplink's addresses, or by which peers are reached; 0: unused. */
	uint32_t path[UPLINK_PATHS + 1];
	struct ipaddr public_ip[FAMILIES]; /* wanted on any device; unset: the uplink's */
	char bridge_name[IF_NAMESIZE], uplink_name[IF_NAMESIZE];
	char vxlan_name[2][IF_NAMESIZE]; /* the first, and the second if there are two */
	bool direct;                     /* DirectRouting: any route may concern a peer */
	const char *network;             /* name, to identify the containers' veths */
	bool learning;                   /* the vxlan device learns entries */
	bool announces; /* the store has the containers: the end of one concerns it */
	const struct plan_table *installed; /* the installed entries, sorted */
	struct prefix cluster[FAMILIES];    /* the network's addresses; unset: not of this family */
	const struct foreign *foreign;      /* of the last scan; NULL: none */
	bool waiting; /* a reconcile has failed, or a configuration was refused: for any reason */
};

/* The part of the state that may be stale. */
enum watch_event {
	WATCH_DEVICES = 1 << 0, /* devices, addresses, ports, sysctls */
	WATCH_TABLES = 1 << 1,  /* ARP and FDB entries, routes */
	WATCH_UPLINK = 1 << 2,  /* uplink and default route */
	WATCH_GATEWAY = 1 << 3, /* default route, together with WATCH_UPLINK */
	WATCH_FOREIGN = 1 << 4, /* addresses, on-link routes and MACs of other devices */
	WATCH_OBSTACLE = 1 << 5 /* waiting: what another program has removed or changed */
};

/* Returns the parts that one event makes stale: a set of enum watch_event, 0 for none. Pure. */
unsigned watch_classify(const struct watch_objects *objects, const struct nlmsghdr *header);

struct watch_owner {
	/* Gets the present objects, once for many events. Returns false if there are none yet. */
	bool (*objects)(void *ctx, struct watch_objects *objects_out);
	/* Called once for many events. Lost events are reported as all parts. */
	void (*on_events)(void *ctx, unsigned events);
};

struct watch;

/*
 * Starts the watch in the calling thread's network namespace. ERR_KERNEL or ERR_NOMEM.
 */
int watch_new(struct loop *loop, struct watch **watch_out, struct err *err);
/* NULL is allowed. */
void watch_free(struct watch *watch);

/*
 * Adds a network; owner and ctx are borrowed until watch_remove. Neither function may be called by
 * a function of an owner. ERR_NOMEM.
 */
int watch_add(struct watch *watch, const struct watch_owner *owner, void *ctx, struct err *err);
/* Removes the network that was added with ctx, if there is one. */
void watch_remove(struct watch *watch, const void *ctx);
