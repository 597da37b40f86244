/* SPDX-License-Identifier: Apache-2.0 */
/* Maps: reading what may be wrong, merging, evaluation, and the text output byte by byte. */
#include "ctl/map.h"

#include "common/array.h"
#include "common/err.h"
#include "common/json/json.h"
#include "ctl/out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST(n)                                                                                    \
	"{\"id\":\"host" n "\",\"address\":\"192.168.0." n "\",\"subnet\":\"10.5." n ".0/24\"}"
#define LINK(from, to, lost, rtt)                                                                  \
	"{\"from\":" from ",\"to\":" to ",\"sent\":100,\"lost\":" lost ",\"rtt_us\":" rtt          \
	",\"age_s\":12}"

static int read_text(const char *text, struct map *map, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct jr root;

	if (json_parse(text, strlen(text), SIZE_MAX, JSON_STRICT, "map", &json, err) < 0)
		return -1;
	root = jr_root(json);
	return map_read(&root, map, err);
}

static struct map map_of(const char *text)
{
	struct map map = { .time_s = 0 };
	struct err err = ERR_INIT;

	if (read_text(text, &map, &err) < 0)
		fail_msg("%s", err.text);
	return map;
}

static char *text_of(const struct map *map)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct err err = ERR_INIT;
	char *text = NULL;

	assert_non_null(jb);
	map_write(map, jb_root(jb));
	assert_int_equal(jb_text(jb, &text, &err), 0);
	return text;
}

/* ---- Reading and merging ------------------------------------------------------------------ */

/* Nodes are sorted, with their links, so that host10 follows host9. */
static void nodes_are_in_natural_order(void **state)
{
	AUTO(map)
	struct map map = map_of("{\"node\":\"a\",\"time\":5,\"nodes\":[" HOST("10") "," HOST(
		"9") "],\"links\":[" LINK("0", "1", "0", "7") "],\"missing\":[1]}");
	AUTO(free) char *text = text_of(&map);

	(void)state;
	assert_string_equal(text, "{\"node\":\"a\",\"time\":5,\"nodes\":[" HOST("9") "," HOST(
					  "10") "],\"links\":[" LINK("1", "0", "0",
								     "7") "],\"missing\":[0]}");
}

static void faults_are_named(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "[]", "map: an array is not an object" },
		{ "{\"links\":[]}", "nodes: is missing" },
		{ "{\"nodes\":[]}", "links: is missing" },
		{ "{\"nodes\":[{}],\"links\":[]}", "nodes[0].id: is missing" },
		{ "{\"nodes\":[{\"id\":\"a\",\"address\":\"x\"}],\"links\":[]}",
		  "nodes[0].address: " },
		{ "{\"nodes\":[{\"id\":\"a\",\"subnet\":7}],\"links\":[]}", "nodes[0].subnet: " },
		{ "{\"nodes\":[],\"links\":[" LINK("0", "1", "0", "1") "]}",
		  "links: there are no nodes" },
		{ "{\"nodes\":[" HOST("1") "," HOST("2") "],\"links\":[" LINK("0", "2", "0",
									      "1") "]}",
		  "links[0].to: " },
		{ "{\"nodes\":[" HOST("1") "," HOST("2") "],\"links\":[" LINK("1", "1", "0",
									      "1") "]}",
		  "links[0].to: the same node as from" },
		{ "{\"nodes\":[" HOST("1") "," HOST("2") "],\"links\":[" LINK("0", "1", "101",
									      "1") "]}",
		  "links[0].lost: more than sent" },
		{ "{\"family\":\"ipx\",\"nodes\":[" HOST("1") "],\"links\":[]}",
		  "family: neither" },
		{ "{\"families\":7,\"nodes\":[" HOST("1") "],\"links\":[]}", "families: " },
		{ "{\"nodes\":[" HOST("1") "," HOST(
			  "2") "],\"links\":[{\"from\":0,\"to\":1,\"sent\":1,\"lost\":0,\"rtt_us\":1,"
			       "\"other\":{\"sent\":1,\"lost\":2}}]}",
		  "links[0].other.lost: more than sent" },
		{ "{\"nodes\":[" HOST("1") "," HOST("2") "],\"links\":[" LINK("0", "1", "0",
									      "4294967295") "]}",
		  "links[0].rtt_us: " },
		{ "{\"nodes\":[" HOST("1") "," HOST("2") "],\"links\":[" LINK(
			  "0", "1", "0", "1") "," LINK("0", "1", "0", "1") "]}",
		  "links: two have the same from and to" },
		{ "{\"nodes\":[" HOST("1") "," HOST("1") "],\"links\":[]}",
		  "nodes: two have the same id and subnet" },
		{ "{\"nodes\":[" HOST("1") "],\"links\":[],\"missing\":[1]}",
		  "missing[0]: there is no node 1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct map map = { .time_s = 0 };
		struct err err = ERR_INIT;

		assert_int_equal(read_text(cases[i].text, &map, &err), -1);
		assert_int_equal(err.code, ERR_DECODE);
		if (!strstr(err.text, cases[i].error))
			fail_msg("'%s' is not in '%s'", cases[i].error, err.text);
		assert_null(map.nodes.at);
	}
}

