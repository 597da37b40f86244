/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map as text: the numbers, a matrix with a row for each node that measured, and the worst links.
 * A matrix that is too wide for values has one character for each link; one that is too wide for
 * these, too, is left out, or with --all broken into blocks of columns.
 */
#include "ctl/out_part.h"

#include "ctl/map.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/json/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WIDTH_ASSUMED 160 /* columns, if the output is not a terminal */
#define NAME_MAX_COLUMNS 20
#define VALUE_COLUMNS 6
#define DUAL_COLUMNS 8 /* with the family */
#define WORST_SHOWN 10
#define NAMES_SHOWN 10

struct matrix {
	const struct out_to *to;
	const struct map *map;
	const struct map_stats *stats;
	size_t label; /* columns of the labels */
	size_t digits;
	size_t cell;  /* columns of a cell; 0: no matrix */
	size_t value; /* of one with a value */
};

/* ---- Numbers ---------------------------------------------------------------------------- */

/* The links that are worse in one family than in the other. */
static void put_only(const struct out_to *to, const struct map_stats *stats)
{
	size_t count[FAMILIES] = { 0 };

	for (enum family f = 0; f < FAMILIES; f++)
		for (size_t state = MAP_SLOW; state < MAP_STATES; state++)
			count[f] += stats->only[f][state];
	if (count[FAMILY_V4] || count[FAMILY_V6])
		fprintf(to->file, "worse in one family: %zu in IPv4, %zu in IPv6\n",
			count[FAMILY_V4], count[FAMILY_V6]);
}

static void put_numbers(const struct out_to *to, const struct map *map,
			const struct map_stats *stats)
{
	char median[MAP_RTT_SIZE], most[MAP_RTT_SIZE], longest[MAP_RTT_SIZE];
	const size_t *links = stats->links;

	if (*map->network) {
		fputs("network ", to->file);
		term_put(to->file, map->network, 0);
		fputs(", ", to->file);
	}
	fprintf(to->file, "%zu node%s", map->nodes.len, map->nodes.len == 1 ? "" : "s");
	if (*map->node) {
		fputs(", from ", to->file);
		term_put(to->file, map->node, 0);
	}
	if (map_is_dual(map))
		fputs(", the worse of IPv4 and IPv6", to->file);
	else if (map->dual)
		fprintf(to->file, ", %s", map_family_text(map->family));
	fprintf(to->file,
		"\nlinks: %zu without loss, of these %zu slow; %zu with loss, %zu without an answer, "
		"%zu not measured\n",
		links[MAP_GOOD] + links[MAP_SLOW], links[MAP_SLOW], links[MAP_LOSS],
		links[MAP_NO_ANSWER], links[MAP_UNKNOWN]);
	put_only(to, stats);
	if (stats->answered)
		fprintf(to->file, "round trip: median %s ms, 95 %% within %s ms, longest %s ms\n",
			map_rtt_text(median, stats->median_us), map_rtt_text(most, stats->most_us),
			map_rtt_text(longest, stats->longest_us));
	if (!map->links.len)
		fputs("no link was measured: start weftd with --probe on every node, and wait for a "
		      "minute\n",
		      to->file);
}

/* ---- Matrix ----------------------------------------------------------------------------- */

static enum term_mark mark_of(enum map_state state)
{
	static const enum term_mark marks[MAP_STATES] = {
		[MAP_UNKNOWN] = TERM_PLAIN, [MAP_GOOD] = TERM_GOOD,     [MAP_SLOW] = TERM_WARN,
		[MAP_LOSS] = TERM_BAD,      [MAP_NO_ANSWER] = TERM_BAD,
	};

	return marks[state];
}

/* One character: "." "~" "+" "1" to "9" "X" "?". */
static char sign_of(const struct map_link *link, enum map_state state)
{
	static const char signs[MAP_STATES] = {
		[MAP_UNKNOWN] = '?', [MAP_GOOD] = '.',      [MAP_SLOW] = '~',
		[MAP_LOSS] = '+',    [MAP_NO_ANSWER] = 'X',
	};
	const unsigned tens = state == MAP_LOSS ? map_loss_percent(link) / 10 : 0;

	return tens ? (char)('0' + tens) : signs[state];
}

