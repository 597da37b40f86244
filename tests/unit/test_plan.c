/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/plan.h"

#include "common/array.h"
#include "daemon/l2/remote.h"
#include "tests/unit/samples.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

enum { UPLINK = 2, BRIDGE = 7, VXLAN = 8, VXLAN6 = 9, PEERS = 3 };

static const char *const subnets[PEERS] = { "10.5.2.0/24", "10.5.3.0/24", "10.5.4.0/24" };
static const char *const vteps[PEERS] = { "192.168.0.2", "192.168.0.3", "192.168.0.4" };
/* Sorted in the opposite order of the subnets. */
static const char *const macs[PEERS] = { "c6:00:00:00:00:0c", "c6:00:00:00:00:0b",
					 "c6:00:00:00:00:0a" };

/* The plan for PEERS nodes, and a kernel in which it is installed. */
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
	struct leases peers = { .len = 0 };

	for (size_t i = 0; i < PEERS; i++) {
		struct lease peer = sample_peer(subnets[i], vteps[i], macs[i], "", i + 1);

		sample_put(&peers, &peer);
	}
	assert_true(plan_want(&peers, &config, &devices, want));
	leases_free(&peers);
}

/* The entries as a dump reports them. */
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

static void installed_entries_need_no_operation(void **state)
{
	assert_plan(*state, "");
}

static void missing_entries_are_added_with_routes_last(void **state)
{
	struct tables *tables = *state;

	plan_table_clear(&tables->have);
	assert_plan(tables, "+arp 10.5.2.0 +arp 10.5.3.0 +arp 10.5.4.0 "
			    "+fdb c6:00:00:00:00:0a +fdb c6:00:00:00:00:0b +fdb c6:00:00:00:00:0c "
			    "+route 10.5.2.0/24 +route 10.5.3.0/24 +route 10.5.4.0/24 ");
}

static void entries_are_removed_with_routes_first(void **state)
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

static void only_the_entries_of_a_removed_peer_are_removed(void **state)
{
	struct tables *tables = *state;

	tables->want.arp.len--;
	tables->want.route.len--;
	memmove(tables->want.self.at, tables->want.self.at + 1,
		--tables->want.self.len * sizeof(*tables->want.self.at));
	assert_plan(tables, "-route 10.5.4.0/24 -arp 10.5.4.0 -self c6:00:00:00:00:0a "
			    "-bridge c6:00:00:00:00:0a ");
}

static void one_message_repairs_either_fdb_entry(void **state)
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

static void entries_that_could_age_or_move_are_made_static(void **state)
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

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct plan_fdbs *half = cases[i].bridge ? &tables->have.bridge :
							   &tables->have.self;

		copy_as_had(&tables->want, &tables->have);
		fdb_of(half, macs[1])->state = cases[i].state;
		assert_plan(tables, cases[i].good ? "" : "+fdb c6:00:00:00:00:0b ");
	}
}

/* Otherwise a container that sends with a VTEP's MAC would receive all packets for that node. */
static void entries_without_the_sticky_flag_get_it(void **state)
{
	struct tables *tables = *state;

	fdb_of(&tables->have.bridge, macs[1])->sticky = false;
	assert_plan(tables, "+fdb c6:00:00:00:00:0b ");
}

/* The entry of the old VTEP does not exist any more: its removal fails with ENOENT. */
static void the_new_vtep_is_added_before_the_old_one_is_removed(void **state)
{
	struct tables *tables = *state;

	fdb_of(&tables->have.self, macs[1])->vtep = sample_addr("192.168.0.99");
	assert_plan(tables, "+fdb c6:00:00:00:00:0b -self c6:00:00:00:00:0b ");
}

static void an_additional_vtep_is_removed(void **state)
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

static void a_route_with_the_same_key_is_replaced(void **state)
{
	struct tables *tables = *state;
	struct route *route = &tables->have.route.at[1];
	const struct route good = *route;
	struct route cases[8];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cases[i] = good;
	cases[0].gateway = sample_addr("10.5.9.0");
	cases[1].gateway = sample_addr("");
	cases[2].source = sample_addr("10.5.1.2");
	cases[3].index = VXLAN;
	cases[4].onlink = false;
	cases[5].mtu = 1400;
	cases[6].protocol = RTPROT_STATIC;
	cases[7].scope = RT_SCOPE_LINK;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		*route = cases[i];
		assert_plan(tables, "+route 10.5.3.0/24 ");
	}
}

