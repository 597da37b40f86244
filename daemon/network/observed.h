/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reconcile reads from the node beside the network's own devices: displaced containers
 * (displaced_scan.h), and the addresses, on-link routes and MACs of other devices (foreign.h).
 */
#pragma once

#include "daemon/io/loop.h"
#include "daemon/lease/foreign.h"
#include "daemon/network/displaced_scan.h"

#include <stdbool.h>

struct config;
struct err;
struct nl;
struct ports;

/* Zero-initialized. */
struct observed {
	struct displaced_scan displaced;
	struct loop_event *rescan; /* after an incomplete scan of displaced containers */
	struct foreign foreign;
	bool foreign_stale; /* an event has reported a change, or the last scan failed */
	struct foreign_macs containers; /* MACs of this node's containers that were requested */
};

/*
 * rescan is called with ctx two seconds after a scan that was incomplete: observed_scan is due.
 * ERR_NOMEM.
 */
int observed_init(struct observed *observed, struct loop *loop, loop_timer_fn *rescan, void *ctx,
		  struct err *err);
void observed_free(struct observed *observed);

/*
 * Reads the other devices; *changed_out: whether they differ from the last scan. ERR_KERNEL,
 * ERR_NOMEM: the last scan stays, and the next observed_scan reads them again.
 */
int observed_scan_foreign(struct observed *observed, struct nl *nl, const char *network,
			  bool *changed_out, struct err *err);

/*
 * Takes the MACs of these ports that are not derived from an address. Returns whether they differ
 * from the last ones.
 */
bool observed_set_ports(struct observed *observed, const struct ports *ports);

/* Where and for what to scan; all borrowed. */
struct observed_source {
	struct nl *nl;
	const char *run_dir, *network;
	const struct config *config;
	const struct prefix *own; /* this node's subnets, FAMILIES of them */
};

/* What has changed: a set of these bits. */
enum { OBSERVED_DISPLACED = 1 << 0, OBSERVED_FOREIGN = 1 << 1 };

/*
 * Scans what is due; all: the other devices even without an event. Returns what has changed. A
 * failure is logged.
 */
unsigned observed_scan(struct observed *observed, const struct observed_source *source, bool all);
