/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/publish_watch.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/state.h"
#include "daemon/io/file_watch.h"

#include <stdio.h>
#include <sys/stat.h>

/*
 * inotify instances of the process. A user has 128, which the file store and, on Kubernetes, all
 * programs of root on the node need as well.
 */
static size_t instances;

static void read_identity(const char *path, struct published_file *file)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		st = (struct stat){ .st_ino = 0 };
	file->inode = st.st_ino;
	file->size = (uint64_t)st.st_size;
	file->mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
}

static void on_event(void *ctx)
{
	const struct published_file *file = ctx;
	struct published_file now;

	read_identity(file_watch_path(file->watch), &now);
	if (now.inode != file->inode || now.size != file->size || now.mtime_ns != file->mtime_ns)
		file->of->changed(file->of->ctx);
}

static void watch_file(struct publish_watch *watch, struct published_file *file, const char *path,
		       struct loop *loop)
{
	struct err unused = ERR_INIT;

	file->of = watch;
	if (instances == PUBLISH_WATCH_MAX ||
	    file_watch_new(loop, path, on_event, file, &file->watch, &unused) < 0)
		file->watch = NULL;
	instances += file->watch != NULL;
}

void publish_watch_init(struct publish_watch *watch, struct loop *loop, const char *run_dir,
			const char *name, const char *subnet_file, void (*changed)(void *ctx),
			void *ctx)
{
	char state[FS_PATH_SIZE];

	watch->changed = changed;
	watch->ctx = ctx;
	if (snprintf(state, sizeof(state), "%s/" STATE_NETWORKS "/%s.json", run_dir, name) <
	    (int)sizeof(state))
		watch_file(watch, &watch->file[0], state, loop);
	if (subnet_file)
		watch_file(watch, &watch->file[1], subnet_file, loop);
}

void publish_watch_free(struct publish_watch *watch)
{
	for (size_t i = 0; i < PUBLISHED_FILES; i++) {
		instances -= watch->file[i].watch != NULL;
		file_watch_free(take_ptr(watch->file[i].watch));
	}
}

/* Directories are made together with the files, hence afterwards. */
void publish_watch_arm(struct publish_watch *watch)
{
	struct err unused = ERR_INIT;

	for (size_t i = 0; i < PUBLISHED_FILES; i++) {
		struct published_file *file = &watch->file[i];

		if (!file->watch)
			continue;
		(void)file_watch_arm(file->watch, &unused);
		read_identity(file_watch_path(file->watch), file);
	}
}
