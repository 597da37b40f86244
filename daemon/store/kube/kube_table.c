/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_table.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/hash.h"
#include "common/log.h"
#include "daemon/io/loop.h"
#include "daemon/store/kube/kube_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARN_EVERY_MS 10000

static int record_cmp(const void *a, const void *b)
{
	const struct kube_record *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static void record_free(struct kube_record *record)
{
	free(record->name);
}

void kube_table_free(struct kube_table *table)
{
	for (size_t i = 0; i < table->records.len; i++)
		record_free(&table->records.at[i]);
	kube_records_free(&table->records);
	kube_keys_free(&table->keys);
}

/* The Nodes of a list are sorted by name: most are added at the end. */
static struct kube_record *find(struct kube_table *table, const char *name, size_t *place_out)
{
	struct kube_records *records = &table->records;
	struct kube_record key = { .name = (char *)(uintptr_t)name };
	size_t at = vec_place(records->at, records->len, sizeof(key), record_cmp, &key);

	*place_out = at;
	return at < records->len && !record_cmp(&records->at[at], &key) ? &records->at[at] : NULL;
}

static struct kube_record *insert(struct kube_table *table, size_t at, const struct kube_node *node)
{
	struct kube_records *records = &table->records;
	struct kube_record record = { .name = strdup(node->name) };

	snprintf(record.uid, sizeof(record.uid), "%s", node->uid);
	if (!record.name || !kube_records_push(records, &record)) {
		record_free(&record);
		return NULL;
	}
	memmove(&records->at[at + 1], &records->at[at],
		(records->len - 1 - at) * sizeof(*records->at));
	records->at[at] = record;
	return &records->at[at];
}

/* ---- Keys -------------------------------------------------------------------------------- */

static uint64_t hash_key(const char *key)
{
	return *key ? hash_add(HASH_INIT, key, strlen(key)) : 0;
}

static void clear_key(struct kube_table *table, struct kube_record *record)
{
	kube_keys_remove(&table->keys, record->key, record->name);
	record->key[0] = '\0';
}

/* Returns false without memory: the record has no key then. */
static bool set_key(struct kube_table *table, struct kube_record *record, const char *text)
{
	if (!strcmp(record->key, text))
		return true;
	clear_key(table, record);
	if (!kube_keys_add(&table->keys, text, record->name))
		return false;
	snprintf(record->key, sizeof(record->key), "%s", text);
	return true;
}

/* The state of find_owner. */
struct owner_search {
	struct kube_table *table;
	const struct kube_record *but;
	const char *key; /* of is_blocking */
	struct kube_record *found;
	bool waiting; /* of verify_owner */
};

static bool is_owner(void *ctx, const char *name)
{
	struct owner_search *search = ctx;
	size_t place;
	struct kube_record *record = find(search->table, name, &place);

	if (!record || record == search->but || record->retracted ||
	    (search->table->listing && !record->listed))
		return false;
	search->found = record;
	return true;
}

/*
 * Returns a record with a subnet that overlaps one of the key, but this one, or NULL. In a list, it
 * must be listed.
 */
static struct kube_record *find_owner(struct kube_table *table, const struct kube_record *but,
				      const char *text)
{
	struct owner_search search = { .table = table, .but = but };

	kube_keys_find(&table->keys, text, is_owner, &search);
	return search.found;
}

/* A subnet is free or confirmed: Nodes that wait for it are put again. */
static void retry_waiting(struct kube_table *table)
{
	if (!table->waiting)
		return;
	table->waiting = false;
	for (size_t i = 0; i < table->records.len; i++) {
		struct kube_record *record = &table->records.at[i];

		if (record->waiting)
			table->verify(table->verify_ctx, record->name);
		record->waiting = false;
	}
}

static void withdraw(struct kube_table *table, struct kube_record *record, uint64_t revision)
{
	if (record->key[0])
		table->listener->gone(table->listener_ctx, record->key, revision);
	clear_key(table, record);
	record->installed = 0;
}

/*
 * An entry with this key follows, with replaces: instead of the record's entry if that has the same
 * key.
 */
static void replace(struct kube_table *table, struct kube_record *record, const char *key)
{
	const bool same = strcmp(record->key, key) == 0;

	if (same)
		clear_key(table, record);
	else if (table->listing)
		record->retracted = true;
	else
		withdraw(table, record, record->revision);
	/* A list may fail: until its end, what was installed before it is still installed. */
	if (same && !table->listing)
		record->installed = 0;
}

void kube_table_set_own_key(struct kube_table *table, const char *key)
{
	struct kube_record *owner;

	if (!strcmp(table->own_key, key))
		return;
	table->outdated = table->outdated || table->refused;
	snprintf(table->own_key, sizeof(table->own_key), "%s", key);
	while ((owner = find_owner(table, NULL, key))) {
		table->outdated = true;
		replace(table, owner, key);
	}
}

bool kube_table_has(struct kube_table *table, const char *key)
{
	return find_owner(table, NULL, key);
}

/* ---- Records ----------------------------------------------------------------------------- */

static void report_gone(struct kube_table *table, struct kube_record *record, uint64_t revision)
{
	if (!record->key[0] || (table->listing && record->retracted))
		return;
	if (table->listing) {
		clear_key(table, record);
		return;
	}
	table->outdated = table->outdated || table->refused;
	withdraw(table, record, revision);
	retry_waiting(table);
}

static void erase(struct kube_table *table, struct kube_record *record, uint64_t revision)
{
	struct kube_records *records = &table->records;
	size_t at = (size_t)(record - records->at);

	report_gone(table, record, revision);
	record_free(record);
	memmove(record, record + 1, (records->len - 1 - at) * sizeof(*record));
	records->len--;
}

/* ---- Lists ------------------------------------------------------------------------------- */

void kube_table_list_begin(struct kube_table *table)
{
	table->listing = true;
	table->refused = table->outdated = table->waiting = false;
	for (size_t i = 0; i < table->records.len; i++) {
		struct kube_record *record = &table->records.at[i];

		record->listed = record->reported = record->retracted = record->waiting = false;
	}
}

void kube_table_list_end(struct kube_table *table)
{
	struct kube_records *records = &table->records;
	size_t kept = 0;

	for (size_t i = 0; i < records->len; i++) {
		if (records->at[i].listed) {
			records->at[i].installed = hash_key(records->at[i].key);
			records->at[kept++] = records->at[i];
			continue;
		}
		clear_key(table, &records->at[i]);
		record_free(&records->at[i]);
	}
	records->len = kept;
	table->listing = false;
	table->complete = true;
}

void kube_table_report_retracted(struct kube_table *table)
{
	for (size_t i = 0; i < table->records.len; i++) {
		struct kube_record *record = &table->records.at[i];

		if (record->retracted)
			withdraw(table, record, record->revision);
		record->retracted = false;
	}
}

/* ---- Nodes ------------------------------------------------------------------------------- */

/*
 * Another Node may have this name: a Node that is created again can have other subnets. Returns
 * whether they are known now, but were not before.
 */
static bool update_identity(struct kube_record *record, const struct kube_node *node)
{
	bool known;

	record->created = node->created;
	if (strncmp(record->uid, node->uid, sizeof(record->uid) - 1) != 0) {
		snprintf(record->uid, sizeof(record->uid), "%s", node->uid);
		record->cidrs_known = false;
	}
	known = record->cidrs_known;
	if (node->whole) {
		record->cidrs_known = true;
		memcpy(record->cidr, node->cidr, sizeof(record->cidr));
	}
	return record->cidrs_known && !known;
}

static void warn_refused(struct kube_table *table, const struct err *err)
{
	if (!log_limit(&table->warned_ms, &table->held, loop_now_ms(), WARN_EVERY_MS))
		return;
	log_warn("Node refused", "error", err->text, "not_shown", LOG_NUM(table->held));
	table->held = 0;
}

/* Returns the lease's key and value; *value_out NULL: none. false: spec.podCIDRs are missing. */
static bool read_lease(struct kube_table *table, const struct kube_record *record,
		       const struct kube_node *node, char key[static STORE_KEY_SIZE],
		       char **value_out)
{
	struct kube_node whole = *node;
	struct err err = ERR_INIT;
	int found;

	*value_out = NULL;
	if (!kube_node_has_lease(node))
		return true;
	whole.whole = record->cidrs_known;
	memcpy(whole.cidr, record->cidr, sizeof(whole.cidr));
	found = kube_node_key(&whole, key, &err);
	if (found == 0)
		return record->cidrs_known; /* true: it has no subnet yet, and changes then */
	if (found < 0 || kube_node_peer_value(&whole, value_out, &err) < 0)
		warn_refused(table, &err);
	return true;
}

/* A peer that is installed comes first, then the older Node. A Node of unknown age comes last. */
static bool outranks(const struct kube_record *record, const char *key,
		     const struct kube_record *owner)
{
	const bool installed = record->installed == hash_key(key);

	if (installed != (owner->installed == hash_key(owner->key)))
		return installed;
	if (record->created != owner->created)
		return record->created && (!owner->created || record->created < owner->created);
	return strcmp(record->name, owner->name) < 0;
}

/*
 * Whether a record takes its subnets over, if both Nodes are confirmed: within a list, where the
 * Nodes are in the order of their names, from what it outranks.
 */
static bool takes_over(const struct kube_table *table, const struct kube_record *record,
		       const char *key, const struct kube_record *owner)
{
	return table->listing && outranks(record, key, owner);
}

static bool is_blocking(void *ctx, const char *name)
{
	struct owner_search *search = ctx;

	if (!is_owner(search, name))
		return false;
	if (search->found->cidrs_known &&
	    !takes_over(search->table, search->but, search->key, search->found))
		return true;
	search->found = NULL;
	return false;
}

static bool is_retracted(void *ctx, const char *name)
{
	struct owner_search *search = ctx;
	size_t place;
	struct kube_record *record = find(search->table, name, &place);

	search->found = record && record->retracted && !strcmp(record->key, search->key) ? record :
											   NULL;
	return search->found;
}

/*
 * What the list has reported with this key, and is to be gone after its end: the entry that follows
 * replaces it. Returns whether there is such a record.
 */
static bool replace_retracted(struct kube_table *table, const char *key)
{
	struct owner_search search = { .table = table, .key = key };

	kube_keys_find(&table->keys, key, is_retracted, &search);
	if (!search.found)
		return false;
	search.found->retracted = false;
	clear_key(table, search.found);
	return true;
}

/* Accepts nothing: all owners that are not confirmed are verified. */
static bool verify_owner(void *ctx, const char *name)
{
	struct owner_search *search = ctx;

	if (is_owner(search, name) && !search->found->cidrs_known) {
		search->waiting = true;
		search->table->verify(search->table->verify_ctx, name);
	}
	return false;
}

/*
 * Returns whether an owner of the key is not confirmed. It is verified, and then the record is put
 * again.
 */
static bool wait_for_owners(struct kube_table *table, struct kube_record *record, const char *key)
{
	struct owner_search search = { .table = table, .but = record, .key = key };

	kube_keys_find(&table->keys, key, verify_owner, &search);
	record->waiting = search.waiting;
	table->waiting |= search.waiting;
	return search.waiting;
}

static void refuse(struct kube_table *table, const char *name, const char *key, const char *other,
		   const char *other_key)
{
	struct err err = ERR_INIT;

	table->refused = true;
	err_set(&err, ERR_STORE, "node %s: its subnet %s overlaps that of %s: %s", name, key, other,
		other_key);
	warn_refused(table, &err);
}

/* What a Node's key is admitted with. */
struct admission {
	uint64_t revision; /* at least that of a replaced entry */
	bool replaces;     /* another Node's entry has been reported */
	bool verify;       /* not admitted: the Node has to be read whole */
};

/*
 * Whether the Node may have this key. Of two Nodes whose subnets overlap: takes_over decides when
 * spec.podCIDRs, which no kubelet can change, have confirmed the subnets of each.
 */
static bool admit(struct kube_table *table, struct kube_record *record, const char *key,
		  struct admission *admission)
{
	struct owner_search search = { .table = table, .but = record, .key = key };
	const bool own = kube_keys_overlap(key, table->own_key);
	struct kube_record *owner = find_owner(table, record, key);

	admission->verify = (own || owner) && !record->cidrs_known;
	if (admission->verify)
		return false;
	if (own) {
		refuse(table, record->name, key, "this node", table->own_key);
		return false;
	}
	kube_keys_find(&table->keys, key, is_blocking, &search);
	if (search.found) {
		refuse(table, record->name, key, search.found->name, search.found->key);
		return false;
	}
	if (wait_for_owners(table, record, key))
		return false;
	for (; owner; owner = find_owner(table, record, key)) {
		refuse(table, owner->name, owner->key, record->name, key);
		if (owner->revision > admission->revision)
			admission->revision = owner->revision;
		replace(table, owner, key);
		admission->replaces = true;
	}
	admission->replaces |= replace_retracted(table, key);
	return true;
}

/* A revision that has decreased is of a restored cluster. */
static void report_entry(struct kube_table *table, struct kube_record *record, const char *key,
			 const char *value, const struct admission *admission)
{
	struct store_entry entry = {
		.key = key,
		.value = value,
		.value_size = strlen(value),
		.created = record->created,
		.replaces = admission->replaces,
	};
	const uint64_t hash = hash_add(HASH_INIT, value, strlen(value));
	const bool same = record->hash == hash && !strcmp(record->key, key);
	const bool first = table->listing && !table->complete;
	const uint64_t revision = first ? KUBE_FIRST_REVISION : admission->revision;

	if (!table->listing && same)
		return;
	if (strcmp(record->key, key) != 0)
		report_gone(table, record, revision);
	if (!set_key(table, record, key))
		return;
	if (!same || revision < record->revision)
		record->revision = revision;
	record->hash = hash;
	record->reported = table->listing;
	if (!table->listing)
		record->installed = hash_key(key);
	entry.mod_revision = record->revision;
	table->listener->entry(table->listener_ctx, &entry);
}

static uint64_t hash_annotations(const struct kube_node *node)
{
	uint64_t hash = HASH_INIT;

	for (size_t i = 0; i < KUBE_ANNOTATIONS; i++) {
		const char *text = node->annotation[i];

		hash = hash_add(hash, text ? text : "", text ? strlen(text) + 1 : 0);
		hash = hash_add(hash, &i, sizeof(i));
	}
	return hash;
}

/* Whether what was reported is still so: most events are of a kubelet's status. */
static bool is_unchanged(const struct kube_table *table, const struct kube_record *record,
			 const struct kube_node *node, uint64_t annotations)
{
	return !table->listing && record->key[0] && !node->whole &&
	       record->annotations == annotations &&
	       !strncmp(record->uid, node->uid, sizeof(record->uid) - 1);
}

/* The list has the Node already, but has reported it by its annotation. */
static void confirm(struct kube_table *table, struct kube_record *record,
		    const struct kube_node *node)
{
	char key[STORE_KEY_SIZE] = "";
	AUTO(free) char *value = NULL;

	if (record->cidrs_known || !node->whole ||
	    strncmp(record->uid, node->uid, sizeof(record->uid) - 1) != 0)
		return; /* of another Node of this name, the watch has the events */
	update_identity(record, node);
	read_lease(table, record, node, key, &value);
	if (!value || strcmp(key, record->key) != 0)
		record->retracted = true;
	retry_waiting(table);
}

bool kube_table_put(struct kube_table *table, const struct kube_node *node)
{
	size_t place;
	struct kube_record *record = find(table, node->name, &place);
	AUTO(free) char *value = NULL;
	struct admission admission = { .revision = node->revision };
	uint64_t annotations = hash_annotations(node);
	char key[STORE_KEY_SIZE] = "";

	if (record && is_unchanged(table, record, node, annotations)) {
		record->digest = node->digest;
		return true;
	}
	if (record && table->listing && record->reported) {
		confirm(table, record, node); /* a list has each Node once */
		return true;
	}
	if (!record && !kube_node_has_lease(node))
		return true;
	if (!record)
		record = insert(table, place, node);
	if (!record)
		return true;
	if (update_identity(record, node))
		retry_waiting(table);
	record->listed = true;
	record->waiting = false;
	record->digest = 0;
	if (!read_lease(table, record, node, key, &value))
		return false;
	if (!value || !admit(table, record, key, &admission)) {
		/* Without subnet, a Node is read whole at its next change. */
		if (!value && kube_node_has_lease(node) && !node->annotation[KUBE_LEASE])
			record->cidrs_known = false;
		report_gone(table, record, node->revision);
		return !admission.verify;
	}
	report_entry(table, record, key, value, &admission);
	record->annotations = annotations;
	record->digest = node->digest;
	return true;
}

bool kube_table_is_current(struct kube_table *table, const struct kube_digest *digest)
{
	size_t place;
	const struct kube_record *record = find(table, digest->name, &place);

	return record && !table->listing && record->key[0] && record->digest == digest->hash;
}

void kube_table_remove(struct kube_table *table, const struct kube_node *node)
{
	size_t place;
	struct kube_record *record = find(table, node->name, &place);

	if (record)
		erase(table, record, node->revision);
}
