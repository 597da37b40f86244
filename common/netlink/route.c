/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netlink/route.h"

#include "common/array.h"
#include "common/err.h"
#include "common/netlink/nl.h"

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

	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
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

/* Device and gateway, which are attributes of the route or of a next hop. */
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

/* Parses the next hop at *at in a multipath attribute, and advances *at and *left. */
static int parse_next_hop(struct rtnexthop **at, int *left, struct route *route, struct err *err)
{
	struct nlattr *table[RTA_MAX + 1];
	const struct rtnexthop *hop = *at;

	if (hop->rtnh_len < sizeof(*hop) || hop->rtnh_len > *left)
		return err_set(err, ERR_DECODE, "next hop of %u bytes in an attribute of %d",
			       hop->rtnh_len, *left);
	if (nla_parse(table, RTA_MAX, (void *)(*at + 1), hop->rtnh_len - (int)sizeof(*hop),
		      route_policy) < 0)
		return err_set(err, ERR_DECODE, "malformed next hop");
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
	bool shared;      /* of the dump */
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

static int run_dump(struct nl *nl, const struct nl_dump *dump, struct err *err)
{
	if (nl_dump_all(nl, dump, err) == 0)
		return 0;
	/* A namespace without IPv4 addresses has no main table yet. */
	if (err->sys_errno != ENOENT)
		return -1;
	*err = ERR_INIT;
	return 0;
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
		.shared = each->shared,
	};

	return run_dump(nl, &dump, err);
}

int route_each(struct nl *nl, uint8_t family, uint8_t protocol, route_visit_fn *visit,
	       void (*restart)(void *ctx), void *ctx, struct err *err)
{
	struct each each = {
		.family = family,
		.protocol = protocol,
		.shared = protocol != ROUTE_PROTOCOL, /* those are one network's, and many */
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

/* Visits the route once for each of its next hops, except dead ones if alive is set. */
static int visit_hops(const struct nlmsghdr *header, bool alive, route_visit_fn *visit, void *ctx,
		      struct err *err)
{
	const struct rtmsg *info = nlmsg_data(header);
	const struct nlattr *multipath;
	struct rtnexthop *hop;
	struct route route;
	int left;

	if (parse(header, &route, err))
		return -1;
	multipath = nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)header, sizeof(*info),
				    RTA_MULTIPATH);
	if (!multipath)
		return alive && info->rtm_flags & RTNH_F_DEAD ? 0 : visit(ctx, &route, err);
	hop = nla_data(multipath);
	left = nla_len(multipath);
	while (left >= (int)sizeof(*hop)) {
		const bool dead = hop->rtnh_flags & RTNH_F_DEAD;

		route.gateway = (struct ipaddr){ .family = AF_UNSPEC };
		if (parse_next_hop(&hop, &left, &route, err) < 0 ||
		    (!(alive && dead) && visit(ctx, &route, err) < 0))
			return -1;
	}
	return 0;
}

static int hops_visit(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	const struct rtmsg *info = nlmsg_data(header);
	const struct each *each = ctx;

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) || info->rtm_type != RTN_UNICAST ||
	    info->rtm_family != each->family || info->rtm_flags & RTM_F_CLONED)
		return 0;
	if (each->protocol && info->rtm_protocol == each->protocol)
		return 0;
	return visit_hops(header, false, each->visit, each->ctx, err);
}

int route_each_hop(struct nl *nl, uint8_t family, uint8_t except, route_visit_fn *visit,
		   void (*restart)(void *ctx), void *ctx, struct err *err)
{
	struct each each = { .family = family, .protocol = except, .visit = visit, .ctx = ctx };
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

/* ---- Default routes ---------------------------------------------------------------------- */

static int default_visit(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	const struct rtmsg *info = nlmsg_data(header);
	const struct each *each = ctx;

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) || info->rtm_dst_len ||
	    info->rtm_type != RTN_UNICAST || info->rtm_family != each->family ||
	    info->rtm_table != RT_TABLE_MAIN || info->rtm_flags & RTM_F_CLONED)
		return 0;
	return visit_hops(header, true, each->visit, each->ctx, err);
}

int route_each_default(struct nl *nl, uint8_t family, route_visit_fn *visit,
		       void (*restart)(void *ctx), void *ctx, struct err *err)
{
	struct each each = { .family = family, .visit = visit, .ctx = ctx };
	const struct nl_dump dump = {
		.what = "list default routes",
		.build = each_build,
		.visit = default_visit,
		.ctx = &each,
		.restart = restart,
		.restart_ctx = ctx,
	};

	return run_dump(nl, &dump, err);
}

struct best {
	bool found;
	struct route route;
};

static int choose_better(void *ctx, const struct route *route, struct err *err)
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

static void reset_best(void *ctx)
{
	*(struct best *)ctx = (struct best){ 0 };
}

int route_default(struct nl *nl, uint8_t family, struct route *route_out, struct err *err)
{
	struct best best = { 0 };
	struct each each = {
		.family = family,
		.lost = true,
		.visit = choose_better,
		.restart = reset_best,
		.ctx = &best,
	};

	if (run(nl, &each, "find the default route", err))
		return -1;
	if (!best.found)
		return 0;
	*route_out = best.route;
	return 1;
}

