/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often containers on a bridge of another program may change what this node announces. Such a
 * container can give itself another address or MAC at any time, if it has the privilege, and each
 * change is a write to the store and an event on all nodes. So each port has a bucket of tokens,
 * and all of them together have another one; an address that is new, or has another MAC, takes one
 * of each. Pure.
 */
#pragma once

#include "common/vec.h"
#include "daemon/l2/announce.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANNOUNCE_PORT_BURST 32 /* twice the addresses of a port (SEEN_PORT_MAX) */
#define ANNOUNCE_PORT_MS 1000  /* for one more token of a port */
#define ANNOUNCE_BURST 4096    /* of all ports: as many as are announced (SEEN_MAX) */
#define ANNOUNCE_MS 16         /* for one more token of all ports */

struct announce_bucket {
	uint32_t port;
	uint64_t full_ms; /* when it is full again, CLOCK_MONOTONIC */
};
VEC_DEFINE(announce_buckets, struct announce_bucket); /* of ports, if not full; in any order */

/* Zero-initialized: all full. */
struct announce_rate {
	struct announce_buckets ports;
	struct announce_bucket all;
	uint64_t held; /* endpoints that were left out, in all */
};

void announce_rate_free(struct announce_rate *rate);

/*
 * Removes from locals the endpoints on a bridge of another program for which there is no token.
 * Neither the old nor the new state of such an address is announced until a later call has a token
 * for it. before: what was passed to announce_update last. Returns the number of removed endpoints.
 */
size_t announce_rate_apply(struct announce_rate *rate, const struct local_endpoints *before,
			   struct endpoints *locals, uint64_t now_ms);
