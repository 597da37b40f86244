/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of a network, bridge and vxlan, with their addresses and sysctls: created if missing,
 * corrected if different. Devices without weft's alias belong to others and are never changed.
 *
 * A vxlan device has one outer family. A node with both outer families has two devices,
 * weft-vx<VNI> for IPv4 and weft-v6<VNI> for IPv6; with one outer family it has weft-vx<VNI> only.
 * Both are ports of the bridge and have its MAC.
 */
#pragma once

#include "common/ipaddr.h"
#include "daemon/dataplane/device_sysctls.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct config;
struct err;
struct link;
struct nl;

/* Outer Ethernet 14, IPv4 20 or IPv6 40, UDP 8, VXLAN 8 (RFC 7348 section 5). */
#define DEVICE_OVERHEAD_V4 50
#define DEVICE_OVERHEAD_V6 70

#define DEVICE_EXTRA_MAX 8

struct device_have;

struct device_want {
	const char *network; /* name, for the alias */
	/*
	 * The devices as of the last call: those that were renamed since, or have another alias,
	 * are recognised by their index. NULL: unknown.
	 */
	const struct device_have *before;
	uint32_t vni;
	uint16_t port;
	uint32_t mtu; /* of all devices: underlay MTU minus overhead (device_mtu) */
	bool learning, gbp;
	bool bridged; /* frames pass between the containers' ports and the tunnel */
	bool nd_only; /* IPv6 on the bridge for ND entries, without an address */
	/* The name of another program's bridge, which is used and not changed; NULL: none. */
	const char *existing;
	bool floods;  /* broadcast and multicast frames pass to the tunnel, too */
	bool unknown; /* frames to unknown MACs, too, and the bridge answers no ARP and ND */
	/* The multicast group of RFC 7348, and the index of the device to it; unset: none. */
	struct ipaddr group;
	uint32_t lower;
	uint32_t uplink; /* index; an existing bridge must not be connected to it. 0: not checked */
	/* The VTEP MAC: of the vxlan devices, and of the bridge unless bridge_mac is set. */
	struct mac mac;
	struct mac bridge_mac;           /* of the bridge; zero: the VTEP MAC */
	struct ipaddr local[FAMILIES];   /* outer source address; unset: family not used */
	struct prefix gateway[FAMILIES]; /* the bridge's address, with the subnet's length */
	/* Further addresses of the bridge, of families with a gateway. */
	const struct prefix *extra;
	size_t extra_len; /* at most DEVICE_EXTRA_MAX */
};

/* The devices after device_ensure. */
struct device_have {
	uint32_t bridge;          /* index */
	uint32_t vxlan[FAMILIES]; /* index, by outer family; 0: none */
	uint32_t mtu_before;      /* of the bridge, before this call */
	uint32_t port_mtu;        /* the largest MTU of a port of an existing bridge, */
	char port[IF_NAMESIZE];   /* and one that has it; 0 and "": none */
	bool stp;     /* an existing bridge has STP on, and decides the states of ports */
	bool changed; /* this call changed something in the kernel */
	struct device_sysctls sysctls; /* those that could not be set */
};

/* Returns buf with the name of the bridge of a network with this configuration. */
const char *device_bridge_of(const struct config *config, char buf[static IF_NAMESIZE]);

/* Return buf: "weft-br1", "weft-vx1" and "weft-v61" for VNI 1. */
const char *device_bridge_name(uint32_t vni, char buf[static IF_NAMESIZE]);
const char *device_vxlan_name(uint32_t vni, char buf[static IF_NAMESIZE]);
const char *device_second_name(uint32_t vni, char buf[static IF_NAMESIZE]);

/* Returns the MAC of the bridge, within want. */
const struct mac *device_bridge_mac(const struct device_want *want);

/* Returns the MTU of the devices for the underlay's MTU and these outer families, in bytes. */
uint32_t device_mtu(uint32_t underlay, const bool outer[static FAMILIES]);

/*
 * Checks that no foreign device has one of the names, or the VNI at the same port. ERR_CONFIG with
 * the names of all such devices and the commands that remove them.
 */
int device_check(struct nl *nl, const struct device_want *want, struct err *err);

/*
 * Returns the name of the network that weft created the bridge or vxlan device for, a part of the
 * alias, which others can write, too: to be checked; NULL: not weft's. Pure.
 */
const char *device_network(const struct link *link);
/* Returns whether weft created the bridge or vxlan device for the network. Pure. */
bool device_is_ours(const struct link *link, const char *network);

/*
 * Creates or corrects the devices. Idempotent. ERR_CONFIG for foreign devices, or ERR_KERNEL. If an
 * existing bridge is absent or cannot be used, the vxlan devices are set down. A
 * sysctl that cannot be set is no failure: have_out->sysctls lists it.
 */
int device_ensure(struct nl *nl, const struct device_want *want, struct device_have *have_out,
		  struct err *err);
