/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The etcd v3 store, through the JSON gateway (/v3/kv, /v3/lease, /v3/watch). Lists in pages at one
 * revision, watches from the next revision on with progress notifications, lists again when
 * the watch is compacted or cancelled. Uses the next endpoint when one fails, with a jittered
 * backoff of 0.1 to 30 s.
 */
#pragma once

#include "daemon/store/store.h"

#include <stdbool.h>

struct err;
struct http;
struct loop;

struct store_etcd_options {
	/* Neither ends in a slash. */
	const char *const *endpoints; /* "http://host:port", NULL-ended, at least one; copied */
	const char *prefix;           /* "/coreos.com/network"; copied */
	const char *network;          /* "default": <prefix>/config and <prefix>/subnets/;
					 NAME: <prefix>/networks/NAME/... ; copied */
	/* The keys are those below <prefix>/endpoints/ instead of <prefix>/subnets/. */
	bool l2_endpoints;
	/* NULL: no authentication. The file is read whenever the password is needed. Copied. */
	const char *username, *password, *password_file;
};

/*
 * loop, http and listener must outlive the store. Within a callback of the listener all operations
 * but free are allowed. Returns 0, or -1: ERR_CONFIG without an endpoint, ERR_NOMEM.
 */
int store_etcd_new(struct loop *loop, struct http *http, const struct store_etcd_options *options,
		   const struct store_listener *listener, void *ctx, struct store **store_out,
		   struct err *err);
