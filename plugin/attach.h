/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wires a container: the veth between the node's bridge and the container's namespace, with
 * addresses and routes, and takes it away again. For ADD and DEL; decides nothing, and
 * never lists what a host has.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/route.h"
#include "ipam/veth.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct nl;

struct attach {
	const struct veth *veth;
	const char *ifname; /* in the container */
	struct mac mac;     /* of the same */
	uint32_t bridge;    /* index */
	uint32_t mtu;
	bool hairpin;
	bool isolated;    /* reaches the node, and no other isolated port */
	bool spoof_check; /* frames from another MAC are dropped */
	int netns, home;  /* descriptors of the container's namespace and of our own */
	const struct prefix *addresses;
	size_t address_len;
	const struct route *routes; /* their device is set here */
	size_t route_len;
};

/*
 * Makes all of it, and returns when the bridge forwards to the container and its
 * neighbours have been told. A veth that an ADD of the same attachment has left is removed
 * first. After a failure nothing of it is left. host is a socket in the host's namespace.
 * ERR_NETNS, ERR_KERNEL, ERR_ATTACHED when the container has such an interface already.
 */
int attach_make(struct nl *host, const struct attach *attach, struct err *err);

/*
 * Removes the veth, where it is there and ours, and returns when the host can no longer see
 * it; the kernel frees it in its own time. A device of that name that is not ours stays, with a
 * warning. 1 removed, 0 there was none, -1 failed (ERR_KERNEL).
 */
int attach_remove(struct nl *host, const struct veth *veth, struct err *err);
