/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file store's file, parsed: a network's configuration and leases, in the terms of
 * etcd's keys and values (weft-config(5)). Used by store_file.c. Pure.
 *
 *   {
 *     "config": {"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","VNI":1}},
 *     "subnets": {
 *       "10.5.1.0-24": {"PublicIP":"192.168.0.1","BackendType":"vxlan", ...},
 *       ...
 *     },
 *     "networks": {"NAME": {"config":{...},"subnets":{...}}}
 *   }
 *
 * The first two are of the network "default". All members may be absent; another one is a
 * fault, for a key that is misspelt must not mean that nobody is there. A file has no revisions:
 * they are counted here, by what differs from one reading to the next.
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
	char *value; /* compact, so that layout makes no difference */
	uint64_t mod_revision;
};
VEC_DEFINE(store_file_doc_entries, struct store_file_doc_entry);

struct store_file_doc {
	uint64_t revision;
	char *config;                          /* compact; NULL: there is none */
	struct store_file_doc_entries entries; /* sorted by key */
};

/*
 * Parses text; path is its name in errors. ERR_DECODE with line and column where it is no
 * JSON, with the member where it is not of that form.
 */
int store_file_doc_parse(const char *text, size_t size, const char *path, const char *network,
			 struct store_file_doc *doc_out, struct err *err);
void store_file_doc_free(struct store_file_doc *doc);

/*
 * Gives now its revisions: what is as it was before keeps its own; all else gets the next
 * one. Whether anything differs.
 */
bool store_file_doc_number(struct store_file_doc *now, const struct store_file_doc *before);

/* The entry with that key, or NULL. */
const struct store_file_doc_entry *store_file_doc_find(const struct store_file_doc *doc,
						       const char *key);

/* Tells all of it as a list (store.h). */
void store_file_doc_list(const struct store_file_doc *doc, const struct store_listener *listener,
			 void *ctx);
/* Tells what now, which is numbered, has else than before. */
void store_file_doc_changes(const struct store_file_doc *before, const struct store_file_doc *now,
			    const struct store_listener *listener, void *ctx);
