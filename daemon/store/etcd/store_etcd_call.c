/* SPDX-License-Identifier: Apache-2.0 */
#include "store_etcd_call.h"

#include "common/auto.h"
#include "common/err.h"
#include "store_etcd_auth.h"
#include "store_etcd_wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * gRPC metadata, by the gateway's rule for headers: a member that has lost its leader ends
 * streams and refuses requests, instead of leaving them without an answer (etcd's
 * rpctypes.MetadataRequireLeaderKey).
 */
#define REQUIRE_LEADER "Grpc-Metadata-hasleader: true"

struct store_etcd_call {
	const struct store_etcd_way *way;
	const char *endpoint, *path; /* for a second time */
	char *body;
	struct http_post how;
	struct http_call *http;
	struct store_etcd_auth_waiter waiter;
	uint64_t token; /* its number */
	bool again;     /* this is the second time */
};

void store_etcd_call_cancel(struct store_etcd_call *call)
{
	if (!call)
		return;
	store_etcd_auth_leave(&call->waiter);
	http_cancel(call->http);
	free(call->body);
	free(call);
}
AUTO_DEFINE(call, struct store_etcd_call, store_etcd_call_cancel);

static void finish(struct store_etcd_call *call, unsigned status, const char *body, size_t size,
		   const struct err *err)
{
	struct http_post how = call->how;

	call->http = NULL;
	how.done(how.ctx, status, body, size, err);
	/* Not before: who is told may ask what became of its token. */
	store_etcd_call_cancel(call);
}

/* ---- Sending ------------------------------------------------------------- */

static void on_done(void *ctx, unsigned status, const char *body, size_t size,
		    const struct err *failed);

static bool on_line(void *ctx, const char *line, size_t size)
{
	const struct store_etcd_call *call = ctx;

	return call->how.line(call->how.ctx, line, size);
}

static int send_now(struct store_etcd_call *call, struct err *err)
{
	const char *const headers[] = { REQUIRE_LEADER, store_etcd_auth_header(call->way->auth),
					NULL };
	struct http_post post = call->how;
	AUTO_FREE char *url = NULL;

	if (asprintf(&url, "%s%s", call->endpoint, call->path) < 0) {
		url = NULL; /* undefined after a failure: asprintf(3) */
		return err_nomem(err, "a request to etcd");
	}
	call->token = store_etcd_auth_number(call->way->auth);
	post.url = url;
	post.body = call->body;
	post.headers = headers;
	post.connect_ms = STORE_ETCD_CALL_CONNECT_MS;
	post.ctx = call;
	post.line = call->how.line ? on_line : NULL;
	post.done = on_done;
	call->http = http_post(call->way->http, &post, err);
	return call->http ? 0 : -1;
}

static void on_ready(void *ctx, const struct err *failed)
{
	struct store_etcd_call *call = ctx;
	struct err err = ERR_INIT;

	if (failed)
		finish(call, 0, "", 0, failed);
	else if (send_now(call, &err) < 0)
		finish(call, 0, "", 0, &err);
}

static int start(struct store_etcd_call *call, struct err *err)
{
	if (!store_etcd_auth_is_due(call->way->auth))
		return send_now(call, err);
	store_etcd_auth_wait(call->way->auth, call->endpoint, &call->waiter);
	return 0;
}

/* ---- Answers ------------------------------------------------------------- */

static bool is_about_token(unsigned status, const char *body, size_t size)
{
	struct err err = ERR_INIT;

	if (status == 200)
		return false;
	store_etcd_wire_error(status, body, size, &err);
	return err.sys_errno == EKEYREJECTED;
}

void store_etcd_call_refused(const struct store_etcd_call *call)
{
	store_etcd_auth_refused(call->way->auth, call->token);
}

static void on_done(void *ctx, unsigned status, const char *body, size_t size,
		    const struct err *failed)
{
	struct store_etcd_call *call = ctx;
	struct err err = ERR_INIT;

	/*
	 * A token has the place in etcd's log where it was given out, and a member that has not come
	 * so far waits for it. Restored from a backup it may never come there.
	 */
	if (failed && failed->sys_errno == ETIMEDOUT)
		store_etcd_call_refused(call);
	if (failed || !is_about_token(status, body, size) ||
	    !store_etcd_auth_refused(call->way->auth, call->token) || call->again) {
		finish(call, status, body, size, failed);
		return;
	}
	call->http = NULL;
	call->again = true;
	if (start(call, &err) < 0)
		finish(call, 0, "", 0, &err);
}

struct store_etcd_call *store_etcd_call(const struct store_etcd_way *way, const char *endpoint,
					const char *path, char *body, const struct http_post *how,
					struct err *err)
{
	AUTO(call) struct store_etcd_call *call = calloc(1, sizeof(*call));

	if (!call || !body) {
		free(body);
		err_nomem(err, "a request to etcd");
		return NULL;
	}
	call->way = way;
	call->endpoint = endpoint;
	call->path = path;
	call->body = body;
	call->how = *how;
	call->waiter.ready = on_ready;
	call->waiter.ctx = call;
	if (start(call, err) < 0)
		return NULL;
	return take_ptr(call);
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
