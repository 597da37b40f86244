/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/map_panel.h"

#include "ctl/map.h"
#include "ctl/map_layout.h"
#include "ctl/xml.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define ROW 27.0     /* height of a row */
#define SAMPLE 44.0  /* width of a sample in the legend */
#define NAMES_MAX 8  /* nodes of a list */
#define WORST_MAX 10 /* links of the list */
#define NAME_COLUMNS 14
#define COUNT_SIZE 32

struct pen {
	FILE *file;
	double y;
};

/* "44,850". Returns buf. */
static const char *count_text(char buf[static COUNT_SIZE], size_t count)
{
	char digits[COUNT_SIZE];
	const size_t len = (size_t)snprintf(digits, sizeof(digits), "%zu", count);
	size_t at = 0;

	for (size_t i = 0; i < len && at + 2 < COUNT_SIZE; i++) {
		if (i && (len - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = '\0';
	return buf;
}

static size_t links_measured(const struct map_stats *stats)
{
	size_t total = 0;

	for (size_t state = MAP_GOOD; state < MAP_STATES; state++)
		total += stats->links[state];
	return total;
}

static size_t rows_missing(const struct map *map)
{
	size_t missing = 0;

	for (size_t i = 0; i < map->nodes.len; i++)
		missing += map->nodes.at[i].missing || map->nodes.at[i].disabled;
	return missing;
}

/* Tenths of a percent, rounded down: 1000 only without any loss. */
static unsigned good_permille(const struct map_stats *stats)
{
	const size_t measured = links_measured(stats);

	return measured ? (unsigned)(1000 * (stats->links[MAP_GOOD] + stats->links[MAP_SLOW]) /
				     measured) :
			  0;
}

/* ---- Title and description ---------------------------------------------------------------- */

void map_panel_title(FILE *file, const struct map *map)
{
	fputs(*map->network ? "Network " : "Overlay network", file);
	xml_put(file, map->network, 26);
}

void map_panel_description(FILE *file, const struct map *map, const struct map_stats *stats)
{
	char median[MAP_RTT_SIZE];

	fprintf(file,
		"%zu nodes. Of %zu measured links, %zu answer without loss, %zu lose packets, ",
		map->nodes.len, links_measured(stats),
		stats->links[MAP_GOOD] + stats->links[MAP_SLOW], stats->links[MAP_LOSS]);
	fprintf(file, "%zu do not answer. %zu nodes answer no node.", stats->links[MAP_NO_ANSWER],
		stats->down);
	if (stats->answered)
		fprintf(file, " The median round trip is %s ms.",
			map_rtt_text(median, stats->median_us));
	if (map_is_dual(map))
		fputs(" Each link is the worse of IPv4 and IPv6.", file);
}

/* ---- Parts ------------------------------------------------------------------------------ */

static void text_begin(struct pen *pen, double x, double size, const char *class)
{
	fprintf(pen->file, "<text x=\"%.0f\" y=\"%.1f\" font-size=\"%.0f\"%s%s%s>", x, pen->y, size,
		*class ? " class=\"" : "", class, *class ? "\"" : "");
}

static void text_end(struct pen *pen)
{
	fputs("</text>\n", pen->file);
}

/* A text that ends at x. */
static void put_right(struct pen *pen, double x, const char *class, const char *text)
{
	fprintf(pen->file,
		"<text x=\"%.0f\" y=\"%.1f\" font-size=\"16\" text-anchor=\"end\"%s%s%s>%s</text>\n",
		x, pen->y, *class ? " class=\"" : "", class, *class ? "\"" : "", text);
}

static void put_rule(struct pen *pen)
{
	pen->y += ROW * 0.9;
	fprintf(pen->file, "<path class=\"rule\" d=\"M0 %.1fH%.0f\"/>\n", pen->y, MAP_LAYOUT_PANEL);
	pen->y += ROW * 0.3;
}

static void put_name(struct pen *pen, const struct map *map, size_t node)
{
	char name[MAP_NAME_SIZE];

	xml_put(pen->file, map_node_name(map, node, name), NAME_COLUMNS);
}

static void put_head(struct pen *pen, const struct map *map)
{
	const time_t time_s = (time_t)map->time_s;
	struct tm utc;
	char text[32] = "";

	pen->y += 30;
	text_begin(pen, 0, 30, "strong");
	map_panel_title(pen->file, map);
	text_end(pen);
	pen->y += 28;
	text_begin(pen, 0, 16, "quiet");
	fprintf(pen->file, "%zu node%s", map->nodes.len, map->nodes.len == 1 ? "" : "s");
	if (*map->node) {
		fputs(", from ", pen->file);
		xml_put(pen->file, map->node, NAME_COLUMNS);
	}
	if (map->time_s && gmtime_r(&time_s, &utc) &&
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &utc))
		fprintf(pen->file, ", %s", text);
	text_end(pen);
	if (!map->dual)
		return;
	pen->y += ROW * 0.8;
	text_begin(pen, 0, 16, "quiet");
	if (map->family)
		fprintf(pen->file, "%s only", map_family_text(map->family));
	else
		fputs("each link: the worse of IPv4 and IPv6", pen->file);
	text_end(pen);
}

static void put_figure(struct pen *pen, const char *figure, const char *unit)
{
	pen->y += 58;
	text_begin(pen, 0, 42, "");
	fputs(figure, pen->file);
	fprintf(pen->file, "<tspan font-size=\"17\" class=\"quiet\" dx=\"10\">%s</tspan>", unit);
	text_end(pen);
}

static void put_figures(struct pen *pen, const struct map_stats *stats)
{
	char figure[64], unit[128], count[COUNT_SIZE], most[MAP_RTT_SIZE], longest[MAP_RTT_SIZE];
	const unsigned permille = good_permille(stats);
	const size_t measured = links_measured(stats);

	if (!measured) {
		put_figure(pen, "-", "no link was measured");
		return;
	}
	if (permille == 1000)
		snprintf(figure, sizeof(figure), "100 %%");
	else
		snprintf(figure, sizeof(figure), "%u.%u %%", permille / 10, permille % 10);
	snprintf(unit, sizeof(unit), "of %s links without loss", count_text(count, measured));
	put_figure(pen, figure, unit);
	if (!stats->answered)
		return;
	snprintf(figure, sizeof(figure), "%s ms", map_rtt_text(most, stats->median_us));
	put_figure(pen, figure, "median round trip");
	pen->y += ROW;
	text_begin(pen, 0, 16, "quiet");
	fprintf(pen->file, "95 %% within %s ms, longest %s ms", map_rtt_text(most, stats->most_us),
		map_rtt_text(longest, stats->longest_us));
	text_end(pen);
}

/* ---- Legend ----------------------------------------------------------------------------- */

static void put_entry(struct pen *pen, const char *label, const char *note, size_t count)
{
	char text[COUNT_SIZE];

	text_begin(pen, SAMPLE + 12, 16, "");
	fprintf(pen->file, "%s<tspan class=\"quiet\">%s</tspan>", label, note);
	text_end(pen);
	put_right(pen, MAP_LAYOUT_PANEL, "", count_text(text, count));
}

static void put_line_entry(struct pen *pen, const char *class, const char *label, const char *note,
			   size_t count)
{
	pen->y += ROW;
	if (*class)
		fprintf(pen->file,
			"<path class=\"line %s\" stroke-width=\"3\" d=\"M2 %.1fH%.0f\"/>\n", class,
			pen->y - 5, SAMPLE - 2);
	put_entry(pen, label, note, count);
}

/* Below the entry of a state: the links that are in it in one family only. */
static void put_only_entries(struct pen *pen, const struct map_stats *stats, enum map_state state)
{
	static const char *const labels[FAMILIES] = {
		[FAMILY_V4] = "in IPv4 only",
		[FAMILY_V6] = "in IPv6 only",
	};
	char text[COUNT_SIZE];

	for (enum family f = 0; f < FAMILIES; f++) {
		if (!stats->only[f][state])
			continue;
		pen->y += ROW * 0.8;
		text_begin(pen, SAMPLE + 28, 15, "quiet");
		fputs(labels[f], pen->file);
		text_end(pen);
		put_right(pen, MAP_LAYOUT_PANEL, "quiet", count_text(text, stats->only[f][state]));
	}
}

static void put_line_legend(struct pen *pen, const struct map_panel *panel)
{
	const struct map_stats *stats = panel->stats;
	char slow[64], rtt[MAP_RTT_SIZE];
	const struct {
		enum map_state state;
		const char *class, *label, *note;
	} rows[] = {
		{ MAP_SLOW, "slow", "slow", slow },
		{ MAP_LOSS, "loss", "some packets lost", "" },
		{ MAP_NO_ANSWER, "none", "no answer", "" },
		{ MAP_UNKNOWN, "", "not measured", "" },
	};

	snprintf(slow, sizeof(slow), ", over %s ms", map_rtt_text(rtt, stats->slow_us));
	put_line_entry(pen, panel->good_drawn ? "good" : "", "without loss",
		       panel->good_drawn ? "" : " (not drawn)", stats->links[MAP_GOOD]);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!stats->links[rows[i].state])
			continue;
		put_line_entry(pen, rows[i].class, rows[i].label, rows[i].note,
			       stats->links[rows[i].state]);
		put_only_entries(pen, stats, rows[i].state);
	}
	if (panel->not_drawn)
		put_line_entry(pen, "", "more lines", ", not drawn", panel->not_drawn);
}

