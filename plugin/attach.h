/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creates and removes the veth pair between the node's bridge and the container's namespace, with
 * addresses and routes. Called by ADD, DEL and GC. Makes no decisions and no netlink dumps.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/netlink/route.h"
#include "ipam/veth.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct nl;

struct attach {
	const struct veth *veth;
	const char *ifname;                 /* in the container */
	const struct attachment_port *port; /* with the MAC of ifname */
	uint32_t bridge;                    /* index */
	uint32_t mtu;
	int netns, home; /* descriptors of the container's namespace and of the plugin's */
	const struct prefix *addresses;
	size_t address_len;
	const struct route *routes; /* index is ignored */
	size_t route_len;
};

/*
 * Creates and configures the pair, and returns when the bridge forwards to the container and its
 * addresses have been announced. A veth left by an earlier ADD of the same attachment is removed
 * first; after a failure nothing is left. host is a socket in the host's namespace. Returns 0, or
 * -1 with ERR_NETNS, ERR_UNAVAILABLE (the port has left the bridge), ERR_KERNEL (also when the
 * kernel ignored a flag of the port), or ERR_ATTACHED when the container already has an interface
 * ifname.
 */
int attach_make(struct nl *host, const struct attach *attach, struct err *err);

/*
 * Removes the veth and returns as soon as it is unlisted in the host; the kernel frees it later.
 * Another device of that name is left alone, with a warning. Returns 1 removed, 0 absent, -1
 * failed (ERR_KERNEL).
 */
int attach_remove(struct nl *host, const struct veth *veth, struct err *err);
