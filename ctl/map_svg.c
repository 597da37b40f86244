/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/map_svg.h"

#include "ctl/map.h"
#include "ctl/map_layout.h"
#include "ctl/map_panel.h"
#include "ctl/xml.h"

#include "common/auto.h"
#include "common/err.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define GOOD_NODES_MAX 40 /* nodes of which links without loss are drawn */
#define VALUE_NODES_MAX 4 /* nodes whose links have their values beside them */
#define LINES_MAX 5000    /* lines that are drawn, the worst ones */
#define TITLES_MAX 1000   /* lines that have titles */
#define WEIGHT_MIN 0.25
#define BAR_MIN 1.5

struct picture {
	FILE *file;
	const struct map *map;
	const struct map_stats *stats;
	const struct map_layout *layout;
	size_t lines[MAP_STATES]; /* pairs of nodes by the worse state */
	size_t drawn[MAP_STATES]; /* of these, how many are drawn */
	bool titles;
};

/* The styles, light and dark. Presentation without colour: dashes, widths and shapes. */
static const char style[] =
	"<style>\n"
	"text{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;fill:#1f2a33}\n"
	".back{fill:#fcfcfa}.rule{stroke:#d5dadd}.quiet{fill:#55636d}.strong{font-weight:600}\n"
	".line{fill:none;stroke-linecap:round}.value{stroke:#fcfcfa;stroke-width:8;paint-order:stroke}\n"
	".good{stroke:#6d9bb5}.slow{stroke:#7453a6;stroke-dasharray:9 5}\n"
	".loss{stroke:#b85c00;stroke-dasharray:4 4}.none{stroke:#b3202c;stroke-dasharray:.1 6}\n"
	".node{fill:#2c6a8a;stroke:#2c6a8a}.open{fill:#fcfcfa;stroke:#2c6a8a}\n"
	".down{stroke:#b3202c;stroke-linecap:round}.bar{stroke:#9dbfd1}.alarm{fill:#a31a26;font-weight:600}\n"
	"@media(prefers-color-scheme:dark){\n"
	"text{fill:#e4e8eb}.back{fill:#14191d}.rule{stroke:#333d44}.quiet{fill:#9fabb4}\n"
	".value{stroke:#14191d}.good{stroke:#6a9db9}.slow{stroke:#b597e6}.loss{stroke:#f2a04c}\n"
	".none{stroke:#ff7079}.node{fill:#86bdd8;stroke:#86bdd8}.open{fill:#14191d;stroke:#86bdd8}\n"
	".down{stroke:#ff7079}.bar{stroke:#3d6073}.alarm{fill:#ff868e}\n"
	"}\n"
	"</style>\n";

static const char *const classes[MAP_STATES] = {
	[MAP_UNKNOWN] = "",  [MAP_GOOD] = "good",      [MAP_SLOW] = "slow",
	[MAP_LOSS] = "loss", [MAP_NO_ANSWER] = "none",
};

/* ---- Links ------------------------------------------------------------------------------ */

/* One or both directions of a link. */
struct pair {
	const struct map_link *link, *back; /* back NULL: only one was measured */
	enum map_state state;               /* the worse one */
	bool faint;                         /* the way to a node that is down */
};

/* Returns false for the second direction of a pair. */
static bool pair_of(const struct picture *picture, const struct map_link *link,
		    struct pair *pair_out)
{
	const struct map_node_stats *nodes = picture->stats->nodes;
	enum map_state back;

	pair_out->link = link;
	pair_out->back = map_link(picture->map, link->to, link->from);
	if (pair_out->back && link->from > link->to)
		return false;
	back = map_state(pair_out->back, picture->stats);
	pair_out->state = map_state(link, picture->stats);
	if (back > pair_out->state)
		pair_out->state = back;
	pair_out->faint = nodes[link->to].down || nodes[link->from].down;
	return true;
}

