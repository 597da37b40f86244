/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The picture of a map: nodes and labels do not overlap, whatever their number, and lie within the
 * picture beside the panel; its XML has only escaped names. tests/system/weftctl_draws_maps.bats
 * passes it through an XML parser.
 */
#include "ctl/map_svg.h"

#include "common/array.h"
#include "common/err.h"
#include "common/json/json.h"
#include "ctl/map.h"
#include "ctl/map_layout.h"
#include "ctl/xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t counts[] = { 1, 2, 3, 4, 5, 8, 12, 13, 30, 40, 60, 61, 300, 400, 401, 2000 };

static double distance(struct map_point a, struct map_point b)
{
	return hypot(a.x - b.x, a.y - b.y);
}

static void nodes_do_not_overlap(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		const struct map_layout layout = map_layout(counts[i], MAP_LAYOUT_COLUMNS, 500);
		const size_t every = layout.label_every;

		for (size_t node = every; node < layout.nodes; node += every) {
			const struct map_point one = map_layout_point(&layout, node - every,
								      layout.radius);
			const struct map_point other = map_layout_point(&layout, node,
									layout.radius);

			if (distance(one, other) < 2 * layout.dot + 2)
				fail_msg("nodes %zu of %zu overlap", node, layout.nodes);
		}
	}
}

/* A horizontal label: x and y are its left upper corner. */
struct box {
	double x, y, width, height;
};

/* Two lines of the full length, where map_svg.c puts them at most. */
static struct box label_of(const struct map_layout *layout, size_t node)
{
	const struct map_point at = map_layout_point(layout, node, layout->label_radius);
	const double width = MAP_LAYOUT_COLUMNS * MAP_LAYOUT_CHARACTER * layout->font;
	const double tenth = layout->radius / 10, aside = at.x - layout->x, down = at.y - layout->y;
	const double y = at.y + (down < -tenth ? -layout->font :
				 down > tenth  ? layout->font * 0.8 :
						 0);

	return (struct box){ aside > tenth  ? at.x :
			     aside < -tenth ? at.x - width :
					      at.x - width / 2,
			     y - 0.8 * layout->font, width, layout->font * 2.1 };
}

static bool overlap(struct box a, struct box b)
{
	return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height &&
	       b.y < a.y + a.height;
}

static void labels_do_not_overlap(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		const struct map_layout layout = map_layout(counts[i], MAP_LAYOUT_COLUMNS, 500);

		for (size_t node = layout.label_every; node < layout.nodes;
		     node += layout.label_every) {
			const size_t before = node - layout.label_every;

			if (layout.radial)
				assert_true(distance(map_layout_point(&layout, before,
								      layout.label_radius),
						     map_layout_point(&layout, node,
								      layout.label_radius)) >
					    layout.font * 1.2);
			for (size_t other = 0; !layout.radial && other < node; other++)
				if (overlap(label_of(&layout, other), label_of(&layout, node)))
					fail_msg("labels %zu and %zu of %zu overlap", other, node,
						 layout.nodes);
		}
	}
}

static void everything_is_within_the_picture(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		const struct map_layout layout = map_layout(counts[i], MAP_LAYOUT_COLUMNS, 900);
		const double reach = layout.label_radius +
				     MAP_LAYOUT_COLUMNS * MAP_LAYOUT_CHARACTER * layout.font;

		assert_true(layout.x - reach > 0 && layout.x + reach < layout.panel_x);
		assert_true(layout.panel_x + MAP_LAYOUT_PANEL * layout.scale < layout.width);
		assert_true(layout.panel_y > 0);
		assert_true(layout.panel_y + 900 * layout.scale < layout.height);
		for (size_t node = 0; node < layout.nodes; node++) {
			const struct map_point at = map_layout_point(&layout, node, reach);
			const struct box label = label_of(&layout, node);

			if (layout.radial)
				assert_true(at.y > 0 && at.y < layout.height);
			else
				assert_true(label.y > 0 && label.y + label.height < layout.height);
		}
	}
}

/* ---- Text ------------------------------------------------------------------------------- */

