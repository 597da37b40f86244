/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs (CNI 1.1.0, "CNI Operations"), a file each. main calls them with checked
 * input, and prints what they answer: *answer_out is malloc'ed, the caller's, NULL where
 * the verb answers nothing. None of them writes to standard output.
 */
#pragma once

struct env;
struct err;
struct netconf;

typedef int cmd_fn(const struct env *env, const struct netconf *netconf, char **answer_out,
		   struct err *err);

/*
 * Attaches the container. Needs what weftd has published about the network, not weftd. A
 * record of the same attachment whose namespace has gone is taken over. Leaves nothing
 * after a failure; killed, it leaves what the next DEL or ADD of the attachment removes.
 * ERR_UNAVAILABLE: the network is not published, or its bridge is missing or down.
 * ERR_LIMITED: the node has lost its subnet. ERR_ATTACHED, ERR_NETNS, ERR_POOL_FULL, ...
 */
cmd_fn cmd_add;

/*
 * Undoes ADD, as far as it went, by what is known here: neither the container's namespace,
 * nor prevResult, nor anything that weftd publishes is looked at. Where there is nothing,
 * it succeeds. Touches neither a device nor an address of another attachment.
 */
cmd_fn cmd_del;

/*
 * Compares prevResult with the record, the host's veth, and the container's interface, addresses
 * and routes of the main table; what other plugins added is no fault. ERR_CHECK names
 * what is not as it should be.
 */
cmd_fn cmd_check;

/*
 * Ends every attachment of this network that is not in cni.dev/valid-attachments, as DEL
 * does, goes on past those that cannot be ended, and says at its end how many there were.
 */
cmd_fn cmd_gc;

/*
 * Whether ADD could be served, by what is published, the kernel's devices, and the pool; asks
 * nobody and waits for nothing. ERR_UNAVAILABLE (50): no. ERR_LIMITED (51): nor do the
 * containers that there are reach everything.
 */
cmd_fn cmd_status;

/* Tells the versions; of netconf only its version is read. */
cmd_fn cmd_version;
