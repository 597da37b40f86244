/* SPDX-License-Identifier: Apache-2.0 */
#include "route.h"

#include "err.h"
#include "nl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>

#define IP6_DEFAULT_METRIC 1024 /* IP6_RT_PRIO_USER of the kernel */

static uint32_t real_table(const struct route *route)
{
	return route->table ? route->table : RT_TABLE_MAIN;
}

static uint32_t real_metric(const struct route *route)
{
	return !route->metric && route->dst.addr.family == AF_INET6 ? IP6_DEFAULT_METRIC :
								      route->metric;
}

static uint8_t real_scope(const struct route *route)
{
	return route->dst.addr.family == AF_INET6 ? RT_SCOPE_UNIVERSE : route->scope;
}

static int order(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

int route_cmp(const void *a, const void *b)
{
	const struct route *l = a, *r = b;
	const int orders[] = {
		prefix_cmp(&l->dst, &r->dst),        order(real_metric(l), real_metric(r)),
		order(real_table(l), real_table(r)), order(l->protocol, r->protocol),
		order(l->index, r->index),           ipaddr_cmp(&l->gateway, &r->gateway),
		ipaddr_cmp(&l->source, &r->source),  order(real_scope(l), real_scope(r)),
		order(l->onlink, r->onlink),         order(l->mtu, r->mtu),
		order(l->advmss, r->advmss),
	};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (orders[i])
			return orders[i];
	}
	return 0;
}

static struct nl_msg *message(uint16_t type, uint16_t flags, const struct route *route)
{
	const uint32_t table = real_table(route);
	const struct rtmsg info = {
		.rtm_family = route->dst.addr.family,
		.rtm_dst_len = route->dst.len,
		.rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_UNSPEC,
		.rtm_protocol = route->protocol,
		.rtm_scope = route->scope,
		.rtm_type = RTN_UNICAST,
		.rtm_flags = route->onlink ? RTNH_F_ONLINK : 0,
	};
	struct nl_msg *msg = nl_message(type, flags, &info, sizeof(info), 128);

	nl_put_addr(msg, RTA_DST, &route->dst.addr);
	nl_put_addr(msg, RTA_GATEWAY, &route->gateway);
	nl_put_addr(msg, RTA_PREFSRC, &route->source);
	if (route->index)
		nl_put_u32(msg, RTA_OIF, route->index);
	if (real_metric(route))
		nl_put_u32(msg, RTA_PRIORITY, real_metric(route));
	if (table >= 256)
		nl_put_u32(msg, RTA_TABLE, table);
	if (route->mtu || route->advmss) {
		struct nlattr *nest = nl_nest(msg, RTA_METRICS, NULL, 0);

		if (route->mtu)
			nl_put_u32(msg, RTAX_MTU, route->mtu);
		if (route->advmss)
			nl_put_u32(msg, RTAX_ADVMSS, route->advmss);
		nl_nest_end(msg, nest);
	}
	return msg;
}

struct nl_msg *route_add_message(const struct route *route)
{
	return message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);
}

struct nl_msg *route_append_message(const struct route *route)
{
	return message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, route);
}

struct nl_msg *route_del_message(const struct route *route)
{
	return message(RTM_DELROUTE, 0, route);
}

static const struct nla_policy route_policy[RTA_MAX + 1] = {
	[RTA_OIF] = { .type = NLA_U32 },
	[RTA_PRIORITY] = { .type = NLA_U32 },
	[RTA_TABLE] = { .type = NLA_U32 },
	[RTA_MULTIPATH] = { .minlen = sizeof(struct rtnexthop) },
	[RTA_VIA] = { .minlen = sizeof(struct rtvia) },
};

/* Device and gateway, which a route has itself, or its next hops have. */
static int parse_hop(struct nlattr *const table[], struct route *route, struct err *err)
{
	const struct rtvia *via;

	if (nl_addr(table[RTA_GATEWAY], &route->gateway, err))
		return -1;
	if (table[RTA_OIF])
		route->index = nl_u32(table[RTA_OIF]);
	if (!table[RTA_VIA])
		return 0;
	/* A gateway of the other family (RFC 5549). */
	via = nla_data(table[RTA_VIA]);
	return ipaddr_from_wire(via->rtvia_addr, (size_t)nla_len(table[RTA_VIA]) - sizeof(*via),
				&route->gateway, err);
}

