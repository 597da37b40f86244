/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weftctl: what a person, or a script with --json, asks weftd. Runs one command
 * of the table below, and prints what went wrong.
 */
#include "cmd.h"
#include "out.h"
#include "term.h"
#include "words.h"

#include "common/err.h"
#include "common/state.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXIT_WRONG 1
#define EXIT_USAGE 2

static cmd_fn help;

static int version(const struct cmd *cmd, struct err *err)
{
	(void)err;
	cmd->out->version(&cmd->to, WEFT_VERSION);
	return 0;
}

static const struct command {
	const char *name;
	cmd_fn *run;
	const char *summary;
	const char *more;
} commands[] = {
	{ "status", cmd_status, "how weftd and every network on this node are",
	  "Shows weftd, and for every network: its state, this node's lease, peers, store,\n"
	  "devices and uplink; the packet rules; below, what is wrong.\n"
	  "Exit code 0 when every network is ready and the packet rules stand, else 1.\n" },
	{ "peers", cmd_peers, "the other nodes, and whether the kernel reaches them",
	  "Lists the other nodes of every network. States: programmed (the kernel has all\n"
	  "entries), pending (not yet), refused (ignored, and why).\n"
	  "Exit code 0 when weftd answered, else 1.\n" },
	{ "doctor", cmd_doctor, "what is wrong on this node, and what to do about it",
	  "Looks at weftd, store, lease, uplink, devices, sysctls, the kernel's entries, peers,\n"
	  "packet rules, containers and addresses: a line for each, ok, warning or wrong, with\n"
	  "what to do. Changes nothing; looks at what it can where weftd does not answer.\n"
	  "Exit code 1 where something is wrong, else 0.\n" },
	{ "leases", cmd_leases, "every lease in the store, reservations and refused ones too",
	  "Lists every lease key of every network. States: own, used (a peer), reserved (kept for\n"
	  "a node that has not come), refused (ignored, and why), vanished (gone from the store,\n"
	  "kept for a while). LIVES is for ever for a reservation.\n"
	  "Exit code 0 when weftd answered, else 1.\n" },
	{ "reserve", cmd_reserve, "keep a subnet for a node: NODE SUBNET",
	  "weftctl reserve NODE SUBNET keeps a subnet for a node, for ever: the one that it has, or\n"
	  "a free one, which it takes at its next start. NODE is a name, an id or an address.\n"
	  "Exit code 0 when it was done, else 1.\n" },
	{ "release", cmd_release, "take a reservation, or a dead node's lease, away: SUBNET",
	  "weftctl release SUBNET deletes the key that has it. A node that lives takes its subnet\n"
	  "again, with a lease that ends when it dies.\n"
	  "Exit code 0 when it was done, else 1.\n" },
	{ "leave", cmd_leave, "take this node out of its networks, and end weftd",
	  "Takes this node's keys out of the store, so that the others drop it at once, then its\n"
	  "devices, routes and files; weftd ends, with status 3, and systemd does not start it again\n"
	  "by itself. The node's id stays. With --force also where containers lose their network.\n"
	  "Exit code 0 when it was done, else 1.\n" },
	{ "cleanup", cmd_cleanup, "remove what weft made on this node, without weftd",
	  "Removes devices, routes and published files that weft left on this node; weftd must not\n"
	  "run. Keys in the store, sysctls, addresses in use and the node's id stay.\n"
	  "With --force also where containers lose their network.\n"
	  "Exit code 0 when it was done, else 1.\n" },
	{ "version", version, "the version of weftctl", "Shows the version of weftctl.\n" },
	{ "help", help, "this text, or that of one command",
	  "Says what weftctl can do; weftctl help COMMAND says more about one command.\n" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* NULL with err set where there is none. */
static const struct command *find(const char *name, struct err *err)
{
	char names[ERR_DETAILS_SIZE] = "";
	size_t used = 0;

	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
					 commands[i].name);
	}
	err_set(err, ERR_CONFIG, "\"%s\" is no command; allowed are %s", ERR_SHOW(name), names);
	return NULL;
}

static int help(const struct cmd *cmd, struct err *err)
{
	const struct command *about = cmd->argument ? find(cmd->argument, err) : NULL;
	FILE *file = cmd->to.file;

	if (cmd->argument && !about)
		return EXIT_USAGE;
	fprintf(file, "Usage: weftctl [--run-dir DIR] [--network NAME] [--json] %s\n\n",
		about ? about->name : "COMMAND");
	if (about)
		fputs(about->more, file);
	for (size_t i = 0; !about && i < COMMANDS; i++)
		fprintf(file, "  %-9s%s\n", commands[i].name, commands[i].summary);
	fputs("\n"
	      "  --run-dir DIR  weftd's run directory (default " STATE_RUN_DIR ")\n"
	      "  --network NAME this network alone (default: all of the node)\n"
	      "  --json         JSON instead of tables\n"
	      "  --force        leave, cleanup: though containers lose their network\n"
	      "  --help         this text, or that of a command\n"
	      "  --version      the version of weftctl\n",
	      file);
	return 0;
}

/* Only for eyes, and not where they asked for none (no-color.org). */
static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

static int run(char *const argv[], struct err *err)
{
	const struct command *command;
	struct words words;
	struct cmd cmd;
	int code;

	if (words_parse(argv, &words, err) < 0)
		return EXIT_USAGE;
	command = find(words.command, err);
	if (!command)
		return EXIT_USAGE;
	cmd.run_dir = words.run_dir;
	cmd.network = words.network;
	cmd.argument = words.argument;
	cmd.second = words.second;
	cmd.force = words.force;
	cmd.out = words.json ? &out_json : &out_text;
	cmd.to.file = stdout;
	cmd.to.colour = wants_colour();
	cmd.to.now_s = (uint64_t)time(NULL);
	code = command->run(&cmd, err);
	return code < 0 ? EXIT_WRONG : code;
}

/* Output that did not arrive, as on a full disk, must not look good. */
static int finish(int code, struct err *err)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (!err->code)
		err_set(err, ERR_IO, "the output could not be written");
	return code ? code : EXIT_WRONG;
}

int main(int argc, char *argv[])
{
	struct err err = ERR_INIT;
	int code = finish(run(argv, &err), &err);

	(void)argc;
	if (err.code) {
		fputs("weftctl: ", stderr);
		term_put(stderr, err.text, 0);
		fputc('\n', stderr);
	}
	return code;
}
