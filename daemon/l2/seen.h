/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the addresses on a bridge of another program are this node's endpoints. Such a container
 * is not known to weft: it may give itself any address and MAC, if it has the privilege. So an
 * address is announced only if it is in the range that this node leases, which no other node's
 * containers use; a MAC that is derived from an address of the network only if that is in the
 * range, and any other MAC only if no other node announced it before; and of each port and in all
 * only a limited number. Pure.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/vec.h"
#include "daemon/l2/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEEN_PORT_MAX 16 /* addresses of a port */
#define SEEN_MAX 4096    /* in all */

/* An address of the bridge itself, or of the container behind a port; addr unset: a MAC alone. */
struct seen {
	uint32_t port; /* index; 0: the bridge itself */
	struct mac mac;
	struct ipaddr addr;
};

VEC_DEFINE(seens, struct seen); /* in the order of the ports */
VEC_DEFINE(macs, struct mac);

struct seen_source {
	const struct seens *seens;
	const struct prefix *range;        /* leased by this node, by family; unset: none */
	const struct endpoints *endpoints; /* of all nodes, in the store */
	const char *node;                  /* id of this node */
};

/* Why addresses of ports are not announced. */
struct seen_counts {
	size_t outside;                /* of the network's addresses, those outside the range */
	struct ipaddr outside_example; /* one of them; unset: there is none */
	size_t limited;                /* beyond SEEN_PORT_MAX or SEEN_MAX */
	size_t conflicts; /* address or MAC of another container, here or on another node */
	/* Set by the caller: */
	size_t held;         /* changed too often (announce_rate.h), */
	uint64_t held_total; /* and how many have been held back since the start */
	size_t unreadable;   /* ports, not addresses */
};

/*
 * Adds the endpoints to locals, which has those of containers that weft attached: these keep their
 * addresses and MACs, and of two ports the first. macs_out receives, sorted, the MACs that no
 * container of another node may have: of the bridge and of all ports, except those that are another
 * node's: derived from an address outside the range, or announced before and not derived from one
 * in it. network: the network's addresses, by family; others are ignored. Returns false if out of
 * memory.
 */
bool seen_select(const struct seen_source *source, const struct prefix network[static FAMILIES],
		 struct endpoints *locals, struct macs *macs_out, struct seen_counts *counts_out);
