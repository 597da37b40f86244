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

/*
 * Reads the MAC of flannel's IPv4 vxlan device for the VNI, "flannel.<VNI>". Returns 1 read, 0 if there
 * is no such device, -1 failed.
 */
int flannel_mac(struct nl *nl, uint32_t vni, struct mac *mac_out, struct err *err);

/*
 * Reads the subnets from a file in the format of subnet.env, without host bits. A missing or
 * invalid subnet is unset, as are both if the file is missing or file is NULL.
 */
void flannel_subnets(const char *file, struct prefix subnet_out[static FAMILIES]);
