/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brackets and strings are tracked; the syntax within the values that are passed on is checked by
 * their reader.
 */
#include "daemon/store/kube/kube_items.h"

#include "common/err.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 8192

void kube_items_free(struct kube_items *items)
{
	free(items->buf);
	free(items->metadata);
	items->buf = items->metadata = NULL;
	items->len = items->cap = 0;
}

static int keep(struct kube_items *items, const char *data, size_t size, struct err *err)
{
	size_t cap = items->cap ? items->cap : FIRST_SIZE;
	char *grown;

	if (size > items->max - items->len)
		return err_set(err, ERR_DECODE, "an item of the list is larger than %zu bytes",
			       items->max);
	while (cap < items->len + size + 1)
		cap *= 2;
	if (cap > items->cap) {
		grown = realloc(items->buf, cap);
		if (!grown)
			return err_nomem(err, "a list");
		items->buf = grown;
		items->cap = cap;
	}
	memcpy(items->buf + items->len, data, size);
	items->len += size;
	return 0;
}

/* Passes the kept value on. Returns as kube_items_add. */
static int deliver(struct kube_items *items, struct err *err)
{
	bool more = true;

	items->buf[items->len] = '\0';
	if (items->in_items) {
		more = items->item(items->ctx, items->buf, items->len);
	} else {
		free(items->metadata);
		items->metadata = strdup(items->buf);
		if (!items->metadata)
			return err_nomem(err, "a list");
	}
	items->len = 0;
	items->kept_depth = 0;
	return more;
}

static void add_to_key(struct kube_items *items, char c)
{
	if (items->key_len + 1 < sizeof(items->key))
		items->key[items->key_len++] = c;
	items->key[items->key_len] = '\0';
}

static void on_string(struct kube_items *items, char c)
{
	if (items->escaped) {
		items->escaped = false;
	} else if (c == '\\') {
		items->escaped = true;
	} else if (c == '"') {
		items->in_string = false;
		return;
	}
	if (items->depth == 1)
		add_to_key(items, c);
}

static bool is_key(const struct kube_items *items, const char *key)
{
	return items->depth == 1 && !strcmp(items->key, key);
}

static int open_bracket(struct kube_items *items, char c, struct err *err)
{
	if (items->ended || items->depth == KUBE_ITEMS_DEPTH || (!items->depth && c != '{'))
		return err_set(err, ERR_DECODE, "the response is not a list");
	if (is_key(items, "items") && c == '[')
		items->in_items = true;
	else if (!items->kept_depth && c == '{' &&
		 ((items->in_items && items->depth == 2) || is_key(items, "metadata")))
		items->kept_depth = items->depth + 1;
	items->array[items->depth++] = c == '[';
	return 1;
}

static int close_bracket(struct kube_items *items, char c, struct err *err)
{
	if (!items->depth || items->array[items->depth - 1] != (c == ']'))
		return err_set(err, ERR_DECODE, "the response is not a list");
	if (items->kept_depth == items->depth) {
		items->depth--;
		return keep(items, &c, 1, err) < 0 ? -1 : deliver(items, err);
	}
	items->depth--;
	if (items->depth == 1)
		items->in_items = false;
	items->ended = !items->depth;
	return 1;
}

/* Sets *kept_out if c has been kept. */
static int on_bracket(struct kube_items *items, char c, bool *kept_out, struct err *err)
{
	*kept_out = (c == '}' || c == ']') && items->kept_depth &&
		    items->kept_depth == items->depth;
	return c == '{' || c == '[' ? open_bracket(items, c, err) : close_bracket(items, c, err);
}

static int on_char(struct kube_items *items, char c, struct err *err)
{
	bool kept = false;
	int rc = 1;

	if (items->in_string) {
		on_string(items, c);
	} else if (c == '"') {
		items->in_string = true;
		items->key_len = items->depth == 1 ? 0 : items->key_len;
	} else if (c == '{' || c == '}' || c == '[' || c == ']') {
		rc = on_bracket(items, c, &kept, err);
	} else if (!items->depth && !strchr(" \t\r\n", c)) {
		return err_set(err, ERR_DECODE, "the response is not a list");
	}
	if (rc > 0 && items->kept_depth && !kept && keep(items, &c, 1, err) < 0)
		return -1;
	return rc;
}

/* The length of what neither ends the string nor begins an escape: most of a list. */
static size_t plain_len(const struct kube_items *items, const char *data, size_t size)
{
	size_t len = 0;

	if (!items->in_string || items->escaped || items->depth == 1)
		return 0;
	while (len < size && data[len] != '"' && data[len] != '\\')
		len++;
	return len;
}

int kube_items_add(struct kube_items *items, const char *data, size_t size, struct err *err)
{
	const char *end = data + size;
	int rc = 1;

	while (rc > 0 && data < end) {
		size_t plain = plain_len(items, data, (size_t)(end - data));

		if (plain && items->kept_depth && keep(items, data, plain, err) < 0)
			return -1;
		data += plain;
		if (data < end)
			rc = on_char(items, *data++, err);
	}
	return rc;
}

int kube_items_end(const struct kube_items *items, struct err *err)
{
	if (!items->ended)
		return err_set(err, ERR_DECODE, "the list is incomplete");
	if (!items->metadata)
		return err_set(err, ERR_DECODE, "the list has no metadata");
	return 0;
}
