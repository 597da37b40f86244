/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to an endpoint of etcd: its deadlines, and what its answer means.
 * Used by the other store_etcd files; knows neither keys nor operations.
 */
#pragma once

#include "http.h"

#define STORE_ETCD_CALL_CONNECT_MS 3000
#define STORE_ETCD_CALL_SHORT_MS 5000 /* one key, one lease */
#define STORE_ETCD_CALL_LONG_MS 20000 /* a page of keys */
#define STORE_ETCD_CALL_SMALL (64 * 1024)
#define STORE_ETCD_CALL_LARGE (16 * 1024 * 1024)

/*
 * Posts body (taken; NULL: there was no memory for it) to the endpoint's path, as how says
 * but for its url, body and connect_ms. NULL with err when it cannot even start.
 */
struct http_call *store_etcd_call(struct http *http, const char *endpoint, const char *path,
				  char *body, const struct http_post *how, struct err *err);

/*
 * What http's done was told, as 0 for an answer of status 200 or -1 with the error, which
 * names the endpoint. sys_errno as store_etcd_wire_error and http have it.
 */
int store_etcd_call_check(const char *endpoint, unsigned status, const char *body, size_t size,
			  const struct err *failed, struct err *err);
