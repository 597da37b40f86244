/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One overlay network on this node: ties store, lease, firewall and data path together. Events of
 * the store, the lease client and the kernel change what the network has recorded, and trigger a
 * reconcile (schedule.h decides when). network_reconcile in network.c is the flow:
 *
 *   observe                  displaced containers, the node's other devices   (observed.h)
 *   build                    the desired state, from leases and configuration (desired.h, pure)
 *   network_firewall_apply   packet rules first: a peer may send before this node has its route
 *   reconciler_apply         devices, then entries: the difference to the kernel (reconciler.h)
 *   network_fast_path_apply  the devices of established flows, which end if a path has changed
 *   publish                  the network's files, last: their presence means that containers can
 *                            be attached (publish.h)
 *
 * The parts that it owns: store_view.h (configuration and leases as read from the store),
 * underlay.h (uplink), observed.h, network_status.h, schedule.h. A part takes its own
 * struct, returns results, and does not include network.h; only the owner of networks does
 * (networks.h). A network comes up in this order, and waits where something is missing:
 * configuration and uplink, lease, devices and peers, published files.
 */
#pragma once

#include "daemon/dataplane/reconciler.h"
#include "daemon/dataplane/uplink.h"
#include "daemon/lease/lease.h"
#include "daemon/lease/lease_client.h"
#include "daemon/lease/lease_table.h"
#include "daemon/lease/peer.h"
#include "daemon/network/desired.h"
#include "daemon/network/network_l2.h"
#include "daemon/network/network_status.h"
#include "daemon/network/schedule.h"
#include "ipam/config.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct fast_path;
struct firewall;
struct loop;
struct nl;
struct node;
struct store;
struct store_listener;
struct watch;

struct network;

/* What the owner of several networks decides (networks.h). */
struct network_owner {
	/*
	 * Whether this network may use the configuration beside the node's other networks. Returns
	 * 0, or -1 with ERR_CONFIG, whose text is shown.
	 */
	int (*admit)(void *ctx, const struct network *network, const struct config *config,
		     struct err *err);
	/* This network uses another configuration from now on. */
	void (*config_used)(void *ctx, const struct network *network);
	/* Returns the other networks that have a configuration; *len_out is their number. */
	const struct peer_network *(*others)(void *ctx, const struct network *network,
					     size_t *len_out);
	/*
	 * A list of the store was complete, or the store cannot be reached. Called each time, from
	 * within an event of the store: the owner must not free or start a network in it.
	 */
	void (*store_event)(void *ctx, const struct network *network);
	/* The state, its reason, or whether it is published changed. */
	void (*status_changed)(void *ctx);
};

/* What the node gives to each of its networks; all borrowed. */
struct network_env {
	struct loop *loop;
	struct nl *nl;
	struct watch *watch; /* set by networks_new */
	struct node *node;
	const char *node_name;
	const char *machine; /* node_machine_id(); "": unknown */
	struct uplink_options uplink;
	const char *const *endpoints; /* of the store, NULL-terminated; NULL: none */
	const char *run_dir;
	const char *subnet_file;           /* NULL: none for this network */
	struct firewall *firewall;         /* NULL: no packet rules */
	struct fast_path *fast_path;       /* NULL: none */
	const struct network_owner *owner; /* NULL: the network is alone */
	void *owner_ctx;
	network_l2_open_fn *open_endpoints; /* NULL: the store cannot have endpoints */
	void *open_ctx;
};

/*
 * Makes a network, not started: its store needs network_listener with it as context, and is
 * given to network_start. ERR_NOMEM, ERR_KERNEL.
 */
int network_new(const struct network_env *env, const char *name, struct network **network_out,
		struct err *err);
/* Frees it and its store. Devices, routes, lease and files stay as they are. NULL is allowed. */
void network_free(struct network *network);

extern const struct store_listener network_listener;

/* Starts with this store, and owns it, also on failure. */
int network_start(struct network *network, struct store *store, struct err *err);

/*
 * Removes this node's key from the store; from then on the network puts no key and writes nothing
 * to the kernel. left is called once, later; after an error, the network continues as before.
 * Returns false when there is no key: left is not called then.
 */
typedef void network_left_fn(void *ctx, const struct err *err);
bool network_leave(struct network *network, network_left_fn *left, void *ctx);

/* The configuration in use; NULL: none yet. */
const struct config *network_config(const struct network *network);

/* The configuration of another network of this node has changed, or whether this one is probed. */
void network_others_changed(struct network *network);

/* Packet rules that had to wait are applied (firewall_gather). */
void network_rules_applied(struct network *network);

/* The store of its leases, borrowed; NULL before network_start. */
struct store *network_store(const struct network *network);
/* Makes the stores of leases and endpoints check their connection. After network_start only. */
void network_check_stores(const struct network *network);

/* The whole state, for status; pointers are valid until control returns to the loop. */
struct network_view {
	const char *name;
	enum network_state state;
	const char *reason; /* why it is not ready; "" */
	uint64_t since;     /* of the state, seconds since the epoch */
	bool published;     /* its files are written: containers can be attached */
	bool subnet_file;   /* and subnet.env is one of them */
	const char *endpoint;
	bool connected;
	uint64_t connected_since;
	const char *store_error;
	const char *wiped;           /* how it was seen that the store was wiped or restored; "" */
	uint64_t wiped_until;        /* end of the grace period, seconds since the epoch; 0 */
	bool stale;                  /* configuration and leases are from the snapshot */
	const struct config *config; /* NULL: none yet */
	const struct uplink *uplink; /* NULL: none yet */
	struct mac vtep_mac;
	uint32_t mtu; /* of the devices, in bytes; 0 before they are known */
	struct lease_client_view lease;
	struct reconciler_stats reconciler;
	struct reconciler_installed installed;
	struct desired_counts peers;          /* as of the last reconcile with peers */
	const struct store_stats *store;      /* NULL before network_start */
	const struct device_sysctls *sysctls; /* that could not be set */
	struct schedule_stats schedule;
	const struct lease_set *leases; /* every lease in the store, this node's too */
	struct l2_view l2;              /* of an L2 network */
	struct peer_self self;
};
struct network_view network_view(const struct network *network);
