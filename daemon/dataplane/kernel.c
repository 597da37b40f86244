/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/kernel.h"

#include "common/err.h"
#include "common/netlink/link.h"
#include "common/netlink/nl.h"
#include "common/vec.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <stdio.h>

/* A table that is filled from dumps. */
struct gather {
	struct plan_table *table;
	const struct plan_devices *devices;
	size_t kept, kept_flood, kept_bridge; /* entries from earlier dumps */
};

static int gather_arp(void *ctx, const struct neigh *arp, struct err *err)
{
	struct gather *gather = ctx;

	/* Entries that the kernel resolved for local containers are not permanent. */
	if (!(arp->state & NUD_PERMANENT) ||
	    (gather->devices->foreign && arp->protocol != ROUTE_PROTOCOL))
		return 0;
	return plan_arps_push(&gather->table->arp, arp) ? 0 : err_nomem(err, "the ARP table");
}

static int gather_fdb(void *ctx, const struct neigh_fdb *fdb, struct err *err)
{
	struct gather *gather = ctx;
	struct plan_fdbs *half = fdb->bridge            ? &gather->table->bridge :
				 mac_is_zero(&fdb->mac) ? &gather->table->flood :
							  &gather->table->self;

	/* In the bridge's FDB, permanent means a port's own address (br_fdb.c). */
	if (fdb->bridge && fdb->state & NUD_PERMANENT)
		return 0;
	/* Learned entries belong to the device. */
	if (gather->devices->learning && !(fdb->state & (NUD_PERMANENT | NUD_NOARP)))
		return 0;
	return plan_fdbs_push(half, fdb) ? 0 : err_nomem(err, "the FDB");
}

/* Direct routes of weft are on the present or a previous uplink. */
static bool is_into_cluster(const struct plan_devices *devices, const struct prefix *dst)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&devices->cluster[f]) && prefix_covers(&devices->cluster[f], dst))
			return true;
	return false;
}

static int gather_route(void *ctx, const struct route *route, struct err *err)
{
	struct gather *gather = ctx;

	if (route->index != gather->devices->bridge &&
	    !is_into_cluster(gather->devices, &route->dst))
		return 0;
	return plan_routes_push(&gather->table->route, route) ? 0 : err_nomem(err, "the routes");
}

/* A dump that restarts discards its own entries, but not those of earlier dumps. */
static void reset_arps(void *ctx)
{
	struct gather *gather = ctx;

	gather->table->arp.len = gather->kept;
}

static void reset_fdbs(void *ctx)
{
	struct gather *gather = ctx;

	gather->table->self.len = gather->kept;
	gather->table->flood.len = gather->kept_flood;
	gather->table->bridge.len = gather->kept_bridge;
}

static void reset_routes(void *ctx)
{
	struct gather *gather = ctx;

	gather->table->route.len = gather->kept;
}

static int dump_fdb(struct nl *nl, struct gather *gather, enum family f, struct err *err)
{
	if (!gather->devices->vxlan[f])
		return 0;
	gather->kept = gather->table->self.len;
	gather->kept_flood = gather->table->flood.len;
	gather->kept_bridge = gather->table->bridge.len;
	return neigh_fdb_each(nl, gather->devices->vxlan[f], gather_fdb, reset_fdbs, gather, err);
}

/* Both families are read: the network may have had another family before. */
static int dump_family(struct nl *nl, struct gather *gather, enum family f, struct err *err)
{
	static const uint8_t families[FAMILIES] = { AF_INET, AF_INET6 };

	if (!gather->devices->bridge)
		return 0;
	gather->kept = gather->table->arp.len;
	if (neigh_each(nl, gather->devices->bridge, families[f], gather_arp, reset_arps, gather,
		       err) < 0)
		return -1;
	gather->kept = gather->table->route.len;
	return route_each(nl, families[f], ROUTE_PROTOCOL, gather_route, reset_routes, gather, err);
}

int kernel_dump(struct nl *nl, const struct plan_devices *devices, struct plan_table *have_out,
		struct err *err)
{
	struct gather gather = { .table = have_out, .devices = devices };

	plan_table_clear(have_out);
	for (enum family f = 0; f < FAMILIES; f++)
		if (dump_fdb(nl, &gather, f, err) < 0 || dump_family(nl, &gather, f, err) < 0)
			return -1;
	plan_table_sort(have_out);
	return 0;
}

/* The state of kernel_apply. */
struct apply {
	const struct plan_ops *ops;
	const struct plan_table *want, *have;
	struct kernel_result result;
	struct err *err; /* receives the first failure */
};

/* The entry that an operation refers to. */
static const struct neigh *op_arp(const struct apply *apply, const struct plan_op *op)
{
	return &(op->kind == PLAN_ARP_ADD ? apply->want : apply->have)->arp.at[op->index];
}

static const struct neigh_fdb *op_fdb(const struct apply *apply, const struct plan_op *op)
{
	if (op->kind == PLAN_FDB_ADD)
		return &apply->want->self.at[op->index];
	if (op->kind == PLAN_FLOOD_ADD || op->kind == PLAN_FLOOD_DEL)
		return &(op->kind == PLAN_FLOOD_ADD ? apply->want : apply->have)
				->flood.at[op->index];
	return op->kind == PLAN_SELF_DEL ? &apply->have->self.at[op->index] :
					   &apply->have->bridge.at[op->index];
}

static const struct route *op_route(const struct apply *apply, const struct plan_op *op)
{
	return &(op->kind == PLAN_ROUTE_ADD ? apply->want : apply->have)->route.at[op->index];
}

