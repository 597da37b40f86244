/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan.h"

#include "tests/unit/samples.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

enum { UPLINK = 2, BRIDGE = 7, VXLAN = 8, VXLAN6 = 9, PEERS = 3 };

static const char *const subnets[PEERS] = { "10.5.2.0/24", "10.5.3.0/24", "10.5.4.0/24" };
static const char *const vteps[PEERS] = { "192.168.0.2", "192.168.0.3", "192.168.0.4" };
/* Sorted the other way round than the subnets. */
static const char *const macs[PEERS] = { "c6:00:00:00:00:0c", "c6:00:00:00:00:0b",
					 "c6:00:00:00:00:0a" };

/* What PEERS nodes want, and a kernel in which it stands. */
struct tables {
	struct plan_table want, have;
	struct plan_ops ops;
};

static void want_peers(struct plan_table *want)
{
	const struct plan_devices devices = {
		.bridge = BRIDGE,
		.vxlan = { VXLAN },
		.gateway = { sample_addr("10.5.1.1") },
	};
	struct config config = sample_config("{\"Network\":\"10.5.0.0/16\"}");
	struct peers peers = { .len = 0 };

	for (size_t i = 0; i < PEERS; i++) {
		struct peer peer = sample_peer(subnets[i], vteps[i], macs[i], "", i + 1);

		sample_put(&peers, &peer);
	}
	assert_true(plan_want(&peers, &config, &devices, want));
	peers_free(&peers);
}

/* As a dump shows what was written. */
static void copy_as_had(const struct plan_table *want, struct plan_table *have)
{
	plan_table_clear(have);
	for (size_t i = 0; i < want->self.len; i++) {
		struct neigh_fdb self = want->self.at[i], bridge = self;

		self.state = NUD_NOARP | NUD_REACHABLE;
		bridge.bridge = true;
		bridge.vtep = (struct ipaddr){ .family = AF_UNSPEC };
		bridge.state = NUD_NOARP;
		bridge.sticky = true;
		assert_true(plan_fdbs_push(&have->self, &self));
		assert_true(plan_fdbs_push(&have->bridge, &bridge));
	}
	for (size_t i = 0; i < want->arp.len; i++)
		assert_true(plan_arps_push(&have->arp, &want->arp.at[i]));
	for (size_t i = want->route.len; i-- > 0;)
		assert_true(plan_routes_push(&have->route, &want->route.at[i]));
	plan_table_sort(have);
}

static int setup(void **state)
{
	struct tables *tables = test_calloc(1, sizeof(*tables));

	want_peers(&tables->want);
	copy_as_had(&tables->want, &tables->have);
	*state = tables;
	return 0;
}

static int teardown(void **state)
{
	struct tables *tables = *state;

	plan_table_free(&tables->want);
	plan_table_free(&tables->have);
	plan_ops_free(&tables->ops);
	test_free(tables);
	return 0;
}

#define plan_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* The operations as text: "+arp 10.5.2.0 -route 10.5.9.0/24 ". */
static const char *plan_text(const struct tables *tables)
{
	static const char *const verbs[] = {
		[PLAN_ARP_ADD] = "+arp",       [PLAN_FDB_ADD] = "+fdb", [PLAN_ROUTE_ADD] = "+route",
		[PLAN_ROUTE_DEL] = "-route",   [PLAN_ARP_DEL] = "-arp", [PLAN_SELF_DEL] = "-self",
		[PLAN_BRIDGE_DEL] = "-bridge",
	};
	static char text[1024];
	char value[PREFIX_TEXT_SIZE];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < tables->ops.len; i++) {
		const struct plan_op *op = &tables->ops.at[i];
		const struct plan_table *of = plan_is_removal(op->kind) ? &tables->have :
									  &tables->want;
		const struct plan_fdbs *half = op->kind == PLAN_BRIDGE_DEL ? &of->bridge :
									     &of->self;

		if (op->kind == PLAN_ARP_ADD || op->kind == PLAN_ARP_DEL)
			ipaddr_text(&of->arp.at[op->index].addr, value);
		else if (op->kind == PLAN_ROUTE_ADD || op->kind == PLAN_ROUTE_DEL)
			prefix_text(&of->route.at[op->index].dst, value);
		else
			mac_text(&half->at[op->index].mac, value);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s ", verbs[op->kind],
					value);
	}
	return text;
}

