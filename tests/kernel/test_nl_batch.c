/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netlink/nl.h"

#include "common/netlink/link.h"
#include "common/netlink/route.h"
#include "tests/unit/kernel.h"
#include "tests/unit/nl_script.h"

#include <errno.h>
#include <linux/if_link.h>

struct failure {
	uint64_t tag;
	int sys_errno;
	char text[NL_TEXT_SIZE];
};

struct failures {
	unsigned len;
	struct failure at[256];
};

static void take_failure(void *ctx, uint64_t tag, int sys_errno, const char *text)
{
	struct failures *failures = ctx;
	struct failure *failure = &failures->at[failures->len++];

	assert_in_range(failures->len, 1, 256);
	failure->tag = tag;
	failure->sys_errno = sys_errno;
	snprintf(failure->text, sizeof(failure->text), "%s", text);
}

static struct nl_msg *route_over(uint32_t index, const char *dst, const char *gateway)
{
	const struct route route = {
		.dst = kernel_prefix(dst),
		.gateway = kernel_addr(gateway),
		.index = index,
		.protocol = ROUTE_PROTOCOL,
		.onlink = true,
	};

	return route_add_message(&route);
}

static void every_request_of_a_batch_has_its_own_outcome(void **state)
{
	struct nl *nl = *state;
	struct failures failures = { 0 };
	uint32_t index = kernel_bridge(nl);
	struct err err = ERR_INIT;
	struct nl_batch *batch;

	assert_done(nl_batch_open(nl, take_failure, &failures, &batch, &err), err);
	assert_done(nl_batch_add(batch, route_over(index, "10.5.2.0/24", "10.5.2.0"), 11, &err),
		    err);
	assert_done(nl_batch_add(batch, route_over(9999, "10.5.3.0/24", "10.5.3.0"), 12, &err),
		    err);
	assert_done(nl_batch_add(batch, route_over(index, "10.5.4.0/24", "10.5.4.0"), 13, &err),
		    err);
	assert_done(nl_batch_add(batch, route_over(index, "10.5.5.1/24", "10.5.5.0"), 14, &err),
		    err);
	assert_done(nl_batch_add(batch, route_over(index, "10.5.6.0/24", "10.5.6.0"), 15, &err),
		    err);
	assert_int_equal(failures.len, 0);
	assert_string_equal(kernel_says("ip route show proto 0x77"), "");
	assert_done(nl_batch_flush(batch, &err), err);

	assert_int_equal(failures.len, 2);
	assert_int_equal(failures.at[0].tag, 12);
	assert_int_equal(failures.at[0].sys_errno, ENODEV);
	assert_string_equal(failures.at[0].text, "Nexthop device required for onlink");
	assert_int_equal(failures.at[1].tag, 14);
	assert_int_equal(failures.at[1].sys_errno, EINVAL);
	assert_string_equal(failures.at[1].text, "Invalid prefix for given prefix length");
	assert_string_equal(kernel_says("ip route show proto 0x77"),
			    "10.5.2.0/24 via 10.5.2.0 dev br0 onlink linkdown \n"
			    "10.5.4.0/24 via 10.5.4.0 dev br0 onlink linkdown \n"
			    "10.5.6.0/24 via 10.5.6.0 dev br0 onlink linkdown \n");

	/*
	 * Only the last request has NLM_F_ACK set; here the kernel refuses that request.
	 */
	assert_done(nl_batch_add(batch, route_over(index, "10.5.7.0/24", "10.5.7.0"), 16, &err),
		    err);
	assert_done(nl_batch_add(batch, route_over(index, "10.5.8.1/24", "10.5.8.0"), 17, &err),
		    err);
	assert_done(nl_batch_flush(batch, &err), err);
	assert_int_equal(failures.len, 3);
	assert_int_equal(failures.at[2].tag, 17);
	assert_done(nl_batch_flush(batch, &err), err);
	nl_batch_close(batch);
}

static void a_full_batch_is_sent_automatically(void **state)
{
	struct nl *nl = *state;
	struct failures failures = { 0 };
	struct err err = ERR_INIT;
	struct nl_batch *batch;

	assert_done(nl_batch_open(nl, take_failure, &failures, &batch, &err), err);
	for (uint64_t i = 0; i < 63; i++)
		assert_done(nl_batch_add(batch, link_up_message(9999), i, &err), err);
	assert_int_equal(failures.len, 0);
	assert_done(nl_batch_add(batch, link_up_message(9999), 63, &err), err);
	assert_int_equal(failures.len, 64);
	for (uint64_t i = 0; i < 64; i++) {
		assert_int_equal(failures.at[i].tag, i);
		assert_int_equal(failures.at[i].sys_errno, ENODEV);
	}
	/* Requests that were not flushed are not sent. */
	assert_done(nl_batch_add(batch, link_up_message(9999), 64, &err), err);
	nl_batch_close(batch);
	assert_int_equal(failures.len, 64);
}

