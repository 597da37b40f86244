/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl */
#include "common/netlink/neigh.h"

#include "common/array.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/kernel.h"

#include <errno.h>
#include <linux/neighbour.h>
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

#define neigh_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#define MANY 10000

struct neighs {
	unsigned len, restarts;
	struct neigh at[4];
};

static int take(void *ctx, const struct neigh *neigh, struct err *err)
{
	struct neighs *neighs = ctx;

	(void)err;
	/* The kernel adds entries of multicast groups itself. */
	if (neigh->state == NUD_NOARP)
		return 0;
	if (neighs->len < 4)
		neighs->at[neighs->len] = *neigh;
	neighs->len++;
	return 0;
}

static void restart(void *ctx)
{
	struct neighs *neighs = ctx;

	neighs->len = 0;
	neighs->restarts++;
}

static struct neighs list(struct nl *nl, uint32_t index, uint8_t family)
{
	struct neighs neighs = { 0 };
	struct err err = ERR_INIT;

	assert_done(neigh_each(nl, index, family, take, restart, &neighs, &err), err);
	return neighs;
}

struct fdbs {
	unsigned len, restarts, self, bridge, local;
	struct neigh_fdb at[8];
};

static int take_fdb(void *ctx, const struct neigh_fdb *fdb, struct err *err)
{
	struct fdbs *fdbs = ctx;

	(void)err;
	if (fdb->bridge && fdb->state & NUD_PERMANENT) {
		fdbs->local++; /* the device's own address */
		return 0;
	}
	if (fdbs->len < 8)
		fdbs->at[fdbs->len] = *fdb;
	fdbs->len++;
	fdbs->self += !fdb->bridge;
	fdbs->bridge += fdb->bridge;
	return 0;
}

static void restart_fdb(void *ctx)
{
	unsigned restarts = ((struct fdbs *)ctx)->restarts + 1;

	*(struct fdbs *)ctx = (struct fdbs){ .restarts = restarts };
}

static struct fdbs list_fdb(struct nl *nl, uint32_t index)
{
	struct fdbs fdbs = { 0 };
	struct err err = ERR_INIT;

	assert_done(neigh_fdb_each(nl, index, take_fdb, restart_fdb, &fdbs, &err), err);
	return fdbs;
}

static int send_one(struct nl *nl, struct nl_msg *msg, struct err *err)
{
	*err = ERR_INIT;
	return nl_request(nl, msg, "test", err);
}

static void a_neighbour_is_added_replaced_and_deleted(void **state)
{
	static const char *const addrs[] = { "10.5.2.0", "fd00:5:2::" };
	uint32_t index = kernel_bridge(*state);
	struct err err = ERR_INIT;

	for (size_t i = 0; i < 2; i++) {
		const struct ipaddr addr = kernel_addr(addrs[i]);
		struct mac mac = kernel_mac("c6:d2:32:6f:8f:44");
		char expected[128];
		struct neighs neighs;

		assert_done(send_one(*state,
				     neigh_add_message(&(struct neigh){
					     .addr = addr, .mac = mac, .index = index }),
				     &err),
			    err);
		mac = kernel_mac("c6:d2:32:6f:8f:45");
		assert_done(send_one(*state,
				     neigh_add_message(&(struct neigh){
					     .addr = addr, .mac = mac, .index = index }),
				     &err),
			    err);
		snprintf(expected, sizeof(expected), "%s lladdr c6:d2:32:6f:8f:45 PERMANENT",
			 addrs[i]);
		assert_true(kernel_shows("ip neigh show dev br0", expected));
		neighs = list(*state, index, addr.family);
		assert_int_equal(neighs.len, 1);
		assert_int_equal(neighs.at[0].index, index);
		assert_int_equal(neighs.at[0].state, NUD_PERMANENT);
		assert_true(ipaddr_equal(&neighs.at[0].addr, &addr));
		assert_int_equal(mac_cmp(&neighs.at[0].mac, &mac), 0);
		assert_done(send_one(*state, neigh_stale_message(index, &addr, &mac), &err), err);
		assert_int_equal(list(*state, index, addr.family).at[0].state, NUD_STALE);
		assert_done(send_one(*state, neigh_del_message(index, &addr), &err), err);
		assert_int_equal(list(*state, index, addr.family).len, 0);
		assert_int_equal(send_one(*state, neigh_del_message(index, &addr), &err), -1);
		assert_int_equal(err.sys_errno, ENOENT);
	}
}

