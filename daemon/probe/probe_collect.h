/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collects the rows of other nodes (probe_row.h): requests the row of each node, part by part, in
 * the order of the nodes, and gives up a node that does not reply, and all nodes after
 * PROBE_COLLECT_MS. At most 1,600 parts are requested per second, each of up to 96 IPv4 or 48 IPv6
 * targets.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define PROBE_COLLECT_MS 4000

struct err;
struct ipaddr;
struct loop;
struct probe;
struct probe_row_entry;

struct probe_collect;

struct probe_collect_owner {
	/*
	 * A target in the row of the node with this index. Returns false: no more is wanted at all.
	 */
	bool (*entry)(void *ctx, size_t node, const struct probe_row_entry *entry);
	/* Called once, from the loop, when nothing more comes. It may free the collection. */
	void (*finished)(void *ctx);
};

/*
 * gateways: the addresses of the nodes, copied; unset: its row is not requested. There can be one
 * collection at a time. ERR_NOMEM.
 */
int probe_collect_new(struct loop *loop, struct probe *probe, const char *network,
		      const struct ipaddr *gateways, size_t len,
		      const struct probe_collect_owner *owner, void *ctx,
		      struct probe_collect **collect_out, struct err *err);
/* NULL is allowed. */
void probe_collect_free(struct probe_collect *collect);

/* Returns whether the whole row of the node has arrived. */
bool probe_collect_is_complete(const struct probe_collect *collect, size_t node);
/* Returns how many rows were requested, without those for which entry() had no room. */
size_t probe_collect_requested(const struct probe_collect *collect);
