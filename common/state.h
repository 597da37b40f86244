/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that weft's programs share: what weftd publishes about a network
 * (read by weft and weftctl), what a node must remember across reboots, and the
 * names of everything below the run and state directories. One module writes
 * and reads, so that the two cannot drift. A reader refuses a newer version.
 *
 *   RUN/networks/NAME.json      published by weftd    (tmpfs)
 *   RUN/ipam/NAME/              addresses             (ipam/pool.h)
 *   RUN/attachments/NAME/       attachments           (ipam/attachment.h)
 *   RUN/control.sock            weftd's control socket (control.h)
 *   RUN/weftd.lock              held by the weftd that has the run directory
 *   STATE/node.json             identity, MACs, last leases (durable)
 */
#pragma once

#include "ipaddr.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define STATE_RUN_DIR "/run/weft"
#define STATE_DIR "/var/lib/weft"
#define STATE_NETWORK_NAME_SIZE 64
#define STATE_NODE_ID_SIZE 37 /* a UUID's text */

/* One address family of a network on this node. */
struct state_family {
	struct prefix cluster; /* all nodes' containers */
	struct prefix subnet;  /* this node's containers, masked */
	struct ipaddr gateway; /* the bridge's address in it */
};

/* What weft needs to know about a network in order to attach containers. */
struct state_network {
	char name[STATE_NETWORK_NAME_SIZE];
	uint32_t vni;
	char bridge[IF_NAMESIZE];
	char vxlan[IF_NAMESIZE];
	uint32_t mtu;
	bool lease_lost;               /* another node holds our subnet: no new addresses from it */
	bool retired;                  /* weftd does not serve it any more: none either */
	struct state_family family[2]; /* IPv4 first */
	size_t family_len;             /* 1 or 2 */
};

/*
 * RUN/networks/NAME.json:
 *   {"version":1,"name":"default","vni":1,"bridge":"weft-br1","vxlan":"weft-vx1","mtu":1450,
 *    "leaseLost":false,               ("retired":true, where it is so)
 *    "families":[{"cluster":"10.5.0.0/16","subnet":"10.5.1.0/24","gateway":"10.5.1.1"}]}
 * 1 read, 0 absent (weftd has not published it), -1 failed (ERR_STATE).
 */
int state_read_network(const char *run_dir, const char *name, struct state_network *network_out,
		       struct err *err);
/* Writes only what differs from the file there. 1 written, 0 was so, -1 failed. */
int state_write_network(const char *run_dir, const struct state_network *network, struct err *err);
/* 1 removed, 0 was not there. */
int state_remove_network(const char *run_dir, const char *name, struct err *err);

/* What the node remembers of one network. */
struct state_node_network {
	char name[STATE_NETWORK_NAME_SIZE];
	struct mac vtep_mac;
	struct prefix subnet[FAMILIES]; /* the last lease; unset: none yet */
};

#define STATE_NODE_NETWORKS 64

struct state_node {
	char id[STATE_NODE_ID_SIZE]; /* "" : none yet */
	struct state_node_network network[STATE_NODE_NETWORKS];
	size_t network_len;
};

/*
 * STATE/node.json:
 *   {"version":1,"node":"<uuid>",
 *    "networks":{"default":{"vtepMac":"c6:d2:32:6f:8f:44","subnet":"10.5.1.0/24",
 *                           "subnet6":"fd00:5:1::/64"}}}
 * 1 read, 0 absent (*node_out is empty then), -1 failed (ERR_STATE).
 */
int state_read_node(const char *state_dir, struct state_node *node_out, struct err *err);
/* Durable: on disk when it returns. Makes the directory where it is absent. */
int state_write_node(const char *state_dir, const struct state_node *node, struct err *err);
/* The network's entry, appended empty where it is absent; NULL when there are too many. */
struct state_node_network *state_node_find(struct state_node *node, const char *name);

#define STATE_NETWORKS "networks"
#define STATE_IPAM "ipam"
#define STATE_ATTACHMENTS "attachments"

/*
 * Opens RUN/PART/NETWORK, part being one of the last two; with make, makes it where it
 * is absent, for the owner of RUN (fs_open_dir_in). 1 opened, the descriptor is the caller's;
 * 0 absent; -1 failed.
 */
int state_open_dir(const char *run_dir, const char *part, const char *network, bool make,
		   int *fd_out, struct err *err);
