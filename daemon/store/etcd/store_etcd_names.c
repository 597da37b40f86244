/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/etcd/store_etcd_names.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/retry.h"
#include "daemon/io/http.h"
#include "daemon/io/loop.h"
#include "daemon/store/etcd/store_etcd.h"
#include "daemon/store/etcd/store_etcd_auth.h"
#include "daemon/store/etcd/store_etcd_call.h"
#include "daemon/store/etcd/store_etcd_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS 5000
#define RETRY_FIRST_MS 200
#define RETRY_MAX_MS 5000
#define NAMES_MAX 1000 /* networks of one list */

#define CONFIG_KEY "config"
#define BEFORE_CONFIG "confif\xff" /* sorts before CONFIG_KEY, and after claims */
#define AFTER_ALL "\xff"

struct store_etcd_names {
	const struct store_names_listener *listener;
	void *ctx;
	struct store_etcd_client client;
	const char *const *endpoints; /* borrowed from the options, which outlive this */
	size_t endpoint;              /* the one in use */
	char *root, *networks;        /* "<prefix>/config", "<prefix>/networks/" */
	struct store_etcd_call *call;
	struct loop_event *timer;
	struct retry retry;
	bool of_root;              /* the request in progress is that of root */
	struct store_names listed; /* of the list in progress */
	char *last; /* what the next request's keys follow, len bytes; NULL: from the start */
	size_t last_len;
	struct store_names reported;
	bool known;
	char error[ERR_TEXT_SIZE];
};

static void fail(struct store_etcd_names *names, const struct err *err)
{
	names->endpoint++;
	if (!names->endpoints[names->endpoint])
		names->endpoint = 0;
	loop_timer_start(names->timer, retry_next_ms(&names->retry));
	if (!strcmp(names->error, err->text))
		return;
	memcpy(names->error, err->text, sizeof(names->error));
	names->listener->failed(names->ctx, err);
}

static void finish(struct store_etcd_names *names)
{
	retry_reset(&names->retry);
	names->error[0] = '\0';
	loop_timer_start(names->timer, POLL_MS);
	store_names_sort(&names->listed);
	if (names->known && store_names_equal(&names->reported, &names->listed))
		return;
	names->known = true;
	store_names_free(&names->reported);
	names->reported = names->listed;
	names->listed = (struct store_names){ .len = 0 };
	names->listener->listed(names->ctx, &names->reported);
}

static void on_response(void *ctx, unsigned status, const char *body, size_t size,
			const struct err *failed);

static void request(struct store_etcd_names *names)
{
	const struct http_request post = {
		.timeout_ms = STORE_ETCD_CALL_SHORT_MS,
		.max_size = STORE_ETCD_CALL_LARGE,
		.ctx = names,
		.done = on_response,
	};
	char *body = names->of_root ? store_etcd_wire_get(names->root) :
				      store_etcd_wire_page(names->networks, names->last,
							   names->last_len, 0, 1);
	struct err err = ERR_INIT;

	names->call = store_etcd_call(&names->client, names->endpoints[names->endpoint],
				      "/v3/kv/range", body, &post, &err);
	if (!names->call)
		fail(names, &err);
}

/* The next request's keys follow "<prefix>/networks/NAME/" and rest; NAME is that of the key. */
static bool follow(struct store_etcd_names *names, const char *key, size_t name_len,
		   const char *rest)
{
	const size_t start = strlen(names->networks) + name_len, len = start + 1 + strlen(rest);
	char *last = malloc(len + 1);

	if (!last)
		return false;
	memcpy(last, key, start);
	snprintf(last + start, len + 1 - start, "/%s", rest);
	free(names->last);
	names->last = last;
	names->last_len = len;
	return true;
}

/*
 * The first key of a network need not be its configuration: the claims of IPv6 subnets come before.
 * Returns 1 if more keys may follow, 0 at the end, -1 if out of memory.
 */
