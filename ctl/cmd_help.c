/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd.h"

#include "ctl/command_table.h"
#include "ctl/completion.h"

#include "common/build_version.h"
#include "common/err.h"

#define COMMAND_COLUMN 15
#define OPTION_COLUMN 18

int cmd_version(const struct cmd *cmd, struct err *err)
{
	(void)err;
	cmd->out->version(&cmd->to, WEFT_VERSION, build_commit);
	return 0;
}

/* "  --force         leave, cleanup: also if containers are attached". */
static void put_option(FILE *file, const struct command_option *option)
{
	char name[64];

	snprintf(name, sizeof(name), "--%s%s%s", option->name, option->value ? " " : "",
		 option->value ? option->value : "");
	fprintf(file, "  %-*s  ", OPTION_COLUMN, name);
	for (const char *at = option->commands; at && *at; at++) {
		if (*at == ' ')
			fputc(',', file);
		fputc(*at, file);
	}
	fprintf(file, "%s%s\n", option->commands ? ": " : "", option->help);
}

static void put_command(FILE *file, const struct command *command)
{
	char synopsis[COMMAND_SYNOPSIS_SIZE];

	fprintf(file, "Usage: weftctl [OPTION...] %s\n\n%s", command_synopsis(command, synopsis),
		command->details);
}

int cmd_help(const struct cmd *cmd, struct err *err)
{
	const struct command *about = NULL;
	FILE *file = cmd->to.file;

	if (cmd->argument[0]) {
		about = command_find(cmd->argument[0]);
		if (!about) {
			err_set(err, ERR_CONFIG, "unknown command '%s'. Try 'weftctl --help'.",
				ERR_SHOW(cmd->argument[0]));
			return CMD_USAGE;
		}
		put_command(file, about);
	} else {
		fputs("Usage: weftctl [OPTION...] COMMAND [ARGUMENT...]\n\n", file);
		for (size_t i = 0; i < command_table_len; i++)
			fprintf(file, "  %-*s%s\n", COMMAND_COLUMN, command_table[i].name,
				command_table[i].summary);
	}
	fputc('\n', file);
	for (size_t i = 0; i < command_options_len; i++)
		if (!about || command_accepts(&command_options[i], about->name))
			put_option(file, &command_options[i]);
	return 0;
}

int cmd_completion(const struct cmd *cmd, struct err *err)
{
	const char *shell = cmd->argument[0];

	if (completion_write(cmd->to.file, shell))
		return 0;
	err_set(err, ERR_CONFIG, "no completion for shell '%s': use bash, zsh or fish",
		ERR_SHOW(shell));
	return CMD_USAGE;
}
