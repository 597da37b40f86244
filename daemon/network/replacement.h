/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a configuration can replace the one that a running network uses. */
#pragma once

struct config;
struct displaced;
struct err;
struct nl;
struct own_lease;
struct peer_self;
struct store_view;
struct underlay;

/* All borrowed. */
struct replacement {
	struct nl *nl;
	const char *network;           /* name */
	const struct store_view *view; /* the configuration in use, and the leases */
	const struct config *next;
	const struct own_lease *own; /* if it never had a subnet, every configuration can */
	const struct peer_self *self;
	const struct underlay *underlay;
	const struct displaced *displaced;
};

/*
 * Checks that the mode is the same, that the configuration keeps this node's subnets and a peer,
 * and that no other program has its devices. ERR_CONFIG, ERR_KERNEL.
 */
int replacement_check(const struct replacement *replacement, struct err *err);