/* The reply to RTM_GETROUTE. */
struct lookup {
	bool host; /* a unicast destination */
	struct route route;
};

static int on_lookup(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	const struct rtmsg *info = nlmsg_data(header);
	struct lookup *lookup = ctx;

	if (parse(header, &lookup->route, err))
		return -1;
	lookup->host = info->rtm_type == RTN_UNICAST || info->rtm_type == RTN_LOCAL;
	return 0;
}

/*
 * EACCES: a prohibit route, EINVAL: a blackhole route (fib_props of the kernel), or a source that
 * is no address of this host; EADDRNOTAVAIL: the latter in IPv6; EXDEV: rp_filter.
 */
static bool is_unreachable(const struct err *err)
{
	return err->sys_errno == ENETUNREACH || err->sys_errno == EHOSTUNREACH ||
	       err->sys_errno == EACCES || err->sys_errno == EINVAL ||
	       err->sys_errno == EADDRNOTAVAIL || err->sys_errno == EXDEV;
}

/* Returns as nl_query; *sys_errno_out is set if there is no route. */
static int query_route(struct nl *nl, const struct route_request *request, uint32_t flags,
		       nl_visit_fn *visit, void *ctx, int *sys_errno_out, struct err *err)
{
	const bool from = ipaddr_is_set(&request->from);
	const struct rtmsg info = {
		.rtm_family = request->to.family,
		.rtm_dst_len = (uint8_t)ipaddr_bits(&request->to),
		.rtm_src_len = from ? (uint8_t)ipaddr_bits(&request->from) : 0,
		.rtm_flags = flags,
	};
	struct nl_msg *msg = nl_message(RTM_GETROUTE, 0, &info, sizeof(info), 64);
	char text[IPADDR_TEXT_SIZE], what[64];
	int found;

	nl_put_addr(msg, RTA_DST, &request->to);
	if (from)
		nl_put_addr(msg, RTA_SRC, &request->from);
	if (request->input)
		nl_put_u32(msg, RTA_IIF, request->input);
	snprintf(what, sizeof(what), "get route to %s", ipaddr_text(&request->to, text));
	found = nl_query(nl, msg, what, visit, ctx, err);
	if (found < 0 && is_unreachable(err)) {
		*sys_errno_out = err->sys_errno;
		*err = ERR_INIT;
		return 0;
	}
	return found;
}

static int look_up(struct nl *nl, const struct ipaddr *addr, const struct ipaddr *source,
		   uint32_t flags, nl_visit_fn *visit, void *ctx, struct err *err)
{
	struct route_request request = { .to = *addr };
	int ignored;

	if (source)
		request.from = *source;
	return query_route(nl, &request, flags, visit, ctx, &ignored, err);
}

static int on_decision(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	const struct rtmsg *info = nlmsg_data(header);
	struct route_reply *reply = ctx;

	if (parse(header, &reply->route, err))
		return -1;
	reply->type = info->rtm_type;
	return 0;
}

static int on_entry(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	struct route_reply *reply = ctx;

	if (parse(header, &reply->entry, err))
		return -1;
	reply->has_entry = true;
	return 0;
}

int route_find(struct nl *nl, const struct route_request *request, struct route_reply *reply_out,
	       struct err *err)
{
	struct route_reply reply = { .type = RTN_UNSPEC };
	int ignored,
		found = query_route(nl, request, 0, on_decision, &reply, &reply.sys_errno, err);

	if (found < 0 ||
	    query_route(nl, request, RTM_F_FIB_MATCH, on_entry, &reply, &ignored, err) < 0)
		return -1;
	if (found == 0 && !reply.sys_errno)
		reply.sys_errno = ENETUNREACH;
	*reply_out = reply;
	return found > 0;
}

int route_to(struct nl *nl, const struct ipaddr *addr, struct route *route_out, struct err *err)
{
	struct lookup lookup = { 0 };
	int found = look_up(nl, addr, NULL, 0, on_lookup, &lookup, err);

	if (found <= 0 || !lookup.host)
		return found < 0 ? -1 : 0;
	*route_out = lookup.route;
	return 1;
}

/* A look-up whose reply is visited hop by hop. */
struct hops {
	route_visit_fn *visit;
	void *ctx;
	bool unicast;
};

static int on_hops(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	const struct rtmsg *info = nlmsg_data(header);
	struct hops *hops = ctx;

	hops->unicast = header->nlmsg_len >= NLMSG_LENGTH(sizeof(*info)) &&
			info->rtm_type == RTN_UNICAST;
	return hops->unicast ? visit_hops(header, true, hops->visit, hops->ctx, err) : 0;
}

int route_to_hops(struct nl *nl, const struct ipaddr *addr, const struct ipaddr *source,
		  route_visit_fn *visit, void *ctx, struct err *err)
{
	struct hops hops = { .visit = visit, .ctx = ctx };
	int found = look_up(nl, addr, ipaddr_is_set(source) ? source : NULL, RTM_F_FIB_MATCH,
			    on_hops, &hops, err);

	return found > 0 ? hops.unicast : found;
}
