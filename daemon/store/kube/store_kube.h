/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kubernetes store: Node objects are the leases, spec.podCIDRs are the subnets, annotations are
 * the values (kube_node.h). The subnet of this node's own Node is reported as a reservation for it,
 * so that the lease client adopts it; no subnet is ever chosen. Leases do not expire: a peer is
 * removed with its Node. The configuration is a file, flannel's net-conf.json, which is watched.
 *
 * All Nodes are listed and watched as metadata; the own Node is read whole. If an API server does
 * not respond, the next one is used, with a jittered backoff of 0.1 to 30 s.
 */
#pragma once

#include "daemon/store/store.h"

#include <stdbool.h>

struct err;
struct http;
struct loop;

struct store_kube_options {
	const char *const *servers;    /* "https://host:port", NULL-ended, at least one; copied */
	const char *token;             /* NULL: none; copied */
	const char *token_file;        /* instead; read again when it changes; copied */
	const char *annotation_prefix; /* flannel's; see kube_names_make */
	const char *netconf;           /* path of net-conf.json; copied */
	const char *node_name;         /* of the Node; copied */
	const char *node_id;           /* of node.json; copied */
	bool set_condition;            /* NetworkUnavailable=False once the node is ready */
};

/*
 * loop, http and listener must outlive the store. Within a callback of the listener all operations
 * but free are allowed. Returns 0, or -1: ERR_CONFIG, ERR_IO, ERR_NOMEM.
 */
int store_kube_new(struct loop *loop, struct http *http, const struct store_kube_options *options,
		   const struct store_listener *listener, void *ctx, struct store **store_out,
		   struct err *err);
