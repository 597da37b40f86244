/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings one network's devices, ports and entries in the kernel to the desired state. Called by
 * daemon/network/network.c, which decides when; makes no callbacks. Start, restart, repair and
 * change are the same code.
 *
 * Comparing all entries takes time proportional to their number. So the entries that the
 * last call wanted are kept, and replace a dump while they are known to be in sync: then a
 * call with the changed peers alone compares only their entries. A call that ensures the devices
 * compares the entries only if they may have been lost with a device.
 */
#pragma once

#include "daemon/dataplane/plan.h"
#include "daemon/l2/remote.h"
#include "daemon/lease/lease.h"

#include <stdbool.h>
#include <stdint.h>

struct config;
struct device_sysctls;
struct device_want;
struct displaced;
struct err;
struct nl;
struct ports;
struct plan_table;
struct uplink;
struct watch_objects;

struct reconciler;

/* What is compared and corrected: a bit mask. */
enum reconcile_scope {
	RECONCILE_PEERS = 1 << 0,   /* the desired state: peers came, went or changed */
	RECONCILE_DEVICES = 1 << 1, /* the kernel's devices, addresses, ports and sysctls */
	RECONCILE_ENTRIES = 1 << 2, /* the kernel's ARP, forwarding and route entries */
	/* The node's other devices (daemon/network/observed.h); changes nothing in the kernel. */
	RECONCILE_FOREIGN = 1 << 3,
	RECONCILE_ALL = RECONCILE_PEERS | RECONCILE_DEVICES | RECONCILE_ENTRIES
};

enum desired_peers {
	DESIRED_PEERS_SAME,    /* as they were in the last call; none are listed */
	DESIRED_PEERS_CHANGED, /* those that changed since then are listed */
	DESIRED_PEERS_ALL      /* all are listed */
};

/* What the kernel is to have. Pointers are borrowed during the call. */
struct desired_state {
	const struct device_want *device;
	const struct config *config;
	const struct displaced *displaced; /* containers with a route of their own; NULL: none */
	const struct uplink *uplink;       /* its device is that of direct routes; NULL: unknown */
	enum desired_peers listed;
	struct leases peers;  /* usable peers, sorted, none in conflict with another */
	struct leases before; /* DESIRED_PEERS_CHANGED: the usable ones among them before */
	/*
	 * An L2 network: entries are those of the remote containers instead of the peers', listed
	 * is DESIRED_PEERS_ALL or SAME. If they are not known yet, the kernel's entries stay.
	 */
	bool bridged, remotes_known;
	struct remotes remotes; /* DESIRED_PEERS_ALL: the result of remotes_find */
};

/* Frees all lists, which are empty afterwards. */
void desired_state_free(struct desired_state *desired);

/* What the kernel no longer had as the last call left it. */
enum reconciler_drift { DRIFT_DEVICE, DRIFT_PORT, DRIFT_ARP, DRIFT_FDB, DRIFT_ROUTE, DRIFTS };

extern const char *const reconciler_drift_name[DRIFTS]; /* "device" */

struct reconciler_stats {
	uint64_t written_by[PLAN_KINDS], failed_by[PLAN_KINDS]; /* operations on entries, in all */
	uint64_t drift_found[DRIFTS], drift_healed[DRIFTS];     /* in all */
	uint64_t written;    /* changes made in the kernel, in all */
	uint64_t programmed; /* peers whose entries are in the kernel, as of the last success */
	uint64_t direct;     /* of these, the ones that are reached without the tunnel */
	bool devices;        /* the last call found or made the devices as desired */
	bool ports;          /* reconciler_ports has the ports as of the last call */
	/*
	 * Changes after which a packet may leave otherwise than before: of devices and ports, and
	 * of entries that were replaced or removed. Additions are not counted.
	 */
	uint64_t redirected;
};

/*
 * run_dir, of the attachment records, is borrowed; NULL: there are none. Returns 0, or -1 with
 * ERR_NOMEM.
 */
int reconciler_new(struct nl *nl, const char *run_dir, struct reconciler **reconciler_out,
		   struct err *err);
/* Leaves the kernel as it is. NULL is allowed. */
void reconciler_free(struct reconciler *reconciler);

/*
 * Returns which peers the desired state of a call with this scope has to list: all if entries are
 * compared or if the kernel may not have those of the last call, else the changed ones or none.
 */
enum desired_peers reconciler_needed_peers(const struct reconciler *reconciler, unsigned scope);

enum { RECONCILER_NEEDS_ALL = 1 };

/*
 * Compares within scope (enum reconcile_scope) and writes the difference. Frees the lists of
 * desired as soon as their entries are planned: they are megabytes at 10,000 peers.
 * Returns 0 when the kernel has the desired state; RECONCILER_NEEDS_ALL when that cannot be
 * reached from the listed peers: to be called again at once, with all of them; -1 on failure
 * (ERR_KERNEL, ERR_CONFIG, ERR_NOMEM): what could be written has been, and the next call has to
 * list all peers.
 */
int reconciler_apply(struct reconciler *reconciler, unsigned scope, struct desired_state *desired,
		     struct err *err);

struct reconciler_stats reconciler_stats(const struct reconciler *reconciler);

/* The ports of containers, as of the last call. Valid until the next call. */
const struct ports *reconciler_ports(const struct reconciler *reconciler);

/* The sysctls that the last call could not set. Valid until the next call. */
const struct device_sysctls *reconciler_sysctls(const struct reconciler *reconciler);

/* The result of the last call: device indices (0: not made yet) and entries, sorted. */
struct reconciler_installed {
	uint32_t bridge;
	uint32_t vxlan[FAMILIES];
	const struct plan_table *entries;
	size_t containers; /* interfaces of containers on the bridge */
};
struct reconciler_installed reconciler_installed(const struct reconciler *reconciler);

/*
 * Sets the members that the kernel watch needs of a network with this configuration and of the
 * result of the last call. The entries are valid until the next call.
 */
void reconciler_watch(const struct reconciler *reconciler, const struct config *config,
		      struct watch_objects *objects);
