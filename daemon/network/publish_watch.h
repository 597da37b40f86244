/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detects that another program has changed or removed a file that weftd publishes, for example by
 * clearing /run/flannel. weftd's own writing is no change.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct file_watch;
struct loop;
struct publish_watch;

struct published_file {
	struct publish_watch *of;
	/* NULL: it cannot be watched; the next full reconcile repairs it. */
	struct file_watch *watch;
	/* As weftd has left it. Inode 0: absent. */
	uint64_t inode, size, mtime_ns;
};

#define PUBLISHED_FILES 2
#define PUBLISH_WATCH_MAX 32 /* files of all networks */

/* Zero-initialized: nothing is watched. */
struct publish_watch {
	struct published_file file[PUBLISHED_FILES]; /* the network's state, subnet.env */
	void (*changed)(void *ctx);
	void *ctx;
};

/*
 * Watches run_dir/networks/NAME.json and, unless it is NULL, subnet_file. changed is called from
 * the loop. A file that cannot be watched, as without further inotify instances, or beyond
 * PUBLISH_WATCH_MAX, is left out.
 */
void publish_watch_init(struct publish_watch *watch, struct loop *loop, const char *run_dir,
			const char *name, const char *subnet_file, void (*changed)(void *ctx),
			void *ctx);
void publish_watch_free(struct publish_watch *watch);

/*
 * To be called when the files have been written, or could not be: changes from now on are reported.
 */
void publish_watch_arm(struct publish_watch *watch);
