/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd.h"

#include "ctl/config_findings.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define FILE_MAX (16 << 20) /* bytes: the largest document of the file store */

/* A FIFO is read too, as of a shell's process substitution. */
static int read_file(const char *path, char **text_out, size_t *size_out, struct err *err)
{
	AUTO(close) int fd = -1;

	if (strcmp(path, "-") == 0)
		return fs_read_fd(STDIN_FILENO, "standard input", FILE_MAX, text_out, size_out,
				  err);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(err, ERR_IO, errno, "cannot open %s", path);
	return fs_read_fd(fd, path, FILE_MAX, text_out, size_out, err);
}

int cmd_config(const struct cmd *cmd, struct err *err)
{
	const char *path = cmd->argument[1];
	struct config_findings count = { 0 };
	AUTO(jb) struct jb *jb = jb_new();
	AUTO(free) char *text = NULL;
	size_t size = 0;

	if (strcmp(cmd->argument[0], "check") != 0) {
		err_set(err, ERR_CONFIG, "usage: weftctl config check FILE");
		return CMD_USAGE;
	}
	if (!jb)
		return err_nomem(err, "the findings");
	if (read_file(path, &text, &size, err) < 0)
		return -1;
	jb_str(jb_root(jb), "file", path);
	if (config_findings(text, size, cmd->network, jb_arr(jb_root(jb), "findings"), &count,
			    err) < 0)
		return -1;
	jb_bool(jb_root(jb), "valid", !count.errors);
	if (cmd_show_built(cmd, jb, NULL, cmd->out->config, err) < 0)
		return -1;
	return count.errors ? 1 : 0;
}
