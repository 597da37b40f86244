/* SPDX-License-Identifier: Apache-2.0 */
#include "store_etcd_call.h"

#include "common/auto.h"
#include "common/err.h"
#include "store_etcd_wire.h"

#include <stdio.h>

struct http_call *store_etcd_call(struct http *http, const char *endpoint, const char *path,
				  char *body, const struct http_post *how, struct err *err)
{
	AUTO_FREE char *taken = body;
	AUTO_FREE char *url = NULL;
	struct http_post post = *how;

	if (!body || asprintf(&url, "%s%s", endpoint, path) < 0) {
		url = NULL; /* undefined after a failure: asprintf(3) */
		err_nomem(err, "a request to etcd");
		return NULL;
	}
	post.url = url;
	post.body = taken;
	post.connect_ms = STORE_ETCD_CALL_CONNECT_MS;
	return http_post(http, &post, err);
}

int store_etcd_call_check(const char *endpoint, unsigned status, const char *body, size_t size,
			  const struct err *failed, struct err *err)
{
	if (failed) {
		*err = *failed;
		return -1;
	}
	if (status == 200)
		return 0;
	store_etcd_wire_error(status, body, size, err);
	return err_wrap(err, "%s", endpoint);
}
