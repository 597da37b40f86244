/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd.h"

#include "ctl/client.h"

#include "common/control.h"
#include "common/err.h"
#include "common/ipaddr.h"
#include "common/json/json.h"

#include <string.h>

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

static int check_subnet(const char *text, struct err *err)
{
	struct prefix subnet;

	return prefix_parse(text, &subnet, err) < 0 ? err_wrap(err, "SUBNET") : 0;
}

static int check_node(const char *text, struct err *err)
{
	if (!*text)
		return err_set(err, ERR_CONFIG, "NODE: \"\" is not a name, an id or an address");
	if (strlen(text) > CONTROL_NODE_MAX)
		return err_set(err, ERR_CONFIG, "NODE: \"%.60s\"... is longer than %d bytes", text,
			       CONTROL_NODE_MAX);
	return 0;
}

int cmd_reserve(const struct cmd *cmd, struct err *err)
{
	if (check_node(cmd->argument[0], err) < 0 || check_subnet(cmd->argument[1], err) < 0)
		return CMD_USAGE;
	return cmd_command(cmd,
			   &(struct cmd_command){ .name = "reserve",
						  .node = cmd->argument[0],
						  .subnet = cmd->argument[1],
						  .show = cmd->out->reserved },
			   err);
}

int cmd_release(const struct cmd *cmd, struct err *err)
{
	if (check_subnet(cmd->argument[0], err) < 0)
		return CMD_USAGE;
	return cmd_command(cmd,
			   &(struct cmd_command){ .name = "release",
						  .subnet = cmd->argument[0],
						  .show = cmd->out->released },
			   err);
}
