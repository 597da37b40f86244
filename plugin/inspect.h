/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks whether what attach made is there still, for CHECK. Changes nothing. What is found
 * beyond what is asked for is other plugins' business.
 */
#pragma once

#include "ipam/veth.h"
#include "plugin/prev.h"

struct err;
struct nl;
struct state_network;

/*
 * The host's side: there, ours, up, and a port of the network's bridge; and the network's VXLAN
 * device, without which no other node is reached. ERR_CHECK.
 */
int inspect_host(struct nl *host, const struct veth *veth, const struct state_network *network,
		 struct err *err);

/*
 * The container's side, through a socket in its namespace: the interface up, with the MAC, every
 * address, and every route of the main table. ERR_CHECK.
 */
int inspect_container(struct nl *container, const char *ifname, const struct prev *prev,
		      struct err *err);
