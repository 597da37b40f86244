/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/file/store_file_names.h"

#include "common/auto.h"
#include "common/err.h"
#include "daemon/io/file_watch.h"
#include "daemon/io/loop.h"
#include "daemon/store/file/store_file_doc.h"
#include "daemon/store/file/store_file_ops.h"

#include <stdlib.h>
#include <string.h>

#define QUIET_MS 50  /* without a change, before the file is read */
#define RETRY_MS 500 /* a file that cannot be read may be half-written */
#define POLL_MS 2000 /* for changes without an inotify event, as of other machines */

struct store_file_names {
	const struct store_names_listener *listener;
	void *ctx;
	char *path;
	struct file_watch *watch;
	struct loop_event *timer;
	struct fs_stamp stamp; /* of the last reading */
	struct store_names reported;
	bool listed;
	unsigned failed; /* readings in a row */
	char error[ERR_TEXT_SIZE];
};

static void report(struct store_file_names *file, struct store_names *now)
{
	file->failed = 0;
	file->error[0] = '\0';
	if (file->listed && store_names_equal(&file->reported, now))
		return;
	file->listed = true;
	store_names_free(&file->reported);
	file->reported = *now;
	*now = (struct store_names){ .len = 0 };
	file->listener->listed(file->ctx, &file->reported);
}

static void fail(struct store_file_names *file, const struct err *err)
{
	if (file->failed++ == 0 || !strcmp(file->error, err->text))
		return;
	memcpy(file->error, err->text, sizeof(file->error));
	file->listener->failed(file->ctx, err);
}

static void on_timer(void *ctx)
{
	struct store_file_names *file = ctx;
	const struct fs_stamp now = store_file_stamp(file->path);
	AUTO(store_names) struct store_names names = { .len = 0 };
	struct err err = ERR_INIT;

	file_watch_arm(file->watch, &err); /* without it, changes are found by the poll */
	loop_timer_start(file->timer, POLL_MS);
	if (file->listed && !file->failed && fs_stamp_equal(&now, &file->stamp))
		return;
	file->stamp = now;
	if (store_file_read_names(file->path, &names, &err) == 0) {
		report(file, &names);
		return;
	}
	loop_timer_start(file->timer, RETRY_MS);
	fail(file, &err);
}

static void on_change(void *ctx)
{
	struct store_file_names *file = ctx;

	loop_timer_start(file->timer, QUIET_MS);
}

void store_file_names_free(struct store_file_names *file)
{
	if (!file)
		return;
	file_watch_free(file->watch);
	loop_event_free(file->timer);
	store_names_free(&file->reported);
	free(file->path);
	free(file);
}

int store_file_names_new(struct loop *loop, const char *path,
			 const struct store_names_listener *listener, void *ctx,
			 struct store_file_names **names_out, struct err *err)
{
	struct store_file_names *file = calloc(1, sizeof(*file));

	if (!file)
		return err_nomem(err, "the names of the networks");
	file->listener = listener;
	file->ctx = ctx;
	file->path = strdup(path);
	file->timer = loop_timer(loop, on_timer, file);
	if (!file->path || !file->timer) {
		store_file_names_free(file);
		return err_nomem(err, "the names of the networks");
	}
	if (file_watch_new(loop, path, on_change, file, &file->watch, err) < 0) {
		store_file_names_free(file);
		return -1;
	}
	loop_timer_start(file->timer, 0);
	*names_out = file;
	return 0;
}
