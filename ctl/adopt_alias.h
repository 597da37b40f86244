/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aliases of a bridge's MAC: frames to another MAC are received as if they had the bridge's.
 * Containers keep the gateway's previous MAC in their ARP tables, statically or for minutes, and
 * peers that of a vxlan device that is gone. The table `bridge weft-adopt` of nf_tables rewrites
 * the destination before the bridge decides, and stays until weftctl cleanup or the next boot.
 */
#pragma once

#include "common/ipaddr.h"

#include <stddef.h>

struct err;

/*
 * Replaces the table, in one transaction: frames to each of the MACs, on every bridge of the node,
 * get the destination to, a bridge's MAC, and are received by the host. MACs that are zero or equal
 * to it are skipped. Returns 0, or -1 with ERR_IO.
 */
int adopt_alias_set(const struct mac from[], size_t len, const struct mac *to, struct err *err);
