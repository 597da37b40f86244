/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One level-triggered pass does start, restart, repair and change: devices as
 * they should be, a dump of what stands, the plan's difference, its application.
 * Whoever learns of anything new marks the sync dirty; a pass follows shortly
 * and looks at everything. A pass that fails is tried again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct config;
struct device_want;
struct err;
struct loop;
struct nl;
struct peers;

struct sync;

/* What should be. All of it is looked at during the pass only. */
struct sync_want {
	const struct device_want *device;
	const struct config *config;
	const struct peers *peers; /* usable ones, sorted */
};

struct sync_stats {
	uint64_t passes, failed; /* how many were run, how many of them failed */
	uint64_t written;        /* entries written to the kernel */
	uint64_t programmed;     /* peers that stand in the kernel, as of the last pass */
	bool devices;            /* the last pass found or made them as they should be */
	bool good;               /* the last pass succeeded */
	const char *last_error;  /* "" when it did */
};

struct sync_owner {
	/* False: not enough is known yet, no pass now. */
	bool (*want)(void *ctx, struct sync_want *want_out);
	/* After every pass. */
	void (*passed)(void *ctx);
};

int sync_new(struct loop *loop, struct nl *nl, const struct sync_owner *owner, void *ctx,
	     struct sync **sync_out, struct err *err);
void sync_free(struct sync *sync);

/* Something may have changed: a pass follows within milliseconds, one for many marks. */
void sync_mark(struct sync *sync);

struct sync_stats sync_stats(const struct sync *sync);
