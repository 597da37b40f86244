/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/plan.h"

#include "daemon/l2/remote.h"
#include "daemon/lease/lease.h"
#include "daemon/lease/peer.h"
#include "ipam/config.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#define MTU_MIN_V4 576 /* each host accepts packets of this size (RFC 1122 section 3.3.3) */

void plan_table_clear(struct plan_table *table)
{
	plan_arps_clear(&table->arp);
	plan_fdbs_clear(&table->self);
	plan_fdbs_clear(&table->flood);
	plan_fdbs_clear(&table->bridge);
	plan_routes_clear(&table->route);
}

void plan_table_free(struct plan_table *table)
{
	plan_arps_free(&table->arp);
	plan_fdbs_free(&table->self);
	plan_fdbs_free(&table->flood);
	plan_fdbs_free(&table->bridge);
	plan_routes_free(&table->route);
}

static int arp_cmp(const void *a, const void *b)
{
	const struct neigh *left = a, *right = b;

	return ipaddr_cmp(&left->addr, &right->addr);
}

static int fdb_cmp(const void *a, const void *b)
{
	const struct neigh_fdb *left = a, *right = b;

	return mac_cmp(&left->mac, &right->mac);
}

static int self_cmp(const void *a, const void *b)
{
	const struct neigh_fdb *left = a, *right = b;
	int order = fdb_cmp(a, b);

	return order ? order : ipaddr_cmp(&left->vtep, &right->vtep);
}

static int flood_cmp(const void *a, const void *b)
{
	const struct neigh_fdb *left = a, *right = b;
	int order = ipaddr_cmp(&left->vtep, &right->vtep);

	if (order)
		return order;
	return (left->index > right->index) - (left->index < right->index);
}

static int slot_cmp(const void *a, const void *b)
{
	const struct route *left = a, *right = b;
	int order = prefix_cmp(&left->dst, &right->dst);

	if (order)
		return order;
	return (left->metric > right->metric) - (left->metric < right->metric);
}

void plan_table_sort(struct plan_table *table)
{
	vec_sort(table->arp.at, table->arp.len, sizeof(*table->arp.at), arp_cmp);
	vec_sort(table->self.at, table->self.len, sizeof(*table->self.at), self_cmp);
	vec_sort(table->flood.at, table->flood.len, sizeof(*table->flood.at), flood_cmp);
	vec_sort(table->bridge.at, table->bridge.len, sizeof(*table->bridge.at), fdb_cmp);
	vec_sort(table->route.at, table->route.len, sizeof(*table->route.at), slot_cmp);
}

const struct neigh *plan_find_arp(const struct plan_table *table, const struct neigh *arp)
{
	return vec_find(table->arp.at, table->arp.len, sizeof(*arp), arp_cmp, arp);
}

const struct neigh_fdb *plan_find_fdb(const struct plan_table *table, const struct mac *mac)
{
	const struct neigh_fdb key = { .mac = *mac };

	return vec_find(table->self.at, table->self.len, sizeof(key), fdb_cmp, &key);
}

const struct route *plan_find_route(const struct plan_table *table, const struct route *route)
{
	return vec_find(table->route.at, table->route.len, sizeof(*route), slot_cmp, route);
}

const struct neigh_fdb *plan_find_flood(const struct plan_table *table,
					const struct neigh_fdb *flood)
{
	return vec_find(table->flood.at, table->flood.len, sizeof(*flood), flood_cmp, flood);
}

