/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares the kernel's state with what attach_make created, for CHECK. Read-only. Additional
 * addresses and routes, of other plugins, are ignored.
 */
#pragma once

#include "ipam/attachment.h"
#include "ipam/veth.h"
#include "plugin/prev_result.h"

struct err;
struct nl;
struct state_network;

/*
 * Checks the host's side: the veth exists, belongs to the attachment, is up and a port of the
 * network's bridge with the flags of port, and if it is locked, the bridge has the static FDB entry
 * of the MAC; and the network's VXLAN device is up. Returns 0, or -1 with ERR_CHECK.
 */
int inspect_host(struct nl *host, const struct veth *veth, const struct attachment_port *port,
		 const struct state_network *network, struct err *err);

/*
 * Checks the container's side, through a socket in its namespace: the interface is up and has the
 * MAC and every address, and the namespace has every route. Returns 0, or -1 with ERR_CHECK.
 */
int inspect_container(struct nl *container, const char *ifname, const struct prev_result *prev,
		      struct err *err);
