/* SPDX-License-Identifier: Apache-2.0 */
/* Dumps that are answered from a copy, and the changes that make a copy stale. */
#include "common/netlink/addr.h"
#include "common/netlink/link.h"
#include "common/netlink/nl.h"
#include "common/netlink/route.h"
#include "common/netlink/sysctl.h"
#include "tests/unit/kernel.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

static unsigned filled;

static void on_filled(void *ctx)
{
	(void)ctx;
	filled++;
}

static int setup(void **state)
{
	struct nl *nl = kernel_fresh();
	struct err err = ERR_INIT;

	filled = 0;
	assert_done(nl_shared_open(nl, on_filled, NULL, &err), err);
	assert_int_equal(system("ip link add d0 type bridge && ip link set d0 up"), 0);
	*state = nl;
	return 0;
}

#define shared_test(function) cmocka_unit_test_setup_teardown(function, setup, kernel_teardown)

struct found {
	size_t devices, restarts;
	bool ipv6; /* of d0 */
	char alias[LINK_ALIAS_SIZE];
};

static int on_link(void *ctx, const struct link *link, struct err *err)
{
	struct found *found = ctx;

	(void)err;
	found->devices++;
	if (strcmp(link->name, "d0") != 0)
		return 0;
	found->ipv6 = link->ipv6;
	memcpy(found->alias, link->alias, sizeof(found->alias));
	return 0;
}

static void on_restart(void *ctx)
{
	struct found *found = ctx;

	*found = (struct found){ .restarts = found->restarts + 1 };
}

static struct found list(struct nl *nl)
{
	struct found found = { .devices = 0 };
	struct err err = ERR_INIT;

	assert_done(link_each(nl, on_link, on_restart, &found, &err), err);
	return found;
}

static int count_addr(void *ctx, const struct addr *addr, struct err *err)
{
	size_t *count = ctx;

	(void)addr, (void)err;
	(*count)++;
	return 0;
}

static int count_route(void *ctx, const struct route *route, struct err *err)
{
	size_t *count = ctx;

	(void)route, (void)err;
	(*count)++;
	return 0;
}

static void reset_count(void *ctx)
{
	*(size_t *)ctx = 0;
}

static size_t addresses(struct nl *nl, uint32_t index)
{
	size_t count = 0;
	struct err err = ERR_INIT;

	assert_done(addr_each(nl, index, AF_INET, count_addr, reset_count, &count, &err), err);
	return count;
}

static size_t count_all(struct nl *nl, uint8_t family)
{
	size_t count = 0;
	struct err err = ERR_INIT;

	assert_done(addr_each(nl, 0, family, count_addr, reset_count, &count, &err), err);
	return count;
}

struct search {
	const struct prefix *prefix;
	bool found;
};

static int find_addr(void *ctx, const struct addr *addr, struct err *err)
{
	struct search *search = ctx;

	(void)err;
	search->found |= prefix_equal(&addr->prefix, search->prefix);
	return 0;
}

static void reset_search(void *ctx)
{
	((struct search *)ctx)->found = false;
}

static bool has_address(struct nl *nl, const struct prefix *prefix)
{
	struct search search = { .prefix = prefix };
	struct err err = ERR_INIT;

	assert_done(addr_each(nl, 0, prefix->addr.family, find_addr, reset_search, &search, &err),
		    err);
	return search.found;
}

static size_t routes(struct nl *nl, uint8_t protocol)
{
	size_t count = 0;
	struct err err = ERR_INIT;

	assert_done(route_each(nl, AF_INET, protocol, count_route, reset_count, &count, &err), err);
	return count;
}

/* The sysctl has no event as long as the device is down: so a copy is recognised. */
static void a_second_dump_is_answered_from_a_copy(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(system("ip link set d0 down"), 0);
	assert_true(list(*state).ipv6);
	assert_int_equal(filled, 1);
	assert_done(sysctl_set("net/ipv6/conf/d0/disable_ipv6", "1", &err), err);
	(void)addresses(*state, 0);
	assert_true(list(*state).ipv6);
	assert_int_equal(filled, 1);
	nl_shared_clear(*state);
	assert_false(list(*state).ipv6);
	assert_int_equal(filled, 2);
	assert_int_equal(list(*state).devices, 2);
	nl_shared_close(*state);
	nl_shared_clear(*state);
	assert_int_equal(list(*state).devices, 2);
}

