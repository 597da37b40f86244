/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of the picture of a map: title, description, and the panel with numbers, legend and the
 * worst links. Used by map_svg.c. Pure, except for the output.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct err;
struct map;
struct map_stats;

struct map_panel {
	const struct map *map;
	const struct map_stats *stats;
	bool good_drawn;  /* links without loss have lines */
	bool bars;        /* nodes have bars */
	size_t not_drawn; /* lines */
};

/* Writes one line of text, in XML. */
void map_panel_title(FILE *file, const struct map *map);
void map_panel_description(FILE *file, const struct map *map, const struct map_stats *stats);

/*
 * Writes elements of SVG, of the width MAP_LAYOUT_PANEL, to *text_out, which is the caller's, and
 * their height to *height_out. Returns 0, or -1 with ERR_NOMEM.
 */
int map_panel_write(const struct map_panel *panel, char **text_out, double *height_out,
		    struct err *err);