static void the_fdb_entry_of_a_port_is_found_by_its_mac(void **state)
{
	const struct mac mac = kernel_mac("0a:58:0a:05:01:07");
	struct neigh_fdb fdb = { .index = 77 };
	struct err err = ERR_INIT;
	uint32_t port, other;

	(void)kernel_bridge(*state);
	kernel_says("ip link add p1 master br0 type veth peer name c1 && "
		    "ip link add p2 master br0 type veth peer name c2");
	assert_int_equal(nl_device_index(*state, "p1", &port, &err), 1);
	assert_int_equal(nl_device_index(*state, "p2", &other, &err), 1);
	assert_int_equal(neigh_fdb_get(*state, port, &mac, &fdb, &err), 0);
	assert_int_equal(fdb.index, 77);
	assert_done(send_one(*state, neigh_fdb_port_message(port, &mac), &err), err);
	/* A query for the other port returns it as well. */
	assert_int_equal(neigh_fdb_get(*state, other, &mac, &fdb, &err), 1);
	assert_int_equal(fdb.index, port);
	assert_int_equal(mac_cmp(&fdb.mac, &mac), 0);
	assert_true(fdb.bridge && fdb.state & NUD_NOARP);
	kernel_says("ip link set p1 nomaster");
	assert_int_equal(neigh_fdb_get(*state, port, &mac, &fdb, &err), -1);
}

static void a_list_is_of_one_device(void **state)
{
	const struct ipaddr addr = kernel_addr("10.5.2.0");
	const struct mac mac = kernel_mac("c6:d2:32:6f:8f:44");
	uint32_t index = kernel_bridge(*state);
	struct err err = ERR_INIT;

	kernel_says("ip link add br1 up type bridge && "
		    "ip neigh add 10.5.2.7 lladdr c6:d2:32:6f:8f:46 dev br1");
	assert_done(send_one(*state,
			     neigh_add_message(
				     &(struct neigh){ .addr = addr, .mac = mac, .index = index }),
			     &err),
		    err);
	assert_int_equal(list(*state, index, AF_INET).len, 1);
	/* An unresolved entry is listed without a MAC. */
	kernel_says("ip neigh add 10.5.2.8 nud incomplete dev br0");
	assert_int_equal(list(*state, index, AF_INET).len, 2);
}

static uint32_t add_vxlan(struct nl *nl, const char *name, uint32_t master, uint32_t vni,
			  const char *local)
{
	const struct link_add_vxlan want = {
		.name = name,
		.mac = kernel_mac("c6:d2:32:6f:8f:40"),
		.mtu = 1450,
		.master = master,
		.alias = "",
		.vxlan = { .vni = vni, .port = 8472, .local = kernel_addr(local) },
	};
	struct err err = ERR_INIT;
	struct link link;

	assert_done(link_add_vxlan(nl, &want, &err), err);
	assert_int_equal(link_get(nl, name, &link, &err), 1);
	return link.index;
}

static void one_message_adds_the_fdb_entries_of_bridge_and_vxlan(void **state)
{
	static const struct {
		const char *local, *vtep;
	} cases[] = { { "192.168.0.1", "192.168.0.2" }, { "fd00::1", "fd00::2" } };
	uint32_t bridge = kernel_bridge(*state);
	struct err err = ERR_INIT;

	for (size_t i = 0; i < 2; i++) {
		uint32_t index = add_vxlan(*state, "vx1", bridge, 1, cases[i].local);
		const struct ipaddr vtep = kernel_addr(cases[i].vtep);
		const struct mac mac = kernel_mac("c6:d2:32:6f:8f:44");
		char expected[128];
		struct fdbs fdbs;

		assert_int_equal(list_fdb(*state, index).len, 0);
		assert_done(send_one(*state, neigh_fdb_add_message(index, &mac, &vtep), &err), err);
		snprintf(expected, sizeof(expected), "c6:d2:32:6f:8f:44 dst %s self sticky static",
			 cases[i].vtep);
		assert_true(kernel_shows("bridge fdb show dev vx1", expected));
		assert_true(kernel_shows("bridge fdb show dev vx1",
					 "c6:d2:32:6f:8f:44 sticky master br0 static"));
		fdbs = list_fdb(*state, index);
		assert_int_equal(fdbs.self, 1);
		assert_int_equal(fdbs.bridge, 1);
		for (unsigned at = 0; at < 2; at++) {
			assert_int_equal(mac_cmp(&fdbs.at[at].mac, &mac), 0);
			assert_int_equal(fdbs.at[at].index, index);
			assert_int_equal(ipaddr_equal(&fdbs.at[at].vtep, &vtep),
					 !fdbs.at[at].bridge);
			assert_true(fdbs.at[at].state & NUD_NOARP);
			assert_done(send_one(*state, neigh_fdb_del_message(&fdbs.at[at]), &err),
				    err);
		}
		assert_int_equal(list_fdb(*state, index).len, 0);
		assert_int_equal(send_one(*state, neigh_fdb_del_message(&fdbs.at[0]), &err), -1);
		assert_int_equal(err.sys_errno, ENOENT);
		assert_int_equal(link_del(*state, index, &err), 1);
	}
}

