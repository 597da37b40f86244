/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State that flanneld leaves on a node and that weftd takes over: its vxlan device, whose MAC is
 * configured on the other nodes, and the subnet in subnet.env. Read only.
 */
#pragma once

#include "common/ipaddr.h"

#include <net/if.h>

struct err;
struct nl;

/* Returns buf: "flannel.1" for VNI 1, flannel's device name for IPv4. */
const char *flannel_device(uint32_t vni, char buf[static IF_NAMESIZE]);

/* Returns 1 and the MAC of flannel's device for the VNI, 0 if there is none, -1 on failure. */
int flannel_mac(struct nl *nl, uint32_t vni, struct mac *mac_out, struct err *err);

/*
 * Reads the subnets from a file in the format of subnet.env, without host bits. A missing or
 * invalid subnet is unset, as are both if the file is missing or file is NULL.
 */
void flannel_subnets(const char *file, struct prefix subnet_out[static FAMILIES]);
