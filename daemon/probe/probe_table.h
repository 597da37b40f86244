/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peers that are probed in one network, when each is due, and what was measured. A target is
 * the gateway address of a peer in one family. Pure: the caller passes the time, in microseconds of
 * CLOCK_MONOTONIC, and sends.
 *
 * Schedule. Each target is due once per interval, at its place in an order that differs from node
 * to node (a hash of both addresses), and the places are evenly spaced: neither a node nor its
 * peers have bursts.
 *
 * Loss. A request that has no reply after PROBE_TIMEOUT_US is lost. Its outcome is recorded when
 * the target is due again, and counts in a view as soon as the time is over.
 */
#pragma once

#include "common/histogram.h"
#include "common/ipaddr.h"
#include "common/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROBE_TIMEOUT_US 900000 /* less than the shortest interval */
#define PROBE_BURST_US 50000    /* targets that fall due within this time may be probed together */
#define PROBE_RECENT 64         /* outcomes that are kept */
#define PROBE_SILENT 3          /* successive losses after which a peer counts as silent */
#define PROBE_NO_RTT UINT32_MAX

struct probe_target {
	struct ipaddr gateway;
	bool answers; /* by its lease, the node answers probes */
	bool direct;  /* reached without the tunnel, and not probed */
	uint64_t place;
	bool waiting; /* for the reply to the last request: */
	uint64_t nonce, sent_us;
	uint64_t losses;          /* the last outcomes, the latest in bit 0; 1: lost */
	uint8_t recent;           /* the number of outcomes in losses */
	uint32_t rtt_us, mean_us; /* of the last reply; mean as in RFC 6298. PROBE_NO_RTT: none */
	uint64_t replied_us;      /* when that was; 0: never */
};

VEC_DEFINE(probe_targets, struct probe_target); /* sorted by address */
VEC_DEFINE(probe_order, uint32_t);              /* indexes of targets that are probed, by place */

struct probe_table {
	struct probe_targets targets;
	struct probe_order order;
	size_t next; /* index in order */
	uint64_t interval_us, next_us;
	/*
	 * In all, also of peers that have gone: requests with an outcome, and those without a
	 * reply.
	 */
	uint64_t sent, lost;
	struct histogram rtt;
};

void probe_table_free(struct probe_table *table);

/*
 * Replaces the targets by those of wanted, of which gateway, answers and direct are set, in any
 * order; wanted is emptied. Measurements of a target that stays are kept. own: this node's gateway,
 * by family. Returns false if out of memory: the table is unchanged.
 */
bool probe_table_set(struct probe_table *table, struct probe_targets *wanted,
		     const struct ipaddr own[static FAMILIES], uint64_t now_us);

/* Returns the target that is due, whose turn is over then; NULL: none is. */
struct probe_target *probe_table_take_due(struct probe_table *table, uint64_t now_us);
/* Returns the microseconds between the turns of two targets; UINT64_MAX: there are none. */
uint64_t probe_table_step_us(const struct probe_table *table);
/* Returns the microseconds until a target is due; UINT64_MAX: never. */
uint64_t probe_table_wait_us(const struct probe_table *table, uint64_t now_us);

/* Records that the target has been sent a request. */
void probe_table_sent(struct probe_target *target, uint64_t nonce, uint64_t now_us);
/*
 * Records a reply that arrived at now_us, not before its request. Returns false if it is that of no
 * request, or too late.
 */
bool probe_table_replied(struct probe_table *table, struct probe_target *target, uint64_t nonce,
			 uint32_t rtt_us, uint64_t now_us);

/* Returns the target with this address, or NULL. */
struct probe_target *probe_table_find(const struct probe_table *table,
				      const struct ipaddr *gateway);
/* Returns the index of the first target whose address is greater; the number of targets: none. */
size_t probe_table_after(const struct probe_table *table, const struct ipaddr *gateway);

enum probe_state {
	PROBE_DISABLED, /* the peer does not answer probes */
	PROBE_DIRECT,   /* it is reached without the tunnel */
	PROBE_PENDING,  /* no reply yet, and less than PROBE_SILENT losses */
	PROBE_ANSWERING,
	PROBE_SILENT_PEER, /* the last PROBE_SILENT requests were lost */
	PROBE_STATES
};
extern const char *const probe_state_name[PROBE_STATES]; /* "disabled" */

/* What is known of a target. */
struct probe_view {
	enum probe_state state;
	uint32_t sent, lost;      /* of the last PROBE_RECENT requests */
	uint32_t rtt_us, mean_us; /* PROBE_NO_RTT: none */
	uint64_t age_us;          /* since the last reply; UINT64_MAX: none */
};
struct probe_view probe_view(const struct probe_target *target, uint64_t now_us);
