/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/file/store_file_doc.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/json/json.h"
#include "daemon/store/store.h"
#include "daemon/store/store_names.h"
#include "ipam/config_document.h"

#include <stdio.h>
#include <string.h>

#define KEY_MAX 100 /* longer than any valid key */

/* ---- Parsing --------------------------------------------------------------------------- */

static const char *member_name(const struct store_file_part *part)
{
	return part->l2_endpoints ? "endpoints" : "subnets";
}

/* null is kept as a value, which is not a lease: the key exists. */
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

static int read_network(const struct jr *at, const char *name, struct store_file_doc *doc,
			struct err *err)
{
	struct jr config = jr_obj_opt(at, "config"), entries = jr_obj_opt(at, name), member;

	if (!jr_is_absent(&config)) {
		doc->config = jr_text(&config, NULL);
		if (!doc->config)
			return err_nomem(err, "the configuration");
	}
	for (size_t i = 0; jr_each(&entries, &i, &member);)
		if (!read_entry(&member, doc))
			return err_nomem(err, "the store's keys");
	vec_sort(doc->entries.at, doc->entries.len, sizeof(*doc->entries.at), by_key);
	return 0;
}

int store_file_doc_parse(const char *text, size_t size, const char *path,
			 const struct store_file_part *part, struct store_file_doc *doc_out,
			 struct err *err)
{
	struct store_file_doc doc = { .revision = 0 };
	AUTO(json) struct json *json = NULL;
	struct jr document, root, networks, named;
	int rc;

	if (json_parse(text, size, STORE_FILE_DOC_MAX, JSON_STRICT, path, &json, err) < 0)
		return -1;
	document = jr_root(json);
	config_document_check(&document);
	root = jr_obj(&document, NULL);
	networks = jr_obj_opt(&root, "networks");
	named = jr_obj_opt(&networks, part->network);
	config_document_check_network(&document, &named);
	rc = read_network(strcmp(part->network, "default") ? &named : &root, member_name(part),
			  &doc, err);
	if (rc == 0)
		rc = jr_done(json, ERR_DECODE, err);
	if (rc < 0) {
		store_file_doc_free(&doc);
		return -1;
	}
	*doc_out = doc;
	return 0;
}

int store_file_doc_names(const char *text, size_t size, const char *path,
			 struct store_names *names_out, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct jr document, root, networks, member;
	bool good = true;

	if (json_parse(text, size, STORE_FILE_DOC_MAX, JSON_STRICT, path, &json, err) < 0)
		return -1;
	document = jr_root(json);
	config_document_check(&document);
	root = jr_obj(&document, NULL);
	networks = jr_obj_opt(&root, "networks");
	if (jr_has(&root, "config"))
		good = store_names_add(names_out, "default", strlen("default"));
	for (size_t i = 0; jr_each(&networks, &i, &member);)
		if (strcmp(member.key, "default") != 0 && jr_has(&member, "config"))
			good &= store_names_add(names_out, member.key, strlen(member.key));
	if (jr_done(json, ERR_DECODE, err) < 0)
		return -1;
	store_names_sort(names_out);
	return good ? 0 : err_nomem(err, "the names of the networks");
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

/* ---- Changing -------------------------------------------------------------------------- */

int store_file_doc_edit(const char *text, size_t size, const struct store_file_change *change,
			char **text_out, struct err *err)
{
	const char *path[] = { "networks", change->part.network, member_name(&change->part),
			       change->key, NULL };
	/* The default network's members are the document's own. */
	const char **from = strcmp(change->part.network, "default") ? path : path + 2;
	AUTO(json) struct json *json = NULL;
	struct jr network, networks;

	if (json_parse(text, size, STORE_FILE_DOC_MAX, JSON_STRICT, change->path, &json, err) < 0)
		return -1;
	network = jr_root(json);
	if (from == path) {
		networks = jr_obj_opt(&network, "networks");
		network = jr_obj_opt(&networks, change->part.network);
	}
	if (!jr_len(&network))
		return err_set(err, ERR_STORE, "the file has no network \"%s\"",
			       change->part.network);
	if (change->instead_of) {
		path[3] = change->instead_of;
		if (json_remove(json, from, err) < 0)
			return -1;
		path[3] = change->key;
	}
	if ((change->value ? json_set(json, from, change->value, err) :
			     json_remove(json, from, err)) < 0)
		return -1;
	return json_print(json, text_out, err);
}

/* ---- Reporting ------------------------------------------------------------------------- */

/*
 * The key in a form that the listener can print: one with other characters than a lease's is
 * truncated and escaped, so that it cannot equal a valid key.
 */
static const char *printable_key(const char *key, char shown[static ERR_SHOW_SIZE])
{
	static const char good[] = "0123456789abcdefABCDEF.:-&";
	size_t len = strlen(key);

	return len && len < KEY_MAX && strspn(key, good) == len ? key : err_show_text(shown, key);
}

static void report_entry(const struct store_file_doc_entry *entry,
			 const struct store_listener *listener, void *ctx)
{
	char shown[ERR_SHOW_SIZE];
	const struct store_entry reported = {
		.key = printable_key(entry->key, shown),
		.value = entry->value,
		.value_size = strlen(entry->value),
		.mod_revision = entry->mod_revision,
	};

	listener->entry(ctx, &reported);
}

static void report_config(const struct store_file_doc *doc, const struct store_listener *listener,
			  void *ctx)
{
	listener->config(ctx, doc->config, doc->config ? strlen(doc->config) : 0);
}

void store_file_doc_list(const struct store_file_doc *doc, const struct store_listener *listener,
			 void *ctx)
{
	listener->list_begin(ctx);
	report_config(doc, listener, ctx);
	for (size_t i = 0; i < doc->entries.len; i++)
		report_entry(&doc->entries.at[i], listener, ctx);
	listener->list_end(ctx);
}

struct changes {
	const struct store_listener *listener;
	void *ctx;
	uint64_t revision;
};

static bool report_change(void *ctx, const void *before, const void *now)
{
	const struct store_file_doc_entry *was = before, *is = now;
	struct changes *changes = ctx;
	char shown[ERR_SHOW_SIZE];

	if (!is)
		changes->listener->gone(changes->ctx, printable_key(was->key, shown),
					changes->revision);
	else if (!was || was->mod_revision != is->mod_revision)
		report_entry(is, changes->listener, changes->ctx);
	return true;
}

void store_file_doc_changes(const struct store_file_doc *before, const struct store_file_doc *now,
			    const struct store_listener *listener, void *ctx)
{
	struct changes changes = { listener, ctx, now->revision };

	if (!same_config(before, now))
		report_config(now, listener, ctx);
	vec_merge(before->entries.at, before->entries.len, now->entries.at, now->entries.len,
		  sizeof(*now->entries.at), by_key, report_change, &changes);
}
