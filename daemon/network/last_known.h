/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet rules for the networks whose devices exist on this node and that have no desired state:
 * weftd was started without them, the configuration in the store is invalid, or the store was not
 * reached yet. Their containers keep running, so their rules stay, with the last known values:
 *
 *   VNI, port, outer families   the devices
 *   peers                       the snapshot's leases, and the entries of the vxlan devices
 *   cluster, AllowFrom          the snapshot's configuration
 *   subnet                      the published state, or node.json
 *
 * What is not known is closed: without peers, the tunnel guard drops everything; without a
 * configuration, the network is isolated. Their devices also get the interface group.
 */
#pragma once

#include <stddef.h>

struct err;
struct last_known;
struct network_env;

/*
 * Searches for such networks now, once more when the networks in names should have a desired state,
 * and every five minutes. env is copied, names is borrowed. Without packet rules, nothing is done.
 * A failure to read the devices is logged and retried. ERR_NOMEM.
 */
int last_known_new(const struct network_env *env, const char *const names[], size_t len,
		   struct last_known **last_known_out, struct err *err);
/* The networks in names, which is borrowed, should have a desired state from now on. */
void last_known_set(struct last_known *last_known, const char *const names[], size_t len);
/* NULL is allowed. */
void last_known_free(struct last_known *last_known);