static int take_key(struct store_etcd_names *names, const struct store_etcd_wire_kv *kv)
{
	const size_t start = strlen(names->networks);
	const char *name = kv->key + start, *end;
	size_t len;

	if (kv->key_size < start || names->listed.len >= NAMES_MAX)
		return 0;
	end = memchr(name, '/', kv->key_size - start);
	len = end ? (size_t)(end - name) : kv->key_size - start;
	if (end && strcmp(end + 1, BEFORE_CONFIG) < 0)
		return follow(names, kv->key, len, BEFORE_CONFIG) ? 1 : -1;
	if (end && !strcmp(end + 1, CONFIG_KEY) && strncmp(name, "default/", len + 1) != 0 &&
	    !store_names_add(&names->listed, name, len))
		return -1;
	return follow(names, kv->key, len, AFTER_ALL) ? 1 : -1;
}

static int take_range(struct store_etcd_names *names, const struct store_etcd_wire_range *range,
		      struct err *err)
{
	int more = names->of_root || range->kvs.len;

	if (names->of_root && range->kvs.len &&
	    !store_names_add(&names->listed, "default", strlen("default")))
		more = -1;
	else if (!names->of_root && range->kvs.len)
		more = take_key(names, &range->kvs.at[0]);
	names->of_root = false;
	return more < 0 ? err_nomem(err, "the names of the networks") : more;
}

static void on_response(void *ctx, unsigned status, const char *body, size_t size,
			const struct err *failed)
{
	struct store_etcd_names *names = ctx;
	const char *endpoint = names->endpoints[names->endpoint];
	struct store_etcd_wire_range range = { .count = 0 };
	struct err err = ERR_INIT;
	int more;

	names->call = NULL;
	if (store_etcd_call_check(endpoint, status, body, size, failed, &err) < 0 ||
	    store_etcd_wire_read_range(body, size, &range, &err) < 0) {
		fail(names, &err);
		return;
	}
	more = take_range(names, &range, &err);
	store_etcd_wire_range_free(&range);
	if (more < 0)
		fail(names, &err);
	else if (more)
		request(names);
	else
		finish(names);
}

static void on_timer(void *ctx)
{
	struct store_etcd_names *names = ctx;

	store_names_clear(&names->listed);
	free(take_ptr(names->last));
	names->last_len = 0;
	names->of_root = true;
	request(names);
}

void store_etcd_names_free(struct store_etcd_names *names)
{
	if (!names)
		return;
	store_etcd_call_cancel(names->call);
	store_etcd_auth_free(names->client.auth);
	loop_event_free(names->timer);
	store_names_free(&names->listed);
	store_names_free(&names->reported);
	free(names->last);
	free(names->root);
	free(names->networks);
	free(names);
}

int store_etcd_names_new(struct loop *loop, struct http *http,
			 const struct store_etcd_options *options,
			 const struct store_names_listener *listener, void *ctx,
			 struct store_etcd_names **names_out, struct err *err)
{
	struct store_etcd_names *names = calloc(1, sizeof(*names));

	if (!names)
		return err_nomem(err, "the names of the networks");
	names->listener = listener;
	names->ctx = ctx;
	names->endpoints = options->endpoints;
	names->retry = (struct retry){ .first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS };
	names->client.http = http;
	names->client.auth = store_etcd_auth_new(loop, http, options->username, options->password,
						 options->password_file);
	names->timer = loop_timer(loop, on_timer, names);
	if (asprintf(&names->root, "%s/" CONFIG_KEY, options->prefix) < 0)
		names->root = NULL;
	if (asprintf(&names->networks, "%s/networks/", options->prefix) < 0)
		names->networks = NULL;
	if (!names->client.auth || !names->timer || !names->root || !names->networks) {
		store_etcd_names_free(names);
		return err_nomem(err, "the names of the networks");
	}
	loop_timer_start(names->timer, 0);
	*names_out = names;
	return 0;
}
