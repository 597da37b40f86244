/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl */
#include "daemon/dataplane/kernel.h"

#include "common/array.h"
#include "daemon/dataplane/device.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/kernel.h"
#include "tests/unit/samples.h"

#include <errno.h>

#define MANY 300 /* more than two batches */

/* A namespace with the devices of a network, and the kernel tables of a reconcile run. */
struct scene {
	struct nl *nl;
	struct plan_devices devices;
	struct config config;
	struct leases peers;
	struct plan_table want, have;
	struct plan_ops ops;
};

static void make_devices(struct scene *scene)
{
	const struct device_want want = {
		.network = "default",
		.vni = 1,
		.port = 8472,
		.mtu = 1450,
		.mac = sample_mac("c6:d2:32:6f:8f:01"),
		.local = { sample_addr("192.168.0.1") },
		.gateway = { sample_prefix("10.5.1.1/24") },
	};
	struct err err = ERR_INIT;
	struct device_have have;

	assert_done(device_ensure(scene->nl, &want, &have, &err), err);
	scene->devices.bridge = have.bridge;
	memcpy(scene->devices.vxlan, have.vxlan, sizeof(have.vxlan));
	scene->devices.cluster[FAMILY_V4] = kernel_prefix("10.5.0.0/16");
	scene->devices.gateway[FAMILY_V4] = want.gateway[FAMILY_V4].addr;
}

static int setup(void **state)
{
	struct scene *scene = test_calloc(1, sizeof(*scene));

	fake_nl_reset();
	scene->nl = kernel_fresh();
	scene->config = sample_config("{\"Network\":\"10.5.0.0/16\",\"SubnetLen\":26}");
	make_devices(scene);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	plan_table_free(&scene->want);
	plan_table_free(&scene->have);
	plan_ops_free(&scene->ops);
	leases_free(&scene->peers);
	nl_free(scene->nl);
	fake_nl_reset();
	test_free(scene);
	return 0;
}

#define scene_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* The i-th peer, from 2 on: 10.5.x.y/26, 192.168.x.y, c6:00:00:00:x:y. */
static struct lease peer_of(unsigned i)
{
	char subnet[32], public_ip[32], mac[32];

	snprintf(subnet, sizeof(subnet), "10.5.%u.%u/26", i / 4 + 1, i % 4 * 64);
	snprintf(public_ip, sizeof(public_ip), "192.168.%u.%u", i / 200 + 1, i % 200 + 1);
	snprintf(mac, sizeof(mac), "c6:00:00:00:%02x:%02x", i / 256, i % 256);
	return sample_peer(subnet, public_ip, mac, "", i);
}

static void add_peers(struct scene *scene, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++) {
		struct lease peer = peer_of(i);

		sample_put(&scene->peers, &peer);
	}
}

/* The operations of the next reconcile run. */
static size_t plan(struct scene *scene)
{
	struct err err = ERR_INIT;

	assert_true(plan_want(&scene->peers, &scene->config, &scene->devices, &scene->want));
	assert_done(kernel_dump(scene->nl, &scene->devices, &scene->have, &err), err);
	assert_true(plan_diff(&scene->want, &scene->have, &scene->ops));
	return scene->ops.len;
}

static int apply(struct scene *scene, struct kernel_result *result, struct err *err)
{
	*result = (struct kernel_result){ .written = 0 };
	return kernel_apply(scene->nl, &scene->ops, &scene->want, &scene->have, result, err);
}

/* A reconcile run that succeeds and leaves nothing to do. Returns its number of operations. */
static size_t converge(struct scene *scene)
{
	struct kernel_result result;
	struct err err = ERR_INIT;
	size_t ops = plan(scene);

	assert_done(apply(scene, &result, &err), err);
	assert_int_equal(result.failed, 0);
	assert_true(result.written <= ops);
	assert_int_equal(plan(scene), 0);
	return ops;
}

