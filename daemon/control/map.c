/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/map.h"

#include "common/auto.h"
#include "common/control.h"
#include "common/err.h"
#include "common/json/json.h"
#include "common/vec.h"
#include "daemon/control/control.h"
#include "daemon/control/status.h"
#include "daemon/io/loop.h"
#include "daemon/lease/lease.h"
#include "daemon/lease/node.h"
#include "daemon/lease/peer.h"
#include "daemon/network/network.h"
#include "daemon/network/publish.h"
#include "daemon/probe/probe.h"
#include "daemon/probe/probe_collect.h"
#include "daemon/probe/probe_row.h"
#include "daemon/probe/probe_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MAP_LINKS_SIZE_MAX (32 << 20) /* bytes of the links: half of CONTROL_ANSWER_MAX */
#define NO_KEY "the network configuration has no Weft.ProbeKey, which other nodes require"

/* A node by the address that it is measured at. */
struct place {
	struct ipaddr gateway;
	uint32_t node;
};
VEC_DEFINE(places, struct place);

struct map {
	struct loop *loop;
	const struct status_self *self;
	struct probe *probe;
	struct probe_collect *collect; /* NULL: no request is in progress */
	/* Of the request in progress: */
	struct control *control;
	struct control_call call;
	struct jb *jb;
	struct jb_at at, nodes;
	enum family family; /* that is mapped */
	uint32_t node_len;
	struct places places; /* sorted by address, when all are known */
	FILE *links;
	char *links_text;
	size_t links_size;
	const char *separator;
	bool has_key;
	/* Why this node does not probe the family, although it probes the other; NULL: it does. */
	const char *error;
	size_t wanted; /* nodes whose rows are requested */
	size_t direct; /* nodes that are reached without the tunnel, in which rows travel */
};

static int place_cmp(const void *a, const void *b)
{
	return ipaddr_cmp(&((const struct place *)a)->gateway, &((const struct place *)b)->gateway);
}

static void clear(struct map *map)
{
	probe_collect_free(map->collect);
	map->collect = NULL;
	jb_free(map->jb);
	map->jb = NULL;
	if (map->links)
		fclose(map->links);
	map->links = NULL;
	free(take_ptr(map->links_text));
	places_free(&map->places);
	map->node_len = 0;
	map->wanted = map->direct = 0;
	map->error = NULL;
}

static void reply_error(struct map *map, const char *error)
{
	AUTO(jb) struct jb *jb = jb_new();
	char *text = NULL;
	struct err unused;

	if (!jb)
		return;
	jb_u32(jb_root(jb), "version", CONTROL_VERSION);
	jb_str(jb_root(jb), "error", error);
	if (jb_text(jb, &text, &unused) == 0)
		control_reply(map->control, &map->call, text);
}

/* ---- Nodes ------------------------------------------------------------------------------- */

struct node_text {
	const char *name, *id;
	const struct ipaddr *public_ip; /* FAMILIES of them */
	const struct prefix *subnet;
	bool probes;
};

static void put_node(struct map *map, const struct node_text *node)
{
	struct jb_at at = jb_obj(map->nodes, NULL);
	const enum family f = ipaddr_is_set(&node->public_ip[FAMILY_V4]) ? FAMILY_V4 : FAMILY_V6;
	char address[IPADDR_TEXT_SIZE];

	ipaddr_text(&node->public_ip[f], address);
	jb_str(at, "id", *node->name ? node->name : *node->id ? node->id : address);
	jb_str(at, "node_id", node->id);
	jb_str(at, "address", address);
	jb_prefix(at, "subnet", node->subnet);
	jb_bool(at, "probes", node->probes);
	map->node_len++;
}

/* Returns false if out of memory. */
static bool add_peer(struct map *map, const struct network_view *view, const struct lease *peer)
{
	const enum family f = map->family;
	const struct place place = {
		.gateway = publish_gateway(view->config, f, &peer->subnet[f]),
		.node = map->node_len,
	};
	const struct node_text text = {
		.name = peer->name,
		.id = peer->node,
		.public_ip = peer->public_ip,
		.subnet = &peer->subnet[f],
		.probes = peer->probe,
	};

	put_node(map, &text);
	return places_push(&map->places, &place);
}

