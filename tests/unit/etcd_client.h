/* SPDX-License-Identifier: Apache-2.0 */
/* The client of parts of the etcd store, for a test with `fake: loop http`. */
#pragma once

#include "common/err.h"
#include "daemon/io/http.h"
#include "daemon/io/loop.h"
#include "daemon/store/etcd/store_etcd_auth.h"
#include "daemon/store/etcd/store_etcd_call.h"
#include "daemon/store/etcd/store_etcd_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The first member of every response. */
#define ETCD_HEADER "\"header\":{\"cluster_id\":\"9\",\"revision\":\"7\",\"raft_term\":\"2\"}"
#define ETCD_ENDPOINT "http://etcd:2379"
#define ETCD_CONFIG_KEY "/w/config"
#define ETCD_PREFIX "/w/"

struct etcd_client {
	struct loop *loop;
	struct store_etcd_client client;
	struct store_etcd_report report;
};

/* Without authentication. */
void etcd_client_open(struct etcd_client *etcd, const struct store_listener *listener, void *ctx);
void etcd_client_close(struct etcd_client *etcd);
