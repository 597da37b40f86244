/* SPDX-License-Identifier: Apache-2.0 */
#include "store_file_ops.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "store_file_edit.h"
#include "store_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MODE 0644
#define LOCK_SUFFIX ".lock"

static uint64_t as_ns(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

struct store_file_stamp store_file_stamp(const char *path)
{
	struct stat info;

	if (stat(path, &info) < 0)
		return (struct store_file_stamp){ .inode = 0 };
	return (struct store_file_stamp){
		.device = info.st_dev,
		.inode = info.st_ino,
		.size = (uint64_t)info.st_size,
		.modified_ns = as_ns(&info.st_mtim),
		.changed_ns = as_ns(&info.st_ctim),
	};
}

bool store_file_stamp_equal(const struct store_file_stamp *a, const struct store_file_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

static bool is_unwritten(const struct stat *before, const struct stat *after)
{
	return before->st_size == after->st_size &&
	       as_ns(&before->st_mtim) == as_ns(&after->st_mtim);
}

/*
 * Its text as it was at one time. One that gives its name to another meanwhile is whole; one
 * that is written in place may not be.
 */
static int read_text(const char *path, char **text_out, size_t *size_out, struct err *err)
{
	/* A FIFO in the file's place must not make us wait for its writer. */
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO_FREE char *text = NULL;
	struct stat before, after;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_STORE, "there is no file %s", path);
	if (fd < 0 || fstat(fd, &before) < 0)
		return err_sys(err, ERR_IO, errno, "cannot open %s", path);
	if (!S_ISREG(before.st_mode))
		return err_set(err, ERR_IO, "%s is not a regular file", path);
	if (fs_read_fd(fd, path, STORE_FILE_DOC_MAX, &text, size_out, err) < 0)
		return -1;
	if (fstat(fd, &after) < 0 || !is_unwritten(&before, &after))
		return err_sys(err, ERR_IO, EAGAIN, "%s is being written", path);
	*text_out = take_ptr(text);
	return 0;
}

int store_file_read(const char *path, const char *network, const struct store_file_doc *before,
		    struct store_file_doc *doc_out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t size = 0;

	if (read_text(path, &text, &size, err) < 0 ||
	    store_file_doc_parse(text, size, path, network, doc_out, err) < 0)
		return -1;
	store_file_doc_number(doc_out, before);
	return 0;
}

/* ---- A change ---------------------------------------------------------------------------- */

/* Whether another key has one of the subnets of the one that is to come. */
static bool is_taken(const struct store_file_doc *doc, const struct store_file_change *change)
{
	for (size_t i = 0; i < doc->entries.len; i++) {
		const char *other = doc->entries.at[i].key;

		if (strcmp(other, change->key) != 0 && store_key_clash(other, change->key) &&
		    !(change->instead_of && !strcmp(other, change->instead_of)))
			return true;
	}
	return false;
}

static uint64_t revision_of(const struct store_file_doc *doc, const char *key)
{
	const struct store_file_doc_entry *entry = store_file_doc_find(doc, key);

	return entry ? entry->mod_revision : 0;
}

/* Whether all is as the caller has read it, and a new key's subnets are free. */
static bool is_as_read(const struct store_file_doc *doc, const struct store_file_change *change)
{
	if (revision_of(doc, change->key) != change->if_revision)
		return false;
	if (change->instead_of && revision_of(doc, change->instead_of) != change->instead_revision)
		return false;
	return change->if_revision || !change->value || !is_taken(doc, change);
}

/* Whether there is nothing to write. */
static bool is_so(const struct store_file_doc_entry *entry, const struct store_file_change *change)
{
	if (!entry || !change->value)
		return !entry && !change->value;
	return !strcmp(entry->value, change->value);
}

/* What would stand there: the text, and the same parsed, which proves that it is what it should. */
static int edit(const struct store_file_change *change, const char *text, size_t size,
		const struct store_file_doc *there, char **text_out, size_t *size_out,
		struct store_file_doc *doc_out, struct err *err)
{
	AUTO_FREE char *less = NULL;
	AUTO_FREE char *made = NULL;

	if (change->instead_of && store_file_edit(text, size, change->network, change->instead_of,
						  NULL, &less, &size, err) < 0)
		return err_wrap(err, "cannot change the file");
	if (less)
		text = less;
	if (store_file_edit(text, size, change->network, change->key, change->value, &made,
			    size_out, err) < 0 ||
	    store_file_doc_parse(made, *size_out, change->path, change->network, doc_out, err) < 0)
		return err_wrap(err, "cannot change the file");
	if (!is_so(store_file_doc_find(doc_out, change->key), change)) {
		store_file_doc_free(doc_out);
		return err_set(err, ERR_STORE, "%s: the key %s cannot be written in its place",
			       change->path, change->key);
	}
	store_file_doc_number(doc_out, there);
	*text_out = take_ptr(made);
	return 0;
}

/* The file that the path leads to, whose own name is to stay; and that its way is the same still. */
static int write_text(const char *path, const char *target, const char *text, size_t size,
		      struct err *err)
{
	AUTO_FREE char *now = NULL;

	if (fs_write(AT_FDCWD, target, FILE_MODE, text, size, FS_DURABLE | FS_LIKE, err) < 0)
		return -1;
	now = realpath(path, NULL);
	if (!now || strcmp(now, target) != 0)
		return err_set(err, ERR_STORE, "%s came to be another file while it was written",
			       path);
	return 0;
}

/* Under the lock. */
static enum store_file_outcome change_locked(const struct store_file_change *change,
					     const char *target,
					     const struct store_file_doc *before,
					     struct store_file_doc *doc_out, struct err *err)
{
	struct store_file_doc there = { .revision = 0 }, made = { .revision = 0 };
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *new_text = NULL;
	size_t size = 0, new_size = 0;
	int rc;

	if (read_text(target, &text, &size, err) < 0 ||
	    store_file_doc_parse(text, size, change->path, change->network, &there, err) < 0)
		return STORE_FILE_FAILED;
	store_file_doc_number(&there, before);
	if (!is_as_read(&there, change)) {
		*doc_out = there;
		return STORE_FILE_DIFFERS;
	}
	rc = edit(change, text, size, &there, &new_text, &new_size, &made, err);
	store_file_doc_free(&there);
	if (rc < 0)
		return STORE_FILE_FAILED;
	if (write_text(change->path, target, new_text, new_size, err) < 0) {
		store_file_doc_free(&made);
		return STORE_FILE_FAILED;
	}
	*doc_out = made;
	return STORE_FILE_DONE;
}

/* The lock lies beside the file itself, so that it is one for all ways that lead there. */
static enum store_file_outcome change_file(const struct store_file_change *change,
					   const struct store_file_doc *before,
					   struct store_file_doc *doc_out, struct err *err)
{
	AUTO_FREE char *target = realpath(change->path, NULL);
	AUTO_CLOSE int lock = -1;
	char lock_path[FS_PATH_SIZE];
	struct err ignored;
	int locked;

	if (!target)
		return err_sys(err, ERR_IO, errno, "cannot follow %s", change->path),
		       STORE_FILE_FAILED;
	if ((size_t)snprintf(lock_path, sizeof(lock_path), "%s" LOCK_SUFFIX, target) >=
	    sizeof(lock_path))
		return err_sys(err, ERR_IO, ENAMETOOLONG, "cannot lock %s", change->path),
		       STORE_FILE_FAILED;
	locked = fs_try_lock(AT_FDCWD, lock_path, &lock, err);
	if (locked <= 0)
		return locked ? STORE_FILE_FAILED : STORE_FILE_LOCKED;
	/* Of a weftd that was killed here; whoever writes by this name holds the lock. */
	fs_sweep_file(target, &ignored);
	return change_locked(change, target, before, doc_out, err);
}

enum store_file_outcome store_file_change(const struct store_file_change *change,
					  const struct store_file_doc *before,
					  struct store_file_doc *doc_out, struct err *err)
{
	struct store_file_doc doc = { .revision = 0 };

	if (store_file_read(change->path, change->network, before, &doc, err) < 0)
		return STORE_FILE_FAILED;
	if (is_as_read(&doc, change) && !is_so(store_file_doc_find(&doc, change->key), change)) {
		store_file_doc_free(&doc);
		return change_file(change, before, doc_out, err);
	}
	*doc_out = doc;
	return is_as_read(doc_out, change) ? STORE_FILE_DONE : STORE_FILE_DIFFERS;
}
