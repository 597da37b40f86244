/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/out_part.h"

#include "common/array.h"
#include "common/json/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *out_text_at(const struct jr *at, const char *key)
{
	return jr_str_opt(at, key, OUT_TEXT_MAX, "");
}

uint32_t out_number_at(const struct jr *at, const char *key)
{
	return jr_u32_opt(at, key, 0, UINT32_MAX, 0);
}

/* No VNI, port or MTU is 0. */
const char *out_number_text(char buf[static OUT_NUMBER_SIZE], const struct jr *at, const char *key)
{
	uint32_t number = out_number_at(at, key);

	if (!number)
		return "";
	snprintf(buf, OUT_NUMBER_SIZE, "%" PRIu32, number);
	return buf;
}

const char *out_pair_at(char buf[static OUT_PAIR_SIZE], const struct jr *at, const char *key,
			const char *v6_key)
{
	const char *first = out_text_at(at, key), *second = out_text_at(at, v6_key);

	snprintf(buf, OUT_PAIR_SIZE, "%s%s%s", first, *first && *second ? " " : "", second);
	return buf;
}

/* ---- Time ------------------------------------------------------------------------------- */

const char *out_since(char buf[static SPAN_SIZE], const struct out_to *to, uint64_t then_s)
{
	if (!then_s)
		return "-";
	return span_since(buf, then_s, to->now_s);
}

const char *out_ago(char buf[static OUT_AGO_SIZE], const struct out_to *to, uint64_t then_s)
{
	char span[SPAN_SIZE];

	if (!then_s)
		return "-";
	snprintf(buf, OUT_AGO_SIZE, "%s ago", out_since(span, to, then_s));
	return buf;
}

/* ---- Tables ----------------------------------------------------------------------------- */

static void each_row(struct table *table, const struct out_columns *columns,
		     const struct out_to *to, const struct jr *list)
{
	struct jr at;

	for (size_t i = 0; jr_each(list, &i, &at);)
		columns->row(table, to, &at);
}

void out_table(const struct out_columns *columns, const struct out_to *to, const struct jr *list)
{
	struct table table = { .heads = columns->heads, .len = columns->len, .max = to->width };

	each_row(&table, columns, to, list);
	table_print(&table, to->file, to->colour);
	each_row(&table, columns, to, list);
}

enum term_mark out_mark(const char *state)
{
	static const struct {
		const char *state;
		enum term_mark mark;
	} marks[] = {
		{ "ready", TERM_GOOD },   { "installed", TERM_GOOD }, { "own", TERM_GOOD },
		{ "used", TERM_GOOD },    { "ok", TERM_GOOD },        { "starting", TERM_WARN },
		{ "pending", TERM_WARN }, { "reserved", TERM_WARN },  { "vanished", TERM_WARN },
		{ "warning", TERM_WARN }, { "warn", TERM_WARN },      { "degraded", TERM_BAD },
		{ "refused", TERM_BAD },  { "failed", TERM_BAD },     { "error", TERM_BAD },
		{ "lost", TERM_BAD },     { "running", TERM_GOOD },   { "ended", TERM_WARN },
		{ "silent", TERM_BAD },   { "answering", TERM_GOOD },
	};

	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (strcmp(state, marks[i].state) == 0)
			return marks[i].mark;
	return TERM_PLAIN;
}

void out_cell(const struct out_to *to, const char *text, size_t width, enum term_mark mark)
{
	size_t used;

	if (to->colour && mark != TERM_PLAIN)
		term_style(to->file, mark);
	used = term_put(to->file, text, width - 1);
	if (to->colour && mark != TERM_PLAIN)
		term_style(to->file, TERM_PLAIN);
	fprintf(to->file, "%*s", (int)(width - used), "");
}