static void assert_plan(struct tables *tables, const char *text)
{
	plan_table_sort(&tables->have);
	assert_true(plan_diff(&tables->want, &tables->have, &tables->ops));
	assert_string_equal(plan_text(tables), text);
}

static struct neigh_fdb *fdb_of(struct plan_fdbs *half, const char *text)
{
	struct mac mac = sample_mac(text);

	for (size_t i = 0; i < half->len; i++)
		if (!mac_cmp(&half->at[i].mac, &mac))
			return &half->at[i];
	fail_msg("no %s", text);
	return NULL;
}

static void a_peer_becomes_three_entries(void **state)
{
	const struct tables *tables = *state;
	const struct plan_table *want = &tables->want;
	const struct route route = {
		.dst = sample_prefix("10.5.3.0/24"),
		.gateway = sample_addr("10.5.3.0"),
		.source = sample_addr("10.5.1.1"),
		.index = BRIDGE,
		.metric = 3,
		.table = RT_TABLE_MAIN,
		.protocol = 0x77,
		.scope = RT_SCOPE_UNIVERSE,
		.onlink = true,
	};
	struct mac mac = sample_mac(macs[1]);
	struct ipaddr vtep = sample_addr(vteps[1]);

	assert_int_equal(want->arp.len, PEERS);
	assert_int_equal(want->self.len, PEERS);
	assert_int_equal(want->bridge.len, 0);
	assert_int_equal(want->route.len, PEERS);
	assert_true(ipaddr_equal(&want->arp.at[1].addr, &route.gateway));
	assert_int_equal(mac_cmp(&want->arp.at[1].mac, &mac), 0);
	assert_int_equal(want->arp.at[1].index, BRIDGE);
	assert_int_equal(want->arp.at[1].state, NUD_PERMANENT);
	assert_int_equal(mac_cmp(&want->self.at[1].mac, &mac), 0);
	assert_true(ipaddr_equal(&want->self.at[1].vtep, &vtep));
	assert_int_equal(want->self.at[1].index, VXLAN);
	assert_int_equal(route_cmp(&want->route.at[1], &route), 0);
}

static void what_stands_needs_nothing(void **state)
{
	assert_plan(*state, "");
}

static void all_is_added_to_an_empty_kernel_with_routes_last(void **state)
{
	struct tables *tables = *state;

	plan_table_clear(&tables->have);
	assert_plan(tables, "+arp 10.5.2.0 +arp 10.5.3.0 +arp 10.5.4.0 "
			    "+fdb c6:00:00:00:00:0a +fdb c6:00:00:00:00:0b +fdb c6:00:00:00:00:0c "
			    "+route 10.5.2.0/24 +route 10.5.3.0/24 +route 10.5.4.0/24 ");
}

static void all_is_removed_with_routes_first(void **state)
{
	struct tables *tables = *state;

	plan_table_clear(&tables->want);
	assert_plan(
		tables,
		"-route 10.5.2.0/24 -route 10.5.3.0/24 -route 10.5.4.0/24 "
		"-arp 10.5.2.0 -arp 10.5.3.0 -arp 10.5.4.0 "
		"-self c6:00:00:00:00:0a -self c6:00:00:00:00:0b -self c6:00:00:00:00:0c "
		"-bridge c6:00:00:00:00:0a -bridge c6:00:00:00:00:0b -bridge c6:00:00:00:00:0c ");
}

static void one_that_left_is_removed_alone(void **state)
{
	struct tables *tables = *state;

	tables->want.arp.len--;
	tables->want.route.len--;
	memmove(tables->want.self.at, tables->want.self.at + 1,
		--tables->want.self.len * sizeof(*tables->want.self.at));
	assert_plan(tables, "-route 10.5.4.0/24 -arp 10.5.4.0 -self c6:00:00:00:00:0a "
			    "-bridge c6:00:00:00:00:0a ");
}

static void one_message_mends_either_half_of_the_fdb(void **state)
{
	struct tables *tables = *state;
	size_t self_len = tables->have.self.len, bridge_len = tables->have.bridge.len;

	tables->have.self.len--;
	assert_plan(tables, "+fdb c6:00:00:00:00:0c ");
	tables->have.bridge.len--;
	assert_plan(tables, "+fdb c6:00:00:00:00:0c ");
	tables->have.self.len = self_len;
	assert_plan(tables, "+fdb c6:00:00:00:00:0c ");
	tables->have.bridge.len = bridge_len;
	assert_plan(tables, "");
}

