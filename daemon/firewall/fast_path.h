/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast path: the kernel's flow table with the devices of all networks that use it
 * (flow_table.h). Established TCP and UDP connections pass from a container's port to the tunnel
 * and back without bridge, IP stack and the hooks after ingress.
 *
 * A flow keeps the device and the MAC that were resolved for it. So all flows are ended, by a
 * replacement of the table in one transaction, when an entry, a device or a rule has changed; their
 * next packets take the normal path, which adds them again. Without flow tables in the kernel
 * (CONFIG_NF_FLOW_TABLE_INET, CONFIG_NFT_FLOW_OFFLOAD), the table is absent and nothing else
 * changes.
 */
#pragma once

#include "daemon/firewall/flow_table.h"

#include <stdbool.h>
#include <stddef.h>

struct err;
struct loop;

struct fast_path;

/*
 * enabled: else the table of an earlier weftd is removed, and the rest does nothing. Returns 0, or
 * -1 with ERR_NOMEM; a kernel without nf_tables is not an error here.
 */
int fast_path_new(struct loop *loop, bool enabled, struct fast_path **fast_path_out,
		  struct err *err);
/* The table stays. NULL is allowed. */
void fast_path_free(struct fast_path *fast_path);

/*
 * Sets what a network has, and applies it before it returns; a failure is logged and retried. Takes
 * ownership of its devices, which are sorted. ended: the path of a flow may have changed since the
 * last call, and the flows end.
 */
void fast_path_set_network(struct fast_path *fast_path, struct flow_network *network, bool ended);
/* The network does not use the fast path. */
void fast_path_remove_network(struct fast_path *fast_path, const char *name);

/* State for the status document; valid until control returns to the loop. */
struct fast_path_view {
	bool enabled;      /* by --fast-path */
	bool installed;    /* the kernel has the table as desired, with at least one network */
	bool unsupported;  /* the kernel has no flow tables */
	const char *error; /* why it is not installed, or "" */
	size_t devices;    /* in the table */
};
struct fast_path_view fast_path_view(const struct fast_path *fast_path);

/*
 * Counts the connections in flow tables, by a dump of those from the kernel's connection tracking:
 * none and no dump if the table is not installed. Returns 0, or -1 with ERR_KERNEL, ERR_DECODE or
 * ERR_AGAIN.
 */
int fast_path_count_flows(const struct fast_path *fast_path, size_t *flows_out, struct err *err);
