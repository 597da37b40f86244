/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/etcd/store_etcd_list.h"

#include "common/err.h"
#include "daemon/store/etcd/store_etcd_call.h"
#include "daemon/store/etcd/store_etcd_report.h"
#include "daemon/store/etcd/store_etcd_wire.h"
#include "daemon/store/store.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_LEN 250u
#define PAGES 10u      /* of a long list: for each page etcd walks over all remaining keys */
#define PAGE_MAX 2500u /* about 1 MB */
#define PAGE_SHRINK 4u /* divisor after a page that was too large */
#define ENTRIES_MAX 100000u

/*
 * M_TRIM_THRESHOLD during a list: every page needs the heap of the page before, and returning it to
 * the kernel and faulting it in again takes longer than parsing the page.
 */
#define TRIM_THRESHOLD_LIST (4 << 20)
#define TRIM_THRESHOLD (128 << 10) /* mallopt(3)'s default */

struct store_etcd_list {
	struct store_etcd_list_job job;
	struct store_point header; /* of the first response */
	struct store_etcd_call *call;
	char *last_key; /* NULL: no page yet */
	size_t last_key_size;
	size_t len;
	uint32_t page_len;
	bool begun; /* list_begin was reported */
};

void store_etcd_list_free(struct store_etcd_list *list)
{
	if (!list)
		return;
	store_etcd_call_cancel(list->call);
	mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD);
	if (list->last_key)
		malloc_trim(0);
	free(list->last_key);
	free(list);
}

static void end(struct store_etcd_list *list, const struct err *err)
{
	struct store_etcd_list_job job = list->job;
	struct store_point header = list->header;
	bool begun = list->begun;

	store_etcd_list_free(list);
	if (begun && err)
		job.report->listener->list_failed(job.report->listener_ctx);
	else if (begun)
		job.report->listener->list_end(job.report->listener_ctx);
	job.done(job.ctx, &header, err);
}

typedef void response_fn(void *ctx, unsigned status, const char *body, size_t size,
			 const struct err *failed);

static int request(struct store_etcd_list *list, char *body, uint64_t timeout_ms, response_fn *done,
		   struct err *err)
{
	struct http_request post = {
		.timeout_ms = timeout_ms,
		.max_size = STORE_ETCD_CALL_LARGE,
		.ctx = list,
		.done = done,
	};

	list->call = store_etcd_call(list->job.client, list->job.endpoint, "/v3/kv/range", body,
				     &post, err);
	return list->call ? 0 : -1;
}

static int read_response(struct store_etcd_list *list, unsigned status, const char *body,
			 size_t size, const struct err *failed,
			 struct store_etcd_wire_range *range_out, struct err *err)
{
	const char *endpoint = list->job.endpoint;

	list->call = NULL;
	if (store_etcd_call_check(endpoint, status, body, size, failed, err) < 0)
		return -1;
	if (store_etcd_wire_read_range(body, size, range_out, err) < 0)
		return err_wrap(err, "%s", endpoint);
	return 0;
}

/* ---- Pages --------------------------------------------------------------- */

static bool follows(const struct store_etcd_wire_kv *kv, const char *before, size_t before_size)
{
	size_t shorter = kv->key_size < before_size ? kv->key_size : before_size;
	int order = before ? memcmp(kv->key, before, shorter) : 1;

	return order > 0 || (order == 0 && kv->key_size > before_size);
}

static int check_page(struct store_etcd_list *list, const struct store_etcd_wire_range *page,
		      struct err *err)
{
	const char *before = list->last_key;
	size_t before_size = list->last_key_size;

	for (size_t i = 0; i < page->kvs.len; i++) {
		const struct store_etcd_wire_kv *kv = &page->kvs.at[i];

		if (!follows(kv, before, before_size))
			return err_set(err, ERR_STORE, "%s: the list is not sorted by key",
				       list->job.endpoint);
		before = kv->key;
		before_size = kv->key_size;
	}
	list->len += page->kvs.len;
	if (list->len > ENTRIES_MAX)
		return err_set(err, ERR_STORE, "%s: more than %u keys below %s", list->job.endpoint,
			       ENTRIES_MAX, list->job.prefix);
	if (page->more && !page->kvs.len)
		return err_set(err, ERR_STORE, "%s: an empty page that is not the last one",
			       list->job.endpoint);
	return 0;
}

static int remember_last(struct store_etcd_list *list, const struct store_etcd_wire_range *page,
			 struct err *err)
{
	const struct store_etcd_wire_kv *last = &page->kvs.at[page->kvs.len - 1];
	char *key = malloc(last->key_size + 1);

