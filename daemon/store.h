/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's interface: where the network's configuration and all nodes'
 * leases come from, and where ours is put. A store lists and watches on its own
 * from store_start on, over and over, and tells its listener; everything is
 * asynchronous on the loop, and no call waits for another machine. Stores: store_etcd.h,
 * store_file.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define STORE_KEY_SIZE 96 /* of a key among the subnets, with its NUL */

/* One lease key as the store holds it. Valid during the call that shows it. */
struct store_entry {
	const char *key;   /* "10.5.1.0-24": what follows <prefix>/subnets/ */
	const char *value; /* NUL-terminated, hostile */
	size_t value_size;
	uint64_t mod_revision;
	uint64_t lease; /* the etcd lease that it is attached to; 0: none, a reservation */
};

/* A point in a store's history. What a store that is older than it says has been restored. */
struct store_point {
	uint64_t cluster; /* etcd's id of it; 0: nothing was seen yet */
	uint64_t revision;
	uint64_t term; /* raft's, which only rises in a cluster's life */
};

/*
 * What a store tells. A list comes as list_begin, config, entry .., list_end, all with the
 * same revision; whatever is not in it is gone. A list that fails half-way ends in
 * list_failed instead and means nothing: an error is never an empty set. Between
 * lists, changes come as entry, gone and config, the last of them also where it is the same.
 */
struct store_listener {
	void (*list_begin)(void *ctx);
	/* After list_begin: this list is of another history than what was told before, and why. */
	void (*restored)(void *ctx, const char *why);
	/* text NULL: there is no configuration */
	void (*config)(void *ctx, const char *text, size_t size);
	void (*entry)(void *ctx, const struct store_entry *entry);
	void (*list_end)(void *ctx);
	void (*list_failed)(void *ctx);
	void (*gone)(void *ctx, const char *key, uint64_t mod_revision);
	/*
	 * Reached, now at this endpoint, or not since this moment, with the reason; on changes
	 * only, of endpoint and reason too.
	 */
	void (*link)(void *ctx, bool connected, const char *endpoint, const struct err *why);
};

/* A key of the network's subnets to put; keys as in store_entry. */
struct store_put {
	const char *key, *value;
	uint64_t lease;       /* to attach it to; 0: to none */
	uint64_t if_revision; /* the mod_revision that it has to have; 0: it has to be absent */
	/* A key of ours that goes in the same step, if it has this mod_revision; NULL: none. */
	const char *instead_of;
	uint64_t instead_revision;
	/* A claimant (store_reply) that has to be absent, so that its claim is void; NULL: none. */
	const char *absent;
};

/* The outcome of an operation; err NULL: it was carried out. */
struct store_reply {
	bool succeeded;        /* put, remove: the condition held */
	uint64_t mod_revision; /* put: of the key now */
	uint64_t lease;        /* grant; 0: nothing ends in this store, all keys are reservations */
	uint64_t ttl_s;        /* grant, keepalive; 0 from keepalive: the lease is gone */
	/* put, that did not succeed: a key that claims one of the subnets, there or not; or "" */
	char claimant[STORE_KEY_SIZE];
};
typedef void store_done_fn(void *ctx, const struct store_reply *reply, const struct err *err);

struct store;

/*
 * A const table of each store. done is called exactly once, unless the store is freed: from
 * the loop, after the call that asked has returned. One exception: where there is no memory
 * for an operation, done is called with ERR_NOMEM before the asking call returns.
 */
struct store_ops {
	void (*free)(struct store *store);
	/*
	 * seen: where a listener stood before this start, or earlier; the first list is held
	 * against it. NULL: nowhere.
	 */
	int (*start)(struct store *store, const struct store_point *seen, struct err *err);
	/* Where the listener stands. Nowhere, where the store has no history of its own. */
	struct store_point (*seen)(const struct store *store);
	/* List again now, as after a change that the listener missed. */
	void (*refresh)(struct store *store);
	/* Somebody looks at what was told: asks whether the store is still there. */
	void (*check)(struct store *store);
	/* Our address is another one: connections made from the old one lead nowhere. */
	void (*reconnect)(struct store *store);
	void (*grant)(struct store *store, uint64_t ttl_s, store_done_fn *done, void *ctx);
	void (*keepalive)(struct store *store, uint64_t lease, store_done_fn *done, void *ctx);
	void (*revoke)(struct store *store, uint64_t lease, store_done_fn *done, void *ctx);
	/*
	 * Puts a key, if its conditions hold, in one step. A new one also needs that no other key
	 * has one of its subnets, alone or beside another. The error's sys_errno is ENOENT where
	 * there is no such lease. What put points to is looked at during the call only.
	 */
	void (*put)(struct store *store, const struct store_put *put, store_done_fn *done,
		    void *ctx);
	/* Removes key if its mod_revision is still if_revision. */
	void (*remove)(struct store *store, const char *key, uint64_t if_revision,
		       store_done_fn *done, void *ctx);
};

/* What every store begins with. */
struct store {
	const struct store_ops *ops;
	const char *config_name; /* where the configuration lies, for people */
	const struct store_listener *listener;
	void *listener_ctx;
};
