/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that the kernel tracks, read over a socket of nl_open_netfilter
 * (nf_conntrack_netlink).
 */
#pragma once

#include <stddef.h>

struct err;
struct nl;

/*
 * Counts the connections of the socket's network namespace that are in a flow table, of weft or of
 * another program ([OFFLOAD] in `conntrack -L`). Kernels with CTA_STATUS_MASK return those alone,
 * others all connections. Returns 0, or -1 with ERR_KERNEL, ERR_DECODE or ERR_AGAIN.
 */
int conntrack_count_offloaded(struct nl *nl, size_t *count_out, struct err *err);
