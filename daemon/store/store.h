/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface of a store, which holds the network configuration and the leases of all nodes. From
 * start on a store lists and watches by itself and reports to its listener. Everything is
 * asynchronous on the loop; no call waits for another machine. Stores: store_etcd.h, store_file.h,
 * store_kube.h.
 */
#pragma once

#include "daemon/store/store_stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define STORE_KEY_SIZE 96 /* of a key among the subnets, with its NUL */

/* A lease key in the store. Valid during the callback. */
struct store_entry {
	const char *key;   /* "10.5.1.0-24": what follows <prefix>/subnets/ */
	const char *value; /* NUL-terminated, untrusted */
	size_t value_size;
	uint64_t mod_revision;
	uint64_t lease;   /* the etcd lease that the key is attached to; 0: none, a reservation */
	uint64_t created; /* of Kubernetes' Node, seconds since the epoch; 0: unknown */
	bool replaces;    /* within a list: instead of an earlier entry with this key in it */
};

/* A position in a store's history. A store at an earlier position has been restored or wiped. */
struct store_point {
	uint64_t cluster; /* etcd's cluster id; 0: none yet */
	uint64_t revision;
	uint64_t term; /* raft's, which only increases in a cluster's life */
};

/*
 * The events of a store. A list is reported as list_begin, config, entry .., list_end, all of one
 * revision; keys that are not in it do not exist. A list that fails ends with list_failed instead
 * of list_end and must be ignored: an error is never an empty set. Between lists, changes are
 * reported as entry, gone and config; config also when it has not changed.
 */
struct store_listener {
	void (*list_begin)(void *ctx);
	/* After list_begin: the list is of another history than what was reported before. */
	void (*restored)(void *ctx, const char *why);
	/* text NULL: there is no configuration */
	void (*config)(void *ctx, const char *text, size_t size);
	void (*entry)(void *ctx, const struct store_entry *entry);
	void (*list_end)(void *ctx);
	void (*list_failed)(void *ctx);
	void (*gone)(void *ctx, const char *key, uint64_t mod_revision);
	/*
	 * The store is reached at endpoint, or is not reached because of why. Called when the
	 * state, the endpoint or the reason changes.
	 */
	void (*link)(void *ctx, bool connected, const char *endpoint, const struct err *why);
};

/* A put of a lease key; keys as in store_entry. */
struct store_put {
	const char *key, *value;
	uint64_t lease;       /* to attach the key to; 0: none */
	uint64_t if_revision; /* condition: the key's mod_revision; 0: the key is absent */
	/* A key that the same transaction removes; condition: its mod_revision. NULL: none. */
	const char *instead_of;
	uint64_t instead_revision;
	/* A claimant (store_reply) whose claim is removed; condition: it is absent. NULL: none. */
	const char *absent;
};

/* The result of an operation; err NULL: the store executed it. */
struct store_reply {
	bool succeeded;        /* put, remove: the conditions held */
	uint64_t mod_revision; /* put: the key's new one */
	uint64_t lease;        /* grant; 0: leases do not expire here, all keys are reservations */
	uint64_t ttl_s;        /* grant, keepalive; 0 from keepalive: the lease has expired */
	/* A put that did not succeed: a key, existing or not, that claims a subnet of it; or "". */
	char claimant[STORE_KEY_SIZE];
};
typedef void store_done_fn(void *ctx, const struct store_reply *reply, const struct err *err);

struct store;

/*
 * The operations; each store has one const table. done is called exactly once, from the loop, after
 * the operation's call has returned, unless the store is freed before. Exception: when out of
 * memory for the operation, done is called with ERR_NOMEM before the call returns.
 */
struct store_ops {
	void (*free)(struct store *store);
	/*
	 * position: up to which events were reported in an earlier run, or an earlier one; the
	 * first list is compared with it. NULL: none.
	 */
	int (*start)(struct store *store, const struct store_point *position, struct err *err);
	/* Returns the position up to which events were reported; all zero: the store has none. */
	struct store_point (*position)(const struct store *store);
	/* Lists again now. */
	void (*refresh)(struct store *store);
	/* Probes whether the store is still reached; for a reader of the status. */
	void (*check)(struct store *store);
	/* The node's address has changed: closes the connections from the old one. */
	void (*reconnect)(struct store *store);
	/* Whether containers can be attached now; NULL: the store has no use for it. */
	void (*set_available)(struct store *store, bool available);
	void (*grant)(struct store *store, uint64_t ttl_s, store_done_fn *done, void *ctx);
	void (*keepalive)(struct store *store, uint64_t lease, store_done_fn *done, void *ctx);
	void (*revoke)(struct store *store, uint64_t lease, store_done_fn *done, void *ctx);
	/*
	 * Puts a key in one transaction, if the conditions hold. For a new key, one more
	 * condition: no other key contains one of its subnets. The error's sys_errno is ENOENT if
	 * the lease does not exist. put is used during the call only.
	 */
	void (*put)(struct store *store, const struct store_put *put, store_done_fn *done,
		    void *ctx);
	/* Removes key if its mod_revision is if_revision. */
	void (*remove)(struct store *store, const char *key, uint64_t if_revision,
		       store_done_fn *done, void *ctx);
};

/* The head of every store. */
struct store {
	const struct store_ops *ops;
	const char *config_name; /* where the configuration is, for messages */
	/* Why a configuration of NULL was reported; NULL or "": there is none. */
	const char *config_error;
	/* Why this node has no key, in a store that assigns subnets; NULL: it does not. */
	const char *unreserved;
	const struct store_listener *listener;
	void *listener_ctx;
	struct store_stats stats;
};
