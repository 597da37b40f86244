/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes what weft created on a node: called by weftd for weftctl leave, and by weftctl cleanup.
 * The caller ensures that no running weftd creates it again. Sysctls are not changed.
 */
#pragma once

#include <stddef.h>

struct err;
struct nl;

struct cleanup {
	size_t devices, routes, files;
	size_t neighbours; /* on bridges of other programs */
	/* A table counts as one, and so does each accept in another program's chain. */
	size_t rules;
};

/*
 * Removes every bridge and vxlan device with weft's name and alias, of all networks, and routes and
 * neighbour entries of weft's protocol on other devices. Adds to *done.
 */
int cleanup_remove(struct nl *nl, struct cleanup *done, struct err *err);

/*
 * The name of weft's tables, inet, bridge and netdev, and the comment of weft's rules in other
 * programs' chains.
 */
#define CLEANUP_TABLE "weft"
#define CLEANUP_SPOOF_TABLE "weft-spoof" /* of family bridge */
#define CLEANUP_FAST_TABLE "weft-fast"   /* of family inet */
#define CLEANUP_ADOPT_TABLE "weft-adopt" /* of family bridge, by weftctl adopt-flannel */
#define CLEANUP_COMMENT "weft"

/*
 * Removes weft's nftables tables, and weft's rules in the FORWARD, INPUT and DOCKER-USER chains of
 * iptables-nft. Adds to *done.
 */
int cleanup_remove_rules(struct cleanup *done, struct err *err);

/*
 * Removes the packet rules that flannel left: the chains FLANNEL-FWD and FLANNEL-POSTRTG of
 * iptables-nft with the jumps to them, and the tables flannel-ipv4 and flannel-ipv6. A running
 * flanneld installs them again. Adds each chain and table to done->rules.
 */
int cleanup_remove_flannel(struct cleanup *done, struct err *err);

/* Removes NETWORK.json of every network from DIR/networks. Adds to *done. */
int cleanup_remove_files(const char *dir, struct cleanup *done, struct err *err);

/*
 * Counts the attachments of containers by their records in the run directory, or by the host ends
 * of their veths if these are more: the records were removed, or are in another run directory.
 */
int cleanup_containers(const char *run_dir, size_t *count_out, struct err *err);
