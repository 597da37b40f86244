/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl */
#include "tests/unit/fake_nl.h"

#include "common/netlink/link.h"
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

#define fake_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

struct failures {
	unsigned len;
	uint64_t tag;
	int sys_errno;
	const char *text;
};

static void take_failure(void *ctx, uint64_t tag, int sys_errno, const char *text)
{
	struct failures *failures = ctx;

	failures->len++;
	failures->tag = tag;
	failures->sys_errno = sys_errno;
	assert_string_equal(text, "injected error");
}

static void a_refused_request_is_not_sent_to_the_kernel(void **state)
{
	uint32_t index = kernel_bridge(*state);
	struct failures failures = { 0 };
	struct err err = ERR_INIT;
	struct nl_batch *batch;
	size_t before = fake_nl_sent();
	struct link link;

	assert_done(link_set_up(*state, index, false, &err), err);
	assert_done(nl_batch_open(*state, take_failure, &failures, &batch, &err), err);
	fake_nl_refuse(2, EPERM, "injected error");
	assert_done(nl_batch_add(batch, link_up_message(1), 5, &err), err);
	assert_false(fake_nl_faulted());
	assert_done(nl_batch_add(batch, link_up_message(index), 6, &err), err);
	assert_true(fake_nl_faulted());
	assert_int_equal(failures.len, 0);
	assert_done(nl_batch_flush(batch, &err), err);
	assert_int_equal(failures.len, 1);
	assert_int_equal(failures.tag, 6);
	assert_int_equal(failures.sys_errno, EPERM);
	assert_int_equal(link_get(*state, "br0", &link, &err), 1);
	assert_false(link.flags & IFF_UP);
	/* The change, two requests of the batch, and link_get(). */
	assert_int_equal(fake_nl_sent(), before + 4);
	assert_int_equal(fake_nl_request(before)->nlmsg_type, RTM_SETLINK);

	/* A flush that fails discards the queued requests, as nl_batch.c does. */
	fake_nl_fail(2, EIO, "injected error");
	assert_done(nl_batch_add(batch, link_up_message(index), 7, &err), err);
	assert_int_equal(nl_batch_flush(batch, &err), -1);
	assert_int_equal(err.sys_errno, EIO);
	assert_done(nl_batch_flush(batch, &err), err);
	assert_int_equal(link_get(*state, "br0", &link, &err), 1);
	assert_false(link.flags & IFF_UP);
	nl_batch_close(batch);
}

static int count(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	unsigned *seen = ctx;

	(void)header;
	(void)err;
	(*seen)++;
	return 0;
}

static void without_a_kernel_prepared_answers_are_returned(void **state)
{
	const struct ifinfomsg info = { .ifi_index = 5 };
	static const unsigned groups[] = { RTNLGRP_LINK, 0 };
	struct failures failures = { 0 };
	struct err err = ERR_INIT;
	struct nl_batch *batch;
	struct link link;
	unsigned seen = 0;
	bool lost = false;
	struct nl *nl;

	(void)state;
	fake_nl_stand_in();
	assert_done(nl_open(&nl, &err), err);
	assert_int_equal(nl_fd(nl), -1);
	assert_done(link_set_up(nl, 4711, true, &err), err);
	assert_int_equal(link_get_index(nl, 5, &link, &err), 0);
	fake_nl_answer(NULL);
	fake_nl_answer(nl_message(RTM_NEWLINK, 0, &info, sizeof(info), 0));
	assert_int_equal(link_get_index(nl, 5, &link, &err), 0);
	assert_int_equal(link_get_index(nl, 5, &link, &err), 1);
	assert_int_equal(link.index, 5);

	assert_done(nl_listen(nl, groups, &err), err);
	fake_nl_answer(nl_message(RTM_NEWLINK, 0, &info, sizeof(info), 0));
	fake_nl_answer(nl_message(RTM_DELLINK, 0, &info, sizeof(info), 0));
	fake_nl_lose();
	assert_done(nl_read_events(nl, count, &seen, &lost, &err), err);
	assert_int_equal(seen, 2);
	assert_true(lost);
	assert_done(nl_read_events(nl, count, &seen, &lost, &err), err);
	assert_false(lost);

	/* More requests than nl_batch.c queues; nothing is sent. */
	assert_done(nl_batch_open(nl, take_failure, &failures, &batch, &err), err);
	for (uint64_t i = 0; i < 100; i++)
		assert_done(nl_batch_add(batch, link_up_message(1), i, &err), err);
	assert_done(nl_batch_flush(batch, &err), err);
	assert_int_equal(failures.len, 0);
	nl_batch_close(batch);
	nl_free(nl);
}

static void every_kind_of_call_can_fail(void **state)
{
	static const unsigned groups[] = { RTNLGRP_LINK, 0 };
	struct failures failures = { 0 };
	struct err err = ERR_INIT;
	struct nl_batch *batch;
	struct link link;
	bool lost = false;
	struct nl *nl;

	fake_nl_fail(1, EMFILE, "");
	assert_int_equal(nl_open(&nl, &err), -1);
	assert_int_equal(err.sys_errno, EMFILE);
	fake_nl_fail(1, ENOMEM, "");
	assert_int_equal(nl_batch_open(*state, take_failure, &failures, &batch, &err), -1);
	fake_nl_fail(1, ENOMEM, "");
	assert_int_equal(nl_listen(*state, groups, &err), -1);
	fake_nl_fail(1, EIO, "");
	assert_int_equal(nl_read_events(*state, NULL, NULL, &lost, &err), -1);
	fake_nl_fail(1, ENODEV, "");
	assert_int_equal(link_get(*state, "lo", &link, &err), 0);
	fake_nl_fail(2, EPERM, "");
	assert_int_equal(link_get(*state, "lo", &link, &err), 1);
	assert_int_equal(link_get(*state, "lo", &link, &err), -1);
	assert_int_equal(link_get(*state, "lo", &link, &err), 1);
	fake_nl_exhaust(1);
	assert_null(link_up_message(1));
	assert_true(fake_nl_faulted());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(a_refused_request_is_not_sent_to_the_kernel),
		fake_test(without_a_kernel_prepared_answers_are_returned),
		fake_test(every_kind_of_call_can_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
