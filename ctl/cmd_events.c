/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd.h"

#include "ctl/event_list.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/event_file.h"
#include "common/json/json.h"
#include "common/parse.h"

#include <poll.h>
#include <string.h>

#define COUNT_DEFAULT 100
#define COUNT_MAX 100000
#define FOLLOW_MS 250

AUTO_DEFINE_VALUE(event_file_reader, struct event_file_reader, event_file_reader_close);

static int show(const struct cmd *cmd, const struct event_texts *texts, size_t max, out_fn *out,
		struct err *err)
{
	const struct event_selection selection = { .network = cmd->network, .max = max };
	AUTO(jb) struct jb *jb = jb_new();
	size_t damaged = 0;

	if (!jb)
		return err_nomem(err, "the events");
	if (event_list(texts, &selection, jb_arr(jb_root(jb), "events"), &damaged, err) < 0)
		return -1;
	jb_count(jb_root(jb), "damaged", damaged);
	return cmd_show_built(cmd, jb, NULL, out, err);
}

static int show_last(const struct cmd *cmd, struct event_file_reader *reader, size_t max,
		     out_fn *out, struct err *err)
{
	AUTO(free) char *former = NULL;
	AUTO(free) char *current = NULL;
	struct event_texts texts = { .text = { NULL } };

	if (event_file_read_former(reader, &former, &texts.size[0], err) < 0 ||
	    event_file_read(reader, &current, &texts.size[1], err) < 0)
		return -1;
	texts.text[0] = former;
	texts.text[1] = current;
	return show(cmd, &texts, max, out, err);
}

static int follow(const struct cmd *cmd, struct event_file_reader *reader, struct err *err)
{
	while (fflush(cmd->to.file) == 0) {
		AUTO(free) char *text = NULL;
		struct event_texts texts = { .text = { NULL } };

		if (event_file_read(reader, &text, &texts.size[1], err) < 0)
			return -1;
		texts.text[1] = text;
		if (texts.size[1] && show(cmd, &texts, SIZE_MAX, cmd->out->event_lines, err) < 0)
			return -1;
		if (!texts.size[1])
			poll(NULL, 0, FOLLOW_MS);
	}
	return 1; /* main.c reports the failed write */
}

int cmd_events(const struct cmd *cmd, struct err *err)
{
	AUTO(event_file_reader) struct event_file_reader reader = EVENT_FILE_READER_INIT;
	uint64_t max = COUNT_DEFAULT;

	if (cmd->count && parse_u64(cmd->count, 0, COUNT_MAX, &max, err) < 0) {
		err_wrap(err, "--count");
		return CMD_USAGE;
	}
	if (event_file_reader_open(&reader, cmd->run_dir, err) < 0)
		return -1;
	if (show_last(cmd, &reader, max, cmd->follow ? cmd->out->event_lines : cmd->out->events,
		      err) < 0)
		return -1;
	return cmd->follow ? follow(cmd, &reader, err) : 0;
}
