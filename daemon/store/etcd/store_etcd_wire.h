/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the etcd store says to the JSON gateway and hears from it: bodies of
 * requests built, answers parsed. Used by the other store_etcd files. Pure.
 * Forms: etcd's rpc.proto and the proto3 JSON mapping; see store_etcd_wire.c.
 */
#pragma once

#include "common/vec.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* Whether now comes from another history than ours: the store was wiped or restored. */
bool store_etcd_wire_is_restored(const struct store_point *ours, const struct store_point *now);

/*
 * Bodies of requests, malloc'ed, the caller's. NULL: out of memory. A prefix is what all
 * keys begin with, and not empty.
 */
char *store_etcd_wire_get(const char *key);
/* The limit keys that follow the key after (NULL: from the first), as they were at revision. */
char *store_etcd_wire_page(const char *prefix, const char *after, size_t after_size,
			   uint64_t revision, uint32_t limit);
/*
 * Two watches in one stream: of the prefix, and of the key beside it.
 */
char *store_etcd_wire_watch(const char *prefix, const char *key, uint64_t start_revision);
char *store_etcd_wire_grant(uint64_t ttl_s);
char *store_etcd_wire_authenticate(const char *name, const char *password);
/* For keepalive and for revoke. */
char *store_etcd_wire_lease(uint64_t lease);

/* A key, or in a watch a change of one. Both texts are NUL-terminated and may hold NULs. */
struct store_etcd_wire_kv {
	char *key, *value;
	size_t key_size, value_size;
	uint64_t mod_revision;
	uint64_t lease;
	bool deleted; /* has neither value nor lease */
};
VEC_DEFINE(store_etcd_wire_kvs, struct store_etcd_wire_kv);

/*
 * Answers of status 200. 0, or -1 with ERR_DECODE for what is not an answer of
 * etcd's, ERR_STORE for an error that a stream tells (store_etcd_wire_error).
 */
struct store_etcd_wire_range {
	struct store_point header;
	struct store_etcd_wire_kvs kvs;
	uint64_t count; /* of all keys that were asked for, from this page on */
	bool more;
};
int store_etcd_wire_read_range(const char *body, size_t size,
			       struct store_etcd_wire_range *range_out, struct err *err);
void store_etcd_wire_range_free(struct store_etcd_wire_range *range);

/* One line of a watch. Without created, cancelled or kvs it is a notice of progress. */
struct store_etcd_wire_events {
	struct store_point header;
	struct store_etcd_wire_kvs kvs;
	bool of_key; /* it is the watch of the key that tells */
	bool created;
	bool fragment; /* the rest of its last revision follows */
	bool cancelled;
	bool refused;     /* cancelled for want of a good token, perhaps */
	char reason[160]; /* of cancelled */
};
int store_etcd_wire_read_events(const char *line, size_t size,
				struct store_etcd_wire_events *events_out, struct err *err);
void store_etcd_wire_events_free(struct store_etcd_wire_events *events);

/* Of authenticate. The token is malloc'ed, the caller's, and can be part of a header. */
int store_etcd_wire_read_token(const char *body, size_t size, char **token_out, struct err *err);

/* Of operations: each fills the members that struct store_reply names for it. */
typedef int store_etcd_wire_read_fn(const char *body, size_t size, struct store_reply *reply_out,
				    struct err *err);
store_etcd_wire_read_fn store_etcd_wire_read_txn, store_etcd_wire_read_grant,
	store_etcd_wire_read_keepalive, store_etcd_wire_read_revoke;

/*
 * The error that an answer of another status is. Always -1 with ERR_STORE; sys_errno is
 * ESTALE where the wanted revision is not there (compacted, or of another history), ENOENT
 * for a lease that does not exist, EMSGSIZE where the gateway was not let to take so much (some
 * versions of 3.4), EKEYREJECTED where the token is not good or not there,
 * EAGAIN where the server is not able to answer now, else 0.
 */
int store_etcd_wire_error(unsigned status, const char *body, size_t size, struct err *err);
