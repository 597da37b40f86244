/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `weftctl adopt-flannel` takes over: the types of its parts.
 *
 *   adopt_facts.h     reads the node
 *   adopt_journal.h   keeps what flannel had, for continued runs and --undo
 *   adopt_plan.h      the steps that remain. Pure.
 *   adopt_cni.h       CNI's files: cached results, and flannel's list with weft's plugin. Pure.
 *   adopt_later.h     the containers that weft has attached since, for --undo
 *   adopt_apply.h     carries out a step; adopt_alias.h: the packet rules of one of them
 *
 * The containers of flannel's bridge (cni0) move to weft's bridge one by one, while a veth pair
 * (the link) joins the two bridges to one Ethernet segment: from either bridge, a container reaches
 * the gateway and the other containers. Then the gateway's addresses move, then the tunnel.
 */
#pragma once

#include "common/auto.h"
#include "common/fs.h"
#include "common/ipaddr.h"
#include "common/netlink/link.h"
#include "common/state.h"
#include "common/vec.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADOPT_ID_SIZE 129   /* a container's id */
#define ADOPT_FILE_SIZE 128 /* a file's name */
#define ADOPT_ADDRESSES 2

#define ADOPT_CONF_DIR "/etc/cni/net.d"
#define ADOPT_CNI_DIR "/var/lib/cni" /* of the plugins, and libcni's cache */

/* The ends of the link: in flannel's bridge, and in weft's. */
#define ADOPT_LINK_OLD "weft-link0"
#define ADOPT_LINK_NEW "weft-link1"

/* A container of flannel's bridge, from libcni's cached result of its ADD. */
struct adopt_container {
	char id[ADOPT_ID_SIZE];
	char ifname[IF_NAMESIZE];   /* in the container */
	char netns[FS_PATH_SIZE];   /* the path of its network namespace */
	char list[ADOPT_FILE_SIZE]; /* the name of the CNI network: host-local's directory */
	char veth[IF_NAMESIZE];     /* the host end, as the plugin bridge named it */
	struct mac mac;             /* of the container's interface; zero: not in the result */
	struct ipaddr addr[ADOPT_ADDRESSES];
	uint32_t addr_len;
};
VEC_DEFINE(adopt_containers, struct adopt_container);

/* One of flannel's vxlan devices; name "": none. */
struct adopt_tunnel {
	char name[IF_NAMESIZE];
	char lower[IF_NAMESIZE]; /* "": not bound to a device */
	struct mac mac;
	uint32_t mtu;
	struct link_vxlan vxlan; /* lower is not used */
};

/* What flannel had on this node: the journal. */
struct adopt_node {
	bool done;                /* nothing of flannel is left */
	char bridge[IF_NAMESIZE]; /* cni0; "": there was none */
	/* Found in this run by its addresses; 0: not found. Not in the journal. */
	uint32_t bridge_index;
	/* As first found: an interrupted run may have changed them. */
	struct mac bridge_mac;
	uint32_t bridge_mtu;
	struct prefix gateway[FAMILIES]; /* the bridge's addresses; unset: none of this family */
	struct adopt_tunnel tunnel[FAMILIES];
	struct adopt_containers containers;
	uint32_t weft_vni; /* weft's side, for --undo without weftd */
	char weft_bridge[IF_NAMESIZE];
	struct mac weft_mac;
	char run_dir[FS_PATH_SIZE];     /* of weftd: it has the records of the containers */
	char conf_dir[FS_PATH_SIZE];    /* of CNI's configurations */
	char conflist[ADOPT_FILE_SIZE]; /* flannel's file in it; "": none */
	char *conflist_text;            /* owned */
	/*
	 * What flannel's plugin keeps for DEL, for each container the same; owned, NULL: not read.
	 */
	char *delegate_text;
};

void adopt_node_free(struct adopt_node *node);
AUTO_DEFINE_VALUE(adopt_node, struct adopt_node, adopt_node_free);

/* weft's side, as weftd reports it. */
struct adopt_weft {
	const char *run_dir;
	char network[STATE_NETWORK_NAME_SIZE];
	uint32_t vni;
	char bridge[IF_NAMESIZE];
	struct mac mac; /* the VTEP MAC */
	struct prefix subnet[FAMILIES];
	uint32_t mtu; /* of containers; 0: unknown */
	bool ready;   /* every entry is in the kernel */
};

/* A port of one of the two bridges. */
struct adopt_port {
	char name[IF_NAMESIZE];
	uint32_t index;
	bool in_new;  /* a port of weft's bridge, else of flannel's */
	bool hairpin; /* the port's flag */
	bool is_veth;
	bool of_weft; /* has the alias of weft's veths */
	char alias[LINK_ALIAS_SIZE];
};
VEC_DEFINE(adopt_ports, struct adopt_port);

/* The present state of the node. Indexes: 0: absent. */
struct adopt_have {
	uint32_t old_bridge, new_bridge;
	bool link;                                         /* the link exists, as below */
	unsigned link_ends;                                /* that are ports of the bridges: 2 */
	bool gateway_old[FAMILIES], gateway_new[FAMILIES]; /* which bridge has the address */
	bool tunnel[FAMILIES];                             /* flannel's device exists */
	bool conflist;                                     /* flannel's list exists */
	struct adopt_ports ports;                          /* without the link and weft's tunnel */
};

static inline void adopt_have_free(struct adopt_have *have)
{
	adopt_ports_free(&have->ports);
}
AUTO_DEFINE_VALUE(adopt_have, struct adopt_have, adopt_have_free);
