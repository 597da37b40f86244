/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd.h"

#include "client.h"

#include "common/control.h"
#include "common/err.h"
#include "common/json.h"

int cmd_leases(const struct cmd *cmd, struct err *err)
{
	AUTO(json) struct json *answer = NULL;
	struct jr root, leases;

	if (client_ask(cmd->run_dir, "leases", cmd->network, CLIENT_TIMEOUT_MS, &answer, err) < 0)
		return -1;
	root = jr_root(answer);
	leases = jr_arr(&root, "leases");
	return cmd_show(cmd, cmd->out->leases, &leases, err);
}

/* One that changes something: node and subnet may be NULL. */
static int order(const struct cmd *cmd, const char *command, const char *node, const char *subnet,
		 struct err *err)
{
	AUTO(json) struct json *answer = NULL;
	AUTO(jb) struct jb *jb = jb_new();
	AUTO_FREE char *request = NULL;
	struct jr root, done;

	if (!jb)
		return err_nomem(err, "the request");
	jb_u32(jb_root(jb), "version", CONTROL_VERSION);
	jb_str(jb_root(jb), "command", command);
	if (node)
		jb_str(jb_root(jb), "node", node);
	jb_str(jb_root(jb), "subnet", subnet);
	if (jb_text(jb, &request, err) < 0 ||
	    client_send(cmd->run_dir, request, CLIENT_ORDER_MS, &answer, err) < 0)
		return -1;
	root = jr_root(answer);
	done = jr_obj(&root, command);
	return cmd_show(cmd, node ? cmd->out->reserved : cmd->out->released, &done, err);
}

int cmd_reserve(const struct cmd *cmd, struct err *err)
{
	if (!cmd->second)
		return err_set(err, ERR_CONFIG,
			       "reserve needs two words: NODE (its name, id or address) and SUBNET "
			       "(as 10.5.1.0/24)");
	return order(cmd, "reserve", cmd->argument, cmd->second, err);
}

int cmd_release(const struct cmd *cmd, struct err *err)
{
	if (!cmd->argument)
		return err_set(err, ERR_CONFIG, "release needs a word: SUBNET (as 10.5.1.0/24)");
	return order(cmd, "release", NULL, cmd->argument, err);
}