/* Each node's own document: one row each, and the other rows missing. */
static void rows_of_several_nodes_are_merged(void **state)
{
	AUTO(map)
	struct map map = map_of("{\"node\":\"host1\",\"time\":9,\"nodes\":[" HOST("1") "," HOST(
		"2") "],\"links\":[" LINK("0", "1", "0", "340") "],\"missing\":[1]}");
	AUTO(map)
	struct map other = map_of(
		"{\"node\":\"host2\",\"network\":\"blue\",\"reason\":\"no key\",\"time\":7,\"nodes\":[" HOST("3") "," HOST(
			"2") "," HOST("1") "],\"links\":[" LINK("1", "2", "2",
								"350") "," LINK("1", "0", "100",
										"null") "," LINK("2",
												 "1",
												 "1",
												 "9") "],\"missing\":[0,2]}");
	AUTO(free) char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(map_merge(&map, &other, &err), 0);
	assert_int_equal(map_settle(&map, &err), 0);
	text = text_of(&map);
	assert_string_equal(
		text,
		"{\"node\":\"host1\",\"network\":\"blue\",\"time\":9,\"reason\":\"no key\",\"nodes\":[" HOST("1") "," HOST(
			"2") "," HOST("3") "],\"links\":[" LINK("0", "1", "1",
								"9") "," LINK("1", "0", "2",
									      "350") "," LINK("1",
											      "2",
											      "100",
											      "null") "],\"missing\":[2]}");
}

