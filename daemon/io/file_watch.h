/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detects changes of a file by inotify(7): writing in place, renaming another file over it,
 * deleting and creating it, changing a symbolic link on the path. The file and the directories
 * above it need not exist. Does not read the file.
 */
#pragma once

#include <stdbool.h>

struct err;
struct loop;

struct file_watch;

/*
 * Nothing is watched before the first file_watch_arm. on_change is called from the loop when the
 * file may have changed, once for several events. Returns 0, or -1 with ERR_NOMEM.
 */
int file_watch_new(struct loop *loop, const char *path, void (*on_change)(void *ctx), void *ctx,
		   struct file_watch **watch_out, struct err *err);
/* Returns the path as given; valid until file_watch_free. */
const char *file_watch_path(const struct file_watch *watch);
/* NULL is allowed. */
void file_watch_free(struct file_watch *watch);

/*
 * Sets watches along the path as it is now. Called before each reading, so that later changes are
 * reported. Returns false with err if a part of the path cannot be watched, or if the user has no
 * free inotify instance: the next call tries again.
 */
bool file_watch_arm(struct file_watch *watch, struct err *err);
