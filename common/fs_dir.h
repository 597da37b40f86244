/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories that a less privileged user may own, as weftd's user owns the run directory. Such a
 * user can replace everything below at any time. Root therefore opens each directory relative to
 * the descriptor of the one above, and follows no symbolic link that the user can have made. All
 * descriptors are opened with O_CLOEXEC and are the caller's. Errors are ERR_IO and name the path.
 */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <sys/stat.h>

struct err;

/*
 * Opens an absolute or relative path. Symbolic links are followed if they cannot have been made by
 * an unprivileged user (owned by root, in a directory that only root can change), or if this
 * process is not root. With make, creates what is absent, mode 0755. Returns 1 opened, 0 absent
 * (never with make), -1 failed.
 */
int fs_open_dir(const char *path, bool make, int *fd_out, struct err *err);

/*
 * Opens the directory path ("a" or "a/b") below dir_fd and follows no symbolic link. With make,
 * creates what is absent, mode 0755, and a directory of root gets the owner of dir_fd: what root
 * creates for an unprivileged daemon must belong to it. Returns as fs_open_dir.
 */
int fs_open_dir_in(int dir_fd, const char *path, bool make, int *fd_out, struct err *err);

/* fs_open_dir, then fs_open_dir_in. Errors name both. Returns as fs_open_dir. */
int fs_open_subdir(const char *path, const char *below, bool make, int *fd_out, struct err *err);

/*
 * Opens the directory of a file. *name_out is the file's name, in path. Returns as fs_open_dir.
 */
int fs_open_parent(const char *path, bool make, int *fd_out, const char **name_out,
		   struct err *err);

/*
 * As openat(2) with O_CLOEXEC, without O_CREAT: follows no symbolic link below dir_fd, and fails
 * with ELOOP or ENOTDIR instead. path has no "..". Returns a descriptor, or -1 with errno.
 */
int fs_open_beneath(int dir_fd, const char *path, int flags);

/*
 * Returns a stream of the entries of fd, which it takes over, also on failure; NULL with err set.
 */
DIR *fs_list(int *fd, const char *name, struct err *err);

/*
 * Changes the owner of fd, a file of root, to that of the directory, unless that is root too. made
 * is the result of fstat(2) on fd. Best effort: without CAP_CHOWN the owner stays.
 */
void fs_adopt(int dir_fd, int fd, const struct stat *made);
