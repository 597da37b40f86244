/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl */
#include "common/netlink/route.h"

#include "common/array.h"
#include "common/netlink/addr.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/kernel.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>

static int setup(void **state)
{
	fake_nl_reset();
	return kernel_setup(state);
}

static int teardown(void **state)
{
	fake_nl_reset();
	return kernel_teardown(state);
}

#define route_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#define MANY 10000

struct routes {
	unsigned len, restarts, max;
	struct route at[8];
};

static int take(void *ctx, const struct route *route, struct err *err)
{
	struct routes *routes = ctx;

	if (routes->max && routes->len == routes->max)
		return err_set(err, ERR_CHECK, "no more");
	if (routes->len < 8)
		routes->at[routes->len] = *route;
	routes->len++;
	return 0;
}

static void restart(void *ctx)
{
	struct routes *routes = ctx;

	routes->len = 0;
	routes->restarts++;
}

static struct routes list(struct nl *nl, uint8_t family)
{
	struct routes routes = { 0 };
	struct err err = ERR_INIT;

	assert_done(route_each(nl, family, ROUTE_PROTOCOL, take, restart, &routes, &err), err);
	assert_int_equal(routes.restarts, 0);
	return routes;
}

/* A bridge with an address of each family. */
static uint32_t make_device(struct nl *nl)
{
	const struct prefix v4 = kernel_prefix("10.5.1.1/24"), v6 = kernel_prefix("fd00:5:1::1/64");
	uint32_t index = kernel_bridge(nl);
	struct err err = ERR_INIT;

	assert_int_equal(addr_ensure(nl, index, &v4, &err), 1);
	assert_int_equal(addr_ensure(nl, index, &v6, &err), 1);
	return index;
}

static struct route route_v4(uint32_t index)
{
	return (struct route){
		.dst = kernel_prefix("10.5.2.0/24"),
		.gateway = kernel_addr("10.5.2.0"),
		.source = kernel_addr("10.5.1.1"),
		.index = index,
		.metric = 2,
		.table = RT_TABLE_MAIN,
		.protocol = ROUTE_PROTOCOL,
		.onlink = true,
	};
}

static struct route route_v6(uint32_t index)
{
	struct route route = route_v4(index);

	route.dst = kernel_prefix("fd00:5:2::/64");
	route.gateway = kernel_addr("fd00:5:2::");
	route.source = kernel_addr("fd00:5:1::1");
	return route;
}

static void add(struct nl *nl, const struct route *route)
{
	struct err err = ERR_INIT;

	assert_done(nl_request(nl, route_add_message(route), "add route", &err), err);
}

static void an_ipv4_route_is_read_as_it_was_added(void **state)
{
	uint32_t index = make_device(*state);
	struct route other, route = route_v4(index);
	struct err err = ERR_INIT;
	struct routes routes;

	assert_int_equal(list(*state, AF_INET).len, 0);
	add(*state, &route);
	assert_true(kernel_shows("ip -N route show", "10.5.2.0/24 via 10.5.2.0 dev br0 proto 119 "
						     "src 10.5.1.1 metric 2 onlink"));
	routes = list(*state, AF_INET);
	assert_int_equal(routes.len, 1);
	assert_int_equal(route_cmp(&routes.at[0], &route), 0);

	/* A route with another gateway replaces it; one with another metric is added. */
	route.gateway = kernel_addr("10.5.2.9");
	route.mtu = 1400;
	add(*state, &route);
	routes = list(*state, AF_INET);
	assert_int_equal(routes.len, 1);
	assert_int_equal(routes.at[0].mtu, 1400);
	assert_int_equal(route_cmp(&routes.at[0], &route), 0);
	route.metric = 3;
	add(*state, &route);
	assert_int_equal(list(*state, AF_INET).len, 2);

	/* An appended route replaces nothing. */
	other = route;
	other.gateway = kernel_addr("10.5.2.10");
	assert_done(nl_request(*state, route_append_message(&other), "append", &err), err);
	assert_int_equal(list(*state, AF_INET).len, 3);
	assert_int_equal(nl_request(*state, route_append_message(&other), "append", &err), -1);
	assert_int_equal(err.sys_errno, EEXIST);
	assert_done(nl_request(*state, route_del_message(&other), "del", &err), err);

	assert_done(nl_request(*state, route_del_message(&route), "del", &err), err);
	assert_int_equal(nl_request(*state, route_del_message(&route), "del", &err), -1);
	assert_int_equal(err.sys_errno, ESRCH);
	routes = list(*state, AF_INET);
	assert_int_equal(routes.len, 1);
	assert_int_equal(routes.at[0].metric, 2);
}

