/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads which addresses the containers on another program's bridge have. A container's interface is
 * the other end of a veth; the kernel reports its MAC and addresses across namespaces, so that no
 * packet has to be awaited, trusted or parsed, and a container that only listens is found, too. Of
 * a virtual machine behind a tap the kernel has less (tap_scan.h). Ports of other kinds are not
 * read. Changes nothing.
 */
#pragma once

#include "common/ipaddr.h"
#include "daemon/l2/seen.h"

#include <stddef.h>
#include <stdint.h>

struct err;
struct nl;

struct bridge_scan_want {
	const char *bridge;  /* name */
	const char *network; /* name: the ports of containers that weft attached are left out */
	const struct prefix *networks; /* addresses that are read, by family; unset: none */
	const struct prefix *range;    /* of these, the ones that this node leases; unset: none */
};

/*
 * Of each port and family, one address more than SEEN_PORT_MAX is read of the range, and of the
 * others.
 */
struct bridge_scan {
	struct seens seens; /* the bridge's own first, then containers, then machines, by port */
	size_t ports;       /* that were read */
	/*
	 * Set by the caller before the first scan: what an earlier weftd read, with the port 0. An
	 * address of a machine that the kernel's tables no longer have is taken from it, if its MAC
	 * is behind a tap.
	 */
	struct seens earlier;
	/*
	 * For lack of privilege in its namespace, because it changes all the time, or has too much
	 * of something.
	 */
	size_t unreadable;
	unsigned taps_by_port; /* the state of tap_scan */
};

/*
 * Fills in *scan, whose previous content is that of the scan before and is replaced; empty if there
 * is no such bridge. A port that is removed meanwhile is left out. ERR_KERNEL, ERR_NOMEM: *scan is
 * unchanged.
 */
int bridge_scan(struct nl *nl, const struct bridge_scan_want *want, struct bridge_scan *scan,
		struct err *err);
void bridge_scan_free(struct bridge_scan *scan);
