/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runtime state directory has of this node: its networks and the attachments of their
 * containers. Needs no weftd. Nothing is changed.
 */
#pragma once

#include "common/auto.h"
#include "common/state.h"
#include "common/vec.h"
#include "ipam/attachment.h"

#include <stdbool.h>
#include <stddef.h>

struct err;

struct inventory_network {
	struct state_network state;
	size_t damaged; /* records that cannot be read */
};
VEC_DEFINE(inventory_networks, struct inventory_network);

struct inventory_container {
	char record[ATTACHMENT_NAME_SIZE]; /* name of its record */
	const char *network;               /* a name in networks */
	struct attachment attachment;
	bool ended; /* its network namespace is gone */
	bool busy;  /* being added or deleted: attachment is unset */
};
VEC_DEFINE(inventory_containers, struct inventory_container);

struct inventory {
	struct inventory_networks networks;
	struct inventory_containers containers; /* sorted by network, pod and container */
};

/*
 * Reads the networks, or only the one with that name, and their attachments. Returns 0 or -1. The
 * caller calls inventory_free, also after a failure.
 */
int inventory_read(const char *run_dir, const char *network, struct inventory *inventory_out,
		   struct err *err);
void inventory_free(struct inventory *inventory);
AUTO_DEFINE_VALUE(inventory, struct inventory, inventory_free);

/*
 * Finds a running container by its id, an unambiguous beginning of it, its pod's name or
 * "NAMESPACE/NAME". NULL with err set: none, or several.
 */
const struct inventory_container *inventory_find(const struct inventory *inventory,
						 const char *name, struct err *err);
