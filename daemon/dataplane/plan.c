/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include "config.h"
#include "peer.h"
#include "plan_private.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

void plan_table_clear(struct plan_table *table)
{
	plan_arps_clear(&table->arp);
	plan_fdbs_clear(&table->self);
	plan_fdbs_clear(&table->bridge);
	plan_routes_clear(&table->route);
}

void plan_table_free(struct plan_table *table)
{
	plan_arps_free(&table->arp);
	plan_fdbs_free(&table->self);
	plan_fdbs_free(&table->bridge);
	plan_routes_free(&table->route);
}

int plan_arp_cmp(const void *a, const void *b)
{
	const struct neigh *left = a, *right = b;

	return ipaddr_cmp(&left->addr, &right->addr);
}

static int fdb_cmp(const void *a, const void *b)
{
	const struct neigh_fdb *left = a, *right = b;

	return mac_cmp(&left->mac, &right->mac);
}

int plan_self_cmp(const void *a, const void *b)
{
	const struct neigh_fdb *left = a, *right = b;
	int order = fdb_cmp(a, b);

	return order ? order : ipaddr_cmp(&left->vtep, &right->vtep);
}

int plan_slot_cmp(const void *a, const void *b)
{
	const struct route *left = a, *right = b;
	int order = prefix_cmp(&left->dst, &right->dst);

	if (order)
		return order;
	return (left->metric > right->metric) - (left->metric < right->metric);
}

void plan_table_sort(struct plan_table *table)
{
	vec_sort(table->arp.at, table->arp.len, sizeof(*table->arp.at), plan_arp_cmp);
	vec_sort(table->self.at, table->self.len, sizeof(*table->self.at), plan_self_cmp);
	vec_sort(table->bridge.at, table->bridge.len, sizeof(*table->bridge.at), fdb_cmp);
	vec_sort(table->route.at, table->route.len, sizeof(*table->route.at), plan_slot_cmp);
}

const struct neigh *plan_find_arp(const struct plan_table *table, const struct neigh *arp)
{
	return vec_find(table->arp.at, table->arp.len, sizeof(*arp), plan_arp_cmp, arp);
}

const struct neigh_fdb *plan_find_fdb(const struct plan_table *table, const struct mac *mac)
{
	const struct neigh_fdb key = { .mac = *mac };

	return vec_find(table->self.at, table->self.len, sizeof(key), fdb_cmp, &key);
}

const struct route *plan_find_route(const struct plan_table *table, const struct route *route)
{
	return vec_find(table->route.at, table->route.len, sizeof(*route), plan_slot_cmp, route);
}

bool plan_as_have(struct plan_table *table)
{
	plan_fdbs_clear(&table->bridge);
	for (size_t i = 0; i < table->self.len; i++) {
		struct neigh_fdb fdb = table->self.at[i];

		table->self.at[i].state = NUD_NOARP;
		fdb.state = NUD_NOARP;
		fdb.bridge = true;
		fdb.sticky = true;
		fdb.vtep = (struct ipaddr){ .family = AF_UNSPEC };
		if (!plan_fdbs_push(&table->bridge, &fdb))
			return false;
	}
	return true;
}

/*
 * The metric sets the routes apart in the kernel's table of next hops, which is hashed by
 * metric but not by gateway: without it 10,000 routes take two seconds. In IPv6 a metric
 * of 0 would be taken for 1024, which is another subnet's.
 */
static uint32_t metric_of(const struct config *config, enum family f, const struct prefix *subnet)
{
	uint32_t index = subnet_index(&config->plan[f], subnet);

	return f == FAMILY_V4 ? index : index % UINT32_MAX + 1;
}

