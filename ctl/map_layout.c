/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/map_layout.h"

#include <math.h>

#define HORIZONTAL_MAX 12 /* nodes with horizontal labels */
#define STRAIGHT_MAX 5    /* nodes between which lines are straight */
#define LABELS_MAX 400
#define RADIUS_MIN 190.0
#define LINE_HEIGHT 1.3 /* of labels, in font sizes */
#define GAP 12.0        /* between a node and its bar or label */
#define BAR 34.0
#define MARGIN 40.0
#define RING_HEIGHT 860.0 /* with which the panel is not scaled */
#define BEND_NEAR 0.9     /* of the distance of the middle from the centre: for neighbours */
#define BEND_FAR 0.2      /* for opposite nodes */

static double font_of(size_t nodes)
{
	if (nodes <= HORIZONTAL_MAX)
		return 16;
	return nodes <= 60 ? 15 : 12;
}

struct map_layout map_layout(size_t nodes, size_t columns, double panel)
{
	struct map_layout layout = {
		.nodes = nodes,
		.font = font_of(nodes),
		.radial = nodes > HORIZONTAL_MAX,
		.label_every = (nodes + LABELS_MAX - 1) / LABELS_MAX,
		.dot = nodes <= HORIZONTAL_MAX ? 9 :
		       nodes <= 60             ? 6 :
						 4,
		.bar = nodes > HORIZONTAL_MAX ? BAR : 0,
	};
	const size_t labels = (nodes + layout.label_every - 1) / layout.label_every;
	const double label = (double)columns * MAP_LAYOUT_CHARACTER * layout.font;
	double half, ring;

	layout.radius = (double)labels * layout.font * LINE_HEIGHT / (2 * M_PI);
	if (layout.radius < RADIUS_MIN + 2 * (double)labels)
		layout.radius = RADIUS_MIN + 2 * (double)labels;
	layout.label_radius = layout.radius + layout.dot + GAP;
	if (layout.bar > 0)
		layout.label_radius += layout.bar + GAP / 2;
	half = layout.label_radius + label + MARGIN;
	ring = layout.radial ? 2 * half : 2 * (layout.label_radius + 3 * layout.font + MARGIN);
	layout.scale = ring > RING_HEIGHT ? ring / RING_HEIGHT : 1;
	layout.height = ring;
	if (layout.height < panel * layout.scale + 2 * MARGIN)
		layout.height = panel * layout.scale + 2 * MARGIN;
	layout.width = 2 * half + (MAP_LAYOUT_PANEL + MARGIN) * layout.scale;
	layout.x = half;
	layout.y = layout.height / 2 + (nodes == 3 ? layout.radius / 4 : 0);
	layout.panel_x = 2 * half;
	layout.panel_y = (layout.height - panel * layout.scale) / 2;
	return layout;
}

double map_layout_angle(const struct map_layout *layout, size_t node)
{
	const double first = layout->nodes == 2 ? -180 : -90;
	const double angle = first + 360.0 * (double)node / (double)layout->nodes;

	return angle > 180 ? angle - 360 : angle;
}

struct map_point map_layout_point(const struct map_layout *layout, size_t node, double distance)
{
	const double angle = map_layout_angle(layout, node) * M_PI / 180;

	return (struct map_point){ layout->x + distance * cos(angle),
				   layout->y + distance * sin(angle) };
}

struct map_point map_layout_bend(const struct map_layout *layout, size_t one, size_t other)
{
	const struct map_point a = map_layout_point(layout, one, layout->radius);
	const struct map_point b = map_layout_point(layout, other, layout->radius);
	const size_t apart = one > other ? one - other : other - one;
	const double part = (double)apart / (double)layout->nodes; /* of the circle */
	const double near = part < 0.5 ? part : 1 - part;
	const double share = layout->nodes <= STRAIGHT_MAX ?
				     1 :
				     BEND_NEAR - (BEND_NEAR - BEND_FAR) * 2 * near;

	return (struct map_point){ layout->x + share * ((a.x + b.x) / 2 - layout->x),
				   layout->y + share * ((a.y + b.y) / 2 - layout->y) };
}