static void put_marked(const struct out_to *to, const char *text, enum term_mark mark)
{
	const bool coloured = to->colour && mark != TERM_PLAIN;

	if (coloured)
		term_style(to->file, mark);
	fputs(text, to->file);
	if (coloured)
		term_style(to->file, TERM_PLAIN);
}

/* "/6" if a link is in its state in IPv6 only. */
static const char *family_mark(const struct matrix *matrix, const struct map_link *link)
{
	const uint8_t only = map_is_dual(matrix->map) ? map_only_family(link, matrix->stats) :
							AF_UNSPEC;

	return only == AF_INET6 ? "/6" : only ? "/4" : "";
}

static void put_cell(const struct matrix *matrix, size_t from, size_t to, bool first)
{
	const struct map_link *link = map_link(matrix->map, from, to);
	const enum map_state state = map_state(link, matrix->stats);
	char text[MAP_RTT_SIZE + 16], rtt[MAP_RTT_SIZE];

	if (from == to)
		snprintf(text, sizeof(text), " ");
	else if (matrix->cell < VALUE_COLUMNS)
		snprintf(text, sizeof(text), "%c", sign_of(link, state));
	else if (state == MAP_UNKNOWN || state == MAP_NO_ANSWER)
		snprintf(text, sizeof(text), "%c%s", sign_of(link, state),
			 family_mark(matrix, link));
	else if (state == MAP_LOSS)
		snprintf(text, sizeof(text), "%u%%%s", map_loss_percent(link),
			 family_mark(matrix, link));
	else
		snprintf(text, sizeof(text), "%s%s%s", state == MAP_SLOW ? "~" : "",
			 map_rtt_text(rtt, link->rtt_us), family_mark(matrix, link));
	if (matrix->cell >= VALUE_COLUMNS && strlen(text) < matrix->value)
		fprintf(matrix->to->file, "%*s", (int)(matrix->value - strlen(text)), "");
	if (matrix->cell == 2 && !first)
		fputc(' ', matrix->to->file);
	put_marked(matrix->to, text, from == to ? TERM_PLAIN : mark_of(state));
}

/* The numbers of the columns: in one line, or with one line for each digit. */
static void put_heads(const struct matrix *matrix, size_t begin, size_t end)
{
	FILE *file = matrix->to->file;
	size_t unit = 1;

	if (matrix->cell >= VALUE_COLUMNS) {
		fprintf(file, "%*s", (int)matrix->label, "");
		for (size_t to = begin; to < end; to++)
			fprintf(file, "%*zu", (int)matrix->value, to + 1);
		fputc('\n', file);
		return;
	}
	for (size_t i = 1; i < matrix->digits; i++)
		unit *= 10;
	for (; unit; unit /= 10) {
		fprintf(file, "%*s", (int)matrix->label, "");
		for (size_t to = begin; to < end; to++) {
			fprintf(file, "%s", matrix->cell == 2 && to > begin ? " " : "");
			if (to + 1 < unit)
				fputc(' ', file);
			else
				fprintf(file, "%zu", (to + 1) / unit % 10);
		}
		fputc('\n', file);
	}
}

static void put_row(const struct matrix *matrix, size_t from, size_t begin, size_t end)
{
	FILE *file = matrix->to->file;
	char name[MAP_NAME_SIZE];
	size_t used;

	fprintf(file, "%*zu ", (int)matrix->digits, from + 1);
	used = matrix->digits + 1 +
	       term_put(file, map_node_name(matrix->map, from, name), NAME_MAX_COLUMNS);
	fprintf(file, "%*s", (int)(matrix->label - used), "");
	for (size_t to = begin; to < end; to++)
		if (to != from || to + 1 < end)
			put_cell(matrix, from, to, to == begin);
	fputc('\n', file);
}

