/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's packet rules: reconciles the kernel's table (firewall_table.h) with the desired state
 * of all networks, and the accepts in other programs' chains (other_chains.h). A change of peers
 * is a change of elements; the table is replaced only if it differs. nf_tables' events trigger a
 * check after changes by other programs. The rules stay when weftd ends.
 */
#pragma once

#include "daemon/firewall/firewall_table.h"
#include "daemon/firewall/other_chains.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct loop;

struct firewall;

/*
 * networks: how many will call firewall_set_network. The table of an earlier weftd stays until all
 * of them have, or for ten seconds. It has rules for each device that existed then, so nothing is
 * open meanwhile; afterwards firewall_set_last_known covers the networks that are missing. A kernel
 * without nf_tables is not an error here: firewall_view reports it.
 */
int firewall_new(struct loop *loop, const struct firewall_options *options, size_t networks,
		 struct firewall **firewall_out, struct err *err);
void firewall_free(struct firewall *firewall);

/*
 * A change of one network's rules replaces those of all. Many networks change at once: at a start,
 * where each gets a desired state, and when the uplink or several configurations change. So
 * firewall_set_network lets a network whose rules change wait a moment for further ones, unless
 * there are none. A network that is new also waits while its rules cannot be installed, for ten
 * seconds after the start at most; others wait for one attempt. Changes of peers alone do not wait.
 * done is called when those that had to wait may continue, except those for which firewall_waits
 * returns true. NULL: no network waits.
 */
void firewall_gather(struct firewall *firewall, void (*done)(void *ctx), void *ctx);
/* Returns whether the network still has to wait. */
bool firewall_waits(const struct firewall *firewall, const char *name);

/*
 * Sets the desired state of a network, and applies it before it returns; a failure is logged and
 * retried, and a network that has its rules, or cannot wait, continues meanwhile. Replaces the
 * state of the same name; with network->change, its peers are changed. Takes ownership of the
 * peers. Returns false if the network has to wait, see firewall_gather: nothing may be written to
 * the kernel before, and the next call has to list all peers.
 */
bool firewall_set_network(struct firewall *firewall, struct firewall_network *network);

/* How many networks will call firewall_set_network, if that has changed since firewall_new. */
void firewall_expect(struct firewall *firewall, size_t networks);

/*
 * The network has no desired state any more: its rules stay as those of firewall_set_last_known,
 * until the next call of that.
 */
void firewall_retire(struct firewall *firewall, const char *name);

/* Returns whether firewall_set_network has set the network. */
bool firewall_has_network(const struct firewall *firewall, const char *name);
/* Returns whether the kernel has the table of an earlier weftd, to be replaced. */
bool firewall_keeps_earlier(const struct firewall *firewall);

/*
 * Sets the last known state of networks that have devices on the node and that firewall_set_network
 * has not set; it replaces those of the previous call. Networks that it has set are ignored. Takes
 * ownership of the peers.
 */
void firewall_set_last_known(struct firewall *firewall, struct firewall_network *networks,
			     size_t len);

/* How often a table has been replaced in the kernel, after changes other than of peers. */
uint64_t firewall_replacements(const struct firewall *firewall);

/* Whether masquerading is installed. */
bool firewall_masquerade(const struct firewall *firewall);

/* State for the status document; valid until the event loop continues. Reads the counters. */
struct firewall_view {
	bool installed;       /* everything that the kernel supports */
	const char *error;    /* why it is not installed, or "" */
	unsigned unsupported; /* by the kernel: bits 1 << enum firewall_part */
	bool ip_masq, forward, guard;
	uint64_t vtep_filter_drops; /* packets to the tunnel's port from addresses without a peer */
	uint64_t injection_drops;   /* packets to it from containers, or forwarded from no peer */
	uint64_t isolation_drops;   /* packets between networks */
	uint64_t router_drops;      /* router advertisements and the like of containers */
	uint64_t spoof_drops;       /* frames of ports with macSpoofCheck with other addresses */
	uint64_t port_isolation_drops; /* packets between ports with portIsolation */
	uint64_t tunnel_drops;         /* frames between a container's port and the tunnel */
	uint64_t flood_drops; /* broadcasts to the tunnel beyond the limit of their network */
	uint64_t probe_drops; /* probes of containers */
	/* Broadcasts in networks without flooding, but ARP and the like. */
	uint64_t unflooded_drops;
	uint64_t restored; /* tables that another program had changed, since the start */
	const struct other_chains *other_chains;
};
struct firewall_view firewall_view(const struct firewall *firewall);
