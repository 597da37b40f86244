/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of a node: what it has measured of the paths to its peers, as the payload of messages
 * (probe_message.h). Targets are in the order of their addresses; a request has the address after
 * which the row continues, and a reply as many as fit. Pure.
 *
 *   request   0  1  family, 4 or 6
 *             1     address of 4 or 16 bytes: the row from the next greater address on
 *   reply     0  1  family
 *             1  1  1: the row continues; 0: this is its end
 *             2     targets, each:  address of 4 or 16 bytes
 *                                   1  requests sent, of the last 64; plus 128: the peer is silent
 *                                   1  of these, lost
 *                                   4  last round-trip time in microseconds; all ones: none
 *                                   2  seconds since the last reply; all ones: more, or none
 */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>
#include <stdint.h>

struct probe_message;
struct probe_table;

#define PROBE_ROW_AGE_NONE UINT16_MAX

struct probe_row_entry {
	struct ipaddr gateway;
	uint32_t sent, lost, rtt_us; /* PROBE_NO_RTT: none */
	uint32_t age_s;              /* PROBE_ROW_AGE_NONE: none */
	bool silent;                 /* PROBE_SILENT_PEER */
};

/* Sets the payload. */
void probe_row_request(const struct ipaddr *after, struct probe_message *message);
/*
 * Sets the payload to the part of the row that follows the request. Returns 0; -1: the request is
 * malformed.
 */
int probe_row_reply(const struct probe_message *request, const struct probe_table *table,
		    uint64_t now_us, struct probe_message *reply);

/* Called for each target of a reply. */
typedef void probe_row_fn(void *ctx, const struct probe_row_entry *entry);
/*
 * Checks a reply to a request with the address after, and then calls fn for its targets. *more_out:
 * the row continues after *last_out. Returns 0; -1: the reply is malformed, and fn was not called.
 */
int probe_row_read(const struct probe_message *reply, const struct ipaddr *after, probe_row_fn *fn,
		   void *ctx, bool *more_out, struct ipaddr *last_out);

/* Makes the entry of a target; false: the target is not probed. */
struct probe_target;
bool probe_row_entry(const struct probe_target *target, uint64_t now_us,
		     struct probe_row_entry *entry_out);