static bool add_self(struct map *map, const struct network_view *view)
{
	const enum family f = map->family;
	const struct place place = {
		.gateway = publish_gateway(view->config, f, &view->self.subnet[f]),
		.node = map->node_len,
	};
	const struct node_text text = {
		.name = map->self->node_name,
		.id = map->self->node->state.id,
		.public_ip = view->self.public_ip,
		.subnet = &view->self.subnet[f],
		.probes = true,
	};

	put_node(map, &text);
	return places_push(&map->places, &place);
}

/* Returns where the row of a peer is requested; unset: it is not. */
static struct ipaddr row_gateway(struct map *map, const struct network_view *view,
				 const struct probe_table *table, const struct lease *peer)
{
	const struct ipaddr none = { .family = AF_UNSPEC };
	const struct ipaddr gateway = publish_gateway(view->config, map->family,
						      &peer->subnet[map->family]);
	const struct probe_target *target = probe_table_find(table, &gateway);

	if (!peer->probe)
		return none;
	if (target && target->direct) {
		map->direct++;
		return none;
	}
	map->wanted++;
	return gateway;
}

/*
 * The node itself first. *gateways_out, the caller's: by index, of the nodes whose rows are
 * requested; else unset.
 */
static int add_nodes(struct map *map, const struct network_view *view,
		     const struct probe_table *table, struct ipaddr **gateways_out, struct err *err)
{
	AUTO(leases) struct leases usable = { .len = 0 };
	AUTO(free) struct ipaddr *gateways = NULL;

	if (!peers_filter(&view->leases->leases, view->config, &view->self, &usable, NULL, NULL,
			  NULL) ||
	    !add_self(map, view))
		return err_nomem(err, "the map");
	gateways = calloc(usable.len + 1, sizeof(*gateways));
	if (!gateways)
		return err_nomem(err, "the map");
	for (size_t i = 0; i < usable.len; i++) {
		const struct lease *peer = &usable.at[i];

		if (!prefix_is_set(&peer->subnet[map->family]))
			continue;
		gateways[map->node_len] = row_gateway(map, view, table, peer);
		if (!add_peer(map, view, peer))
			return err_nomem(err, "the map");
	}
	vec_sort(map->places.at, map->places.len, sizeof(*map->places.at), place_cmp);
	*gateways_out = take_ptr(gateways);
	return 0;
}

/* ---- Links ------------------------------------------------------------------------------- */

static const struct place *find_place(const struct map *map, const struct ipaddr *gateway)
{
	const struct place key = { .gateway = *gateway };

	return vec_find(map->places.at, map->places.len, sizeof(key), place_cmp, &key);
}

/* Targets that are no node here, because a node has another view of the store, are left out. */
static bool put_link(void *ctx, size_t node, const struct probe_row_entry *entry)
{
	struct map *map = ctx;
	const struct place *to = find_place(map, &entry->gateway);

	if (!to || to->node == node)
		return true;
	fprintf(map->links,
		"%s{\"from\":%zu,\"to\":%" PRIu32 ",\"sent\":%" PRIu32 ",\"lost\":%" PRIu32
		",\"rtt_us\":",
		map->separator, node, to->node, entry->sent, entry->lost);
	map->separator = ",";
	if (entry->rtt_us == PROBE_NO_RTT)
		fputs("null", map->links);
	else
		fprintf(map->links, "%" PRIu32, entry->rtt_us);
	if (entry->age_s == PROBE_ROW_AGE_NONE)
		fputs(",\"age_s\":null", map->links);
	else
		fprintf(map->links, ",\"age_s\":%" PRIu32, entry->age_s);
	fputs(entry->silent ? ",\"silent\":true}" : "}", map->links);
	return ftell(map->links) < MAP_LINKS_SIZE_MAX;
}

static void put_own_links(struct map *map, const struct probe_network *net, enum family f)
{
	const struct probe_network_view view = probe_network_view(net);
	const uint64_t now_us = loop_now_us();
	struct probe_row_entry entry;

	for (size_t i = 0; i < view.table->targets.len; i++)
		if (ipaddr_family(&view.table->targets.at[i].gateway) == f &&
		    probe_row_entry(&view.table->targets.at[i], now_us, &entry))
			put_link(map, 0, &entry);
}

