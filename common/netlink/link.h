/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network devices: get, create bridge, vxlan and veth, change, delete. One request each; only
 * link_each makes a dump. Used by weftd for its devices and by weft for veths.
 */
#pragma once

#include "common/ipaddr.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct nl;
struct nlmsghdr;
struct nl_msg;

/* LINK_KIND_TAP: a tap or a tun device; only a tap can be the port of a bridge. */
enum link_kind {
	LINK_KIND_OTHER,
	LINK_KIND_BRIDGE,
	LINK_KIND_VXLAN,
	LINK_KIND_VETH,
	LINK_KIND_TAP
};

#define LINK_ALIAS_SIZE 256

/*
 * The interface group (IFLA_GROUP) of all devices of weft: bridges, vxlan devices, and the host
 * ends of veths. Packet rules match by it what comes from containers; the bridge's name would not
 * match frames to a link-local address such as 01:80:c2:00:00:0e, whose input device is the port.
 */
#define LINK_GROUP_WEFT 0x77

/* IFLA_BR_FDB_MAX_LEARNED, which headers before Linux 6.7 lack. */
#define LINK_FDB_MAX_LEARNED (IFLA_BR_MCAST_QUERIER_STATE + 2)

/* The flags of a bridge port (IFLA_BRPORT_*). */
struct link_port {
	bool learning, flood, mcast_flood, bcast_flood, hairpin, isolated, locked, neigh_suppress;
	uint8_t state; /* BR_STATE_* */
};

#define LINK_STATE_FORWARDING 3 /* BR_STATE_FORWARDING */

/* The bridge's defaults for a new port. */
#define LINK_PORT_NEW                                                                              \
	((struct link_port){                                                                       \
		.learning = true, .flood = true, .mcast_flood = true, .bcast_flood = true })

/*
 * IFLA_VXLAN_*. lower 0: not bound to a device. port in host byte order. group: the multicast group
 * of RFC 7348, which requires lower; unset: none. limit: the largest number of FDB entries, 0:
 * unlimited.
 */
struct link_vxlan {
	uint32_t vni;
	uint32_t lower;
	uint32_t limit;
	struct ipaddr local, group;
	uint16_t port;
	uint8_t ttl; /* of the outer packets; 0: the kernel's choice */
	bool learning, gbp, udp_csum, udp_zero_csum6_tx, udp_zero_csum6_rx;
};

struct link {
	uint32_t index;
	char name[IF_NAMESIZE];
	enum link_kind kind;
	struct mac mac; /* zero: no address of six bytes */
	uint32_t mtu;
	uint32_t flags;  /* IFF_* */
	uint32_t master; /* 0: none */
	uint32_t group;  /* IFLA_GROUP; 0: the default group */
	uint32_t peer;   /* IFLA_LINK: index of a veth's other end, in that end's namespace */
	/* The same, or the device that a VLAN or macvlan is on; 0: none in this namespace. */
	uint32_t lower;
	/* The kernel's id of the namespace of peer (nsid); -1: this one, or not known. */
	int32_t peer_netns;
	/*
	 * AF_UNSPEC; or AF_BRIDGE for an event of the bridge port: it has no kind, and its
	 * RTM_DELLINK means that the device left the bridge, not that it was deleted.
	 */
	uint8_t family;
	bool ipv6;       /* the device has IPv6, and disable_ipv6 is 0 */
	bool proto_down; /* another program has taken the carrier off, for a protocol */
	bool is_port;    /* port is set */
	struct link_port port;
	struct link_vxlan vxlan; /* meaningful for LINK_KIND_VXLAN */
	/* Of a bridge: the largest number of learned MACs, 0: unlimited. Linux 6.7 and later. */
	bool has_learned_max;
	uint32_t learned_max;
	bool stp, vlan_filtering; /* of a bridge: on */
	char alias[LINK_ALIAS_SIZE];
};

/* Returns 1 found, 0 absent, -1 failed. */
int link_get(struct nl *nl, const char *name, struct link *link_out, struct err *err);
int link_get_index(struct nl *nl, uint32_t index, struct link *link_out, struct err *err);

/*
 * Gets the other end of a veth that is in another namespace, without entering that one
 * (IFLA_TARGET_NETNSID, since Linux 4.20); its peer_netns is unspecified. Requires CAP_NET_ADMIN in
 * the user namespace that owns it. Returns 1 found, 0 absent, or not the other end, -1 failed:
 * sys_errno is EACCES without the capability.
 */
int link_get_peer(struct nl *nl, const struct link *veth, struct link *peer_out, struct err *err);

/* What a device has received and sent since it was created. */
struct link_stats {
	bool up; /* IFF_UP and, with a carrier, IFF_RUNNING */
	uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes;
	uint64_t rx_errors, tx_errors, rx_dropped, tx_dropped;
};
/* Returns 1 found, 0 absent, -1 failed. */
int link_get_stats(struct nl *nl, const char *name, struct link_stats *stats_out, struct err *err);
int link_get_stats_index(struct nl *nl, uint32_t index, struct link_stats *stats_out,
			 struct err *err);

