/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: bounded reads, atomic writes, directories, locks. Everything opened
 * here is close-on-exec from birth. The texts of errors name the path.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

/*
 * Reads the whole file, at most max bytes of it (more is ERR_IO). The buffer is
 * malloc'ed, ends in a NUL that size_out does not count, and belongs to the
 * caller. Only a regular file is read. 1 read, 0 absent, -1 failed. dir_fd and
 * path as in openat(2).
 */
int fs_read(int dir_fd, const char *path, size_t max, char **data_out, size_t *size_out,
	    struct err *err);

/*
 * Its beginning: as much as fits into size bytes, read into buf, how much into len_out. Otherwise
 * as fs_read.
 */
int fs_read_head(int dir_fd, const char *path, char *buf, size_t size, size_t *len_out,
		 struct err *err);

/* The whole from an open descriptor up to its end. 0 / -1. */
int fs_read_fd(int fd, const char *name, size_t max, char **data_out, size_t *size_out,
	       struct err *err);

/* How a file is put in its place. */
enum fs_how {
	FS_REPLACE = 0,      /* over what is there */
	FS_NEW = 1 << 0,     /* only where nothing is: else -1 with sys_errno EEXIST */
	FS_DURABLE = 1 << 1, /* fsync of file and directory; not needed on tmpfs */
	FS_LIKE = 1 << 2 /* with the mode of the file that is there, and, if we may, its owner */
};

/*
 * Writes a temporary file in the same directory and renames (FS_NEW: links) it
 * to path, so that a reader sees the old content or the new and a crash leaves
 * no half-written file under that name. The mode is exact whatever the umask is.
 * A crash can leave ".<name>.<pid>.<random>.tmp": readers of directories pass
 * over names that begin with a dot, and fs_sweep removes them. how is an OR of
 * enum fs_how.
 */
int fs_write(int dir_fd, const char *path, mode_t mode, const void *data, size_t size, unsigned how,
	     struct err *err);

/* Writes all bytes to a descriptor, through short writes and EINTR. */
int fs_write_fd(int fd, const char *name, const void *data, size_t size, struct err *err);

/*
 * Makes the directory and those above it, with mode less the umask; one that is
 * there is left as it is.
 */
int fs_mkdir(const char *path, mode_t mode, struct err *err);

/* Opens a directory; with make, makes it first, mode 0755. The descriptor is the caller's. */
int fs_open_dir(const char *path, bool make, int *fd_out, struct err *err);

/*
 * Opens the directory name in another, never through a link. With make, makes it where it is
 * absent, mode 0755, and hands one that is root's, where we are root, over to the owner of
 * the directory that it lies in, who may be less: what is made for a daemon without
 * privileges shall be that daemon's. 1 opened, 0 absent, -1 failed.
 */
int fs_open_dir_in(int dir_fd, const char *name, bool make, int *fd_out, struct err *err);

/*
 * Removes from a directory what fs_write left in it when it was killed, and nothing else; a
 * directory that is absent has nothing in it. The caller knows that nobody is writing there.
 */
int fs_sweep(const char *dir_path, struct err *err);
/* The same for what is left of one file alone, in a directory where others write, too. */
int fs_sweep_file(const char *path, struct err *err);

/* Removes a file. 1 removed, 0 was not there, -1 failed. */
int fs_unlink(int dir_fd, const char *path, struct err *err);

/*
 * Opens path for locking, makes it where it is absent, and waits for an
 * exclusive lock (flock(2)); closing the descriptor (and what fork(2) made
 * of it), or dying, releases it.
 * Survives the file being unlinked by the holder before: it then locks the new
 * one, so that two holders never hold the lock of "the same" path at once. One that is
 * made belongs to the directory's owner, as in fs_open_dir_in; what is not a regular file
 * with this name alone is refused.
 */
int fs_lock(int dir_fd, const char *path, int *fd_out, struct err *err);

/* The same without waiting. 1 locked, 0 another descriptor has the lock, -1 failed. */
int fs_try_lock(int dir_fd, const char *path, int *fd_out, struct err *err);

#define FS_PATH_SIZE 4096

/* "a/b" into buf; ERR_CONFIG when it does not fit. */
int fs_join(char buf[static FS_PATH_SIZE], const char *a, const char *b, struct err *err);
