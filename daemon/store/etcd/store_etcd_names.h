/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the networks in etcd (store_names.h): <prefix>/config and
 * <prefix>/networks/NAME/config. etcd can neither list nor watch by the end of a key, and the other
 * keys below a network change all the time. So the first key of each network is read every five
 * seconds, one request for each network: "config" precedes "endpoints" and "subnets".
 */
#pragma once

#include "daemon/store/store_names.h"

struct http;
struct loop;
struct store_etcd_options;

struct store_etcd_names;

/* options: network and l2_endpoints are ignored. Else as store_etcd_new. */
int store_etcd_names_new(struct loop *loop, struct http *http,
			 const struct store_etcd_options *options,
			 const struct store_names_listener *listener, void *ctx,
			 struct store_etcd_names **names_out, struct err *err);
/* NULL is allowed. */
void store_etcd_names_free(struct store_etcd_names *names);
