/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmdline.h"

#include "ctl/command_table.h"

#include "common/array.h"
#include "common/err.h"
#include "common/state.h"

#include <assert.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define TRY_HELP ". Try 'weftctl --help'."

enum { OPERAND = 1, FIRST = 256 }; /* FIRST + i: command_options[i] */

#define OPTIONS_MAX 32

/* The table of getopt(3), also with -h. */
static void fill_options(struct option options[static OPTIONS_MAX + 2])
{
	assert(command_options_len < OPTIONS_MAX);
	for (size_t i = 0; i < command_options_len; i++) {
		options[i] = (struct option){
			.name = command_options[i].name,
			.has_arg = command_options[i].value ? required_argument : no_argument,
			.val = FIRST + (int)i,
		};
		if (!strcmp(command_options[i].name, "help"))
			options[command_options_len] = (struct option){ "h", no_argument, NULL,
									FIRST + (int)i };
	}
	options[command_options_len + 1] = (struct option){ NULL, 0, NULL, 0 };
}

static size_t arguments_max(const char *name)
{
	const struct command *command = command_find(name);

	return command ? command->arguments_max : 0;
}

static int add_operand(struct cmdline *cmdline, const char *word, struct err *err)
{
	if (!cmdline->command) {
		cmdline->command = word;
		return 0;
	}
	for (size_t i = 0; i < arguments_max(cmdline->command); i++) {
		if (!cmdline->argument[i]) {
			cmdline->argument[i] = word;
			return 0;
		}
	}
	return err_set(err, ERR_CONFIG, "unexpected argument '%s'" TRY_HELP, ERR_SHOW(word));
}

static bool is_name(const char *name, const char *word, size_t len)
{
	return strlen(name) == len && !strncmp(name, word, len);
}

/* Refuses abbreviations, which a later version could make ambiguous. */
static bool is_whole_name(const char *word)
{
	const char *name = word + 1 + (word[1] == '-');
	size_t len = strcspn(name, "=");

	for (size_t i = 0; i < command_options_len; i++)
		if (is_name(command_options[i].name, name, len))
			return true;
	return is_name("h", name, len);
}

static int wrong_option(const char *word, int val, struct err *err)
{
	char name[ERR_SHOW_SIZE];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	if (!is_whole_name(word))
		return err_set(err, ERR_CONFIG, "unknown option '%s'" TRY_HELP, ERR_SHOW(name));
	return err_set(err, ERR_CONFIG, "%s %s", name,
		       val == '?' ? "takes no value" : "requires a value");
}

/* Where the values of options go, by name. */
static const struct {
	const char *name;
	size_t text, flag; /* offsets in struct cmdline; 0: none, since command is first */
} targets[] = {
	{ "run-dir", offsetof(struct cmdline, run_dir), 0 },
	{ "network", offsetof(struct cmdline, network), 0 },
	{ "state-dir", offsetof(struct cmdline, state_dir), 0 },
	{ "from", offsetof(struct cmdline, from), 0 },
	{ "count", offsetof(struct cmdline, count), 0 },
	{ "svg", offsetof(struct cmdline, svg), 0 },
	{ "family", offsetof(struct cmdline, family), 0 },
	{ "cni-conf-dir", offsetof(struct cmdline, cni_conf_dir), 0 },
	{ "all", 0, offsetof(struct cmdline, all) },
	{ "follow", 0, offsetof(struct cmdline, follow) },
	{ "probe", 0, offsetof(struct cmdline, probe) },
	{ "explain", 0, offsetof(struct cmdline, explain) },
	{ "watch", 0, offsetof(struct cmdline, watch) },
	{ "json", 0, offsetof(struct cmdline, json) },
	{ "force", 0, offsetof(struct cmdline, force) },
	{ "flannel", 0, offsetof(struct cmdline, flannel) },
	{ "dry-run", 0, offsetof(struct cmdline, dry_run) },
	{ "undo", 0, offsetof(struct cmdline, undo) },
	{ "help", 0, offsetof(struct cmdline, help) },
	{ "version", 0, offsetof(struct cmdline, version) },
};

