/* SPDX-License-Identifier: Apache-2.0 */
/*
 * want - have = ordered operations. Pure: the heart of weftd decides here and
 * does nothing.
 *
 * For a peer (subnet S with base B, VTEP MAC M, public address P) three entries:
 *   arp    B lladdr M dev BRIDGE nud permanent
 *   fdb    M dev VXLAN dst P self permanent, M dev VXLAN master static
 *   route  S via B dev BRIDGE onlink src GATEWAY proto 0x77 metric INDEX
 * With a subnet of each family: arp and route for each, fdb for each MAC. VXLAN is the device
 * whose packets are of P's family. For a peer on the same link, where DirectRouting is on, only
 *   route  S via P dev UPLINK src GATEWAY proto 0x77 metric INDEX
 */
#pragma once

#include "common/neigh.h"
#include "common/route.h"
#include "common/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct config;
struct peers;

VEC_DEFINE(plan_arps, struct neigh);
VEC_DEFINE(plan_fdbs, struct neigh_fdb);
VEC_DEFINE(plan_routes, struct route);

/* What stands, or what should, on one network's devices. */
struct plan_table {
	struct plan_arps arp;     /* permanent ones, by address */
	struct plan_fdbs self;    /* the vxlan device's half, by MAC, then by VTEP */
	struct plan_fdbs bridge;  /* the bridge's half, by MAC; empty in want: the same as self */
	struct plan_routes route; /* of our protocol, ours by bridge or destination; by slot */
};

void plan_table_clear(struct plan_table *table);
void plan_table_free(struct plan_table *table);
/* Sorts what was gathered in any order. */
void plan_table_sort(struct plan_table *table);

/* The entry of the same place in a sorted table, or NULL: by address; by MAC; by slot. */
const struct neigh *plan_find_arp(const struct plan_table *table, const struct neigh *arp);
const struct neigh_fdb *plan_find_fdb(const struct plan_table *table, const struct mac *mac);
const struct route *plan_find_route(const struct plan_table *table, const struct route *route);

/*
 * For a change of a few peers among many: was is what the plan wanted of them, want what it
 * wants of them now, both sorted. Whether the two can be compared alone: all of was stands, and
 * nothing of want would take the place of another peer's entry, or overlap another's route.
 */
bool plan_is_apart(const struct plan_table *stand, const struct plan_table *was,
		   const struct plan_table *want);
/* stand, less was, and want besides. False when out of memory; stand is of no use then. */
bool plan_replace(struct plan_table *stand, const struct plan_table *was,
		  const struct plan_table *want);

/*
 * Fills in what the kernel makes of a table of wanted entries, so that it can stand for what a
 * dump would show. False when out of memory.
 */
bool plan_as_have(struct plan_table *table);

/* The devices that the entries hang on. */
struct plan_devices {
	uint32_t bridge, uplink;         /* indices */
	uint32_t vxlan[FAMILIES];        /* by the family of its packets; 0: there is none */
	struct ipaddr gateway[FAMILIES]; /* the bridge's: source of the host's own packets */
	struct prefix cluster[FAMILIES]; /* routes of ours into it are this network's */
	bool learning;                   /* the vxlan devices add entries of their own */
};

/*
 * What should stand for the peers, sorted. The peers are all usable, and no two of
 * them overlap or share a MAC. False when out of memory.
 */
bool plan_want(const struct peers *peers, const struct config *config,
	       const struct plan_devices *devices, struct plan_table *want_out);

/*
 * In this order they are carried out: nothing can ARP before its entries stand, what is
 * changed is replaced in place, what is gone is taken away last.
 */
enum plan_kind {
	PLAN_ARP_ADD,   /* want.arp */
	PLAN_FDB_ADD,   /* want.self: both halves */
	PLAN_ROUTE_ADD, /* want.route */
	PLAN_ROUTE_DEL, /* have.route */
	PLAN_ARP_DEL,   /* have.arp */
	PLAN_SELF_DEL,  /* have.self */
	PLAN_BRIDGE_DEL /* have.bridge */
};

struct plan_op {
	enum plan_kind kind;
	uint32_t index; /* into the table that kind names */
};

VEC_DEFINE(plan_ops, struct plan_op);

/* The operations that turn have into want; none when they are equal. False: out of memory. */
bool plan_diff(const struct plan_table *want, const struct plan_table *have,
	       struct plan_ops *ops_out);

bool plan_is_removal(enum plan_kind kind);
