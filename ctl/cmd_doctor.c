/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd.h"

#include "ctl/client.h"
#include "ctl/doctor.h"
#include "ctl/doctor_facts.h"
#include "ctl/doctor_path.h"
#include "ctl/inventory.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/hash.h"
#include "common/json/json.h"

#include <stdio.h>
#include <time.h>

#define WATCH_S 2

AUTO_DEFINE_VALUE(facts, struct doctor_facts, doctor_facts_free);

/* weftd's answers, or why there are none. */
static int query(const struct cmd *cmd, struct json **status_out, struct json **peers_out,
		 struct err *err)
{
	if (client_query(cmd->run_dir, "status", cmd->network, CLIENT_TIMEOUT_MS, status_out, err) <
	    0)
		return -1;
	return client_query(cmd->run_dir, "peers", cmd->network, CLIENT_TIMEOUT_MS, peers_out, err);
}

/* Adds the findings to the document; -1 also if an answer does not match control.h. */
static int diagnose(const struct cmd *cmd, const struct inventory *inventory,
		    struct doctor_facts *facts, struct jb *jb, bool *good_out, struct err *err)
{
	AUTO(json) struct json *status_answer = NULL;
	AUTO(json) struct json *peers_answer = NULL;
	struct jr status_root, peers_root, status, peers;
	struct err no_answer;

	if (query(cmd, &status_answer, &peers_answer, &no_answer) < 0) {
		/* weftd runs, and has no such network. */
		if (no_answer.code == ERR_CONFIG && cmd->network) {
			*err = no_answer;
			return -1;
		}
		*good_out = doctor_diagnose(no_answer.text, NULL, NULL, facts, jb_root(jb));
		return 0;
	}
	status_root = jr_root(status_answer);
	peers_root = jr_root(peers_answer);
	status = jr_obj(&status_root, "status");
	peers = jr_arr(&peers_root, "peers");
	if (doctor_paths_read(inventory, &peers, &facts->paths, err) < 0 ||
	    (cmd->probe && (doctor_probes_make(&peers, facts, &facts->probes, err) < 0 ||
			    doctor_probes_run(&facts->probes, err) < 0)))
		return -1;
	*good_out = doctor_diagnose(NULL, &status, &peers, facts, jb_root(jb));
	return jr_done(status_answer, ERR_DECODE, err) < 0 ? -1 :
							     jr_done(peers_answer, ERR_DECODE, err);
}

/* Prints the findings. Returns the exit status, or -1. */
static int check(const struct cmd *cmd, struct err *err)
{
	AUTO(facts) struct doctor_facts facts = { .now_s = 0 };
	AUTO(inventory) struct inventory inventory = { .networks = { 0 } };
	AUTO(jb) struct jb *jb = jb_new();
	bool good;

	if (!jb)
		return err_nomem(err, "the findings");
	if (inventory_read(cmd->run_dir, NULL, &inventory, err) < 0 ||
	    doctor_facts_read(cmd->run_dir, &inventory, &facts, err) < 0 ||
	    diagnose(cmd, &inventory, &facts, jb, &good, err) < 0 ||
	    cmd_show_built(cmd, jb, NULL, cmd->out->doctor, err) < 0)
		return -1;
	return good ? 0 : 1;
}

/* Prints the output of a check, unless it differs from the last one only in durations. */
static void print_change(const struct cmd *cmd, const char *text, uint64_t *last)
{
	uint64_t hash = HASH_INIT;
	char when[32];
	time_t now = time(NULL);
	struct tm local;

	for (const char *at = text; *at; at++)
		if (*at < '0' || *at > '9')
			hash = hash_add(hash, at, 1);
	if (hash == *last)
		return;
	*last = hash;
	if (cmd->out == &out_text && localtime_r(&now, &local) &&
	    strftime(when, sizeof(when), "%F %T", &local))
		fprintf(cmd->to.file, "--- %s\n", when);
	fputs(text, cmd->to.file);
	fflush(cmd->to.file);
}

/* Until a signal ends the program, or the output cannot be written. */
static int watch(const struct cmd *cmd, struct err *err)
{
	const struct timespec pause = { .tv_sec = WATCH_S };
	uint64_t last = 0;

	while (!ferror(cmd->to.file)) {
		AUTO(free) char *text = NULL;
		struct cmd once = *cmd;
		size_t size = 0;
		int code;

		once.to.file = open_memstream(&text, &size);
		if (!once.to.file)
			return err_nomem(err, "the output");
		code = check(&once, err);
		if (fclose(once.to.file) != 0)
			return err_nomem(err, "the output");
		if (code < 0)
			return -1;
		print_change(cmd, text, &last);
		nanosleep(&pause, NULL);
	}
	return 1;
}

int cmd_doctor(const struct cmd *cmd, struct err *err)
{
	return cmd->watch ? watch(cmd, err) : check(cmd, err);
}