static void put_node_legend(struct pen *pen, const struct map_panel *panel)
{
	const size_t missing = rows_missing(panel->map);
	const double middle = SAMPLE / 2;

	if (panel->stats->down) {
		pen->y += ROW;
		fprintf(pen->file,
			"<path class=\"down\" stroke-width=\"4\" d=\"M%.0f %.1fl12 12m0 -12l-12 12\"/>\n",
			middle - 6, pen->y - 11);
		put_entry(pen, "node without an answer", "", panel->stats->down);
	}
	if (missing) {
		pen->y += ROW;
		fprintf(pen->file,
			"<circle class=\"open\" stroke-width=\"2\" cx=\"%.0f\" cy=\"%.1f\" r=\"6\"/>\n",
			middle, pen->y - 5);
		put_entry(pen, "own measurements missing", "", missing);
	}
	if (panel->bars && panel->stats->answered) {
		pen->y += ROW;
		fprintf(pen->file,
			"<path class=\"bar\" stroke-width=\"6\" d=\"M%.0f %.1fH%.0f\"/>\n",
			middle - 14, pen->y - 5, middle + 14);
		text_begin(pen, SAMPLE + 12, 16, "");
		fputs("median round trip to the node", pen->file);
		text_end(pen);
	}
}

/* ---- Lists ------------------------------------------------------------------------------ */

