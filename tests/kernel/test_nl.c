/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netlink/nl.h"

#include "common/netlink/link.h"
#include "common/netlink/route.h"
#include "tests/unit/kernel.h"
#include "tests/unit/nl_script.h"

#include <errno.h>
#include <sys/resource.h>

static void answers_to_other_requests_are_ignored(void **state)
{
	struct script *script = *state;
	struct err err = ERR_INIT;

	say_verdict(script, 99, EPERM);
	say_number(script, 100, 0, 1);
	say_verdict(script, 100, 0);
	assert_done(nl_request(&script->nl, small_message(), "ask", &err), err);
	say_verdict(script, 100, EPERM);
	say_verdict(script, 101, EBUSY);
	assert_int_equal(nl_request(&script->nl, small_message(), "ask", &err), -1);
	assert_int_equal(err.code, ERR_KERNEL);
	assert_int_equal(err.sys_errno, EBUSY);
	assert_string_equal(err.text, "ask: Device or resource busy");
}

static void a_lost_answer_ends_in_a_timeout_error(void **state)
{
	struct script *script = *state;
	struct numbers numbers = { 0 };
	const struct nl_dump dump = dump_of(&numbers);
	struct err err = ERR_INIT;

	assert_int_equal(nl_request(&script->nl, small_message(), "ask", &err), -1);
	assert_int_equal(err.sys_errno, ETIMEDOUT);
	assert_string_equal(err.text, "ask: no reply from the kernel: Connection timed out");
	assert_int_equal(nl_query(&script->nl, small_message(), "ask", take_number, &numbers, &err),
			 -1);
	assert_int_equal(err.sys_errno, ETIMEDOUT);
	say_number(script, 102, 0, 1);
	assert_int_equal(nl_dump_all(&script->nl, &dump, &err), -1);
	assert_int_equal(err.sys_errno, ETIMEDOUT);
}

static void a_failed_send_is_reported(void **state)
{
	struct script *script = *state;
	struct numbers numbers = { 0 };
	const struct nl_dump dump = dump_of(&numbers);
	struct err err = ERR_INIT;
	struct nl_batch *batch;

	close(script->kernel);
	assert_int_equal(nl_request(&script->nl, small_message(), "ask", &err), -1);
	assert_int_equal(err.sys_errno, ECONNREFUSED);
	assert_string_equal(err.text, "ask: request not sent: Connection refused");
	assert_int_equal(nl_dump_all(&script->nl, &dump, &err), -1);
	err = ERR_INIT;
	assert_done(nl_batch_open(&script->nl, NULL, NULL, &batch, &err), err);
	assert_done(nl_batch_add(batch, small_message(), 1, &err), err);
	assert_int_equal(nl_batch_flush(batch, &err), -1);
	assert_string_equal(err.text, "send of 1 netlink requests: Transport endpoint is not "
				      "connected");
	/* The message is freed: there is nothing left to send. */
	err = ERR_INIT;
	assert_done(nl_batch_flush(batch, &err), err);
	for (uint64_t i = 0; i < 63; i++)
		assert_done(nl_batch_add(batch, small_message(), i, &err), err);
	assert_int_equal(nl_batch_add(batch, small_message(), 63, &err), -1);
	nl_batch_close(batch);
	script->kernel = -1;
}

static void an_answer_that_does_not_fit_is_an_error(void **state)
{
	struct script *script = *state;
	static char big[NL_DATA_SIZE + 1];
	struct err err = ERR_INIT;

	assert_int_equal(send(script->kernel, big, sizeof(big), 0), sizeof(big));
	assert_int_equal(nl_request(&script->nl, small_message(), "ask", &err), -1);
	assert_int_equal(err.sys_errno, EMSGSIZE);
}