static void what_could_age_or_move_is_made_static(void **state)
{
	static const struct {
		bool bridge;
		uint16_t state;
		bool good;
	} cases[] = {
		{ false, NUD_PERMANENT, true },  { false, NUD_NOARP | NUD_REACHABLE, true },
		{ false, NUD_REACHABLE, false }, { false, NUD_STALE, false },
		{ true, NUD_NOARP, true },       { true, NUD_REACHABLE, false },
		{ true, NUD_STALE, false },
	};
	struct tables *tables = *state;

	for (size_t i = 0; i < LEN(cases); i++) {
		struct plan_fdbs *half = cases[i].bridge ? &tables->have.bridge :
							   &tables->have.self;

		copy_as_had(&tables->want, &tables->have);
		fdb_of(half, macs[1])->state = cases[i].state;
		assert_plan(tables, cases[i].good ? "" : "+fdb c6:00:00:00:00:0b ");
	}
}

/* Or a container that sends with a VTEP's MAC would draw all packets for that node to itself. */
static void what_is_not_sticky_is_made_so(void **state)
{
	struct tables *tables = *state;

	fdb_of(&tables->have.bridge, macs[1])->sticky = false;
	assert_plan(tables, "+fdb c6:00:00:00:00:0b ");
}

/* The entry of the old VTEP is gone by then: its removal finds none. */
static void a_vtep_that_moved_is_replaced_before_the_old_one_goes(void **state)
{
	struct tables *tables = *state;

	fdb_of(&tables->have.self, macs[1])->vtep = sample_addr("192.168.0.99");
	assert_plan(tables, "+fdb c6:00:00:00:00:0b -self c6:00:00:00:00:0b ");
}

static void one_vtep_too_many_goes(void **state)
{
	struct tables *tables = *state;
	struct neigh_fdb second = *fdb_of(&tables->have.self, macs[1]);

	second.vtep = sample_addr("192.168.0.1");
	assert_true(plan_fdbs_push(&tables->have.self, &second));
	assert_plan(tables, "-self c6:00:00:00:00:0b ");
	assert_true(
		ipaddr_equal(&tables->have.self.at[tables->ops.at[0].index].vtep, &second.vtep));
}

static void a_changed_mac_is_replaced_in_place(void **state)
{
	struct tables *tables = *state;
	struct mac old = sample_mac("c6:00:00:00:00:99");

	tables->have.arp.at[1].mac = old;
	fdb_of(&tables->have.self, macs[1])->mac = old;
	fdb_of(&tables->have.bridge, macs[1])->mac = old;
	assert_plan(tables, "+arp 10.5.3.0 +fdb c6:00:00:00:00:0b "
			    "-self c6:00:00:00:00:99 -bridge c6:00:00:00:00:99 ");
}

static void a_route_of_the_same_place_is_replaced(void **state)
{
	struct tables *tables = *state;
	struct route *route = &tables->have.route.at[1];
	const struct route good = *route;
	struct route cases[8];

	for (size_t i = 0; i < LEN(cases); i++)
		cases[i] = good;
	cases[0].gateway = sample_addr("10.5.9.0");
	cases[1].gateway = sample_addr("");
	cases[2].source = sample_addr("10.5.1.2");
	cases[3].index = VXLAN;
	cases[4].onlink = false;
	cases[5].mtu = 1400;
	cases[6].protocol = RTPROT_STATIC;
	cases[7].scope = RT_SCOPE_LINK;
	for (size_t i = 0; i < LEN(cases); i++) {
		*route = cases[i];
		assert_plan(tables, "+route 10.5.3.0/24 ");
	}
}

static void a_route_of_another_metric_is_added_before_the_old_one_goes(void **state)
{
	struct tables *tables = *state;

	tables->have.route.at[1].metric = 99;
	assert_plan(tables, "+route 10.5.3.0/24 -route 10.5.3.0/24 ");
}

