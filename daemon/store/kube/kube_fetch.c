/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_fetch.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "daemon/store/kube/kube_client.h"
#include "daemon/store/kube/kube_list.h"
#include "daemon/store/kube/kube_node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIST_FROM 16 /* Nodes, from which on one list of all is cheaper */

static void clear_names(struct kube_fetch_names *names)
{
	for (size_t i = 0; i < names->len; i++)
		free(names->at[i]);
	kube_fetch_names_free(names);
}

static void clear(struct kube_fetch *fetch)
{
	clear_names(&fetch->queue);
	clear_names(&fetch->wanted);
	free(take_ptr(fetch->current));
}

void kube_fetch_cancel(struct kube_fetch *fetch)
{
	http_cancel(take_ptr(fetch->call));
	kube_list_free(take_ptr(fetch->list));
	clear(fetch);
}

void kube_fetch_free(struct kube_fetch *fetch)
{
	kube_fetch_cancel(fetch);
}

static int name_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

bool kube_fetch_add(struct kube_fetch *fetch, const char *name)
{
	struct kube_fetch_names *queue = &fetch->queue;
	char *copy = strdup(name);
	bool there = copy && vec_find(queue->at, queue->len, sizeof(copy), name_cmp, &copy);

	if (!copy || there || !kube_fetch_names_push(queue, &copy)) {
		free(copy);
		return there;
	}
	vec_insert(queue->at, queue->len - 1, sizeof(copy), name_cmp, &copy, 1);
	return true;
}

bool kube_fetch_is_due(const struct kube_fetch *fetch)
{
	return fetch->queue.len > 0;
}

static void end(struct kube_fetch *fetch, uint32_t retry_after_s, const struct err *err)
{
	clear(fetch);
	fetch->done(fetch->ctx, retry_after_s, err);
}

/* ---- All of them ------------------------------------------------------------------------- */

static void on_listed_node(void *ctx, struct kube_node *node)
{
	struct kube_fetch *fetch = ctx;

	if (vec_find(fetch->wanted.at, fetch->wanted.len, sizeof(node->name), name_cmp,
		     &node->name))
		fetch->node(fetch->ctx, node);
}

/* Nodes may have been added meanwhile. */
static void on_listed(void *ctx, const char *revision, uint32_t retry_after_s,
		      const struct err *err)
{
	struct kube_fetch *fetch = ctx;
	struct err failed = ERR_INIT;

	(void)revision;
	fetch->list = NULL;
	clear_names(&fetch->wanted);
	if (err || !fetch->queue.len)
		end(fetch, retry_after_s, err);
	else if (kube_fetch_start(fetch, fetch->server, &failed) < 0)
		end(fetch, 0, &failed);
}

/* ---- One after the other ----------------------------------------------------------------- */

static int request_next(struct kube_fetch *fetch, struct err *err);

static void on_done(void *ctx, unsigned status, const char *body, size_t size,
		    const struct err *failed)
{
	struct kube_fetch *fetch = ctx;
	AUTO(kube_node) struct kube_node node = { .revision = 0 };
	uint32_t retry_after_s = failed ? 0 : http_retry_after_s(fetch->call);
	struct err err = ERR_INIT;

	fetch->call = NULL;
	if (kube_client_check(fetch->server, "get nodes", status, body, size, failed, &err) < 0) {
		if (err.sys_errno != ENOENT) {
			end(fetch, retry_after_s, &err);
			return;
		}
	} else if (kube_node_parse(body, size, fetch->names, &node, &err) < 0) {
		log_warn("Node ignored", "error", err.text);
	}
	if (node.name)
		fetch->node(fetch->ctx, &node);
	if (!fetch->queue.len)
		end(fetch, 0, NULL);
	else if (request_next(fetch, &err) < 0)
		end(fetch, 0, &err);
}

static int request_next(struct kube_fetch *fetch, struct err *err)
{
	const struct http_request request = {
		.method = "GET",
		.timeout_ms = KUBE_CLIENT_SHORT_MS,
		.max_size = KUBE_NODE_MAX,
		.ctx = fetch,
		.done = on_done,
	};
	char path[KUBE_CLIENT_PATH_SIZE];

	free(fetch->current);
	fetch->current = fetch->queue.at[--fetch->queue.len];
	kube_client_node_path(fetch->current, "", path);
	fetch->call = kube_client_send(fetch->client, fetch->server, path, KUBE_CLIENT_WHOLE,
				       &request, err);
	return fetch->call ? 0 : -1;
}

int kube_fetch_start(struct kube_fetch *fetch, const char *server, struct err *err)
{
	const struct kube_list_job job = {
		.client = fetch->client,
		.server = server,
		.names = fetch->names,
		.whole = true,
		.node = on_listed_node,
		.done = on_listed,
		.ctx = fetch,
	};

	if (fetch->call || fetch->list || !fetch->queue.len)
		return 0;
	fetch->server = server;
	if (fetch->queue.len < LIST_FROM)
		return request_next(fetch, err);
	fetch->list = kube_list_start(&job, err);
	if (!fetch->list)
		return -1;
	fetch->wanted = fetch->queue;
	fetch->queue = (struct kube_fetch_names){ .len = 0 };
	return 0;
}
