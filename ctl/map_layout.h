/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The geometry of the picture of a map: the nodes on a circle, with their labels around it, and a
 * panel of text to the right. Used by map_svg.c. Pure. Lengths are in the units of the picture,
 * pixels at its natural size; y grows downwards.
 *
 *        label
 *    label o  o label      +---------------+
 *  label  o    o  label    | panel, scaled |
 *    label o  o label      +---------------+
 *        label
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define MAP_LAYOUT_PANEL 460.0   /* width of the panel before it is scaled */
#define MAP_LAYOUT_COLUMNS 24    /* characters of a label; a longer one is cut */
#define MAP_LAYOUT_CHARACTER 0.6 /* estimated width of a character, in font sizes */

struct map_layout {
	size_t nodes;
	double width, height;
	double x, y, radius; /* the circle */
	double dot;          /* radius of a node */
	double font;         /* size of the labels */
	bool radial;         /* labels are turned outwards; else horizontal, with a second line */
	size_t label_every;  /* only each n-th node has a label */
	double bar;          /* longest bar between node and label; 0: no bars */
	double label_radius; /* where labels begin */
	double panel_x, panel_y, scale;
};

struct map_point {
	double x, y;
};

/*
 * The layout of a picture with that many nodes, at least one, labels of at most columns characters,
 * and a panel of the height panel, before it is scaled.
 */
struct map_layout map_layout(size_t nodes, size_t columns, double panel);

/* The angle of a node in degrees, clockwise, 0 to the right, from -180 to 180. */
double map_layout_angle(const struct map_layout *layout, size_t node);

/* The point in the direction of a node at a distance from the centre of the circle. */
struct map_point map_layout_point(const struct map_layout *layout, size_t node, double distance);

/* The control point of the curve between two nodes, a quadratic Bezier curve. */
struct map_point map_layout_bend(const struct map_layout *layout, size_t one, size_t other);
