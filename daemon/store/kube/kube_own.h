/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This node's own Node: its subnets, reported as a reservation for it, and its lease. Used by
 * store_kube.c. Does no I/O.
 */
#pragma once

#include "daemon/store/kube/kube_node.h"
#include "daemon/store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct kube_table;
struct store_listener;

struct kube_own {
	const struct store_listener *listener;
	void *listener_ctx;
	const struct kube_names *names;
	struct kube_table *table; /* gets the key, while the Node exists */
	const char *name, *id;    /* of the Node; of the node (node.json) */
	const bool *families;     /* of the network, [FAMILIES] */
	struct kube_node node;    /* as last read, with its spec; name NULL: never */
	bool exists;              /* in the API */
	char key[STORE_KEY_SIZE]; /* of its subnets; "": none yet */
	char *value;              /* as reported */
	uint64_t revision;        /* as reported, at which the lease changed last */
	char *put_value;          /* of the last put; NULL: none */
	/*
	 * The key of the Node's subnets before it was created again, or "". It stays reported, as
	 * the reservation of no node, until the new key was put: a missing key of this node would
	 * be taken for a wiped store.
	 */
	char former_key[STORE_KEY_SIZE];
	char unreserved[512]; /* store.unreserved */
};

void kube_own_free(struct kube_own *own);

/*
 * Takes the Node over (all-zero it then), unless a newer one was read. Returns false if it has to
 * be read whole: its subnets are not known, or it is another Node of this name.
 */
bool kube_own_set(struct kube_own *own, struct kube_node *node);
/* The cluster was restored: the next Node is newer, whatever its revision. */
void kube_own_rewind(struct kube_own *own);
/* The Node does not exist. What was reported stays: a Node that is created again is not a wipe. */
void kube_own_set_absent(struct kube_own *own);
/*
 * Reports key and value if they have changed, or in any case if always. Of a Node that does not
 * exist, nothing is reported but, if always, an event without a change.
 */
void kube_own_report(struct kube_own *own, bool always);
/* A list was reported without it: it is reported again as soon as it exists. */
void kube_own_retract(struct kube_own *own);
/* After a put of the key: value is what was put, revision the Node's. */
void kube_own_put(struct kube_own *own, const char *value, uint64_t revision);
/* Reports a former key as gone, after the lease client has got the reply to its put. */
void kube_own_report_former(struct kube_own *own);
