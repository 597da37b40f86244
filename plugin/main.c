/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weft, the CNI plugin. Reads and checks the CNI_* variables and standard input, runs one verb, and
 * writes one document to standard output as its last step: the verb's output, or the error.
 */
#include "common/array.h"
#include "common/auto.h"
#include "common/build_version.h"
#include "common/call_log.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/log.h"
#include "plugin/cmd.h"
#include "plugin/cni_result.h"
#include "plugin/container_event.h"
#include "plugin/delegate.h"
#include "plugin/env.h"
#include "plugin/netconf.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct verb {
	const char *name;
	unsigned needs;     /* variables; ENV_* */
	enum version since; /* the first version of the configuration that has it */
	bool any_config;    /* a configuration is optional and may be invalid */
	cmd_fn *run;
	enum call_verb recorded;
	bool event;   /* its failure is an event of the node */
	cmd_fn *undo; /* run if the output cannot be written; NULL: nothing to undo */
};

static const struct verb verbs[] = {
	{ "ADD", ENV_CONTAINERID | ENV_NETNS | ENV_IFNAME, VERSION_0_1_0, false, cmd_add, CALL_ADD,
	  true, cmd_del },
	{ "DEL", ENV_CONTAINERID | ENV_IFNAME, VERSION_0_1_0, false, cmd_del, CALL_DEL, true,
	  NULL },
	{ "CHECK", ENV_CONTAINERID | ENV_NETNS | ENV_IFNAME, VERSION_0_4_0, false, cmd_check,
	  CALL_CHECK, true, NULL },
	{ "GC", 0, VERSION_1_1_0, false, cmd_gc, CALL_GC, true, NULL },
	{ "STATUS", 0, VERSION_1_1_0, false, cmd_status, CALL_STATUS, false, NULL },
	{ "VERSION", 0, VERSION_0_1_0, true, cmd_version, CALL_VERSION, false, NULL },
};

/* One invocation of the plugin, as far as it has been parsed. */
struct call {
	const struct verb *verb; /* NULL: not parsed yet */
	struct env env;
	struct netconf netconf; /* its version, if parsed, is that of the output */
};

static int find_verb(const char *command, const struct verb **verb_out, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
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
	AUTO(free) char *text = NULL;
	size_t size = 0;

	if (fs_read_fd(STDIN_FILENO, "standard input", NETCONF_MAX, &text, &size, err) < 0)
		return -1;
	return netconf_parse(text, size, &netconf->version, netconf, err);
}

static int run(struct call *call, const char *command, char **output_out, struct err *err)
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
	/* Before any lock: the weft that waits for this process may hold it. */
	if (!call->verb->any_config && delegate_check_nesting(err) < 0)
		return -1;
	return call->verb->run(&call->env, &call->netconf, output_out, err);
}

/* ---- Output ------------------------------------------------------------------------------- */

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
	AUTO(free) char *text = NULL;
	struct err err = ERR_INIT;

	if (print(cni_result_error_text(version, what, &text, &err) < 0 ? no_memory : text, &err) <
	    0)
		log_error("cannot write an error to standard output", "message", what->text,
			  "error", err.text);
}

/* Without its result, a runtime may not run DEL: the attachment would leak. */
static void undo(const struct call *call, const struct err *cause)
{
	struct err err = ERR_INIT;
	char *unused = NULL;

	log_error("cannot write the result to standard output", "command", call->verb->name,
		  "error", cause->text);
	if (call->verb->undo && call->verb->undo(&call->env, &call->netconf, &unused, &err) < 0)
		log_error("rollback incomplete", "error", err.text);
}

static int write_output(const struct call *call, const char *text)
{
	struct err err = ERR_INIT;

	if (!text || print(text, &err) == 0)
		return EXIT_SUCCESS;
	undo(call, &err);
	return EXIT_FAILURE;
}

static int print_version(void)
{
	fprintf(stderr, "CNI weft plugin v%s\nCNI protocol versions supported: ", build_version);
	for (int i = 0; i < VERSIONS; i++)
		fprintf(stderr, "%s%s", i ? ", " : "", version_text((enum version)i));
	fprintf(stderr, "\n");
	return EXIT_SUCCESS;
}

/*
 * Opens /dev/null in place of each standard stream that the caller has closed: otherwise the next
 * opened file would get its number, and be written to. The mode makes the expected use fail.
 */
static void keep_streams(void)
{
	static const int modes[] = { O_WRONLY, O_RDONLY, O_RDWR };

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			(void)!open("/dev/null", modes[fd]);
	}
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The last step, after the output: only the end of the process waits for it. */
static void record_call(const struct call *call, const struct err *err, int status,
			uint64_t began_us)
{
	enum call_outcome outcome = call_outcome_of(err->code ? err_cni_code(err->code) : 0);
	struct call_record record;

	if (!call->verb || !call->netconf.run_dir)
		return;
	if (status != EXIT_SUCCESS && outcome == CALL_SUCCESS)
		outcome = CALL_ERROR; /* the output could not be written */
	record = call_record(call->verb->recorded, outcome, now_us() - began_us);
	call_log_append(call->netconf.run_dir, &record);
	/*
	 * Not of STATUS, which runtimes call every few seconds: a network that is not ready is an
	 * event.
	 */
	if (err->code && call->verb->event)
		container_event_failed(&call->netconf, &call->env, call->verb->name, err);
}

int main(void)
{
	struct call call = { .verb = NULL, .netconf = NETCONF_INIT };
	const char *command = getenv("CNI_COMMAND");
	AUTO(free) char *text = NULL;
	struct err err = ERR_INIT;
	uint64_t began_us = now_us();
	int status = EXIT_FAILURE;

	keep_streams();
	signal(SIGPIPE, SIG_IGN);
	if (!command || !*command)
		return print_version();
	if (run(&call, command, &text, &err) == 0)
		status = write_output(&call, text);
	else
		print_error(call.netconf.version, &err);
	record_call(&call, &err, status, began_us);
	netconf_free(&call.netconf);
	return status;
}
