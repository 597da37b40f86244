/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/map.h"

#include "common/err.h"
#include "common/json/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOW_FACTOR 4
#define SLOW_MARGIN_US 1000

void map_release(struct map *map)
{
	map_nodes_free(&map->nodes);
	map_links_free(&map->links);
}

/* ---- Order ------------------------------------------------------------------------------ */

/* "host2" precedes "host10". */
static int compare_nodes(const void *a, const void *b)
{
	const struct map_node *one = a, *other = b;
	const int by_id = strverscmp(one->id, other->id);

	return by_id ? by_id : prefix_cmp(&one->subnet, &other->subnet);
}

static int compare_sizes(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int compare_former(const void *a, const void *b)
{
	const struct map_node *one = a, *other = b;
	const int by_name = compare_nodes(a, b);

	return by_name ? by_name : compare_sizes(one->former, other->former);
}

static int compare_ends(const void *a, const void *b)
{
	const struct map_link *one = a, *other = b;
	const int by_from = compare_sizes(one->from, other->from);

	return by_from ? by_from : compare_sizes(one->to, other->to);
}

static int compare_order(const void *a, const void *b)
{
	const struct map_link *one = a, *other = b;
	const int by_ends = compare_ends(a, b);

	return by_ends ? by_ends : compare_sizes(one->order, other->order);
}

/*
 * Sorts the nodes, makes one of equal ones, and gives their new positions by former ones. Returns
 * how many were equal to another one.
 */
static size_t settle_nodes(struct map_nodes *nodes, uint32_t *positions)
{
	const size_t before = nodes->len;
	size_t len = 0;

	for (size_t i = 0; i < before; i++)
		nodes->at[i].former = i;
	vec_sort(nodes->at, before, sizeof(*nodes->at), compare_former);
	for (size_t i = 0; i < before; i++) {
		struct map_node node = nodes->at[i];

		if (len && compare_nodes(&nodes->at[len - 1], &node) == 0) {
			node.missing = node.missing && nodes->at[len - 1].missing;
			len--;
		}
		positions[node.former] = (uint32_t)len;
		nodes->at[len++] = node;
	}
	nodes->len = len;
	return before - len;
}

/* Sorts the links and keeps the last one of those with the same ends. Returns as settle_nodes. */
static size_t settle_links(struct map_links *links)
{
	const size_t before = links->len;
	size_t len = 0;

	for (size_t i = 0; i < before; i++)
		links->at[i].order = i;
	vec_sort(links->at, before, sizeof(*links->at), compare_order);
	for (size_t i = 0; i < before; i++) {
		if (len && compare_ends(&links->at[len - 1], &links->at[i]) == 0)
			len--;
		links->at[len++] = links->at[i];
	}
	links->len = len;
	return before - len;
}

struct repeated {
	size_t nodes, links;
};

static int settle(struct map *map, struct repeated *repeated_out, struct err *err)
{
	AUTO(free) uint32_t *positions = calloc(map->nodes.len + 1, sizeof(*positions));

	if (!positions)
		return err_nomem(err, "the map");
	repeated_out->nodes = settle_nodes(&map->nodes, positions);
	for (size_t i = 0; i < map->links.len; i++) {
		map->links.at[i].from = positions[map->links.at[i].from];
		map->links.at[i].to = positions[map->links.at[i].to];
	}
	repeated_out->links = settle_links(&map->links);
	return 0;
}

/* ---- Reading ---------------------------------------------------------------------------- */

/* Absent, null and "" are the same: unset. */
static bool is_given(const struct jr *at, const char *key)
{
	return jr_has(at, key) && (!jr_is_str(at, key) || *jr_str(at, key, SIZE_MAX));
}

static void read_text(const struct jr *at, const char *key, char *text, size_t size)
{
	snprintf(text, size, "%s", jr_str_opt(at, key, size - 1, ""));
}

static uint8_t read_family(const struct jr *at)
{
	const char *name = jr_str_opt(at, "family", 8, "");

	if (!*name)
		return AF_UNSPEC;
	if (!strcmp(name, "ipv4") || !strcmp(name, "ipv6"))
		return name[3] == '4' ? AF_INET : AF_INET6;
	jr_fault(at, "family", "neither ipv4 nor ipv6");
	return AF_UNSPEC;
}

static void read_other(const struct jr *link, struct map_other *other)
{
	struct jr at = jr_obj_opt(link, "other");

	if (jr_is_absent(&at))
		return;
	*other = (struct map_other){
		.family = read_family(&at),
		.sent = jr_u32(&at, "sent", 0, UINT32_MAX),
		.lost = jr_u32(&at, "lost", 0, UINT32_MAX),
		.rtt_us = jr_u32_opt(&at, "rtt_us", 0, MAP_NO_RTT - 1, MAP_NO_RTT),
		.age_s = jr_u32_opt(&at, "age_s", 0, MAP_NO_AGE - 1, MAP_NO_AGE),
		.silent = jr_bool_opt(&at, "silent", false),
	};
	if (other->lost > other->sent)
		jr_fault(&at, "lost", "more than sent");
}

static bool read_nodes(const struct jr *at, struct map *map)
{
	struct jr list = jr_arr(at, "nodes"), member;

	if (jr_len(&list) > MAP_NODES_MAX) {
		jr_fault(at, "nodes", "more than %d", MAP_NODES_MAX);
		return true;
	}
	for (size_t i = 0; jr_each(&list, &i, &member);) {
		struct map_node node = { .disabled = !jr_bool_opt(&member, "probes", true) };

		jr_str(&member, "id", MAP_ID_SIZE - 1);
		read_text(&member, "id", node.id, sizeof(node.id));
		if (is_given(&member, "address"))
			node.address = jr_ipaddr(&member, "address");
		if (is_given(&member, "subnet"))
			node.subnet = jr_prefix(&member, "subnet");
		if (!map_nodes_push(&map->nodes, &node))
			return false;
	}
	return true;
}

static bool read_links(const struct jr *at, struct map *map)
{
	const uint32_t last = (uint32_t)map->nodes.len - 1;
	struct jr list = jr_arr(at, "links"), member;

	if (jr_len(&list) && !map->nodes.len)
		jr_fault(at, "links", "there are no nodes");
	if (jr_len(&list) > MAP_LINKS_MAX)
		jr_fault(at, "links", "more than %d", MAP_LINKS_MAX);
	if (jr_fault_count(at->json))
		return true;
	for (size_t i = 0; jr_each(&list, &i, &member);) {
		struct map_link link = {
			.from = jr_u32(&member, "from", 0, last),
			.to = jr_u32(&member, "to", 0, last),
			.sent = jr_u32(&member, "sent", 0, UINT32_MAX),
			.lost = jr_u32(&member, "lost", 0, UINT32_MAX),
			.rtt_us = jr_u32_opt(&member, "rtt_us", 0, MAP_NO_RTT - 1, MAP_NO_RTT),
			.age_s = jr_u32_opt(&member, "age_s", 0, MAP_NO_AGE - 1, MAP_NO_AGE),
			.silent = jr_bool_opt(&member, "silent", false),
			.family = jr_has(&member, "family") ? read_family(&member) : map->family,
		};

		read_other(&member, &link.other);
		if (link.from == link.to)
			jr_fault(&member, "to", "the same node as from");
		if (link.lost > link.sent)
			jr_fault(&member, "lost", "more than sent");
		if (link.sent && !map_links_push(&map->links, &link))
			return false;
	}
	return true;
}

static void read_missing(const struct jr *at, struct map *map)
{
	struct jr list = jr_arr_opt(at, "missing"), member;

	for (size_t i = 0; !jr_is_absent(&list) && jr_each(&list, &i, &member);) {
		const uint32_t node = jr_u32(&member, NULL, 0, MAP_NODES_MAX);

		if (node < map->nodes.len)
			map->nodes.at[node].missing = true;
		else
			jr_fault(&member, NULL, "there is no node %" PRIu32, node);
	}
}

static int check_repeated(const struct jr *at, const struct repeated *repeated, struct err *err)
{
	if (repeated->nodes)
		jr_fault(at, "nodes", "two have the same id and subnet");
	if (repeated->links)
		jr_fault(at, "links", "two have the same from and to");
	return jr_done(at->json, ERR_DECODE, err);
}

static bool is_any_missing(const struct map *map)
{
	for (size_t i = 0; i < map->nodes.len; i++)
		if (map->nodes.at[i].missing)
			return true;
	return false;
}

int map_read(const struct jr *at, struct map *map_out, struct err *err)
{
	AUTO(map) struct map map = { .time_s = jr_count_opt(at, "time", 0) };
	struct repeated repeated = { 0 };
	struct jr families;

	read_text(at, "node", map.node, sizeof(map.node));
	read_text(at, "network", map.network, sizeof(map.network));
	read_text(at, "reason", map.reason, sizeof(map.reason));
	map.family = read_family(at);
	families = jr_arr_opt(at, "families");
	map.dual = !jr_is_absent(&families) && jr_len(&families) > 1;
	if (!read_nodes(at, &map) || !read_links(at, &map))
		return err_nomem(err, "the map");
	read_missing(at, &map);
	if (jr_done(at->json, ERR_DECODE, err) < 0 || settle(&map, &repeated, err) < 0 ||
	    check_repeated(at, &repeated, err) < 0)
		return -1;
	map.settled = map.links.len;
	if (!is_any_missing(&map))
		map.reason[0] = '\0';
	*map_out = map;
	memset(&map, 0, sizeof(map));
	return 0;
}

/* ---- Merging ---------------------------------------------------------------------------- */

#define SETTLE_LINKS 4096 /* fewer links are not worth being sorted before the end */

static bool append(struct map *map, const struct map *other)
{
	const uint32_t base = (uint32_t)map->nodes.len;

	for (size_t i = 0; i < other->nodes.len; i++)
		if (!map_nodes_push(&map->nodes, &other->nodes.at[i]))
			return false;
	for (size_t i = 0; i < other->links.len; i++) {
		struct map_link link = other->links.at[i];

		link.from += base;
		link.to += base;
		if (!map_links_push(&map->links, &link))
			return false;
	}
	return true;
}

/*
 * The numbers double before they are sorted again, so that many small maps are not sorted for each.
 */
static bool has_room(const struct map *map, const struct map *other)
{
	const size_t links = map->links.len + other->links.len;

	return map->nodes.len + other->nodes.len <= MAP_NODES_MAX && links <= MAP_LINKS_MAX &&
	       links <= SETTLE_LINKS + 2 * map->settled;
}

int map_settle(struct map *map, struct err *err)
{
	struct repeated repeated = { 0 };

	if (settle(map, &repeated, err) < 0)
		return -1;
	map->settled = map->links.len;
	if (map->nodes.len > MAP_NODES_MAX)
		return err_set(err, ERR_CONFIG, "more than %d nodes", MAP_NODES_MAX);
	if (!is_any_missing(map))
		map->reason[0] = '\0';
	return 0;
}

int map_merge(struct map *map, const struct map *other, struct err *err)
{
	const bool named = *map->network;

	if (named && *other->network && strcmp(map->network, other->network) != 0)
		return err_set(err, ERR_CONFIG, "networks %s and %s differ", ERR_SHOW(map->network),
			       ERR_SHOW(other->network));
	if (map->family && other->family && map->family != other->family)
		return err_set(err, ERR_CONFIG, "one map is of IPv4, and one of IPv6");
	if (!has_room(map, other) && map_settle(map, err) < 0)
		return -1;
	if (map->links.len + other->links.len > MAP_LINKS_MAX)
		return err_set(err, ERR_CONFIG, "more than %d links", MAP_LINKS_MAX);
	if (!named)
		memcpy(map->network, other->network, sizeof(map->network));
	if (!*map->reason)
		memcpy(map->reason, other->reason, sizeof(map->reason));
	if (map->time_s < other->time_s)
		map->time_s = other->time_s;
	if (!map->nodes.len)
		map->family = other->family;
	map->dual |= other->dual;
	return append(map, other) ? 0 : err_nomem(err, "the map");
}

/* ---- Writing ---------------------------------------------------------------------------- */

static void write_family(uint8_t family, struct jb_at at)
{
	if (family)
		jb_str(at, "family", family == AF_INET6 ? "ipv6" : "ipv4");
}

static void write_nodes(const struct map *map, struct jb_at list)
{
	for (size_t i = 0; i < map->nodes.len; i++) {
		const struct map_node *node = &map->nodes.at[i];
		struct jb_at at = jb_obj(list, NULL);

		jb_str(at, "id", node->id);
		if (ipaddr_is_set(&node->address))
			jb_ipaddr(at, "address", &node->address);
		if (prefix_is_set(&node->subnet))
			jb_prefix(at, "subnet", &node->subnet);
		if (node->disabled)
			jb_bool(at, "probes", false);
	}
}

static void write_measured(const struct map_other *measured, struct jb_at at)
{
	jb_u32(at, "sent", measured->sent);
	jb_u32(at, "lost", measured->lost);
	if (measured->rtt_us == MAP_NO_RTT)
		jb_null(at, "rtt_us");
	else
		jb_u32(at, "rtt_us", measured->rtt_us);
	if (measured->age_s == MAP_NO_AGE)
		jb_null(at, "age_s");
	else
		jb_u32(at, "age_s", measured->age_s);
	if (measured->silent)
		jb_bool(at, "silent", true);
	write_family(measured->family, at);
}

void map_write(const struct map *map, struct jb_at at)
{
	struct jb_at list;

	jb_str(at, "node", map->node);
	if (*map->network)
		jb_str(at, "network", map->network);
	if (map->time_s)
		jb_count(at, "time", map->time_s);
	write_family(map->family, at);
	if (map->dual) {
		list = jb_arr(at, "families");
		jb_str(list, NULL, "ipv4");
		jb_str(list, NULL, "ipv6");
	}
	if (*map->reason)
		jb_str(at, "reason", map->reason);
	write_nodes(map, jb_arr(at, "nodes"));
	list = jb_arr(at, "links");
	for (size_t i = 0; i < map->links.len; i++) {
		const struct map_link *link = &map->links.at[i];
		struct jb_at member = jb_obj(list, NULL);
		const struct map_other own = { link->family, link->sent,  link->lost,
					       link->rtt_us, link->age_s, link->silent };

		jb_u32(member, "from", link->from);
		jb_u32(member, "to", link->to);
		write_measured(&own, member);
		if (link->other.sent)
			write_measured(&link->other, jb_obj(member, "other"));
	}
	list = jb_arr(at, "missing");
	for (size_t i = 0; i < map->nodes.len; i++)
		if (map->nodes.at[i].missing)
			jb_u32(list, NULL, (uint32_t)i);
}

/* ---- Evaluating ------------------------------------------------------------------------- */

const struct map_link *map_link(const struct map *map, size_t from, size_t to)
{
	const struct map_link key = { .from = (uint32_t)from, .to = (uint32_t)to };

	return vec_find(map->links.at, map->links.len, sizeof(key), compare_ends, &key);
}

const char *map_node_name(const struct map *map, size_t node, char buf[static MAP_NAME_SIZE])
{
	const struct map_node *at = &map->nodes.at[node];
	char text[PREFIX_TEXT_SIZE];

	if (*at->id)
		snprintf(buf, MAP_NAME_SIZE, "%s", at->id);
	else if (prefix_is_set(&at->subnet))
		snprintf(buf, MAP_NAME_SIZE, "%s", prefix_text(&at->subnet, text));
	else if (ipaddr_is_set(&at->address))
		snprintf(buf, MAP_NAME_SIZE, "%s", ipaddr_text(&at->address, text));
	else
		snprintf(buf, MAP_NAME_SIZE, "node %zu", node + 1);
	return buf;
}

enum map_state map_state(const struct map_link *link, const struct map_stats *stats)
{
	if (!link || !link->sent)
		return MAP_UNKNOWN;
	if (link->silent || link->lost == link->sent)
		return MAP_NO_ANSWER;
	if (link->lost)
		return MAP_LOSS;
	return link->rtt_us != MAP_NO_RTT && link->rtt_us > stats->slow_us ? MAP_SLOW : MAP_GOOD;
}

/* The state of what was measured in the other family. */
static enum map_state other_state(const struct map_link *link, const struct map_stats *stats)
{
	const struct map_link other = { .sent = link->other.sent,
					.lost = link->other.lost,
					.rtt_us = link->other.rtt_us,
					.silent = link->other.silent };

	return map_state(&other, stats);
}

uint8_t map_only_family(const struct map_link *link, const struct map_stats *stats)
{
	if (!link || !link->other.sent || map_state(link, stats) == other_state(link, stats))
		return AF_UNSPEC;
	return link->family;
}

bool map_is_dual(const struct map *map)
{
	return map->dual && !map->family;
}

const char *map_family_text(uint8_t family)
{
	return family == AF_INET6 ? "IPv6" : family == AF_INET ? "IPv4" : "";
}

unsigned map_loss_percent(const struct map_link *link)
{
	unsigned percent;

	if (!link->lost || link->lost == link->sent)
		return link->lost ? 100 : 0;
	percent = (unsigned)((100 * (uint64_t)link->lost + link->sent / 2) / link->sent);
	if (percent < 1)
		return 1;
	return percent > 99 ? 99 : percent;
}

struct sample {
	uint32_t node, rtt_us;
};
VEC_DEFINE(samples, struct sample);

static int compare_samples(const void *a, const void *b)
{
	const struct sample *one = a, *other = b;
	const int by_node = compare_sizes(one->node, other->node);

	return by_node ? by_node : compare_sizes(one->rtt_us, other->rtt_us);
}

/* The round trips of all links, by the node that they lead to, or as of one node 0. */
static bool collect(const struct map *map, bool by_node, struct samples *samples)
{
	for (size_t i = 0; i < map->links.len; i++) {
		const struct map_link *link = &map->links.at[i];
		const struct sample sample = { by_node ? link->to : 0, link->rtt_us };

		if (link->rtt_us != MAP_NO_RTT && link->lost < link->sent && !link->silent &&
		    !samples_push(samples, &sample))
			return false;
	}
	vec_sort(samples->at, samples->len, sizeof(*samples->at), compare_samples);
	return true;
}

static bool evaluate_all(const struct map *map, struct map_stats *stats)
{
	AUTO(samples) struct samples samples = { .len = 0 };
	uint64_t slow;

	stats->slow_us = MAP_NO_RTT;
	if (!collect(map, false, &samples))
		return false;
	stats->answered = samples.len;
	if (!samples.len)
		return true;
	stats->median_us = samples.at[(samples.len - 1) / 2].rtt_us;
	stats->most_us = samples.at[(samples.len - 1) * 95 / 100].rtt_us;
	stats->longest_us = samples.at[samples.len - 1].rtt_us;
	slow = (uint64_t)stats->median_us * SLOW_FACTOR;
	if (slow < (uint64_t)stats->median_us + SLOW_MARGIN_US)
		slow = (uint64_t)stats->median_us + SLOW_MARGIN_US;
	stats->slow_us = slow < MAP_NO_RTT ? (uint32_t)slow : MAP_NO_RTT;
	return true;
}

static bool evaluate_nodes(const struct map *map, struct map_stats *stats)
{
	AUTO(samples) struct samples samples = { .len = 0 };
	size_t end;

	for (size_t i = 0; i < map->nodes.len; i++)
		stats->nodes[i].rtt_us = MAP_NO_RTT;
	if (!collect(map, true, &samples))
		return false;
	for (size_t at = 0; at < samples.len; at = end) {
		for (end = at; end < samples.len && samples.at[end].node == samples.at[at].node;)
			end++;
		stats->nodes[samples.at[at].node].rtt_us = samples.at[(at + end - 1) / 2].rtt_us;
	}
	return true;
}

static void count_links(const struct map *map, struct map_stats *stats)
{
	const size_t nodes = map->nodes.len;

	if (nodes)
		stats->links[MAP_UNKNOWN] = nodes * (nodes - 1);
	for (size_t i = 0; i < map->links.len; i++) {
		const struct map_link *link = &map->links.at[i];
		const enum map_state state = map_state(link, stats);

		stats->links[MAP_UNKNOWN]--;
		stats->links[state]++;
		if (map_is_dual(map) && map_only_family(link, stats))
			stats->only[link->family == AF_INET6 ? FAMILY_V6 : FAMILY_V4][state]++;
		stats->nodes[link->to].measured++;
		/* A node that answers in one family is not down. */
		stats->nodes[link->to].unanswered += state == MAP_NO_ANSWER &&
						     (!link->other.sent ||
						      other_state(link, stats) == MAP_NO_ANSWER);
	}
	for (size_t i = 0; i < nodes; i++) {
		struct map_node_stats *node = &stats->nodes[i];

		node->down = node->unanswered > 1 && node->unanswered == node->measured;
		stats->down += node->down;
	}
}

void map_stats_free(struct map_stats *stats)
{
	free(stats->nodes);
}

int map_evaluate(const struct map *map, struct map_stats *stats_out, struct err *err)
{
	AUTO(map_stats) struct map_stats stats = { .nodes = NULL };

	stats.nodes = calloc(map->nodes.len + 1, sizeof(*stats.nodes));
	if (!stats.nodes || !evaluate_all(map, &stats) || !evaluate_nodes(map, &stats))
		return err_nomem(err, "the map");
	count_links(map, &stats);
	*stats_out = stats;
	stats.nodes = NULL;
	return 0;
}

/* ---- The worst -------------------------------------------------------------------------- */

struct ranked {
	const struct map_link *link;
	enum map_state state;
	uint64_t share; /* of the lost packets, 2^32 for all */
};
VEC_DEFINE(ranking, struct ranked);

/*
 * No answer first, then by the share of lost packets, then by the round trip, then as in the map.
 */
static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *one = a, *other = b;

	if (one->state != other->state)
		return one->state > other->state ? -1 : 1;
	if (one->share != other->share)
		return one->share > other->share ? -1 : 1;
	if (one->link->rtt_us != other->link->rtt_us)
		return one->link->rtt_us > other->link->rtt_us ? -1 : 1;
	return compare_ends(one->link, other->link);
}