static void changes_of_others_make_a_copy_stale(void **state)
{
	assert_int_equal(list(*state).devices, 2);
	assert_int_equal(system("ip link add d1 type bridge"), 0);
	assert_int_equal(list(*state).devices, 3);
	assert_int_equal(system("ip link set d0 alias changed"), 0);
	assert_string_equal(list(*state).alias, "changed");
	assert_int_equal(addresses(*state, 0), 1); /* of lo */
	assert_int_equal(routes(*state, RTPROT_KERNEL), 0);
	assert_int_equal(system("ip address add 10.9.0.1/24 dev d0"), 0);
	assert_int_equal(addresses(*state, 0), 2);
	assert_int_equal(routes(*state, RTPROT_KERNEL), 1);
	assert_int_equal(routes(*state, RTPROT_STATIC), 0);
	assert_int_equal(system("ip route add 10.8.0.0/24 dev d0 proto static"), 0);
	assert_int_equal(routes(*state, RTPROT_STATIC), 1);
	assert_int_equal(system("ip route del 10.8.0.0/24 && ip address flush dev d0"), 0);
	assert_int_equal(routes(*state, RTPROT_STATIC), 0);
	assert_int_equal(routes(*state, RTPROT_KERNEL), 0);
	assert_int_equal(addresses(*state, 0), 1);
}

static void own_changes_make_a_copy_stale(void **state)
{
	const struct prefix prefix = kernel_prefix("10.9.0.1/24");
	struct link link;
	struct err err = ERR_INIT;

	assert_int_equal(link_get(*state, "d0", &link, &err), 1);
	assert_string_equal(list(*state).alias, "");
	assert_done(link_set_alias(*state, link.index, "own", &err), err);
	assert_string_equal(list(*state).alias, "own");
	assert_int_equal(addresses(*state, 0), 1);
	assert_int_equal(addr_ensure(*state, link.index, &prefix, &err), 1);
	assert_int_equal(addresses(*state, 0), 2);
	assert_int_equal(addresses(*state, link.index),
			 1); /* another dump: not a copy of that of all */
	assert_int_equal(link_del(*state, link.index, &err), 1);
	assert_int_equal(list(*state).devices, 1);
}

/* They have no event, or have it later. */
static void own_changes_without_an_event_make_a_copy_stale(void **state)
{
	const struct prefix prefix = kernel_prefix("fd00:9::1/64");
	struct link link;
	struct err err = ERR_INIT;

	assert_int_equal(system("ip link set d0 down"), 0);
	assert_int_equal(link_get(*state, "d0", &link, &err), 1);
	assert_string_equal(list(*state).alias, "");
	assert_done(link_set_alias(*state, link.index, "own", &err), err);
	assert_string_equal(list(*state).alias, "own");
	assert_done(link_set_up(*state, link.index, true, &err), err);
	(void)count_all(*state, AF_INET6);
	assert_int_equal(addr_ensure(*state, link.index, &prefix, &err), 1);
	assert_true(has_address(*state, &prefix));
}

/* More events than the socket holds. */
static void lost_events_make_a_copy_stale(void **state)
{
	assert_int_equal(list(*state).devices, 2);
	assert_int_equal(
		system("for i in $(seq 200); do echo link set d0 alias a$i; done | ip -b -"), 0);
	assert_string_equal(list(*state).alias, "a200");
	assert_int_equal(system("ip link add d1 type bridge"), 0);
	assert_int_equal(list(*state).devices, 3);
}

static int refuse(void *ctx, const struct link *link, struct err *err)
{
	(void)ctx, (void)link;
	return err_set(err, ERR_CHECK, "no");
}

static void a_failed_visit_ends_a_dump(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(link_each(*state, refuse, NULL, NULL, &err), -1);
	assert_int_equal(filled, 0);
	assert_int_equal(list(*state).devices, 2);
	assert_int_equal(filled, 1);
	err = ERR_INIT;
	assert_int_equal(link_each(*state, refuse, NULL, NULL, &err), -1);
	assert_int_equal(err.code, ERR_CHECK);
	assert_int_equal(list(*state).devices, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		shared_test(a_second_dump_is_answered_from_a_copy),
		shared_test(changes_of_others_make_a_copy_stale),
		shared_test(own_changes_make_a_copy_stale),
		shared_test(own_changes_without_an_event_make_a_copy_stale),
		shared_test(lost_events_make_a_copy_stale),
		shared_test(a_failed_visit_ends_a_dump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