static void text_is_escaped(void **state)
{
	static const struct {
		const char *text;
		size_t max;
		const char *written;
		size_t columns;
	} cases[] = {
		{ "host1", 0, "host1", 5 },
		{ "<a href=\"x\">&'", 0, "&lt;a href=&quot;x&quot;&gt;&amp;&#39;", 14 },
		{ "a\033[31m", 0, "a\\x1b[31m", 9 },
		{ "\xe2\x80\xae"
		  "abc",
		  0,
		  "\\xe2\\x80\\xae"
		  "abc",
		  15 },
		{ "\xef\xbf\xbe", 0, "\\xef\\xbf\\xbe", 12 },
		{ "\xff", 0, "\\xff", 4 },
		{ "abcdef", 6, "abcdef", 6 },
		{ "abcdefg", 6, "abcde\xe2\x80\xa6", 6 },
		{ "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 6, "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
		  6 },
		{ "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 5, "\xe6\x97\xa5\xe6\x9c\xac\xe2\x80\xa6",
		  5 },
		{ "\xc3\xa9", 0, "\xc3\xa9", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *text = NULL;
		size_t size = 0;
		FILE *file = open_memstream(&text, &size);

		assert_non_null(file);
		assert_int_equal(xml_put(file, cases[i].text, cases[i].max), cases[i].columns);
		fclose(file);
		assert_string_equal(text, cases[i].written);
		assert_int_equal(xml_put(NULL, cases[i].text, cases[i].max), cases[i].columns);
	}
}

/* ---- Pictures --------------------------------------------------------------------------- */

/* A complete map of nodes with the name; the last node of more than three is down. */
static struct map map_with(size_t nodes, const char *name)
{
	struct map map = { .node = "host1", .network = "default" };

	for (size_t i = 0; i < nodes; i++) {
		struct map_node node = { .missing = false };

		snprintf(node.id, sizeof(node.id), "%s%zu", name, i);
		assert_true(map_nodes_push(&map.nodes, &node));
	}
	for (uint32_t i = 0; i < nodes * nodes; i++) {
		const uint32_t from = i / (uint32_t)nodes, to = i % (uint32_t)nodes;
		const bool down = nodes > 3 && to == nodes - 1;
		const struct map_link link = { .from = from,
					       .to = to,
					       .sent = 100,
					       .lost = down                 ? 100 :
						       from == 0 && to == 1 ? 30 :
									      0,
					       .rtt_us = down ? MAP_NO_RTT : 300 + to };

		if (from != to)
			assert_true(map_links_push(&map.links, &link));
	}
	return map;
}

static char *draw(const struct map *map)
{
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	if (map_svg_write(file, map, &err) < 0)
		fail_msg("%s", err.text);
	fclose(file);
	return text;
}

static size_t occurrences(const char *text, const char *part)
{
	size_t count = 0;

	while ((text = strstr(text, part))) {
		text += strlen(part);
		count++;
	}
	return count;
}

/* Of few nodes all lines are drawn, one for both directions; of many, those with a loss. */
static void lines_are_those_of_pairs(void **state)
{
	AUTO(map) struct map few = map_with(30, "host"), many = map_with(41, "host");
	AUTO(free) char *few_text = draw(&few);
	AUTO(free) char *many_text = draw(&many);

	(void)state;
	assert_int_equal(occurrences(few_text, " lost, "), 2 * 29 * 28 / 2 + 29);
	assert_int_equal(occurrences(few_text, "<g class=\"line good\""), 1);
	assert_int_equal(occurrences(few_text, "<path opacity=\".3\""),
			 29); /* to the node that is down */
	assert_int_equal(occurrences(many_text, "<g class=\"line good\""), 0);
	assert_int_equal(occurrences(many_text, "<path opacity=\".3\""), 0);
	assert_int_equal(occurrences(many_text, "host0 to host1: 30 of 100 lost, 0.30 ms"), 1);
	assert_int_equal(occurrences(many_text, " (not drawn)"), 1);
}

static void picture_is_described_and_has_no_references(void **state)
{
	AUTO(map) struct map map = map_with(12, "\"><script>");
	AUTO(free) char *text = draw(&map);

	(void)state;
	assert_non_null(
		strstr(text, "role=\"img\" aria-labelledby=\"weft-map-title weft-map-desc\""));
	assert_non_null(strstr(text, "<title id=\"weft-map-title\">Network default</title>"));
	assert_non_null(strstr(text, "<desc id=\"weft-map-desc\">12 nodes. Of 132 measured links, "
				     "120 answer without loss, 1 lose packets, 11 do not answer. "
				     "1 nodes answer no node."));
	assert_non_null(strstr(text, "prefers-color-scheme:dark"));
	assert_null(strstr(text, "<script"));
	assert_null(strstr(text, "href"));
	assert_null(strstr(text, "url("));
	assert_int_equal(occurrences(text, "http"), 1); /* the namespace */
}

/* The families of the link that loses packets: both lose, or the one that is not shown does not. */
static void give_families(struct map *map, uint32_t other_lost)
{
	map->dual = true;
	for (size_t i = 0; i < map->links.len; i++) {
		struct map_link *link = &map->links.at[i];

		link->family = link->lost ? AF_INET6 : AF_INET;
		link->other = (struct map_other){
			.family = link->lost ? AF_INET : AF_INET6,
			.sent = 100,
			.lost = link->lost ? other_lost : 0,
			.rtt_us = 250,
		};
	}
}

static void the_family_that_is_worse_is_shown(void **state)
{
	AUTO(map) struct map one = map_with(3, "host"), both = map_with(3, "host");
	AUTO(map) struct map single = map_with(3, "host"), v6 = map_with(3, "host");
	AUTO(free) char *one_text = NULL;
	AUTO(free) char *both_text = NULL;
	AUTO(free) char *single_text = draw(&single);
	AUTO(free) char *v6_text = NULL;

	(void)state;
	give_families(&one, 0);
	give_families(&both, 10);
	give_families(&v6, 0);
	v6.family = AF_INET6;
	one_text = draw(&one);
	both_text = draw(&both);
	v6_text = draw(&v6);
	/* The tooltip has both measurements, the line and the list the family. */
	assert_non_null(strstr(one_text, "host0 to host1: IPv6 30 of 100 lost, 0.30 ms, "
					 "IPv4 0 of 100 lost, 0.25 ms; host1 to host0: IPv4 "));
	assert_non_null(strstr(one_text, ">30 % lost in IPv6</text>"));
	assert_non_null(strstr(one_text, "each link: the worse of IPv4 and IPv6"));
	assert_non_null(strstr(one_text, ">in IPv6 only</text>"));
	assert_null(strstr(one_text, ">in IPv4 only</text>"));
	assert_non_null(strstr(one_text, "font-size=\"13\"> IPv6</tspan>"));
	assert_non_null(strstr(both_text, "IPv4 10 of 100 lost, 0.25 ms"));
	assert_non_null(strstr(both_text, ">30 % lost</text>"));
	assert_null(strstr(both_text, " only</text>"));
	assert_null(strstr(both_text, "font-size=\"13\""));
	assert_null(strstr(single_text, "IPv"));
	assert_non_null(strstr(v6_text, ">IPv6 only</text>"));
	assert_non_null(strstr(v6_text, "host0 to host1: 30 of 100 lost, 0.30 ms;"));
	assert_null(strstr(v6_text, ">in IPv6 only</text>"));
}

/* As many lines of one state are fainter. */
static void dense_lines_are_thin(void **state)
{
	AUTO(map) struct map few = map_with(50, "host"), many = map_with(50, "host");
	AUTO(free) char *few_text = draw(&few);
	AUTO(free) char *many_text = NULL;

	(void)state;
	for (size_t i = 0; i < many.links.len; i++)
		many.links.at[i].lost = 1;
	many_text = draw(&many);
	assert_non_null(
		strstr(few_text, "<g class=\"line loss\" stroke-width=\"2.4\" opacity=\"1.00\">"));
	assert_non_null(
		strstr(many_text, "<g class=\"line loss\" stroke-width=\"1.0\" opacity=\"0.40\">"));
}

static void map_without_nodes_has_no_picture(void **state)
{
	struct map map = { .time_s = 0 };
	struct err err = ERR_INIT;
	AUTO(free) char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(map_svg_write(file, &map, &err), -1);
	assert_string_equal(err.text, "the map has no nodes");
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_do_not_overlap),
		cmocka_unit_test(labels_do_not_overlap),
		cmocka_unit_test(everything_is_within_the_picture),
		cmocka_unit_test(text_is_escaped),
		cmocka_unit_test(lines_are_those_of_pairs),
		cmocka_unit_test(picture_is_described_and_has_no_references),
		cmocka_unit_test(the_family_that_is_worse_is_shown),
		cmocka_unit_test(dense_lines_are_thin),
		cmocka_unit_test(map_without_nodes_has_no_picture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