static void a_replaced_entry_has_the_new_vtep(void **state)
{
	uint32_t index = add_vxlan(*state, "vx1", kernel_bridge(*state), 1, "192.168.0.1");
	const struct ipaddr two = kernel_addr("192.168.0.2"), three = kernel_addr("192.168.0.3");
	const struct mac mac = kernel_mac("c6:d2:32:6f:8f:44");
	struct err err = ERR_INIT;
	struct fdbs fdbs;

	assert_done(send_one(*state, neigh_fdb_add_message(index, &mac, &two), &err), err);
	assert_done(send_one(*state, neigh_fdb_add_message(index, &mac, &three), &err), err);
	fdbs = list_fdb(*state, index);
	assert_int_equal(fdbs.len, 2);
	assert_true(ipaddr_equal(&fdbs.at[fdbs.at[0].bridge].vtep, &three));
	/* If only one of the entries is missing, it can be added alone. */
	for (unsigned at = 0; at < 2; at++) {
		assert_done(send_one(*state, neigh_fdb_del_message(&fdbs.at[at]), &err), err);
		assert_int_equal(list_fdb(*state, index).len, 1);
		assert_done(send_one(*state, neigh_fdb_add_message(index, &mac, &three), &err),
			    err);
		assert_int_equal(list_fdb(*state, index).len, 2);
	}
	/* Static entries are kept while the device is down. */
	assert_done(link_set_up(*state, index, false, &err), err);
	assert_done(link_set_up(*state, index, true, &err), err);
	assert_int_equal(list_fdb(*state, index).len, 2);
}

static void an_fdb_list_is_of_one_device(void **state)
{
	uint32_t bridge = kernel_bridge(*state);
	uint32_t one = add_vxlan(*state, "vx1", bridge, 1, "192.168.0.1");
	uint32_t two = add_vxlan(*state, "vx2", bridge, 2, "192.168.0.1");
	const struct ipaddr vtep = kernel_addr("192.168.0.2");
	const struct mac a = kernel_mac("c6:d2:32:6f:8f:44"), b = kernel_mac("c6:d2:32:6f:8f:45");
	struct err err = ERR_INIT;
	struct fdbs fdbs;

	kernel_says("ip link add v0 master br0 up type veth peer name v1 && "
		    "bridge fdb add c6:d2:32:6f:8f:77 dev v0 master static");
	assert_done(send_one(*state, neigh_fdb_add_message(one, &a, &vtep), &err), err);
	assert_done(send_one(*state, neigh_fdb_add_message(two, &b, &vtep), &err), err);
	fdbs = list_fdb(*state, one);
	assert_int_equal(fdbs.len, 2);
	assert_int_equal(fdbs.local, 1);
	assert_int_equal(mac_cmp(&fdbs.at[0].mac, &a), 0);
	assert_int_equal(mac_cmp(&fdbs.at[1].mac, &a), 0);
	fdbs = list_fdb(*state, two);
	assert_int_equal(fdbs.len, 2);
	assert_int_equal(mac_cmp(&fdbs.at[0].mac, &b), 0);
}

static void never_fails(void *ctx, uint64_t tag, int sys_errno, const char *text)
{
	(void)ctx;
	fail_msg("%ju: %d %s", (uintmax_t)tag, sys_errno, text);
}

static void ten_thousand_neighbours(void **state)
{
	uint32_t bridge = kernel_bridge(*state);
	uint32_t index = add_vxlan(*state, "vx1", bridge, 1, "192.168.0.1");
	const struct ipaddr first = kernel_addr("10.8.0.0"), vtep = kernel_addr("192.168.0.2");
	struct err err = ERR_INIT;
	struct nl_batch *batch;
	struct fdbs fdbs;

	assert_done(nl_batch_open(*state, never_fails, NULL, &batch, &err), err);
	for (uint32_t i = 0; i < MANY; i++) {
		const struct ipaddr addr = ipaddr_add(&first, i);
		const struct mac mac = mac_of_address(&addr);

		assert_done(nl_batch_add(batch,
					 neigh_add_message(&(struct neigh){
						 .addr = addr, .mac = mac, .index = bridge }),
					 i, &err),
			    err);
		assert_done(nl_batch_add(batch, neigh_fdb_add_message(index, &mac, &vtep), i, &err),
			    err);
	}
	assert_done(nl_batch_flush(batch, &err), err);
	nl_batch_close(batch);
	assert_int_equal(list(*state, bridge, AF_INET).len, MANY);
	fdbs = list_fdb(*state, index);
	assert_int_equal(fdbs.self, MANY);
	assert_int_equal(fdbs.bridge, MANY);
}

