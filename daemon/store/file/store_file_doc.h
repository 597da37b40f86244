/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file store's document: a network's configuration and leases, with etcd's keys and values
 * (weft-config(5)). Used by store_file.c. Pure.
 *
 *   {
 *     "config": {"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","VNI":1}},
 *     "subnets": {
 *       "10.5.1.0-24": {"PublicIP":"192.168.0.1","BackendType":"vxlan", ...},
 *       ...
 *     },
 *     "endpoints": {"172.18.1.7": {"MAC":"0a:58:ac:12:01:07","Node":"<uuid>"}},
 *     "networks": {"NAME": {"config":{...},"subnets":{...},"endpoints":{...}}}
 *   }
 *
 * The first three members belong to the network "default". All members are optional. Another member
 * is an error, because a misspelt one must not mean an empty set. A file has no revisions: they are
 * counted here, from the differences between one reading and the next.
 */
#pragma once

#include "common/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct store_listener;

#define STORE_FILE_DOC_MAX (16 << 20) /* bytes: some 40,000 leases */

struct store_file_doc_entry {
	char *key;
	char *value; /* compact JSON, independent of layout */
	uint64_t mod_revision;
};
VEC_DEFINE(store_file_doc_entries, struct store_file_doc_entry);

struct store_file_doc {
	uint64_t revision;
	char *config;                          /* compact JSON; NULL: none */
	struct store_file_doc_entries entries; /* sorted by key */
};

/* The keys that a document is read for. Borrowed. */
struct store_file_part {
	const char *network; /* "default", or one of "networks" */
	bool l2_endpoints;   /* those of "endpoints", else of "subnets" */
};

/*
 * Parses text; path is its name in errors. Returns 0, or -1 with ERR_DECODE: with line and column
 * if it is not JSON, with the member if it has another form.
 */
int store_file_doc_parse(const char *text, size_t size, const char *path,
			 const struct store_file_part *part, struct store_file_doc *doc_out,
			 struct err *err);
struct store_names;

/*
 * Fills names_out with the names of the networks that have a configuration, sorted. Returns 0, or
 * -1: ERR_DECODE as store_file_doc_parse, ERR_NOMEM; names_out is the caller's in either case.
 */
int store_file_doc_names(const char *text, size_t size, const char *path,
			 struct store_names *names_out, struct err *err);
void store_file_doc_free(struct store_file_doc *doc);

/*
 * Assigns revisions to now: unchanged entries keep their revisions from before, all others get the
 * next revision. Returns whether anything differs.
 */
bool store_file_doc_number(struct store_file_doc *now, const struct store_file_doc *before);

/* Returns the entry with that key, or NULL. */
const struct store_file_doc_entry *store_file_doc_find(const struct store_file_doc *doc,
						       const char *key);

/* A change of one key. */
struct store_file_change {
	const char *path;
	struct store_file_part part;
	const char *key;
	const char *value;    /* JSON; NULL: the key is removed */
	uint64_t if_revision; /* of the key, as in store.h */
	const char *instead_of;
	uint64_t instead_revision;
};

/*
 * Makes the change in text, which store_file_doc_parse accepts, whatever its conditions. The result
 * is indented (json_print), malloc'ed, NUL-terminated, the caller's. All other members stay, in
 * their order. Returns 0, or -1: ERR_STORE if the document has no such network, ERR_NOMEM.
 */
int store_file_doc_edit(const char *text, size_t size, const struct store_file_change *change,
			char **text_out, struct err *err);

/* Reports the document as a list (store.h). */
void store_file_doc_list(const struct store_file_doc *doc, const struct store_listener *listener,
			 void *ctx);
/* Reports the differences between before and now; both have revisions. */
void store_file_doc_changes(const struct store_file_doc *before, const struct store_file_doc *now,
			    const struct store_listener *listener, void *ctx);
