/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netlink/nl.h"

#include "common/netlink/link.h"
#include "common/netlink/neigh.h"
#include "tests/unit/kernel.h"
#include "tests/unit/nl_script.h"

#include <errno.h>
#include <poll.h>

struct events {
	unsigned added, removed;
	struct link last;
};

static int take_event(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	struct events *events = ctx;
	struct link link;

	if (link_parse(header, &link, err))
		return -1;
	if (link.family != AF_UNSPEC)
		return 0;
	events->added += header->nlmsg_type == RTM_NEWLINK;
	events->removed += header->nlmsg_type == RTM_DELLINK;
	events->last = link;
	return 0;
}

static struct nl *open_listener(void)
{
	static const unsigned groups[] = { RTNLGRP_LINK, 0 };
	struct err err = ERR_INIT;
	struct nl *nl;

	assert_done(nl_open(&nl, &err), err);
	assert_done(nl_listen(nl, groups, &err), err);
	return nl;
}

static void events_report_changes_of_a_device(void **state)
{
	struct nl *nl = *state, *listener = open_listener();
	struct events events = { 0 };
	struct err err = ERR_INIT;
	bool lost = true;
	uint32_t index;

	assert_done(nl_read_events(listener, take_event, &events, &lost, &err), err);
	assert_int_equal(events.added, 0);
	assert_false(lost);
	index = kernel_bridge(nl);
	assert_int_equal(poll(&(struct pollfd){ nl_fd(listener), POLLIN, 0 }, 1, 1000), 1);
	assert_done(nl_read_events(listener, take_event, &events, &lost, &err), err);
	assert_true(events.added > 0);
	assert_int_equal(events.last.index, index);
	assert_int_equal(events.last.kind, LINK_KIND_BRIDGE);
	assert_string_equal(events.last.alias, "test");
	assert_int_equal(link_del(nl, index, &err), 1);
	assert_int_equal(poll(&(struct pollfd){ nl_fd(listener), POLLIN, 0 }, 1, 1000), 1);
	assert_done(nl_read_events(listener, take_event, &events, &lost, &err), err);
	assert_int_equal(events.removed, 1);
	assert_string_equal(events.last.name, "br0");
	nl_free(listener);
}

/* The devices of which an entry of 10.9.0.1 was added or removed. */
static int note_device(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	const struct ipaddr addr = kernel_addr("10.9.0.1");
	struct neigh neigh;
	uint64_t *told = ctx;

	if (neigh_parse(header, &neigh, err) == 1 && ipaddr_equal(&neigh.addr, &addr))
		*told |= UINT64_C(1) << neigh.index;
	return 0;
}

static uint64_t count_neighbours(struct nl *listener)
{
	struct err err = ERR_INIT;
	uint64_t told = 0;
	bool lost;

	assert_int_equal(
		system("for dev in up0 br0; do ip neigh add 10.9.0.1 lladdr 0e:00:00:00:00:01 "
		       "dev $dev && ip neigh del 10.9.0.1 dev $dev || exit; done"),
		0);
	assert_done(nl_read_events(listener, note_device, &told, &lost, &err), err);
	assert_false(lost);
	return told;
}

static int setup_with_uplink(void **state)
{
	*state = kernel_with_uplink();
	return 0;
}

static void neighbour_events_of_a_filtered_device_are_dropped(void **state)
{
	static const unsigned groups[] = { RTNLGRP_NEIGH, 0 };
	struct nl *nl = *state, *listener;
	struct err err = ERR_INIT;
	const uint64_t bridge = UINT64_C(1) << kernel_bridge(nl);
	struct link link;
	uint64_t both;

	assert_int_equal(link_get(nl, "up0", &link, &err), 1);
	both = bridge | UINT64_C(1) << link.index;
	assert_done(nl_open(&listener, &err), err);
	assert_done(nl_listen(listener, groups, &err), err);
	assert_int_equal(count_neighbours(listener), both);
	assert_done(nl_filter_neigh_events(listener, link.index, &err), err);
	assert_int_equal(count_neighbours(listener), bridge);
	assert_done(nl_filter_neigh_events(listener, 0, &err), err);
	assert_int_equal(count_neighbours(listener), both);
	assert_done(nl_filter_neigh_events(listener, 0, &err), err); /* the device was deleted */
	nl_free(listener);
}

static int refuse_event(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	(void)ctx;
	(void)header;
	return err_set(err, ERR_CHECK, "no more");
}

static void lost_events_are_reported_and_later_ones_received(void **state)
{
	static const unsigned unknown[] = { 1U << 20, 0 };
	struct nl *nl = *state, *listener = open_listener();
	struct events events = { 0 };
	struct err err = ERR_INIT;
	const int tiny = 1;
	uint32_t index = kernel_bridge(nl);
	bool lost = false;

	assert_int_equal(setsockopt(nl_fd(listener), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof(tiny)),
			 0);
	for (uint32_t mtu = 1300; mtu < 1320; mtu++)
		assert_done(link_set_mtu(nl, index, mtu, &err), err);
	assert_done(nl_read_events(listener, NULL, NULL, &lost, &err), err);
	assert_true(lost);
	assert_done(link_set_mtu(nl, index, 1400, &err), err);
	assert_done(nl_read_events(listener, take_event, &events, &lost, &err), err);
	assert_false(lost);
	assert_int_equal(events.last.mtu, 1400);
	assert_done(link_set_mtu(nl, index, 1401, &err), err);
	assert_int_equal(nl_read_events(listener, refuse_event, NULL, &lost, &err), -1);
	assert_string_equal(err.text, "no more");
	assert_int_equal(nl_listen(listener, unknown, &err), -1);
	assert_int_equal(err.sys_errno, EINVAL);
	nl_free(listener);
}

static void truncated_or_unreadable_events_are_errors(void **state)
{
	struct script *script = *state;
	static char big[NL_DATA_SIZE + 1];
	struct events events = { 0 };
	struct err err = ERR_INIT;
	bool lost = false;

	assert_int_equal(send(script->kernel, big, sizeof(big), 0), sizeof(big));
	say(script, NLMSG_NOOP, 0, 0, NULL, 0);
	assert_done(nl_read_events(&script->nl, never_visited, NULL, &lost, &err), err);
	assert_true(lost);
	say_number(script, 0, 0, 1);
	assert_int_equal(nl_read_events(&script->nl, take_event, &events, &lost, &err), -1);
	assert_int_equal(err.code, ERR_DECODE);
	close(script->nl.fd);
	assert_int_equal(nl_read_events(&script->nl, never_visited, NULL, &lost, &err), -1);
	assert_int_equal(err.sys_errno, EBADF);
	script->nl.fd = -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(events_report_changes_of_a_device),
		cmocka_unit_test_setup_teardown(neighbour_events_of_a_filtered_device_are_dropped,
						setup_with_uplink, kernel_teardown),
		kernel_test(lost_events_are_reported_and_later_ones_received),
		script_test(truncated_or_unreadable_events_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
