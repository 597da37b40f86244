/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl */
#include "common/link.h"

#include "tests/unit/link_fixture.h"

static void every_property_can_be_changed(void **state)
{
	const struct mac mac = kernel_mac("0a:58:00:00:00:02");
	uint32_t bridge = kernel_bridge(*state);
	struct other other = make_other();
	const struct link_add_veth want = veth(0, other.netns);
	struct err err = ERR_INIT;
	struct link link;
	uint32_t index;

	assert_done(link_add_veth(*state, &want, &err), err);
	index = must_get(*state, want.name).index;
	assert_int_equal(must_get(*state, want.name).master, 0);
	assert_done(link_set_mtu(*state, index, 1300, &err), err);
	assert_done(link_set_mac(*state, index, &mac, &err), err);
	assert_done(link_set_alias(*state, index, "other", &err), err);
	assert_done(link_set_master(*state, index, bridge, &err), err);
	assert_done(link_set_up(*state, index, false, &err), err);
	link = must_get(*state, want.name);
	assert_int_equal(link.mtu, 1300);
	assert_mac(&link.mac, "0a:58:00:00:00:02");
	assert_string_equal(link.alias, "other");
	assert_int_equal(link.master, bridge);
	assert_false(link.flags & IFF_UP);
	assert_done(nl_request(*state, link_up_message(index), "up", &err), err);
	assert_done(link_set_master(*state, index, 0, &err), err);
	link = must_get(*state, want.name);
	assert_true(link.flags & IFF_UP);
	assert_int_equal(link.master, 0);
	assert_int_equal(link_del(*state, index, &err), 1);
	assert_int_equal(link_del(*state, index, &err), 0);
	assert_int_equal(link_get(*state, want.name, &link, &err), 0);
	assert_int_equal(link_get(other.nl, "eth0", &link, &err), 0);
	free_other(&other);
}

static void every_port_flag_can_be_set_and_cleared(void **state)
{
	struct other other = make_other();
	const struct link_add_veth want = veth(kernel_bridge(*state), other.netns);
	struct err err = ERR_INIT;
	uint32_t index;

	assert_done(link_add_veth(*state, &want, &err), err);
	index = must_get(*state, want.name).index;
	for (unsigned bit = 0; bit < 256; bit = bit ? bit << 1 : 1) {
		const struct link_port port = {
			.learning = bit & 1,
			.flood = bit & 2,
			.mcast_flood = bit & 4,
			.bcast_flood = bit & 8,
			.hairpin = bit & 16,
			.isolated = bit & 32,
			.locked = bit & 64,
			.neigh_suppress = bit & 128,
		};
		struct link link;

		assert_done(link_set_port(*state, index, &port, &err), err);
		link = must_get(*state, want.name);
		link.port.state = 0;
		assert_memory_equal(&link.port, &port, sizeof(port));
	}
	free_other(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		link_test(every_property_can_be_changed),
		link_test(every_port_flag_can_be_set_and_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