static bool want_route(const struct peer *peer, enum family f, const struct config *config,
		       const struct plan_devices *devices, struct plan_table *want)
{
	const bool direct = peer->direct[f];
	const struct route route = {
		.dst = peer->subnet[f],
		.gateway = direct ? peer->public_ip[f] : peer->subnet[f].addr,
		.source = devices->gateway[f],
		.index = direct ? devices->uplink : devices->bridge,
		.metric = metric_of(config, f, &peer->subnet[f]),
		.table = RT_TABLE_MAIN,
		.protocol = ROUTE_PROTOCOL,
		.scope = RT_SCOPE_UNIVERSE,
		.onlink = !direct,
	};

	return plan_routes_push(&want->route, &route);
}

static bool want_fdb(const struct peer *peer, enum family f, enum family outer,
		     const struct plan_devices *devices, struct plan_table *want)
{
	const struct neigh_fdb fdb = {
		.mac = peer->vtep_mac[f],
		.index = devices->vxlan[outer],
		.vtep = peer->public_ip[outer],
	};

	return plan_fdbs_push(&want->self, &fdb);
}

static bool is_tunnelled(const struct peer *peer, enum family f)
{
	return prefix_is_set(&peer->subnet[f]) && !peer->direct[f];
}

static bool want_family(const struct peer *peer, enum family f, const struct config *config,
			const struct plan_devices *devices, struct plan_table *want)
{
	const bool usable[FAMILIES] = { devices->vxlan[FAMILY_V4], devices->vxlan[FAMILY_V6] };
	const int outer = peer_outer(peer, f, usable);
	const struct neigh arp = {
		.addr = peer->subnet[f].addr,
		.mac = peer->vtep_mac[f],
		.index = devices->bridge,
		.state = NUD_PERMANENT,
	};
	/* A weft peer has one MAC, and needs one entry. */
	const bool again = f == FAMILY_V6 && is_tunnelled(peer, FAMILY_V4) &&
			   !mac_cmp(&peer->vtep_mac[FAMILY_V4], &peer->vtep_mac[FAMILY_V6]);

	if (!is_tunnelled(peer, f))
		return !prefix_is_set(&peer->subnet[f]) ||
		       want_route(peer, f, config, devices, want);
	if (outer < 0)
		return true;
	return plan_arps_push(&want->arp, &arp) &&
	       (again || want_fdb(peer, f, (enum family)outer, devices, want)) &&
	       want_route(peer, f, config, devices, want);
}

static bool reserve(struct plan_table *table, size_t peers, const struct config *config)
{
	size_t entries = peers * (config_has(config, FAMILY_V4) + config_has(config, FAMILY_V6));

	return plan_arps_reserve(&table->arp, entries) && plan_fdbs_reserve(&table->self, peers) &&
	       plan_routes_reserve(&table->route, entries);
}

bool plan_want(const struct peers *peers, const struct config *config,
	       const struct plan_devices *devices, struct plan_table *want_out)
{
	plan_table_clear(want_out);
	if (!reserve(want_out, peers->len, config))
		return false;
	for (size_t i = 0; i < peers->len; i++)
		for (enum family f = 0; f < FAMILIES; f++)
			if (!want_family(&peers->at[i], f, config, devices, want_out))
				return false;
	plan_table_sort(want_out);
	return true;
}

/* One walk over a pair of sorted arrays, adding the operations that it finds. */
struct walk {
	struct plan_ops *ops;
	const char *want, *have; /* the arrays, to reckon indices */
	size_t size;
	bool (*same)(const void *want, const void *have);
	bool *missing; /* what is to be added is marked here instead; or NULL */
	bool adding;   /* this walk adds, or this walk removes */
	enum plan_kind kind;
};

static bool walk_visit(void *ctx, const void *want, const void *have)
{
	struct walk *walk = ctx;
	struct plan_op op = { .kind = walk->kind };

	if (walk->adding) {
		if (!want || (have && walk->same(want, have)))
			return true;
		op.index = (uint32_t)((size_t)((const char *)want - walk->want) / walk->size);
		if (walk->missing) {
			walk->missing[op.index] = true;
			return true;
		}
	} else {
		if (want)
			return true;
		op.index = (uint32_t)((size_t)((const char *)have - walk->have) / walk->size);
	}
	return plan_ops_push(walk->ops, &op);
}

