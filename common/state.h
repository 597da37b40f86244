/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that weft's programs share: the network state that weftd publishes (read by weft and
 * weftctl), the node's identity across reboots, and the paths below the run and state directories.
 * Written and read by this module only, so that the formats cannot diverge. Files of a newer
 * version are rejected.
 *
 *   RUN/networks/NAME.json      published by weftd    (tmpfs)
 *   RUN/ipam/NAME/              addresses             (ipam/pool.h)
 *   RUN/attachments/NAME/       attachments           (ipam/attachment.h)
 *   RUN/control.sock            weftd's control socket (control.h)
 *   RUN/calls                   calls of the plugin   (call_log.h)
 *   RUN/events, RUN/events.1    what happened on the node (event_file.h)
 *   RUN/weftd.lock              held by the weftd that has the run directory
 *   STATE/node.json             identity, MACs, last leases (durable)
 */
#pragma once

#include "common/ipaddr.h"

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
	struct prefix cluster; /* all containers */
	struct prefix subnet;  /* this node's containers, masked */
	/* The bridge's address in it; in an L2 network in cluster, or unset. */
	struct ipaddr gateway;
};

/* The state of a network that weft needs to attach containers. */
struct state_network {
	char name[STATE_NETWORK_NAME_SIZE];
	uint32_t vni;
	char bridge[IF_NAMESIZE];
	char vxlan[IF_NAMESIZE];
	uint32_t mtu;
	bool l2;                  /* one subnet over all nodes, subnet is this node's range of it */
	bool lease_lost;          /* another node holds the subnet: assign no addresses */
	bool retired;             /* no longer served by weftd: assign no addresses */
	char holder[IF_NAMESIZE]; /* a foreign device in the subnet: assign none; "" */
	struct state_family family[2]; /* IPv4 first */
	size_t family_len;             /* 1 or 2 */
};

/*
 * Checks a network name that becomes part of a path: as parse_network_name, and shorter than
 * STATE_NETWORK_NAME_SIZE. Returns 0, or -1 with ERR_CONFIG.
 */
int state_check_network(const char *name, struct err *err);

/*
 * RUN/networks/NAME.json:
 *   {"version":1,"name":"default","vni":1,"bridge":"weft-br1","vxlan":"weft-vx1","mtu":1450,
 *    "leaseLost":false,               ("retired":true, "subnetHolder":"cni0", else absent)
 *    "families":[{"cluster":"10.5.0.0/16","subnet":"10.5.1.0/24","gateway":"10.5.1.1"}]}
 * An L2 network also has "mode":"l2", and its families may lack "gateway".
 * Returns 1 read, 0 absent (not published), -1 failed (ERR_STATE).
 */
int state_read_network(const char *run_dir, const char *name, struct state_network *network_out,
		       struct err *err);
/* Writes the file if its content differs. Returns 1 written, 0 unchanged, -1 failed. */
int state_write_network(const char *run_dir, const struct state_network *network, struct err *err);
/* The prefix length of a container's address of the family. */
uint8_t state_address_len(const struct state_network *network, const struct state_family *family);
/* Removes the file. Returns 1 removed, 0 absent, -1 failed. */
int state_remove_network(const char *run_dir, const char *name, struct err *err);

/* The persistent state of one network. */
struct state_node_network {
	char name[STATE_NETWORK_NAME_SIZE];
	struct mac vtep_mac;
	struct prefix subnet[FAMILIES]; /* of the last lease; unset: none yet */
};

#define STATE_NODE_NETWORKS 256

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
 * Returns 1 read, 0 absent (*node_out is then empty), -1 failed (ERR_STATE).
 */
int state_read_node(const char *state_dir, struct state_node *node_out, struct err *err);
/* Writes durably (fsync). Creates the directory if absent. Returns 0 or -1. */
int state_write_node(const char *state_dir, const struct state_node *node, struct err *err);
/* Returns the network's entry, appended if absent; NULL when there are too many. */
struct state_node_network *state_node_find(struct state_node *node, const char *name);

#define STATE_LOCK "weftd.lock"
#define STATE_NETWORKS "networks"
#define STATE_IPAM "ipam"
#define STATE_ATTACHMENTS "attachments"

/*
 * Returns whether a weftd holds the lock of the run directory. Takes no lock: that could stop a
 * weftd from starting. A weftd in a PID namespace that is not below the caller's is not seen.
 */
bool state_weftd_runs(const char *run_dir);

/*
 * Opens RUN/PART/NETWORK, where part is STATE_IPAM or STATE_ATTACHMENTS; with make, creates it if
 * absent, with the owner of RUN (fs_dir.h). The descriptor is the caller's. Returns 1 opened,
 * 0 absent, -1 failed.
 */
int state_open_dir(const char *run_dir, const char *part, const char *network, bool make,
		   int *fd_out, struct err *err);
