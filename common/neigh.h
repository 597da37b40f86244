/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbour entries: ARP/ND (address -> MAC) and bridge FDB (MAC -> port or
 * remote VTEP). libnl-route's helpers cannot express FDB entries, so the
 * messages are built here (linux/neighbour.h).
 */
#pragma once

#include "ipaddr.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct nl;
struct nl_msg;
struct nlmsghdr;

/* An ARP or ND entry of a device. */
struct neigh {
	struct ipaddr addr;
	struct mac mac;
	uint32_t index;
	uint16_t state; /* NUD_* */
};

/*
 * What the FDB says about a MAC behind a vxlan port: the device's own half
 * (NTF_SELF: which VTEP) and the bridge's half (NTF_MASTER: behind this port).
 */
struct neigh_fdb {
	struct mac mac;
	uint32_t index;     /* the vxlan device */
	struct ipaddr vtep; /* of the own half; unset in the bridge's half */
	bool bridge;        /* this is the bridge's half */
	bool sticky;        /* of the bridge's half: a frame from another port does not move it */
	uint16_t state;     /* NUD_*: NUD_PERMANENT in the bridge's half is a local address */
};

typedef int neigh_visit_fn(void *ctx, const struct neigh *neigh, struct err *err);
/* The entries of a device and family, whatever their state; the kernel filters by device. */
int neigh_each(struct nl *nl, uint32_t index, uint8_t family, neigh_visit_fn *visit,
	       void (*restart)(void *ctx), void *ctx, struct err *err);

typedef int neigh_fdb_visit_fn(void *ctx, const struct neigh_fdb *fdb, struct err *err);
/* Both halves, of a vxlan device that is a bridge port; the kernel filters by device. */
int neigh_fdb_each(struct nl *nl, uint32_t index, neigh_fdb_visit_fn *visit,
		   void (*restart)(void *ctx), void *ctx, struct err *err);

/*
 * From an RTM_NEWNEIGH or RTM_DELNEIGH message, as events have them: an entry of a protocol's
 * table, or one of the FDB (family AF_BRIDGE). 1 parsed, 0 it is of the other kind, or of the
 * FDB the copy that a bridge keeps for a VLAN, -1 failed.
 */
int neigh_parse(const struct nlmsghdr *header, struct neigh *neigh_out, struct err *err);
int neigh_fdb_parse(const struct nlmsghdr *header, struct neigh_fdb *fdb_out, struct err *err);

/* Messages for a batch. Adding replaces; entries are permanent. */
struct nl_msg *neigh_add_message(uint32_t index, const struct ipaddr *addr, const struct mac *mac);
struct nl_msg *neigh_del_message(uint32_t index, const struct ipaddr *addr);

/*
 * Both halves at once: NTF_SELF | NTF_MASTER in one message. Sticky: or a container that sends with
 * a VTEP's MAC would draw all packets for that node to itself.
 */
struct nl_msg *neigh_fdb_add_message(uint32_t index, const struct mac *mac,
				     const struct ipaddr *vtep);
/* The bridge's half alone, static: the MAC is behind the port index, and no other. */
struct nl_msg *neigh_fdb_port_message(uint32_t index, const struct mac *mac);
/* One half: the kernel stops at the first that is missing when asked for both. */
struct nl_msg *neigh_fdb_del_message(const struct neigh_fdb *fdb);
