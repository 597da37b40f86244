/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd.h"

#include "common/auto.h"
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