bool plan_as_have(struct plan_table *table)
{
	plan_fdbs_clear(&table->bridge);
	for (size_t i = 0; i < table->flood.len; i++)
		table->flood.at[i].state = NUD_NOARP;
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
 * A distinct metric for each subnet keeps the chains of the kernel's nexthop hash short, which is
 * keyed by metric but not by gateway (fib_info_hashfn): with equal metrics, 10,000 routes take two
 * seconds. IPv6 replaces metric 0 by 1024, which is another subnet's.
 */
static uint32_t metric_of(const struct config *config, enum family f, const struct prefix *subnet)
{
	uint32_t index = subnet_index(&config->pool[f], subnet);

	return f == FAMILY_V4 ? index : index % UINT32_MAX + 1;
}

/*
 * The MTU metric of the route to a peer with smaller packets than this node's; 0: none. Such
 * packets arrive, but the peer cannot forward them, and tunnel packets of the size may be lost on
 * the way.
 */
static uint32_t mtu_of(const struct lease *peer, enum family f, const struct plan_devices *devices)
{
	static const uint32_t lowest[FAMILIES] = { MTU_MIN_V4, CONFIG_MTU_MIN_V6 };

	if (!peer->mtu || peer->mtu >= devices->mtu)
		return 0;
	return peer->mtu < lowest[f] ? lowest[f] : peer->mtu;
}

static bool want_route(const struct lease *peer, enum family f, const struct config *config,
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
		.mtu = mtu_of(peer, f, devices),
		.onlink = !direct,
	};

	return plan_routes_push(&want->route, &route);
}

static bool want_fdb(const struct lease *peer, enum family f, enum family outer,
		     const struct plan_devices *devices, struct plan_table *want)
{
	const struct neigh_fdb fdb = {
		.mac = peer->vtep_mac[f],
		.index = devices->vxlan[outer],
		.vtep = peer->public_ip[outer],
	};

	return plan_fdbs_push(&want->self, &fdb);
}

static bool is_tunnelled(const struct lease *peer, enum family f)
{
	return prefix_is_set(&peer->subnet[f]) && !peer->direct[f];
}