int map_worst(const struct map *map, const struct map_stats *stats,
	      const struct map_link ***worst_out, size_t *len_out, struct err *err)
{
	AUTO(ranking) struct ranking ranking = { .len = 0 };
	const struct map_link **worst;

	for (size_t i = 0; i < map->links.len; i++) {
		const struct map_link *link = &map->links.at[i];
		const enum map_state state = map_state(link, stats);
		const struct ranked ranked = {
			link, state, ((uint64_t)link->lost << 32) / (link->sent + !link->sent)
		};

		if (state > MAP_GOOD && !stats->nodes[link->to].down &&
		    !ranking_push(&ranking, &ranked))
			return err_nomem(err, "the map");
	}
	vec_sort(ranking.at, ranking.len, sizeof(*ranking.at), compare_ranked);
	worst = calloc(ranking.len + 1, sizeof(*worst));
	if (!worst)
		return err_nomem(err, "the map");
	for (size_t i = 0; i < ranking.len; i++)
		worst[i] = ranking.at[i].link;
	*worst_out = worst;
	*len_out = ranking.len;
	return 0;
}

const char *map_rtt_text(char buf[static MAP_RTT_SIZE], uint32_t rtt_us)
{
	const uint32_t hundredths = rtt_us / 10 + (rtt_us % 10 >= 5);

	if (rtt_us == MAP_NO_RTT)
		snprintf(buf, MAP_RTT_SIZE, "-");
	else if (hundredths < 1000)
		snprintf(buf, MAP_RTT_SIZE, "%" PRIu32 ".%02" PRIu32, hundredths / 100,
			 hundredths % 100);
	else if (hundredths < 10000)
		snprintf(buf, MAP_RTT_SIZE, "%" PRIu32 ".%" PRIu32, hundredths / 100,
			 hundredths / 10 % 10);
	else
		snprintf(buf, MAP_RTT_SIZE, "%" PRIu32, hundredths / 100);
	return buf;
}
