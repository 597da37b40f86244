/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl loop */
/* Passes for what the store has told: of few peers, of peers that concern others. */
#include "daemon/sync.h"

#include "daemon/plan.h"
#include "tests/unit/sync_scene.h"

static struct peer peer_of(const char *subnet, const char *public_ip, const char *mac)
{
	return sample_peer(subnet, public_ip, mac, "", 1);
}

/* One that moves, one that goes, one that comes: each in its place, and nothing else is sent. */
static void a_change_of_few_is_all_that_is_looked_at(void **state)
{
	const struct peer was[] = { peer_of("10.5.2.0/24", "192.168.0.2", "c6:d2:32:6f:8f:02"),
				    peer_of("10.5.3.0/24", "192.168.0.3", "c6:d2:32:6f:8f:03") };
	const struct peer now[] = { peer_of("10.5.2.0/24", "192.168.0.9", "c6:d2:32:6f:8f:02"),
				    peer_of("10.5.4.0/24", "192.168.0.4", "c6:d2:32:6f:8f:04") };
	struct scene *scene = *state;

	pass(scene);
	scene->told_all = false;
	scene->asked_all = 0;
	peers_clear(&scene->peers);
	for (size_t i = 0; i < 2; i++) {
		sample_put(&scene->was, &was[i]);
		sample_put(&scene->now, &now[i]);
		sample_put(&scene->peers, &now[i]);
	}
	fake_nl_reset();
	sync_mark(scene->sync, SYNC_PEERS);
	fake_loop_pass(scene->loop, 10);
	assert_int_equal(scene->asked_all, 0);
	assert_int_equal(dumps(), 0);
	assert_int_equal(sync_stats(scene->sync).programmed, 2);
	assert_true(kernel_shows("bridge fdb show dev weft-vx1", "dst 192.168.0.9"));
	assert_false(kernel_shows("bridge fdb show dev weft-vx1", "c6:d2:32:6f:8f:03"));
	assert_false(kernel_shows("ip neigh show", "10.5.3.0"));
	assert_true(kernel_shows("ip route show proto 0x77", "10.5.4.0/24 via 10.5.4.0"));
	/* What is known to stand is what stands. */
	assert_int_equal(sync_stand(scene->sync).entries->route.len, 2);
	assert_int_equal(pass(scene).written, 1 + 2 * 3 + 2 + 3 + 4);
}

/* Whose MAC another has, or which was not what stood: all are looked at. */
static void a_change_that_concerns_others_is_a_look_at_all(void **state)
{
	const struct peer others = peer_of("10.5.4.0/24", "192.168.0.4", "c6:d2:32:6f:8f:03");
	const struct peer unseen = peer_of("10.5.5.0/24", "192.168.0.5", "c6:d2:32:6f:8f:05");
	struct scene *scene = *state;

	pass(scene);
	scene->told_all = false;
	scene->asked_all = 0;
	sample_put(&scene->now, &others);
	sync_mark(scene->sync, SYNC_PEERS);
	fake_loop_pass(scene->loop, 10);
	assert_int_equal(scene->asked_all, 1);
	peers_clear(&scene->now);
	sample_put(&scene->was, &unseen);
	sync_mark(scene->sync, SYNC_PEERS);
	fake_loop_pass(scene->loop, 10);
	assert_int_equal(scene->asked_all, 2);
	assert_int_equal(sync_stats(scene->sync).programmed, 2);
}

/* The look that was due first takes along what the store has told. */
static void a_look_at_the_devices_leaves_no_change_behind(void **state)
{
	struct scene *scene = *state;

	pass(scene);
	add_peer(scene, "10.5.4.0/24", "192.168.0.4", "c6:d2:32:6f:8f:04");
	sync_mark(scene->sync, SYNC_DEVICES);
	sync_mark(scene->sync, SYNC_PEERS);
	fake_loop_pass(scene->loop, 10);
	assert_int_equal(scene->passes, 2);
	assert_true(kernel_shows("ip route show proto 0x77", "10.5.4.0/24 via 10.5.4.0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scene_test(a_change_of_few_is_all_that_is_looked_at),
		scene_test(a_change_that_concerns_others_is_a_look_at_all),
		scene_test(a_look_at_the_devices_leaves_no_change_behind),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
