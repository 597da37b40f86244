/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two devices of a network, bridge and vxlan, with their address and
 * sysctls: made where absent, mended where different, never touched where they
 * are somebody else's (their alias does not say that they are weft's).
 */
#pragma once

#include "common/ipaddr.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct link;
struct nl;

#define DEVICE_OVERHEAD_V4 50 /* outer Ethernet 14, IPv4 20, UDP 8, VXLAN 8 (RFC 7348 section 5) */

struct device_want {
	const char *network; /* name, for the alias */
	uint32_t vni;
	uint16_t port;
	uint32_t mtu; /* of both, underlay less overhead */
	bool learning, gbp;
	struct mac mac;        /* of both */
	struct ipaddr local;   /* the outer source address */
	struct prefix gateway; /* the bridge's address with its subnet's length */
};

/* Where they are; changed tells whether this call wrote to the kernel. */
struct device_have {
	uint32_t bridge, vxlan; /* indices */
	uint32_t mtu_before;    /* of the bridge */
	bool changed;
};

/* "weft-br1" and "weft-vx1" for VNI 1. */
const char *device_bridge_name(uint32_t vni, char buf[static IF_NAMESIZE]);
const char *device_vxlan_name(uint32_t vni, char buf[static IF_NAMESIZE]);

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