static bool want_family(const struct lease *peer, enum family f, const struct config *config,
			const struct plan_devices *devices, struct plan_table *want)
{
	const bool usable[FAMILIES] = { devices->vxlan[FAMILY_V4], devices->vxlan[FAMILY_V6] };
	const int outer = peer_outer_family(peer, f, usable);
	const struct neigh arp = {
		.addr = peer->subnet[f].addr,
		.mac = peer->vtep_mac[f],
		.index = devices->bridge,
		.state = NUD_PERMANENT,
	};
	/* A weft peer has one MAC, and so one FDB entry for both families. */
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

bool plan_want(const struct leases *peers, const struct config *config,
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

/* Keeps the first one of equal entries, which are adjacent. */
static void drop_repeated(struct plan_fdbs *fdbs, vec_cmp_fn *cmp)
{
	size_t len = 0;

	for (size_t i = 0; i < fdbs->len; i++)
		if (!len || cmp(&fdbs->at[len - 1], &fdbs->at[i]) != 0)
			fdbs->at[len++] = fdbs->at[i];
	fdbs->len = len;
}

static bool want_flood(const struct remotes *remotes, const struct plan_devices *devices,
		       struct plan_table *want)
{
	const enum family of_group = devices->group.family == AF_INET6 ? FAMILY_V6 : FAMILY_V4;
	const struct neigh_fdb group = {
		.index = devices->vxlan[of_group],
		.vtep = devices->group,
		.via = devices->lower,
	};

	if (ipaddr_is_set(&group.vtep))
		return plan_fdbs_push(&want->flood, &group);
	for (size_t i = 0; devices->replicate && i < remotes->len; i++) {
		const struct ipaddr *vtep = &remotes->at[i].vtep;
		const struct neigh_fdb flood = {
			.index = devices->vxlan[vtep->family == AF_INET6 ? FAMILY_V6 : FAMILY_V4],
			.vtep = *vtep,
		};

		if (!plan_fdbs_push(&want->flood, &flood))
			return false;
	}
	return true;
}

bool plan_want_remotes(const struct remotes *remotes, const struct plan_devices *devices,
		       struct plan_table *want_out)
{
	plan_table_clear(want_out);
	if (!plan_arps_reserve(&want_out->arp, remotes->len) ||
	    !plan_fdbs_reserve(&want_out->self, remotes->len))
		return false;
	for (size_t i = 0; i < remotes->len; i++) {
		const struct remote *remote = &remotes->at[i];
		const enum family outer = ipaddr_family(&remote->vtep);
		const struct neigh arp = {
			.addr = remote->addr,
			.mac = remote->mac,
			.index = devices->bridge,
			.state = NUD_PERMANENT,
			.protocol = devices->foreign ? ROUTE_PROTOCOL : 0,
		};
		const struct neigh_fdb fdb = {
			.mac = remote->mac,
			.index = devices->vxlan[outer],
			.vtep = remote->vtep,
		};

		if (!ipaddr_is_set(&remote->addr))
			continue;
		if (!plan_arps_push(&want_out->arp, &arp) || !plan_fdbs_push(&want_out->self, &fdb))
			return false;
	}
	if (!want_flood(remotes, devices, want_out))
		return false;
	plan_table_sort(want_out);
	drop_repeated(&want_out->self, fdb_cmp); /* a MAC with several addresses */
	drop_repeated(&want_out->flood, flood_cmp);
	return true;
}

/* A merge of two sorted arrays that appends operations. */
struct walk {
	struct plan_ops *ops;
	const char *want, *have; /* the arrays, for the indices */
	size_t size;
	bool (*same)(const void *want, const void *have);
	bool *missing; /* if not NULL, additions are marked here instead */
	bool adding;   /* appends additions, else removals */
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

/* MAC and VTEP are equal already. */
static bool self_same(const void *want, const void *have)
{
	const struct neigh_fdb *a = want, *b = have;

	return a->index == b->index && b->state & (NUD_PERMANENT | NUD_NOARP);
}

/* VTEP and device are equal already. */
static bool flood_same(const void *want, const void *have)
{
	const struct neigh_fdb *b = have;

	(void)want;
	return b->state & (NUD_PERMANENT | NUD_NOARP);
}

/* A static entry neither ages nor moves to another port. */
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

/* One message adds both FDB entries of a peer that lacks at least one of them. */
static bool add_fdb(struct plan_ops *ops, const struct plan_table *want,
		    const struct plan_table *have)
{
	struct plan_op op = { .kind = PLAN_FDB_ADD };
	bool *missing = calloc(want->self.len + 1, sizeof(*missing));
	bool good = missing != NULL;

	if (good) {
		add_or_del(ops, PLAN_FDB_ADD, ARRAYS(want->self, have->self), self_cmp, self_same,
			   missing);
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
	return add_or_del(ops_out, PLAN_ARP_ADD, ARRAYS(want->arp, have->arp), arp_cmp, arp_same,
			  NULL) &&
	       add_fdb(ops_out, want, have) &&
	       add_or_del(ops_out, PLAN_FLOOD_ADD, ARRAYS(want->flood, have->flood), flood_cmp,
			  flood_same, NULL) &&
	       add_or_del(ops_out, PLAN_ROUTE_ADD, ARRAYS(want->route, have->route), slot_cmp,
			  route_same, NULL) &&
	       add_or_del(ops_out, PLAN_ROUTE_DEL, ARRAYS(want->route, have->route), slot_cmp, NULL,
			  NULL) &&
	       add_or_del(ops_out, PLAN_ARP_DEL, ARRAYS(want->arp, have->arp), arp_cmp, NULL,
			  NULL) &&
	       add_or_del(ops_out, PLAN_FLOOD_DEL, ARRAYS(want->flood, have->flood), flood_cmp,
			  NULL, NULL) &&
	       add_or_del(ops_out, PLAN_SELF_DEL, ARRAYS(want->self, have->self), self_cmp, NULL,
			  NULL) &&
	       add_or_del(ops_out, PLAN_BRIDGE_DEL, ARRAYS(want->self, have->bridge), fdb_cmp, NULL,
			  NULL);
}

/* ---- Whether the previous entries are installed ------------------------------------------ */

static bool arps_installed(const struct plan_table *installed, const struct plan_table *was)
{
	for (size_t i = 0; i < was->arp.len; i++) {
		const struct neigh *there = plan_find_arp(installed, &was->arp.at[i]);

		if (!there || mac_cmp(&there->mac, &was->arp.at[i].mac) ||
		    there->index != was->arp.at[i].index)
			return false;
	}
	return true;
}

static bool fdbs_installed(const struct plan_table *installed, const struct plan_table *was)
{
	for (size_t i = 0; i < was->self.len; i++) {
		const struct neigh_fdb *there = plan_find_fdb(installed, &was->self.at[i].mac);

		if (!there || !ipaddr_equal(&there->vtep, &was->self.at[i].vtep) ||
		    there->index != was->self.at[i].index)
			return false;
	}
	return true;
}

static bool routes_installed(const struct plan_table *installed, const struct plan_table *was)
{
	for (size_t i = 0; i < was->route.len; i++) {
		const struct route *there = plan_find_route(installed, &was->route.at[i]);

		if (!there || route_cmp(there, &was->route.at[i]))
			return false;
	}
	return true;
}

/* ---- Whether the new entries conflict with those of other peers -------------------------- */

static bool arps_are_free(const struct plan_table *installed, const struct plan_table *was,
			  const struct plan_table *want)
{
	for (size_t i = 0; i < want->arp.len; i++)
		if (plan_find_arp(installed, &want->arp.at[i]) &&
		    !plan_find_arp(was, &want->arp.at[i]))
			return false;
	return true;
}

static bool fdbs_are_free(const struct plan_table *installed, const struct plan_table *was,
			  const struct plan_table *want)
{
	for (size_t i = 0; i < want->self.len; i++)
		if (plan_find_fdb(installed, &want->self.at[i].mac) &&
		    !plan_find_fdb(was, &want->self.at[i].mac))
			return false;
	return true;
}

/*
 * Installed routes do not overlap each other. So only the nearest preceding route can contain the
 * wanted one, and the routes that it contains directly follow its position.
 */
static bool is_free(const struct plan_table *installed, const struct plan_table *was,
		    const struct route *want)
{
	const struct plan_routes *routes = &installed->route;
	size_t place = vec_place(routes->at, routes->len, sizeof(*want), slot_cmp, want);

	for (size_t i = place ? place - 1 : 0; i < routes->len; i++) {
		const struct route *there = &routes->at[i];

		if (i >= place && !prefix_overlaps(&there->dst, &want->dst))
			break;
		if (prefix_overlaps(&there->dst, &want->dst) && !plan_find_route(was, there))
			return false;
	}
	return true;
}

static bool routes_are_free(const struct plan_table *installed, const struct plan_table *was,
			    const struct plan_table *want)
{
	for (size_t i = 0; i < want->route.len; i++)
		if (!is_free(installed, was, &want->route.at[i]))
			return false;
	return true;
}

bool plan_is_independent(const struct plan_table *installed, const struct plan_table *was,
			 const struct plan_table *want)
{
	return arps_installed(installed, was) && fdbs_installed(installed, was) &&
	       routes_installed(installed, was) && arps_are_free(installed, was, want) &&
	       fdbs_are_free(installed, was, want) && routes_are_free(installed, was, want);
}

/* ---- The replacement --------------------------------------------------------------------- */

/* Removes was, then appends want to allocate the space, then inserts it in order. */
#define REPLACE(name, installed, was, want, cmp)                                                   \
	static bool replace_##name(struct plan_##name *installed, const struct plan_##name *was,   \
				   const struct plan_##name *want)                                 \
	{                                                                                          \
		const size_t size = sizeof(*installed->at);                                        \
		size_t len = vec_remove(installed->at, installed->len, size, cmp, was->at,         \
					was->len);                                                 \
                                                                                                   \
		installed->len = len;                                                              \
		for (size_t i = 0; i < want->len; i++)                                             \
			if (!plan_##name##_push(installed, &want->at[i]))                          \
				return false;                                                      \
		vec_insert(installed->at, len, size, cmp, want->at, want->len);                    \
		return true;                                                                       \
	}                                                                                          \
	struct plan_##name##_wants_a_semicolon

REPLACE(arps, installed, was, want, arp_cmp);
REPLACE(fdbs, installed, was, want, self_cmp);
REPLACE(routes, installed, was, want, slot_cmp);

bool plan_replace(struct plan_table *installed, const struct plan_table *was,
		  const struct plan_table *want)
{
	return replace_arps(&installed->arp, &was->arp, &want->arp) &&
	       replace_fdbs(&installed->self, &was->self, &want->self) &&
	       replace_routes(&installed->route, &was->route, &want->route);
}