static struct nl_msg *long_message(size_t size)
{
	static const char zeroes[20000];
	const struct ifinfomsg info = { .ifi_index = 9999 };
	struct nl_msg *msg = nl_message(RTM_SETLINK, 0, &info, sizeof(info), size + 8);

	nl_put(msg, IFLA_IFALIAS, zeroes, size);
	return msg;
}

static void a_batch_is_limited_by_size_too(void **state)
{
	struct nl *nl = *state;
	struct failures failures = { 0 };
	struct err err = ERR_INIT;
	struct nl_batch *batch;

	assert_done(nl_batch_open(nl, take_failure, &failures, &batch, &err), err);
	for (uint64_t i = 0; i < 5; i++)
		assert_done(nl_batch_add(batch, long_message(5000), i, &err), err);
	assert_int_equal(failures.len, 3);
	assert_int_equal(nl_batch_add(batch, long_message(17000), 5, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_done(nl_batch_flush(batch, &err), err);
	assert_int_equal(failures.len, 5);
	nl_batch_close(batch);
}

/* The receive buffer holds only a few of 64 errors: the kernel drops the others. */
static void requests_without_an_answer_fail_after_a_timeout(void **state)
{
	struct nl *nl = *state;
	struct failures failures = { 0 };
	struct err err = ERR_INIT;
	const int tiny = 1;
	struct nl_batch *batch;
	unsigned lost = 0;

	assert_int_equal(setsockopt(nl_fd(nl), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof(tiny)), 0);
	alarm(5); /* less than the timeout of a lost answer */
	assert_done(nl_batch_open(nl, take_failure, &failures, &batch, &err), err);
	for (uint64_t i = 0; i < 64; i++)
		assert_done(nl_batch_add(batch, link_up_message(9999), i, &err), err);
	assert_int_equal(failures.len, 64);
	for (uint64_t i = 0; i < 64; i++) {
		assert_int_equal(failures.at[i].tag, i);
		assert_int_equal(failures.at[i].sys_errno,
				 lost ? ENOBUFS : failures.at[i].sys_errno);
		if (failures.at[i].sys_errno == ENOBUFS) {
			lost++;
			assert_string_equal(failures.at[i].text, "the kernel's reply was lost");
		} else {
			assert_int_equal(failures.at[i].sys_errno, ENODEV);
		}
	}
	assert_in_range(lost, 1, 63);
	alarm(0);
	/* The socket is usable again. */
	failures.len = 0;
	assert_done(nl_batch_add(batch, link_up_message(9999), 100, &err), err);
	assert_done(nl_batch_flush(batch, &err), err);
	assert_int_equal(failures.len, 1);
	assert_int_equal(failures.at[0].sys_errno, ENODEV);
	nl_batch_close(batch);
}

static void a_batch_that_cannot_be_sent_is_discarded(void **state)
{
	struct script *script = *state;
	struct failures failures = { 0 };
	struct err err = ERR_INIT;
	struct nl_batch *batch;

	close(script->kernel);
	script->kernel = -1;
	assert_done(nl_batch_open(&script->nl, take_failure, &failures, &batch, &err), err);
	for (uint64_t i = 0; i < 3; i++)
		assert_done(nl_batch_add(batch, long_message(5000), i, &err), err);
	assert_int_equal(nl_batch_add(batch, long_message(5000), 3, &err), -1);
	assert_int_equal(err.code, ERR_KERNEL);
	err = ERR_INIT;
	assert_done(nl_batch_flush(batch, &err), err);
	assert_int_equal(failures.len, 0);
	nl_batch_close(batch);
}

static void an_unanswered_batch_fails(void **state)
{
	struct script *script = *state;
	struct failures failures = { 0 };
	struct err err = ERR_INIT;
	struct nl_batch *batch;

	assert_done(nl_batch_open(&script->nl, take_failure, &failures, &batch, &err), err);
	for (uint64_t i = 0; i < 4; i++)
		assert_done(nl_batch_add(batch, small_message(), i, &err), err);
	say_verdict(script, 101, EPERM);
	say_number(script, 101, 0, 1);
	assert_done(nl_batch_flush(batch, &err), err);
	assert_int_equal(failures.len, 3);
	assert_int_equal(failures.at[0].tag, 1);
	assert_int_equal(failures.at[0].sys_errno, EPERM);
	assert_int_equal(failures.at[1].tag, 2);
	assert_int_equal(failures.at[1].sys_errno, ETIMEDOUT);
	assert_int_equal(failures.at[2].tag, 3);
	/* Late answers are not assigned to the next batch. */
	assert_int_equal(script->nl.seq, 104);
	nl_batch_close(batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(every_request_of_a_batch_has_its_own_outcome),
		kernel_test(a_full_batch_is_sent_automatically),
		kernel_test(a_batch_is_limited_by_size_too),
		kernel_test(requests_without_an_answer_fail_after_a_timeout),
		script_test(a_batch_that_cannot_be_sent_is_discarded),
		script_test(an_unanswered_batch_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
