/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands and options of weftctl: the one table from which the parser, the help and the shell
 * completions are made. weftctl(8) is checked against it. Const.
 */
#pragma once

#include "ctl/cmd.h"

#include <stdbool.h>
#include <stddef.h>

/* What a shell completes for an argument or the value of an option. */
enum completes { COMPLETES_NOTHING, COMPLETES_FILE, COMPLETES_DIRECTORY, COMPLETES_NETWORK };

struct command {
	const char *name;
	cmd_fn *run;
	const char *arguments;    /* of the synopsis, without options: "NODE SUBNET" */
	size_t arguments_max;     /* CMDLINE_ARGUMENTS: any number */
	const char *words;        /* of the first argument, separated by blanks; NULL: any text */
	enum completes completes; /* of the last argument, or of any number of them */
	const char *summary;
	const char *details; /* lines of at most 96 columns */
};

struct command_option {
	const char *name;  /* without dashes */
	const char *value; /* "DIR"; NULL: takes none */
	enum completes completes;
	const char *commands; /* that accept it, separated by blanks; NULL: all */
	const char *help;
};

extern const struct command command_table[];
extern const size_t command_table_len;
extern const struct command_option command_options[];
extern const size_t command_options_len;

/* Returns the command with the name, or NULL. */
const struct command *command_find(const char *name);

/* Returns whether the command accepts the option, as one of a list or as one of all commands. */
bool command_accepts(const struct command_option *option, const char *command);

/* Returns whether the option is listed for few commands, and the command is one of them. */
bool command_owns(const struct command_option *option, const char *command);

/* Writes the synopsis to buf: "leave [--force]". Returns buf. */
#define COMMAND_SYNOPSIS_SIZE 256
const char *command_synopsis(const struct command *command, char buf[static COMMAND_SYNOPSIS_SIZE]);
