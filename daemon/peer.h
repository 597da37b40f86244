/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One node's lease as the store holds it, parsed and judged; and the sorted set
 * of them. Key and value are flannel's, with our "Weft" member after them:
 *
 *   10.5.2.0-24
 *   {"PublicIP":"192.168.0.2","PublicIPv6":null,"BackendType":"vxlan",
 *    "BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"},
 *    "Weft":{"Node":"<uuid>","Name":"host2","MTU":1450,"Machine":"<16 hex digits>"}}
 *
 *   10.5.2.0-24&fd00:5:2::-64       dual stack
 *   {"PublicIP":"192.168.0.2","PublicIPv6":"fd00::2","BackendType":"vxlan",
 *    "BackendData":{..},"BackendV6Data":{..as BackendData..},"Weft":{..}}
 *
 *   fd00:5:2::-64                   a network without IPv4, which no flannel node can join
 *   {"PublicIP":null,"PublicIPv6":"fd00::2","BackendType":"vxlan","BackendV6Data":{..},"Weft":{..}}
 *
 * Two rules keep flannel nodes alive. A key with an IPv4 subnet never has a PublicIP of null,
 * which would make them drop all their peers: a node without IPv4 on the underlay says
 * "0.0.0.0". And BackendV6Data stands beside an IPv4 subnet only with PublicIPv6, without which
 * they would crash; weft needs it from flannel nodes only, as a weft node has one VTEP MAC, and
 * takes packets of either family in tunnel packets of either.
 *
 * Everything in it is hostile until parsed. Pure.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct config;
struct err;
struct store_entry;

#define PEER_KEY_SIZE 96
#define PEER_NODE_SIZE 37
#define PEER_NAME_SIZE 48 /* longer names are cut: it is for people only */
#define PEER_MACHINE_SIZE 17
#define PEER_VALUE_MAX (16 << 10)

struct peer {
	uint64_t mod_revision;
	uint64_t lease;                 /* etcd's; 0: a reservation */
	struct prefix subnet[FAMILIES]; /* either may be unset, but not both */
	struct ipaddr public_ip[FAMILIES];
	struct mac vtep_mac[FAMILIES]; /* zero: the value has no vxlan backend data for it */
	uint32_t vni[FAMILIES];
	uint32_t mtu;          /* 0: not told */
	bool unreadable;       /* its value does not parse: what else stands here was read before */
	bool vanished;         /* a store that was wiped has not told it again */
	bool direct[FAMILIES]; /* of a usable one: reached without the tunnel (direct.h) */
	char node[PEER_NODE_SIZE]; /* "" : not written by weft */
	char name[PEER_NAME_SIZE];
	char machine[PEER_MACHINE_SIZE]; /* "": not told */
};

VEC_DEFINE(peers, struct peer); /* sorted by key, without duplicates */

/* Order by IPv4 subnet, then by IPv6 subnet; an unset one comes first. */
int peer_cmp(const void *a, const void *b);

/* Only the key. ERR_DECODE. */
int peer_parse_key(const char *key, struct prefix subnet_out[static FAMILIES], struct err *err);
/* "10.5.1.0-24", "10.5.1.0-24&fd00:5:1::-64" or "fd00:5:1::-64" */
const char *peer_key(const struct prefix subnet[static FAMILIES], char buf[static PEER_KEY_SIZE]);
/*
 * Whether the key that was parsed is written as peer_key writes it, and flannel (RFC 5952). One that
 * is not is no lease: it and the lease's own key would be two keys in the store and one for us.
 */
bool peer_is_key(const char *key, const struct prefix subnet[static FAMILIES]);

/*
 * Parses key and value. A value of another backend, or a bare reservation, parses
 * too: peer_judge refuses it as a peer. ERR_DECODE or ERR_CONFIG names what is wrong.
 */
int peer_parse(const struct store_entry *entry, struct peer *peer_out, struct err *err);

/* The value to put in the store for our own lease, malloc'ed, the caller's. */
int peer_value(const struct peer *peer, char **value_out, struct err *err);
/*
 * The value of a subnet that is kept for a node which has not got it yet: its id and name, or its
 * public address. Its BackendType is none, so that nobody takes it for a node that can be reached.
 */
int peer_reserved_value(const struct peer *peer, char **value_out, struct err *err);

/* This node, which a peer must not clash with. */
struct peer_self {
	const char *node;               /* id: a key with it is our own, and no peer */
	struct prefix subnet[FAMILIES]; /* our lease; unset: none yet */
	struct ipaddr public_ip[FAMILIES];
	struct ipaddr uplink[FAMILIES]; /* our addresses on the underlay */
	bool outer[FAMILIES];           /* which families our tunnel packets may have */
	struct mac vtep_mac;
};

/*
 * The family of the tunnel packets that carry what goes to the peer's containers of family
 * inner, for a node that can send those of outer; -1: there is no way. A weft peer takes
 * either in either, IPv4 before IPv6, so that both ends choose alike; a flannel peer takes
 * IPv4 in IPv4 and IPv6 in IPv6.
 */
int peer_outer(const struct peer *peer, enum family inner, const bool outer[static FAMILIES]);

/*
 * Whether the peer can be used. Each family is judged by itself: one that cannot be used loses
 * its subnet in *peer. -1: none is left, and err says why not the first.
 */
int peer_judge(struct peer *peer, const struct config *config, const struct peer_self *self,
	       struct err *err);

/*
 * The peers among the known leases that can be used, sorted, each with those subnets that can
 * be; usable_out is cleared first. Of two whose subnets overlap or whose VTEP MACs are the same,
 * one stays: that which has not vanished, then that with the network's subnet length, then the
 * one that was there first. refused (may be NULL) is called for those with nothing to use, but
 * our own and those that were never readable. clashes_out (may be NULL): how many subnets were
 * lost to another peer; while there are none, what becomes of one peer hangs on no other. False:
 * out of memory.
 */
typedef void peers_refused_fn(void *ctx, const struct peer *peer, const char *reason);
bool peers_judge(const struct peers *known, const struct config *config,
		 const struct peer_self *self, struct peers *usable_out, size_t *clashes_out,
		 peers_refused_fn *refused, void *ctx);

/* The set's element for that key, or NULL. */
struct peer *peers_find(const struct peers *peers, const struct prefix subnet[static FAMILIES]);
/* Puts it in its place, over the one with its key. False when out of memory or full. */
bool peers_put(struct peers *peers, const struct peer *peer);
/* Whether there was one. */
bool peers_remove(struct peers *peers, const struct prefix subnet[static FAMILIES]);
