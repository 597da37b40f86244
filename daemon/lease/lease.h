/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lease record: one key of the store and its value, parsed and formatted; and the sorted set
 * of such records. Key and value have flannel's format, extended by the "Weft" member:
 *
 *   10.5.2.0-24
 *   {"PublicIP":"192.168.0.2","PublicIPv6":null,"BackendType":"vxlan",
 *    "BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"},
 *    "Weft":{"Node":"<uuid>","Name":"host2","MTU":1450,"Machine":"<16 hex digits>"}}
 *
 * "Weft" has "Probe":true if the node sends and answers probes (weftd --probe, and its port is
 * open). It has "SourceIP" or "SourceIPv6" if the node is behind NAT: the source address of its
 * tunnel packets, where that is not PublicIP or PublicIPv6.
 *
 *   10.5.2.0-24&fd00:5:2::-64       dual stack
 *   {"PublicIP":"192.168.0.2","PublicIPv6":"fd00::2","BackendType":"vxlan",
 *    "BackendData":{..},"BackendV6Data":{..as BackendData..},"Weft":{..}}
 *
 *   fd00:5:2::-64                   a network without IPv4, which flannel does not support
 *   {"PublicIP":null,"PublicIPv6":"fd00::2","BackendType":"vxlan","BackendV6Data":{..},"Weft":{..}}
 *
 * Compatibility with flannel nodes requires two rules. The value of a key with an IPv4 subnet never
 * has a PublicIP of null, because flanneld would drop all its peers: a node without an IPv4 address
 * on the underlay writes "0.0.0.0". A value with BackendV6Data beside an IPv4 subnet always has a
 * PublicIPv6, because flanneld would crash without it. weft reads BackendV6Data of flannel nodes
 * only: a weft node has one VTEP MAC for both families, and accepts packets of either family in
 * tunnel packets of either family.
 *
 * Every value is untrusted until it is parsed. Pure.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/vec.h"
#include "ipam/lease_key.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct store_entry;

#define LEASE_NODE_SIZE 37
/* Longer names are truncated: the name is for display only. struct lease has 256 bytes. */
#define LEASE_NAME_SIZE 47
#define LEASE_MACHINE_SIZE 17
#define LEASE_VALUE_MAX (16 << 10)

struct lease {
	uint64_t mod_revision;
	uint64_t created;    /* of its Node in Kubernetes, seconds since the epoch; 0: unknown */
	uint64_t etcd_lease; /* id of the attached etcd lease; 0: none, the key is a reservation */
	struct prefix subnet[FAMILIES]; /* one of the two may be unset */
	struct ipaddr public_ip[FAMILIES];
	struct ipaddr source_ip[FAMILIES]; /* of tunnel packets; unset: the public address */
	struct mac vtep_mac[FAMILIES]; /* zero: the value has no vxlan backend data of the family */
	uint32_t vni[FAMILIES];
	uint32_t mtu;               /* 0: unknown */
	bool invalid : 1;           /* the value does not parse; the other members are from the last
				  valid value, or unset */
	bool vanished : 1;          /* absent from the store, kept during the grace period */
	bool probe : 1;             /* the node answers probes (daemon/probe) */
	bool direct[FAMILIES];      /* of a usable peer: reached without the tunnel (direct.h) */
	char node[LEASE_NODE_SIZE]; /* node id; "": not written by weft */
	char name[LEASE_NAME_SIZE];
	char machine[LEASE_MACHINE_SIZE]; /* "": unknown */
};

VEC_DEFINE(leases, struct lease); /* sorted by key, without duplicates */

/* Orders struct lease by IPv4 subnet, then by IPv6 subnet. An unset subnet comes first. */
int lease_cmp(const void *a, const void *b);

/*
 * Parses key and value. A value of another backend and a bare reservation are valid; peer_check
 * refuses them as peers. ERR_DECODE or ERR_CONFIG with the key and the reason.
 */
int lease_parse(const struct store_entry *entry, struct lease *lease_out, struct err *err);

/* Formats the value of this node's lease. *value_out is allocated, and owned by the caller. */
int lease_value(const struct lease *lease, char **value_out, struct err *err);
/*
 * Formats the value of a reservation for a node that has not claimed it yet: the node's id and
 * name, or its public address. The BackendType is "reserved", so that no node uses it as a peer.
 * *value_out is allocated, and owned by the caller.
 */
int lease_reserved_value(const struct lease *lease, char **value_out, struct err *err);

/* Returns the element with that key, or NULL. Valid until the set changes. */
struct lease *leases_find(const struct leases *leases, const struct prefix subnet[static FAMILIES]);
/* Inserts a copy, or replaces the element with the same key. Returns false if out of memory. */
bool leases_put(struct leases *leases, const struct lease *lease);
/* Removes the element with that key. Returns whether there was one. */
bool leases_remove(struct leases *leases, const struct prefix subnet[static FAMILIES]);
