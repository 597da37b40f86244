/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map as a picture: SVG 1.1 in one file, without scripts, fonts or references, readable on light
 * and on dark backgrounds, and without colour. Nodes are on a circle, lines between them are links,
 * and a panel has the numbers, the legend and the worst links. Used by cmd_map.c. Pure, except for
 * the output.
 */
#pragma once

#include <stdio.h>

struct err;
struct map;

/*
 * Writes the picture of a map with at least one node. A line is the worse of both directions of a
 * link. Lines without loss are drawn for at most 40 nodes. Errors of the file are the caller's to
 * check. Returns 0, or -1: ERR_CONFIG without nodes, ERR_NOMEM.
 */
int map_svg_write(FILE *file, const struct map *map, struct err *err);
