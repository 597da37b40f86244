/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl */
#include "common/netlink/addr.h"

#include "tests/unit/fake_nl.h"
#include "tests/unit/kernel.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

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

#define addr_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

struct addrs {
	unsigned len, restarts;
	struct addr at[8];
};

static int take(void *ctx, const struct addr *addr, struct err *err)
{
	struct addrs *addrs = ctx;

	if (addrs->len == 8)
		return err_set(err, ERR_CHECK, "no more");
	addrs->at[addrs->len++] = *addr;
	return 0;
}

static void restart(void *ctx)
{
	struct addrs *addrs = ctx;

	addrs->len = 0;
	addrs->restarts++;
}

static struct addrs list(struct nl *nl, uint32_t index, uint8_t family)
{
	struct addrs addrs = { 0 };
	struct err err = ERR_INIT;

	assert_done(addr_each(nl, index, family, take, restart, &addrs, &err), err);
	assert_int_equal(addrs.restarts, 0);
	return addrs;
}

static void an_address_is_added_once_and_deleted_once(void **state)
{
	static const char *const prefixes[] = { "10.5.1.1/24", "10.9.0.7/32", "fd00:5:1::1/64" };
	uint32_t index = kernel_bridge(*state);
	struct err err = ERR_INIT;

	for (size_t i = 0; i < 3; i++) {
		const struct prefix prefix = kernel_prefix(prefixes[i]);
		uint8_t family = prefix.addr.family;
		/* The bridge has a link-local address of its own. */
		unsigned before = list(*state, index, family).len;
		struct addrs now;

		assert_int_equal(addr_ensure(*state, index, &prefix, &err), 1);
		assert_int_equal(addr_ensure(*state, index, &prefix, &err), 0);
		assert_int_equal(err.code, ERR_NONE);
		assert_true(kernel_shows("ip addr show dev br0", prefixes[i]));
		now = list(*state, index, family);
		assert_int_equal(now.len, before + 1);
		for (unsigned at = 0; at < now.len; at++) {
			if (!prefix_equal(&now.at[at].prefix, &prefix))
				continue;
			assert_int_equal(now.at[at].index, index);
			assert_int_equal(now.at[at].scope, RT_SCOPE_UNIVERSE);
			assert_false(now.at[at].flags & IFA_F_TENTATIVE);
			assert_int_equal(!!(now.at[at].flags & IFA_F_NODAD), family == AF_INET6);
			before--;
		}
		assert_int_equal(before + 1, now.len - 1);
		assert_int_equal(addr_del(*state, index, &prefix, &err), 1);
		assert_int_equal(addr_del(*state, index, &prefix, &err), 0);
		assert_int_equal(err.code, ERR_NONE);
		assert_int_equal(list(*state, index, family).len, now.len - 1);
	}
	assert_null(strstr(kernel_says("ip addr show dev br0"), "brd 10.5"));
}

static void a_list_is_of_one_device_and_family(void **state)
{
	const struct prefix v4 = kernel_prefix("10.5.1.1/24"), v6 = kernel_prefix("fd00::1/64");
	uint32_t index = kernel_bridge(*state);
	struct err err = ERR_INIT;
	struct addrs addrs;

	assert_int_equal(addr_ensure(*state, index, &v4, &err), 1);
	assert_int_equal(addr_ensure(*state, index, &v6, &err), 1);
	addrs = list(*state, 1, AF_UNSPEC);
	assert_int_equal(addrs.len, 2); /* 127.0.0.1/8 and ::1/128 */
	assert_int_equal(addrs.at[0].scope, RT_SCOPE_HOST);
	assert_int_equal(list(*state, 1, AF_INET6).len, 1);
	assert_int_equal(list(*state, index, AF_INET).len, 1);
	assert_true(list(*state, 0, AF_UNSPEC).len >= 4);
	assert_int_equal(list(*state, 0, AF_INET).len, 2);
}

