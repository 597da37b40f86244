/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authentication with etcd: exchanges user name and password for a token, which every request
 * carries until etcd rejects it. A rejected password is tried again after a pause, or at
 * once when it has changed. Used by store_etcd_call.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;
struct http;
struct loop;

struct store_etcd_auth;

/* A request that waits for a token. */
struct store_etcd_auth_waiter {
	/*
	 * Called once, from the loop, unless cancelled. err NULL: store_etcd_auth_header is valid.
	 */
	void (*ready)(void *ctx, const struct err *err);
	void *ctx;
	struct store_etcd_auth_waiter *next, **slot; /* slot NULL: not waiting */
};

/*
 * loop and http must outlive the result. username NULL: no authentication, and no token is ever
 * needed. Texts are copied. Returns NULL when out of memory.
 */
struct store_etcd_auth *store_etcd_auth_new(struct loop *loop, struct http *http,
					    const char *username, const char *password,
					    const char *password_file);
/* Cancels all waits. NULL is allowed. */
void store_etcd_auth_free(struct store_etcd_auth *auth);

/* Returns whether a request must wait for a token first. */
bool store_etcd_auth_needs_token(const struct store_etcd_auth *auth);
/* Returns "Authorization: ...", or NULL if there is no token. */
const char *store_etcd_auth_header(const struct store_etcd_auth *auth);
/* Returns the number of the current token, for store_etcd_auth_reject. */
uint64_t store_etcd_auth_token_id(const struct store_etcd_auth *auth);

/* Waits for a token; requests one from endpoint unless a request is in progress. */
void store_etcd_auth_wait(struct store_etcd_auth *auth, const char *endpoint,
			  struct store_etcd_auth_waiter *waiter);
void store_etcd_auth_cancel_wait(struct store_etcd_auth_waiter *waiter);

/* Drops a token that etcd has rejected. Returns whether another one can be requested. */
bool store_etcd_auth_reject(struct store_etcd_auth *auth, uint64_t token_id);
