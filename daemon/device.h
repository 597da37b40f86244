/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of a network, bridge and vxlan, with their addresses and
 * sysctls: made where absent, mended where different, never touched where they
 * are somebody else's (their alias does not say that they are weft's).
 *
 * A vxlan device sends and takes packets of one family: a node whose tunnel has both has two,
 * weft-vx<VNI> for IPv4 and weft-v6<VNI> for IPv6; one whose tunnel has one has weft-vx<VNI>.
 * Both are ports of the bridge and have its MAC.
 */
#pragma once

#include "common/ipaddr.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct link;
struct nl;

/* Outer Ethernet 14, IPv4 20 or IPv6 40, UDP 8, VXLAN 8 (RFC 7348 section 5). */
#define DEVICE_OVERHEAD_V4 50
#define DEVICE_OVERHEAD_V6 70

#define DEVICE_MORE_MAX 8

struct device_want {
	const char *network; /* name, for the alias */
	uint32_t vni;
	uint16_t port;
	uint32_t mtu; /* of all, underlay less overhead */
	bool learning, gbp;
	struct mac mac;                  /* of all */
	struct ipaddr local[FAMILIES];   /* the outer source address; unset: no such packets */
	struct prefix gateway[FAMILIES]; /* the bridge's address with its subnet's length */
	const struct prefix *more;       /* more addresses of it, of families that have one there */
	size_t more_len;                 /* at most DEVICE_MORE_MAX */
	char uplink[IF_NAMESIZE];        /* for what forwarding IPv6 would take from it */
};

/* Where they are; changed tells whether this call wrote to the kernel. */
struct device_have {
	uint32_t bridge;          /* index */
	uint32_t vxlan[FAMILIES]; /* by the family of its packets; 0: there is none */
	uint32_t mtu_before;      /* of the bridge */
	bool changed;
};

/* "weft-br1", "weft-vx1" and "weft-v61" for VNI 1. */
const char *device_bridge_name(uint32_t vni, char buf[static IF_NAMESIZE]);
const char *device_vxlan_name(uint32_t vni, char buf[static IF_NAMESIZE]);
const char *device_second_name(uint32_t vni, char buf[static IF_NAMESIZE]);

/* What fits into a tunnel of these families over an underlay of that MTU. */
uint32_t device_mtu(uint32_t underlay, const bool outer[static FAMILIES]);

/*
 * Whether nobody else has what it needs: a device by one of the names, or the VNI at that port.
 * ERR_CONFIG names who.
 */
int device_check(struct nl *nl, const struct device_want *want, struct err *err);

/* Whether the device is a bridge or vxlan that weft made for that network. Pure. */
bool device_is_ours(const struct link *link, const char *network);

/* Makes it so. A second call with the same want changes nothing. */
int device_ensure(struct nl *nl, const struct device_want *want, struct device_have *have_out,
		  struct err *err);
