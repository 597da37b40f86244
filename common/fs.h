/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: bounded reads, atomic writes. All descriptors are opened with O_CLOEXEC. Errors are ERR_IO
 * and name the path.
 *
 * With dir_fd AT_FDCWD, path is as in open(2): a file that the operator names, maybe by a symbolic
 * link. Otherwise it names a file below a directory whose owner may be less privileged than this
 * process: no symbolic link is followed, and a hard link to another user's file is an error.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

/*
 * Opens a regular file for reading. The descriptor is the caller's. Returns 1 opened, 0 absent, -1
 * failed.
 */
int fs_open(int dir_fd, const char *path, int *fd_out, struct err *err);

/*
 * Reads a regular file of at most max bytes. *data_out is malloc'ed, the caller's, and terminated
 * by a NUL that *size_out does not count. Returns 1 read, 0 absent, -1 failed.
 */
int fs_read(int dir_fd, const char *path, size_t max, char **data_out, size_t *size_out,
	    struct err *err);

/*
 * Reads up to size bytes from the beginning of a regular file into buf, and sets *len_out to their
 * number. Returns as fs_read.
 */
int fs_read_head(int dir_fd, const char *path, char *buf, size_t size, size_t *len_out,
		 struct err *err);

/*
 * Reads from a descriptor up to end of file. name is for errors; the rest as fs_read. Returns 0 or
 * -1.
 */
int fs_read_fd(int fd, const char *name, size_t max, char **data_out, size_t *size_out,
	       struct err *err);

/* How fs_write installs a file. */
enum fs_how {
	FS_REPLACE = 0,      /* replaces an existing file */
	FS_NEW = 1 << 0,     /* fails with sys_errno EEXIST if path exists */
	FS_DURABLE = 1 << 1, /* fsync of file and directory; unnecessary on tmpfs */
	FS_LIKE = 1 << 2     /* keeps the mode of the existing file and, if permitted, its owner */
};

/*
 * Writes a file atomically: a temporary file in the same directory is renamed (FS_NEW: linked) to
 * path, so that readers, also after a crash, see the old content or the new. The mode is not
 * subject to the umask. With a dir_fd, path is a name in it, and a file that root writes gets the
 * directory's owner (fs_adopt). how is an OR of enum fs_how. A crash may leave
 * ".<name>.<pid>.<random>.tmp": readers of the directory skip names that begin with a dot, and
 * fs_sweep removes them. Returns 0 or -1.
 */
int fs_write(int dir_fd, const char *path, mode_t mode, const void *data, size_t size, unsigned how,
	     struct err *err);

/* Writes all bytes to a descriptor, across short writes and EINTR. Returns 0 or -1. */
int fs_write_fd(int fd, const char *name, const void *data, size_t size, struct err *err);

/*
 * Removes temporary files that an interrupted fs_write left in a directory, or in the directory
 * below ("a", or NULL) of it; either may be absent. The caller ensures that no fs_write is in
 * progress there. Returns 0 or -1.
 */
int fs_sweep(const char *dir_path, const char *below, struct err *err);
/* As fs_sweep, for the temporary files of one path only. Returns 0 or -1. */
int fs_sweep_file(const char *path, struct err *err);

/* Removes a file. Returns 1 removed, 0 absent, -1 failed. */
int fs_unlink(int dir_fd, const char *path, struct err *err);

#define FS_PATH_SIZE 4096

/* Writes "a/b" to buf. Returns 0, or -1 with ERR_CONFIG when it does not fit. */
int fs_join(char buf[static FS_PATH_SIZE], const char *a, const char *b, struct err *err);