static void entries_of_peers_are_installed_once(void **state)
{
	struct scene *scene = *state;

	add_peers(scene, 2, 1);
	assert_int_equal(converge(scene), 3);
	assert_true(kernel_shows("ip neigh show dev weft-br1",
				 "10.5.1.128 lladdr c6:00:00:00:00:02 PERMANENT"));
	assert_true(kernel_shows("bridge fdb show dev weft-vx1",
				 "c6:00:00:00:00:02 dst 192.168.1.3 self"));
	assert_true(kernel_shows("bridge fdb show dev weft-vx1",
				 "c6:00:00:00:00:02 sticky master weft-br1 static"));
	assert_true(kernel_shows("ip route show proto 0x77",
				 "10.5.1.128/26 via 10.5.1.128 dev weft-br1 src 10.5.1.1 metric 6 "
				 "onlink"));
}

static void many_peers_are_added_and_removed(void **state)
{
	struct scene *scene = *state;

	add_peers(scene, 2, MANY);
	assert_int_equal(converge(scene), 3 * MANY);
	for (unsigned i = 10; i < 110; i++) {
		struct lease peer = peer_of(i);

		assert_true(leases_remove(&scene->peers, peer.subnet));
	}
	assert_int_equal(converge(scene), 100 * 4);
	assert_int_equal(scene->have.route.len, MANY - 100);
	leases_clear(&scene->peers);
	assert_int_equal(converge(scene), (MANY - 100) * 4);
	assert_int_equal(scene->have.route.len + scene->have.arp.len + scene->have.self.len +
				 scene->have.bridge.len,
			 0);
}

static void a_peer_that_moved_is_replaced(void **state)
{
	struct scene *scene = *state;

	add_peers(scene, 2, 3);
	converge(scene);
	scene->peers.at[1].public_ip[FAMILY_V4] = sample_addr("192.168.9.9");
	assert_int_equal(converge(scene), 2);
	assert_true(kernel_shows("bridge fdb show dev weft-vx1",
				 "c6:00:00:00:00:03 dst 192.168.9.9 self"));
	scene->peers.at[1].vtep_mac[FAMILY_V4] = sample_mac("c6:00:00:00:09:09");
	assert_int_equal(converge(scene), 4);
	/* Two peers that swap their addresses. */
	scene->peers.at[1].vtep_mac[FAMILY_V4] = scene->peers.at[2].vtep_mac[FAMILY_V4];
	scene->peers.at[2].vtep_mac[FAMILY_V4] = sample_mac("c6:00:00:00:09:09");
	converge(scene);
}

static void changed_entries_are_repaired(void **state)
{
	static const char *const changes[] = {
		"ip route flush proto 0x77",
		"ip route del 10.5.1.128/26",
		"ip route replace 10.5.1.128/26 via 10.5.9.9 dev weft-br1 onlink proto 0x77 metric 6",
		"ip route append 10.5.1.128/26 via 10.5.9.9 dev weft-br1 onlink proto 0x77 metric 6",
		"ip route add 10.5.77.0/26 dev weft-br1 proto 0x77 metric 9",
		"ip neigh flush all nud permanent",
		"ip neigh replace 10.5.1.128 lladdr 02:00:00:00:00:01 dev weft-br1 nud permanent",
		"ip neigh replace 10.5.1.128 lladdr c6:00:00:00:00:02 dev weft-br1 nud stale",
		"ip neigh add 10.5.77.7 lladdr 02:00:00:00:00:01 dev weft-br1 nud permanent",
		"bridge fdb del c6:00:00:00:00:02 dev weft-vx1 self",
		"bridge fdb del c6:00:00:00:00:02 dev weft-vx1 master",
		"bridge fdb replace c6:00:00:00:00:02 dst 192.168.7.7 dev weft-vx1 self",
		"bridge fdb append 00:00:00:00:00:00 dst 192.168.7.7 dev weft-vx1 self permanent",
		"bridge fdb add 02:00:00:00:00:07 dst 192.168.7.7 dev weft-vx1 self permanent",
		"bridge fdb replace c6:00:00:00:00:02 dev weft-vx1 master dynamic",
		"bridge fdb replace c6:00:00:00:00:02 dev weft-vx1 master static",
		"bridge fdb add 02:00:00:00:00:07 dev weft-vx1 master static",
	};
	struct scene *scene = *state;

	add_peers(scene, 2, 3);
	converge(scene);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		if (system(changes[i]))
			fail_msg("%s", changes[i]);
		if (converge(scene) == 0)
			fail_msg("nothing to do after %s", changes[i]);
	}
}