/* One of the next hops that are left of a multipath attribute, and where the one after it lies. */
static int parse_next_hop(struct rtnexthop **at, int *left, struct route *route, struct err *err)
{
	struct nlattr *table[RTA_MAX + 1];
	const struct rtnexthop *hop = *at;

	if (hop->rtnh_len < sizeof(*hop) || hop->rtnh_len > *left)
		return err_set(err, ERR_DECODE, "next hop of %u bytes, %d are there", hop->rtnh_len,
			       *left);
	if (nla_parse(table, RTA_MAX, (void *)(*at + 1), hop->rtnh_len - (int)sizeof(*hop),
		      route_policy) < 0)
		return err_set(err, ERR_DECODE, "next hop that is not well formed");
	route->index = (uint32_t)hop->rtnh_ifindex;
	*left -= (int)RTNH_ALIGN(hop->rtnh_len);
	*at = (void *)((char *)*at + RTNH_ALIGN((*at)->rtnh_len));
	return parse_hop(table, route, err);
}

static int parse_first_hop(const struct nlattr *multipath, struct route *route, struct err *err)
{
	struct rtnexthop *hop = nla_data(multipath);
	int left = nla_len(multipath);

	return parse_next_hop(&hop, &left, route, err);
}

static int parse(const struct nlmsghdr *header, struct route *route_out, struct err *err)
{
	static const struct nla_policy metrics_policy[RTAX_MAX + 1] = {
		[RTAX_MTU] = { .type = NLA_U32 },
		[RTAX_ADVMSS] = { .type = NLA_U32 },
	};
	const struct rtmsg *info = nlmsg_data(header);
	struct nlattr *table[RTA_MAX + 1], *metrics[RTAX_MAX + 1];
	struct route route = { 0 };

	if (nl_attributes(header, sizeof(*info), table, RTA_MAX, route_policy, err) ||
	    nl_nested(table[RTA_METRICS], metrics, RTAX_MAX, metrics_policy, err) ||
	    nl_addr(table[RTA_DST], &route.dst.addr, err) ||
	    nl_addr(table[RTA_PREFSRC], &route.source, err) || parse_hop(table, &route, err))
		return -1;
	if (table[RTA_MULTIPATH] && parse_first_hop(table[RTA_MULTIPATH], &route, err))
		return -1;
	route.dst.addr.family = info->rtm_family; /* a default route has no RTA_DST */
	route.dst.len = info->rtm_dst_len;
	route.metric = nl_u32(table[RTA_PRIORITY]);
	route.table = table[RTA_TABLE] ? nl_u32(table[RTA_TABLE]) : info->rtm_table;
	route.mtu = nl_u32(metrics[RTAX_MTU]);
	route.advmss = nl_u32(metrics[RTAX_ADVMSS]);
	route.protocol = info->rtm_protocol;
	route.scope = info->rtm_scope;
	route.onlink = info->rtm_flags & RTNH_F_ONLINK;
	*route_out = route;
	return 0;
}

int route_parse(const struct nlmsghdr *header, struct route *route_out, struct err *err)
{
	const struct rtmsg *info = nlmsg_data(header);
	struct route route;

	if (parse(header, &route, err))
		return -1;
	if (info->rtm_type != RTN_UNICAST || route.table != RT_TABLE_MAIN ||
	    info->rtm_flags & RTM_F_CLONED)
		return 0;
	*route_out = route;
	return 1;
}

struct each {
	uint8_t family;
	uint8_t protocol; /* 0: any */
	bool lost;        /* leave out routes whose device is gone or down */
	route_visit_fn *visit;
	void (*restart)(void *ctx);
	void *ctx;
};

static struct nl_msg *each_build(void *ctx)
{
	const struct each *each = ctx;
	const struct rtmsg info = {
		.rtm_family = each->family,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = each->protocol,
		.rtm_type = RTN_UNICAST,
	};

	return nl_message(RTM_GETROUTE, 0, &info, sizeof(info), 0);
}

static int each_visit(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	const struct rtmsg *info = nlmsg_data(header);
	const struct each *each = ctx;
	struct route route;
	int parsed = route_parse(header, &route, err);

	if (parsed <= 0)
		return parsed;
	if (info->rtm_family != each->family ||
	    (each->protocol && info->rtm_protocol != each->protocol))
		return 0;
	if (each->lost && info->rtm_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN))
		return 0;
	return each->visit(each->ctx, &route, err);
}

static int run(struct nl *nl, struct each *each, const char *what, struct err *err)
{
	const struct nl_dump dump = {
		.what = what,
		.build = each_build,
		.visit = each_visit,
		.ctx = each,
		.restart = each->restart,
		.restart_ctx = each->ctx,
	};

	if (nl_dump_all(nl, &dump, err) == 0)
		return 0;
	/* A namespace without IPv4 addresses has no main table yet. */
	if (err->sys_errno != ENOENT)
		return -1;
	*err = ERR_INIT;
	return 0;
}

