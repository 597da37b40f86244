/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd.h"

#include "ctl/client.h"

#include "common/err.h"
#include "common/json/json.h"

int cmd_peers(const struct cmd *cmd, struct err *err)
{
	AUTO(json) struct json *answer = NULL;
	struct jr root, peers;

	if (client_query(cmd->run_dir, "peers", cmd->network, CLIENT_TIMEOUT_MS, &answer, err) < 0)
		return -1;
	root = jr_root(answer);
	peers = jr_arr(&root, "peers");
	return cmd_show(cmd, cmd->out->peers, &peers, err);
}