static bool is_drawn(const struct picture *picture, const struct pair *pair)
{
	const bool few = picture->layout->nodes <= GOOD_NODES_MAX;

	return few || (pair->state != MAP_GOOD && !pair->faint);
}

static void count_lines(struct picture *picture)
{
	size_t left = LINES_MAX;

	for (size_t i = 0; i < picture->map->links.len; i++) {
		struct pair pair;

		if (pair_of(picture, &picture->map->links.at[i], &pair) && is_drawn(picture, &pair))
			picture->lines[pair.state]++;
	}
	for (size_t state = MAP_STATES; state-- > MAP_GOOD;) {
		const size_t wanted = picture->lines[state];

		picture->drawn[state] = wanted < left ? wanted : left;
		left -= picture->drawn[state];
	}
	picture->titles = LINES_MAX - left <= TITLES_MAX;
}

static void put_name(const struct picture *picture, size_t node, size_t max)
{
	char name[MAP_NAME_SIZE];

	xml_put(picture->file, map_node_name(picture->map, node, name), max);
}

/* "2 of 100 lost, 0.34 ms". */
static void put_measured(FILE *file, const struct map_other *measured)
{
	char rtt[MAP_RTT_SIZE];

	fprintf(file, "%" PRIu32 " of %" PRIu32 " lost", measured->lost, measured->sent);
	if (measured->silent)
		fputs(", no answer to the last ones", file);
	else if (measured->rtt_us != MAP_NO_RTT)
		fprintf(file, ", %s ms", map_rtt_text(rtt, measured->rtt_us));
}

/*
 * "host1 to host2: 2 of 100 lost, 0.34 ms"; with both families "host1 to host2: IPv6 2 of 100 lost,
 * 0.34 ms, IPv4 ...".
 */
static void put_direction(const struct picture *picture, const struct map_link *link)
{
	const struct map_other own = { .sent = link->sent,
				       .lost = link->lost,
				       .rtt_us = link->rtt_us,
				       .silent = link->silent };
	const bool dual = map_is_dual(picture->map);

	put_name(picture, link->from, 0);
	fputs(" to ", picture->file);
	put_name(picture, link->to, 0);
	fputs(": ", picture->file);
	if (dual)
		fprintf(picture->file, "%s ", map_family_text(link->family));
	put_measured(picture->file, &own);
	if (!dual || !link->other.sent)
		return;
	fprintf(picture->file, ", %s ", map_family_text(link->other.family));
	put_measured(picture->file, &link->other);
}

static void put_line(const struct picture *picture, const struct pair *pair)
{
	const struct map_layout *layout = picture->layout;
	const struct map_point from = map_layout_point(layout, pair->link->from, layout->radius);
	const struct map_point to = map_layout_point(layout, pair->link->to, layout->radius);
	const struct map_point bend = map_layout_bend(layout, pair->link->from, pair->link->to);

	fprintf(picture->file, "<path%s d=\"M%.1f %.1fQ%.1f %.1f %.1f %.1f\"",
		pair->faint ? " opacity=\".3\"" : "", from.x, from.y, bend.x, bend.y, to.x, to.y);
	if (!picture->titles) {
		fputs("/>\n", picture->file);
		return;
	}
	fputs("><title>", picture->file);
	put_direction(picture, pair->link);
	if (pair->back) {
		fputs("; ", picture->file);
		put_direction(picture, pair->back);
	}
	fputs("</title></path>\n", picture->file);
}

/*
 * Of many lines each is thinner and fainter, the worst states last, so that those show where lines
 * are dense.
 */
static double line_weight(enum map_state state, size_t lines)
{
	static const size_t strong[MAP_STATES] = {
		[MAP_SLOW] = 100, [MAP_LOSS] = 200, [MAP_NO_ANSWER] = 800
	};
	const double weight = lines > strong[state] ? sqrt((double)strong[state] / (double)lines) :
						      1;

	return weight > WEIGHT_MIN ? weight : WEIGHT_MIN;
}