/*
 * Parses an RTM_NEWLINK or RTM_DELLINK message, of an event or a reply. Returns 0, or -1 with
 * ERR_DECODE.
 */
int link_parse(const struct nlmsghdr *header, struct link *link_out, struct err *err);

/*
 * Parses an RTM_NEWNETCONF message: a change of forwarding or of another setting of IPv4 or IPv6.
 * *index_out: the device; NETCONFA_IFINDEX_ALL or NETCONFA_IFINDEX_DEFAULT, which are negative, for
 * the values of all and of new devices. Returns 0, or -1 with ERR_DECODE.
 */
int link_parse_netconf(const struct nlmsghdr *header, int32_t *index_out, struct err *err);

/* Visits every device, unordered. A visit that returns -1 ends the dump. Returns 0 or -1. */
typedef int link_visit_fn(void *ctx, const struct link *link, struct err *err);
int link_each(struct nl *nl, link_visit_fn *visit, void (*restart)(void *ctx), void *ctx,
	      struct err *err);

/*
 * Creates a bridge, up, in the group LINK_GROUP_WEFT. Its MAC is set at creation, so that neither
 * udev nor a port changes it. link_add_vxlan and link_add_veth use the same group. Returns 0, or -1
 * with ERR_KERNEL, as all functions below unless stated otherwise.
 */
int link_add_bridge(struct nl *nl, const char *name, const struct mac *mac, uint32_t mtu,
		    const char *alias, struct err *err);

/* Creates a vxlan device, up, with MAC and master. */
struct link_add_vxlan {
	const char *name;
	struct mac mac;
	uint32_t mtu;
	uint32_t master; /* the bridge's index */
	const char *alias;
	struct link_vxlan vxlan;
};
int link_add_vxlan(struct nl *nl, const struct link_add_vxlan *want, struct err *err);

/*
 * Creates a veth pair by one message: the host side up and a port of master, the peer with its
 * final name and MAC in the namespace peer_netns. The peer stays down (IFF_UP here fails with
 * ENOTCONN). A second message sets alias and port flags, before the pair has a carrier. ERR_KERNEL
 * with sys_errno EEXIST when either name is in use.
 */
struct link_add_veth {
	const char *name;
	uint32_t master;
	uint32_t mtu;
	struct mac mac;
	const char *alias;
	const struct link_port *port; /* NULL: LINK_PORT_NEW */
	const char *peer_name;
	struct mac peer_mac;
	int peer_netns;
};
int link_add_veth(struct nl *nl, const struct link_add_veth *want, struct err *err);

/* Sets or clears IFF_UP. */
int link_set_up(struct nl *nl, uint32_t index, bool up, struct err *err);
int link_set_mtu(struct nl *nl, uint32_t index, uint32_t mtu, struct err *err);
int link_set_mac(struct nl *nl, uint32_t index, const struct mac *mac, struct err *err);
int link_set_master(struct nl *nl, uint32_t index, uint32_t master, struct err *err);
int link_set_group(struct nl *nl, uint32_t index, uint32_t group, struct err *err);
int link_set_alias(struct nl *nl, uint32_t index, const char *alias, struct err *err);
/*
 * Sets the flags; state is ignored. Learned FDB entries of a locked port are removed: each of them
 * would unlock it for one MAC.
 */
int link_set_port(struct nl *nl, uint32_t index, const struct link_port *port, struct err *err);

/*
 * Returns the message that sets a device up, for a batch together with addresses and routes. NULL:
 * out of memory, which nl_batch_add reports.
 */
struct nl_msg *link_up_message(uint32_t index);
/*
 * As link_up_message, and makes the device announce its IPv4 addresses (one gratuitous ARP request
 * each, RFC 5227 section 3) whenever link_set_mac is called, also with an unchanged MAC: arp_notify
 * in linux/Documentation/networking/ip-sysctl. This avoids a packet socket, whose close waits for
 * an RCU grace period of 4 to 20 ms.
 */
struct nl_msg *link_up_announcing_message(uint32_t index);

/*
 * Moves a bridge port to another bridge and sets it up, in one system call: name, MAC, alias, group
 * and bridge are changed under one lock of the kernel, so that packets in between are few. Returns
 * 0, or -1 with ERR_KERNEL. sys_errno EBUSY, nothing moved: before Linux 6.2, a device that is up
 * keeps its name.
 */
struct link_move {
	uint32_t index;
	const char *name;
	struct mac mac; /* zero: unchanged */
	const char *alias;
	uint32_t master;
	uint32_t group;
	const struct link_port *port; /* the flags; NULL: those of a new port */
	uint32_t flush; /* a port whose learned FDB entries are removed after the move; 0: none */
};
int link_move(struct nl *nl, const struct link_move *move, struct err *err);

/* Returns 1 deleted, 0 absent, -1 failed. */
int link_del(struct nl *nl, uint32_t index, struct err *err);