static bool arp_same(const void *want, const void *have)
{
	const struct neigh *a = want, *b = have;

	return !mac_cmp(&a->mac, &b->mac);
}

/* MAC and VTEP were compared already. */
static bool self_same(const void *want, const void *have)
{
	const struct neigh_fdb *a = want, *b = have;

	return a->index == b->index && b->state & (NUD_PERMANENT | NUD_NOARP);
}

/* Static: it neither ages nor moves. */
static bool bridge_same(const void *want, const void *have)
{
	const struct neigh_fdb *a = want, *b = have;

	return a->index == b->index && b->state & NUD_NOARP && b->sticky;
}

static bool route_same(const void *want, const void *have)
{
	return !route_cmp(want, have);
}

static bool add_or_del(struct plan_ops *ops, enum plan_kind kind, const void *want, size_t want_len,
		       const void *have, size_t have_len, size_t size, vec_cmp_fn *cmp,
		       bool (*same)(const void *want, const void *have), bool *missing)
{
	struct walk walk = {
		.ops = ops,
		.want = want,
		.have = have,
		.size = size,
		.same = same,
		.missing = missing,
		.adding = !plan_is_removal(kind),
		.kind = kind,
	};

	return vec_merge(want, want_len, have, have_len, size, cmp, walk_visit, &walk);
}

bool plan_is_removal(enum plan_kind kind)
{
	return kind >= PLAN_ROUTE_DEL;
}

#define ARRAYS(want, have) (want).at, (want).len, (have).at, (have).len, sizeof(*(want).at)

/* A peer that lacks either half gets both from one message: named by either walk, or by both. */
static bool add_fdb(struct plan_ops *ops, const struct plan_table *want,
		    const struct plan_table *have)
{
	struct plan_op op = { .kind = PLAN_FDB_ADD };
	bool *missing = calloc(want->self.len + 1, sizeof(*missing));
	bool good = missing != NULL;

	if (good) {
		add_or_del(ops, PLAN_FDB_ADD, ARRAYS(want->self, have->self), plan_self_cmp,
			   self_same, missing);
		add_or_del(ops, PLAN_FDB_ADD, ARRAYS(want->self, have->bridge), fdb_cmp,
			   bridge_same, missing);
	}
	for (; good && op.index < want->self.len; op.index++)
		good = !missing[op.index] || plan_ops_push(ops, &op);
	free(missing);
	return good;
}

/* In the order of enum plan_kind. */
bool plan_diff(const struct plan_table *want, const struct plan_table *have,
	       struct plan_ops *ops_out)
{
	plan_ops_clear(ops_out);
	return add_or_del(ops_out, PLAN_ARP_ADD, ARRAYS(want->arp, have->arp), plan_arp_cmp,
			  arp_same, NULL) &&
	       add_fdb(ops_out, want, have) &&
	       add_or_del(ops_out, PLAN_ROUTE_ADD, ARRAYS(want->route, have->route), plan_slot_cmp,
			  route_same, NULL) &&
	       add_or_del(ops_out, PLAN_ROUTE_DEL, ARRAYS(want->route, have->route), plan_slot_cmp,
			  NULL, NULL) &&
	       add_or_del(ops_out, PLAN_ARP_DEL, ARRAYS(want->arp, have->arp), plan_arp_cmp, NULL,
			  NULL) &&
	       add_or_del(ops_out, PLAN_SELF_DEL, ARRAYS(want->self, have->self), plan_self_cmp,
			  NULL, NULL) &&
	       add_or_del(ops_out, PLAN_BRIDGE_DEL, ARRAYS(want->self, have->bridge), fdb_cmp, NULL,
			  NULL);
}
