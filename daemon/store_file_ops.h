/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing of the file store's file, each in one go: what store_file.c does with
 * the world. Keeps nothing but what it is handed.
 */
#pragma once

#include "store_file_doc.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct err;

/* Which file it was, and as of when. All zero: none. */
struct store_file_stamp {
	uint64_t device, inode, size, modified_ns, changed_ns;
};

/* The stamp of what stands there now. */
struct store_file_stamp store_file_stamp(const char *path);
bool store_file_stamp_equal(const struct store_file_stamp *a, const struct store_file_stamp *b);

/*
 * Reads and parses, and numbers from before on. ERR_STORE where there is no file, ERR_IO where it
 * cannot be read, or changes while it is; else as store_file_doc_parse.
 */
int store_file_read(const char *path, const char *network, const struct store_file_doc *before,
		    struct store_file_doc *doc_out, struct err *err);

/* One key's change. */
struct store_file_change {
	const char *path, *network;
	const char *key;
	const char *value;    /* NULL: it is to go */
	uint64_t if_revision; /* of the key, as in store.h */
	const char *instead_of;
	uint64_t instead_revision;
};

enum store_file_outcome {
	STORE_FILE_FAILED = -1,
	STORE_FILE_DONE,    /* doc_out is what stands there now */
	STORE_FILE_DIFFERS, /* a condition of store.h's does not hold; doc_out as well */
	STORE_FILE_LOCKED   /* somebody else is writing; doc_out is not set */
};

/*
 * Makes the change, if the key is as it was read; what it is now is read anew and numbered from
 * before on. Does not wait for the lock.
 */
enum store_file_outcome store_file_change(const struct store_file_change *change,
					  const struct store_file_doc *before,
					  struct store_file_doc *doc_out, struct err *err);
