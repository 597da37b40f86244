/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to an etcd endpoint: timeouts, token, and the errors in responses. Used by the other
 * store_etcd files; independent of keys and operations.
 */
#pragma once

#include "daemon/io/http.h"

#include <stdbool.h>

struct store_etcd_auth;

#define STORE_ETCD_CALL_CONNECT_MS 3000
#define STORE_ETCD_CALL_SHORT_MS 5000 /* one key, one lease */
#define STORE_ETCD_CALL_LONG_MS 20000 /* a page of keys */
#define STORE_ETCD_CALL_SMALL (64 * 1024)
#define STORE_ETCD_CALL_LARGE (16 * 1024 * 1024)

/* What all requests of a store share; must outlive them. */
struct store_etcd_client {
	struct http *http;
	struct store_etcd_auth *auth;
};

struct store_etcd_call;

/*
 * Posts body (taken over; NULL: out of memory) to the endpoint's path with the options of post,
 * except url, body, headers and connect_ms. Obtains a token first if one is needed; if etcd rejects
 * the token, the request is repeated once with a new one. A member without a leader responds with
 * an error at once instead of delaying. endpoint and path must outlive the call. Returns NULL with
 * err when the request cannot be started; done is not called then.
 */
struct store_etcd_call *store_etcd_call(const struct store_etcd_client *client,
					const char *endpoint, const char *path, char *body,
					const struct http_request *post, struct err *err);
/* Ends the call without calling back; otherwise it is freed after done. NULL is allowed. */
void store_etcd_call_cancel(struct store_etcd_call *call);
/*
 * Drops the call's token, for a rejection within a response of status 200 or a stream that stays
 * silent: the next request obtains a new one.
 */
void store_etcd_call_reject_token(const struct store_etcd_call *call);

/*
 * Evaluates the arguments of http_request.done. Returns 0 for a response of status 200, or -1 with
 * an error that names the endpoint; sys_errno as in store_etcd_wire_error and http_request.
 */
int store_etcd_call_check(const char *endpoint, unsigned status, const char *body, size_t size,
			  const struct err *failed, struct err *err);
