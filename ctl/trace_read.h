/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collects the facts of a trace: queries the kernel, in the container's network namespace and in
 * this host's, in the order of the packet's way; each look-up uses the result of the one before, or
 * what the store has where the kernel has nothing. Changes nothing.
 */
#pragma once

#include "ctl/inventory.h"
#include "ctl/trace.h"

struct err;

struct trace_request {
	const struct inventory *inventory;
	const struct inventory_container *from; /* NULL: this host */
	struct ipaddr to;
};

/*
 * Sets network, family, inside, local and the names: what does not need the kernel. ERR_CONFIG if
 * the container has no address of the family.
 */
int trace_read_request(const struct trace_request *request, struct trace_facts *facts_out,
		       struct err *err);

/* Reads the kernel. store and peer are set before. Returns 0, or -1. */
int trace_read_kernel(const struct trace_request *request, struct trace_facts *facts,
		      struct err *err);
