/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What flanneld leaves on a machine that a weft node takes over: its vxlan device, whose MAC the
 * other nodes know, and subnet.env with the subnet that it had. Only looks; removes nothing.
 */
#pragma once

#include "common/ipaddr.h"

#include <net/if.h>

struct err;
struct nl;

/* "flannel.1", the name of the device for IPv4. */
const char *flannel_device(uint32_t vni, char buf[static IF_NAMESIZE]);

/* 1: the MAC of its device for this VNI; 0: there is none; -1. */
int flannel_mac(struct nl *nl, uint32_t vni, struct mac *mac_out, struct err *err);

/*
 * The subnets that a file of the form of subnet.env names, gateways as they stand there being
 * masked off. What is not there, or is no subnet, is unset; a file that is absent names none,
 * and NULL is no file.
 */
void flannel_subnets(const char *file, struct prefix subnet_out[static FAMILIES]);
