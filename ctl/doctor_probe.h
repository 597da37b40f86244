/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weftctl doctor --probe`: sends ICMP echo requests of several sizes, which must not be
 * fragmented, through the tunnel to the peers, all at once. An answer shows that tunnel packets
 * pass in both directions; the largest that is answered shows the MTU of the path. doctor_tunnel.c
 * evaluates.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/state.h"
#include "common/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct doctor_facts;
struct err;
struct jr;

/* Of one network: they are answered within a second. */
#define DOCTOR_PROBES_MAX 64
#define DOCTOR_PROBE_SIZES 10

/* A peer and the sizes of the IP packets, the largest first. */
struct doctor_probe {
	char network[STATE_NETWORK_NAME_SIZE], node[64];
	struct ipaddr to; /* the peer's own address in its subnet */
	uint16_t size[DOCTOR_PROBE_SIZES];
	bool answered[DOCTOR_PROBE_SIZES];
};
VEC_DEFINE(doctor_probes, struct doctor_probe);

/*
 * Makes the probes: of the first DOCTOR_PROBES_MAX installed peers of each routed network, in each
 * family, in weftd's answer to `peers`. Pure. Returns 0, or -1 if out of memory; the caller frees
 * probes_out, also after a failure.
 */
int doctor_probes_make(const struct jr *peers, const struct doctor_facts *facts,
		       struct doctor_probes *probes_out, struct err *err);

/*
 * Sends them and sets answered. Takes up to 1.2 s. Returns 0, or -1 without the right to (ERR_IO).
 */
int doctor_probes_run(struct doctor_probes *probes, struct err *err);
