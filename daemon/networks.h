/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All overlay networks of this node, in the order of --network: each with its store, its lease,
 * its devices and its sweep. They share loop, sockets and HTTP, and nothing else: what is
 * wrong with one does not stop another. Two that cannot be on one node are kept apart here: of
 * these, the one that comes later is refused. Used by main.c, and by whatever looks at
 * all networks at once.
 */
#pragma once

#include <stddef.h>

struct err;
struct network;
struct network_env;
struct networks;
struct store;

struct networks_options {
	const char *const *names; /* borrowed, as all of this; at least one */
	size_t len;
	/* The store of that network, told by network_listener with it as context. */
	int (*make_store)(void *ctx, const char *name, struct network *network,
			  struct store **store_out, struct err *err);
	void *ctx;
};

/*
 * Makes all and starts the first; each of the others starts once the one before has heard of
 * its store, so that their order is that of their names. What an earlier weftd published of
 * networks that are not named any more is marked: no new container gets an address from it.
 * env is copied; its subnet_file is for the network "default", or else for the first.
 */
int networks_new(const struct network_env *env, const struct networks_options *options,
		 struct networks **networks_out, struct err *err);
/* Devices, entries, leases and files stay. NULL is allowed. */
void networks_free(struct networks *networks);

/* Somebody looks: asks whether their stores are still there, and does not wait for it. */
void networks_check(const struct networks *networks);

/* All of them, as long as networks lives. */
struct network *const *networks_all(const struct networks *networks, size_t *len_out);
