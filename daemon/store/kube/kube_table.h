/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Nodes of all peers, as reported to the listener: most changes of a Node do not concern its
 * lease, and are not reported. Used by store_kube.c. Does no I/O.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/vec.h"
#include "daemon/store/kube/kube_keys.h"
#include "daemon/store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct kube_digest;
struct kube_node;
struct store_listener;

#define KUBE_UID_SIZE 40 /* a UUID as text */

/*
 * Of all leases in the first list. The Nodes' own revisions are those of their heartbeats, which
 * would decide which of two conflicting leases was there first.
 */
#define KUBE_FIRST_REVISION 1

struct kube_record {
	char *name;
	char uid[KUBE_UID_SIZE]; /* a longer one is truncated */
	bool listed;             /* in the current list */
	bool reported;           /* in it */
	bool retracted;          /* reported in it, but refused since: gone after its end */
	bool waiting;            /* refused while another Node's subnets are not confirmed */
	bool cidrs_known;        /* confirmed, since the Node of this uid was read whole: */
	struct prefix cidr[FAMILIES];
	char key[STORE_KEY_SIZE]; /* as reported; "": not reported */
	/* Hash of the key that is reported, apart from the current list; 0: none. */
	uint64_t installed;
	uint64_t created;     /* of the Node */
	uint64_t hash;        /* of the reported value */
	uint64_t annotations; /* hash of those that it was made of */
	uint64_t digest;      /* of the last event, which did not change anything; 0: unknown */
	/*
	 * As reported: the Node's when the lease changed last, KUBE_FIRST_REVISION in the first
	 * list.
	 */
	uint64_t revision;
};
VEC_DEFINE(kube_records, struct kube_record);

struct kube_table {
	const struct store_listener *listener;
	void *listener_ctx;
	/*
	 * Called within kube_table_put and kube_table_remove: this other Node has to be read whole,
	 * and put. May be called again for the same Node.
	 */
	void (*verify)(void *ctx, const char *name);
	void *verify_ctx;
	struct kube_records records;  /* sorted by name */
	struct kube_keys keys;        /* of all records; overlaps are only within a list */
	char own_key[STORE_KEY_SIZE]; /* of this node, which no other may have; "": none */
	bool waiting;                 /* a record is */
	bool refused;                 /* since the last list, a key to a Node because of another */
	bool outdated;                /* such a key may be free: the next list decides again */
	bool listing;                 /* everything is reported, also what has not changed */
	bool complete;                /* a list was complete */
	uint64_t warned_ms, held;     /* log_limit */
};

void kube_table_free(struct kube_table *table);

/* All Nodes follow. Between begin and end, the caller reports list_begin and list_end. */
void kube_table_list_begin(struct kube_table *table);
/* Removes the Nodes that were not listed. */
void kube_table_list_end(struct kube_table *table);
/* After list_end was reported: what the list has, but turned out to be refused, is gone. */
void kube_table_report_retracted(struct kube_table *table);

/*
 * Sets own_key, "" while this node has no Node. A Node that had it is no longer reported, without
 * an event: the entry of this node replaces it.
 */
void kube_table_set_own_key(struct kube_table *table, const char *key);

/*
 * Reports the Node if its lease has changed, with the revision of that change. Returns false if
 * spec.podCIDRs must be read first: the Node has flannel's annotations only, or one of its subnets
 * according to its annotation, which every Node's kubelet can write, overlaps another Node's. If
 * those of the Node are known, but not the other's, that one is verified, and then this one is.
 * Without memory, a change is lost until the next one.
 */
bool kube_table_put(struct kube_table *table, const struct kube_node *node);
/* Returns whether kube_table_put of the Node with this digest would change nothing. */
bool kube_table_is_current(struct kube_table *table, const struct kube_digest *digest);
/* Returns whether a Node was reported whose subnets overlap those of this key. */
bool kube_table_has(struct kube_table *table, const char *key);
/* The Node was deleted. */
void kube_table_remove(struct kube_table *table, const struct kube_node *node);
