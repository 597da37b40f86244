/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel.h"

#include "common/err.h"
#include "common/nl.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <stdio.h>
#include <string.h>

/* A table being filled from dumps of these devices. */
struct gather {
	struct plan_table *table;
	const struct plan_devices *devices;
};

static int gather_arp(void *ctx, const struct neigh *arp, struct err *err)
{
	struct gather *gather = ctx;

	/* What the kernel learned about our own containers is not permanent, and not ours. */
	if (!(arp->state & NUD_PERMANENT))
		return 0;
	return plan_arps_push(&gather->table->arp, arp) ? 0 : err_nomem(err, "the ARP table");
}

static int gather_fdb(void *ctx, const struct neigh_fdb *fdb, struct err *err)
{
	struct gather *gather = ctx;
	struct plan_fdbs *half = fdb->bridge ? &gather->table->bridge : &gather->table->self;

	/* In the bridge's half, permanent means the port's own address. */
	if (fdb->bridge && fdb->state & NUD_PERMANENT)
		return 0;
	/* What the device learned is its own. */
	if (gather->devices->learning && !(fdb->state & (NUD_PERMANENT | NUD_NOARP)))
		return 0;
	return plan_fdbs_push(half, fdb) ? 0 : err_nomem(err, "the FDB");
}

static int gather_route(void *ctx, const struct route *route, struct err *err)
{
	struct gather *gather = ctx;

	if (route->index != gather->devices->bridge)
		return 0;
	return plan_routes_push(&gather->table->route, route) ? 0 : err_nomem(err, "the routes");
}

static void forget_arps(void *ctx)
{
	struct gather *gather = ctx;

	plan_arps_clear(&gather->table->arp);
}

static void forget_fdbs(void *ctx)
{
	struct gather *gather = ctx;

	plan_fdbs_clear(&gather->table->self);
	plan_fdbs_clear(&gather->table->bridge);
}

static void forget_routes(void *ctx)
{
	struct gather *gather = ctx;

	plan_routes_clear(&gather->table->route);
}

int kernel_dump(struct nl *nl, const struct plan_devices *devices, struct plan_table *have_out,
		struct err *err)
{
	struct gather gather = { have_out, devices };

	plan_table_clear(have_out);
	if (neigh_each(nl, devices->bridge, AF_INET, gather_arp, forget_arps, &gather, err) < 0 ||
	    neigh_fdb_each(nl, devices->vxlan, gather_fdb, forget_fdbs, &gather, err) < 0 ||
	    route_each(nl, AF_INET, ROUTE_PROTOCOL, gather_route, forget_routes, &gather, err) < 0)
		return -1;
	plan_table_sort(have_out);
	return 0;
}

/* One application under way. */
struct apply {
	const struct plan_ops *ops;
	const struct plan_table *want, *have;
	struct kernel_result result;
	struct err *err; /* gets the first failure */
};

/* The arrays that an operation's index points into. */
static const struct neigh *op_arp(const struct apply *apply, const struct plan_op *op)
{
	return &(op->kind == PLAN_ARP_ADD ? apply->want : apply->have)->arp.at[op->index];
}

static const struct neigh_fdb *op_fdb(const struct apply *apply, const struct plan_op *op)
{
	if (op->kind == PLAN_FDB_ADD)
		return &apply->want->self.at[op->index];
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
		return neigh_add_message(arp->index, &arp->addr, &arp->mac);
	case PLAN_ARP_DEL:
		arp = op_arp(apply, op);
		return neigh_del_message(arp->index, &arp->addr);
	case PLAN_FDB_ADD:
		fdb = op_fdb(apply, op);
		return neigh_fdb_add_message(fdb->index, &fdb->mac, &fdb->vtep);
	case PLAN_SELF_DEL:
	case PLAN_BRIDGE_DEL:
		return neigh_fdb_del_message(op_fdb(apply, op));
	case PLAN_ROUTE_ADD:
		return route_add_message(op_route(apply, op));
	case PLAN_ROUTE_DEL:
		return route_del_message(op_route(apply, op));
	}
	return NULL;
}

/* "add route 10.5.2.0/24", for an error. */
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
	}
}

static void op_failed(void *ctx, uint64_t tag, int sys_errno, const char *text)
{
	struct apply *apply = ctx;
	const struct plan_op *op = &apply->ops->at[tag];
	bool gone = sys_errno == ENOENT || sys_errno == ESRCH;
	char what[128];

	apply->result.written--;
	if (plan_is_removal(op->kind) && gone)
		return;
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
		if (nl_batch_add(batch, op_message(&apply, &ops->at[i]), i, err) < 0)
			return -1;
	}
	rc = nl_batch_flush(batch, err);
	*result_out = apply.result;
	return rc < 0 || apply.result.failed ? -1 : 0;
}
