/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map of a network: its nodes, and what each measured to each other one with the probes of
 * weftd --probe. Read from weftd's answer to the command map (common/control.h) or from saved
 * documents, merged, and evaluated. Used by cmd_map.c and by the outputs. Pure.
 */
#pragma once

#include "common/auto.h"
#include "common/ipaddr.h"
#include "common/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct jb_at;
struct jr;

#define MAP_NODES_MAX 10000
#define MAP_LINKS_MAX (1 << 20)
#define MAP_ID_SIZE 254
#define MAP_NO_RTT UINT32_MAX
#define MAP_NO_AGE UINT32_MAX
#define MAP_REASON_SIZE 256
#define MAP_NAME_SIZE (MAP_ID_SIZE + 64)

struct map_node {
	char id[MAP_ID_SIZE]; /* name or node id; "": none, as of a flannel node */
	struct ipaddr address;
	struct prefix subnet;
	bool missing;  /* its own measurements did not arrive */
	bool disabled; /* weftd runs without --probe there */
	size_t former; /* internal: the position before sorting */
};
VEC_DEFINE(map_nodes, struct map_node);

/* What one node measured to another one. */
struct map_link {
	uint32_t from, to; /* indexes of nodes */
	uint32_t sent, lost;
	uint32_t rtt_us; /* MAP_NO_RTT: nothing came back */
	uint32_t age_s;  /* since the last answer; MAP_NO_AGE: none came */
	bool silent;     /* the last ones, and at least three, were lost */
	size_t order;    /* internal: the position before sorting */
	uint8_t family;  /* of the probes, AF_*; AF_UNSPEC: not stated */
	/* What was measured in the other family, which is not worse; sent 0: nothing. */
	struct map_other {
		uint8_t family;
		uint32_t sent, lost, rtt_us, age_s;
		bool silent;
	} other;
};
VEC_DEFINE(map_links, struct map_link);

struct map {
	char node[MAP_ID_SIZE];       /* that was queried */
	char network[MAP_ID_SIZE];    /* "": not stated */
	char reason[MAP_REASON_SIZE]; /* why measurements are missing; "": unknown, or none are */
	uint64_t time_s;              /* of the answer, since the epoch; 0: unknown */
	uint8_t family;               /* that was mapped, AF_*; AF_UNSPEC: both, or not stated */
	bool dual;                    /* the network has two families */
	struct map_nodes nodes;       /* by id, in natural order, then by subnet */
	struct map_links links;       /* by from, then by to; at most one each */
	size_t settled;               /* internal: links up to the last sorting */
};

void map_release(struct map *map);
AUTO_DEFINE_VALUE(map, struct map, map_release);

/*
 * Reads a map, an object:
 *
 *   {"node":"host1","network":"default","time":1700000000,
 *    "family":"ipv6","families":["ipv4","ipv6"],
 *    "reason":"",
 *    "nodes":[{"id":"host1","address":"192.168.0.1","subnet":"10.5.1.0/24","probes":true}],
 *    "links":[{"from":0,"to":1,"sent":100,"lost":2,"rtt_us":340,"age_s":12,"silent":true,
 *              "family":"ipv6",
 *              "other":{"family":"ipv4","sent":100,"lost":0,"rtt_us":300,"age_s":1}}],
 *    "missing":[1]}
 *
 * rtt_us and age_s are null if nothing came back. network, time, family, families, reason, address,
 * subnet, probes, age_s, silent and other are optional. The result is the caller's. Returns 0, or
 * -1: ERR_DECODE with the first fault, also of an earlier read from the document; ERR_NOMEM.
 */
int map_read(const struct jr *at, struct map *map_out, struct err *err);

/*
 * Adds the nodes and links of another map of the same network. Nodes are the same if id and subnet
 * are. Of two measurements of one link, that of other is kept; of a node, the measurements are
 * missing if they are in both. The map is sorted now and then, and must be settled after the last
 * merge: until then, or after an error, it may only be merged and freed. Returns 0; -1: ERR_CONFIG
 * if both state a network and these differ, or if there are too many nodes or links; ERR_NOMEM.
 */
