/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node that leases the subnet of an address: from weftd's answer to `peers`, or, without weftd,
 * from the snapshot of the leases that weftd keeps in its state directory
 * (daemon/network/snapshot.h).
 */
#pragma once

#include "ctl/trace.h"

struct err;
struct jr;

/* Finds the peer in weftd's answer (control.h). Pure. Faults are reported by jr_done. */
void trace_store_peers(const struct jr *peers, const char *network, const struct ipaddr *addr,
		       struct trace_peer *peer_out);

/*
 * Finds the peer in STATE/networks/NAME.json. Returns 1 read, whether the peer is found or not, 0
 * no snapshot, -1 failed (ERR_IO, ERR_DECODE).
 */
int trace_store_snapshot(const char *state_dir, const char *network, const struct ipaddr *addr,
			 struct trace_peer *peer_out, struct err *err);
