/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logs which peers came, changed and went, which leases are refused, and which differences in the
 * kernel were corrected. Changes are collected for a second, and for longer while they
 * continue, up to ten: few peers have a line each, many have one line in all.
 *
 * The names are known while a reconcile lists the changed peers only (DESIRED_PEERS_CHANGED). Of a
 * reconcile that lists all of them, as after the store was listed, the numbers are compared.
 */
#pragma once

#include "common/ipaddr.h"
#include "daemon/dataplane/reconciler.h"
#include "daemon/lease/lease.h"
#include "daemon/lease/peer.h"
#include "daemon/network/desired.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct loop;
struct loop_event;

#define PEER_EVENTS_NAMED 4 /* that have a line each */
#define PEER_EVENTS_MS 1000
#define PEER_EVENTS_MAX_MS 10000

enum peer_event_kind { PEER_CAME, PEER_CHANGED, PEER_WENT, PEER_EVENTS };

/* Peers that came, changed and went: how many, and some of them. */
struct peer_event_set {
	size_t count[PEER_EVENTS];
	size_t len; /* of named; less than the sum of count if others have no name here */
	struct {
		enum peer_event_kind kind;
		struct prefix subnet[FAMILIES];
		struct ipaddr public_ip[FAMILIES];
		char name[LEASE_NAME_SIZE];
	} named[PEER_EVENTS_NAMED];
};

/* Zero-initialized before peer_events_init. */
struct peer_events {
	const char *network; /* name; borrowed */
	struct loop_event *timer;
	uint64_t logged_ms;           /* when changes were logged last; 0: never */
	uint64_t wait_ms;             /* for which they were collected */
	struct peer_event_set built;  /* since the last success, by the reconcile in progress */
	bool built_all;               /* by the numbers alone */
	struct peer_event_set set;    /* to be logged */
	struct desired_counts before; /* as of the last success */
	size_t refused[PEER_REFUSALS];
	uint64_t drift[DRIFTS]; /* healed, as logged */
	struct reconciler_stats stats;
};

/* Returns 0, or -1 with ERR_NOMEM. */
int peer_events_init(struct peer_events *events, struct loop *loop, const char *network,
		     struct err *err);
void peer_events_free(struct peer_events *events);

/* Takes the peers that a reconcile lists, before reconciler_apply frees them. */
void peer_events_build(struct peer_events *events, const struct desired_state *desired);

/*
 * Takes what the kernel has after a reconcile that returned rc, and logs it later. One that failed
 * is followed by one that lists all peers, and changes nothing here.
 */
void peer_events_finish(struct peer_events *events, int rc, const struct desired_counts *now,
			const struct reconciler *reconciler);
