/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netlink/nl.h"

#include "tests/unit/kernel.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

static void a_message_is_parsed_as_it_was_built(void **state)
{
	static const struct nla_policy policy[6] = {
		[1] = { .type = NLA_U8 },     [2] = { .type = NLA_U16 },
		[3] = { .type = NLA_U32 },    [4] = { .type = NLA_STRING },
		[5] = { .type = NLA_NESTED },
	};
	const struct ifinfomsg info = { .ifi_index = 7 };
	const struct ipaddr v6 = kernel_addr("fd00::1"), unset = { 0 };
	struct nl_msg *msg = nl_message(RTM_NEWLINK, NLM_F_CREATE, &info, sizeof(info), 128);
	struct nlattr *table[6], *inner[2], *nest;
	struct err err = ERR_INIT;
	struct ipaddr addr;

	(void)state;
	nl_put_u8(msg, 1, 8);
	nl_put_u16(msg, 2, 0x1234);
	nl_put_u32(msg, 3, 0x12345678);
	nl_put_text(msg, 4, "text");
	nl_put_addr(msg, 4, &unset);
	nest = nl_nest(msg, 5, &info, sizeof(info));
	nl_put_addr(msg, 1, &v6);
	nl_nest_end(msg, nest);

	assert_int_equal(nlmsg_hdr(msg)->nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE);
	assert_done(nl_attributes(nlmsg_hdr(msg), sizeof(info), table, 5, policy, &err), err);
	assert_int_equal(nl_u8(table[1]), 8);
	assert_int_equal(nla_get_u16(table[2]), 0x1234);
	assert_int_equal(nl_u32(table[3]), 0x12345678);
	assert_string_equal(nla_get_string(table[4]), "text");
	assert_true(table[5]->nla_type & NLA_F_NESTED);
	assert_int_equal(nla_len(table[5]), sizeof(info) + sizeof(struct nlattr) + 16);
	assert_memory_equal(nla_data(table[5]), &info, sizeof(info));
	/* The nested header is followed by the address. */
	assert_memory_equal((char *)nla_data(table[5]) + sizeof(info) + sizeof(struct nlattr),
			    v6.be, 16);
	assert_done(nl_nested(NULL, inner, 1, NULL, &err), err);
	assert_null(inner[1]);
	assert_int_equal(nl_u8(NULL), 0);
	assert_int_equal(nl_u32(NULL), 0);
	assert_done(nl_addr(NULL, &addr, &err), err);
	assert_false(ipaddr_is_set(&addr));
	assert_int_equal(nl_addr(table[2], &addr, &err), -1);
	assert_int_equal(err.code, ERR_DECODE);
	nlmsg_free(msg);
}

static void malformed_messages_are_rejected(void **state)
{
	static const struct nla_policy policy[2] = { [1] = { .type = NLA_U32 } };
	const struct rtmsg info = { 0 };
	struct nl_msg *msg = nl_message(RTM_NEWROUTE, 0, &info, sizeof(info), 32);
	struct nlattr *table[2];
	struct err err = ERR_INIT;

	(void)state;
	nl_put_u8(msg, 1, 1);
	assert_int_equal(nl_attributes(nlmsg_hdr(msg), sizeof(info), table, 1, policy, &err), -1);
	assert_int_equal(err.code, ERR_DECODE);
	nlmsg_hdr(msg)->nlmsg_len = NLMSG_LENGTH(sizeof(info)) - 1;
	assert_int_equal(nl_attributes(nlmsg_hdr(msg), sizeof(info), table, 1, policy, &err), -1);
	assert_string_equal(err.text, "netlink message of type 24 truncated at 27 bytes");
	nlmsg_free(msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_parsed_as_it_was_built),
		cmocka_unit_test(malformed_messages_are_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