static void every_failure_is_returned(void **state)
{
	struct neighs neighs = { 0 };
	struct fdbs fdbs = { 0 };
	struct err err = ERR_INIT;

	fake_nl_fail(1, EPERM, "");
	assert_int_equal(neigh_each(*state, 1, AF_INET, take, NULL, &neighs, &err), -1);
	assert_string_equal(err.text, "list neighbours of device 1: Operation not permitted");
	fake_nl_exhaust(1);
	assert_int_equal(neigh_fdb_each(*state, 1, take_fdb, NULL, &fdbs, &err), -1);
	assert_int_equal(err.code, ERR_NOMEM);
	err = ERR_INIT;
	assert_int_equal(neigh_fdb_each(*state, 9999, take_fdb, NULL, &fdbs, &err), 0);
	assert_int_equal(fdbs.len, 0);
}

static struct nl_msg *entry(uint8_t family, int index)
{
	const struct ndmsg info = { .ndm_family = family, .ndm_ifindex = index };

	return nl_message(RTM_NEWNEIGH, 0, &info, sizeof(info), 64);
}

static void entries_of_other_devices_and_vlans_are_skipped(void **state)
{
	struct fdbs fdbs = { 0 };
	struct neighs neighs = { 0 };
	struct err err = ERR_INIT;
	struct nl_msg *msg;

	fake_nl_stand_in();
	/*
	 * Kernels without dump filters list other devices; bridges with VLANs list an entry for
	 * each VLAN.
	 */
	msg = entry(AF_BRIDGE, 6);
	nl_put(msg, NDA_LLADDR, "abcdef", 6);
	fake_nl_answer(msg);
	msg = entry(AF_BRIDGE, 5);
	nl_put(msg, NDA_LLADDR, "abcdef", 6);
	nl_put_u16(msg, NDA_VLAN, 1);
	fake_nl_answer(msg);
	msg = entry(AF_BRIDGE, 5);
	nl_put(msg, NDA_LLADDR, "abcdef", 6);
	fake_nl_answer(msg);
	fake_nl_interrupt(1);
	assert_done(neigh_fdb_each(*state, 5, take_fdb, restart_fdb, &fdbs, &err), err);
	assert_int_equal(fdbs.restarts, 1);
	assert_int_equal(fdbs.len, 1);
	assert_done(neigh_each(*state, 5, AF_INET, take, NULL, &neighs, &err), err);
	assert_int_equal(neighs.len, 0);
}

static void malformed_messages_are_rejected(void **state)
{
	static const struct {
		uint8_t family;
		int type;
		size_t size;
	} cases[] = {
		{ AF_BRIDGE, NDA_LLADDR, 4 },
		{ AF_BRIDGE, NDA_DST, 4 }, /* without a MAC */
		{ AF_INET, NDA_DST, 5 },
	};
	struct nl_msg *both = entry(AF_BRIDGE, 5), *cut = entry(AF_BRIDGE, 5);
	struct neighs neighs = { 0 };
	struct fdbs fdbs = { 0 };
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct nl_msg *msg = entry(cases[i].family, 5);
		int status;

		nl_put(msg, cases[i].type, "12345678", cases[i].size);
		fake_nl_reset();
		fake_nl_stand_in();
		fake_nl_answer(msg);
		err = ERR_INIT;
		if (cases[i].family == AF_BRIDGE)
			status = neigh_fdb_each(*state, 5, take_fdb, NULL, &fdbs, &err);
		else
			status = neigh_each(*state, 5, AF_INET, take, restart, &neighs, &err);
		assert_int_equal(status, -1);
		assert_int_equal(err.code, ERR_DECODE);
	}
	nl_put(both, NDA_LLADDR, "abcdef", 6);
	nl_put(both, NDA_DST, "12345", 5);
	nlmsg_hdr(cut)->nlmsg_len--;
	fake_nl_answer(both);
	assert_int_equal(neigh_fdb_each(*state, 5, take_fdb, NULL, &fdbs, &err), -1);
	err = ERR_INIT;
	fake_nl_answer(cut);
	assert_int_equal(neigh_fdb_each(*state, 5, take_fdb, NULL, &fdbs, &err), -1);
	assert_int_equal(err.code, ERR_DECODE);
	assert_int_equal(fdbs.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		neigh_test(a_neighbour_is_added_replaced_and_deleted),
		neigh_test(a_list_is_of_one_device),
		neigh_test(the_fdb_entry_of_a_port_is_found_by_its_mac),
		neigh_test(one_message_adds_the_fdb_entries_of_bridge_and_vxlan),
		neigh_test(a_replaced_entry_has_the_new_vtep),
		neigh_test(an_fdb_list_is_of_one_device),
		neigh_test(ten_thousand_neighbours),
		neigh_test(every_failure_is_returned),
		neigh_test(entries_of_other_devices_and_vlans_are_skipped),
		neigh_test(malformed_messages_are_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
