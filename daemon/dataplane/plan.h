/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: the ordered operations that turn the entries in the kernel (have) into the desired ones
 * (want). Pure.
 *
 * For a peer (subnet S with base B, VTEP MAC M, public address P) three entries:
 *   arp    B lladdr M dev BRIDGE nud permanent
 *   fdb    M dev VXLAN dst P self permanent, M dev VXLAN master static
 *   route  S via B dev BRIDGE onlink src GATEWAY proto 0x77 metric NUMBER
 * With a subnet of each family: arp and route for each, fdb for each MAC. VXLAN is the device
 * whose outer family is P's family. A peer on the same link, with DirectRouting, has only
 *   route  S via P dev UPLINK src GATEWAY proto 0x77 metric NUMBER
 *
 * In an L2 network, for each remote container (address A, MAC M, VTEP P) two entries:
 *   arp    A lladdr M dev BRIDGE nud permanent
 *   fdb    M dev VXLAN dst P self permanent, M dev VXLAN master static
 * and, if it floods, for each VTEP of a remote container
 *   flood  00:00:00:00:00:00 dev VXLAN dst P self permanent
 * With a multicast group G there is one entry, of no container:
 *   flood  00:00:00:00:00:00 dev VXLAN dst G via UPLINK self permanent
 */
#pragma once

#include "common/netlink/neigh.h"
#include "common/netlink/route.h"
#include "common/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct config;
struct leases;
struct remotes;

VEC_DEFINE(plan_arps, struct neigh);
VEC_DEFINE(plan_fdbs, struct neigh_fdb);
VEC_DEFINE(plan_routes, struct route);

/* The entries of one network's devices, in the kernel or desired. */
struct plan_table {
	struct plan_arps arp;  /* permanent ones, sorted by address */
	struct plan_fdbs self; /* the vxlan devices' FDB, sorted by MAC, then by VTEP */
	/* The zero MAC in the vxlan devices' FDB, sorted by VTEP and device. */
	struct plan_fdbs flood;
	struct plan_fdbs bridge; /* the bridge's FDB, sorted by MAC; empty in want: same as self */
	/* Of protocol ROUTE_PROTOCOL; sorted by destination, then metric. */
	struct plan_routes route;
};

void plan_table_clear(struct plan_table *table);
void plan_table_free(struct plan_table *table);
/* Sorts all arrays. To be called after entries are appended. */
void plan_table_sort(struct plan_table *table);

/*
 * Return the entry of a sorted table with the same key, or NULL. The key is the address of an ARP
 * entry, the MAC of an FDB entry, the destination and metric of a route.
 */
const struct neigh *plan_find_arp(const struct plan_table *table, const struct neigh *arp);
const struct neigh_fdb *plan_find_fdb(const struct plan_table *table, const struct mac *mac);
const struct route *plan_find_route(const struct plan_table *table, const struct route *route);
/* Returns the flood entry of the same device to the same VTEP, or NULL. */
const struct neigh_fdb *plan_find_flood(const struct plan_table *table,
					const struct neigh_fdb *flood);

/*
 * For a change of a few peers among many: was has their previous entries, want their new ones, both
 * sorted. Returns whether the difference of the two is complete: every entry of was is installed,
 * and no entry of want replaces an entry, or overlaps a route, of another peer.
 */
bool plan_is_independent(const struct plan_table *installed, const struct plan_table *was,
			 const struct plan_table *want);
/*
 * Replaces the entries of was by those of want. Returns false if out of memory; installed is
 * invalid then.
 */
bool plan_replace(struct plan_table *installed, const struct plan_table *was,
		  const struct plan_table *want);

/*
 * Turns a table of desired entries into the table that a dump would return after they are
 * installed. Returns false if out of memory.
 */
bool plan_as_have(struct plan_table *table);

/* The devices and addresses that the entries refer to. */
struct plan_devices {
	uint32_t bridge, uplink; /* indices */
	bool foreign; /* the bridge is another program's: weft's ARP entries have weft's protocol */
	uint32_t vxlan[FAMILIES];        /* index, by outer family; 0: none */
	struct ipaddr gateway[FAMILIES]; /* the bridge's: source of the node's packets */
	struct prefix cluster[FAMILIES]; /* weft routes to it belong to this network */
	bool learning;                   /* the vxlan devices learn entries */
	uint32_t mtu;                    /* of the devices; 0: routes have no MTU */
	bool replicate;      /* frames are flooded to the VTEPs of the remote containers */
	struct ipaddr group; /* or to this group; unset: not */
	uint32_t lower;      /* index of the device to the group */
};

/*
 * Fills want_out with the entries for the peers, sorted. The peers must be the result of
 * peers_filter: no two of them overlap or share a MAC. Returns false if out of memory.
 */
bool plan_want(const struct leases *peers, const struct config *config,
	       const struct plan_devices *devices, struct plan_table *want_out);

/*
 * Fills want_out with the entries for the remote containers of an L2 network, and with the flood
 * entries, sorted. They must be the result of remotes_find: addresses with one MAC have one VTEP.
 * Returns false if out of memory.
 */
bool plan_want_remotes(const struct remotes *remotes, const struct plan_devices *devices,
		       struct plan_table *want_out);

/*
 * In the order in which operations are applied: no packet can be sent to a peer before its entries
 * are complete, changed entries are replaced in place, and removals come last.
 */
enum plan_kind {
	PLAN_ARP_ADD,    /* want.arp */
	PLAN_FDB_ADD,    /* want.self: both FDBs */
	PLAN_FLOOD_ADD,  /* want.flood */
	PLAN_ROUTE_ADD,  /* want.route */
	PLAN_ROUTE_DEL,  /* have.route */
	PLAN_ARP_DEL,    /* have.arp */
	PLAN_FLOOD_DEL,  /* have.flood */
	PLAN_SELF_DEL,   /* have.self */
	PLAN_BRIDGE_DEL, /* have.bridge */
	PLAN_KINDS
};

struct plan_op {
	enum plan_kind kind;
	uint32_t index; /* into the array given by kind */
};

VEC_DEFINE(plan_ops, struct plan_op);

/* Fills ops_out with the operations that turn have into want. Returns false if out of memory. */
bool plan_diff(const struct plan_table *want, const struct plan_table *have,
	       struct plan_ops *ops_out);

/* Returns whether operations of the kind remove an entry. */
bool plan_is_removal(enum plan_kind kind);
