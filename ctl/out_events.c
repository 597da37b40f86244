/* SPDX-License-Identifier: Apache-2.0 */
/* Events as text: one line each, so that they can be followed. */
#include "ctl/out_part.h"

#include "common/json/json.h"

#include <string.h>
#include <time.h>

#define TIME_COLUMN 21
#define LEVEL_COLUMN 7

/* In the local time zone, "2026-11-29 12:00:00". */
static void put_time(const struct out_to *to, const struct jr *at)
{
	const time_t seconds = (time_t)jr_count_opt(at, "time", 0);
	char text[32] = "-";
	struct tm local;

	if (localtime_r(&seconds, &local))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
	out_cell(to, text, TIME_COLUMN, TERM_PLAIN);
}

/* Within double quotes, as in weftd's log in the text format. */
static void put_quoted(const struct out_to *to, const char *text)
{
	fputc('"', to->file);
	for (const char *at = text; *at;) {
		const size_t len = strcspn(at, "\"\\");
		char part[OUT_TEXT_MAX + 1];

		snprintf(part, sizeof(part), "%.*s", (int)len, at);
		term_put(to->file, part, 0);
		at += len;
		if (*at)
			fprintf(to->file, "\\%c", *at++);
	}
	fputc('"', to->file);
}

static void put_detail(const struct out_to *to, const struct jr *detail)
{
	const char *text = jr_str(detail, NULL, OUT_TEXT_MAX);

	fprintf(to->file, "  %s=", detail->key);
	if (!*text || strpbrk(text, " =\"\\"))
		put_quoted(to, text);
	else
		term_put(to->file, text, 0);
}

static void put_event(const struct out_to *to, const struct jr *at)
{
	const char *level = jr_str(at, "level", OUT_TEXT_MAX);
	const char *network = jr_str(at, "network", OUT_TEXT_MAX);
	struct jr details = jr_obj(at, "details"), detail;

	put_time(to, at);
	out_cell(to, level, LEVEL_COLUMN, out_mark(level));
	term_put(to->file, network, 0);
	fputs(*network ? ": " : "", to->file);
	term_put(to->file, jr_str(at, "event", OUT_TEXT_MAX), 0);
	for (size_t i = 0; jr_each(&details, &i, &detail);)
		put_detail(to, &detail);
	fputc('\n', to->file);
}

void out_events(const struct out_to *to, const struct jr *at)
{
	struct jr events = jr_arr(at, "events"), event;
	const uint32_t damaged = out_number_at(at, "damaged");

	for (size_t i = 0; jr_each(&events, &i, &event);)
		put_event(to, &event);
	if (damaged)
		fprintf(to->file, "%u damaged line%s skipped\n", damaged, damaged > 1 ? "s" : "");
}