static void an_ipv6_route_is_read_as_it_was_added(void **state)
{
	uint32_t index = make_device(*state);
	struct route route = route_v6(index);
	struct err err = ERR_INIT;
	struct routes routes;

	/* The kernel changes metric 0 to 1024; IPv6 routes have no scope. */
	for (uint32_t metric = 0; metric < 2; metric++) {
		route.metric = metric;
		route.scope = RT_SCOPE_LINK;
		add(*state, &route);
		routes = list(*state, AF_INET6);
		assert_int_equal(routes.len, 1);
		assert_int_equal(routes.at[0].metric, metric ? 1 : 1024);
		assert_int_equal(route_cmp(&routes.at[0], &route), 0);
		route.gateway = kernel_addr("fd00:5:2::9");
		add(*state, &route);
		routes = list(*state, AF_INET6);
		assert_int_equal(routes.len, 1);
		assert_int_equal(route_cmp(&routes.at[0], &route), 0);
		assert_done(nl_request(*state, route_del_message(&route), "del", &err), err);
		assert_int_equal(list(*state, AF_INET6).len, 0);
	}
}

static void routes_of_other_protocols_are_not_listed(void **state)
{
	uint32_t index = make_device(*state);
	struct route route = route_v4(index);

	route.protocol = RTPROT_STATIC;
	add(*state, &route);
	route.protocol = ROUTE_PROTOCOL;
	route.table = 1000;
	add(*state, &route);
	assert_true(kernel_shows("ip route show table 1000", "10.5.2.0/24 via 10.5.2.0 dev br0"));
	route.table = 100;
	add(*state, &route);
	assert_true(kernel_shows("ip route show table 100", "10.5.2.0/24 via 10.5.2.0 dev br0"));
	kernel_says("ip route add unreachable 10.9.0.0/24 proto 0x77");
	assert_int_equal(list(*state, AF_INET).len, 0);
	route.table = 0;
	route.metric = 7;
	add(*state, &route);
	assert_int_equal(list(*state, AF_INET).len, 1);
}

static void routes_are_ordered_by_every_attribute(void **state)
{
	const struct route base = route_v4(5);
	struct route more[10];
	const size_t count = ARRAY_LEN(more);

	(void)state;
	for (size_t i = 0; i < count; i++)
		more[i] = base;
	more[0].dst = kernel_prefix("10.5.3.0/24");
	more[1].metric = 3;
	more[2].table = 255;
	more[3].protocol = 0x78;
	more[4].index = 6;
	more[5].gateway = kernel_addr("10.5.2.1");
	more[6].source = kernel_addr("10.5.1.2");
	more[7].scope = RT_SCOPE_LINK;
	more[8].mtu = 1;
	more[9] = route_v6(5);
	for (size_t i = 0; i < count; i++) {
		assert_true(route_cmp(&base, &more[i]) < 0);
		assert_true(route_cmp(&more[i], &base) > 0);
	}
	more[1].onlink = base.onlink;
	more[1] = base;
	more[1].onlink = false;
	assert_true(route_cmp(&more[1], &base) < 0);
	more[1] = base;
	more[1].table = 0;
	assert_int_equal(route_cmp(&more[1], &base), 0);
	/* Ordered by destination, then by metric. */
	more[0].metric = 0;
	assert_true(route_cmp(&base, &more[0]) < 0);
}