/* ---- The reply --------------------------------------------------------------------------- */

/*
 * The links were written as text, because they are many. Returns the document with them, or NULL.
 */
static char *insert_links(const char *document, const char *links)
{
	static const char mark[] = "\"links\":[]";
	const char *at = strstr(document, mark);
	char *text = NULL;

	if (!at || asprintf(&text, "%.*s\"links\":[%s]%s", (int)(at - document), document, links,
			    at + strlen(mark)) < 0)
		return NULL;
	return text;
}

/* Why rows are missing that were not requested; "": all were. */
static const char *reason_text(const struct map *map, char buf[static ERR_TEXT_SIZE])
{
	const size_t left = map->collect ? map->wanted - probe_collect_requested(map->collect) : 0;
	char direct[96] = "";

	if (map->error)
		return map->error;
	if (!map->has_key)
		return NO_KEY;
	if (map->direct)
		snprintf(direct, sizeof(direct),
			 "nodes that are reached without the tunnel (DirectRouting): %zu",
			 map->direct);
	if (!left)
		snprintf(buf, ERR_TEXT_SIZE, "%s", direct);
	else
		snprintf(
			buf, ERR_TEXT_SIZE,
			"%zu of %zu nodes were not queried: one answer is limited to %d s and %d MiB%s%s",
			left, map->wanted, PROBE_COLLECT_MS / 1000, MAP_LINKS_SIZE_MAX >> 20,
			*direct ? "; " : "", direct);
	return buf;
}

static void reply_map(struct map *map)
{
	AUTO(free) char *document = NULL;
	struct jb_at missing = jb_arr(map->at, "missing");
	char *text = NULL, reason[ERR_TEXT_SIZE];
	struct err unused;

	jb_str(map->at, "reason", reason_text(map, reason));
	if (map->error)
		jb_u32(missing, NULL, 0);
	for (uint32_t i = 1; i < map->node_len; i++)
		if (!map->collect || !probe_collect_is_complete(map->collect, i))
			jb_u32(missing, NULL, i);
	if (fflush(map->links) == 0 && jb_text(map->jb, &document, &unused) == 0)
		text = insert_links(document, map->links_text);
	if (text)
		control_reply(map->control, &map->call, text);
	else
		reply_error(map, "no memory for the map");
	clear(map);
}

static void on_collected(void *ctx)
{
	reply_map(ctx);
}

static const struct probe_collect_owner collect_owner = { put_link, on_collected };

/* ---- The request ------------------------------------------------------------------------- */

static const char *const family_names[FAMILIES] = { [FAMILY_V4] = "ipv4", [FAMILY_V6] = "ipv6" };

/* Begins the document. The links, an empty array, come before everything with texts of others. */
static int begin(struct map *map, const struct network_view *view, struct err *err)
{
	struct jb_at families;

	map->jb = jb_new();
	map->separator = "";
	map->links = open_memstream(&map->links_text, &map->links_size);
	if (!map->jb || !map->links)
		return err_nomem(err, "the map");
	jb_u32(jb_root(map->jb), "version", CONTROL_VERSION);
	map->at = jb_obj(jb_root(map->jb), "map");
	jb_arr(map->at, "links");
	jb_str(map->at, "network", view->name);
	jb_str(map->at, "node", map->self->node_name);
	jb_count(map->at, "time", (uint64_t)time(NULL));
	jb_u32(map->at, "interval_s", probe_interval_s(map->probe));
	jb_str(map->at, "family", family_names[map->family]);
	families = jb_arr(map->at, "families");
	for (enum family f = 0; f < FAMILIES; f++)
		if (config_has(view->config, f))
			jb_str(families, NULL, family_names[f]);
	map->nodes = jb_arr(map->at, "nodes");
	return 0;
}

/* name "": the network's first. */
static int choose_family(struct map *map, const struct config *config, const char *name,
			 struct err *err)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		if (!config_has(config, f) || (*name && strcmp(name, family_names[f]) != 0))
			continue;
		map->family = f;
		return 0;
	}
	return err_set(err, ERR_CONFIG, "the network has no address family \"%s\"", ERR_SHOW(name));
}