static void strangers_are_removed(void **state)
{
	struct tables *tables = *state;
	struct neigh arp = { .addr = sample_addr("10.5.77.0"), .state = NUD_PERMANENT };
	struct neigh_fdb all = { .vtep = sample_addr("192.168.0.9"), .state = NUD_PERMANENT };
	struct neigh_fdb bridge = { .mac = sample_mac("c6:00:00:00:00:77"),
				    .bridge = true,
				    .state = NUD_NOARP };
	struct route route = { .dst = sample_prefix("10.5.0.0/16"), .metric = 5 };

	assert_true(plan_arps_push(&tables->have.arp, &arp));
	assert_true(plan_fdbs_push(&tables->have.self, &all));
	assert_true(plan_fdbs_push(&tables->have.bridge, &bridge));
	assert_true(plan_routes_push(&tables->have.route, &route));
	assert_plan(tables, "-route 10.5.0.0/16 -arp 10.5.77.0 -self 00:00:00:00:00:00 "
			    "-bridge c6:00:00:00:00:77 ");
}

static void removals_are_told_from_additions(void **state)
{
	(void)state;
	assert_false(plan_is_removal(PLAN_ARP_ADD));
	assert_false(plan_is_removal(PLAN_FDB_ADD));
	assert_false(plan_is_removal(PLAN_ROUTE_ADD));
	assert_true(plan_is_removal(PLAN_ROUTE_DEL));
	assert_true(plan_is_removal(PLAN_ARP_DEL));
	assert_true(plan_is_removal(PLAN_SELF_DEL));
	assert_true(plan_is_removal(PLAN_BRIDGE_DEL));
}

/* Devices of both families of packets. */
static struct plan_devices dual_devices(void)
{
	return (struct plan_devices){
		.bridge = BRIDGE,
		.uplink = UPLINK,
		.vxlan = { VXLAN, VXLAN6 },
		.gateway = { sample_addr("10.5.1.1"), sample_addr("fd00:5:0:1::1") },
	};
}

#define DUAL "{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"}"

static void want_one(const struct peer *peer, struct plan_table *want)
{
	const struct plan_devices devices = dual_devices();
	struct config config = sample_config(DUAL);
	struct peers peers = { .len = 0 };

	sample_put(&peers, peer);
	assert_true(plan_want(&peers, &config, &devices, want));
	peers_free(&peers);
}

static void a_weft_peer_has_one_fdb_entry_for_both_families(void **state)
{
	struct peer peer = sample_peer("10.5.2.0/24&fd00:5:0:2::/64", "192.168.0.2",
				       "c6:00:00:00:00:0a", SAMPLE_OTHER, 1);
	const struct route v6 = {
		.dst = peer.subnet[FAMILY_V6],
		.gateway = peer.subnet[FAMILY_V6].addr,
		.source = sample_addr("fd00:5:0:1::1"),
		.index = BRIDGE,
		.metric = 3,
		.protocol = 0x77,
		.onlink = true,
	};
	struct plan_table want = { .arp.len = 0 };

	(void)state;
	want_one(&peer, &want);
	assert_int_equal(want.arp.len, 2);
	assert_int_equal(want.self.len, 1);
	assert_int_equal(want.self.at[0].index, VXLAN);
	assert_true(ipaddr_equal(&want.self.at[0].vtep, &peer.public_ip[FAMILY_V4]));
	assert_int_equal(want.route.len, 2);
	assert_int_equal(route_cmp(&want.route.at[1], &v6), 0);
	assert_true(ipaddr_equal(&want.arp.at[1].addr, &v6.gateway));
	plan_table_free(&want);
}