int route_each(struct nl *nl, uint8_t family, uint8_t protocol, route_visit_fn *visit,
	       void (*restart)(void *ctx), void *ctx, struct err *err)
{
	struct each each = {
		.family = family,
		.protocol = protocol,
		.visit = visit,
		.restart = restart,
		.ctx = ctx,
	};
	char what[64];

	snprintf(what, sizeof(what), "list routes of protocol %u", protocol);
	return run(nl, &each, what, err);
}

/* ---- Next hops in every table ------------------------------------------------------------ */

static struct nl_msg *hops_build(void *ctx)
{
	const struct each *each = ctx;
	const struct rtmsg info = { .rtm_family = each->family };

	return nl_message(RTM_GETROUTE, 0, &info, sizeof(info), 0);
}

static int hops_visit(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	const struct rtmsg *info = nlmsg_data(header);
	const struct each *each = ctx;
	const struct nlattr *multipath;
	struct rtnexthop *hop;
	struct route route;
	int left;

	if (parse(header, &route, err))
		return -1;
	if (info->rtm_type != RTN_UNICAST || info->rtm_family != each->family ||
	    info->rtm_flags & RTM_F_CLONED)
		return 0;
	multipath = nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)header, sizeof(*info),
				    RTA_MULTIPATH);
	if (!multipath)
		return each->visit(each->ctx, &route, err);
	hop = nla_data(multipath);
	left = nla_len(multipath);
	while (left >= (int)sizeof(*hop)) {
		if (parse_next_hop(&hop, &left, &route, err) < 0 ||
		    each->visit(each->ctx, &route, err) < 0)
			return -1;
	}
	return 0;
}

int route_each_hop(struct nl *nl, uint8_t family, route_visit_fn *visit, void (*restart)(void *ctx),
		   void *ctx, struct err *err)
{
	struct each each = { .family = family, .visit = visit, .ctx = ctx };
	const struct nl_dump dump = {
		.what = "list routes of all tables",
		.build = hops_build,
		.visit = hops_visit,
		.ctx = &each,
		.restart = restart,
		.restart_ctx = ctx,
	};

	return nl_dump_all(nl, &dump, err);
}

struct best {
	bool found;
	struct route route;
};

static int take_better(void *ctx, const struct route *route, struct err *err)
{
	struct best *best = ctx;

	(void)err;
	if (route->dst.len == 0 &&
	    (!best->found || real_metric(route) < real_metric(&best->route))) {
		best->found = true;
		best->route = *route;
	}
	return 0;
}

static void forget_best(void *ctx)
{
	*(struct best *)ctx = (struct best){ 0 };
}

int route_default(struct nl *nl, uint8_t family, struct route *route_out, struct err *err)
{
	struct best best = { 0 };
	struct each each = {
		.family = family,
		.lost = true,
		.visit = take_better,
		.restart = forget_best,
		.ctx = &best,
	};

	if (run(nl, &each, "find the default route", err))
		return -1;
	if (!best.found)
		return 0;
	*route_out = best.route;
	return 1;
}

/* What RTM_GETROUTE answered. */
struct way {
	bool host; /* it leads to one host */
	struct route route;
};

static int take_way(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	const struct rtmsg *info = nlmsg_data(header);
	struct way *way = ctx;

	if (parse(header, &way->route, err))
		return -1;
	way->host = info->rtm_type == RTN_UNICAST || info->rtm_type == RTN_LOCAL;
	return 0;
}

int route_to(struct nl *nl, const struct ipaddr *addr, struct route *route_out, struct err *err)
{
	const struct rtmsg info = { .rtm_family = addr->family,
				    .rtm_dst_len = (uint8_t)ipaddr_bits(addr) };
	struct nl_msg *msg = nl_message(RTM_GETROUTE, 0, &info, sizeof(info), 32);
	char text[IPADDR_TEXT_SIZE], what[64];
	struct way way = { 0 };
	int found;

	nl_put_addr(msg, RTA_DST, addr);
	snprintf(what, sizeof(what), "get route to %s", ipaddr_text(addr, text));
	found = nl_query(nl, msg, what, take_way, &way, err);
	/* EACCES: a prohibit route, EINVAL: a blackhole (fib_props of the kernel). */
	if (found < 0 && (err->sys_errno == ENETUNREACH || err->sys_errno == EHOSTUNREACH ||
			  err->sys_errno == EACCES || err->sys_errno == EINVAL)) {
		*err = ERR_INIT;
		return 0;
	}
	if (found <= 0 || !way.host)
		return found < 0 ? -1 : 0;
	*route_out = way.route;
	return 1;
}
