/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd.h"

#include "client.h"
#include "doctor.h"
#include "doctor_facts.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/json.h"

#include <string.h>

#define AUTO_FACTS __attribute__((cleanup(doctor_facts_free)))

/* weftd's answers; -1: why there are none. */
static int ask(const struct cmd *cmd, struct json **status_out, struct json **peers_out,
	       struct err *why)
{
	if (client_ask(cmd->run_dir, "status", cmd->network, CLIENT_TIMEOUT_MS, status_out, why) <
	    0)
		return -1;
	return client_ask(cmd->run_dir, "peers", cmd->network, CLIENT_TIMEOUT_MS, peers_out, why);
}

/* The findings as a document; -1 also where an answer is not as control.h draws it. */
static int judge(const struct cmd *cmd, const struct doctor_facts *facts, char **text_out,
		 bool *good_out, struct err *err)
{
	AUTO(json) struct json *status_answer = NULL;
	AUTO(json) struct json *peers_answer = NULL;
	AUTO(jb) struct jb *jb = jb_new();
	struct jr status_root, peers_root, status, peers;
	struct err why;

	if (!jb)
		return err_nomem(err, "the findings");
	if (ask(cmd, &status_answer, &peers_answer, &why) < 0) {
		*good_out = doctor_judge(why.text, NULL, NULL, facts, jb_root(jb));
		return jb_text(jb, text_out, err);
	}
	status_root = jr_root(status_answer);
	peers_root = jr_root(peers_answer);
	status = jr_obj(&status_root, "status");
	peers = jr_arr(&peers_root, "peers");
	*good_out = doctor_judge(NULL, &status, &peers, facts, jb_root(jb));
	if (jr_done(status_answer, ERR_DECODE, err) < 0 ||
	    jr_done(peers_answer, ERR_DECODE, err) < 0)
		return -1;
	return jb_text(jb, text_out, err);
}

int cmd_doctor(const struct cmd *cmd, struct err *err)
{
	AUTO_FACTS struct doctor_facts facts = { .now_s = 0 };
	AUTO(json) struct json *json = NULL;
	AUTO_FREE char *text = NULL;
	struct jr findings;
	bool good;

	if (doctor_facts_read(cmd->run_dir, &facts, err) < 0 ||
	    judge(cmd, &facts, &text, &good, err) < 0 ||
	    json_parse(text, strlen(text), SIZE_MAX, JSON_STRICT, "the findings", &json, err) < 0)
		return -1;
	findings = jr_root(json);
	if (cmd_show(cmd, cmd->out->doctor, &findings, err) < 0)
		return -1;
	return good ? 0 : 1;
}