static void a_query_is_answered_absent_or_refused(void **state)
{
	static const int absences[] = { ENODEV, ENOENT, ESRCH };
	struct script *script = *state;
	struct nl *nl = &script->nl;
	struct numbers numbers = { .refuse = 6 };
	struct err err = ERR_INIT;

	say_number(script, nl->seq, 0, 5);
	assert_int_equal(nl_query(nl, small_message(), "ask", take_number, &numbers, &err), 1);
	assert_int_equal(numbers.at[0], 5);
	for (size_t i = 0; i < 3; i++) {
		say_verdict(script, nl->seq, absences[i]);
		assert_int_equal(nl_query(nl, small_message(), "ask", never_visited, NULL, &err),
				 0);
		assert_int_equal(err.code, ERR_NONE);
	}
	say_verdict(script, nl->seq, EPERM);
	assert_int_equal(nl_query(nl, small_message(), "ask", never_visited, NULL, &err), -1);
	assert_int_equal(err.sys_errno, EPERM);
	say_number(script, nl->seq, 0, 6);
	assert_int_equal(nl_query(nl, small_message(), "ask", take_number, &numbers, &err), -1);
	assert_string_equal(err.text, "no more");
}

static void an_ack_may_contain_the_request(void **state)
{
	struct {
		struct nlmsgerr ack;
		struct rtmsg request;
		struct nlattr text;
		char words[8];
		struct nlattr place;
		uint32_t offset;
	} body = {
		.ack = { -EINVAL, { .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)) } },
		.text = { sizeof(struct nlattr) + 8, NLMSGERR_ATTR_MSG },
		.words = "no, 100",
		.place = { sizeof(struct nlattr) + 4, NLMSGERR_ATTR_OFFS },
		.offset = 28,
	};
	const struct nlmsgerr none = { .error = -EINVAL };
	struct script *script = *state;
	struct err err = ERR_INIT;

	say(script, NLMSG_ERROR, NLM_F_ACK_TLVS, 100, &body, sizeof(body));
	assert_int_equal(nl_request(&script->nl, small_message(), "ask", &err), -1);
	assert_string_equal(err.text, "ask: no, 100, at byte 28 of the request: Invalid argument");
	/* An attribute that exceeds the message is not read. */
	body.ack.msg.nlmsg_len = 4000000000U;
	say(script, NLMSG_ERROR, NLM_F_ACK_TLVS, 101, &body, sizeof(body));
	assert_int_equal(nl_request(&script->nl, small_message(), "ask", &err), -1);
	assert_string_equal(err.text, "ask: Invalid argument");
	say(script, NLMSG_ERROR, 0, 102, &none, sizeof(none) - 1);
	assert_int_equal(nl_request(&script->nl, small_message(), "ask", &err), -1);
	assert_int_equal(err.sys_errno, EPROTO);
}

static void an_interrupted_dump_is_restarted(void **state)
{
	struct script *script = *state;
	struct numbers numbers = { .refuse = 3 };
	const struct nl_dump dump = dump_of(&numbers);
	struct err err = ERR_INIT;

	/* The messages after the interruption are not reported: 3 would be refused. */
	say_number(script, 100, 0, 1);
	say_number(script, 100, NLM_F_DUMP_INTR, 2);
	say_number(script, 100, 0, 3);
	say_done(script, 100, 0, 0);
	/* The second attempt is interrupted by its last message. */
	say_number(script, 101, 0, 4);
	say_done(script, 101, NLM_F_DUMP_INTR, 0);
	say_number(script, 102, 0, 5);
	say_number(script, 102, 0, 6);
	say(script, NLMSG_DONE, NLM_F_MULTI, 102, NULL, 0);
	assert_done(nl_dump_all(&script->nl, &dump, &err), err);
	assert_int_equal(numbers.restarts, 2);
	assert_int_equal(numbers.len, 2);
	assert_int_equal(numbers.at[0], 5);
	assert_int_equal(numbers.at[1], 6);
}

static void a_dump_interrupted_every_time_fails(void **state)
{
	struct script *script = *state;
	struct numbers numbers = { 0 };
	struct nl_dump dump = dump_of(&numbers);
	struct err err = ERR_INIT;
	char requests[64];
	int asked = 0;

	for (uint32_t seq = 100; seq < 121; seq++)
		say_done(script, seq, NLM_F_DUMP_INTR, 0);
	assert_int_equal(nl_dump_all(&script->nl, &dump, &err), -1);
	assert_int_equal(err.code, ERR_AGAIN);
	assert_int_equal(numbers.restarts, 19);
	while (recv(script->kernel, requests, sizeof(requests), MSG_DONTWAIT) > 0)
		asked++;
	assert_int_equal(asked, 20);
	/* The caller has no restart function. */
	dump.restart = NULL;
	say_done(script, script->nl.seq, NLM_F_DUMP_INTR, 0);
	say_done(script, script->nl.seq + 1, 0, 0);
	assert_done(nl_dump_all(&script->nl, &dump, &err), err);
}