static void put_lines(const struct picture *picture, enum map_state state)
{
	const size_t nodes = picture->layout->nodes;
	const double weight = line_weight(state, picture->drawn[state]);
	size_t left = picture->drawn[state];

	if (!left)
		return;
	if (state == MAP_GOOD)
		fprintf(picture->file,
			"<g class=\"line good\" stroke-width=\"%.1f\" opacity=\"%.1f\">\n",
			nodes <= 12 ? 1.8 : 1.0, nodes <= 12 ? 0.7 : 0.4);
	else
		fprintf(picture->file,
			"<g class=\"line %s\" stroke-width=\"%.1f\" opacity=\"%.2f\">\n",
			classes[state],
			weight * (nodes <= 12 ? 3.5 :
				  nodes <= 60 ? 2.4 :
						3.2),
			weight);
	for (size_t i = 0; left && i < picture->map->links.len; i++) {
		struct pair pair;

		if (!pair_of(picture, &picture->map->links.at[i], &pair) || pair.state != state ||
		    !is_drawn(picture, &pair))
			continue;
		put_line(picture, &pair);
		left--;
	}
	fputs("</g>\n", picture->file);
}

/* Beside the line: the worse direction. Diagonals cross in the middle, so it is not there. */
static void put_value(const struct picture *picture, const struct pair *pair)
{
	const struct map_layout *layout = picture->layout;
	const struct map_link *worse =
		pair->back && map_state(pair->back, picture->stats) == pair->state &&
				map_state(pair->link, picture->stats) != pair->state ?
			pair->back :
			pair->link;
	const struct map_point from = map_layout_point(layout, worse->from, layout->radius);
	const struct map_point to = map_layout_point(layout, worse->to, layout->radius);
	const size_t apart = worse->from > worse->to ? worse->from - worse->to :
						       worse->to - worse->from;
	const double share = layout->nodes == 4 && apart == 2 ? 0.3 : 0.5;
	const uint8_t only = map_only_family(worse, picture->stats);
	char rtt[MAP_RTT_SIZE];

	fprintf(picture->file,
		"<text class=\"value\" x=\"%.1f\" y=\"%.1f\" font-size=\"14\""
		" text-anchor=\"middle\">",
		from.x + share * (to.x - from.x), from.y + share * (to.y - from.y) + 5);
	if (pair->state == MAP_NO_ANSWER)
		fputs("no answer", picture->file);
	else if (pair->state == MAP_LOSS)
		fprintf(picture->file, "%u %% lost", map_loss_percent(worse));
	else
		fprintf(picture->file, "%s ms", map_rtt_text(rtt, worse->rtt_us));
	if (only && pair->state != MAP_GOOD)
		fprintf(picture->file, " in %s", map_family_text(only));
	fputs("</text>\n", picture->file);
}

static void put_links(const struct picture *picture)
{
	for (size_t state = MAP_GOOD; state < MAP_STATES; state++)
		put_lines(picture, (enum map_state)state);
	if (picture->layout->nodes > VALUE_NODES_MAX)
		return;
	for (size_t i = 0; i < picture->map->links.len; i++) {
		struct pair pair;

		if (pair_of(picture, &picture->map->links.at[i], &pair))
			put_value(picture, &pair);
	}
}

/* ---- Nodes ------------------------------------------------------------------------------ */

static void put_bar(const struct picture *picture, size_t node, uint32_t longest_us)
{
	const struct map_layout *layout = picture->layout;
	const uint32_t rtt_us = picture->stats->nodes[node].rtt_us;
	const double begin = layout->radius + layout->dot + 6;
	double len;

	if (layout->bar <= 0 || rtt_us == MAP_NO_RTT)
		return;
	len = layout->bar * (double)rtt_us / (double)(longest_us + !longest_us);
	if (len < BAR_MIN)
		len = BAR_MIN;

	const struct map_point from = map_layout_point(layout, node, begin);
	const struct map_point to = map_layout_point(layout, node, begin + len);

	fprintf(picture->file,
		"<path class=\"bar\" stroke-width=\"%.1f\" d=\"M%.1f %.1fL%.1f %.1f\"/>",
		layout->dot, from.x, from.y, to.x, to.y);
}