static void a_missing_device_is_an_error_but_for_deleting(void **state)
{
	const struct prefix prefix = kernel_prefix("10.5.1.1/24");
	struct addrs addrs = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(addr_ensure(*state, 9999, &prefix, &err), -1);
	assert_int_equal(err.sys_errno, ENODEV);
	assert_non_null(strstr(err.text, "add address 10.5.1.1/24 to device 9999: "));
	assert_int_equal(addr_each(*state, 9999, AF_INET, take, NULL, &addrs, &err), -1);
	assert_int_equal(err.sys_errno, ENODEV);
	err = ERR_INIT;
	assert_int_equal(addr_del(*state, 9999, &prefix, &err), 0);
	assert_int_equal(err.code, ERR_NONE);
}

static void every_failure_is_returned(void **state)
{
	const struct prefix prefix = kernel_prefix("10.5.1.1/24");
	struct addrs addrs = { .len = 8 };
	struct err err = ERR_INIT;

	for (int memory = 0; memory < 2; memory++) {
		for (int i = 0; i < 3; i++) {
			int status = 0;

			fake_nl_stand_in();
			if (memory)
				fake_nl_exhaust(1);
			else
				fake_nl_fail(1, EPERM, "");
			if (i == 0)
				status = addr_ensure(*state, 1, &prefix, &err);
			else if (i == 1)
				status = addr_del(*state, 1, &prefix, &err);
			else
				status = addr_each(*state, 1, AF_INET, take, NULL, &addrs, &err);
			assert_int_equal(status, -1);
			assert_int_equal(err.code, memory ? ERR_NOMEM : ERR_KERNEL);
		}
	}
	fake_nl_reset();
	assert_int_equal(addr_each(*state, 1, AF_INET, take, NULL, &addrs, &err), -1);
	assert_string_equal(err.text, "no more");
}

static void malformed_addresses_are_rejected_and_other_devices_skipped(void **state)
{
	const struct ifaddrmsg decnet = { .ifa_family = 12, .ifa_index = 1 };
	const struct ifaddrmsg v4 = { .ifa_family = AF_INET, .ifa_index = 1, .ifa_flags = 0x80 };
	struct nl_msg *msg;
	struct addrs addrs = { 0 };
	struct err err = ERR_INIT;

	fake_nl_stand_in();
	fake_nl_answer(nl_message(RTM_NEWADDR, 0, &decnet, sizeof(decnet), 0));
	msg = nl_message(RTM_NEWADDR, 0, &v4, sizeof(v4), 16);
	nl_put(msg, IFA_ADDRESS, "\x0a\x05\x01\x01", 4);
	fake_nl_answer(msg);
	fake_nl_interrupt(1);
	assert_done(addr_each(*state, 0, AF_UNSPEC, take, restart, &addrs, &err), err);
	assert_int_equal(addrs.restarts, 1);
	assert_int_equal(addrs.len, 1);
	assert_int_equal(addrs.at[0].flags, 0x80);

	/* A kernel that does not filter shows the addresses of other devices. */
	msg = nl_message(RTM_NEWADDR, 0, &v4, sizeof(v4), 16);
	nl_put(msg, IFA_LOCAL, "\x0a\x05\x01\x01", 4);
	fake_nl_answer(msg);
	fake_nl_answer(NULL);
	assert_done(addr_each(*state, 2, AF_INET, take, NULL, &addrs, &err), err);
	assert_int_equal(addrs.len, 1);

	msg = nl_message(RTM_NEWADDR, 0, &v4, sizeof(v4), 16);
	nl_put(msg, IFA_LOCAL, "12345", 5);
	fake_nl_answer(msg);
	assert_int_equal(addr_each(*state, 0, AF_INET, take, NULL, &addrs, &err), -1);
	assert_int_equal(err.code, ERR_DECODE);
	fake_nl_reset();
	fake_nl_stand_in();
	msg = nl_message(RTM_NEWADDR, 0, &v4, sizeof(v4), 16);
	nl_put_u8(msg, IFA_FLAGS, 1);
	fake_nl_answer(msg);
	assert_int_equal(addr_each(*state, 0, AF_INET, take, NULL, &addrs, &err), -1);
	assert_int_equal(err.code, ERR_DECODE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		addr_test(an_address_is_added_once_and_deleted_once),
		addr_test(a_list_is_of_one_device_and_family),
		addr_test(a_missing_device_is_an_error_but_for_deleting),
		addr_test(every_failure_is_returned),
		addr_test(malformed_addresses_are_rejected_and_other_devices_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
