/* SPDX-License-Identifier: Apache-2.0 */
/* Removal of this node: by weftd (leave) and without it (cleanup). */
#include "ctl/cmd.h"

#include "common/auto.h"
#include "common/cleanup/cleanup.h"
#include "common/control.h"
#include "common/err.h"
#include "common/fs_dir.h"
#include "common/fs_lock.h"
#include "common/json/json.h"
#include "common/netlink/nl.h"
#include "common/state.h"

#include <string.h>

int cmd_leave(const struct cmd *cmd, struct err *err)
{
	const struct cmd_command command = { .name = "leave",
					     .force = cmd->force,
					     .show = cmd->out->removed };

	return cmd_command(cmd, &command, err);
}

/*
 * Holds weftd's lock, so that weftd is not running and cannot start. The file belongs to the owner
 * of the run directory: weftd must be able to open it later.
 */
static int take_lock(const struct cmd *cmd, int *lock_out, struct err *err)
{
	char holder[FS_LOCK_HOLDER_SIZE];
	AUTO(close) int dir_fd = -1;
	int locked = fs_open_dir(cmd->run_dir, false, &dir_fd, err);

	if (locked <= 0)
		return locked; /* absent: weftd has not run since the boot */
	locked = fs_try_lock(dir_fd, STATE_LOCK, lock_out, err);
	if (locked == 0)
		return err_set(err, ERR_STATE,
			       "weftd is running, as %s: stop it first, or use weftctl leave",
			       fs_lock_holder(dir_fd, STATE_LOCK, holder));
	return locked < 0 ? err_wrap(err, "%s", cmd->run_dir) : 0;
}

static int show(const struct cmd *cmd, const struct cleanup *done, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	AUTO(json) struct json *json = NULL;
	AUTO(free) char *text = NULL;
	struct jr root;

	if (!jb)
		return err_nomem(err, "the output");
	jb_count(jb_root(jb), "devices", done->devices);
	jb_count(jb_root(jb), "routes", done->routes);
	jb_count(jb_root(jb), "neighbours", done->neighbours);
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
	struct cleanup done = { .devices = 0 };
	AUTO(close) int lock = -1;
	size_t containers = 0;

	if (cmd->flannel)
		return cleanup_remove_flannel(&done, err) < 0 ? -1 : show(cmd, &done, err);
	if (take_lock(cmd, &lock, err) < 0 ||
	    cleanup_containers(cmd->run_dir, &containers, err) < 0)
		return -1;
	if (containers && !cmd->force)
		return err_set(err, ERR_STATE,
			       "%zu containers are attached: remove them first or use --force",
			       containers);
	if (nl_open(&nl, err) < 0 || cleanup_remove(nl, &done, err) < 0 ||
	    cleanup_remove_rules(&done, err) < 0 ||
	    cleanup_remove_files(cmd->run_dir, &done, err) < 0)
		return -1;
	return show(cmd, &done, err);
}
