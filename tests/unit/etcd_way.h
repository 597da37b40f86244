/* SPDX-License-Identifier: Apache-2.0 */
/* What a part of the etcd store stands on, for a test that has `fake: loop http`. */
#pragma once

#include "common/err.h"
#include "daemon/http.h"
#include "daemon/loop.h"
#include "daemon/store_etcd_auth.h"
#include "daemon/store_etcd_call.h"
#include "daemon/store_etcd_tell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* As every answer begins. */
#define ETCD_HEADER "\"header\":{\"cluster_id\":\"9\",\"revision\":\"7\",\"raft_term\":\"2\"}"

#define ETCD_ENDPOINT "http://etcd:2379"
#define ETCD_CONFIG_KEY "/w/config"
#define ETCD_PREFIX "/w/"

struct etcd_way {
	struct loop *loop;
	struct store_etcd_way way;
	struct store_etcd_tell tell;
};

/* Without users; listener is told with ctx. */
static inline void etcd_way_open(struct etcd_way *etcd, const struct store_listener *listener,
				 void *ctx)
{
	struct err err = ERR_INIT;

	assert_int_equal(loop_new(&etcd->loop, &err), 0);
	assert_int_equal(http_new(etcd->loop, &etcd->way.http, &err), 0);
	etcd->way.auth = store_etcd_auth_new(etcd->loop, etcd->way.http, NULL, NULL, NULL);
	assert_non_null(etcd->way.auth);
	etcd->tell = (struct store_etcd_tell){ listener, ctx, ETCD_PREFIX, 0, 0 };
}

static inline void etcd_way_close(struct etcd_way *etcd)
{
	store_etcd_auth_free(etcd->way.auth);
	http_free(etcd->way.http);
	loop_free(etcd->loop);
}
