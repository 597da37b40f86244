/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The etcd v3 store, through the JSON gateway (/v3/kv, /v3/lease, /v3/watch).
 * Lists in pages at one revision, watches from there with progress
 * notifications, lists again when the watch is compacted or cancelled, goes to
 * the next endpoint when one is dead, with a jittered backoff of 0.1 to 30 s.
 */
#pragma once

#include "store.h"

struct err;
struct http;
struct loop;

struct store_etcd_options {
	/* Neither ends in a slash. */
	const char *const *endpoints; /* "http://host:port", NULL-ended, at least one; copied */
	const char *prefix;           /* "/coreos.com/network"; copied */
	const char *network;          /* "default": <prefix>/config and <prefix>/subnets/;
					 NAME: <prefix>/networks/NAME/... ; copied */
	/* NULL: etcd has no users. The file is read whenever the password is needed. Copied. */
	const char *username, *password, *password_file;
};

/*
 * loop, http and listener outlive the store. ERR_CONFIG without an endpoint. The store is
 * not freed inside a callback of its listener; all its other operations may be used there.
 */
int store_etcd_new(struct loop *loop, struct http *http, const struct store_etcd_options *options,
		   const struct store_listener *listener, void *ctx, struct store **store_out,
		   struct err *err);
