/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The containers' ends of a bridge: veths that weft made, known by name and alias. A bridge
 * that is deleted lets go of them; they are put back, with the flags that they had.
 * Used by sync.c; never touches another veth.
 */
#pragma once

#include "common/link.h"
#include "common/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct nl;

/* The flags that a port had when it was seen last. */
struct port {
	uint32_t index;
	struct link_port flags;
};

VEC_DEFINE(ports, struct port);

/* Whether it is the host's end of a container's veth in that network. Pure. */
bool ports_is_ours(const struct link *link, const char *network);

struct ports_want {
	const char *network;
	uint32_t bridge; /* the network's, and its vxlan devices; others that it once had are removed */
	uint32_t vxlan[FAMILIES];
	uint32_t mtu; /* that the bridge is to have, and has had */
	uint32_t mtu_before;
};

/*
 * Makes them ports again where they are none or are those of a bridge that the network once
 * had, which is then removed with its vxlan device; sets them up where they are down, and lets their
 * MTU follow: one that was the bridge's stays so, none stays above it. seen is what the
 * last call found, and is replaced. A device that goes meanwhile is no failure.
 * Of a port that was never seen, hairpin is on, as is the plugin's own default.
 */
int ports_ensure(struct nl *nl, const struct ports_want *want, struct ports *seen,
		 bool *changed_out, struct err *err);
