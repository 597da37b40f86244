/* SPDX-License-Identifier: Apache-2.0 */
/* Collects the addresses, on-link routes and MACs of the node's other devices. Read only. */
#pragma once

#include <stdbool.h>

struct err;
struct foreign;
struct nl;

/*
 * Replaces *foreign by what the kernel has now, sorted. Foreign are all devices but those of the
 * network (device_is_ours). Of the MACs, those of bridges and of devices with an address are
 * included: the others receive no packets for this node. *changed_out: whether it differs from
 * before. On failure, *foreign is unchanged. ERR_KERNEL, ERR_NOMEM.
 */
int foreign_scan(struct nl *nl, const char *network, struct foreign *foreign, bool *changed_out,
		 struct err *err);