static void put_legend(const struct matrix *matrix)
{
	const bool values = matrix->cell >= VALUE_COLUMNS;
	char text[256], slow[MAP_RTT_SIZE + 16] = "", rtt[MAP_RTT_SIZE];

	if (matrix->stats->answered)
		snprintf(slow, sizeof(slow), "; ~ over %s ms",
			 map_rtt_text(rtt, matrix->stats->slow_us));
	snprintf(text, sizeof(text), "row to column: %s%s; %s; X no answer; ? not measured%s",
		 values ? "round trip in ms" : ". no loss", slow,
		 values ? "% lost packets" : "+ under 10 % lost; 1-9 lost, in tens of percent",
		 values && map_is_dual(matrix->map) ? "; /4, /6 in IPv4 or IPv6 only" : "");
	fputc('\n', matrix->to->file);
	term_wrap(matrix->to->file, text, 0, matrix->to->width);
	fputc('\n', matrix->to->file);
}

static void measure(struct matrix *matrix)
{
	const struct map *map = matrix->map;
	const size_t nodes = map->nodes.len;
	const size_t width = matrix->to->width ? matrix->to->width : WIDTH_ASSUMED;
	const size_t cells[] = { map_is_dual(map) ? DUAL_COLUMNS : VALUE_COLUMNS, 2, 1 };
	size_t widest = 0;

	for (size_t i = 0; i < nodes; i++) {
		char name[MAP_NAME_SIZE];
		const size_t columns = term_put(NULL, map_node_name(map, i, name),
						NAME_MAX_COLUMNS);

		if (columns > widest)
			widest = columns;
	}
	for (size_t rest = nodes; rest; rest /= 10)
		matrix->digits++;
	matrix->label = matrix->digits + 1 + widest + 2;
	matrix->value = cells[0];
	for (size_t i = 0; i < ARRAY_LEN(cells) && !matrix->cell; i++)
		if (matrix->label + nodes * cells[i] <= width)
			matrix->cell = cells[i];
	if (!matrix->cell && matrix->to->all)
		matrix->cell = 1;
}

static void put_matrix(const struct matrix *matrix)
{
	const size_t nodes = matrix->map->nodes.len, width = matrix->to->width;
	size_t columns = nodes;

	if (!matrix->cell) {
		fprintf(matrix->to->file,
			"\nno room for the matrix of %zu nodes: --all prints it\n", nodes);
		return;
	}
	if (width && matrix->label + nodes * matrix->cell > width)
		columns = width > matrix->label + 10 ? (width - matrix->label) / matrix->cell : 10;
	for (size_t begin = 0; begin < nodes; begin += columns) {
		const size_t end = begin + columns < nodes ? begin + columns : nodes;

		fputc('\n', matrix->to->file);
		put_heads(matrix, begin, end);
		for (size_t from = 0; from < nodes; from++)
			put_row(matrix, from, begin, end);
	}
	put_legend(matrix);
}

/* ---- Lists ------------------------------------------------------------------------------ */

typedef bool node_filter_fn(const struct matrix *matrix, size_t node);

static bool is_down(const struct matrix *matrix, size_t node)
{
	return matrix->stats->nodes[node].down;
}

static bool is_disabled(const struct matrix *matrix, size_t node)
{
	return matrix->map->nodes.at[node].disabled;
}

static bool is_missing(const struct matrix *matrix, size_t node)
{
	return matrix->map->nodes.at[node].missing && !is_disabled(matrix, node);
}

/* A line of names; without --all only the first ones. */
static void put_names(const struct matrix *matrix, const char *head, node_filter_fn *filter)
{
	const struct map *map = matrix->map;
	size_t found = 0, shown = 0;

	for (size_t i = 0; i < map->nodes.len; i++) {
		char name[MAP_NAME_SIZE];

		if (!filter(matrix, i))
			continue;
		found++;
		if (shown >= NAMES_SHOWN && !matrix->to->all)
			continue;
		fprintf(matrix->to->file, "%s", shown ? ", " : head);
		term_put(matrix->to->file, map_node_name(map, i, name), 0);
		shown++;
	}
	if (found > shown)
		fprintf(matrix->to->file, " and %zu more", found - shown);
	if (found)
		fputc('\n', matrix->to->file);
}

