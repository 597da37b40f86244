/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_netconf_file.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/log.h"
#include "daemon/io/file_watch.h"
#include "daemon/io/loop.h"
#include "daemon/store/kube/kube_netconf.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_MS 50 /* after a change, before the file is read */
#define POLL_MS 10000

/* *text_out: the configuration, malloc'ed; NULL: there is none. */
static int read_text(struct kube_netconf_file *file, char **text_out, struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t size = 0;
	struct err invalid;

	*text_out = NULL;
	if (fs_read(AT_FDCWD, file->path, KUBE_NETCONF_MAX, &text, &size, err) < 0)
		return -1;
	/* What is invalid is reported as it is: its reader refuses it, with line and column. */
	if (text && kube_netconf(text, size, text_out, file->families, &invalid) < 0)
		*text_out = take_ptr(text);
	return 0;
}

/* Returns whether there is something to report. */
static bool update(struct kube_netconf_file *file)
{
	AUTO(free) char *text = NULL;
	struct err err = ERR_INIT;
	bool changed;

	if (read_text(file, &text, &err) < 0) {
		changed = log_state_fail(&file->failure, err.text);
		if (changed)
			log_warn("cannot read the network configuration", "error", err.text);
		return changed;
	}
	changed = log_state_clear(&file->failure) || !text != !file->text ||
		  (text && strcmp(text, file->text) != 0);
	free(file->text);
	file->text = take_ptr(text);
	return changed;
}

static void on_timer(void *ctx)
{
	struct kube_netconf_file *file = ctx;
	struct err err = ERR_INIT;

	file_watch_arm(file->watch, &err);
	loop_timer_start(file->timer, POLL_MS);
	if (update(file))
		file->changed(file->ctx);
}

static void on_change(void *ctx)
{
	struct kube_netconf_file *file = ctx;

	loop_timer_start(file->timer, QUIET_MS);
}

int kube_netconf_file_init(struct kube_netconf_file *file, struct loop *loop, char *path,
			   void (*changed)(void *ctx), void *ctx, struct err *err)
{
	file->path = path;
	file->families[FAMILY_V4] = true;
	file->changed = changed;
	file->ctx = ctx;
	file->timer = loop_timer(loop, on_timer, file);
	if (!file->timer)
		return err_nomem(err, "the store");
	return file_watch_new(loop, path, on_change, file, &file->watch, err);
}

void kube_netconf_file_free(struct kube_netconf_file *file)
{
	file_watch_free(file->watch);
	loop_event_free(file->timer);
	free(file->text);
}

void kube_netconf_file_start(struct kube_netconf_file *file)
{
	on_timer(file);
}

const char *kube_netconf_file_text(const struct kube_netconf_file *file)
{
	return file->failure.error[0] ? NULL : file->text;
}
