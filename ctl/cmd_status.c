/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd.h"

#include "ctl/client.h"

#include "common/err.h"
#include "common/json/json.h"

#include <string.h>

/* false without networks. */
static bool all_ready(const struct jr *status)
{
	struct jr networks = jr_arr(status, "networks");
	struct jr rules = jr_obj_opt(status, "rules");
	struct jr at;

	if (!jr_is_absent(&rules) && !strcmp(jr_str_opt(&rules, "state", SIZE_MAX, ""), "failed"))
		return false;

	for (size_t i = 0; jr_each(&networks, &i, &at);)
		if (strcmp(jr_str_opt(&at, "state", SIZE_MAX, ""), "ready") != 0)
			return false;
	return jr_len(&networks) > 0;
}

int cmd_status(const struct cmd *cmd, struct err *err)
{
	AUTO(json) struct json *answer = NULL;
	struct jr root, status;
	bool ready;

	if (client_query(cmd->run_dir, "status", cmd->network, CLIENT_TIMEOUT_MS, &answer, err) < 0)
		return -1;
	root = jr_root(answer);
	status = jr_obj(&root, "status");
	ready = all_ready(&status);
	if (cmd_show(cmd, cmd->out->status, &status, err) < 0)
		return -1;
	return ready ? 0 : 1;
}
