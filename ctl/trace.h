/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weftctl trace`: evaluates the facts of one packet's way, from a container or this host to the
 * outer header, into steps. Pure: trace_read.h collects the facts, trace_store.h what the store
 * has.
 *
 *   {"to":"10.5.2.3","from":"c11","source":"10.5.1.2","network":"default",
 *    "compared_with":"weftd",         weftd | snapshot | "": the kernel's entries were not compared
 *    "delivered":true,                no step has the state lost
 *    "lost_at":"",                    the first step with the state lost
 *    "steps":[{"place":"bridge weft-br1","step":"route","state":"ok",      ok | warning | lost
 *              "text":"10.5.2.0/24 via 10.5.2.0 dev weft-br1",
 *              "remedy":"",           a command or what to do; "" if the state is ok
 *              "explain":"..."}],     what the kernel does in this step
 *    "outer":{"source":"192.168.0.1","destination":"192.168.0.2","port":8472,"vni":1,
 *             "device":"eth0","next_hop":"192.168.0.2","overhead":50,
 *             "inner_source_mac":"..","inner_destination_mac":".."}}   absent without a tunnel
 */
#pragma once

#include "common/err.h"
#include "common/ipaddr.h"
#include "common/json/json.h"
#include "common/netfilter/chain_verdict.h"
#include "common/netlink/link.h"
#include "common/netlink/neigh.h"
#include "common/netlink/route.h"
#include "common/state.h"

#include <stdbool.h>
#include <stdint.h>

enum trace_source { TRACE_NOTHING, TRACE_WEFTD, TRACE_SNAPSHOT };

/* The node whose subnet contains the destination, as the store has it. */
struct trace_peer {
	bool found;
	struct prefix subnet;
	struct mac vtep_mac; /* of the destination's family */
	struct ipaddr public_ip[FAMILIES];
	uint32_t mtu; /* 0: unknown */
	char name[STATE_NETWORK_NAME_SIZE];
	char refused[ERR_TEXT_SIZE]; /* why weftd does not use the lease; "" */
};

/* Each look-up: 1 found, 0 absent. */
struct trace_device {
	int found;
	struct link link;
};
struct trace_route {
	bool read;
	int found;
	struct route_reply reply;
	char device[IF_NAMESIZE]; /* of the reply */
};
struct trace_neigh {
	bool read;
	int found;
	struct ipaddr addr;
	struct neigh neigh;
};
struct trace_fdb {
	bool read;
	int found;
	struct neigh_fdb fdb;
};
struct trace_rules {
	bool read;
	int drops;
	const char *hook; /* "forward" */
	struct chain_hook_drop drop;
};

struct trace_facts {
	struct ipaddr to, source; /* source unset: this host, before its route is known */
	const char *from;         /* a container as the user named it; NULL: this host */
	const char *netns;        /* its path */
	char ifname[IF_NAMESIZE]; /* its interface */
	const struct state_network *network; /* of the destination or of the container */
	const struct state_family *family;   /* of the network; NULL: it has none of the address */
	bool inside;                         /* the destination is in the network */

	/* In the container. */
	struct trace_device container;
	struct trace_route container_route;
	struct trace_neigh container_neigh;
	/* On this host. */
	struct trace_device port; /* the host's end of the veth */
	char port_name[IF_NAMESIZE];
	struct trace_device bridge;
	int forwarding; /* of the bridge; -1: unknown */
	struct trace_route route;
	struct trace_route back; /* to the container that sends */
	struct trace_rules rules;
	/* The destination is a container of this node. */
	bool local;
	const char *local_container; /* its id; NULL: no container has the address */
	struct trace_device local_port;
	char local_port_name[IF_NAMESIZE];
	struct mac local_mac;
	/* The tunnel. */
	struct trace_neigh neigh;
	struct trace_fdb bridge_fdb; /* of the MAC that neigh has */
	struct trace_fdb vxlan_fdb;
	struct trace_device vxlan; /* that bridge_fdb leads to, or the network's */
	struct trace_route underlay;
	struct trace_device uplink;
	struct trace_neigh next_hop; /* on the uplink */
	struct trace_rules outer, reply;

	enum trace_source store;
	char store_error[ERR_TEXT_SIZE]; /* why weftd did not answer; "" */
	struct trace_peer peer;
};

#define TRACE_TEXT_SIZE 512

/* The first step that loses the packet; step "": none. */
struct trace_loss {
	char step[16], text[TRACE_TEXT_SIZE], remedy[TRACE_TEXT_SIZE];
};

/* Adds all members to the document's root. Returns whether the packet is delivered. */
bool trace_evaluate(const struct trace_facts *facts, struct jb_at root,
		    struct trace_loss *loss_out);
