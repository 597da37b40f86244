/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoint record: where one address of an L2 network is. A key of the store and its value,
 * parsed and formatted; and the sorted set of such records.
 *
 *   172.18.1.7
 *   {"MAC":"0a:58:ac:12:01:07","Node":"<uuid>"}
 *
 * A container with an address of each family has two records with one MAC. Every value is untrusted
 * until it is parsed. Pure.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/vec.h"
#include "daemon/lease/lease.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct store_entry;

#define ENDPOINT_VALUE_SIZE 128 /* of this node's own values, with the NUL */

struct endpoint {
	struct ipaddr addr;
	struct mac mac;
	char node[LEASE_NODE_SIZE]; /* id of the node that has the container */
	uint32_t port;   /* of one that is seen: index of the bridge's port; 0: the bridge itself */
	bool seen;       /* a local one, on a bridge of another program: weft has no record of it */
	bool vanished;   /* absent from the store, kept for some seconds */
	uint64_t due_ms; /* if vanished: when it is to be dropped, CLOCK_MONOTONIC */
	uint64_t mod_revision;
	uint64_t etcd_lease; /* that the key is attached to; 0: none */
};

VEC_DEFINE(endpoints, struct endpoint); /* sorted by address, without duplicates */

/* Orders struct endpoint by address. */
int endpoint_cmp(const void *a, const void *b);

/* Parses key and value. ERR_DECODE with the key and the reason. */
int endpoint_parse(const struct store_entry *entry, struct endpoint *endpoint_out, struct err *err);
/* Parses a key, an address in the form of RFC 5952. ERR_DECODE. */
int endpoint_parse_key(const char *key, struct ipaddr *addr_out, struct err *err);
/* Returns buf with the value of the record. */
const char *endpoint_value(const struct endpoint *endpoint, char buf[static ENDPOINT_VALUE_SIZE]);

/* Returns the element with that address, or NULL. Valid until the set changes. */
struct endpoint *endpoints_find(const struct endpoints *endpoints, const struct ipaddr *addr);
/* Inserts a copy, or replaces the element with the same address. Returns false if out of memory. */
bool endpoints_put(struct endpoints *endpoints, const struct endpoint *endpoint);