static void store_option(struct cmdline *cmdline, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		if (strcmp(targets[i].name, name) != 0)
			continue;
		if (targets[i].text)
			memcpy((char *)cmdline + targets[i].text, &optarg, sizeof(optarg));
		else
			*(bool *)((char *)cmdline + targets[i].flag) = true;
	}
}

static int set_option(struct cmdline *cmdline, int val, const char *word, struct err *err)
{
	const struct command_option *option = &command_options[val - FIRST];

	if (option->value && !*optarg)
		return wrong_option(word, ':', err);
	if (!strcmp(option->name, "network") && state_check_network(optarg, err) < 0)
		return err_wrap(err, "--network");
	cmdline->given |= UINT32_C(1) << (val - FIRST);
	store_option(cmdline, option->name);
	return 0;
}

static int add(struct cmdline *cmdline, int val, const char *word, struct err *err)
{
	if (val == OPERAND)
		return add_operand(cmdline, optarg, err);
	if (val < FIRST || !is_whole_name(word))
		return wrong_option(word, val, err);
	return set_option(cmdline, val, word, err);
}

/* Options of other commands only. An unknown command is the caller's error. */
static int check_options(const struct cmdline *cmdline, struct err *err)
{
	if (!command_find(cmdline->command))
		return 0;
	for (size_t i = 0; i < command_options_len; i++)
		if (cmdline->given >> i & 1 &&
		    !command_accepts(&command_options[i], cmdline->command))
			return err_set(err, ERR_CONFIG,
				       "option '--%s' is not for command '%s'" TRY_HELP,
				       command_options[i].name, cmdline->command);
	return 0;
}

/* Refuses a command without an argument that its synopsis has outside of brackets. */
static int check_arguments(const struct cmdline *cmdline, struct err *err)
{
	const struct command *command = command_find(cmdline->command);
	const char *word = command && command->arguments ? command->arguments : "";

	for (size_t i = 0; *word && *word != '['; i++) {
		if (!cmdline->argument[i])
			return err_set(err, ERR_CONFIG, "usage: weftctl %s %s", command->name,
				       command->arguments);
		word += strcspn(word, " ");
		word += strspn(word, " ");
	}
	return 0;
}

int cmdline_parse(int argc, char *const argv[], struct cmdline *cmdline_out, struct err *err)
{
	struct cmdline cmdline = { .run_dir = STATE_RUN_DIR, .state_dir = STATE_DIR };
	struct option options[OPTIONS_MAX + 2];
	const char *word = argv[1];
	int val;

	fill_options(options);
	optind = 0; /* glibc: forget what an earlier call left */
	opterr = 0;
	/*
	 * "-": operands are returned in order, as OPERAND. ":": a missing value is returned as ':'.
	 */
	for (; (val = getopt_long_only(argc, argv, "-:", options, NULL)) != -1;
	     word = argv[optind]) {
		if (add(&cmdline, val, word, err) < 0)
			return -1;
	}
	for (; optind < argc; optind++) /* after "--" */
		if (add_operand(&cmdline, argv[optind], err) < 0)
			return -1;
	if (cmdline.version)
		cmdline.command = "version";
	if (cmdline.help) {
		/* "help --help" shows the overview; "help status --help" is "help status". */
		if (cmdline.command && strcmp(cmdline.command, "help") != 0)
			cmdline.argument[0] = cmdline.command;
		cmdline.command = "help";
	}
	if (!cmdline.command)
		return err_set(err, ERR_CONFIG, "no command given" TRY_HELP);
	if (!cmdline.help && !cmdline.version &&
	    (check_options(&cmdline, err) < 0 || check_arguments(&cmdline, err) < 0))
		return -1;
	*cmdline_out = cmdline;
	return 0;
}
