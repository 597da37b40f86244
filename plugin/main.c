/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weft, the CNI plugin: the variables and standard input, checked, to one verb; what the verb
 * answers, or the error, to standard output: one document, once, at the very end.
 */
#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/log.h"
#include "plugin/cmd.h"
#include "plugin/env.h"
#include "plugin/netconf.h"
#include "plugin/result.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct verb {
	const char *name;
	unsigned needs;     /* variables; ENV_* */
	enum version since; /* the first version of the configuration that has it */
	bool any_config;    /* does not need one, and stands a wrong one */
	cmd_fn *run;
	cmd_fn *undo; /* after an answer that could not be given; NULL: there is nothing to undo */
};

static const struct verb verbs[] = {
	{ "ADD", ENV_CONTAINERID | ENV_NETNS | ENV_IFNAME, VERSION_0_1_0, false, cmd_add, cmd_del },
	{ "DEL", ENV_CONTAINERID | ENV_IFNAME, VERSION_0_1_0, false, cmd_del, NULL },
	{ "CHECK", ENV_CONTAINERID | ENV_NETNS | ENV_IFNAME, VERSION_0_4_0, false, cmd_check,
	  NULL },
	{ "GC", 0, VERSION_1_1_0, false, cmd_gc, NULL },
	{ "STATUS", 0, VERSION_1_1_0, false, cmd_status, NULL },
	{ "VERSION", 0, VERSION_0_1_0, true, cmd_version, NULL },
};

/* One call of the plugin, as far as it is understood. */
struct call {
	const struct verb *verb; /* NULL: not yet */
	struct env env;
	struct netconf netconf; /* with the version in which to answer, whatever else is wrong */
};

static int find_verb(const char *command, const struct verb **verb_out, struct err *err)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, command) == 0) {
			*verb_out = &verbs[i];
			return 0;
		}
	}
	return err_set(err, ERR_ENV, "unknown CNI_COMMAND: %s", ERR_SHOW(command));
}

static const char *look_up(void *ctx, const char *name)
{
	(void)ctx;
	return getenv(name);
}

static int read_config(struct netconf *netconf, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t size = 0;

	if (fs_read_fd(STDIN_FILENO, "standard input", NETCONF_MAX, &text, &size, err) < 0)
		return -1;
	return netconf_parse(text, size, &netconf->version, netconf, err);
}

static int serve(struct call *call, const char *command, char **answer_out, struct err *err)
{
	struct err unused = ERR_INIT;

	if (find_verb(command, &call->verb, err) < 0 ||
	    env_read(look_up, NULL, call->verb->needs, &call->env, err) < 0)
		return -1;
	if (!call->verb->any_config) {
		if (read_config(&call->netconf, err) < 0)
			return -1;
	} else if (!isatty(STDIN_FILENO)) {
		(void)read_config(&call->netconf, &unused);
	}
	if (call->netconf.version < call->verb->since)
		return err_set(err, ERR_VERSION, "config version does not allow %s",
			       call->verb->name);
	return call->verb->run(&call->env, &call->netconf, answer_out, err);
}

/* ---- Telling ------------------------------------------------------------------------------ */

static int print(const char *text, struct err *err)
{
	if (fs_write_fd(STDOUT_FILENO, "standard output", text, strlen(text), err) < 0)
		return -1;
	return fs_write_fd(STDOUT_FILENO, "standard output", "\n", 1, err);
}

static void print_error(enum version version, const struct err *what)
{
	static const char no_memory[] =
		"{\"cniVersion\":\"1.1.0\",\"code\":108,\"msg\":\"out of memory\"}";
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;

	if (print(result_error_text(version, what, &text, &err) < 0 ? no_memory : text, &err) < 0)
		log_error("an error could not be told", "error", what->text, "because", err.text);
}

/* A runtime that was not told of a container's interface would not know to remove it. */
static void undo(const struct call *call, const struct err *why)
{
	struct err err = ERR_INIT;
	char *unused = NULL;

	log_error("the answer could not be given", "command", call->verb->name, "error", why->text);
	if (call->verb->undo && call->verb->undo(&call->env, &call->netconf, &unused, &err) < 0)
		log_error("what was done could not be undone", "error", err.text);
}

static int answer(const struct call *call, const char *text)
{
	struct err err = ERR_INIT;

	if (!text || print(text, &err) == 0)
		return EXIT_SUCCESS;
	undo(call, &err);
	return EXIT_FAILURE;
}

static int introduce(void)
{
	fprintf(stderr, "CNI weft plugin v%s\nCNI protocol versions supported: ", WEFT_VERSION);
	for (int i = 0; i < VERSIONS; i++)
		fprintf(stderr, "%s%s", i ? ", " : "", version_text((enum version)i));
	fprintf(stderr, "\n");
	return EXIT_SUCCESS;
}

/*
 * A stream that the caller has closed is put in its place by one that fails, or else the next
 * file that is opened would be, and be written to.
 */
static void keep_streams(void)
{
	static const int ways[] = { O_WRONLY, O_RDONLY, O_RDWR };

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			(void)!open("/dev/null", ways[fd]);
	}
}

int main(void)
{
	struct call call = { .verb = NULL, .netconf = NETCONF_INIT };
	const char *command = getenv("CNI_COMMAND");
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;
	int status = EXIT_FAILURE;

	keep_streams();
	signal(SIGPIPE, SIG_IGN);
	if (!command || !*command)
		return introduce();
	if (serve(&call, command, &text, &err) == 0)
		status = answer(&call, text);
	else
		print_error(call.netconf.version, &err);
	netconf_free(&call.netconf);
	return status;
}