static void put_reason(const struct out_to *to, const char *reason)
{
	fputs("reason: ", to->file);
	term_put(to->file, reason, 0);
	fputc('\n', to->file);
}

static const char *const heads[] = { "FROM", "TO", "LOST", "SENT", "MS", "AGE", "FAMILY" };

/* The family in which a link is in its state. */
static const char *family_text(const struct map_link *link, const struct map_stats *stats)
{
	if (link->other.sent && !map_only_family(link, stats))
		return "both";
	return link->family ? map_family_text(link->family) : "-";
}

static void worst_row(struct table *table, const struct matrix *matrix, const struct map_link *link)
{
	char from[MAP_NAME_SIZE], to[MAP_NAME_SIZE], lost[OUT_NUMBER_SIZE + 1];
	char sent[OUT_NUMBER_SIZE], rtt[MAP_RTT_SIZE], age[SPAN_SIZE];
	const enum map_state state = map_state(link, matrix->stats);
	const struct table_cell cells[] = {
		{ map_node_name(matrix->map, link->from, from), TERM_PLAIN },
		{ map_node_name(matrix->map, link->to, to), TERM_PLAIN },
		{ lost, state == MAP_SLOW ? TERM_PLAIN : mark_of(state) },
		{ sent, TERM_PLAIN },
		{ map_rtt_text(rtt, state == MAP_NO_ANSWER ? MAP_NO_RTT : link->rtt_us),
		  state == MAP_SLOW ? mark_of(state) : TERM_PLAIN },
		{ link->age_s == MAP_NO_AGE ? "-" : span_text(age, link->age_s), TERM_PLAIN },
		{ family_text(link, matrix->stats), TERM_PLAIN },
	};

	snprintf(lost, sizeof(lost), "%u%%", map_loss_percent(link));
	snprintf(sent, sizeof(sent), "%" PRIu32, link->sent);
	table_row(table, cells);
}

static void put_worst(const struct matrix *matrix, const struct map_link *const *worst, size_t len)
{
	/* The family only if there are two. */
	const size_t columns = ARRAY_LEN(heads) - !map_is_dual(matrix->map);
	struct table table = { .heads = heads, .len = columns, .max = matrix->to->width };
	const size_t shown = matrix->to->all || len < WORST_SHOWN ? len : WORST_SHOWN;

	if (!len)
		return;
	for (size_t i = 0; i < shown; i++)
		worst_row(&table, matrix, worst[i]);
	fputc('\n', matrix->to->file);
	table_print(&table, matrix->to->file, matrix->to->colour);
	for (size_t i = 0; i < shown; i++)
		worst_row(&table, matrix, worst[i]);
	if (len > shown)
		fprintf(matrix->to->file, "and %zu more links: --all prints them\n", len - shown);
}

void out_map(const struct out_to *to, const struct jr *at)
{
	AUTO(map_stats) struct map_stats stats = { .nodes = NULL };
	AUTO(map) struct map map = { .time_s = 0 };
	AUTO(free) const struct map_link **worst = NULL;
	struct matrix matrix = { .to = to, .map = &map, .stats = &stats };
	struct err err = ERR_INIT;
	size_t len = 0;

	if (map_read(at, &map, &err) < 0 || map_evaluate(&map, &stats, &err) < 0 ||
	    map_worst(&map, &stats, &worst, &len, &err) < 0) {
		jr_fault(at, NULL, "%s", err.text); /* kept only if it is the first one */
		return;
	}
	measure(&matrix);
	put_numbers(to, &map, &stats);
	if (map.links.len)
		put_matrix(&matrix);
	put_names(&matrix, "\nwithout an answer: ", is_down);
	put_names(&matrix, "\nweftd has no --probe: ", is_disabled);
	if (map.links.len || *map.reason)
		put_names(&matrix, "\nmeasurements missing of: ", is_missing);
	if (*map.reason)
		put_reason(to, map.reason);
	put_worst(&matrix, worst, len);
}
