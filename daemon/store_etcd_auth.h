/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who weftd is to an etcd with users: name and password become a token, which goes with
 * every request until etcd does not take it any more. Used by store_etcd_call.c alone. A
 * password that is refused is not tried again but after a pause, or once it is another one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;
struct http;
struct loop;

struct store_etcd_auth;

/* Of one who has to wait for a token. Told once, later; not at all once it has left. */
struct store_etcd_auth_waiter {
	/* err NULL: go on, with store_etcd_auth_header as it is now. */
	void (*ready)(void *ctx, const struct err *err);
	void *ctx;
	struct store_etcd_auth_waiter *next, **slot; /* slot NULL: it is not waiting */
};

/*
 * loop and http outlive it. username NULL: there are no users, and nobody ever waits. Texts are
 * copied. NULL: out of memory.
 */
struct store_etcd_auth *store_etcd_auth_new(struct loop *loop, struct http *http,
					    const char *username, const char *password,
					    const char *password_file);
/* Whoever waits has left. NULL is allowed. */
void store_etcd_auth_free(struct store_etcd_auth *auth);

/* Whether a request has to wait for a token first. */
bool store_etcd_auth_is_due(const struct store_etcd_auth *auth);
/* "Authorization: ...", or NULL: none is needed. */
const char *store_etcd_auth_header(const struct store_etcd_auth *auth);
/* Which token that is: for store_etcd_auth_refused. */
uint64_t store_etcd_auth_number(const struct store_etcd_auth *auth);

/* Waits for a token, got from that endpoint unless one is being got already. */
void store_etcd_auth_wait(struct store_etcd_auth *auth, const char *endpoint,
			  struct store_etcd_auth_waiter *waiter);
void store_etcd_auth_leave(struct store_etcd_auth_waiter *waiter);

/* etcd did not take that token, or asked for one. Whether another one can be had. */
bool store_etcd_auth_refused(struct store_etcd_auth *auth, uint64_t number);
