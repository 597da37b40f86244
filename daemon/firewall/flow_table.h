/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast path as an nf_tables table of its own, as `nft list table inet weft-fast` prints it.
 * Pure: fast_path.h applies it.
 *
 *   table inet weft-fast {
 *     flowtable fast {          hook ingress priority filter
 *       devices = { eth0, veth0123456789a, weft-vx1 }
 *     chain forward {           type filter hook forward priority 400
 *       ct state & established == 0 return
 *       ip saddr 10.5.1.0/24 ip daddr 10.5.1.0/24 return   bridged, if at all (br_netfilter)
 *       iifgroup 119 oifgroup 119 flow add @fast
 *       iifgroup 119 oifname "eth0" ip daddr 10.5.0.0/16 flow add @fast     DirectRouting
 *       iifname "eth0" oifgroup 119 ip saddr 10.5.0.0/16 flow add @fast
 *   }
 *
 * The same for IPv6. The chain is after all others of the hook, which thus see the first packets of
 * a flow in both directions before it is added.
 *
 * A vxlan device is a port of the bridge, so the kernel resolves route, neighbour and forwarding
 * entry of a flow down to it (dev_fill_forward_path) and keeps the result: the device and the MAC.
 */
#pragma once

#include "common/cleanup/cleanup.h"
#include "common/ipaddr.h"
#include "common/state.h"
#include "common/vec.h"
#include "daemon/firewall/rule_table.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define FLOW_FAMILY 1 /* NFPROTO_INET */
#define FLOW_TABLE CLEANUP_FAST_TABLE
#define FLOW_TABLE_NAME "fast"

struct flow_device {
	uint32_t index;
	char name[IF_NAMESIZE];
};

VEC_DEFINE(flow_devices, struct flow_device); /* sorted by index, without duplicates */

/*
 * Appends; flow_devices_sort sorts and removes duplicates. Return false if out of memory, or
 * nothing.
 */
bool flow_devices_add(struct flow_devices *devices, uint32_t index, const char *name);
void flow_devices_sort(struct flow_devices *devices);

/* A network that uses the fast path. */
struct flow_network {
	char name[STATE_NETWORK_NAME_SIZE];
	struct prefix cluster[FAMILIES], subnet[FAMILIES]; /* unset: not of this family */
	char uplink[IF_NAMESIZE];                          /* with DirectRouting; "": none */
	struct flow_devices devices; /* containers' ports, vxlan devices, and that uplink */
};

/* Whether the rules of both are the same; devices are not compared. */
bool flow_network_same_rules(const struct flow_network *a, const struct flow_network *b);

VEC_DEFINE(flow_networks, struct flow_network);

/*
 * The union of the networks' devices. Returns false if out of memory; the caller frees it in any
 * case.
 */
bool flow_table_devices(const struct flow_networks *networks, struct flow_devices *devices_out);

/* The rules of the chain in their order. Returns false if out of memory. */
bool flow_table_rules(const struct flow_networks *networks, struct firewall_rules *rules_out);

/* The chain of the rules. */
struct nft_chain flow_table_chain(void);

/* Devices of want that are not in have. */
bool flow_devices_missing(const struct flow_devices *want, const struct flow_devices *have,
			  struct flow_devices *missing_out);
