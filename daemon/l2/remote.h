/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which endpoints of an L2 network are usable remote containers, and by which VTEP they are
 * reached. Each endpoint is checked against the configuration, the node's own containers and the
 * peers; then the MACs are checked against each other, because an FDB entry has one VTEP. Pure.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/vec.h"
#include "daemon/l2/endpoint.h"

#include <stdbool.h>
#include <stddef.h>

struct config;
struct leases;
struct local_endpoints;
struct macs;

/* A remote container's address. addr and mac unset: a node alone, to which frames are flooded. */
struct remote {
	struct ipaddr addr;
	struct mac mac;
	struct ipaddr vtep; /* outer destination of packets to it */
};

VEC_DEFINE(remotes, struct remote);

struct remote_source {
	const struct config *config;
	const struct endpoints *endpoints;    /* of all nodes, this one too */
	const struct leases *peers;           /* the usable ones (peer.h) */
	const struct local_endpoints *locals; /* of this node */
	const struct macs *reserved;          /* further MACs of this node; NULL: none */
	const char *node;                     /* id of this node */
	struct mac vtep_mac;                  /* of this node */
	bool outer[FAMILIES];                 /* outer families that this node can send */
};

struct remote_counts {
	size_t refused; /* with an address or a MAC that no remote container may have */
	size_t waiting; /* of a node that is no usable peer */
};

/*
 * Fills remotes_out, in the order of the addresses; the previous content is discarded. An endpoint
 * with an address of this node's containers is left out and not counted: this node's record of it
 * is under way. If endpoints of two nodes have one MAC, those with the oldest key keep it. Returns
 * false if out of memory.
 */
bool remotes_find(const struct remote_source *source, struct remotes *remotes_out,
		  struct remote_counts *counts_out);