	if (!key)
		return err_nomem(err, "a list of the store");
	memcpy(key, last->key, last->key_size);
	free(list->last_key);
	list->last_key = key;
	list->last_key_size = last->key_size;
	return 0;
}

static response_fn on_page;

static int request_page(struct store_etcd_list *list, struct err *err)
{
	char *body = store_etcd_wire_page(list->job.prefix, list->last_key, list->last_key_size,
					  list->header.revision, list->page_len);

	return request(list, body, STORE_ETCD_CALL_LONG_MS, on_page, err);
}

static bool shrink_page(struct store_etcd_list *list)
{
	if (list->page_len == 1)
		return false;
	list->page_len = (list->page_len + PAGE_SHRINK - 1) / PAGE_SHRINK;
	return true;
}

/* The first page contains the number of all keys. */
static void grow_page(struct store_etcd_list *list, const struct store_etcd_wire_range *page)
{
	uint64_t len = page->count / PAGES;

	if (!list->last_key && len > list->page_len)
		list->page_len = len < PAGE_MAX ? (uint32_t)len : PAGE_MAX;
}

static void on_page(void *ctx, unsigned status, const char *body, size_t size,
		    const struct err *failed)
{
	struct store_etcd_list *list = ctx;
	struct store_etcd_wire_range page;
	struct err err = ERR_INIT;
	bool more;
	int rc;

	if (read_response(list, status, body, size, failed, &page, &err) < 0) {
		if (err.sys_errno != EMSGSIZE || !shrink_page(list) || request_page(list, &err) < 0)
			end(list, &err);
		return;
	}
	/* Before the keys are reported, so that etcd prepares the next page meanwhile. */
	rc = check_page(list, &page, &err);
	grow_page(list, &page);
	if (rc == 0 && page.more)
		rc = remember_last(list, &page, &err) < 0 ? -1 : request_page(list, &err);
	for (size_t i = 0; rc == 0 && i < page.kvs.len; i++)
		store_etcd_report(list->job.report, &page.kvs.at[i]);
	more = page.more;
	store_etcd_wire_range_free(&page);
	if (rc < 0 || !more)
		end(list, rc < 0 ? &err : NULL);
}

/* ---- The configuration --------------------------------------------------- */

/*
 * Responses to a list are linearizable: a member that lags waits, and one without a quorum fails.
 * So an older position, or another cluster, does not come from a delay: the store was restored.
 */
static void check_restored(const struct store_etcd_list *list)
{
	const struct store_point *from = &list->job.from, *now = &list->header;
	const struct store_etcd_report *report = list->job.report;
	char why[160];

	if (!store_etcd_wire_is_restored(from, now))
		return;
	if (from->cluster != now->cluster)
		snprintf(why, sizeof(why), "cluster %jx instead of %jx", (uintmax_t)now->cluster,
			 (uintmax_t)from->cluster);
	else
		snprintf(why, sizeof(why),
			 "revision %ju in term %ju after revision %ju in term %ju",
			 (uintmax_t)now->revision, (uintmax_t)now->term, (uintmax_t)from->revision,
			 (uintmax_t)from->term);
	report->listener->restored(report->listener_ctx, why);
}

static void on_config(void *ctx, unsigned status, const char *body, size_t size,
		      const struct err *failed)
{
	struct store_etcd_list *list = ctx;
	struct store_etcd_report *report = list->job.report;
	struct store_etcd_wire_range range;
	struct err err = ERR_INIT;

	if (read_response(list, status, body, size, failed, &range, &err) < 0) {
		end(list, &err);
		return;
	}
	list->header = range.header;
	list->begun = true;
	report->listener->list_begin(report->listener_ctx);
	if (list->job.from.cluster)
		check_restored(list);
	store_etcd_report_config(report, range.kvs.len ? &range.kvs.at[0] : NULL);
	store_etcd_wire_range_free(&range);
	if (request_page(list, &err) < 0)
		end(list, &err);
}

struct store_etcd_list *store_etcd_list_start(const struct store_etcd_list_job *job,
					      struct err *err)
{
	struct store_etcd_list *list = calloc(1, sizeof(*list));

	if (!list) {
		err_nomem(err, "a list of the store");
		return NULL;
	}
	mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD_LIST);
	list->job = *job;
	list->page_len = PAGE_LEN;
	/* A single key with a short timeout detects an endpoint that is down. */
	if (request(list, store_etcd_wire_get(job->config_key), STORE_ETCD_CALL_SHORT_MS, on_config,
		    err) < 0) {
		store_etcd_list_free(list);
		return NULL;
	}
	return list;
}
