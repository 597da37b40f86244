/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's identity: its id, and for each network the VTEP MAC and the last lease. Stored in
 * node.json in the state directory. If the file is missing, the VTEP MAC of an existing vxlan
 * device is kept: with a new MAC, every peer would be cut off until it reads the new lease.
 */
#pragma once

#include "common/state.h"

struct err;
struct nl;

struct node {
	const char *state_dir; /* borrowed */
	struct state_node state;
	/* Not stored, set by the caller: */
	bool probe; /* it answers probes */
	/* Whether it does so in the network: its port is open, or not yet. NULL: in all. */
	bool (*probe_works)(const void *ctx, const char *network);
	const void *probe_ctx;
};

/*
 * Reads node.json. If it is missing, generates an id and writes the file. A damaged file is an
 * error and is not replaced. ERR_STATE or ERR_IO.
 */
int node_load(struct node *node, const char *state_dir, struct err *err);

/*
 * Returns the network's record, owned by node, or NULL on failure. Its VTEP MAC is set and stored
 * on disk: the stored one, else that of the device called vxlan, else flannel's (zero: none), else
 * a random one. Those with the prefix of containers' MACs (mac_is_derived) do not count.
 */
const struct state_node_network *node_network(struct node *node, struct nl *nl, const char *name,
					      const char *vxlan, const struct mac *flannel,
					      struct err *err);

/* Stores the network's lease in node.json, if it differs from the stored one. */
int node_remember_lease(struct node *node, const char *name,
			const struct prefix subnet[static FAMILIES], struct err *err);

/* Returns a number that differs from node to node, for lease_choose. */
uint64_t node_seed(const struct node *node);

#define NODE_MACHINE_ID_SIZE 17

/*
 * Identifies the machine, so that two machines with the same state directory, as a virtual machine
 * and its clone, can be distinguished. 16 hexadecimal digits, the same after every boot: a hash of
 * machine-id(5) and of the firmware's UUID (/sys/class/dmi/id/product_uuid, readable by root),
 * which a hypervisor usually changes in a clone. "" if neither can be read. One-way: neither source
 * can be derived from it.
 */
void node_machine_id(char id[static NODE_MACHINE_ID_SIZE]);
