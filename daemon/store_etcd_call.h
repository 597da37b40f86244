/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to an endpoint of etcd: its deadlines, its token, and what its answer means.
 * Used by the other store_etcd files; knows neither keys nor operations.
 */
#pragma once

#include "http.h"

#include <stdbool.h>

struct store_etcd_auth;

#define STORE_ETCD_CALL_CONNECT_MS 3000
#define STORE_ETCD_CALL_SHORT_MS 5000 /* one key, one lease */
#define STORE_ETCD_CALL_LONG_MS 20000 /* a page of keys */
#define STORE_ETCD_CALL_SMALL (64 * 1024)
#define STORE_ETCD_CALL_LARGE (16 * 1024 * 1024)

/* What all requests of a store share; outlives them. */
struct store_etcd_way {
	struct http *http;
	struct store_etcd_auth *auth;
};

struct store_etcd_call;

/*
 * Posts body (taken; NULL: there was no memory for it) to the endpoint's path, as how says
 * but for its url, body, headers and connect_ms. Where etcd wants a token one is got first; one that
 * it does not take any more is replaced, once, without a word. A member without a leader does not
 * answer for long, but says so. NULL with err when it cannot even start; endpoint and path outlive it.
 */
struct store_etcd_call *store_etcd_call(const struct store_etcd_way *way, const char *endpoint,
					const char *path, char *body, const struct http_post *how,
					struct err *err);
/* No callback is called any more. Freed after done otherwise. NULL is allowed. */
void store_etcd_call_cancel(struct store_etcd_call *call);
/*
 * What the stream tells, or its answer of status 200, is that the token was not taken, or it
 * tells nothing: the next request brings another token.
 */
void store_etcd_call_refused(const struct store_etcd_call *call);

/*
 * What http's done was told, as 0 for an answer of status 200 or -1 with the error, which
 * names the endpoint. sys_errno as store_etcd_wire_error and http have it.
 */
int store_etcd_call_check(const char *endpoint, unsigned status, const char *body, size_t size,
			  const struct err *failed, struct err *err);
