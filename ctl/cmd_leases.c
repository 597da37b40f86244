/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd.h"

#include "ctl/client.h"

#include "common/err.h"
#include "common/json/json.h"

int cmd_leases(const struct cmd *cmd, struct err *err)
{
	AUTO(json) struct json *answer = NULL;
	struct jr root, leases;

	if (client_query(cmd->run_dir, "leases", cmd->network, CLIENT_TIMEOUT_MS, &answer, err) < 0)
		return -1;
	root = jr_root(answer);
	leases = jr_arr(&root, "leases");
	return cmd_show(cmd, cmd->out->leases, &leases, err);
}

int cmd_reserve(const struct cmd *cmd, struct err *err)
{
	if (!cmd->argument[1])
		return err_set(err, ERR_CONFIG, "usage: weftctl reserve NODE SUBNET");
	return cmd_command(cmd,
			   &(struct cmd_command){ .name = "reserve",
						  .node = cmd->argument[0],
						  .subnet = cmd->argument[1],
						  .show = cmd->out->reserved },
			   err);
}

int cmd_release(const struct cmd *cmd, struct err *err)
{
	if (!cmd->argument[0])
		return err_set(err, ERR_CONFIG, "usage: weftctl release SUBNET");
	return cmd_command(cmd,
			   &(struct cmd_command){ .name = "release",
						  .subnet = cmd->argument[0],
						  .show = cmd->out->released },
			   err);
}
