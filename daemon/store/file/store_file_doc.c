/* SPDX-License-Identifier: Apache-2.0 */
#include "store_file_doc.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/json.h"
#include "store.h"

#include <stdio.h>
#include <string.h>

#define KEY_MAX 100 /* longer than any that is good */

/* ---- Parsing --------------------------------------------------------------------------- */

static void refuse_unknown(void *ctx, const char *path)
{
	const struct jr *root = ctx;

	jr_fault(root, NULL,
		 "unknown key \"%s\"; allowed are config, subnets, and networks at the top", path);
}

static void refuse_others(struct jr *root, const struct jr *at, bool top)
{
	static const char *const at_top[] = { "config", "subnets", "networks", NULL };
	static const char *const within[] = { "config", "subnets", NULL };

	if (!jr_is_absent(at))
		jr_unknown(at, top ? at_top : within, refuse_unknown, root);
}

/* Also null has a text: it is a value that is no lease, and not the lack of one. */
static bool read_entry(const struct jr *member, struct store_file_doc *doc)
{
	struct store_file_doc_entry entry = { .key = strdup(member->key),
					      .value = jr_text(member, NULL) };

	if (!entry.value)
		entry.value = strdup("null");
	if (entry.key && entry.value && store_file_doc_entries_push(&doc->entries, &entry))
		return true;
	free(entry.key);
	free(entry.value);
	return false;
}

static int by_key(const void *a, const void *b)
{
	const struct store_file_doc_entry *left = a, *right = b;

	return strcmp(left->key, right->key);
}

static int read_network(const struct jr *at, struct store_file_doc *doc, struct err *err)
{
	struct jr config = jr_obj_opt(at, "config"), subnets = jr_obj_opt(at, "subnets"), member;

	if (!jr_is_absent(&config)) {
		doc->config = jr_text(&config, NULL);
		if (!doc->config)
			return err_nomem(err, "the configuration");
	}
	for (size_t i = 0; jr_each(&subnets, &i, &member);)
		if (!read_entry(&member, doc))
			return err_nomem(err, "the leases");
	vec_sort(doc->entries.at, doc->entries.len, sizeof(*doc->entries.at), by_key);
	return 0;
}

int store_file_doc_parse(const char *text, size_t size, const char *path, const char *network,
			 struct store_file_doc *doc_out, struct err *err)
{
	struct store_file_doc doc = { .revision = 0 };
	AUTO(json) struct json *json = NULL;
	struct jr document, root, networks, named;
	int rc;

	if (json_parse(text, size, STORE_FILE_DOC_MAX, JSON_STRICT, path, &json, err) < 0)
		return -1;
	document = jr_root(json);
	root = jr_obj(&document, NULL);
	refuse_others(&document, &root, true);
	networks = jr_obj_opt(&root, "networks");
	if (jr_has(&networks, "default"))
		jr_fault(&networks, "default", "this network's members stand at the top");
	named = jr_obj_opt(&networks, network);
	refuse_others(&document, &named, false);
	rc = read_network(strcmp(network, "default") ? &named : &root, &doc, err);
	if (rc == 0)
		rc = jr_done(json, ERR_DECODE, err);
	if (rc < 0) {
		store_file_doc_free(&doc);
		return -1;
	}
	*doc_out = doc;
	return 0;
}

void store_file_doc_free(struct store_file_doc *doc)
{
	for (size_t i = 0; i < doc->entries.len; i++) {
		free(doc->entries.at[i].key);
		free(doc->entries.at[i].value);
	}
	store_file_doc_entries_free(&doc->entries);
	free(doc->config);
	doc->config = NULL;
}

/* ---- Revisions ------------------------------------------------------------------------- */

static bool same_config(const struct store_file_doc *a, const struct store_file_doc *b)
{
	if (!a->config || !b->config)
		return a->config == b->config;
	return !strcmp(a->config, b->config);
}

bool store_file_doc_number(struct store_file_doc *now, const struct store_file_doc *before)
{
	bool differs = !same_config(now, before);
	uint64_t next = before->revision + 1;
	size_t old = 0, kept = 0;

	for (size_t i = 0; i < now->entries.len; i++) {
		struct store_file_doc_entry *entry = &now->entries.at[i];
		const struct store_file_doc_entry *was = NULL;

		while (old < before->entries.len && by_key(&before->entries.at[old], entry) < 0)
			old++;
		if (old < before->entries.len && by_key(&before->entries.at[old], entry) == 0)
			was = &before->entries.at[old];
		kept += was != NULL;
		entry->mod_revision = was && !strcmp(was->value, entry->value) ? was->mod_revision :
										 next;
		differs = differs || entry->mod_revision == next;
	}
	differs = differs || kept < before->entries.len;
	now->revision = differs ? next : before->revision;
	return differs;
}

const struct store_file_doc_entry *store_file_doc_find(const struct store_file_doc *doc,
						       const char *key)
{
	size_t low = 0, high = doc->entries.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(doc->entries.at[middle].key, key);

		if (!order)
			return &doc->entries.at[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* ---- Telling --------------------------------------------------------------------------- */

/*
 * The key as the listener may print it. One with other characters than leases have is cut and
 * escaped, and so cannot be taken for a good one.
 */
static const char *show_key(const char *key, char shown[static ERR_SHOW_SIZE])
{
	static const char good[] = "0123456789abcdefABCDEF.:-&";
	size_t len = strlen(key);

	return len && len < KEY_MAX && strspn(key, good) == len ? key : err_show_text(shown, key);
}

static void tell_entry(const struct store_file_doc_entry *entry,
		       const struct store_listener *listener, void *ctx)
{
	char shown[ERR_SHOW_SIZE];
	const struct store_entry told = {
		.key = show_key(entry->key, shown),
		.value = entry->value,
		.value_size = strlen(entry->value),
		.mod_revision = entry->mod_revision,
	};

	listener->entry(ctx, &told);
}

static void tell_config(const struct store_file_doc *doc, const struct store_listener *listener,
			void *ctx)
{
	listener->config(ctx, doc->config, doc->config ? strlen(doc->config) : 0);
}

void store_file_doc_list(const struct store_file_doc *doc, const struct store_listener *listener,
			 void *ctx)
{
	listener->list_begin(ctx);
	tell_config(doc, listener, ctx);
	for (size_t i = 0; i < doc->entries.len; i++)
		tell_entry(&doc->entries.at[i], listener, ctx);
	listener->list_end(ctx);
}

/* One walk over both. */
struct changes {
	const struct store_listener *listener;
	void *ctx;
	uint64_t revision;
};

static bool tell_change(void *ctx, const void *before, const void *now)
{
	const struct store_file_doc_entry *was = before, *is = now;
	struct changes *changes = ctx;
	char shown[ERR_SHOW_SIZE];

	if (!is)
		changes->listener->gone(changes->ctx, show_key(was->key, shown), changes->revision);
	else if (!was || was->mod_revision != is->mod_revision)
		tell_entry(is, changes->listener, changes->ctx);
	return true;
}

void store_file_doc_changes(const struct store_file_doc *before, const struct store_file_doc *now,
			    const struct store_listener *listener, void *ctx)
{
	struct changes changes = { listener, ctx, now->revision };

	if (!same_config(before, now))
		tell_config(now, listener, ctx);
	vec_merge(before->entries.at, before->entries.len, now->entries.at, now->entries.len,
		  sizeof(*now->entries.at), by_key, tell_change, &changes);
}