int map_merge(struct map *map, const struct map *other, struct err *err);
/* Sorts what was merged. Returns as map_merge. */
int map_settle(struct map *map, struct err *err);

/*
 * Adds the map of the network's other family: a link has the worse of both measurements, and the
 * other one beside it. Nodes are the same if id and address are; the measurements of a node are
 * missing if they are in either. Both maps are settled, and the result is. Returns as map_merge.
 */
int map_add_family(struct map *map, const struct map *other, struct err *err);

/* Writes the members, which map_read reads. */
void map_write(const struct map *map, struct jb_at at);

/* Returns the link, or NULL if it was not measured. */
const struct map_link *map_link(const struct map *map, size_t from, size_t to);

/* What a node is called: its id, else its subnet, else its address, else its index. Returns buf. */
const char *map_node_name(const struct map *map, size_t node, char buf[static MAP_NAME_SIZE]);

/* From the best to the worst; MAP_UNKNOWN: not measured. */
enum map_state { MAP_UNKNOWN, MAP_GOOD, MAP_SLOW, MAP_LOSS, MAP_NO_ANSWER, MAP_STATES };

struct map_node_stats {
	uint32_t measured;   /* links to the node that were measured */
	uint32_t unanswered; /* of these, the ones in MAP_NO_ANSWER, in both families */
	uint32_t rtt_us;     /* median of the links to the node; MAP_NO_RTT: none */
	bool down;           /* unanswered by two nodes or more, and by all */
};

struct map_stats {
	size_t links[MAP_STATES]; /* the number of each, of all pairs of nodes, in each direction */
	size_t answered;          /* links with a round trip; of these: */
	uint32_t median_us, most_us, longest_us; /* most_us: 95 % are not longer */
	uint32_t slow_us;                        /* a longer round trip is slow */
	size_t down;                             /* nodes */
	/*
	 * Of the links, those in their state in this family only, and in a better one in the other.
	 */
	size_t only[FAMILIES][MAP_STATES];
	struct map_node_stats *nodes; /* as many as the map has */
};

void map_stats_free(struct map_stats *stats);
AUTO_DEFINE_VALUE(map_stats, struct map_stats, map_stats_free);

/*
 * Evaluates all links. Slow: more than four times the median, and by more than 1 ms. The result is
 * the caller's. Returns 0, or -1 with ERR_NOMEM.
 */
int map_evaluate(const struct map *map, struct map_stats *stats_out, struct err *err);

/* The state of a link; NULL: MAP_UNKNOWN. */
enum map_state map_state(const struct map_link *link, const struct map_stats *stats);

/*
 * The family, AF_*, in which a link is in its state, if it is in another one in the other family.
 * AF_UNSPEC: it is the same in both, or only one was measured. link NULL: AF_UNSPEC.
 */
uint8_t map_only_family(const struct map_link *link, const struct map_stats *stats);
/* "IPv4", "IPv6", or "" for AF_UNSPEC. */
const char *map_family_text(uint8_t family);
/* Whether the map has both families. */
bool map_is_dual(const struct map *map);

/* The lost packets of a link in percent, 1 to 99 if some were lost and some not. */
unsigned map_loss_percent(const struct map_link *link);

/*
 * The links in MAP_NO_ANSWER, MAP_LOSS and MAP_SLOW, the worst first, without those to nodes that
 * are down. The pointers refer to the map; the array is the caller's. Returns 0, or -1 with
 * ERR_NOMEM.
 */
int map_worst(const struct map *map, const struct map_stats *stats,
	      const struct map_link ***worst_out, size_t *len_out, struct err *err);

#define MAP_RTT_SIZE 16
/* A round trip in ms with three digits: "0.34", "12.1", "1230"; "-" for MAP_NO_RTT. Returns buf. */
const char *map_rtt_text(char buf[static MAP_RTT_SIZE], uint32_t rtt_us);
