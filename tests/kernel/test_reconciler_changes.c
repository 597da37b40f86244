/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl loop */
/* Reconcile runs for changed peers: for few peers, and for peers that affect others. */
#include "daemon/dataplane/reconciler.h"

#include "daemon/dataplane/plan.h"
#include "daemon/dataplane/watch.h"
#include "tests/unit/log_network.h"
#include "tests/unit/reconciler_scene.h"

static struct lease peer_of(const char *subnet, const char *public_ip, const char *mac)
{
	return sample_peer(subnet, public_ip, mac, "", 1);
}

/* One peer changes, one is removed, one is added; only their entries are written. */
static void only_changed_peers_are_compared(void **state)
{
	const struct lease was[] = { peer_of("10.5.2.0/24", "192.168.0.2", "c6:d2:32:6f:8f:02"),
				     peer_of("10.5.3.0/24", "192.168.0.3", "c6:d2:32:6f:8f:03") };
	const struct lease now[] = { peer_of("10.5.2.0/24", "192.168.0.9", "c6:d2:32:6f:8f:02"),
				     peer_of("10.5.4.0/24", "192.168.0.4", "c6:d2:32:6f:8f:04") };
	struct scene *scene = *state;
	struct watch_objects objects = { .bridge = 0 };

	run(scene);
	scene->list_all = false;
	scene->listed_all = 0;
	leases_clear(&scene->peers);
	for (size_t i = 0; i < 2; i++) {
		sample_put(&scene->was, &was[i]);
		sample_put(&scene->now, &now[i]);
		sample_put(&scene->peers, &now[i]);
	}
	fake_nl_reset();
	schedule_trigger(scene->schedule, RECONCILE_PEERS);
	fake_loop_pass(scene->loop, 10);
	assert_int_equal(scene->listed_all, 0);
	assert_int_equal(dumps(), 0);
	assert_int_equal(outcome(scene).programmed, 2);
	assert_true(kernel_shows("bridge fdb show dev weft-vx1", "dst 192.168.0.9"));
	assert_false(kernel_shows("bridge fdb show dev weft-vx1", "c6:d2:32:6f:8f:03"));
	assert_false(kernel_shows("ip neigh show", "10.5.3.0"));
	assert_true(kernel_shows("ip route show proto 0x77", "10.5.4.0/24 via 10.5.4.0"));
	reconciler_watch(scene->reconciler, &scene->config, &objects);
	/* The recorded entries are the installed entries. */
	assert_int_equal(objects.installed->route.len, 2);
	assert_int_equal(run(scene).written, 1 + 2 * 3 + 2 + 3 + 4);
}

/* A MAC of another peer, or an entry that was not installed: all peers are compared. */
static void a_change_that_affects_other_peers_compares_all(void **state)
{
	const struct lease others = peer_of("10.5.4.0/24", "192.168.0.4", "c6:d2:32:6f:8f:03");
	const struct lease unseen = peer_of("10.5.5.0/24", "192.168.0.5", "c6:d2:32:6f:8f:05");
	struct scene *scene = *state;

	run(scene);
	scene->list_all = false;
	scene->listed_all = 0;
	sample_put(&scene->now, &others);
	schedule_trigger(scene->schedule, RECONCILE_PEERS);
	fake_loop_pass(scene->loop, 10);
	assert_int_equal(scene->listed_all, 1);
	leases_clear(&scene->now);
	sample_put(&scene->was, &unseen);
	schedule_trigger(scene->schedule, RECONCILE_PEERS);
	fake_loop_pass(scene->loop, 10);
	assert_int_equal(scene->listed_all, 2);
	assert_int_equal(outcome(scene).programmed, 2);
}

/* The run that was scheduled first includes the changed peers. */
static void a_run_for_devices_includes_changed_peers(void **state)
{
	struct scene *scene = *state;

	run(scene);
	add_peer(scene, "10.5.4.0/24", "192.168.0.4", "c6:d2:32:6f:8f:04");
	schedule_trigger(scene->schedule, RECONCILE_DEVICES);
	schedule_trigger(scene->schedule, RECONCILE_PEERS);
	fake_loop_pass(scene->loop, 10);
	assert_int_equal(scene->runs, 2);
	assert_true(kernel_shows("ip route show proto 0x77", "10.5.4.0/24 via 10.5.4.0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scene_test(only_changed_peers_are_compared),
		scene_test(a_change_that_affects_other_peers_compares_all),
		scene_test(a_run_for_devices_includes_changed_peers),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	log_set_tap(log_network_required, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
