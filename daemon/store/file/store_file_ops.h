/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and changes the file store's file. Blocks on the file system, never on the lock. Used by
 * store_file.c. Stateless.
 */
#pragma once

#include "common/fs_stamp.h"
#include "daemon/store/file/store_file_doc.h"

#include <stdbool.h>
#include <stdint.h>

struct err;

/* Returns the stamp of the file at path; all zero where there is none. */
struct fs_stamp store_file_stamp(const char *path);

/*
 * Reads and parses the file, and assigns revisions from before on. Returns 0, or -1: ERR_STORE if
 * the file does not exist, ERR_IO if it cannot be read or changes meanwhile; else as
 * store_file_doc_parse.
 */
int store_file_read(const char *path, const struct store_file_part *part,
		    const struct store_file_doc *before, struct store_file_doc *doc_out,
		    struct err *err);

struct store_names;

/* Reads the names of the networks that have a configuration, sorted. Errors as store_file_read. */
int store_file_read_names(const char *path, struct store_names *names_out, struct err *err);

enum store_file_outcome {
	STORE_FILE_FAILED = -1,
	STORE_FILE_DONE,    /* doc_out is the file's new content */
	STORE_FILE_DIFFERS, /* a condition of store_put does not hold; doc_out is the content */
	STORE_FILE_LOCKED   /* another process holds the lock; doc_out is not set */
};

/*
 * Reads the file, assigns revisions from before on, and makes the change if its conditions hold.
 * Does not wait for the lock.
 */
enum store_file_outcome store_file_change(const struct store_file_change *change,
					  const struct store_file_doc *before,
					  struct store_file_doc *doc_out, struct err *err);
