/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tunnel packets that arrive, as an nf_tables table of the devices by which they arrive, as
 * `nft list table netdev weft` prints it. Pure: firewall_apply.h applies it.
 *
 *   table netdev weft {
 *     chain tunnel-in {         type filter hook ingress devices = { eth0 } priority filter
 *       th dport 8472 @nh,48,32 & 0x3fff00ff == 0x11 ip daddr 192.168.0.1 notrack
 *   }
 *
 * That is UDP to the tunnel's address, not fragmented. The same for IPv6, and for the multicast
 * group of a network. The hook is that of the devices: packets of containers do not pass it,
 * whereas every routed packet would pass a chain at prerouting.
 *
 * A fragment is left to connection tracking, which reassembles packets before it: if only the first
 * one were untracked, they would not be reassembled together. The guard is in the table inet weft,
 * after reassembly, and does not depend on this table.
 */
#pragma once

#include "daemon/firewall/firewall_table.h"

#define INGRESS_FAMILY 5 /* NFPROTO_NETDEV */

/*
 * Returns whether the table has the rules for all tunnels: else the chains at prerouting of the
 * table inet weft do.
 */
bool ingress_table_serves(const struct firewall_options *options,
			  const struct firewall_network *networks, size_t len);

/*
 * Returns false if out of memory. The caller frees *table_out in either case. A table without name
 * means that the kernel does not support it; one without chains, that it does not serve all
 * tunnels.
 */
bool ingress_table_build(const struct firewall_options *options,
			 const struct firewall_network *networks, size_t len,
			 struct firewall_table *table_out);