static void put_list_head(struct pen *pen, const char *text)
{
	put_rule(pen);
	pen->y += ROW * 0.8;
	text_begin(pen, 0, 16, "strong");
	fputs(text, pen->file);
	text_end(pen);
}

static void put_more(struct pen *pen, size_t all, size_t shown)
{
	char count[COUNT_SIZE];

	if (all <= shown)
		return;
	pen->y += ROW;
	text_begin(pen, 0, 16, "quiet");
	fprintf(pen->file, "and %s more", count_text(count, all - shown));
	text_end(pen);
}

static void put_down(struct pen *pen, const struct map_panel *panel)
{
	size_t shown = 0;

	if (!panel->stats->down)
		return;
	put_list_head(pen, "Nodes without an answer");
	for (size_t i = 0; i < panel->map->nodes.len && shown < NAMES_MAX; i++) {
		const struct map_node_stats *node = &panel->stats->nodes[i];
		char text[64];

		if (!node->down)
			continue;
		pen->y += ROW;
		text_begin(pen, 0, 16, "");
		put_name(pen, panel->map, i);
		text_end(pen);
		snprintf(text, sizeof(text), "answers none of %" PRIu32, node->measured);
		put_right(pen, MAP_LAYOUT_PANEL, "quiet", text);
		shown++;
	}
	put_more(pen, panel->stats->down, shown);
}

static void put_worst_row(struct pen *pen, const struct map_panel *panel,
			  const struct map_link *link)
{
	char loss[32] = "", rtt[MAP_RTT_SIZE], text[MAP_RTT_SIZE + 8];
	const uint8_t only = map_only_family(link, panel->stats);

	pen->y += ROW;
	text_begin(pen, 0, 16, "");
	put_name(pen, panel->map, link->from);
	fputs("<tspan class=\"quiet\"> \xe2\x86\x92 </tspan>", pen->file);
	put_name(pen, panel->map, link->to);
	if (only)
		fprintf(pen->file, "<tspan class=\"quiet\" font-size=\"13\"> %s</tspan>",
			map_family_text(only));
	text_end(pen);
	if (map_state(link, panel->stats) == MAP_NO_ANSWER) {
		put_right(pen, MAP_LAYOUT_PANEL, "", "no answer");
		return;
	}
	if (link->lost)
		snprintf(loss, sizeof(loss), "%u %% lost", map_loss_percent(link));
	put_right(pen, MAP_LAYOUT_PANEL - 85, "", loss);
	snprintf(text, sizeof(text), "%s ms", map_rtt_text(rtt, link->rtt_us));
	put_right(pen, MAP_LAYOUT_PANEL, "quiet", text);
}

static int put_worst(struct pen *pen, const struct map_panel *panel, struct err *err)
{
	AUTO(free) const struct map_link **worst = NULL;
	size_t len = 0;

	if (map_worst(panel->map, panel->stats, &worst, &len, err) < 0)
		return -1;
	if (!len)
		return 0;
	put_list_head(pen, "Worst links");
	for (size_t i = 0; i < len && i < WORST_MAX; i++)
		put_worst_row(pen, panel, worst[i]);
	put_more(pen, len, WORST_MAX);
	return 0;
}

int map_panel_write(const struct map_panel *panel, char **text_out, double *height_out,
		    struct err *err)
{
	char *text = NULL;
	size_t size = 0;
	struct pen pen = { .file = open_memstream(&text, &size) };
	int result;

	if (!pen.file)
		return err_nomem(err, "the picture");
	put_head(&pen, panel->map);
	put_figures(&pen, panel->stats);
	put_rule(&pen);
	put_line_legend(&pen, panel);
	put_node_legend(&pen, panel);
	put_down(&pen, panel);
	result = put_worst(&pen, panel, err);
	if (fclose(pen.file) != 0)
		result = err_nomem(err, "the picture");
	if (result < 0) {
		free(text);
		return -1;
	}
	*text_out = text;
	*height_out = pen.y + 6;
	return 0;
}