static void a_dump_fails_on_send_and_receive_errors(void **state)
{
	struct script *script = *state;
	struct numbers numbers = { 0 };
	const struct nl_dump dump = dump_of(&numbers);
	struct {
		int error;
		struct nlattr text;
		char words[4];
	} end = { -ENODEV, { sizeof(struct nlattr) + 4, NLMSGERR_ATTR_MSG }, "why" };
	struct err err = ERR_INIT;

	say_verdict(script, 100, EINVAL);
	assert_int_equal(nl_dump_all(&script->nl, &dump, &err), -1);
	assert_int_equal(err.sys_errno, EINVAL);
	say_number(script, 101, 0, 1);
	say(script, NLMSG_DONE, NLM_F_MULTI | NLM_F_ACK_TLVS, 101, &end, sizeof(end));
	assert_int_equal(nl_dump_all(&script->nl, &dump, &err), -1);
	assert_int_equal(err.sys_errno, ENODEV);
	assert_string_equal(err.text, "a dump: why: No such device");
}

static void a_dump_ended_by_its_callback_leaves_no_answers_queued(void **state)
{
	struct script *script = *state;
	struct numbers numbers = { .refuse = 2 };
	const struct nl_dump dump = dump_of(&numbers);
	struct err err = ERR_INIT;
	char left[64];

	for (uint32_t i = 1; i < 6; i++)
		say_number(script, 100, 0, i);
	say_done(script, 100, 0, 0);
	assert_int_equal(nl_dump_all(&script->nl, &dump, &err), -1);
	assert_string_equal(err.text, "no more");
	assert_int_equal(numbers.len, 1);
	assert_int_equal(recv(script->nl.fd, left, sizeof(left), MSG_DONTWAIT), -1);
}

static struct nl_msg *build_nothing(void *ctx)
{
	(void)ctx;
	return NULL;
}

static void an_allocation_failure_of_a_message_is_reported_on_send(void **state)
{
	const struct nl_dump dump = { .what = "a dump",
				      .build = build_nothing,
				      .visit = never_visited };
	const struct ipaddr addr = kernel_addr("10.0.0.1");
	struct err err = ERR_INIT;
	struct nl_batch *batch;
	struct nl *nl = *state;

	nl_put_u32(NULL, 1, 1);
	nl_put_addr(NULL, 1, &addr);
	nl_nest_end(NULL, nl_nest(NULL, 1, NULL, 0));
	assert_int_equal(nl_request(nl, NULL, "a request", &err), -1);
	assert_int_equal(err.code, ERR_NOMEM);
	err = ERR_INIT;
	assert_int_equal(nl_query(nl, NULL, "a query", never_visited, NULL, &err), -1);
	assert_int_equal(err.code, ERR_NOMEM);
	err = ERR_INIT;
	assert_int_equal(nl_dump_all(nl, &dump, &err), -1);
	assert_int_equal(err.code, ERR_NOMEM);
	err = ERR_INIT;
	assert_done(nl_batch_open(nl, NULL, NULL, &batch, &err), err);
	assert_int_equal(nl_batch_add(batch, NULL, 0, &err), -1);
	assert_int_equal(err.code, ERR_NOMEM);
	nl_batch_close(batch);
}

static void errors_contain_errno_and_extended_ack_of_the_kernel(void **state)
{
	const struct route crooked = { .dst = kernel_prefix("10.5.8.1/24"), .index = 1 };
	struct nl *nl = *state;
	struct err err = ERR_INIT;

	assert_int_equal(nl_request(nl, link_up_message(9999), "set up", &err), -1);
	assert_int_equal(err.code, ERR_KERNEL);
	assert_int_equal(err.sys_errno, ENODEV);
	assert_string_equal(err.text, "set up: No such device");
	assert_int_equal(nl_request(nl, route_add_message(&crooked), "add", &err), -1);
	assert_string_equal(err.text,
			    "add: Invalid prefix for given prefix length: Invalid argument");
}