static void a_route_with_another_metric_is_added_before_the_old_one_is_removed(void **state)
{
	struct tables *tables = *state;

	tables->have.route.at[1].metric = 99;
	assert_plan(tables, "+route 10.5.3.0/24 -route 10.5.3.0/24 ");
}

static void unexpected_entries_are_removed(void **state)
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

static void removals_are_distinguished_from_additions(void **state)
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

/* Devices of both underlay families. */
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

static void want_one(const struct lease *peer, struct plan_table *want)
{
	const struct plan_devices devices = dual_devices();
	struct config config = sample_config(DUAL);
	struct leases peers = { .len = 0 };

	sample_put(&peers, peer);
	assert_true(plan_want(&peers, &config, &devices, want));
	leases_free(&peers);
}

static void a_weft_peer_has_one_fdb_entry_for_both_families(void **state)
{
	struct lease peer = sample_peer("10.5.2.0/24&fd00:5:0:2::/64", "192.168.0.2",
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

/* Nodes whose underlay has another MTU, of 1500 and 9000 bytes for example. */
static void routes_to_peers_with_smaller_packets_have_their_mtu(void **state)
{
	static const struct {
		uint32_t peer, v4, v6;
	} cases[] = { { 0, 0, 0 },    { 1450, 1450, 1450 }, { 8949, 8949, 8949 }, { 8950, 0, 0 },
		      { 9000, 0, 0 }, { 1000, 1000, 1280 }, { 1, 576, 1280 } };
	struct plan_devices devices = dual_devices();
	struct config config = sample_config(DUAL);

	(void)state;
	devices.mtu = 8950;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lease peer = sample_peer("10.5.2.0/24&fd00:5:0:2::/64", "192.168.0.2",
						"c6:00:00:00:00:0a", SAMPLE_OTHER, 1);
		struct plan_table want = { .arp.len = 0 };
		struct leases peers = { .len = 0 };

		peer.mtu = cases[i].peer;
		peer.direct[FAMILY_V6] = i % 2;
		sample_put(&peers, &peer);
		assert_true(plan_want(&peers, &config, &devices, &want));
		assert_int_equal(want.route.at[0].mtu, cases[i].v4);
		assert_int_equal(want.route.at[1].mtu, cases[i].v6);
		leases_free(&peers);
		plan_table_free(&want);
	}
}

/* The packets to a node without IPv4 on the underlay are IPv6, regardless of their payload. */
static void entries_are_on_the_vxlan_device_of_their_underlay_family(void **state)
{
	struct lease weft = sample_peer("10.5.2.0/24&fd00:5:0:2::/64", "fd00::2",
					"c6:00:00:00:00:0a", SAMPLE_OTHER, 1);
	struct lease flannel = sample_peer("10.5.2.0/24&fd00:5:0:2::/64", "192.168.0.2",
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

/* With the same key as the route through the tunnel, which it replaces atomically, and back. */
static void a_direct_peer_needs_only_a_route(void **state)
{
	struct lease peer = sample_peer("10.5.2.0/24&fd00:5:0:2::/64", "192.168.0.2",
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
	assert_int_equal(tables.want.self.len, 1); /* for IPv6, which still uses the tunnel */
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

/* ---- A few peers among many --------------------------------------------------------------- */

struct plan_lease {
	const char *subnet, *public_ip, *mac;
};

/* The plan of these leases; subnet NULL ends them. */
static void want_leases(const struct plan_lease *leases, struct plan_table *want)
{
	const struct plan_devices devices = {
		.bridge = BRIDGE,
		.vxlan = { VXLAN },
		.gateway = { sample_addr("10.5.1.1"), sample_addr("fd00:5:1::1") },
	};
	struct config config = sample_config("{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,"
					     "\"IPv6Network\":\"fd00:5::/48\"}");
	struct leases peers = { .len = 0 };

	for (; leases->subnet; leases++) {
		struct lease peer = sample_peer(leases->subnet, leases->public_ip, leases->mac,
						SAMPLE_OTHER, 1);

		sample_put(&peers, &peer);
	}
	assert_true(plan_want(&peers, &config, &devices, want));
	leases_free(&peers);
}

#define MAC_A "c6:00:00:00:00:0a"
#define MAC_B "c6:00:00:00:00:0b"
#define MAC_C "c6:00:00:00:00:0c"

static const struct plan_lease standing[] = { { "10.5.2.0/24", "192.168.0.2", MAC_C },
					      { "10.5.4.0/24&fd00:5:4::/64", "192.168.0.4", MAC_A },
					      { NULL, NULL, NULL } };

/* A change of one lease (absent: it is added or removed), and whether it affects no other peer. */
static const struct {
	const char *what;
	struct plan_lease was, now;
	bool apart;
} changes[] = {
	{ "nothing", { NULL, NULL, NULL }, { NULL, NULL, NULL }, true },
	{ "comes", { NULL, NULL, NULL }, { "10.5.3.0/24", "192.168.0.3", MAC_B }, true },
	{ "goes", { "10.5.2.0/24", "192.168.0.2", MAC_C }, { NULL, NULL, NULL }, true },
	{ "moves",
	  { "10.5.2.0/24", "192.168.0.2", MAC_C },
	  { "10.5.2.0/24", "192.168.0.9", MAC_C },
	  true },
	{ "has another MAC",
	  { "10.5.4.0/24&fd00:5:4::/64", "192.168.0.4", MAC_A },
	  { "10.5.4.0/24&fd00:5:4::/64", "192.168.0.4", MAC_B },
	  true },
	{ "was wanted otherwise",
	  { "10.5.2.0/24", "192.168.0.3", MAC_C },
	  { "10.5.2.0/24", "192.168.0.2", MAC_C },
	  false },
	{ "was not used", { "10.5.3.0/24", "192.168.0.3", MAC_B }, { NULL, NULL, NULL }, false },
	{ "takes a MAC", { NULL, NULL, NULL }, { "10.5.3.0/24", "192.168.0.3", MAC_A }, false },
	{ "takes a subnet", { NULL, NULL, NULL }, { "10.5.4.0/24", "192.168.0.3", MAC_B }, false },
	{ "takes an IPv6 subnet",
	  { NULL, NULL, NULL },
	  { "10.5.3.0/24&fd00:5:4::/64", "192.168.0.3", MAC_B },
	  false },
	{ "lies in another",
	  { NULL, NULL, NULL },
	  { "10.5.4.128/25", "192.168.0.3", MAC_B },
	  false },
	{ "contains another", { NULL, NULL, NULL }, { "10.5.4.0/23", "192.168.0.3", MAC_B }, false },
	{ "contains one that does not come next",
	  { NULL, NULL, NULL },
	  { "10.5.0.0/22", "192.168.0.3", MAC_B },
	  false },
	{ "grows over itself alone",
	  { "10.5.2.0/24", "192.168.0.2", MAC_C },
	  { "10.5.2.0/23", "192.168.0.2", MAC_C },
	  true },
};

static void detects_changes_that_affect_one_peer_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		const struct plan_lease was[] = { changes[i].was, { NULL, NULL, NULL } };
		const struct plan_lease now[] = { changes[i].now, { NULL, NULL, NULL } };
		struct plan_table stand = { .arp.len = 0 }, before = stand, want = stand;

		want_leases(standing, &stand);
		want_leases(was, &before);
		want_leases(now, &want);
		if (plan_is_independent(&stand, &before, &want) != changes[i].apart)
			fail_msg("%s", changes[i].what);
		plan_table_free(&stand);
		plan_table_free(&before);
		plan_table_free(&want);
	}
}

/* The result equals a plan of all leases. */
static void replaces_the_plan_of_some_peers(void **state)
{
	static const struct plan_lease was[] = { { "10.5.2.0/24", "192.168.0.2", MAC_C },
						 { NULL, NULL, NULL } };
	static const struct plan_lease now[] = { { "10.5.1.0/24", "192.168.0.2", MAC_B },
						 { "10.5.9.0/24&fd00:5:2::/64", "192.168.0.9",
						   MAC_C },
						 { NULL, NULL, NULL } };
	static const struct plan_lease all[] = {
		{ "10.5.1.0/24", "192.168.0.2", MAC_B },
		{ "10.5.4.0/24&fd00:5:4::/64", "192.168.0.4", MAC_A },
		{ "10.5.9.0/24&fd00:5:2::/64", "192.168.0.9", MAC_C },
		{ NULL, NULL, NULL }
	};
	struct plan_table stand = { .arp.len = 0 }, before = stand, want = stand, whole = stand;
	struct plan_ops ops = { .len = 0 };

	(void)state;
	want_leases(standing, &stand);
	want_leases(was, &before);
	want_leases(now, &want);
	want_leases(all, &whole);
	assert_true(plan_replace(&stand, &before, &want));
	assert_int_equal(stand.arp.len, whole.arp.len);
	assert_int_equal(stand.route.len, whole.route.len);
	assert_int_equal(stand.self.len, whole.self.len);
	assert_true(plan_as_have(&stand));
	assert_true(plan_diff(&whole, &stand, &ops));
	assert_int_equal(ops.len, 0);
	plan_ops_free(&ops);
	plan_table_free(&stand);
	plan_table_free(&before);
	plan_table_free(&want);
	plan_table_free(&whole);
}

/* Two addresses of one container have one FDB entry. */
static void remote_containers_have_an_entry_of_each_table(void **state)
{
	static const char *const texts[][3] = {
		{ "172.18.2.7", "0a:58:ac:12:02:07", "192.168.0.2" },
		{ "172.18.3.7", "0a:58:ac:12:03:07", "fd00::3" },
		{ "fd00:18::7", "0a:58:ac:12:02:07", "192.168.0.2" },
	};
	const struct plan_devices devices = { .bridge = BRIDGE, .vxlan = { VXLAN, VXLAN6 } };
	struct remotes remotes = { .len = 0 };
	struct tables tables = { .ops.len = 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const struct remote remote = { .addr = sample_addr(texts[i][0]),
					       .mac = sample_mac(texts[i][1]),
					       .vtep = sample_addr(texts[i][2]) };

		assert_true(remotes_push(&remotes, &remote));
	}
	assert_true(plan_want_remotes(&remotes, &devices, &tables.want));
	assert_int_equal(tables.want.arp.len, 3);
	assert_int_equal(tables.want.route.len, 0);
	assert_int_equal(tables.want.self.len, 2);
	assert_int_equal(tables.want.self.at[0].index, VXLAN);
	assert_int_equal(tables.want.self.at[1].index, VXLAN6);
	copy_as_had(&tables.want, &tables.have);
	assert_true(plan_diff(&tables.want, &tables.have, &tables.ops));
	assert_int_equal(tables.ops.len, 0);
	/*
	 * The container moves to another node: its FDB entry is replaced, then the old one removed.
	 */
	remotes.at[1].vtep = sample_addr("fd00::4");
	assert_true(plan_want_remotes(&remotes, &devices, &tables.want));
	assert_true(plan_diff(&tables.want, &tables.have, &tables.ops));
	assert_int_equal(tables.ops.len, 2);
	assert_int_equal(tables.ops.at[0].kind, PLAN_FDB_ADD);
	assert_int_equal(tables.ops.at[1].kind, PLAN_SELF_DEL);
	plan_table_free(&tables.want);
	plan_table_free(&tables.have);
	plan_ops_free(&tables.ops);
	remotes_free(&remotes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		plan_test(a_peer_becomes_three_entries),
		plan_test(installed_entries_need_no_operation),
		plan_test(missing_entries_are_added_with_routes_last),
		plan_test(entries_are_removed_with_routes_first),
		plan_test(only_the_entries_of_a_removed_peer_are_removed),
		plan_test(one_message_repairs_either_fdb_entry),
		plan_test(entries_that_could_age_or_move_are_made_static),
		plan_test(entries_without_the_sticky_flag_get_it),
		plan_test(the_new_vtep_is_added_before_the_old_one_is_removed),
		plan_test(an_additional_vtep_is_removed),
		plan_test(a_changed_mac_is_replaced_in_place),
		plan_test(a_route_with_the_same_key_is_replaced),
		plan_test(a_route_with_another_metric_is_added_before_the_old_one_is_removed),
		plan_test(unexpected_entries_are_removed),
		cmocka_unit_test(removals_are_distinguished_from_additions),
		cmocka_unit_test(a_weft_peer_has_one_fdb_entry_for_both_families),
		cmocka_unit_test(routes_to_peers_with_smaller_packets_have_their_mtu),
		cmocka_unit_test(entries_are_on_the_vxlan_device_of_their_underlay_family),
		plan_test(an_entry_moves_between_the_two_devices),
		cmocka_unit_test(a_direct_peer_needs_only_a_route),
		cmocka_unit_test(detects_changes_that_affect_one_peer_only),
		cmocka_unit_test(replaces_the_plan_of_some_peers),
		cmocka_unit_test(remote_containers_have_an_entry_of_each_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
