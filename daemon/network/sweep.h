/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Releases the addresses of attachments whose containers ended without a DEL: at the start and
 * then about every three minutes, so that runtimes without GC do not leak addresses. Decides by
 * what this node has alone, never by what a runtime or the store has. An attachment that an ADD
 * or DEL has locked is left for the next sweep.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;
struct loop;
struct nl;

/* What the node has of one attachment. */
struct sweep_facts {
	enum {
		SWEEP_RECORD_EMPTY,   /* its ADD was killed before it took an address */
		SWEEP_RECORD_READ,    /* delegated and netns are set */
		SWEEP_RECORD_DAMAGED, /* or written by a newer weft */
	} record;
	bool has_veth;  /* the host's end exists, and so does the container's */
	bool delegated; /* another plugin has to release its addresses */
	enum {
		SWEEP_NETNS_SAME,    /* the path leads to the recorded namespace */
		SWEEP_NETNS_GONE,    /* it leads to another one, or to none */
		SWEEP_NETNS_UNKNOWN, /* it cannot be opened */
	} netns;
};

/*
 * Returns whether the attachment certainly has no container: no device, and no namespace. The
 * path alone is not enough, since a namespace can exist without one, and since weftd may not see
 * every path that a runtime has; but as long as it exists, so does its interface. Pure.
 */
bool sweep_is_orphaned(const struct sweep_facts *facts);

struct sweep;

/* Starts sweeping. run_dir and network are borrowed. ERR_NOMEM. */
int sweep_new(struct loop *loop, struct nl *nl, const char *run_dir, const char *network,
	      struct sweep **sweep_out, struct err *err);
/* NULL is allowed. */
void sweep_free(struct sweep *sweep);

/*
 * Sweeps once, now. Returns the number of attachments that were released. Failures are logged.
 * For sweep.c and tests.
 */
size_t sweep_once(struct nl *nl, const char *run_dir, const char *network);
