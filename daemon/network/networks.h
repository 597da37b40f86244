/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All overlay networks of this node, in the order of --network, or with --network '*' in the order
 * in which they were added: each with its store, lease, devices and sweep. They share the event
 * loop, sockets, HTTP client and packet rules, and no other state: a fault of one does not stop
 * another. Two networks that conflict cannot both be on one node: the later one's configuration is
 * refused. Made by main.c.
 */
#pragma once

#include <stddef.h>

struct err;
struct network;
struct network_env;
struct networks;
struct store;

/*
 * Returns the name of the network that subnet.env and the installed CNI
 * configuration describe: "default", also if there is none, or else the first.
 */
const char *networks_main_name(const char *const *names, size_t len);

struct networks_options {
	const char *const *names; /* borrowed, as all of this */
	size_t len;               /* 0: networks_set sets them */
	/* Makes a network's store, with network_listener and the network as its context. 0 / -1. */
	int (*make_store)(void *ctx, const char *name, struct network *network,
			  struct store **store_out, struct err *err);
	/* Called when the status of a network changes, also within networks_new. May be NULL. */
	void (*status_changed)(void *ctx);
	void *ctx;
};

/*
 * Makes all networks and starts the first. Each further one starts once the one before has had
 * an event of its store, so that which of two clashing networks is the later one does not depend
 * on chance. Networks that an earlier weftd published and that are not named any more are marked
 * as retired: no new container gets an address from them. env is copied; its subnet_file is for
 * networks_main_name. Returns 0, or -1 with nothing made.
 */
int networks_new(const struct network_env *env, const struct networks_options *options,
		 struct networks **networks_out, struct err *err);
#define NETWORKS_MAX 128

/*
 * Makes the named networks those of this node. Those that are new start; those that are missing
 * end, as if weftd had been started without them: devices and packet rules stay, and containers
 * keep running. Beyond NETWORKS_MAX, names are ignored with a warning. Not to be called from a
 * callback of a network. Returns 0, or -1 if a network could not be made: to be called again.
 */
int networks_set(struct networks *networks, const char *const names[], size_t len, struct err *err);
/* Frees all; devices, entries, leases and files stay. NULL is allowed. */
void networks_free(struct networks *networks);

/* Makes each started store check its connection, as for a status request. Does not block. */
void networks_check(const struct networks *networks);

/* Returns the array of all networks, valid until networks_free; networks_set changes its length. */
struct network *const *networks_all(const struct networks *networks, size_t *len_out);
