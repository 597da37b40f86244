/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd.h"

#include "client.h"

#include "common/auto.h"
#include "common/control.h"
#include "common/err.h"
#include "common/json.h"

int cmd_show(const struct cmd *cmd, out_fn *show, const struct jr *at, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	struct out_to memory = cmd->to;

	memory.file = open_memstream(&text, &size);
	if (!memory.file)
		return err_nomem(err, "the output");
	show(&memory, at);
	if (fclose(memory.file) != 0)
		return err_nomem(err, "the output");
	if (jr_done(at->json, ERR_DECODE, err) < 0)
		return -1;
	fwrite(text, 1, size, cmd->to.file);
	return 0;
}

int cmd_order(const struct cmd *cmd, const struct cmd_order *order, struct err *err)
{
	AUTO(json) struct json *answer = NULL;
	AUTO(jb) struct jb *jb = jb_new();
	AUTO_FREE char *request = NULL;
	struct jr root, done;

	if (!jb)
		return err_nomem(err, "the request");
	jb_u32(jb_root(jb), "version", CONTROL_VERSION);
	jb_str(jb_root(jb), "command", order->command);
	if (order->node)
		jb_str(jb_root(jb), "node", order->node);
	if (order->subnet)
		jb_str(jb_root(jb), "subnet", order->subnet);
	if (order->force)
		jb_bool(jb_root(jb), "force", true);
	if (jb_text(jb, &request, err) < 0 ||
	    client_send(cmd->run_dir, request, CLIENT_ORDER_MS, &answer, err) < 0)
		return -1;
	root = jr_root(answer);
	done = jr_obj(&root, order->command);
	return cmd_show(cmd, order->show, &done, err);
}
