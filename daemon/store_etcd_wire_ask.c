/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of requests. */
#include "common/auto.h"
#include "common/err.h"
#include "common/json.h"
#include "store_etcd_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *text_of(struct jb *jb)
{
	struct err err = ERR_INIT;
	char *text = NULL;

	return jb_text(jb, &text, &err) < 0 ? NULL : text;
}

/*
 * The range of all keys that begin with prefix: its end is the first key behind them.
 * Of these the ones that follow the key after; its successor has a zero byte more.
 */
static bool add_range(struct jb_at at, const char *prefix, const char *after, size_t after_size)
{
	size_t size = strlen(prefix);
	AUTO_FREE char *end = strdup(prefix);
	AUTO_FREE char *next = after ? calloc(1, after_size + 1) : NULL;

	if (!end || (after && !next))
		return false;
	end[size - 1]++;
	if (after)
		jb_base64(at, "key", memcpy(next, after, after_size), after_size + 1);
	else
		jb_base64(at, "key", prefix, size);
	jb_base64(at, "range_end", end, size);
	return true;
}

char *store_etcd_wire_get(const char *key)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root;

	if (!jb)
		return NULL;
	root = jb_root(jb);
	jb_base64(root, "key", key, strlen(key));
	return text_of(jb);
}

char *store_etcd_wire_page(const char *prefix, const char *after, size_t after_size,
			   uint64_t revision, uint32_t limit)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root;

	if (!jb)
		return NULL;
	root = jb_root(jb);
	if (!add_range(root, prefix, after, after_size))
		return NULL;
	jb_u64_text(root, "revision", revision);
	/* Sorted by key they come anyway; asked for a sort_order, etcd reads all for each page. */
	jb_u64_text(root, "limit", limit);
	return text_of(jb);
}

#define WATCH_OF_KEY 1 /* told as a string, or as a number */

/* Of all keys that begin with it, or of the one key. */
static char *one_watch(const char *key, bool is_prefix, uint64_t start_revision)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at create;

	if (!jb)
		return NULL;
	create = jb_obj(jb_root(jb), "create_request");
	if (is_prefix && !add_range(create, key, NULL, 0))
		return NULL;
	if (!is_prefix) {
		jb_base64(create, "key", key, strlen(key));
		jb_u64_text(create, "watch_id", WATCH_OF_KEY);
	}
	jb_u64_text(create, "start_revision", start_revision);
	jb_bool(create, "progress_notify", true);
	jb_bool(create, "fragment", true);
	return text_of(jb);
}

/* The gateway reads one request after the other out of the body. */
char *store_etcd_wire_watch(const char *prefix, const char *key, uint64_t start_revision)
{
	AUTO_FREE char *of_prefix = one_watch(prefix, true, start_revision);
	AUTO_FREE char *of_key = one_watch(key, false, start_revision);
	char *both;

	if (!of_prefix || !of_key || asprintf(&both, "%s\n%s", of_prefix, of_key) < 0)
		return NULL;
	return both;
}

static char *one_number(const char *key, uint64_t number)
{
	AUTO(jb) struct jb *jb = jb_new();

	if (!jb)
		return NULL;
	jb_u64_text(jb_root(jb), key, number);
	return text_of(jb);
}

char *store_etcd_wire_grant(uint64_t ttl_s)
{
	return one_number("TTL", ttl_s);
}

char *store_etcd_wire_lease(uint64_t lease)
{
	return one_number("ID", lease);
}

char *store_etcd_wire_authenticate(const char *name, const char *password)
{
	AUTO(jb) struct jb *jb = jb_new();

	if (!jb)
		return NULL;
	jb_str(jb_root(jb), "name", name);
	jb_str(jb_root(jb), "password", password);
	return text_of(jb);
}