static struct nl_msg *op_message(const struct apply *apply, const struct plan_op *op)
{
	const struct neigh_fdb *fdb;
	const struct neigh *arp;

	switch (op->kind) {
	case PLAN_ARP_ADD:
		arp = op_arp(apply, op);
		return neigh_add_message(arp);
	case PLAN_ARP_DEL:
		arp = op_arp(apply, op);
		return neigh_del_message(arp->index, &arp->addr);
	case PLAN_FDB_ADD:
		fdb = op_fdb(apply, op);
		return neigh_fdb_add_message(fdb->index, &fdb->mac, &fdb->vtep);
	case PLAN_FLOOD_ADD:
		return neigh_flood_add_message(op_fdb(apply, op));
	case PLAN_FLOOD_DEL:
	case PLAN_SELF_DEL:
	case PLAN_BRIDGE_DEL:
		return neigh_fdb_del_message(op_fdb(apply, op));
	case PLAN_ROUTE_ADD:
		return route_add_message(op_route(apply, op));
	case PLAN_ROUTE_DEL:
		return route_del_message(op_route(apply, op));
	case PLAN_KINDS:
		break;
	}
	return NULL;
}

/* Formats "add route to 10.5.2.0/24" for an error. */
static void op_text(const struct apply *apply, const struct plan_op *op, char *text, size_t size)
{
	const char *verb = plan_is_removal(op->kind) ? "delete" : "add";
	char value[PREFIX_TEXT_SIZE];

	switch (op->kind) {
	case PLAN_ARP_ADD:
	case PLAN_ARP_DEL:
		snprintf(text, size, "%s ARP entry of %s", verb,
			 ipaddr_text(&op_arp(apply, op)->addr, value));
		return;
	case PLAN_FLOOD_ADD:
	case PLAN_FLOOD_DEL:
		snprintf(text, size, "%s flood entry to %s", verb,
			 ipaddr_text(&op_fdb(apply, op)->vtep, value));
		return;
	case PLAN_FDB_ADD:
	case PLAN_SELF_DEL:
	case PLAN_BRIDGE_DEL:
		snprintf(text, size, "%s FDB entry of %s", verb,
			 mac_text(&op_fdb(apply, op)->mac, value));
		return;
	case PLAN_ROUTE_ADD:
	case PLAN_ROUTE_DEL:
		snprintf(text, size, "%s route to %s", verb,
			 prefix_text(&op_route(apply, op)->dst, value));
		return;
	case PLAN_KINDS:
		return;
	}
}

static void op_failed(void *ctx, uint64_t tag, int sys_errno, const char *text)
{
	struct apply *apply = ctx;
	const struct plan_op *op = &apply->ops->at[tag];
	bool gone = sys_errno == ENOENT || sys_errno == ESRCH;
	char what[128];

	apply->result.written--;
	apply->result.written_by[op->kind]--;
	if (plan_is_removal(op->kind) && gone)
		return;
	apply->result.failed_by[op->kind]++;
	if (apply->result.failed++ > 0)
		return;
	op_text(apply, op, what, sizeof(what));
	err_sys(apply->err, ERR_KERNEL, sys_errno, "%s%s%s", what, *text ? ": " : "", text);
}

int kernel_apply(struct nl *nl, const struct plan_ops *ops, const struct plan_table *want,
		 const struct plan_table *have, struct kernel_result *result_out, struct err *err)
{
	struct apply apply = { .ops = ops, .want = want, .have = have, .err = err };
	AUTO(nl_batch) struct nl_batch *batch = NULL;
	int rc;

	if (nl_batch_open(nl, op_failed, &apply, &batch, err) < 0)
		return -1;
	for (size_t i = 0; i < ops->len; i++) {
		apply.result.written++;
		apply.result.written_by[ops->at[i].kind]++;
		if (nl_batch_add(batch, op_message(&apply, &ops->at[i]), i, err) < 0)
			return -1;
	}
	rc = nl_batch_flush(batch, err);
	*result_out = apply.result;
	return rc < 0 || apply.result.failed ? -1 : 0;
}

/* ---- Another program's bridge that is not used any more ----------------------------------- */

VEC_DEFINE(own_neighs, struct neigh);

static int collect_own(void *ctx, const struct neigh *neigh, struct err *err)
{
	if (neigh->protocol != ROUTE_PROTOCOL)
		return 0;
	return own_neighs_push(ctx, neigh) ? 0 : err_nomem(err, "the neighbour entries");
}

static void reset_own(void *ctx)
{
	own_neighs_clear(ctx);
}

static int remove_own(struct nl *nl, uint32_t index, uint8_t family, size_t *removed,
		      struct err *err)
{
	AUTO(own_neighs) struct own_neighs neighs = { .len = 0 };

	if (neigh_each(nl, index, family, collect_own, reset_own, &neighs, err) < 0)
		return -1;
	for (size_t i = 0; i < neighs.len; i++) {
		if (nl_request(nl, neigh_del_message(index, &neighs.at[i].addr),
			       "remove a neighbour entry", err) == 0)
			(*removed)++;
		else if (err->sys_errno != ENOENT && err->sys_errno != ENODEV)
			return -1;
	}
	return 0;
}

int kernel_leave_bridge(struct nl *nl, const char *bridge, size_t *removed_out, struct err *err)
{
	struct link link;
	int found = link_get(nl, bridge, &link, err);

	*removed_out = 0;
	if (found <= 0 || link.kind != LINK_KIND_BRIDGE)
		return found < 0 ? -1 : 0;
	if (remove_own(nl, link.index, AF_INET, removed_out, err) < 0)
		return -1;
	return remove_own(nl, link.index, AF_INET6, removed_out, err);
}
