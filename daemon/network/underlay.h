/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's place on the hosts' own network, as one overlay network uses it: the uplink, and the
 * address families that its tunnel packets have. Losing the uplink changes nothing but error:
 * what the tunnel needs may still work.
 */
#pragma once

#include "common/err.h"
#include "common/ipaddr.h"
#include "daemon/dataplane/uplink.h"

#include <stdbool.h>
#include <stdint.h>

struct config;
struct leases;
struct nl;
struct watch_objects;

/* Zero-initialized, but for options and endpoints, which are borrowed. */
struct underlay {
	const char *network; /* name, for the log; as of underlay_init */
	const struct uplink_options *options;
	const char *const *endpoints;     /* of the store, NULL-terminated; NULL: none */
	struct uplink uplink;             /* index 0: not found yet */
	bool outer[FAMILIES];             /* the families of the tunnel's packets */
	struct ipaddr peer[UPLINK_PEERS]; /* some peers, by whose routes the MTU is measured */
	bool gateways_stale; /* a default route has changed since the gateways were checked */
	uint64_t lost_ms;    /* since when the address in use is gone (loop.h); 0: it is not */
	char limit[256];     /* why the containers have no IPv6; "" */
	char error[ERR_TEXT_SIZE]; /* why there is none now; "" */
};

/* What determines the address that this node used before weftd started. */
struct underlay_past {
	const char *network; /* name, of the vxlan devices' alias */
	const char *node;    /* id, of the node's lease */
	const struct leases *leases;
};

/*
 * Finds the uplink for the first time, the one used before if possible, and checks that a network
 * with this configuration can use it. ERR_CONFIG, ERR_KERNEL.
 */
int underlay_init(struct underlay *underlay, struct nl *nl, const struct config *config,
		  const struct underlay_past *past, struct err *err);

enum underlay_change {
	UNDERLAY_SAME,
	UNDERLAY_PATH,    /* the same, reached through other devices */
	UNDERLAY_CHANGED, /* another device, name, MTU or public address */
	UNDERLAY_MOVED    /* another address: connections from the old one are dead */
};

/*
 * Checks that a configuration fits the host (config_check_host), with this uplink: its own, or one
 * that is about to replace it; and that tunnel packets have a family over it. ERR_CONFIG,
 * ERR_KERNEL.
 */
int underlay_check(const struct underlay *underlay, struct nl *nl, const struct uplink *uplink,
		   const struct config *config, struct err *err);

/*
 * Finds the uplink again, and takes a change over. If there is none, the network contains its
 * address, or it has lost the addresses of all families that the tunnel uses and gained none, error
 * is set, all else stays as it is, and -1 is returned; likewise for the first second and a half in
 * which an address is lost, or only a doubtful address or another device is left, because addresses
 * are replaced in steps. underlay_check, which reads all routes, is called only if the uplink has
 * changed, gateways_stale, or error is set.
 */
int underlay_refresh(struct underlay *underlay, struct nl *nl, const struct config *config,
		     enum underlay_change *change_out, struct err *err);

/*
 * Takes the peers by whose routes the MTU is measured from the leases: a few, in the order of the
 * leases. node is this node's id. Returns whether they have changed: the uplink is to be refreshed.
 */
bool underlay_sample(struct underlay *underlay, const struct config *config,
		     const struct leases *leases, const char *node);

/* The configuration has changed: sets outer and limit. */
void underlay_configure(struct underlay *underlay, const struct config *config);

/* The MTU of the network's devices, in bytes. */
uint32_t underlay_mtu(const struct underlay *underlay, const struct config *config);

/*
 * Whether the network's devices can have IPv6 addresses. If not, limit has the reason; the node
 * keeps its subnets, and its containers have IPv4 only.
 */
bool underlay_has_ipv6(const struct underlay *underlay, const struct config *config);

/* The addresses that this node publishes in its lease. */
void underlay_public_ip(const struct underlay *underlay, struct ipaddr public_ip[static FAMILIES]);

/* The source addresses of tunnel packets, of the families in which they differ from those. */
void underlay_source_ip(const struct underlay *underlay, struct ipaddr source_ip[static FAMILIES]);

/* Sets the members that the kernel watch needs of the uplink. */
void underlay_watch(const struct underlay *underlay, struct watch_objects *objects);
