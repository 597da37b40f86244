/* SPDX-License-Identifier: Apache-2.0 */
/* A trace as text: the places one below the other, the steps in them, and the outer headers. */
#include "ctl/out_part.h"

#include "common/json/json.h"

#include <string.h>

#define STATE_WIDTH 9
#define STEP_WIDTH 12
#define INDENT (4 + STATE_WIDTH + STEP_WIDTH)

static void put_ends(const struct out_to *to, const struct jr *trace)
{
	const char *from = out_text_at(trace, "from");

	term_put(to->file, *from ? from : "this host", 0);
	fputs(" (", to->file);
	term_put(to->file, out_text_at(trace, "source"), 0);
	fputs(") to ", to->file);
	term_put(to->file, out_text_at(trace, "to"), 0);
	if (*out_text_at(trace, "network")) {
		fputs(", network ", to->file);
		term_put(to->file, out_text_at(trace, "network"), 0);
	}
	fputc('\n', to->file);
}

static void put_place(const struct out_to *to, const char *place, bool first)
{
	fputs(first ? "\n" : "  |\n  v\n", to->file);
	if (to->colour)
		term_style(to->file, TERM_HEAD);
	term_put(to->file, place, 0);
	if (to->colour)
		term_style(to->file, TERM_PLAIN);
	fputc('\n', to->file);
}

static void put_line(const struct out_to *to, const char *before, const char *text)
{
	fprintf(to->file, "  | %*s%s", INDENT - 4, "", before);
	term_wrap(to->file, text, INDENT + strlen(before), to->width);
	fputc('\n', to->file);
}

static void put_step(const struct out_to *to, const struct jr *step)
{
	const char *state = out_text_at(step, "state"), *remedy = out_text_at(step, "remedy");

	fputs("  | ", to->file);
	out_cell(to, state, STATE_WIDTH, out_mark(state));
	out_cell(to, out_text_at(step, "step"), STEP_WIDTH, TERM_PLAIN);
	term_wrap(to->file, out_text_at(step, "text"), INDENT, to->width);
	fputc('\n', to->file);
	if (*remedy)
		put_line(to, "-> ", remedy);
	if (to->explain)
		put_line(to, "   ", out_text_at(step, "explain"));
}

static void put_outer(const struct out_to *to, const struct jr *trace)
{
	struct jr outer = jr_obj_opt(trace, "outer");

	if (jr_is_absent(&outer))
		return;
	fputs("\nouter header  IP ", to->file);
	term_put(to->file, out_text_at(&outer, "source"), 0);
	fputs(" > ", to->file);
	term_put(to->file, out_text_at(&outer, "destination"), 0);
	fprintf(to->file, " | UDP port %u | VXLAN VNI %u\n", out_number_at(&outer, "port"),
		out_number_at(&outer, "vni"));
	fputs("inner frame   ", to->file);
	term_put(to->file, out_text_at(&outer, "inner_source_mac"), 0);
	fputs(" > ", to->file);
	term_put(to->file, out_text_at(&outer, "inner_destination_mac"), 0);
	fputs(" | IP ", to->file);
	term_put(to->file, out_text_at(trace, "source"), 0);
	fputs(" > ", to->file);
	term_put(to->file, out_text_at(trace, "to"), 0);
	fputc('\n', to->file);
}

/* What the node of the destination has seen. */
static void put_remote(const struct out_to *to, const struct jr *probe)
{
	const char *const keys[] = { "text", "remedy" };
	struct jr remote = jr_obj_opt(probe, "remote");

	for (size_t i = 0; !jr_is_absent(&remote) && i < 2; i++) {
		const char *text = out_text_at(&remote, keys[i]);

		if (!*text)
			continue;
		fputs(i ? "       -> " : "       ", to->file);
		term_wrap(to->file, text, i ? 10 : 7, to->width);
		fputc('\n', to->file);
	}
}

static void put_probes(const struct out_to *to, const struct jr *trace)
{
	struct jr list = jr_arr_opt(trace, "probe"), at;

	if (!jr_is_absent(&list))
		fputc('\n', to->file);
	for (size_t i = 0; jr_each(&list, &i, &at);) {
		const char *state = out_text_at(&at, "state");

		fputs("probe  ", to->file);
		out_cell(to, state, STATE_WIDTH, out_mark(state));
		term_put(to->file, out_text_at(&at, "packet"), 0);
		fputs(": ", to->file);
		term_put(to->file, out_text_at(&at, "text"), 0);
		fputc('\n', to->file);
		put_remote(to, &at);
	}
}

void out_trace(const struct out_to *to, const struct jr *trace)
{
	struct jr steps = jr_arr(trace, "steps"), at;
	const char *place = "", *lost = out_text_at(trace, "lost_at");
	const bool delivered = jr_bool_opt(trace, "delivered", false);

	put_ends(to, trace);
	for (size_t i = 0; jr_each(&steps, &i, &at);) {
		const char *here = out_text_at(&at, "place");

		if (strcmp(here, place) != 0)
			put_place(to, here, !*place);
		place = here;
		put_step(to, &at);
	}
	put_outer(to, trace);
	put_probes(to, trace);
	fprintf(to->file, "\n%s%s%s\n",
		delivered ? "no step loses the packet" : "LOST at the step ", delivered ? "" : lost,
		strcmp(out_text_at(trace, "compared_with"), "snapshot") ?
			"" :
			" (compared with the snapshot of the leases: weftd did not answer)");
}
