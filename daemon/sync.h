/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One level-triggered pass does start, restart, repair and change: devices as
 * they should be, a dump of what stands, the plan's difference, its application.
 * Whoever learns of anything new marks the sync; a pass follows shortly. A pass that fails
 * is tried again, and one is run every few minutes whether anybody has marked or not.
 *
 * A pass that looks at everything costs as much as there is. Where only the store has changed,
 * what the last pass wanted stands for what the kernel has, and of that only what concerns the
 * peers that changed is looked at, if they have nothing to do with others. Where only a device has
 * changed, its entries are looked at if it turns out that they may have suffered.
 */
#pragma once

#include "peer.h"

#include <stdbool.h>
#include <stdint.h>

struct config;
struct device_want;
struct err;
struct loop;
struct nl;
struct plan_table;
struct strays;

struct sync;

/* What should be. All of it is looked at during the pass only. */
struct sync_want {
	const struct device_want *device;
	const struct config *config;
	const struct strays *strays; /* containers that have routes of their own; NULL: none */
	uint32_t uplink;             /* index: direct routes lie on it */
};

/* The usable peers, sorted; the sync frees them. */
struct sync_peers {
	bool all;
	struct peers now; /* all of them, or those that changed since they were last asked for */
	struct peers was; /* what was usable of these then */
};

struct sync_stats {
	uint64_t passes, failed; /* how many were run, how many of them failed */
	uint64_t written;        /* entries written to the kernel */
	uint64_t programmed;     /* peers that stand in the kernel, as of the last pass */
	uint64_t direct;         /* of these, the ones that are reached without the tunnel */
	bool devices;            /* the last pass found or made them as they should be */
	bool good;               /* the last pass succeeded */
	const char *last_error;  /* "" when it did */
};

struct sync_owner {
	/* False: not enough is known yet, no pass now. */
	bool (*want)(void *ctx, struct sync_want *want_out);
	/*
	 * The peers: all where all is asked for, or where it cannot be said of the others that
	 * they are as they were; no peer clashes with another. 0 / -1.
	 */
	int (*peers)(void *ctx, bool all, struct sync_peers *peers_out, struct err *err);
	/* After every pass. */
	void (*passed)(void *ctx);
};

int sync_new(struct loop *loop, struct nl *nl, const struct sync_owner *owner, void *ctx,
	     struct sync **sync_out, struct err *err);
void sync_free(struct sync *sync);

/* What may be other than it should. */
enum sync_doubt {
	SYNC_PEERS,   /* what should be: peers came, went or changed */
	SYNC_DEVICES, /* what is: devices, addresses, ports, sysctls */
	SYNC_ALL      /* what should be, what is, or both */
};

/*
 * A pass follows within milliseconds, one for many marks. While marks keep coming, passes
 * keep a distance that grows to a quarter of a second.
 */
void sync_mark(struct sync *sync, enum sync_doubt doubt);

struct sync_stats sync_stats(const struct sync *sync);

/* What the last pass left: where the devices are (0: not made yet), and their entries, sorted. */
struct sync_stand {
	uint32_t bridge;
	uint32_t vxlan[FAMILIES];
	const struct plan_table *entries;
};
struct sync_stand sync_stand(const struct sync *sync);
