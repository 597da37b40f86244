/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd.h"

#include "client.h"

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

int cmd_reserve(const struct cmd *cmd, struct err *err)
{
	if (!cmd->second)
		return err_set(err, ERR_CONFIG,
			       "reserve needs two words: NODE (its name, id or address) and SUBNET "
			       "(as 10.5.1.0/24)");
	return cmd_order(cmd,
			 &(struct cmd_order){ .command = "reserve",
					      .node = cmd->argument,
					      .subnet = cmd->second,
					      .show = cmd->out->reserved },
			 err);
}

int cmd_release(const struct cmd *cmd, struct err *err)
{
	if (!cmd->argument)
		return err_set(err, ERR_CONFIG, "release needs a word: SUBNET (as 10.5.1.0/24)");
	return cmd_order(cmd,
			 &(struct cmd_order){ .command = "release",
					      .subnet = cmd->argument,
					      .show = cmd->out->released },
			 err);
}