/* The packets to a node without IPv4 on the underlay are IPv6, whatever is in them. */
static void entries_lie_on_the_device_of_the_packets_family(void **state)
{
	struct peer weft = sample_peer("10.5.2.0/24&fd00:5:0:2::/64", "fd00::2",
				       "c6:00:00:00:00:0a", SAMPLE_OTHER, 1);
	struct peer flannel = sample_peer("10.5.2.0/24&fd00:5:0:2::/64", "192.168.0.2",
					  "c6:00:00:00:00:0a", "", 1);
	struct plan_table want = { .arp.len = 0 };
	struct mac second = sample_mac("c6:00:00:00:00:0b");

	(void)state;
	want_one(&weft, &want);
	assert_int_equal(want.self.len, 1);
	assert_int_equal(want.self.at[0].index, VXLAN6);
	assert_true(ipaddr_equal(&want.self.at[0].vtep, &weft.public_ip[FAMILY_V6]));
	flannel.public_ip[FAMILY_V6] = sample_addr("fd00::2");
	flannel.vtep_mac[FAMILY_V6] = second;
	want_one(&flannel, &want);
	assert_int_equal(want.self.len, 2);
	assert_int_equal(want.self.at[0].index, VXLAN);
	assert_int_equal(want.self.at[1].index, VXLAN6);
	assert_int_equal(mac_cmp(&want.self.at[1].mac, &second), 0);
	assert_int_equal(mac_cmp(&want.arp.at[1].mac, &second), 0);
	plan_table_free(&want);
}

static void an_entry_moves_between_the_two_devices(void **state)
{
	struct tables *tables = *state;

	fdb_of(&tables->have.bridge, macs[1])->index = VXLAN6;
	assert_plan(tables, "+fdb c6:00:00:00:00:0b ");
	fdb_of(&tables->have.self, macs[1])->index = VXLAN6;
	fdb_of(&tables->have.self, macs[1])->vtep = sample_addr("fd00::3");
	assert_plan(tables, "+fdb c6:00:00:00:00:0b -self c6:00:00:00:00:0b ");
}

/* In the same slot as the one through the tunnel, which it so replaces at once, and back. */
static void a_direct_peer_needs_a_route_alone(void **state)
{
	struct peer peer = sample_peer("10.5.2.0/24&fd00:5:0:2::/64", "192.168.0.2",
				       "c6:00:00:00:00:0a", SAMPLE_OTHER, 1);
	const struct route route = {
		.dst = peer.subnet[FAMILY_V4],
		.gateway = peer.public_ip[FAMILY_V4],
		.source = sample_addr("10.5.1.1"),
		.index = UPLINK,
		.metric = 2,
		.protocol = 0x77,
	};
	struct tables tables = { .ops.len = 0 };

	(void)state;
	want_one(&peer, &tables.have);
	peer.direct[FAMILY_V4] = true;
	want_one(&peer, &tables.want);
	assert_int_equal(route_cmp(&tables.want.route.at[0], &route), 0);
	assert_int_equal(tables.want.arp.len, 1);
	assert_int_equal(tables.want.self.len, 1); /* for IPv6, which goes on in the tunnel */
	peer.direct[FAMILY_V6] = true;
	peer.public_ip[FAMILY_V6] = sample_addr("fd00::2");
	want_one(&peer, &tables.want);
	assert_int_equal(tables.want.arp.len, 0);
	assert_int_equal(tables.want.self.len, 0);
	assert_plan(&tables, "+route 10.5.2.0/24 +route fd00:5:0:2::/64 -arp 10.5.2.0 "
			     "-arp fd00:5:0:2:: -self c6:00:00:00:00:0a ");
	plan_table_free(&tables.want);
	plan_table_free(&tables.have);
	plan_ops_free(&tables.ops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		plan_test(a_peer_becomes_three_entries),
		plan_test(what_stands_needs_nothing),
		plan_test(all_is_added_to_an_empty_kernel_with_routes_last),
		plan_test(all_is_removed_with_routes_first),
		plan_test(one_that_left_is_removed_alone),
		plan_test(one_message_mends_either_half_of_the_fdb),
		plan_test(what_could_age_or_move_is_made_static),
		plan_test(what_is_not_sticky_is_made_so),
		plan_test(a_vtep_that_moved_is_replaced_before_the_old_one_goes),
		plan_test(one_vtep_too_many_goes),
		plan_test(a_changed_mac_is_replaced_in_place),
		plan_test(a_route_of_the_same_place_is_replaced),
		plan_test(a_route_of_another_metric_is_added_before_the_old_one_goes),
		plan_test(strangers_are_removed),
		cmocka_unit_test(removals_are_told_from_additions),
		cmocka_unit_test(a_weft_peer_has_one_fdb_entry_for_both_families),
		cmocka_unit_test(entries_lie_on_the_device_of_the_packets_family),
		plan_test(an_entry_moves_between_the_two_devices),
		cmocka_unit_test(a_direct_peer_needs_a_route_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
