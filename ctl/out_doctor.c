/* SPDX-License-Identifier: Apache-2.0 */
/* doctor's findings for people (out.h): a line for each, and below it what to do. */
#include "out.h"

#include "term.h"

#include "common/json.h"

#include <string.h>

#define TEXT_MAX 4096

static enum term_mark mark_of(const char *state)
{
	return strcmp(state, "ok") == 0      ? TERM_GOOD :
	       strcmp(state, "warning") == 0 ? TERM_WARN :
					       TERM_BAD;
}

/* A text in a column of that width. */
static void put_cell(const struct out_to *to, const char *text, size_t width, enum term_mark mark)
{
	size_t used;

	if (to->colour && mark != TERM_PLAIN)
		term_look(to->file, mark);
	used = term_put(to->file, text, width - 1);
	if (to->colour && mark != TERM_PLAIN)
		term_look(to->file, TERM_PLAIN);
	fprintf(to->file, "%*s", (int)(width - used), "");
}

static void put_finding(const struct out_to *to, const struct jr *at)
{
	const char *state = jr_str(at, "state", TEXT_MAX);
	const char *network = jr_str_opt(at, "network", TEXT_MAX, "");
	const char *remedy = jr_str_opt(at, "remedy", TEXT_MAX, "");

	put_cell(to, state, 9, mark_of(state));
	put_cell(to, jr_str(at, "check", TEXT_MAX), 12, TERM_PLAIN);
	if (*network) {
		term_put(to->file, network, 0);
		fputs(": ", to->file);
	}
	term_put(to->file, jr_str(at, "text", TEXT_MAX), 0);
	fputc('\n', to->file);
	if (!*remedy)
		return;
	fprintf(to->file, "%*s-> ", 21, "");
	term_put(to->file, remedy, 0);
	fputc('\n', to->file);
}

void out_doctor_text(const struct out_to *to, const struct jr *findings)
{
	struct jr list = jr_arr(findings, "findings"), at;

	for (size_t i = 0; jr_each(&list, &i, &at);)
		put_finding(to, &at);
}