static void entries_of_other_programs_are_kept(void **state)
{
	static const char *const others[][2] = {
		{ "ip route add 10.99.0.0/16 dev weft-br1 proto static",
		  "ip route show 10.99.0.0/16" },
		{ "ip link add other type bridge && ip addr add 10.98.0.1/24 dev other && "
		  "ip link set other up && ip route add 10.97.0.0/16 dev other proto 0x77",
		  "ip route show 10.97.0.0/16" },
		{ "ip link set weft-vx1 address 02:00:00:00:00:09",
		  "bridge fdb show dev weft-vx1 | grep 'master weft-br1 permanent'" },
		{ "ip neigh add 10.98.0.2 lladdr 02:00:00:00:00:01 dev other nud permanent",
		  "ip neigh show 10.98.0.2 dev other" },
		{ "ip neigh add 10.5.1.7 lladdr 0a:58:0a:05:01:07 dev weft-br1 nud reachable",
		  "ip neigh show 10.5.1.7 dev weft-br1" },
		{ "ip link add host type veth peer name inside && ip link set host master weft-br1 && "
		  "bridge fdb add 0a:58:0a:05:01:07 dev host master static",
		  "bridge fdb show dev host | grep static" },
	};
	struct scene *scene = *state;

	add_peers(scene, 2, 1);
	converge(scene);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		if (system(others[i][0]))
			fail_msg("%s", others[i][0]);
		assert_int_equal(plan(scene), 0);
		assert_true(*kernel_says(others[i][1]));
	}
}

/* A container that sends with a VTEP's MAC does not receive the packets for that node. */
static void a_container_cannot_take_a_vteps_place(void **state)
{
	struct scene *scene = *state;

	add_peers(scene, 2, 1);
	converge(scene);
	assert_int_equal(system("ip link add host type veth peer name inside && "
				"ip link set host master weft-br1 up && "
				"ip link set inside address c6:00:00:00:00:02 up && "
				"ip addr add 10.5.1.7/26 dev inside && "
				"ping -c 1 -W 1 -I inside 10.5.1.9 >/dev/null || true"),
			 0);
	assert_int_equal(plan(scene), 0);
}

/* Another program removed the entries between the dump and the removal. */
static void removing_an_absent_entry_succeeds(void **state)
{
	struct scene *scene = *state;
	struct kernel_result result;
	struct err err = ERR_INIT;

	add_peers(scene, 2, 3);
	converge(scene);
	leases_clear(&scene->peers);
	assert_int_equal(plan(scene), 12);
	assert_int_equal(system("ip route flush proto 0x77 && ip neigh flush all nud permanent && "
				"bridge fdb del c6:00:00:00:00:02 dev weft-vx1 master && "
				"bridge fdb del c6:00:00:00:00:03 dev weft-vx1 self"),
			 0);
	assert_done(apply(scene, &result, &err), err);
	assert_int_equal(result.written, 4);
	assert_int_equal(result.failed, 0);
	assert_int_equal(plan(scene), 0);
}

/* Missing devices are a failure; the next reconcile run starts with the devices. */
static void missing_devices_are_a_failure(void **state)
{
	struct scene *scene = *state;
	struct kernel_result result;
	struct err err = ERR_INIT;

	add_peers(scene, 2, 3);
	plan(scene);
	assert_int_equal(system("ip link del weft-vx1"), 0);
	assert_int_equal(apply(scene, &result, &err), -1);
	assert_int_equal(result.failed, 3);
	assert_int_equal(result.written, 6);
	assert_says(err.text, "add FDB entry of c6:00:00:00:00:02");
	make_devices(scene);
	converge(scene);
}