/* A disc; a circle if its measurements are missing; a cross if it is down. */
static void put_shape(const struct picture *picture, size_t node)
{
	const struct map_layout *layout = picture->layout;
	const struct map_point at = map_layout_point(layout, node, layout->radius);
	const struct map_node *at_node = &picture->map->nodes.at[node];
	const double arm = layout->dot * 0.8;

	if (picture->stats->nodes[node].down)
		fprintf(picture->file,
			"<circle class=\"back\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>"
			"<path class=\"down\" stroke-width=\"%.1f\""
			" d=\"M%.1f %.1fl%.1f %.1fm0 %.1fl%.1f %.1f\"/>",
			at.x, at.y, layout->dot, layout->dot / 2, at.x - arm, at.y - arm, 2 * arm,
			2 * arm, -2 * arm, -2 * arm, 2 * arm);
	else
		fprintf(picture->file,
			"<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" stroke-width=\"%.1f\"/>",
			at_node->missing || at_node->disabled ? "open" : "node", at.x, at.y,
			layout->dot - 1, layout->dot / 4);
}

static void put_radial_label(const struct picture *picture, size_t node)
{
	const struct map_layout *layout = picture->layout;
	const struct map_point at = map_layout_point(layout, node, layout->label_radius);
	const double angle = map_layout_angle(layout, node);
	const bool left = angle > 90 || angle < -90;

	fprintf(picture->file,
		"<text%s transform=\"translate(%.1f %.1f)rotate(%.2f)\" y=\"%.1f\"%s>",
		picture->stats->nodes[node].down ? " class=\"alarm\"" : "", at.x, at.y,
		left ? angle + 180 : angle, layout->font * 0.35,
		left ? " text-anchor=\"end\"" : "");
	put_name(picture, node, MAP_LAYOUT_COLUMNS);
	fputs("</text>", picture->file);
}

/* Two lines, the name and the subnet, beside, above or below the node. */
static void put_label(const struct picture *picture, size_t node)
{
	const struct map_layout *layout = picture->layout;
	const struct map_point at = map_layout_point(layout, node, layout->label_radius);
	const double aside = at.x - layout->x, down = at.y - layout->y;
	const double tenth = layout->radius / 10;
	const char *anchor = aside > tenth ? "start" : aside < -tenth ? "end" : "middle";
	double y = at.y + (down < -tenth ? -layout->font : down > tenth ? layout->font * 0.8 : 0);
	char subnet[PREFIX_TEXT_SIZE] = "";

	if (prefix_is_set(&picture->map->nodes.at[node].subnet) && *picture->map->nodes.at[node].id)
		prefix_text(&picture->map->nodes.at[node].subnet, subnet);
	if (!*subnet && down < tenth)
		y += layout->font / 2;
	fprintf(picture->file, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">",
		picture->stats->nodes[node].down ? "alarm" : "strong", at.x, y, anchor);
	put_name(picture, node, MAP_LAYOUT_COLUMNS);
	fprintf(picture->file,
		"</text><text class=\"quiet\" x=\"%.1f\" y=\"%.1f\" font-size=\"%.1f\""
		" text-anchor=\"%s\">%s</text>",
		at.x, y + layout->font * 1.1, layout->font * 0.8, anchor, subnet);
}

