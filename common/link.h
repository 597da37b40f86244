/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network devices: get one, make bridge, vxlan and veth, change, delete. A
 * request each, without a dump. Used by weftd for its devices and by weft for veths.
 */
#pragma once

#include "ipaddr.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct nl;
struct nlmsghdr;
struct nl_msg;

enum link_kind { LINK_KIND_OTHER, LINK_KIND_BRIDGE, LINK_KIND_VXLAN, LINK_KIND_VETH };

#define LINK_ALIAS_SIZE 256

/* The flags of a bridge port (IFLA_BRPORT_*). */
struct link_port {
	bool learning, flood, mcast_flood, bcast_flood, hairpin, isolated, locked, neigh_suppress;
	uint8_t state; /* BR_STATE_*: 3 is forwarding */
};

/* Those that a bridge gives to a new port. */
#define LINK_PORT_NEW                                                                              \
	((struct link_port){                                                                       \
		.learning = true, .flood = true, .mcast_flood = true, .bcast_flood = true })

/* IFLA_VXLAN_*. lower 0: not bound to a device. port in host byte order. */
struct link_vxlan {
	uint32_t vni;
	uint32_t lower;
	struct ipaddr local;
	uint16_t port;
	bool learning, gbp, udp_csum, udp_zero_csum6_tx, udp_zero_csum6_rx;
};

struct link {
	uint32_t index;
	char name[IF_NAMESIZE];
	enum link_kind kind;
	struct mac mac; /* zero where the device has none of six bytes */
	uint32_t mtu;
	uint32_t flags;  /* IFF_* */
	uint32_t master; /* 0: none */
	uint32_t peer;   /* IFLA_LINK: a veth's other end, in its own namespace's numbering */
	/*
	 * AF_UNSPEC; or AF_BRIDGE for an event about nothing but the port: such a one has no
	 * kind, and its RTM_DELLINK means that the device left the bridge, not that it is gone.
	 */
	uint8_t family;
	bool is_port; /* it has bridge port attributes, and port says which */
	struct link_port port;
	struct link_vxlan vxlan; /* meaningful for LINK_KIND_VXLAN */
	char alias[LINK_ALIAS_SIZE];
};

/* 1 found, 0 absent, -1 failed. */
int link_get(struct nl *nl, const char *name, struct link *link_out, struct err *err);
int link_get_index(struct nl *nl, uint32_t index, struct link *link_out, struct err *err);
/* From an RTM_NEWLINK or RTM_DELLINK message: events, and the two above. */
int link_parse(const struct nlmsghdr *header, struct link *link_out, struct err *err);

/* Every device, in no order. A visit that answers -1 ends it. */
typedef int link_visit_fn(void *ctx, const struct link *link, struct err *err);
int link_each(struct nl *nl, link_visit_fn *visit, void (*restart)(void *ctx), void *ctx,
	      struct err *err);

/* Makes a bridge, up, with its MAC from birth, so that udev and ports leave it alone. */
int link_add_bridge(struct nl *nl, const char *name, const struct mac *mac, uint32_t mtu,
		    const char *alias, struct err *err);

/* Makes a vxlan device, up, with MAC and master from birth. */
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
 * Makes a veth pair in one message: the host side up, enslaved and named, the
 * peer with its final name and MAC inside the namespace peer_netns. The peer
 * stays down: asked for up here, the kernel answers ENOTCONN. A second message gives it
 * its alias and the port's flags, before anything can pass through it.
 * ERR_KERNEL with EEXIST when either name is taken.
 */
struct link_add_veth {
	const char *name;
	uint32_t master;
	uint32_t mtu;
	struct mac mac;
	const char *alias;
	const struct link_port *port; /* NULL: the flags of a new port */
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
int link_set_alias(struct nl *nl, uint32_t index, const char *alias, struct err *err);
/* The flags only; state is not touched. */
int link_set_port(struct nl *nl, uint32_t index, const struct link_port *port, struct err *err);

/*
 * The message that sets a device up, for a batch together with addresses and
 * routes.
 */
struct nl_msg *link_up_message(uint32_t index);
/*
 * The same for a device that is to announce its IPv4 addresses (a gratuitous ARP request each,
 * RFC 5227 section 3) whenever link_set_mac is called on it, also with the MAC that it has:
 * arp_notify in linux/Documentation/networking/ip-sysctl. To announce costs no packet
 * socket then, which takes an RCU grace period, 4 to 20 ms, to close.
 */
struct nl_msg *link_up_announcing_message(uint32_t index);

/* 1 deleted, 0 was not there, -1 failed. */
int link_del(struct nl *nl, uint32_t index, struct err *err);