static void maps_of_two_networks_are_not_merged(void **state)
{
	AUTO(map)
	struct map blue = map_of("{\"network\":\"blue\",\"nodes\":[" HOST("1") "],\"links\":[]}");
	AUTO(map)
	struct map red = map_of("{\"network\":\"red\",\"nodes\":[" HOST("2") "],\"links\":[]}");
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(map_merge(&blue, &red, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_string_equal(err.text, "networks blue and red differ");
	assert_int_equal(blue.nodes.len, 1);
}

#define NODES 100

/* The document of one node of NODES, with its row. */
static struct map row_of(size_t node)
{
	AUTO(free) char *text = NULL;
	const char *separator = "";
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	fputs("{\"nodes\":[", file);
	for (size_t i = 0; i < NODES; i++)
		fprintf(file, "%s{\"id\":\"n%zu\"}", i ? "," : "", i);
	fputs("],\"links\":[", file);
	for (size_t i = 0; i < NODES; i++) {
		if (i == node)
			continue;
		fprintf(file, "%s{\"from\":%zu,\"to\":%zu,\"sent\":64,\"lost\":0,\"rtt_us\":%zu}",
			separator, node, i, node);
		separator = ",";
	}
	fprintf(file, "],\"missing\":[%zu]}", (node + 1) % NODES);
	fclose(file);
	return map_of(text);
}

/* More than are appended between two sortings; in the reverse order of nodes. */
static void rows_of_many_nodes_are_merged(void **state)
{
	AUTO(map) struct map map = row_of(NODES - 1);
	struct err err = ERR_INIT;

	(void)state;
	for (size_t node = NODES - 1; node--;) {
		AUTO(map) struct map other = row_of(node);

		assert_int_equal(map_merge(&map, &other, &err), 0);
	}
	assert_int_equal(map_settle(&map, &err), 0);
	assert_int_equal(map.nodes.len, NODES);
	assert_int_equal(map.links.len, NODES * (NODES - 1));
	for (size_t i = 0; i < map.links.len; i++) {
		const struct map_link *link = &map.links.at[i];

		assert_int_equal(link->from, i / (NODES - 1));
		assert_int_equal(link->rtt_us, link->from);
	}
	for (size_t i = 0; i < NODES; i++)
		assert_false(map.nodes.at[i].missing);
}

#define DUAL(family, nodes, links, missing)                                                        \
	"{\"node\":\"host1\",\"network\":\"default\",\"family\":\"" family                         \
	"\",\"families\":[\"ipv4\",\"ipv6\"],\"nodes\":[" nodes "],\"links\":[" links              \
	"],\"missing\":[" missing "]}"
#define HOST6(n)                                                                                   \
	"{\"id\":\"host" n "\",\"address\":\"192.168.0." n "\",\"subnet\":\"fd00:5:" n "::/64\"}"

static void the_worse_of_two_families_is_shown(void **state)
{
	AUTO(map)
	struct map map = map_of(DUAL("ipv4", HOST("1") "," HOST("2") "," HOST("3"),
				     LINK("0", "1", "0", "300") "," LINK(
					     "0", "2", "5", "300") "," LINK("1", "0", "0", "500"),
				     ""));
	AUTO(map)
	struct map v6 = map_of(DUAL("ipv6", HOST6("4") "," HOST6("1") "," HOST6("2"),
				    LINK("1", "2", "100", "300") "," LINK(
					    "2", "1", "0", "400") "," LINK("1", "0", "0", "900"),
				    "2"));
	AUTO(map) struct map again = { .time_s = 0 };
	AUTO(free) char *text = NULL;
	AUTO(free) char *second = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(map.family, AF_INET);
	assert_true(map.dual);
	assert_int_equal(map_add_family(&map, &v6, &err), 0);
	assert_int_equal(map.family, AF_UNSPEC);
	assert_int_equal(map.nodes.len, 4);
	assert_true(map.nodes.at[1].missing);
	assert_int_equal(map.links.len, 4);
	/* All are lost in IPv6. */
	assert_int_equal(map_link(&map, 0, 1)->family, AF_INET6);
	assert_int_equal(map_link(&map, 0, 1)->lost, 100);
	assert_int_equal(map_link(&map, 0, 1)->other.family, AF_INET);
	assert_int_equal(map_link(&map, 0, 1)->other.lost, 0);
	/* Not measured in IPv6, and not in IPv4. */
	assert_int_equal(map_link(&map, 0, 2)->family, AF_INET);
	assert_int_equal(map_link(&map, 0, 2)->other.sent, 0);
	assert_int_equal(map_link(&map, 0, 3)->rtt_us, 900);
	/* The longer round trip. */
	assert_int_equal(map_link(&map, 1, 0)->family, AF_INET);
	assert_int_equal(map_link(&map, 1, 0)->other.rtt_us, 400);
	text = text_of(&map);
	again = map_of(text);
	second = text_of(&again);
	assert_string_equal(text, second);
	assert_int_equal(map_link(&again, 0, 1)->other.sent, 100);
}

static void a_node_that_answers_in_one_family_is_not_down(void **state)
{
	AUTO(map)
	struct map map = map_of(DUAL("ipv4", HOST("1") "," HOST("2") "," HOST("3"),
				     LINK("0", "1", "0", "300") "," LINK("2", "1", "0", "300"),
				     ""));
	AUTO(map)
	struct map v6 = map_of(DUAL("ipv6", HOST6("1") "," HOST6("2") "," HOST6("3"),
				    LINK("0", "1", "100", "300") "," LINK("2", "1", "100", "300"),
				    ""));
	AUTO(map_stats) struct map_stats only = { .nodes = NULL };
	AUTO(map_stats) struct map_stats both = { .nodes = NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(map_evaluate(&v6, &only, &err), 0);
	assert_true(only.nodes[1].down);
	assert_int_equal(map_add_family(&map, &v6, &err), 0);
	assert_int_equal(map_evaluate(&map, &both, &err), 0);
	assert_false(both.nodes[1].down);
	assert_int_equal(both.links[MAP_NO_ANSWER], 2);
}

static void links_that_are_worse_in_one_family_are_counted(void **state)
{
	AUTO(map)
	struct map map = map_of(
		DUAL("ipv4", HOST("1") "," HOST("2") "," HOST("3"),
		     LINK("0", "1", "0", "300") "," LINK("0", "2", "5", "300") "," LINK(
			     "1", "0", "100", "300") "," LINK("1", "2", "100", "300"),
		     ""));
	AUTO(map)
	struct map v6 = map_of(DUAL("ipv6", HOST6("1") "," HOST6("2") "," HOST6("3"),
				    LINK("0", "1", "100", "300") "," LINK(
					    "0", "2", "7", "300") "," LINK("1", "0", "0", "300"),
				    ""));
	AUTO(map_stats) struct map_stats stats = { .nodes = NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_false(map_is_dual(&map));
	assert_int_equal(map_add_family(&map, &v6, &err), 0);
	assert_true(map_is_dual(&map));
	assert_int_equal(map_evaluate(&map, &stats, &err), 0);
	assert_int_equal(map_only_family(map_link(&map, 0, 1), &stats), AF_INET6);
	assert_int_equal(map_only_family(map_link(&map, 1, 0), &stats), AF_INET);
	/* Loss in both; measured in IPv4 only; not at all. */
	assert_int_equal(map_only_family(map_link(&map, 0, 2), &stats), AF_UNSPEC);
	assert_int_equal(map_only_family(map_link(&map, 1, 2), &stats), AF_UNSPEC);
	assert_int_equal(map_only_family(map_link(&map, 2, 1), &stats), AF_UNSPEC);
	assert_int_equal(stats.only[FAMILY_V6][MAP_NO_ANSWER], 1);
	assert_int_equal(stats.only[FAMILY_V4][MAP_NO_ANSWER], 1);
	assert_int_equal(stats.only[FAMILY_V6][MAP_LOSS], 0);
	assert_int_equal(stats.links[MAP_NO_ANSWER], 3);
}

static void maps_of_two_families_are_not_merged(void **state)
{
	AUTO(map) struct map map = map_of(DUAL("ipv4", HOST("1"), "", ""));
	AUTO(map) struct map v6 = map_of(DUAL("ipv6", HOST6("1"), "", ""));
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(map_merge(&map, &v6, &err), -1);
	assert_string_equal(err.text, "one map is of IPv4, and one of IPv6");
}

static void too_many_nodes_are_not_merged(void **state)
{
	AUTO(free) char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(file);
	fputs("{\"links\":[],\"nodes\":[", file);
	for (size_t i = 0; i < MAP_NODES_MAX; i++)
		fprintf(file, "%s{\"id\":\"n%zu\"}", i ? "," : "", i);
	fputs("]}", file);
	fclose(file);

	AUTO(map) struct map map = map_of(text);
	AUTO(map) struct map same = map_of(text);
	AUTO(map) struct map other = map_of("{\"nodes\":[" HOST("1") "],\"links\":[]}");

	assert_int_equal(map_merge(&map, &same, &err), 0);
	assert_int_equal(map_settle(&map, &err), 0);
	assert_int_equal(map.nodes.len, MAP_NODES_MAX);
	assert_int_equal(map_merge(&map, &other, &err), 0);
	assert_int_equal(map_settle(&map, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_string_equal(err.text, "more than 10000 nodes");
}

/* null, and not 0: a link that never answered has not just answered. */
static void absent_age_and_reason_are_kept(void **state)
{
	static const char document[] =
		"{\"node\":\"a\",\"reason\":\"no key\",\"nodes\":[" HOST("1") "," HOST(
			"2") "],\"links\":[{\"from\":0,\"to\":1,\"sent\":3,\"lost\":3,\"rtt_us\":null,"
			     "\"age_s\":null,\"silent\":true}],\"missing\":[1]}";
	AUTO(map) struct map map = map_of(document);
	AUTO(free) char *text = text_of(&map);

	(void)state;
	assert_int_equal(map.links.at ? map.links.at[0].age_s : 0, MAP_NO_AGE);
	assert_string_equal(text, document);
}

/* ---- Evaluation ------------------------------------------------------------------------- */

static void losses_are_rounded_but_not_to_none_or_all(void **state)
{
	static const struct {
		uint32_t sent, lost;
		unsigned percent;
	} cases[] = { { 100, 0, 0 }, { 1000, 1, 1 },    { 100, 2, 2 },
		      { 3, 1, 33 },  { 1000, 999, 99 }, { UINT32_MAX, UINT32_MAX - 1, 99 },
		      { 7, 7, 100 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct map_link link = { .sent = cases[i].sent, .lost = cases[i].lost };

		assert_int_equal(map_loss_percent(&link), cases[i].percent);
	}
}

static void round_trips_have_three_digits(void **state)
{
	static const struct {
		uint32_t rtt_us;
		const char *text;
	} cases[] = { { 0, "0.00" },      { 344, "0.34" },  { 345, "0.35" },
		      { 9994, "9.99" },   { 9995, "10.0" }, { 12345, "12.3" },
		      { 99994, "99.9" },  { 99995, "100" }, { 4294967294, "4294967" },
		      { MAP_NO_RTT, "-" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[MAP_RTT_SIZE];

		assert_string_equal(map_rtt_text(text, cases[i].rtt_us), cases[i].text);
	}
}

/* Four nodes: host4 is down, host1 to host2 loses packets, host3 to host1 is slow. */
static const char four[] =
	"{\"node\":\"host1\",\"network\":\"blue\",\"nodes\":[" HOST("1") "," HOST("2") "," HOST("3") "," HOST("4") "],\"links\":[" LINK(
		"0", "1", "2",
		"340") "," LINK("0", "2", "0",
				"300") "," LINK("0", "3", "100",
						"null") "," LINK("1", "0", "0",
								 "350") "," LINK("1", "2", "0",
										 "320") "," LINK("1",
												 "3",
												 "100",
												 "null") "," LINK("2",
														  "0",
														  "0",
														  "12345") "," LINK("2",
																    "1",
																    "100",
																    "null") "],\"missing\":[3]}";

static void links_and_nodes_are_evaluated(void **state)
{
	AUTO(map) struct map map = map_of(four);
	AUTO(map_stats) struct map_stats stats = { .nodes = NULL };
	AUTO(free) const struct map_link **worst = NULL;
	struct err err = ERR_INIT;
	size_t len;

	(void)state;
	assert_int_equal(map_evaluate(&map, &stats, &err), 0);
	assert_int_equal(stats.links[MAP_GOOD], 3);
	assert_int_equal(stats.links[MAP_SLOW], 1);
	assert_int_equal(stats.links[MAP_LOSS], 1);
	assert_int_equal(stats.links[MAP_NO_ANSWER], 3);
	assert_int_equal(stats.links[MAP_UNKNOWN], 4);
	assert_int_equal(stats.answered, 5);
	assert_int_equal(stats.median_us, 340);
	assert_int_equal(stats.longest_us, 12345);
	assert_int_equal(stats.slow_us, 1360);
	/* host2 does not answer host3 only; host4 answers no node. */
	assert_int_equal(stats.down, 1);
	assert_true(stats.nodes[3].down);
	assert_int_equal(stats.nodes[0].rtt_us, 350);
	assert_int_equal(stats.nodes[3].rtt_us, MAP_NO_RTT);

	assert_int_equal(map_worst(&map, &stats, &worst, &len, &err), 0);
	assert_int_equal(len, 3);
	assert_ptr_equal(worst[0], map_link(&map, 2, 1));
	assert_ptr_equal(worst[1], map_link(&map, 0, 1));
	assert_ptr_equal(worst[2], map_link(&map, 2, 0));
}

/* The last probes were lost, not all of the last 64: the node is down at the moment. */
static void silent_link_has_no_answer(void **state)
{
	AUTO(map)
	struct map map = map_of("{\"nodes\":[" HOST("1") "," HOST(
		"2") "],\"links\":[{\"from\":0,\"to\":1,\"sent\":64,\"lost\":3,\"rtt_us\":5,"
		     "\"silent\":true}]}");
	AUTO(map_stats) struct map_stats stats = { .nodes = NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(map_evaluate(&map, &stats, &err), 0);
	assert_int_equal(stats.links[MAP_NO_ANSWER], 1);
	assert_int_equal(stats.links[MAP_LOSS], 0);
	assert_int_equal(stats.answered, 0);
	assert_int_equal(stats.nodes[1].unanswered, 1);
}

/* With one measurement, a dead node and a dead link are the same: the link is listed. */
static void node_that_one_node_measures_is_not_down(void **state)
{
	AUTO(map)
	struct map map = map_of("{\"nodes\":[" HOST("1") "," HOST(
		"2") "],\"links\":[" LINK("0", "1", "100", "null") "]}");
	AUTO(map_stats) struct map_stats stats = { .nodes = NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(map_evaluate(&map, &stats, &err), 0);
	assert_int_equal(stats.down, 0);
	assert_int_equal(stats.answered, 0);
}

/* ---- Text ------------------------------------------------------------------------------- */

static char *print(const char *text, unsigned width, bool all, bool colour)
{
	AUTO(json) struct json *json = NULL;
	struct err err = ERR_INIT;
	struct out_to to = { .width = width, .all = all, .colour = colour };
	char *shown = NULL;
	size_t size = 0;
	struct jr root;

	assert_int_equal(json_parse(text, strlen(text), SIZE_MAX, JSON_STRICT, "map", &json, &err),
			 0);
	root = jr_root(json);
	to.file = open_memstream(&shown, &size);
	assert_non_null(to.file);
	out_text.map(&to, &root);
	fclose(to.file);
	assert_int_equal(jr_done(json, ERR_DECODE, &err), 0);
	return shown;
}

static void assert_printed(const char *text, unsigned width, const char *expected)
{
	AUTO(free) char *shown = print(text, width, false, false);

	assert_string_equal(shown, expected);
}

static const char four_numbers[] =
	"network blue, 4 nodes, from host1\n"
	"links: 4 without loss, of these 1 slow; 1 with loss, 3 without an answer, 4 not measured\n"
	"round trip: median 0.34 ms, 95 % within 0.35 ms, longest 12.3 ms\n";

static const char four_lists[] = "\nwithout an answer: host4\n"
				 "\nmeasurements missing of: host4\n"
				 "\nFROM   TO     LOST  SENT  MS    AGE\n"
				 "host3  host2  100%  100   -     12 s\n"
				 "host1  host2  2%    100   0.34  12 s\n"
				 "host3  host1  0%    100   12.3  12 s\n";

static void matrix_has_values_where_they_fit(void **state)
{
	char expected[2048];

	(void)state;
	snprintf(expected, sizeof(expected), "%s%s%s", four_numbers,
		 "\n"
		 "              1     2     3     4\n"
		 "1 host1            2%  0.30     X\n"
		 "2 host2    0.35        0.32     X\n"
		 "3 host3   ~12.3     X           ?\n"
		 "4 host4       ?     ?     ?\n"
		 "\nrow to column: round trip in ms; ~ over 1.36 ms; % lost packets; X no answer; "
		 "? not measured\n",
		 four_lists);
	assert_printed(four, 0, expected);
}

static void narrow_matrix_has_signs(void **state)
{
	char expected[2048];

	(void)state;
	snprintf(expected, sizeof(expected), "%s%s%s", four_numbers,
		 "\n"
		 "         1 2 3 4\n"
		 "1 host1    + . X\n"
		 "2 host2  .   . X\n"
		 "3 host3  ~ X   ?\n"
		 "4 host4  ? ? ?\n"
		 "\nrow to column: . no loss; ~\n"
		 "over 1.36 ms; + under 10 %\n"
		 "lost; 1-9 lost, in tens of\n"
		 "percent; X no answer; ? not\n"
		 "measured\n",
		 four_lists);
	assert_printed(four, 28, expected);
}

static void matrix_without_room_is_left_out_or_broken(void **state)
{
	AUTO(free) char *without = print(four, 10, false, false);
	AUTO(free) char *broken = print(four, 10, true, false);

	(void)state;
	assert_non_null(strstr(without, "\nno room for the matrix of 4 nodes: --all prints it\n"));
	assert_non_null(strstr(broken, "\n         1234\n1 host1   +.X\n2 host2  . .X\n"));
}

/* Colour adds nothing that the text does not have. */
static void colours_only_accompany(void **state)
{
	AUTO(free) char *plain = print(four, 0, false, false);
	AUTO(free) char *coloured = print(four, 0, false, true);
	size_t len = 0;

	(void)state;
	assert_non_null(strstr(coloured, "\033[31m2%\033[0m"));
	for (const char *at = coloured; *at; at++) {
		if (*at == '\033')
			at = strchr(at, 'm');
		else
			coloured[len++] = *at;
	}
	coloured[len] = '\0';
	assert_string_equal(coloured, plain);
}

static void map_without_measurements_has_a_remedy(void **state)
{
	(void)state;
	assert_printed(
		"{\"nodes\":[" HOST("1") "," HOST("2") "],\"links\":[],\"missing\":[1]}", 0,
		"2 nodes\n"
		"links: 0 without loss, of these 0 slow; 0 with loss, 0 without an answer, 2 "
		"not measured\n"
		"no link was measured: start weftd with --probe on every node, and wait for a "
		"minute\n");
}

/* As weftd answers: host2 has no --probe, and host3 has not answered, nor sent its measurements. */
static void nodes_that_do_not_measure_are_named(void **state)
{
	(void)state;
	assert_printed(
		"{\"node\":\"host1\",\"reason\":\"the network has no key\",\"nodes\":[" HOST(
			"1") ",{\"id\":\"host2\",\"node_id\":\"x\",\"probes\":false}," HOST("3") "],\"links\":[{\"from\":0,\"to\":2,\"sent\":9,\"lost\":9,\"rtt_us\":null,"
												 "\"age_s\":null}],\"missing\":[1,2]}",
		0,
		"3 nodes, from host1\n"
		"links: 0 without loss, of these 0 slow; 0 with loss, 1 without an answer, 5 "
		"not measured\n"
		"\n"
		"              1     2     3\n"
		"1 host1             ?     X\n"
		"2 host2       ?           ?\n"
		"3 host3       ?     ?\n"
		"\nrow to column: round trip in ms; % lost packets; X no answer; "
		"? not measured\n"
		"\nweftd has no --probe: host2\n"
		"\nmeasurements missing of: host3\n"
		"reason: the network has no key\n"
		"\nFROM   TO     LOST  SENT  MS  AGE\n"
		"host1  host3  100%  9     -   -\n");
}

static void absent_age_and_reason_are_printed(void **state)
{
	AUTO(free)
	char *shown = print(
		"{\"reason\":\"no key\",\"nodes\":[" HOST("1") "," HOST(
			"2") "],\"links\":[{\"from\":0,\"to\":1,\"sent\":3,\"lost\":3,\"rtt_us\":null,"
			     "\"age_s\":null,\"silent\":true}],\"missing\":[1]}",
		0, false, false);

	(void)state;
	assert_non_null(strstr(shown, "\nmeasurements missing of: host2\nreason: no key\n"));
	assert_non_null(strstr(shown, "host1  host2  100%  3     -   -\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_are_in_natural_order),
		cmocka_unit_test(faults_are_named),
		cmocka_unit_test(rows_of_several_nodes_are_merged),
		cmocka_unit_test(rows_of_many_nodes_are_merged),
		cmocka_unit_test(the_worse_of_two_families_is_shown),
		cmocka_unit_test(a_node_that_answers_in_one_family_is_not_down),
		cmocka_unit_test(links_that_are_worse_in_one_family_are_counted),
		cmocka_unit_test(maps_of_two_families_are_not_merged),
		cmocka_unit_test(too_many_nodes_are_not_merged),
		cmocka_unit_test(maps_of_two_networks_are_not_merged),
		cmocka_unit_test(absent_age_and_reason_are_kept),
		cmocka_unit_test(losses_are_rounded_but_not_to_none_or_all),
		cmocka_unit_test(round_trips_have_three_digits),
		cmocka_unit_test(links_and_nodes_are_evaluated),
		cmocka_unit_test(silent_link_has_no_answer),
		cmocka_unit_test(node_that_one_node_measures_is_not_down),
		cmocka_unit_test(matrix_has_values_where_they_fit),
		cmocka_unit_test(narrow_matrix_has_signs),
		cmocka_unit_test(matrix_without_room_is_left_out_or_broken),
		cmocka_unit_test(colours_only_accompany),
		cmocka_unit_test(map_without_measurements_has_a_remedy),
		cmocka_unit_test(nodes_that_do_not_measure_are_named),
		cmocka_unit_test(absent_age_and_reason_are_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