static void the_default_route_is_the_best_usable_one(void **state)
{
	const struct ipaddr two = kernel_addr("10.5.1.2"), three = kernel_addr("10.5.1.3");
	struct err err = ERR_INIT;
	struct route route;

	assert_int_equal(route_default(*state, AF_INET, &route, &err), 0);
	assert_int_equal(route_default(*state, AF_INET6, &route, &err), 0);
	make_device(*state);
	/*
	 * A bridge without a port that is up has no carrier; the kernel marks its routes as dead.
	 */
	kernel_says("ip link add v0 master br0 up type veth peer name v1 && ip link set v1 up && "
		    "ip link show v0");
	kernel_says("ip route add default via 10.5.1.3 dev br0 metric 20 && "
		    "ip route add default via 10.5.1.4 dev br0 metric 30 && "
		    "ip route add default via 10.5.1.5 dev br0 table 100 && "
		    "ip route add unreachable default metric 1 && "
		    "ip route add 10.6.0.0/16 via 10.5.1.9");
	assert_int_equal(route_default(*state, AF_INET, &route, &err), 1);
	assert_true(ipaddr_equal(&route.gateway, &three));
	assert_int_equal(route.metric, 20);
	assert_int_equal(route.dst.len, 0);
	assert_int_equal(route.dst.addr.family, AF_INET);
	kernel_says("ip route add default metric 10 nexthop via 10.5.1.2 dev br0 "
		    "nexthop via 10.5.1.6 dev br0");
	assert_int_equal(route_default(*state, AF_INET, &route, &err), 1);
	assert_true(ipaddr_equal(&route.gateway, &two));
	assert_true(route.index > 1);
	kernel_says("ip -6 route add default via fd00:5:1::9 dev br0");
	assert_int_equal(route_default(*state, AF_INET6, &route, &err), 1);
	assert_int_equal(route.metric, 1024);
	/* An IPv4 route with an IPv6 gateway. */
	kernel_says("ip -4 route add default via inet6 fd00:5:1::9 dev br0 metric 5");
	assert_int_equal(route_default(*state, AF_INET, &route, &err), 1);
	assert_int_equal(route.metric, 5);
	assert_int_equal(route.gateway.family, AF_INET6);
	/* A device without carrier reaches no address. */
	kernel_says("ip link set v0 nomaster");
	kernel_says("ip link show br0 | grep -q NO-CARRIER");
	assert_int_equal(route_default(*state, AF_INET, &route, &err), 0);
}

static void a_route_lookup_returns_device_and_gateway(void **state)
{
	const struct ipaddr there = kernel_addr("10.5.2.9"), gateway = kernel_addr("10.5.2.0");
	const struct ipaddr source = kernel_addr("10.5.1.1"), near = kernel_addr("10.5.1.9");
	static const char *const blocked[] = { "10.9.1.1",    "10.9.2.1",   "10.9.3.1",
					       "192.0.2.1",   "10.5.1.255", "fd00:9:1::1",
					       "fd00:9:2::1", "2001:db8::1" };
	uint32_t index = make_device(*state);
	struct route route = route_v4(index), found;
	struct err err = ERR_INIT;

	add(*state, &route);
	assert_int_equal(route_to(*state, &there, &found, &err), 1);
	assert_int_equal(found.index, index);
	assert_true(ipaddr_equal(&found.gateway, &gateway));
	assert_true(ipaddr_equal(&found.source, &source));
	assert_true(ipaddr_equal(&found.dst.addr, &there));
	assert_int_equal(found.dst.len, 32);
	assert_int_equal(route_to(*state, &near, &found, &err), 1);
	assert_false(ipaddr_is_set(&found.gateway));
	assert_int_equal(route_to(*state, &source, &found, &err), 1);
	assert_int_equal(found.index, 1);
	kernel_says("ip route add unreachable 10.9.1.0/24 && ip route add prohibit 10.9.2.0/24 && "
		    "ip route add blackhole 10.9.3.0/24 && "
		    "ip -6 route add unreachable fd00:9:1::/64 && "
		    "ip -6 route add blackhole fd00:9:2::/64");
	for (size_t i = 0; i < ARRAY_LEN(blocked); i++) {
		const struct ipaddr to = kernel_addr(blocked[i]);

		assert_int_equal(route_to(*state, &to, &found, &err), 0);
		assert_int_equal(err.code, ERR_NONE);
	}
}

