/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lock files (flock(2)). A lock is released when its descriptor and the copies in child processes
 * are closed. If the previous holder unlinked the file, the new file is locked instead: no two
 * holders lock the same path at once. Only a regular file with one link is locked, because the
 * owner of the directory may be less privileged than this process. Errors are ERR_IO and name the
 * path, unless stated otherwise.
 */
#pragma once

#include <stdbool.h>

struct err;

/*
 * Opens path, creates it if absent, and waits up to wait_ms for an exclusive lock. A file of root
 * that has just been created gets the directory's owner (fs_adopt). Returns 0, or -1: ERR_AGAIN if
 * the lock is still held elsewhere, with the process that holds it.
 *
 * Waiting uses SIGALRM and the interval timer: only for programs with one thread that use neither.
 */
int fs_lock(int dir_fd, const char *path, unsigned wait_ms, int *fd_out, struct err *err);

/* As fs_lock, without creating the file. Returns 1 locked, 0 absent, -1 failed. */
int fs_lock_existing(int dir_fd, const char *path, unsigned wait_ms, int *fd_out, struct err *err);

/* As fs_lock, without waiting. Returns 1 locked, 0 held elsewhere, -1 failed. */
int fs_try_lock(int dir_fd, const char *path, int *fd_out, struct err *err);

/* Returns whether a process holds the lock, according to /proc/locks; takes none. */
bool fs_is_locked(int dir_fd, const char *path);

#define FS_LOCK_HOLDER_SIZE 80

/*
 * Describes the process that holds the lock, as "process 4711 (weftd, stopped)", from
 * /proc/locks; "another process" if it is not listed there. Returns buf.
 */
const char *fs_lock_holder(int dir_fd, const char *path, char buf[static FS_LOCK_HOLDER_SIZE]);
