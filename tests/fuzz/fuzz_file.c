/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file store's document, as edited by users and other nodes, with one lease put or removed.
 * First byte: the network and the change; first line after it: the lease's key.
 */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "daemon/store/file/store_file_doc.h"
#include "daemon/store/store.h"

#define VALUE "{\"PublicIP\":\"192.168.0.1\"}"

enum { BLUE = 1, REMOVE = 2, ENDPOINTS = 4 };

static void on_begin(void *ctx)
{
	(void)ctx;
}

static void on_config(void *ctx, const char *text, size_t size)
{
	(void)ctx;
	require(text ? strlen(text) == size : !size);
}

/* Every text that is printed is free of control characters. */
static void on_entry(void *ctx, const struct store_entry *entry)
{
	size_t *count = ctx;

	++*count;
	require(strlen(entry->value) == entry->value_size && entry->mod_revision);
	for (const char *c = entry->key; *c; c++)
		require((unsigned char)*c >= ' ' && *c != 0x7f);
}

static void on_gone(void *ctx, const char *key, uint64_t mod_revision)
{
	size_t *count = ctx;

	++*count;
	require(key && mod_revision);
}

static const struct store_listener listener = { .list_begin = on_begin,
						.list_end = on_begin,
						.config = on_config,
						.entry = on_entry,
						.gone = on_gone };

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* All entries except the edited one are unchanged. */
static void require_rest(const struct store_file_doc *before, const struct store_file_doc *after,
			 const char *key)
{
	size_t rest = 0;

	require(same(before->config, after->config));
	for (size_t i = 0; i < before->entries.len; i++) {
		const struct store_file_doc_entry *was = &before->entries.at[i], *is;

		if (!strcmp(was->key, key))
			continue;
		is = store_file_doc_find(after, was->key);
		require(is && !strcmp(is->value, was->value));
		rest++;
	}
	require(after->entries.len == rest + (store_file_doc_find(after, key) != NULL));
}

/* Exactly the differences are reported. */
static void require_reported(struct store_file_doc *before, struct store_file_doc *after)
{
	const struct store_file_doc none = { .revision = 0 };
	size_t listed = 0, changed = 0;
	bool differs;

	store_file_doc_number(before, &none);
	store_file_doc_list(before, &listener, &listed);
	require(listed == before->entries.len);
	differs = store_file_doc_number(after, before);
	store_file_doc_changes(before, after, &listener, &changed);
	require(changed == differs);
}

static void edit(const char *text, size_t size, const struct store_file_part *part, const char *key,
		 const char *value, struct store_file_doc *before)
{
	const struct store_file_change change = {
		.path = "file", .part = *part, .key = key, .value = value
	};
	const struct store_file_doc_entry *there;
	struct store_file_doc after;
	struct err err = ERR_INIT;
	char *made = NULL;

	if (store_file_doc_edit(text, size, &change, &made, &err) < 0) {
		require(err.code == ERR_STORE && !made && !before->entries.len);
		return;
	}
	/* The indented document can exceed the limit. */
	if (strlen(made) > STORE_FILE_DOC_MAX) {
		free(made);
		return;
	}
	require(store_file_doc_parse(made, strlen(made), "made", part, &after, &err) == 0);
	there = store_file_doc_find(&after, key);
	require(value ? there && !strcmp(there->value, value) : !there);
	require_rest(before, &after, key);
	require_reported(before, &after);
	store_file_doc_free(&after);
	free(made);
}

/* Whether key has only characters that keys may have: other keys are not put. */
static bool is_key(const char *key)
{
	size_t len = strlen(key);

	return len && len < STORE_KEY_SIZE && strspn(key, "0123456789abcdef.:-&") == len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t how = fuzz_byte(&data, &size);
	char *key = fuzz_line(&data, &size), *text = fuzz_text(data, size);
	const struct store_file_part part = { how & BLUE ? "blue" : "default", how & ENDPOINTS };
	struct store_file_doc before;
	struct err err = ERR_INIT;

	if (store_file_doc_parse(text, size, "file", &part, &before, &err) < 0) {
		require(err.code == ERR_DECODE && *err.text);
	} else {
		if (is_key(key))
			edit(text, size, &part, key, how & REMOVE ? NULL : VALUE, &before);
		store_file_doc_free(&before);
	}
	free(key);
	free(text);
	return 0;
}
