/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A doorbell for a file that others change: whatever way they do it, in place, by a file
 * that takes its name, by deleting and making it, by a symbolic link on the way to it that
 * comes to lead elsewhere. The file, and the directories above it, may not exist yet.
 * Used by store_file.c, which reads; this looks at no content.
 */
#pragma once

#include <stdbool.h>

struct err;
struct loop;

struct store_file_watch;

/* rang is called from the loop when the file may be another, once for many events. */
int store_file_watch_new(struct loop *loop, const char *path, void (*rang)(void *ctx), void *ctx,
			 struct store_file_watch **watch_out, struct err *err);
/* NULL is allowed. */
void store_file_watch_free(struct store_file_watch *watch);

/*
 * Watches every place on the way to the file as it is now. Called before each reading: what
 * changes after it rings. False: not every place can be watched, and err says why.
 */
bool store_file_watch_arm(struct store_file_watch *watch, struct err *err);
