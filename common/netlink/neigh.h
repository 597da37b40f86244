/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbour entries: ARP/ND (address -> MAC) and bridge FDB (MAC -> port or
 * remote VTEP). libnl-route's helpers cannot express FDB entries, so the
 * messages are built here (linux/neighbour.h).
 */
#pragma once

#include "common/ipaddr.h"

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
	uint16_t state;   /* NUD_* */
	uint8_t protocol; /* NDA_PROTOCOL: the program that made it, RTPROT_*; 0: not set */
};

/*
 * An FDB entry of a vxlan port: of the vxlan device's FDB (NTF_SELF: the remote VTEP of the MAC) or
 * of the bridge's FDB (NTF_MASTER: the port of the MAC). The zero MAC of a vxlan FDB has any number
 * of VTEPs, each of which gets a copy of a frame to a MAC without an entry, as of a broadcast: the
 * flood entries.
 */
struct neigh_fdb {
	struct mac mac;
	uint16_t state;     /* NUD_*; NUD_PERMANENT in the bridge's FDB is a local address */
	uint32_t index;     /* the port */
	uint32_t master;    /* bridge FDB only: the bridge's index */
	struct ipaddr vtep; /* vxlan FDB only */
	uint32_t via;       /* vxlan FDB only: index of the device to a multicast VTEP; 0: any */
	bool bridge;        /* of the bridge's FDB */
	bool sticky;        /* bridge FDB only: frames from other ports do not move the entry */
};

typedef int neigh_visit_fn(void *ctx, const struct neigh *neigh, struct err *err);
/*
 * Visits the entries of a device (index 0: of all) and family in any state; the kernel filters.
 * Returns 0 or -1.
 */
int neigh_each(struct nl *nl, uint32_t index, uint8_t family, neigh_visit_fn *visit,
	       void (*restart)(void *ctx), void *ctx, struct err *err);

typedef int neigh_fdb_visit_fn(void *ctx, const struct neigh_fdb *fdb, struct err *err);
/* Visits both FDBs of a vxlan device that is a bridge port; the kernel filters. Returns 0 or -1. */
int neigh_fdb_each(struct nl *nl, uint32_t index, neigh_fdb_visit_fn *visit,
		   void (*restart)(void *ctx), void *ctx, struct err *err);
/*
 * As neigh_fdb_each, of a bridge port whose entries are learned from a container or a virtual
 * machine, so that their number is not limited. ERR_AGAIN: there are more than max, of which max
 * were visited, or they change all the time; nl must then be freed (struct nl_dump).
 */
int neigh_fdb_each_max(struct nl *nl, uint32_t index, size_t max, neigh_fdb_visit_fn *visit,
		       void (*restart)(void *ctx), void *ctx, struct err *err);

/* The same of all ports of a bridge, and of the bridge, by one dump; bridge: its index. */
int neigh_fdb_each_port_max(struct nl *nl, uint32_t bridge, size_t max, neigh_fdb_visit_fn *visit,
			    void (*restart)(void *ctx), void *ctx, struct err *err);

/*
 * Gets the entry of a MAC in the FDB of the bridge that port is attached to; it may be of another
 * port. Since Linux 5.0. Returns 1 found, 0 absent, -1 failed.
 */
int neigh_fdb_get(struct nl *nl, uint32_t port, const struct mac *mac, struct neigh_fdb *fdb_out,
		  struct err *err);

/* The same of a bridge by its own index. */
int neigh_bridge_get(struct nl *nl, uint32_t bridge, const struct mac *mac,
		     struct neigh_fdb *fdb_out, struct err *err);

/* Gets the entry of an address. Since Linux 5.0. Returns 1 found, 0 absent, -1 failed. */
int neigh_get(struct nl *nl, uint32_t index, const struct ipaddr *addr, struct neigh *neigh_out,
	      struct err *err);
/* Gets the entry of a MAC in the FDB of a vxlan device. Since Linux 5.0. Returns as neigh_get. */
int neigh_vxlan_get(struct nl *nl, uint32_t vxlan, const struct mac *mac, struct neigh_fdb *fdb_out,
		    struct err *err);

/*
 * Parse an RTM_NEWNEIGH or RTM_DELNEIGH message: an ARP or ND entry, or an FDB entry (family
 * AF_BRIDGE). Return 1 parsed, 0 of the other kind, or a per-VLAN copy of an FDB entry, -1 failed.
 */
int neigh_parse(const struct nlmsghdr *header, struct neigh *neigh_out, struct err *err);
int neigh_fdb_parse(const struct nlmsghdr *header, struct neigh_fdb *fdb_out, struct err *err);

/* Messages for a batch. Adding replaces; entries are permanent. The state of neigh is ignored. */
struct nl_msg *neigh_add_message(const struct neigh *neigh);
/* Adds an entry that the kernel verifies after its next use (NUD_STALE). */
struct nl_msg *neigh_stale_message(uint32_t index, const struct ipaddr *addr,
				   const struct mac *mac);
struct nl_msg *neigh_del_message(uint32_t index, const struct ipaddr *addr);

/*
 * Adds to both FDBs by one message (NTF_SELF | NTF_MASTER). Sticky: otherwise a container that
 * sends with a VTEP's MAC would attract all packets for that node.
 */
struct nl_msg *neigh_fdb_add_message(uint32_t index, const struct mac *mac,
				     const struct ipaddr *vtep);
/* Adds the flood entry with the index, vtep and via of fdb to those that the device has. */
struct nl_msg *neigh_flood_add_message(const struct neigh_fdb *fdb);
/*
 * Adds a static entry to the bridge's FDB: the MAC is behind port index. Sticky: otherwise a frame
 * with this source MAC from another port would move the entry, static or not.
 */
struct nl_msg *neigh_fdb_port_message(uint32_t index, const struct mac *mac);
/*
 * Adds the entry by which a bridge takes frames to a MAC itself. The kernel has it for the bridge's
 * own MAC.
 */
struct nl_msg *neigh_fdb_local_message(uint32_t bridge, const struct mac *mac);
/* Deletes from one FDB: a request for both stops at the first missing entry. */
struct nl_msg *neigh_fdb_del_message(const struct neigh_fdb *fdb);
