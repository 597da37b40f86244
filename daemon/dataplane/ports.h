/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bridge ports of containers: the host ends of veths that weft created, identified by name and
 * alias. They are attached to the bridge, with the flags and the static FDB entry that the
 * attachment record requires, and without IPv6. Other veths are never changed.
 */
#pragma once

#include "common/netlink/link.h"
#include "common/vec.h"
#include "ipam/attachment.h"

#include <stdbool.h>
#include <stdint.h>

struct device_sysctls;
struct err;
struct nl;

/* A port at the last scan. */
struct port {
	uint32_t index;
	char name[IF_NAMESIZE];
	struct link_port flags;
	struct attachment_port attached; /* from its record, as the addresses */
	struct ipaddr addresses[ATTACHMENT_ADDRESSES];
	size_t address_len;
	bool unread; /* the record could not be read; reported, and read again by the next call */
};

VEC_DEFINE(ports, struct port);

struct ports_want {
	const char *network;
	const char *run_dir;      /* of the attachment records; NULL: none */
	uint32_t bridge;          /* index; previous bridges of the network are removed */
	uint32_t vxlan[FAMILIES]; /* index, by outer family; 0: none */
	bool existing; /* the bridge is another program's, which decides the states of ports */
	uint32_t mtu;  /* of the bridge */
	uint32_t mtu_before; /* of the bridge, before it was corrected */
};

/*
 * Attaches veths that have no bridge, or a previous bridge of the network, to the bridge; removes
 * previous bridges with their vxlan devices; sets ports up. A port with the bridge's previous MTU
 * gets the new one, and no port keeps a larger MTU. Ports forward. Flags and FDB entry follow the
 * record. Without recorded flags, those of a port stay as they are, and a veth without bridge gets
 * its last ones; one that is missing from seen gets hairpin mode, the plugin's default. A record
 * that cannot be read is logged once and read again by the next call. seen, sorted by index, has
 * the ports of the last call, and is updated. A device that is deleted during the call is no error.
 * Sysctls that cannot be set, for example because /proc/sys is read-only, are added to refused.
 * *changed_out: whether something was changed in the kernel.
 */
int ports_ensure(struct nl *nl, const struct ports_want *want, struct ports *seen,
		 struct device_sysctls *refused, bool *changed_out, struct err *err);
