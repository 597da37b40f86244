/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a node: with weftd's help (leave), and without (cleanup). */
#include "cmd.h"

#include "common/auto.h"
#include "common/control.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/json.h"
#include "common/legacy_kernel.h"
#include "common/nl.h"
#include "common/remains.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define LOCK "weftd.lock"

int cmd_leave(const struct cmd *cmd, struct err *err)
{
	const struct cmd_order order = { .command = "leave",
					 .force = cmd->force,
					 .show = cmd->out->removed };

	return cmd_order(cmd, &order, err);
}

/* Holds weftd's own lock meanwhile, so that none is running, and none starts. */
static int take_lock(const struct cmd *cmd, int *lock_out, struct err *err)
{
	char path[FS_PATH_SIZE];
	struct stat status;
	int locked;

	if (stat(cmd->run_dir, &status) < 0 && errno == ENOENT)
		return 0; /* nor has weftd ever run here since the boot */
	if (fs_join(path, cmd->run_dir, LOCK, err) < 0)
		return -1;
	locked = fs_try_lock(AT_FDCWD, path, lock_out, err);
	if (locked == 0)
		return err_set(err, ERR_STATE,
			       "weftd is running: end it first, or say weftctl leave");
	return locked < 0 ? -1 : 0;
}

static int show(const struct cmd *cmd, const struct remains *done, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	AUTO(json) struct json *json = NULL;
	AUTO_FREE char *text = NULL;
	struct jr root;

	if (!jb)
		return err_nomem(err, "the output");
	jb_count(jb_root(jb), "devices", done->devices);
	jb_count(jb_root(jb), "routes", done->routes);
	jb_count(jb_root(jb), "rules", done->rules);
	jb_count(jb_root(jb), "files", done->files);
	if (jb_text(jb, &text, err) < 0 || json_parse(text, strlen(text), CONTROL_ANSWER_MAX,
						      JSON_STRICT, "output", &json, err) < 0)
		return -1;
	root = jr_root(json);
	return cmd_show(cmd, cmd->out->removed, &root, err);
}

int cmd_cleanup(const struct cmd *cmd, struct err *err)
{
	AUTO(nl) struct nl *nl = NULL;
	AUTO(legacy) struct legacy *legacy = NULL;
	struct remains done = { .devices = 0 };
	AUTO_CLOSE int lock = -1;
	size_t containers = 0;

	if (take_lock(cmd, &lock, err) < 0 ||
	    remains_containers(cmd->run_dir, &containers, err) < 0)
		return -1;
	if (containers && !cmd->force)
		return err_set(err, ERR_STATE,
			       "%zu containers would lose their network: end them first, or say "
			       "weftctl cleanup --force",
			       containers);
	if (nl_open(&nl, err) < 0 || legacy_open(&legacy, err) < 0 ||
	    remains_remove(nl, &done, err) < 0 || remains_remove_rules(legacy, &done, err) < 0 ||
	    remains_remove_files(cmd->run_dir, &done, err) < 0)
		return -1;
	return show(cmd, &done, err);
}
