/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of etcd's JSON gateway: builds the bodies of requests, parses responses. Used by the
 * other store_etcd files. Pure. Formats: etcd's rpc.proto and the proto3 JSON mapping; see
 * store_etcd_wire.c.
 */
#pragma once

/* What an endpoint lacks that does not serve the gateway, for errors. */
#define STORE_ETCD_WIRE_GATEWAY                                                                    \
	"etcd's JSON gateway is required: etcd 3.4 or later, with --enable-grpc-gateway; "         \
	"if etcd has --listen-client-http-urls, use one of those"

#include "common/vec.h"
#include "daemon/store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* Returns whether now is of another history than before: the store was wiped or restored. */
bool store_etcd_wire_is_restored(const struct store_point *before, const struct store_point *now);

/*
 * The bodies of requests, malloc'ed, the caller's; NULL when out of memory. A prefix is what all
 * keys begin with; it must not be empty.
 */
char *store_etcd_wire_get(const char *key);
/* The first limit keys after the key after (NULL: from the start), at revision. */
char *store_etcd_wire_page(const char *prefix, const char *after, size_t after_size,
			   uint64_t revision, uint32_t limit);
/* Two watches in one stream: of the keys that begin with prefix, and of key. */
char *store_etcd_wire_watch(const char *prefix, const char *key, uint64_t start_revision);
char *store_etcd_wire_grant(uint64_t ttl_s);
char *store_etcd_wire_authenticate(const char *name, const char *password);
/* For keepalive and for revoke. */
char *store_etcd_wire_lease(uint64_t lease);

/* A key, or an event of a watch. Both texts are NUL-terminated and can contain NULs. */
struct store_etcd_wire_kv {
	char *key, *value;
	size_t key_size, value_size;
	uint64_t mod_revision;
	uint64_t lease;
	bool deleted; /* has neither value nor lease */
};
VEC_DEFINE(store_etcd_wire_kvs, struct store_etcd_wire_kv);

/*
 * Responses of status 200. Return 0, or -1 with ERR_DECODE for a body that is not etcd's, ERR_STORE
 * for an error within a stream (store_etcd_wire_error).
 */
struct store_etcd_wire_range {
	struct store_point header;
	struct store_etcd_wire_kvs kvs;
	uint64_t count; /* of all requested keys, from this page on */
	bool more;
};
int store_etcd_wire_read_range(const char *body, size_t size,
			       struct store_etcd_wire_range *range_out, struct err *err);
void store_etcd_wire_range_free(struct store_etcd_wire_range *range);

/* One line of a watch. Without created, cancelled and kvs it is a progress notification. */
struct store_etcd_wire_events {
	struct store_point header;
	struct store_etcd_wire_kvs kvs;
	bool of_key; /* from the watch of the key, not of the prefix */
	bool created;
	bool fragment; /* more events of the last revision follow */
	bool cancelled;
	bool unauthenticated; /* cancelled, possibly because of an invalid token */
	char reason[160];     /* of cancelled */
};
int store_etcd_wire_read_events(const char *line, size_t size,
				struct store_etcd_wire_events *events_out, struct err *err);
void store_etcd_wire_events_free(struct store_etcd_wire_events *events);

/* Of authenticate. The token is malloc'ed, the caller's, and safe in a header line. */
int store_etcd_wire_read_token(const char *body, size_t size, char **token_out, struct err *err);

/* Of operations: each fills the members that struct store_reply documents for it. */
typedef int store_etcd_wire_read_fn(const char *body, size_t size, struct store_reply *reply_out,
				    struct err *err);
store_etcd_wire_read_fn store_etcd_wire_read_txn, store_etcd_wire_read_grant,
	store_etcd_wire_read_keepalive, store_etcd_wire_read_revoke;

/*
 * Converts a response of another status to an error. Always returns -1 with ERR_STORE; sys_errno is
 * ESTALE if the revision does not exist (compacted, or of another history), ENOENT for a lease
 * that does not exist, EMSGSIZE for a response beyond the gateway's limit (some versions of 3.4),
 * EKEYREJECTED for an invalid or missing token, EAGAIN if the server cannot respond now, else 0.
 */
int store_etcd_wire_error(unsigned status, const char *body, size_t size, struct err *err);
