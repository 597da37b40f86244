/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restores the attributes of a device, apart from those of link.h, that another program has
 * changed: mostly to the values that the kernel gives to a new one. All return 0, or -1 with
 * ERR_KERNEL.
 */
#pragma once

#include <stdint.h>

struct err;
struct link;
struct nl;

/*
 * Turns the spanning tree protocol and VLAN filtering of a bridge off, whichever link, as read
 * before, has on. Ports that wait for the spanning tree continue to wait for up to 30 s: see
 * link_reset_port_state.
 */
int link_reset_bridge(struct nl *nl, const struct link *link, struct err *err);
/* Sets the largest number of MACs that a bridge learns; ignored by Linux before 6.7. */
int link_reset_learned_max(struct nl *nl, uint32_t index, uint32_t max, struct err *err);
/* Sets a bridge port forwarding. sys_errno EBUSY: the bridge has the spanning tree protocol on. */
int link_reset_port_state(struct nl *nl, uint32_t index, struct err *err);
/* Clears IFF_NOARP. */
int link_reset_arp(struct nl *nl, uint32_t index, struct err *err);
/* Turns protodown off. The kernel refuses it while a program has given a reason for it. */
int link_reset_proto_down(struct nl *nl, uint32_t index, struct err *err);
/* Sets the TTL of a vxlan device's outer packets to 0: the kernel's choice. */
int link_reset_ttl(struct nl *nl, uint32_t index, struct err *err);
/* Before Linux 6.2, a device that is up keeps its name: it is set down and stays down. */
int link_reset_name(struct nl *nl, uint32_t index, const char *name, struct err *err);