static void put_node(const struct picture *picture, size_t node, uint32_t longest_us)
{
	const struct map_node *at = &picture->map->nodes.at[node];
	const struct map_node_stats *stats = &picture->stats->nodes[node];
	char text[PREFIX_TEXT_SIZE], rtt[MAP_RTT_SIZE];

	fputs("<g><title>", picture->file);
	put_name(picture, node, 0);
	if (ipaddr_is_set(&at->address))
		fprintf(picture->file, ", %s", ipaddr_text(&at->address, text));
	if (prefix_is_set(&at->subnet))
		fprintf(picture->file, ", %s", prefix_text(&at->subnet, text));
	if (stats->rtt_us != MAP_NO_RTT)
		fprintf(picture->file, ", median round trip %s ms",
			map_rtt_text(rtt, stats->rtt_us));
	fprintf(picture->file, "%s%s</title>", stats->down ? ", answers no node" : "",
		at->disabled ? ", no --probe" :
		at->missing  ? ", own measurements missing" :
			       "");
	put_bar(picture, node, longest_us);
	put_shape(picture, node);
	if (node % picture->layout->label_every == 0) {
		if (picture->layout->radial)
			put_radial_label(picture, node);
		else
			put_label(picture, node);
	}
	fputs("</g>\n", picture->file);
}

static void put_nodes(const struct picture *picture)
{
	uint32_t longest_us = 0;

	for (size_t i = 0; i < picture->layout->nodes; i++) {
		const uint32_t rtt_us = picture->stats->nodes[i].rtt_us;

		if (rtt_us != MAP_NO_RTT && rtt_us > longest_us)
			longest_us = rtt_us;
	}
	fprintf(picture->file, "<g font-size=\"%.0f\">\n", picture->layout->font);
	for (size_t i = 0; i < picture->layout->nodes; i++)
		put_node(picture, i, longest_us);
	fputs("</g>\n", picture->file);
}

/* ---- The picture ------------------------------------------------------------------------ */

static size_t widest_label(const struct map *map)
{
	size_t widest = 4;

	for (size_t i = 0; i < map->nodes.len; i++) {
		char name[MAP_NAME_SIZE];
		const size_t columns = xml_put(NULL, map_node_name(map, i, name),
					       MAP_LAYOUT_COLUMNS);

		if (columns > widest)
			widest = columns;
	}
	return widest;
}

static void put_all(struct picture *picture, const char *panel)
{
	const struct map_layout *layout = picture->layout;

	fprintf(picture->file,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\""
		" viewBox=\"0 0 %.0f %.0f\" role=\"img\""
		" aria-labelledby=\"weft-map-title weft-map-desc\">\n"
		"<title id=\"weft-map-title\">",
		layout->width, layout->height, layout->width, layout->height);
	map_panel_title(picture->file, picture->map);
	fputs("</title>\n<desc id=\"weft-map-desc\">", picture->file);
	map_panel_description(picture->file, picture->map, picture->stats);
	fprintf(picture->file, "</desc>\n%s<rect class=\"back\" width=\"%.0f\" height=\"%.0f\"/>\n",
		style, layout->width, layout->height);
	put_links(picture);
	put_nodes(picture);
	fprintf(picture->file,
		"<g transform=\"translate(%.1f %.1f)scale(%.3f)\">\n%s</g>\n</svg>\n",
		layout->panel_x, layout->panel_y, layout->scale, panel);
}

int map_svg_write(FILE *file, const struct map *map, struct err *err)
{
	AUTO(map_stats) struct map_stats stats = { .nodes = NULL };
	AUTO(free) char *panel = NULL;
	struct map_layout layout = { .nodes = map->nodes.len };
	struct picture picture = { .file = file, .map = map, .stats = &stats, .layout = &layout };
	struct map_panel options = { .map = map, .stats = &stats };
	double height = 0;

	if (!map->nodes.len)
		return err_set(err, ERR_CONFIG, "the map has no nodes");
	if (map_evaluate(map, &stats, err) < 0)
		return -1;
	count_lines(&picture);
	options.good_drawn = layout.nodes <= GOOD_NODES_MAX;
	for (size_t i = 0; i < MAP_STATES; i++)
		options.not_drawn += picture.lines[i] - picture.drawn[i];
	options.bars = map_layout(layout.nodes, 0, 0).bar > 0;
	if (map_panel_write(&options, &panel, &height, err) < 0)
		return -1;
	layout = map_layout(map->nodes.len, widest_label(map), height);
	put_all(&picture, panel);
	return 0;
}
