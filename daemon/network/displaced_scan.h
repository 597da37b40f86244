/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds this node's containers with addresses of a subnet that is another node's now (displaced.h),
 * from the attachment records. The records are locked and read only when the node's subnets have
 * changed, while there are such containers, and after a scan that met a locked record.
 */
#pragma once

#include "common/ipaddr.h"
#include "daemon/dataplane/displaced.h"

#include <stdbool.h>

struct config;

/* Zero-initialized: no scan yet. */
struct displaced_scan {
	struct displaced found;
	struct prefix own[FAMILIES]; /* the node's subnets at the last scan */
	bool incomplete; /* a record was locked, or could not be read: scan again after 2 s */
};

void displaced_scan_free(struct displaced_scan *scan);

/*
 * Scans, if a scan is due. own: the subnets that the node holds. Returns whether found has
 * changed. After an incomplete scan, containers that were found before stay.
 */
bool displaced_scan_run(struct displaced_scan *scan, const char *run_dir, const char *network,
			const struct config *config, const struct prefix own[static FAMILIES]);