/* The kernel refuses one operation after the other; all other operations are carried out. */
static void a_refused_operation_names_its_peer(void **state)
{
	static const struct {
		unsigned nth;
		const char *says;
	} adds[] = {
		{ 1, "add ARP entry of 10.5.1.128: no way" },
		{ 3, "add ARP entry of 10.5.2.0: no way" },
		{ 5, "add FDB entry of c6:00:00:00:00:03: no way" },
		{ 9, "add route to 10.5.2.0/26: no way" },
	}, dels[] = {
		{ 1, "delete route to 10.5.1.128/26: no way" },
		{ 6, "delete ARP entry of 10.5.2.0: no way" },
		{ 7, "delete FDB entry of c6:00:00:00:00:02: no way" },
		{ 12, "delete FDB entry of c6:00:00:00:00:04: no way" },
	};
	struct scene *scene = *state;
	struct kernel_result result;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(adds); i++) {
		add_peers(scene, 2, 3);
		assert_int_equal(plan(scene), 9);
		fake_nl_refuse(adds[i].nth, EPERM, "no way");
		assert_int_equal(apply(scene, &result, &err), -1);
		assert_says(err.text, adds[i].says);
		assert_int_equal(err.sys_errno, EPERM);
		assert_int_equal(result.failed, 1);
		assert_int_equal(result.written, 8);
		assert_int_equal(converge(scene), 1);
		leases_clear(&scene->peers);
		assert_int_equal(plan(scene), 12);
		fake_nl_refuse(dels[i].nth, EPERM, "no way");
		assert_int_equal(apply(scene, &result, &err), -1);
		assert_says(err.text, dels[i].says);
		assert_int_equal(result.failed, 1);
		converge(scene);
	}
}

static void the_first_of_several_refusals_is_reported(void **state)
{
	struct scene *scene = *state;
	struct kernel_result result;
	struct err err = ERR_INIT;

	add_peers(scene, 2, 3);
	plan(scene);
	fake_nl_refuse(2, EPERM, "");
	assert_int_equal(system("ip link del weft-vx1"), 0);
	assert_int_equal(apply(scene, &result, &err), -1);
	assert_int_equal(result.failed, 4);
	assert_int_equal(result.written, 5);
	assert_says(err.text, "add ARP entry of 10.5.1.192: ");
	assert_null(strstr(err.text, ": :"));
}

/* ENOENT of an addition is a failure; only removals ignore it. */
static void enoent_is_ignored_for_removals_only(void **state)
{
	struct scene *scene = *state;
	struct kernel_result result;
	struct err err = ERR_INIT;

	add_peers(scene, 2, 1);
	plan(scene);
	fake_nl_refuse(3, ESRCH, "");
	assert_int_equal(apply(scene, &result, &err), -1);
	assert_int_equal(result.failed, 1);
	converge(scene);
	leases_clear(&scene->peers);
	plan(scene);
	fake_nl_refuse(1, ESRCH, "");
	assert_done(apply(scene, &result, &err), err);
	assert_int_equal(result.written, 3);
}

static void every_failed_call_is_reported(void **state)
{
	struct scene *scene = *state;
	bool faulted = true;
	unsigned nth;

	for (nth = 1; faulted; nth++) {
		struct kernel_result result;
		struct err err = ERR_INIT;
		int rc;

		add_peers(scene, 2, 3);
		assert_true(
			plan_want(&scene->peers, &scene->config, &scene->devices, &scene->want));
		fake_nl_fail(nth, ENOBUFS, "no room");
		rc = kernel_dump(scene->nl, &scene->devices, &scene->have, &err);
		if (rc == 0) {
			assert_true(plan_diff(&scene->want, &scene->have, &scene->ops));
			rc = apply(scene, &result, &err);
		}
		faulted = fake_nl_faulted();
		assert_int_equal(rc, faulted ? -1 : 0);
		if (faulted)
			assert_int_equal(err.sys_errno, ENOBUFS);
		fake_nl_reset();
		converge(scene);
		leases_clear(&scene->peers);
		converge(scene);
	}
	assert_int_equal(nth, 5 + 1 + 9 + 1 + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scene_test(entries_of_peers_are_installed_once),
		scene_test(many_peers_are_added_and_removed),
		scene_test(a_peer_that_moved_is_replaced),
		scene_test(changed_entries_are_repaired),
		scene_test(entries_of_other_programs_are_kept),
		scene_test(a_container_cannot_take_a_vteps_place),
		scene_test(removing_an_absent_entry_succeeds),
		scene_test(missing_devices_are_a_failure),
		scene_test(a_refused_operation_names_its_peer),
		scene_test(the_first_of_several_refusals_is_reported),
		scene_test(enoent_is_ignored_for_removals_only),
		scene_test(every_failed_call_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
