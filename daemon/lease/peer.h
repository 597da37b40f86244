/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which leases are usable remote peers. Each lease is checked against the network configuration and
 * against this node, then the remaining leases against each other. Pure.
 *
 * The outer family is the IP family of a tunnel packet's outer header, the inner family that of the
 * packet in it (RFC 7348 section 5).
 */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>
#include <stddef.h>

struct config;
struct err;
struct foreign;
struct foreign_macs;
struct lease;
struct leases;

/* Another network of this node; borrowed. */
struct peer_network {
	const char *name;
	const struct config *config;
};

/* This node, with which a peer must not conflict. */
struct peer_self {
	const char *node;               /* id; a lease with it belongs to this node */
	struct prefix subnet[FAMILIES]; /* of this node's lease; unset: not acquired */
	struct ipaddr public_ip[FAMILIES];
	struct ipaddr uplink[FAMILIES]; /* the uplink's addresses */
	bool outer[FAMILIES];           /* outer families that this node can send */
	struct mac vtep_mac;
	uint32_t mtu;                          /* of the network's devices, in bytes; 0: unknown */
	const struct foreign *foreign;         /* the node's other devices; NULL: none */
	const struct foreign_macs *containers; /* of this node, sorted; NULL: none */
	const struct peer_network *others;     /* the node's other networks */
	size_t other_len;
};

/*
 * Returns the outer family of packets to the lease's containers of the inner family, from a node
 * that can send the families in outer; -1 if the node cannot be reached. A weft node accepts either
 * inner family in either outer family, and IPv4 is preferred, so that both ends make the same
 * choice. A flannel node accepts IPv4 in IPv4 and IPv6 in IPv6 only.
 */
int peer_outer_family(const struct lease *lease, enum family inner,
		      const bool outer[static FAMILIES]);

/*
 * Checks whether a lease is a usable peer. Each family is checked separately: the subnet of an
 * unusable family is cleared in *lease. Returns -1 if no family is usable; err has the reason of
 * the first one.
 */
int peer_check(struct lease *lease, const struct config *config, const struct peer_self *self,
	       struct err *err);

/* What the lease of a refused peer is refused for. */
enum peer_refusal {
	PEER_REFUSED_MTU,      /* IPv6 is disabled on one of the nodes */
	PEER_REFUSED_SUBNET,   /* not in the network, or this node's */
	PEER_REFUSED_BACKEND,  /* not vxlan, or another VNI */
	PEER_REFUSED_ADDRESS,  /* its public address */
	PEER_REFUSED_MAC,      /* its VTEP MAC */
	PEER_REFUSED_CONFLICT, /* with another peer, which takes precedence */
	PEER_REFUSALS
};

extern const char *const peer_refusal_name[PEER_REFUSALS]; /* "mtu" */

struct peers_counts {
	size_t clashes; /* subnets lost to another peer */
	size_t refused[PEER_REFUSALS];
};

/* Called for a lease without a usable subnet. lease and reason are valid during the call. */
typedef void peers_refused_fn(void *ctx, const struct lease *lease, const char *reason);

/*
 * Fills usable_out with the usable peers, sorted, each with its usable subnets; the previous
 * content is discarded. If the subnets of two peers overlap or their VTEP MACs are equal, one loses
 * its subnet. The winner is, in this order: the one that is not vanished, the one with the
 * network's subnet length, the newer key of one node, the older lease. refused (may be NULL) is
 * called for every refused lease, except this node's own and those without any valid value.
 * counts_out may be NULL: if its clashes are 0, the result for one lease does not depend on any
 * other. Returns false if out of memory.
 */
bool peers_filter(const struct leases *leases, const struct config *config,
		  const struct peer_self *self, struct leases *usable_out,
		  struct peers_counts *counts_out, peers_refused_fn *refused, void *ctx);

/*
 * Returns whether the lease of a usable peer has a subnet of the other family that is not used, and
 * if so writes the reason to reason_out, NUL-terminated within size bytes. peers_filter does not
 * report these.
 */
bool peer_unused_family(const struct leases *leases, const struct lease *usable,
			const struct config *config, const struct peer_self *self, char *reason_out,
			size_t size);
