/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a bridge of another program is scanned for its containers (dataplane/bridge_scan.h). The
 * kernel reports a port's changes, but not those of the addresses in a container's namespace. So a
 * change of a port leads to a scan at once and to further ones, less and less often, up to one in
 * five seconds; scans take at most a twentieth of the time.
 */
#pragma once

#include "common/log_state.h"
#include "common/retry.h"
#include "daemon/dataplane/bridge_scan.h"

#include <stdbool.h>
#include <stdint.h>

struct config;
struct err;
struct loop;
struct loop_event;
struct nl;

/* Set the members up to ctx, all borrowed; the rest starts as zero. */
struct seen_scan {
	const char *network;     /* name */
	void (*done)(void *ctx); /* a repeated scan has succeeded */
	void *ctx;
	struct bridge_scan result; /* of the last scan that succeeded */
	bool known;                /* there is one */
	const struct config *config;
	struct prefix range[FAMILIES]; /* that this node leases; set by the owner */
	struct nl *nl;                 /* NULL: not opened yet */
	struct loop_event *timer;
	struct retry pace;
	uint64_t earliest_ms; /* of the next scan, CLOCK_MONOTONIC */
	struct log_state failure;
};

/* ERR_NOMEM. */
int seen_scan_init(struct seen_scan *scan, struct loop *loop, struct err *err);
void seen_scan_free(struct seen_scan *scan);

/*
 * A port may have changed: scans the bridge of config, which must stay valid, at once, or soon if
 * the last scan was just before. done is not called within this call. A failure is logged, and
 * keeps the result.
 */
void seen_scan_run(struct seen_scan *scan, const struct config *config);
/* Ends the repeated scans and discards the result. */
void seen_scan_stop(struct seen_scan *scan);
