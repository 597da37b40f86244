/* SPDX-License-Identifier: Apache-2.0 */
/* A network's state, for status and log. */
#pragma once

#include "common/err.h"
#include "daemon/lease/lease_client.h"

#include <stdbool.h>
#include <stdint.h>

struct publication;
struct store_view;
struct underlay;

enum network_state { NETWORK_STARTING, NETWORK_READY, NETWORK_DEGRADED };

/* The reason of a network that is starting, and that nothing is wrong with; it is not logged. */
#define NETWORK_STATUS_STARTING "starting"

struct network_status {
	enum network_state state;
	char reason[ERR_TEXT_SIZE]; /* why it is not ready; "" */
	uint64_t since;             /* when state was entered, seconds since the epoch */
};

/* Starting, as of now. */
void network_status_init(struct network_status *status);

/* What the state depends on; all borrowed. */
struct network_parts {
	const struct store_view *view;
	const struct underlay *underlay;
	struct lease_client_view lease;
	const char *reconcile_error; /* of the last reconcile; "" */
	const char *sysctl_fault;    /* an essential sysctl cannot be set; "" */
	const struct publication *publication;
};

/*
 * Sets the state, and as reason the first thing that is wrong, in the order in which a network
 * comes up. From the time when the network is published, containers may be attached, and a fault
 * means degraded instead of starting. Logs a change. Returns whether there is one.
 */
bool network_status_update(struct network_status *status, const char *network,
			   const struct network_parts *parts);