static void never_fails(void *ctx, uint64_t tag, int sys_errno, const char *text)
{
	(void)ctx;
	fail_msg("%ju: %d %s", (uintmax_t)tag, sys_errno, text);
}

static void ten_thousand_routes(void **state)
{
	uint32_t index = make_device(*state);
	struct route route = route_v4(index);
	struct err err = ERR_INIT;
	struct nl_batch *batch;

	assert_done(nl_batch_open(*state, never_fails, NULL, &batch, &err), err);
	for (int deleting = 0; deleting < 2; deleting++) {
		for (uint32_t i = 0; i < MANY; i++) {
			const struct ipaddr first = kernel_addr("10.8.0.0");

			route.dst = (struct prefix){ ipaddr_add(&first, i << 4), 28 };
			route.gateway = route.dst.addr;
			route.metric = i + 1;
			assert_done(nl_batch_add(batch,
						 deleting ? route_del_message(&route) :
							    route_add_message(&route),
						 i, &err),
				    err);
		}
		assert_done(nl_batch_flush(batch, &err), err);
		assert_int_equal(list(*state, AF_INET).len, deleting ? 0 : MANY);
	}
	nl_batch_close(batch);
}

static void every_failure_is_returned(void **state)
{
	const struct ipaddr addr = kernel_addr("10.5.1.1");
	struct routes routes = { .max = 1 };
	struct err err = ERR_INIT;
	struct route route;

	for (int memory = 0; memory < 2; memory++) {
		for (int i = 0; i < 3; i++) {
			int status = 0;

			fake_nl_stand_in();
			if (memory)
				fake_nl_exhaust(1);
			else
				fake_nl_fail(1, EPERM, "");
			if (i == 0)
				status = route_each(*state, AF_INET, 4, take, NULL, &routes, &err);
			else if (i == 1)
				status = route_default(*state, AF_INET, &route, &err);
			else
				status = route_to(*state, &addr, &route, &err);
			assert_int_equal(status, -1);
			assert_int_equal(err.code, memory ? ERR_NOMEM : ERR_KERNEL);
		}
	}
	fake_nl_reset();
	add(*state,
	    &(struct route){ .dst = kernel_prefix("10.1.0.0/16"), .index = 1, .protocol = 4 });
	add(*state,
	    &(struct route){ .dst = kernel_prefix("10.2.0.0/16"), .index = 1, .protocol = 4 });
	assert_int_equal(route_each(*state, AF_INET, 4, take, NULL, &routes, &err), -1);
	assert_string_equal(err.text, "no more");
}

static struct nl_msg *default_route(uint32_t metric)
{
	const struct rtmsg info = { .rtm_family = AF_INET,
				    .rtm_table = RT_TABLE_MAIN,
				    .rtm_type = RTN_UNICAST };
	struct nl_msg *msg = nl_message(RTM_NEWROUTE, 0, &info, sizeof(info), 128);

	nl_put_u32(msg, RTA_PRIORITY, metric);
	return msg;
}

