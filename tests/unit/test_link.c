/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl */
#include "common/link.h"

#include "tests/unit/link_fixture.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>

static void what_is_not_there_is_absent(void **state)
{
	struct err err = ERR_INIT;
	struct link link;

	assert_int_equal(link_get(*state, "nobody", &link, &err), 0);
	assert_int_equal(link_get(*state, "a-name-of-sixteen", &link, &err), 0);
	assert_int_equal(link_get_index(*state, 9999, &link, &err), 0);
	assert_int_equal(link_del(*state, 9999, &err), 0);
	assert_int_equal(err.code, ERR_NONE);
}

static void a_device_of_no_kind_is_read(void **state)
{
	struct link lo = must_get(*state, "lo");

	assert_int_equal(lo.index, 1);
	assert_int_equal(lo.kind, LINK_KIND_OTHER);
	assert_true(lo.flags & IFF_LOOPBACK);
	assert_true(lo.flags & IFF_UP);
	assert_int_equal(lo.mtu, 65536);
	assert_int_equal(lo.master, 0);
	assert_int_equal(lo.family, AF_UNSPEC);
	assert_false(lo.is_port);
	assert_string_equal(lo.alias, "");
}

struct names {
	unsigned len, restarts;
	char at[8][IF_NAMESIZE];
};

static int take_name(void *ctx, const struct link *link, struct err *err)
{
	struct names *names = ctx;

	if (names->len == 8)
		return err_set(err, ERR_CHECK, "no more");
	memcpy(names->at[names->len++], link->name, IF_NAMESIZE);
	return 0;
}

static void restart_names(void *ctx)
{
	struct names *names = ctx;

	names->len = 0;
	names->restarts++;
}

static void each_device_is_visited(void **state)
{
	struct names names = { 0 };
	struct err err = ERR_INIT;

	kernel_bridge(*state);
	assert_done(link_each(*state, take_name, restart_names, &names, &err), err);
	assert_int_equal(names.len, 2);
	assert_string_equal(names.at[0], "lo");
	assert_string_equal(names.at[1], "br0");
	assert_int_equal(names.restarts, 0);
	names.len = 7;
	assert_int_equal(link_each(*state, take_name, NULL, &names, &err), -1);
	assert_string_equal(err.text, "no more");
}

/* A port's own events are told apart from the device's: leaving a bridge is not dying. */
static void a_ports_events_are_of_another_family(void **state)
{
	const struct ifinfomsg info = { .ifi_family = AF_BRIDGE, .ifi_index = 5 };
	struct nl_msg *msg = nl_message(RTM_DELLINK, 0, &info, sizeof(info), 64);
	struct err err = ERR_INIT;
	struct link link;

	(void)state;
	nl_put_text(msg, IFLA_IFNAME, "port");
	nl_put(msg, IFLA_ADDRESS, "12345678", 8);
	assert_done(link_parse(nlmsg_hdr(msg), &link, &err), err);
	assert_int_equal(link.family, AF_BRIDGE);
	assert_int_equal(link.index, 5);
	assert_int_equal(link.kind, LINK_KIND_OTHER);
	assert_true(mac_is_zero(&link.mac));
	nlmsg_free(msg);
}

/* As an old kernel tells of a port: without what it does not know. */
static void a_port_floods_unless_it_says_not(void **state)
{
	for (int told = 0; told < 2; told++) {
		const struct ifinfomsg info = { .ifi_index = 5 };
		struct nl_msg *msg = nl_message(RTM_NEWLINK, 0, &info, sizeof(info), 256);
		struct nlattr *outer = nl_nest(msg, IFLA_LINKINFO, NULL, 0), *inner;
		struct err err = ERR_INIT;
		struct link link;

		nl_put_text(msg, IFLA_INFO_SLAVE_KIND, "bridge");
		inner = nl_nest(msg, IFLA_INFO_SLAVE_DATA, NULL, 0);
		nl_put_u8(msg, IFLA_BRPORT_STATE, 3);
		for (int i = 0; told && i < 4; i++)
			nl_put_u8(msg,
				  (const int[]){ IFLA_BRPORT_LEARNING, IFLA_BRPORT_UNICAST_FLOOD,
						 IFLA_BRPORT_MCAST_FLOOD,
						 IFLA_BRPORT_BCAST_FLOOD }[i],
				  0);
		nl_nest_end(msg, inner);
		nl_nest_end(msg, outer);
		assert_done(link_parse(nlmsg_hdr(msg), &link, &err), err);
		assert_true(link.is_port);
		assert_int_equal(link.port.learning, !told);
		assert_int_equal(link.port.flood, !told);
		assert_int_equal(link.port.mcast_flood, !told);
		assert_int_equal(link.port.bcast_flood, !told);
		assert_false(link.port.hairpin || link.port.isolated || link.port.locked ||
			     link.port.neigh_suppress);
		assert_int_equal(link.port.state, 3);
		nlmsg_free(msg);
	}
	(void)state;
}

