/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/file/store_file_ops.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/fs_lock.h"
#include "daemon/store/store_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MODE 0644
#define LOCK_SUFFIX ".lock"

struct fs_stamp store_file_stamp(const char *path)
{
	struct stat info;

	if (stat(path, &info) < 0)
		return (struct fs_stamp){ .inode = 0 };
	return fs_stamp(&info);
}

static bool is_unwritten(const struct stat *before, const struct stat *after)
{
	return before->st_size == after->st_size &&
	       before->st_mtim.tv_sec == after->st_mtim.tv_sec &&
	       before->st_mtim.tv_nsec == after->st_mtim.tv_nsec;
}

/*
 * Reads a consistent text: a file that is replaced meanwhile is read whole; one that is written in
 * place meanwhile is an error.
 */
static int read_text(const char *path, char **text_out, size_t *size_out, struct err *err)
{
	/* Opening a FIFO must not block until it has a writer. */
	AUTO(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO(free) char *text = NULL;
	struct stat before, after;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_STORE, "%s does not exist", path);
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

int store_file_read(const char *path, const struct store_file_part *part,
		    const struct store_file_doc *before, struct store_file_doc *doc_out,
		    struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t size = 0;

	if (read_text(path, &text, &size, err) < 0 ||
	    store_file_doc_parse(text, size, path, part, doc_out, err) < 0)
		return -1;
	store_file_doc_number(doc_out, before);
	return 0;
}

int store_file_read_names(const char *path, struct store_names *names_out, struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t size = 0;

	return read_text(path, &text, &size, err) < 0 ||
			       store_file_doc_names(text, size, path, names_out, err) < 0 ?
		       -1 :
		       0;
}

/* ---- A change ---------------------------------------------------------------------------- */

/* Whether another key has a subnet of the change's key. */
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

/* Whether the conditions of store_put hold. */
static bool conditions_hold(const struct store_file_doc *doc,
			    const struct store_file_change *change)
{
	if (revision_of(doc, change->key) != change->if_revision)
		return false;
	if (change->instead_of && revision_of(doc, change->instead_of) != change->instead_revision)
		return false;
	return change->if_revision || !change->value || !is_taken(doc, change);
}

/* Whether the entry is already as the change wants it. */
static bool is_applied(const struct store_file_doc_entry *entry,
		       const struct store_file_change *change)
{
	if (!entry || !change->value)
		return !entry && !change->value;
	return !strcmp(entry->value, change->value);
}

/* Returns the changed text, and the same parsed, which verifies the change. */
static int edit(const struct store_file_change *change, const char *text, size_t size,
		const struct store_file_doc *current, char **text_out,
		struct store_file_doc *doc_out, struct err *err)
{
	AUTO(free) char *made = NULL;

	if (store_file_doc_edit(text, size, change, &made, err) < 0 ||
	    store_file_doc_parse(made, strlen(made), change->path, &change->part, doc_out, err) < 0)
		return err_wrap(err, "cannot change the file");
	if (!is_applied(store_file_doc_find(doc_out, change->key), change)) {
		store_file_doc_free(doc_out);
		return err_set(err, ERR_STORE, "%s: the key %s cannot be written", change->path,
			       change->key);
	}
	store_file_doc_number(doc_out, current);
	*text_out = take_ptr(made);
	return 0;
}

/* Replaces target, the file behind path, and checks that path still leads there. */
static int write_text(const char *path, const char *target, const char *text, struct err *err)
{
	AUTO(free) char *now = NULL;

	if (fs_write(AT_FDCWD, target, FILE_MODE, text, strlen(text), FS_DURABLE | FS_LIKE, err) <
	    0)
		return -1;
	now = realpath(path, NULL);
	if (!now || strcmp(now, target) != 0)
		return err_set(err, ERR_STORE, "%s became another file while it was written", path);
	return 0;
}

/* Called with the lock held. */
static enum store_file_outcome change_locked(const struct store_file_change *change,
					     const char *target,
					     const struct store_file_doc *before,
					     struct store_file_doc *doc_out, struct err *err)
{
	struct store_file_doc current = { .revision = 0 }, changed = { .revision = 0 };
	AUTO(free) char *text = NULL;
	AUTO(free) char *new_text = NULL;
	size_t size = 0;
	int rc;

	if (read_text(target, &text, &size, err) < 0 ||
	    store_file_doc_parse(text, size, change->path, &change->part, &current, err) < 0)
		return STORE_FILE_FAILED;
	store_file_doc_number(&current, before);
	if (!conditions_hold(&current, change)) {
		*doc_out = current;
		return STORE_FILE_DIFFERS;
	}
	rc = edit(change, text, size, &current, &new_text, &changed, err);
	store_file_doc_free(&current);
	if (rc < 0)
		return STORE_FILE_FAILED;
	if (write_text(change->path, target, new_text, err) < 0) {
		store_file_doc_free(&changed);
		return STORE_FILE_FAILED;
	}
	*doc_out = changed;
	return STORE_FILE_DONE;
}

/* The lock file is next to the target, so that all paths to it share one lock. */
static enum store_file_outcome change_file(const struct store_file_change *change,
					   const struct store_file_doc *before,
					   struct store_file_doc *doc_out, struct err *err)
{
	AUTO(free) char *target = realpath(change->path, NULL);
	AUTO(close) int lock = -1;
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
	/* Temporary files of a weftd that was killed; a running writer would hold the lock. */
	fs_sweep_file(target, &ignored);
	return change_locked(change, target, before, doc_out, err);
}

enum store_file_outcome store_file_change(const struct store_file_change *change,
					  const struct store_file_doc *before,
					  struct store_file_doc *doc_out, struct err *err)
{
	struct store_file_doc doc = { .revision = 0 };

	if (store_file_read(change->path, &change->part, before, &doc, err) < 0)
		return STORE_FILE_FAILED;
	if (conditions_hold(&doc, change) &&
	    !is_applied(store_file_doc_find(&doc, change->key), change)) {
		store_file_doc_free(&doc);
		return change_file(change, before, doc_out, err);
	}
	*doc_out = doc;
	return conditions_hold(doc_out, change) ? STORE_FILE_DONE : STORE_FILE_DIFFERS;
}
