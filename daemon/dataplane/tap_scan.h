/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads which addresses the virtual machines behind taps of another program's bridge have. The
 * kernel has nothing of a machine but what it learned: the MACs of a port, and the bridge's
 * neighbour entries, from ARP and ND with the host or made by an administrator. Together they are
 * the machine's addresses. Both kinds of entries age, so that what was read before stays until
 * something contradicts it: the MAC is on another port, the address has another MAC or does not
 * answer, or the tap is gone or has no machine. Used by bridge_scan.c. Changes nothing.
 */
#pragma once

#include "common/ipaddr.h"
#include "daemon/l2/seen.h"

#include <stddef.h>
#include <stdint.h>

struct err;
struct nl;

#define TAP_SCAN_MACS_MAX 64 /* of a port */
/* Of a port and family, in the range, and as many outside it. */
#define TAP_SCAN_ADDRESSES_MAX (SEEN_PORT_MAX + 1)

struct tap_scan_source {
	uint32_t bridge;      /* index */
	const uint32_t *taps; /* indexes of the ports, ascending */
	size_t len;
	const struct prefix *networks; /* addresses that are read, by family; unset: none */
	const struct prefix *range;    /* leased by this node, by family; unset: none */
	const struct seens *before;    /* as of the scan before, of all ports; port 0: any */
	unsigned *by_port; /* state of tap_scan: 0 at first, and the same variable for each scan */
};

/*
 * Appends to seens, by port: each MAC alone, and its addresses, up to the limits above. ERR_KERNEL,
 * ERR_NOMEM: what seens then has in addition is undefined.
 */
int tap_scan(struct nl *nl, const struct tap_scan_source *source, struct seens *seens,
	     struct err *err);
