/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What weft has made on a node, to take it away again: by weftd when it leaves, by weftctl cleanup
 * after it. Whoever calls knows that no weftd makes it anew. Sysctls stay as they are.
 */
#pragma once

#include <stddef.h>

struct err;
struct legacy;
struct nl;

struct remains {
	size_t devices, routes, files;
	size_t rules; /* our table as one, and each accept in another program's chain */
};

/*
 * Removes every bridge and vxlan device that bears weft's name and alias, of whatever network, and
 * with them their entries; and routes of weft's protocol on other devices. Adds to *done.
 */
int remains_remove(struct nl *nl, struct remains *done, struct err *err);

/* What weft's packet rules are known by: the table's name, and a comment in others' chains. */
#define REMAINS_TABLE "weft"
#define REMAINS_COMMENT "weft"

/*
 * Removes our table of nftables, and what was put into iptables' chains: of iptables-nft, and of
 * iptables-legacy where legacy may see it. Adds to *done.
 */
int remains_remove_rules(struct legacy *legacy, struct remains *done, struct err *err);

/* Removes NETWORK.json of every network from DIR/networks. Adds to *done. */
int remains_remove_files(const char *dir, struct remains *done, struct err *err);

/* How many containers have an interface of weft's, by the records in the run directory. */
int remains_containers(const char *run_dir, size_t *count_out, struct err *err);
