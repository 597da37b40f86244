/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a probe was seen on the node of the destination: weftd queries that node's weftd, which
 * counts marked packets (the request "watch" of common/control.h).
 *
 *   "remote":{"node":"host2",
 *     "state":"counted",         counted | absent (no container has the address) | unavailable
 *     "seen":["underlay","tunnel"],   places at which the packet was seen
 *     "answer_seen":[],               and its answer
 *     "text":"..","remedy":".."}      why it is unavailable, or what it means
 */
#pragma once

#include "common/err.h"
#include "common/json/json.h"
#include "common/state.h"

#include <stdbool.h>
#include <stdint.h>

struct trace_facts;

#define TRACE_REMOTE_PLACES 7

struct trace_remote {
	bool absent;                /* no container has the address */
	char reason[ERR_TEXT_SIZE]; /* why there are no counts; "" */
	char node[STATE_NETWORK_NAME_SIZE];
	uint32_t counts[TRACE_REMOTE_PLACES]; /* in the order of CONTROL_WATCH_PLACES */
};

/*
 * Begins to count packets whose mark has the number, or (counts) reads the counts. Returns whether
 * the node does so; else reason or absent is set.
 */
bool trace_remote_query(const char *run_dir, const struct trace_facts *facts, uint64_t number,
			bool counts, struct trace_remote *remote);

/* Adds "remote". Pure. */
void trace_remote_put(const struct trace_remote *remote, const struct trace_facts *facts,
		      struct jb_at probe);