/* Each is a device's attributes with one that is not what it should be. */
static void what_is_not_well_formed_is_refused(void **state)
{
	static const struct {
		const char *kind, *slave;
		int type, size; /* of the malformed attribute in the innermost nest */
	} cases[] = {
		{ NULL, NULL, IFLA_MTU, 1 },
		{ "vxlan", NULL, IFLA_VXLAN_ID, 3 },
		{ "vxlan", NULL, IFLA_VXLAN_LOCAL, 5 },
		{ "veth", "bridge", IFLA_BRPORT_STATE, 0 },
		{ "veth", NULL, IFLA_INFO_SLAVE_KIND, 0 },
	};
	struct err err = ERR_INIT;
	struct link link;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ifinfomsg info = { .ifi_index = 5 };
		struct nl_msg *msg = nl_message(RTM_NEWLINK, 0, &info, sizeof(info), 256);
		struct nlattr *outer = NULL, *inner = NULL;
		const bool vxlan = cases[i].kind && strcmp(cases[i].kind, "vxlan") == 0;

		if (cases[i].kind) {
			outer = nl_nest(msg, IFLA_LINKINFO, NULL, 0);
			nl_put_text(msg, IFLA_INFO_KIND, cases[i].kind);
		}
		if (cases[i].slave)
			nl_put_text(msg, IFLA_INFO_SLAVE_KIND, cases[i].slave);
		if (vxlan || cases[i].slave)
			inner = nl_nest(msg, vxlan ? IFLA_INFO_DATA : IFLA_INFO_SLAVE_DATA, NULL,
					0);
		nl_put(msg, cases[i].type, "12345678", (size_t)cases[i].size);
		if (inner)
			nl_nest_end(msg, inner);
		if (outer)
			nl_nest_end(msg, outer);
		err = ERR_INIT;
		assert_int_equal(link_parse(nlmsg_hdr(msg), &link, &err), -1);
		assert_int_equal(err.code, ERR_DECODE);
		nlmsg_hdr(msg)->nlmsg_type = RTM_NEWADDR;
		assert_int_equal(link_parse(nlmsg_hdr(msg), &link, &err), -1);
		assert_string_equal(err.text, "netlink message of type 20 is not about a device");
		nlmsg_free(msg);
	}
}

static void every_failure_is_passed_on(void **state)
{
	const struct mac mac = { 0 };
	const struct link_port port = { 0 };
	const struct link_add_vxlan vxlan = { .name = "vx0", .alias = "" };
	const struct link_add_veth pair = veth(0, -1);
	struct names names = { 0 };
	struct err err = ERR_INIT;
	struct nl *nl = *state;
	struct link link;
	int status = 0;

	fake_nl_stand_in();
	for (int i = 0; status <= 0; i++) {
		for (int memory = 0; memory < 2; memory++) {
			fake_nl_reset();
			fake_nl_stand_in();
			if (memory)
				fake_nl_exhaust(1);
			else
				fake_nl_fail(1, EPERM, "");
			err = ERR_INIT;
			switch (i) {
			case 0:
				status = link_get(nl, "lo", &link, &err);
				break;
			case 1:
				status = link_get_index(nl, 1, &link, &err);
				break;
			case 2:
				status = link_each(nl, take_name, NULL, &names, &err);
				break;
			case 3:
				status = link_add_bridge(nl, "b", &mac, 1, "", &err);
				break;
			case 4:
				status = link_add_vxlan(nl, &vxlan, &err);
				break;
			case 5:
				status = link_add_veth(nl, &pair, &err);
				break;
			case 6:
				status = link_set_up(nl, 1, true, &err);
				break;
			case 7:
				status = link_set_mtu(nl, 1, 1, &err);
				break;
			case 8:
				status = link_set_mac(nl, 1, &mac, &err);
				break;
			case 9:
				status = link_set_master(nl, 1, 0, &err);
				break;
			case 10:
				status = link_set_alias(nl, 1, "", &err);
				break;
			case 11:
				status = link_set_port(nl, 1, &port, &err);
				break;
			case 12:
				status = link_del(nl, 1, &err);
				break;
			default:
				return;
			}
			assert_int_equal(status, -1);
			assert_true(fake_nl_faulted());
			assert_int_equal(err.code, memory ? ERR_NOMEM : ERR_KERNEL);
			assert_int_equal(err.sys_errno, memory ? 0 : EPERM);
		}
	}
}

static void an_interrupted_list_starts_anew(void **state)
{
	const struct ifinfomsg info = { .ifi_index = 5 };
	struct names names = { 0 };
	struct err err = ERR_INIT;

	fake_nl_stand_in();
	fake_nl_answer(nl_message(RTM_NEWLINK, 0, &info, sizeof(info), 0));
	fake_nl_answer(nl_message(RTM_NEWLINK, 0, &info, sizeof(info), 0));
	fake_nl_interrupt(3);
	assert_done(link_each(*state, take_name, restart_names, &names, &err), err);
	assert_int_equal(names.len, 2);
	assert_int_equal(names.restarts, 3);
	assert_int_equal(fake_nl_sent(), 1);
	assert_int_equal(fake_nl_request(0)->nlmsg_type, RTM_GETLINK);
	assert_null(fake_nl_request(1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		link_test(what_is_not_there_is_absent),
		link_test(a_device_of_no_kind_is_read),
		link_test(each_device_is_visited),
		link_test(a_ports_events_are_of_another_family),
		link_test(a_port_floods_unless_it_says_not),
		link_test(what_is_not_well_formed_is_refused),
		link_test(every_failure_is_passed_on),
		link_test(an_interrupted_list_starts_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
