/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paths to the peers, for `weftctl doctor`: a trace (trace.h) to the subnet of each peer, from
 * a container of the network if there is one. So doctor sees what loses packets on this node though
 * weftd's entries are complete: stale entries, policy rules, routes, packet filters, the MTU.
 */
#pragma once

#include "common/err.h"
#include "common/vec.h"
#include "ctl/inventory.h"

#include <stdbool.h>

struct jr;

/* Of one network: many peers have the same way. */
#define DOCTOR_PATHS_MAX 32

struct doctor_path {
	char network[STATE_NETWORK_NAME_SIZE], node[64], to[IPADDR_TEXT_SIZE];
	char lost_at[16]; /* the step; "": no step loses packets */
	char text[ERR_TEXT_SIZE], remedy[ERR_TEXT_SIZE];
};
VEC_DEFINE(doctor_paths, struct doctor_path);

/*
 * Traces the first DOCTOR_PATHS_MAX installed peers of each network, in each family, in weftd's
 * answer to `peers`. Returns 0 or -1; the caller frees paths_out, also after a failure.
 */
int doctor_paths_read(const struct inventory *inventory, const struct jr *peers,
		      struct doctor_paths *paths_out, struct err *err);