static int count_message(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	(void)err;
	assert_int_equal(header->nlmsg_type, RTM_NEWLINK);
	((struct numbers *)ctx)->len++;
	return 0;
}

static struct nl_msg *build_links(void *ctx)
{
	const struct ifinfomsg info = { 0 };

	(void)ctx;
	return nl_message(RTM_GETLINK, 0, &info, sizeof(info), 0);
}

/* Unread answers fill the receive buffer, so that there is no room for the dump. */
static void a_dump_is_restarted_after_an_overrun(void **state)
{
	struct numbers numbers = { 0 };
	const struct nl_dump dump = {
		.what = "list",
		.build = build_links,
		.visit = count_message,
		.restart = restart_numbers,
		.ctx = &numbers,
	};
	struct nl_msg *msg = link_up_message(9999);
	struct err err = ERR_INIT;
	struct nl *nl = *state;
	const int tiny = 1;

	assert_int_equal(setsockopt(nl_fd(nl), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof(tiny)), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(nl_write(nl, nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len), 0);
	nlmsg_free(msg);
	assert_done(nl_dump_all(nl, &dump, &err), err);
	assert_int_equal(numbers.restarts, 1);
	assert_int_equal(numbers.len, 1);
}

static void running_out_of_descriptors_is_reported(void **state)
{
	struct err err = ERR_INIT;
	struct rlimit before;
	struct nl *nl = NULL;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, before.rlim_max }), 0);
	assert_int_equal(nl_open(&nl, &err), -1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_string_equal(err.text, "cannot open a netlink socket: Too many open files");
	assert_null(nl);
}

static void a_socket_stays_in_its_namespace(void **state)
{
	struct nl *nl = *state;
	struct err err = ERR_INIT;
	struct link link;
	struct nl *other;

	kernel_bridge(nl);
	other = kernel_fresh();
	assert_int_equal(link_get(nl, "br0", &link, &err), 1);
	assert_int_equal(link_get(other, "br0", &link, &err), 0);
	nl_free(other);
	nl_free(NULL);
}

static void a_device_is_found_by_its_name(void **state)
{
	struct err err = ERR_INIT;
	uint32_t index = 7, flags = 7;
	struct link link;

	assert_int_equal(nl_device_flags(*state, "br0", &flags, &err), 0);
	assert_int_equal(flags, 7);
	assert_int_equal(nl_device_index(*state, "br0", &index, &err), 0);
	assert_int_equal(nl_device_index(*state, "a-name-of-sixteen", &index, &err), 0);
	assert_int_equal(index, 7);
	kernel_bridge(*state);
	assert_int_equal(nl_device_index(*state, "br0", &index, &err), 1);
	assert_int_equal(link_get(*state, "br0", &link, &err), 1);
	assert_int_equal(index, link.index);
	assert_int_equal(nl_device_flags(*state, "br0", &flags, &err), 1);
	assert_int_equal(flags, link.flags & 0xffff);
	assert_done(link_set_up(*state, index, !(flags & IFF_UP), &err), err);
	assert_int_equal(nl_device_flags(*state, "br0", &index, &err), 1);
	assert_int_equal(index & IFF_UP, ~flags & IFF_UP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(a_device_is_found_by_its_name),
		script_test(answers_to_other_requests_are_ignored),
		script_test(a_lost_answer_ends_in_a_timeout_error),
		script_test(a_failed_send_is_reported),
		script_test(an_answer_that_does_not_fit_is_an_error),
		script_test(a_query_is_answered_absent_or_refused),
		script_test(an_ack_may_contain_the_request),
		script_test(an_interrupted_dump_is_restarted),
		script_test(a_dump_interrupted_every_time_fails),
		script_test(a_dump_fails_on_send_and_receive_errors),
		script_test(a_dump_ended_by_its_callback_leaves_no_answers_queued),
		kernel_test(an_allocation_failure_of_a_message_is_reported_on_send),
		kernel_test(errors_contain_errno_and_extended_ack_of_the_kernel),
		kernel_test(a_dump_is_restarted_after_an_overrun),
		cmocka_unit_test(running_out_of_descriptors_is_reported),
		kernel_test(a_socket_stays_in_its_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
