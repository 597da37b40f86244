/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One node's lease as the store holds it, parsed and judged; and the sorted set
 * of them. Key and value are flannel's, with our "Weft" member after them:
 *
 *   10.5.2.0-24 (dual stack: 10.5.2.0-24&fd00:5:2::-64)
 *   {"PublicIP":"192.168.0.2","PublicIPv6":null,"BackendType":"vxlan",
 *    "BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"},
 *    "Weft":{"Node":"<uuid>","Name":"host2","MTU":1450}}
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
#define PEER_VALUE_MAX (16 << 10)

struct peer {
	uint64_t mod_revision;
	uint64_t lease; /* etcd's; 0: a reservation */
	struct prefix subnet;
	struct ipaddr public_ip;
	struct mac vtep_mac; /* zero: the value has no vxlan backend data */
	uint32_t vni;
	uint32_t mtu;    /* 0: not told */
	bool unreadable; /* its value does not parse: what else stands here was read before */
	bool vanished;   /* a store that was wiped has not told it again */
	char node[PEER_NODE_SIZE]; /* "" : not written by weft */
	char name[PEER_NAME_SIZE];
};

VEC_DEFINE(peers, struct peer); /* sorted by subnet, without duplicates */

/* Order by subnet. */
int peer_cmp(const void *a, const void *b);

/* Only the key. ERR_DECODE. */
int peer_parse_key(const char *key, struct prefix *subnet_out, struct err *err);
/* "10.5.1.0-24" */
const char *peer_key(const struct prefix *subnet, char buf[static PEER_KEY_SIZE]);

/*
 * Parses key and value. A value of another backend, or a bare reservation, parses
 * too: peer_judge refuses it as a peer. ERR_DECODE or ERR_CONFIG names what is wrong.
 */
int peer_parse(const struct store_entry *entry, struct peer *peer_out, struct err *err);

/* The value to put in the store for our own lease, malloc'ed, the caller's. */
int peer_value(const struct peer *peer, char **value_out, struct err *err);

/* This node, which a peer must not clash with. */
struct peer_self {
	const char *node;     /* id: a key with it is our own, and no peer */
	struct prefix subnet; /* our lease; unset: none yet */
	struct ipaddr public_ip;
	struct ipaddr uplink; /* our address on the underlay */
	struct mac vtep_mac;
};

/* Whether the peer can be used. -1: it is refused, and err says why. */
int peer_judge(const struct peer *peer, const struct config *config, const struct peer_self *self,
	       struct err *err);

/*
 * The peers among the known leases that can be used, sorted; usable_out is cleared first. Of
 * two whose subnets overlap or whose VTEP MACs are the same, one stays: that which has not
 * vanished, then that with the network's subnet length, then the one that was there first. refused (may be NULL) is
 * called for every other one, but our own and those that were never readable. False: out of memory.
 */
typedef void peers_refused_fn(void *ctx, const struct peer *peer, const char *reason);
bool peers_judge(const struct peers *known, const struct config *config,
		 const struct peer_self *self, struct peers *usable_out, peers_refused_fn *refused,
		 void *ctx);

/* The set's element for that subnet, or NULL. */
struct peer *peers_find(const struct peers *peers, const struct prefix *subnet);
/* Puts it in its place, over the one with its subnet. False when out of memory or full. */
bool peers_put(struct peers *peers, const struct peer *peer);
/* Whether there was one. */
bool peers_remove(struct peers *peers, const struct prefix *subnet);
