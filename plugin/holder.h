/* SPDX-License-Identifier: Apache-2.0 */
/* Whether another device holds the node's subnet, as flannel's cni0 on a drained node. */
#pragma once

struct err;
struct nl;
struct state_network;

/*
 * Checks that the device that weftd has found in the node's subnet, if any, is gone: the kernel
 * would send packets to new containers to it. Returns 0, or -1 with ERR_UNAVAILABLE, with device
 * and command.
 */
int holder_check(struct nl *nl, const struct state_network *network, struct err *err);
