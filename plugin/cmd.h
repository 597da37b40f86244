/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs (CNI 1.1.0, "CNI Operations"), one file each. main calls them with checked input and
 * prints *output_out, which is malloc'ed, the caller's, and left untouched by a verb without
 * output. No verb writes to standard output. Each returns 0, or -1 with err set.
 */
#pragma once

struct env;
struct err;
struct netconf;

typedef int cmd_fn(const struct env *env, const struct netconf *netconf, char **output_out,
		   struct err *err);

/*
 * Attaches the container. Needs the published network state, not a running weftd. A record of the
 * same attachment whose namespace is gone is replaced. Rolls back after a failure; if killed,
 * leaves what the next DEL or ADD of the attachment removes.
 * Waits up to a second for a bridge that is missing or down while weftd runs: weftd repairs it.
 * ERR_UNAVAILABLE: the network is not published, or its bridge is missing or down.
 * ERR_LIMITED: the node has lost its subnet. ERR_ATTACHED, ERR_NETNS, ERR_POOL_FULL, ...
 */
cmd_fn cmd_add;

/*
 * Undoes ADD, complete or not. Uses only the attachment's record and key, not the container's
 * namespace, prevResult or published state. Succeeds if there is nothing to remove. Never changes
 * a device or an address of another attachment.
 */
cmd_fn cmd_del;

/*
 * Compares prevResult with the record, the host's veth, and the container's interface, addresses
 * and routes. Additions by other plugins are allowed. ERR_CHECK names the difference.
 */
cmd_fn cmd_check;

/*
 * Removes, as DEL does, every attachment of this network that is not in
 * cni.dev/valid-attachments. Continues past failures; the error counts them.
 */
cmd_fn cmd_gc;

/*
 * Whether ADD would succeed, according to published state, devices and pool. Takes no lock and does
 * not block. ERR_UNAVAILABLE (50): it would not. ERR_LIMITED (51): moreover, existing containers
 * have limited connectivity.
 */
cmd_fn cmd_status;

/* Prints the supported versions; only the version of netconf is read. */
cmd_fn cmd_version;
