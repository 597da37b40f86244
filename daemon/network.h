/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One overlay network on this node: owns its store, lease, known leases and
 * sync, and turns their events into "dirty". It comes up in this order, and waits where
 * something is not there yet: uplink and configuration, lease, devices and
 * peers, published files.
 */
#pragma once

#include "common/state.h"
#include "config.h"
#include "known.h"
#include "lease.h"
#include "peer.h"
#include "sync.h"
#include "uplink.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct loop;
struct nl;
struct node;
struct rules_network;
struct store;
struct store_listener;

struct network;

/* What a network asks of those beside it (networks.h). */
struct network_siblings {
	/* Whether it can have this configuration. ERR_CONFIG: why not. */
	int (*admit)(void *ctx, const struct network *network, const struct config *config,
		     struct err *err);
	/* It has heard of its store: a list, or that it cannot be reached. Again and again. */
	void (*heard)(void *ctx, const struct network *network);
};

/* What the node gives to each of its networks; all borrowed. */
struct network_env {
	struct loop *loop;
	struct nl *nl;
	struct node *node;
	const char *node_name;
	const char *machine;               /* machine.h; "": not known */
	const char *iface;                 /* NULL: by the default route */
	struct ipaddr public_ip[FAMILIES]; /* unset: the uplink's */
	const char *run_dir;
	const char *subnet_file;                 /* NULL: none for this network */
	const struct network_siblings *siblings; /* NULL: it is alone */
	void *siblings_ctx;
	/*
	 * Before every pass: what packet rules need to know, of which the peers are taken. Answers
	 * whether packets that leave the cluster are masqueraded. NULL: nobody wants to know.
	 */
	bool (*tell_rules)(void *rules, struct rules_network *network);
	void *rules;
};

/* Makes it; network_listener tells its store, given later by network_start. */
int network_new(const struct network_env *env, const char *name, struct network **network_out,
		struct err *err);
/* Frees it and its store. Devices, routes, lease and files stay as they are. */
void network_free(struct network *network);

extern const struct store_listener network_listener;

/* Starts with this store, made with network_listener and the network as its context; owns it. */
int network_start(struct network *network, struct store *store, struct err *err);

enum network_state { NETWORK_STARTING, NETWORK_READY, NETWORK_DEGRADED };

/*
 * Takes our key out of the store, and puts none from now on, nor anything into the kernel. left
 * is called once, later; with an error all goes on as before. False: there is no key, and left
 * is not called.
 */
typedef void network_left_fn(void *ctx, const struct err *err);
bool network_leave(struct network *network, network_left_fn *left, void *ctx);

/* Where its leases lie; borrowed. */
struct store *network_store(const struct network *network);

/* A look at everything, for status; valid until the loop goes on. */
struct network_view {
	const char *name;
	enum network_state state;
	const char *reason; /* "" or why it is not ready */
	uint64_t since;     /* of the state, seconds since the epoch */
	const char *endpoint;
	bool connected;
	uint64_t connected_since;
	const char *store_error;
	const char *wiped;    /* "", or how one sees that the store was wiped or restored; */
	uint64_t wiped_until; /* until then, seconds since the epoch, peers that it lacks stay */
	bool stale;           /* all that the store says is from the state directory */
	const struct config *config; /* NULL: none yet */
	const struct uplink *uplink; /* NULL: none yet */
	struct mac vtep_mac;
	uint32_t mtu; /* of the devices; 0 before they are known */
	struct lease_view lease;
	struct sync_stats sync;
	const struct known_set *known; /* every lease that the store holds, ours too */
	struct peer_self self;
};
struct network_view network_view(const struct network *network);