static void malformed_messages_are_rejected(void **state)
{
	static const struct {
		int type;
		size_t size;
		const char *bytes;
	} cases[] = {
		{ RTA_PRIORITY, 1, "\0" },
		{ RTA_GATEWAY, 5, "12345" },
		{ RTA_VIA, 2, "\x0a\0" },
		{ RTA_VIA, 5, "\x0a\0abc" },
		{ RTA_METRICS, 5, "\x05\0\x02\0" },
		{ RTA_MULTIPATH, 8, "\x04\0\0\0\0\0\0\0" },
		{ RTA_MULTIPATH, 8, "\x09\0\0\0\0\0\0\0" },
		{ RTA_MULTIPATH, 13, "\x0d\0\0\0\1\0\0\0\x05\0\x04\0" },
	};
	struct err err = ERR_INIT;
	struct route route;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct nl_msg *msg = default_route(1);

		nl_put(msg, cases[i].type, cases[i].bytes, cases[i].size);
		fake_nl_reset();
		fake_nl_stand_in();
		fake_nl_answer(msg);
		err = ERR_INIT;
		assert_int_equal(route_default(*state, AF_INET, &route, &err), -1);
		assert_int_equal(err.code, ERR_DECODE);
	}
}

static void a_malformed_route_lookup_is_rejected(void **state)
{
	const struct ipaddr addr = kernel_addr("10.5.1.1");
	struct nl_msg *msg = default_route(1);
	struct err err = ERR_INIT;
	struct route route;

	nl_put(msg, RTA_GATEWAY, "12345", 5);
	fake_nl_stand_in();
	fake_nl_answer(msg);
	assert_int_equal(route_to(*state, &addr, &route, &err), -1);
	assert_int_equal(err.code, ERR_DECODE);
}

/* Kernels without dump filters list all routes; some have no main table at first. */
static void unfiltered_dumps_and_missing_tables_of_old_kernels_are_handled(void **state)
{
	struct nl_msg *unreachable;
	struct routes routes = { 0 };
	struct err err = ERR_INIT;

	fake_nl_stand_in();
	fake_nl_answer(default_route(1)); /* of protocol 0 */
	unreachable = default_route(1);
	((struct rtmsg *)nlmsg_data(nlmsg_hdr(unreachable)))->rtm_type = RTN_UNREACHABLE;
	((struct rtmsg *)nlmsg_data(nlmsg_hdr(unreachable)))->rtm_protocol = ROUTE_PROTOCOL;
	fake_nl_answer(unreachable);
	assert_done(route_each(*state, AF_INET, ROUTE_PROTOCOL, take, NULL, &routes, &err), err);
	fake_nl_fail(1, ENOENT, "ipv4: FIB table does not exist");
	assert_done(route_each(*state, AF_INET, ROUTE_PROTOCOL, take, NULL, &routes, &err), err);
	assert_int_equal(err.code, ERR_NONE);
	assert_int_equal(routes.len, 0);
}

static void an_interrupted_lookup_discards_earlier_results(void **state)
{
	struct routes routes = { 0 };
	struct err err = ERR_INIT;
	struct route route;

	fake_nl_stand_in();
	fake_nl_answer(default_route(7));
	fake_nl_interrupt(1);
	assert_int_equal(route_default(*state, AF_INET, &route, &err), 1);
	assert_int_equal(route.metric, 7);
	fake_nl_answer(NULL);
	fake_nl_answer(default_route(7));
	fake_nl_interrupt(2);
	assert_done(route_each(*state, AF_INET, 0, take, restart, &routes, &err), err);
	assert_int_equal(routes.restarts, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		route_test(an_ipv4_route_is_read_as_it_was_added),
		route_test(an_ipv6_route_is_read_as_it_was_added),
		route_test(routes_of_other_protocols_are_not_listed),
		route_test(routes_are_ordered_by_every_attribute),
		route_test(the_default_route_is_the_best_usable_one),
		route_test(a_route_lookup_returns_device_and_gateway),
		route_test(ten_thousand_routes),
		route_test(every_failure_is_returned),
		route_test(malformed_messages_are_rejected),
		route_test(a_malformed_route_lookup_is_rejected),
		route_test(unfiltered_dumps_and_missing_tables_of_old_kernels_are_handled),
		route_test(an_interrupted_lookup_discards_earlier_results),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