static int make_map(struct map *map, const struct network_view *view, const char *family,
		    struct err *err)
{
	AUTO(free) struct ipaddr *gateways = NULL;
	const struct probe_network *net = probe_find(map->probe, view->name);
	struct probe_network_view probes;

	if (net && view->config && choose_family(map, view->config, family, err) < 0)
		return -1;
	if (!net || !view->config || !prefix_is_set(&view->self.subnet[map->family]))
		return err_set(err, ERR_STATE, "network \"%s\" is not ready", view->name);
	probes = probe_network_view(net);
	if (probes.error[0] && (!probes.failed || !probes.answers))
		return err_set(err, ERR_STATE, "network \"%s\": %s", view->name, probes.error);
	map->has_key = probes.has_key;
	if (probes.failed && !ipaddr_is_set(&probes.gateway[map->family]))
		map->error = probes.error;
	if (begin(map, view, err) < 0 || add_nodes(map, view, probes.table, &gateways, err) < 0)
		return -1;
	put_own_links(map, net, map->family);
	if (!probes.has_key || map->error) {
		reply_map(map);
		return 0;
	}
	return probe_collect_new(map->loop, map->probe, view->name, gateways, map->node_len,
				 &collect_owner, map, &map->collect, err);
}

/* The named network, or that of the node's only or first one. */
static int find_network(const struct map *map, const char *name, struct network_view *view_out,
			struct err *err)
{
	for (size_t i = 0; i < map->self->network_len; i++) {
		*view_out = network_view(map->self->networks[i]);
		if (status_includes(name, view_out->name))
			return 0;
	}
	return err_set(err, ERR_CONFIG, "this node has no network \"%s\"",
		       ERR_SHOW(name ? name : "default"));
}

#define FAMILY_NAME_SIZE 8

/* What is requested. */
struct query {
	char network[STATE_NETWORK_NAME_SIZE]; /* "": the first one */
	char family[FAMILY_NAME_SIZE];         /* "": the first one */
};

/* Returns whether the request is a map of a permitted version. */
static bool read_request(const char *text, size_t size, struct query *query_out)
{
	AUTO(json) struct json *json = NULL;
	struct err unused;
	struct jr root;
	bool is_map;

	if (json_parse(text, size, CONTROL_REQUEST_MAX, JSON_STRICT, "request", &json, &unused) < 0)
		return false;
	root = jr_root(json);
	is_map = !strcmp(jr_str_opt(&root, "command", 64, ""), "map") &&
		 jr_u32_opt(&root, "version", 0, UINT32_MAX, 0) == CONTROL_VERSION;
	snprintf(query_out->network, sizeof(query_out->network), "%s",
		 jr_str_opt(&root, "network", sizeof(query_out->network) - 1, ""));
	snprintf(query_out->family, sizeof(query_out->family), "%s",
		 jr_str_opt(&root, "family", sizeof(query_out->family) - 1, ""));
	return is_map && jr_done(json, ERR_DECODE, &unused) == 0;
}

bool map_handle(struct map *map, struct control *control, const struct control_call *call,
		const char *request, size_t size)
{
	struct map busy = { .control = control, .call = *call };
	struct network_view view;
	struct err err = ERR_INIT;
	struct query query;

	if (!read_request(request, size, &query))
		return false;
	if (map->jb) {
		reply_error(&busy, "another map is being collected: retry");
		return true;
	}
	map->control = control;
	map->call = *call;
	if (!map->probe)
		err_set(&err, ERR_CONFIG, "probing is off: start weftd with --probe");
	else if (find_network(map, *query.network ? query.network : NULL, &view, &err) == 0 &&
		 make_map(map, &view, query.family, &err) == 0)
		return true;
	reply_error(map, err.text);
	clear(map);
	return true;
}

int map_new(struct loop *loop, const struct status_self *self, struct probe *probe,
	    struct map **map_out, struct err *err)
{
	struct map *map = calloc(1, sizeof(*map));

	if (!map)
		return err_nomem(err, "the map");
	map->loop = loop;
	map->self = self;
	map->probe = probe;
	*map_out = map;
	return 0;
}

void map_free(struct map *map)
{
	if (!map)
		return;
	clear(map);
	free(map);
}
