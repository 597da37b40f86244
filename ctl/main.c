/* SPDX-License-Identifier: Apache-2.0 */
/* weftctl: queries and controls weftd. Runs one command of the table (command_table.h). */
#include "ctl/cmd.h"
#include "ctl/cmdline.h"
#include "ctl/command_table.h"
#include "ctl/out.h"
#include "ctl/term.h"

#include "common/err.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* On a terminal, unless NO_COLOR is set (no-color.org). */
static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

static int run(int argc, char *const argv[], struct err *err)
{
	const struct command *command;
	struct cmdline cmdline;
	struct cmd cmd;
	int code;

	if (cmdline_parse(argc, argv, &cmdline, err) < 0)
		return CMD_USAGE;
	command = command_find(cmdline.command);
	if (!command) {
		err_set(err, ERR_CONFIG, "unknown command '%s'. Try 'weftctl --help'.",
			ERR_SHOW(cmdline.command));
		return CMD_USAGE;
	}
	cmd.run_dir = cmdline.run_dir;
	cmd.network = cmdline.network;
	memcpy(cmd.argument, cmdline.argument, sizeof(cmd.argument));
	cmd.from = cmdline.from;
	cmd.state_dir = cmdline.state_dir;
	cmd.count = cmdline.count;
	cmd.svg = cmdline.svg;
	cmd.family = cmdline.family;
	cmd.cni_conf_dir = cmdline.cni_conf_dir;
	cmd.follow = cmdline.follow;
	cmd.probe = cmdline.probe;
	cmd.watch = cmdline.watch;
	cmd.force = cmdline.force;
	cmd.flannel = cmdline.flannel;
	cmd.dry_run = cmdline.dry_run;
	cmd.undo = cmdline.undo;
	cmd.out = cmdline.json ? &out_json : &out_text;
	cmd.to.file = stdout;
	cmd.to.colour = wants_colour();
	cmd.to.width = term_width(STDOUT_FILENO);
	cmd.to.all = cmdline.all;
	cmd.to.explain = cmdline.explain;
	cmd.to.now_s = (uint64_t)time(NULL);
	code = command->run(&cmd, err);
	return code < 0 ? EXIT_FAILURE : code;
}

/* A failed write, such as on a full disk, must not exit with 0. */
static int finish(int code, struct err *err)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (!err->code)
		err_set(err, ERR_IO, "cannot write the output");
	return code ? code : EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
	struct err err = ERR_INIT;
	int code = finish(run(argc, argv, &err), &err);

	if (err.code) {
		fputs("weftctl: ", stderr);
		term_put(stderr, err.text, 0);
		fputc('\n', stderr);
	}
	return code;
}
