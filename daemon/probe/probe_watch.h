/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The question of a node where packets with a mark were seen last on this one (packet_watch.h), for
 * `weftctl trace --probe`. The message that begins a watch is repeated as often as the one that
 * reads its counts, so either may be lost.
 *
 *   request   0  1  1: begin; 2: the counts
 *             1  7  the number of the mark, at random
 *             8     address of the packets, of 4 or 16 bytes: of this node or its container
 *   reply     0  1  enum probe_watch_state
 *             1  1  0
 *             2  2  packets at each place, in the order of enum packet_place; at most 65535
 *
 * Only for messages with the seal of the network's key. The tables of a watch cost every packet of
 * the node some comparisons, so there is one watch at a time. It lasts until another one begins, at
 * most for PROBE_WATCH_MS. PROBE_WATCH_BURST of them can begin at once, and one more every
 * PROBE_WATCH_REFILL_MS. The mark begins with a fixed text (CONTROL_WATCH_PREFIX), so that no other
 * packets can be counted.
 */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>
#include <stdint.h>

#define PROBE_WATCH_NUMBER 7
#define PROBE_WATCH_PLACES 7
#define PROBE_WATCH_MS 8000
#define PROBE_WATCH_HOLD_MS 3000 /* then another node's watch may replace one that was not read */
#define PROBE_WATCH_BURST 6
#define PROBE_WATCH_REFILL_MS 2000

struct err;
struct loop;
struct probe_message;

enum probe_watch_state {
	PROBE_WATCH_WATCHING = 1, /* with counts, if they were requested */
	PROBE_WATCH_BUSY,         /* another node's watch, or too many */
	PROBE_WATCH_ABSENT,       /* no container has the address */
	PROBE_WATCH_ENDED,        /* there is no such watch, or not any more */
	PROBE_WATCH_FAILED,       /* the kernel refuses the tables */
	PROBE_WATCH_STATES
};
extern const char *const probe_watch_state_name[PROBE_WATCH_STATES]; /* "busy" */

struct probe_watch_request {
	bool counts; /* else: begin */
	uint8_t number[PROBE_WATCH_NUMBER];
	struct ipaddr address;
};
struct probe_watch_reply {
	enum probe_watch_state state;
	uint16_t count[PROBE_WATCH_PLACES];
};

/* Set the payload, and parse it: 0; -1: it is malformed. Pure. */
void probe_watch_write_request(const struct probe_watch_request *request,
			       struct probe_message *message);
int probe_watch_read_request(const struct probe_message *message,
			     struct probe_watch_request *request_out);
void probe_watch_write_reply(const struct probe_watch_reply *reply, struct probe_message *message);
int probe_watch_read_reply(const struct probe_message *message,
			   struct probe_watch_reply *reply_out);

/* The watches that other nodes request of this one. */
struct probe_watch;

/* run_dir: of the records of attachments; borrowed. ERR_NOMEM. */
int probe_watch_new(struct loop *loop, const char *run_dir, struct probe_watch **watch_out,
		    struct err *err);
/* NULL is allowed. */
void probe_watch_free(struct probe_watch *watch);

/* Who requests, and where. */
struct probe_watch_peer {
	const char *network;
	const struct ipaddr *gateway; /* of the requesting node */
	const struct prefix *own;     /* this node's gateway, with the length of its subnet */
};
/* Sets the payload of the reply. Returns 0; -1: the request is malformed. */
int probe_watch_answer(struct probe_watch *watch, const struct probe_watch_peer *peer,
		       const struct probe_message *request, struct probe_message *reply);
