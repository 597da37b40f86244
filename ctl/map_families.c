/* SPDX-License-Identifier: Apache-2.0 */
/* The maps of both address families of a network as one: map_add_family of map.h. */
#include "ctl/map.h"

#include "common/err.h"

#include <string.h>

/*
 * Nodes are few enough, and found at the same place in most cases. Returns nodes.len if it is none.
 */
static size_t find_node(const struct map *map, const struct map_node *node, size_t likely)
{
	const size_t len = map->nodes.len;

	for (size_t i = 0; i < len; i++) {
		const size_t at = (likely + i) % len;

		if (!strcmp(map->nodes.at[at].id, node->id) &&
		    ipaddr_equal(&map->nodes.at[at].address, &node->address))
			return at;
	}
	return len;
}

/* Sets the position of each node of other in map; nodes that map lacks are appended to added. */
static bool match_nodes(struct map *map, const struct map *other, struct map_nodes *added,
			uint32_t *positions)
{
	for (size_t i = 0; i < other->nodes.len; i++) {
		const struct map_node *node = &other->nodes.at[i];
		const size_t at = find_node(map, node, i);

		positions[i] = (uint32_t)at;
		if (at < map->nodes.len) {
			map->nodes.at[at].missing |= node->missing;
			continue;
		}
		positions[i] = (uint32_t)(map->nodes.len + added->len);
		if (!map_nodes_push(added, node))
			return false;
	}
	return true;
}

/* No answer is worse than loss, and loss than a long round trip. */
static bool is_worse(const struct map_link *one, const struct map_link *than)
{
	const bool silent[] = { one->silent || one->lost == one->sent,
				than->silent || than->lost == than->sent };
	const uint64_t lost[] = { (uint64_t)one->lost * than->sent,
				  (uint64_t)than->lost * one->sent };

	if (silent[0] != silent[1])
		return silent[0];
	if (lost[0] != lost[1])
		return lost[0] > lost[1];
	return one->rtt_us > than->rtt_us;
}

/* Both have the same ends. */
static void combine(struct map_link *link, const struct map_link *other)
{
	struct map_link worse = is_worse(other, link) ? *other : *link;
	const struct map_link *better = is_worse(other, link) ? link : other;

	worse.from = link->from;
	worse.to = link->to;
	worse.other = (struct map_other){ better->family, better->sent,  better->lost,
					  better->rtt_us, better->age_s, better->silent };
	*link = worse;
}

/* The map's links are sorted until the end: further ones are appended to added. */
static bool add_links(struct map *map, const struct map *other, const uint32_t *positions,
		      struct map_links *added)
{
	for (size_t i = 0; i < other->links.len; i++) {
		struct map_link link = other->links.at[i];
		const struct map_link *have;

		link.from = positions[link.from];
		link.to = positions[link.to];
		have = map_link(map, link.from, link.to);
		if (have)
			combine(&map->links.at[have - map->links.at], &link);
		else if (!map_links_push(added, &link))
			return false;
	}
	return true;
}

static bool append(struct map *map, const struct map_nodes *nodes, const struct map_links *links)
{
	for (size_t i = 0; i < nodes->len; i++)
		if (!map_nodes_push(&map->nodes, &nodes->at[i]))
			return false;
	for (size_t i = 0; i < links->len; i++)
		if (!map_links_push(&map->links, &links->at[i]))
			return false;
	return true;
}

int map_add_family(struct map *map, const struct map *other, struct err *err)
{
	AUTO(free) uint32_t *positions = calloc(other->nodes.len + 1, sizeof(*positions));
	AUTO(map_nodes) struct map_nodes nodes = { .len = 0 };
	AUTO(map_links) struct map_links links = { .len = 0 };

	if (!positions || !match_nodes(map, other, &nodes, positions) ||
	    !add_links(map, other, positions, &links) || !append(map, &nodes, &links))
		return err_nomem(err, "the map");
	if (!*map->reason)
		memcpy(map->reason, other->reason, sizeof(map->reason));
	map->family = AF_UNSPEC;
	map->dual = true;
	return map_settle(map, err);
}
