/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_list.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/json/json.h"
#include "common/log.h"
#include "daemon/store/kube/kube_client.h"
#include "daemon/store/kube/kube_items.h"
#include "daemon/store/kube/kube_node.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_LEN 500
#define NODES_MAX 100000u
#define CONTINUE_MAX 4096

struct kube_list {
	struct kube_list_job job;
	struct http_call *call;
	struct kube_items items;
	char revision[KUBE_LIST_REVISION_SIZE]; /* of the last page */
	size_t len;
	struct err err; /* of a piece: ends the list */
};

void kube_list_free(struct kube_list *list)
{
	if (!list)
		return;
	http_cancel(list->call);
	kube_items_free(&list->items);
	free(list);
}

static void end(struct kube_list *list, uint32_t retry_after_s, const struct err *why)
{
	struct kube_list_job job = list->job;
	char revision[KUBE_LIST_REVISION_SIZE];
	struct err err = why ? *why : ERR_INIT; /* why may be a member of the list */

	memcpy(revision, list->revision, sizeof(revision));
	kube_list_free(list);
	job.done(job.ctx, revision, retry_after_s, why ? &err : NULL);
}

/* ---- Items ------------------------------------------------------------------------------- */

/* A Node that cannot be parsed is skipped: it must not take the others away. */
static bool on_item(void *ctx, const char *text, size_t size)
{
	struct kube_list *list = ctx;
	AUTO(kube_node) struct kube_node node = { .revision = 0 };
	struct err err = ERR_INIT;

	if (++list->len > NODES_MAX) {
		err_set(&list->err, ERR_STORE, "%s: more than %u nodes", list->job.server,
			NODES_MAX);
		return false;
	}
	if (kube_node_parse(text, size, list->job.names, &node, &err) == 0)
		list->job.node(list->job.ctx, &node);
	else if (err.code == ERR_NOMEM)
		list->err = err;
	else
		log_warn("Node ignored", "error", err.text);
	return list->err.code == ERR_NONE;
}

static bool on_data(void *ctx, const char *data, size_t size)
{
	struct kube_list *list = ctx;

	return kube_items_add(&list->items, data, size, &list->err) > 0;
}

/* ---- Pages ------------------------------------------------------------------------------- */

/* The token is opaque. */
static void escape(const char *text, char *buf, size_t size)
{
	size_t len = 0;

	for (; *text && len + 4 < size; text++) {
		if (isalnum((unsigned char)*text) || strchr("-._~", *text))
			buf[len++] = *text;
		else
			len += (size_t)snprintf(buf + len, size - len, "%%%02X",
						(unsigned char)*text);
	}
	buf[len] = '\0';
}

static void on_done(void *ctx, unsigned status, const char *body, size_t size,
		    const struct err *failed);

/* more: the token of the next page; "": the first page. */
static int request_page(struct kube_list *list, const char *more, struct err *err)
{
	struct http_request request = {
		.method = "GET",
		.timeout_ms = KUBE_CLIENT_LONG_MS,
		.max_size = KUBE_CLIENT_ERROR_MAX,
		.ctx = list,
		.data = on_data,
		.done = on_done,
	};
	char path[3 * CONTINUE_MAX + 128], token[3 * CONTINUE_MAX + 8];

	escape(more, token, sizeof(token));
	snprintf(path, sizeof(path), "/api/v1/nodes?limit=%d%s%s", PAGE_LEN,
		 *more            ? "&continue=" :
		 list->job.latest ? "" :
				    "&resourceVersion=0",
		 token);
	kube_items_free(&list->items);
	list->items = (struct kube_items){ .max = KUBE_NODE_MAX, .item = on_item, .ctx = list };
	list->call = kube_client_send(
		list->job.client, list->job.server, path,
		list->job.whole ? KUBE_CLIENT_WHOLE : KUBE_CLIENT_METADATA_LIST, &request, err);
	return list->call ? 0 : -1;
}

static int read_metadata(struct kube_list *list, char more[static CONTINUE_MAX], struct err *err)
{
	AUTO(json) struct json *json = NULL;
	const char *revision;
	struct jr root;

	if (kube_items_end(&list->items, err) < 0 ||
	    json_parse(list->items.metadata, strlen(list->items.metadata), KUBE_NODE_MAX,
		       JSON_LAST_DUPLICATE, "list", &json, err) < 0)
		return -1;
	root = jr_root(json);
	revision = jr_str(&root, "resourceVersion", KUBE_LIST_REVISION_SIZE - 1);
	snprintf(more, CONTINUE_MAX, "%s", jr_str_opt(&root, "continue", CONTINUE_MAX - 1, ""));
	for (const char *c = revision; *c; c++)
		if (!isdigit((unsigned char)*c))
			jr_fault(&root, "resourceVersion", "is not a number");
	snprintf(list->revision, sizeof(list->revision), "%s", revision);
	return jr_done(json, ERR_STORE, err);
}

static void on_done(void *ctx, unsigned status, const char *body, size_t size,
		    const struct err *failed)
{
	struct kube_list *list = ctx;
	char more[CONTINUE_MAX] = "";
	struct err err = ERR_INIT;
	uint32_t retry_after_s = failed ? 0 : http_retry_after_s(list->call);

	list->call = NULL;
	if (list->err.code != ERR_NONE) {
		err_wrap(&list->err, "%s", list->job.server);
		list->err.code = ERR_STORE;
		end(list, 0, &list->err);
		return;
	}
	if (kube_client_check(list->job.server, "list nodes", status, body, size, failed, &err) <
	    0) {
		end(list, retry_after_s, &err);
		return;
	}
	if (read_metadata(list, more, &err) < 0) {
		err_wrap(&err, "%s", list->job.server);
		err.code = ERR_STORE;
		end(list, 0, &err);
		return;
	}
	if (!*more)
		end(list, 0, NULL);
	else if (request_page(list, more, &err) < 0)
		end(list, 0, &err);
}

struct kube_list *kube_list_start(const struct kube_list_job *job, struct err *err)
{
	struct kube_list *list = calloc(1, sizeof(*list));

	if (!list) {
		err_nomem(err, "a list of the store");
		return NULL;
	}
	list->job = *job;
	if (request_page(list, "", err) < 0) {
		kube_list_free(list);
		return NULL;
	}
	return list;
}
