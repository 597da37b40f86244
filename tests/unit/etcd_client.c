/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/etcd_client.h"

void etcd_client_open(struct etcd_client *etcd, const struct store_listener *listener, void *ctx)
{
	struct err err = ERR_INIT;

	assert_int_equal(loop_new(&etcd->loop, &err), 0);
	assert_int_equal(http_new(etcd->loop, &etcd->client.http, &err), 0);
	etcd->client.auth = store_etcd_auth_new(etcd->loop, etcd->client.http, NULL, NULL, NULL);
	assert_non_null(etcd->client.auth);
	etcd->report = (struct store_etcd_report){ listener, ctx, ETCD_PREFIX, 0, 0 };
}

void etcd_client_close(struct etcd_client *etcd)
{
	store_etcd_auth_free(etcd->client.auth);
	http_free(etcd->client.http);
	loop_free(etcd->loop);
}
