/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/etcd/store_etcd_call.h"

#include "common/auto.h"
#include "common/err.h"
#include "daemon/store/etcd/store_etcd_auth.h"
#include "daemon/store/etcd/store_etcd_wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * gRPC metadata, by the gateway's rule for headers: a member without a leader ends streams and
 * rejects requests instead of leaving them without a response (etcd's
 * rpctypes.MetadataRequireLeaderKey).
 */
#define REQUIRE_LEADER "Grpc-Metadata-hasleader: true"

struct store_etcd_call {
	const struct store_etcd_client *client;
	const char *endpoint, *path; /* with body and post: for the second attempt */
	char *body;
	struct http_request post;
	struct http_call *http;
	struct store_etcd_auth_waiter waiter;
	uint64_t token_id;
	bool retried; /* this is the second attempt */
};

void store_etcd_call_cancel(struct store_etcd_call *call)
{
	if (!call)
		return;
	store_etcd_auth_cancel_wait(&call->waiter);
	http_cancel(call->http);
	free(call->body);
	free(call);
}
AUTO_DEFINE(call, struct store_etcd_call, store_etcd_call_cancel);

static void finish(struct store_etcd_call *call, unsigned status, const char *body, size_t size,
		   const struct err *err)
{
	struct http_request post = call->post;

	call->http = NULL;
	post.done(post.ctx, status, body, size, err);
	/* Not before: done may call store_etcd_call_reject_token. */
	store_etcd_call_cancel(call);
}

/* ---- Sending ------------------------------------------------------------- */

static void on_done(void *ctx, unsigned status, const char *body, size_t size,
		    const struct err *failed);

static bool on_line(void *ctx, const char *line, size_t size)
{
	const struct store_etcd_call *call = ctx;

	return call->post.line(call->post.ctx, line, size);
}

static int send_request(struct store_etcd_call *call, struct err *err)
{
	const char *const headers[] = { REQUIRE_LEADER, store_etcd_auth_header(call->client->auth),
					NULL };
	struct http_request post = call->post;
	AUTO(free) char *url = NULL;

	if (asprintf(&url, "%s%s", call->endpoint, call->path) < 0) {
		url = NULL; /* undefined after a failure: asprintf(3) */
		return err_nomem(err, "a request to etcd");
	}
	call->token_id = store_etcd_auth_token_id(call->client->auth);
	post.url = url;
	post.body = call->body;
	post.headers = headers;
	post.connect_ms = STORE_ETCD_CALL_CONNECT_MS;
	post.ctx = call;
	post.line = call->post.line ? on_line : NULL;
	post.done = on_done;
	call->http = http_send(call->client->http, &post, err);
	return call->http ? 0 : -1;
}

static void on_ready(void *ctx, const struct err *failed)
{
	struct store_etcd_call *call = ctx;
	struct err err = ERR_INIT;

	if (failed)
		finish(call, 0, "", 0, failed);
	else if (send_request(call, &err) < 0)
		finish(call, 0, "", 0, &err);
}

static int start(struct store_etcd_call *call, struct err *err)
{
	if (!store_etcd_auth_needs_token(call->client->auth))
		return send_request(call, err);
	store_etcd_auth_wait(call->client->auth, call->endpoint, &call->waiter);
	return 0;
}

/* ---- Responses ----------------------------------------------------------- */

static bool is_token_rejected(unsigned status, const char *body, size_t size)
{
	struct err err = ERR_INIT;

	if (status == 200)
		return false;
	store_etcd_wire_error(status, body, size, &err);
	return err.sys_errno == EKEYREJECTED;
}

void store_etcd_call_reject_token(const struct store_etcd_call *call)
{
	store_etcd_auth_reject(call->client->auth, call->token_id);
}

static void on_done(void *ctx, unsigned status, const char *body, size_t size,
		    const struct err *failed)
{
	struct store_etcd_call *call = ctx;
	struct err err = ERR_INIT;

	/*
	 * A token contains the revision at which it was issued, and a member at an earlier revision
	 * waits for that one. A member restored from a backup may never reach it.
	 */
	if (failed && failed->sys_errno == ETIMEDOUT)
		store_etcd_call_reject_token(call);
	if (failed || !is_token_rejected(status, body, size) ||
	    !store_etcd_auth_reject(call->client->auth, call->token_id) || call->retried) {
		finish(call, status, body, size, failed);
		return;
	}
	call->http = NULL;
	call->retried = true;
	if (start(call, &err) < 0)
		finish(call, 0, "", 0, &err);
}

struct store_etcd_call *store_etcd_call(const struct store_etcd_client *client,
					const char *endpoint, const char *path, char *body,
					const struct http_request *post, struct err *err)
{
	AUTO(call) struct store_etcd_call *call = calloc(1, sizeof(*call));

	if (!call || !body) {
		free(body);
		err_nomem(err, "a request to etcd");
		return NULL;
	}
	call->client = client;
	call->endpoint = endpoint;
	call->path = path;
	call->body = body;
	call->post = *post;
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
		const struct err copy = *failed;

		*err = copy;
		if (copy.sys_errno != EPROTO)
			return -1;
		err_set(err, ERR_STORE, "%.160s; " STORE_ETCD_WIRE_GATEWAY, copy.text);
		err->sys_errno = EPROTO;
		return -1;
	}
	if (status == 200)
		return 0;
	store_etcd_wire_error(status, body, size, err);
	return err_wrap(err, "%s", endpoint);
}
