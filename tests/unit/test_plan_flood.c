/* SPDX-License-Identifier: Apache-2.0 */
/* The flood entries of an L2 network (plan.h). */
#include "daemon/dataplane/plan.h"
#include "daemon/l2/remote.h"
#include "tests/unit/samples.h"

enum { BRIDGE = 7, VXLAN = 8, VXLAN6 = 9 };

struct tables {
	struct plan_table want, have;
	struct plan_ops ops;
};

static void want_copies(struct tables *tables, const struct plan_devices *devices,
			const char *const vteps[], size_t len)
{
	struct remotes remotes = { .len = 0 };

	for (size_t i = 0; i < len; i++) {
		struct remote remote = { .addr = sample_addr("172.18.2.1"),
					 .mac = sample_mac("0a:58:ac:12:02:01"),
					 .vtep = sample_addr(vteps[i]) };

		remote.mac.octet[5] = (uint8_t)(i + 1);
		assert_true(remotes_push(&remotes, &remote));
	}
	assert_true(plan_want_remotes(&remotes, devices, &tables->want));
	remotes_free(&remotes);
}

static void remote_of_a_node_alone(const struct plan_devices *devices)
{
	const struct remote remote = { .vtep = sample_addr("192.168.0.9") };
	struct remotes remotes = { .len = 0 };
	struct plan_table want = { .arp.len = 0 };

	assert_true(remotes_push(&remotes, &remote));
	assert_true(plan_want_remotes(&remotes, devices, &want));
	assert_int_equal(want.flood.len, 1);
	assert_int_equal(want.arp.len + want.self.len, 0);
	plan_table_free(&want);
	remotes_free(&remotes);
}

/* One entry for a node, whatever the number of its containers. */
static void flooded_frames_are_copied_to_the_nodes_with_containers(void **state)
{
	static const char *const two[] = { "192.168.0.2", "192.168.0.3", "192.168.0.2" };
	static const char *const other[] = { "192.168.0.3", "192.168.0.4" };
	struct plan_devices devices = { .bridge = BRIDGE,
					.vxlan = { VXLAN, VXLAN6 },
					.replicate = true };
	struct tables tables = { .ops.len = 0 };
	size_t added = 0, deleted = 0;

	(void)state;
	want_copies(&tables, &devices, two, 3);
	assert_int_equal(tables.want.flood.len, 2);
	assert_int_equal(tables.want.flood.at[0].index, VXLAN);
	assert_true(mac_is_zero(&tables.want.flood.at[0].mac));
	assert_true(plan_diff(&tables.want, &tables.have, &tables.ops));
	assert_int_equal(tables.ops.at[tables.ops.len - 1].kind, PLAN_FLOOD_ADD);
	tables.have = tables.want;
	tables.want = (struct plan_table){ .arp.len = 0 };
	assert_true(plan_as_have(&tables.have));
	want_copies(&tables, &devices, other, 2);
	assert_true(plan_diff(&tables.want, &tables.have, &tables.ops));
	for (size_t i = 0; i < tables.ops.len; i++) {
		const struct plan_op *op = &tables.ops.at[i];

		added += op->kind == PLAN_FLOOD_ADD && op->index == 1;
		deleted += op->kind == PLAN_FLOOD_DEL && op->index == 0;
	}
	assert_int_equal(added, 1);
	assert_int_equal(deleted, 1);
	/* A node alone has a flood entry and no other. */
	remote_of_a_node_alone(&devices);
	/* Without replication there are none. */
	devices.replicate = false;
	want_copies(&tables, &devices, two, 3);
	assert_int_equal(tables.want.flood.len, 0);
	plan_table_free(&tables.want);
	plan_table_free(&tables.have);
	plan_ops_free(&tables.ops);
}

static void a_group_has_one_flood_entry(void **state)
{
	const struct plan_devices devices = { .vxlan = { 0, VXLAN6 },
					      .replicate = true,
					      .group = sample_addr("ff05::7"),
					      .lower = 9 };
	struct tables tables = { .ops.len = 0 };

	(void)state;
	want_copies(&tables, &devices, NULL, 0);
	assert_int_equal(tables.want.flood.len, 1);
	assert_int_equal(tables.want.flood.at[0].index, VXLAN6);
	assert_int_equal(tables.want.flood.at[0].via, 9);
	assert_true(ipaddr_equal(&tables.want.flood.at[0].vtep, &devices.group));
	plan_table_free(&tables.want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flooded_frames_are_copied_to_the_nodes_with_containers),
		cmocka_unit_test(a_group_has_one_flood_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
