/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd.h"

#include "ctl/client.h"

#include "common/auto.h"
#include "common/control.h"
#include "common/err.h"
#include "common/json/json.h"

#include <string.h>

int cmd_show(const struct cmd *cmd, out_fn *show, const struct jr *at, struct err *err)
{
	AUTO(free) char *text = NULL;
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

int cmd_show_built(const struct cmd *cmd, struct jb *jb, const char *key, out_fn *show,
		   struct err *err)
{
	AUTO(json) struct json *json = NULL;
	AUTO(free) char *text = NULL;
	struct jr root, at;

	if (jb_text(jb, &text, err) < 0 ||
	    json_parse(text, strlen(text), SIZE_MAX, JSON_STRICT, "the output", &json, err) < 0)
		return -1;
	root = jr_root(json);
	if (!key)
		return cmd_show(cmd, show, &root, err);
	at = jr_arr(&root, key);
	return cmd_show(cmd, show, &at, err);
}

int cmd_command(const struct cmd *cmd, const struct cmd_command *command, struct err *err)
{
	AUTO(json) struct json *answer = NULL;
	AUTO(jb) struct jb *jb = jb_new();
	AUTO(free) char *request = NULL;
	struct jr root, done;

	if (!jb)
		return err_nomem(err, "the request");
	jb_u32(jb_root(jb), "version", CONTROL_VERSION);
	jb_str(jb_root(jb), "command", command->name);
	if (command->node)
		jb_str(jb_root(jb), "node", command->node);
	if (command->subnet)
		jb_str(jb_root(jb), "subnet", command->subnet);
	if (command->force)
		jb_bool(jb_root(jb), "force", true);
	if (jb_text(jb, &request, err) < 0 ||
	    client_send(cmd->run_dir, request, CLIENT_COMMAND_MS, &answer, err) < 0)
		return -1;
	root = jr_root(answer);
	done = jr_obj(&root, command->name);
	return cmd_show(cmd, command->show, &done, err);
}
