/* SPDX-License-Identifier: Apache-2.0 */
/* A store that was restored from a backup while weftd was not running. */
/* fake: nl loop */
#include "daemon/network/network.h"

#include "common/log.h"
#include "daemon/network/snapshot.h"
#include "tests/unit/log_network.h"
#include "tests/unit/network_scene.h"

#include <poll.h>

#define WHY "revision 7 in term 2 after revision 4711 in term 2"
#define GRACE_MS 300000
#define SAVE_MS 5000

static const struct snapshot_head kept = { .seen = { .cluster = 9, .revision = 4711, .term = 2 } };
static const struct store_point now = { .cluster = 9, .revision = 7, .term = 2 };

/* Starts the network with a snapshot of two peers. */
static void start_again(struct scene *scene, const struct snapshot_head *head)
{
	struct lease two = sample_peer("10.5.200.0/24", "192.168.0.2", MAC_2, SAMPLE_OTHER, 9);
	struct lease three = sample_peer("10.5.201.0/24", "192.168.0.3", MAC_3, SAMPLE_NODE, 9);
	struct leases peers = { .len = 0 };
	struct err err = ERR_INIT;
	uint64_t written = 0;

	sample_put(&peers, &two);
	sample_put(&peers, &three);
	assert_done(snapshot_write(scene->state_dir, "default", head, CONFIG, &peers, &written,
				   &err),
		    err);
	leases_free(&peers);
	assert_done(network_start(scene->network, &scene->store.store, &err), err);
	assert_memory_equal(&scene->store.position, &head->seen, sizeof(head->seen));
}

/* The first list: the store contains the first of the two peers only. */
static void come_up_with_one(struct scene *scene, bool restored)
{
	deliver_reached(scene);
	network_listener.list_begin(scene->network);
	if (restored)
		network_listener.restored(scene->network, WHY);
	network_listener.config(scene->network, CONFIG, strlen(CONFIG));
	deliver_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	scene->store.position = now;
	deliver_list_end(scene);
	give_lease(scene);
	settle(scene);
}

static bool has_route(const char *subnet)
{
	return kernel_shows("ip route show proto 0x77", subnet);
}

/* Advances the time in steps, runs the child processes that write files, and renews the lease. */
static void pass(struct scene *scene, uint64_t ms)
{
	for (uint64_t gone = 0; gone < ms; gone += 1000) {
		fake_loop_pass(scene->loop, 1000);
		if (scene->store.len)
			fake_store_answer(&scene->store, FAKE_KEEPALIVE,
					  (struct store_reply){ .ttl_s = 30 });
	}
}

static bool is_on_disk(const struct scene *scene, uint64_t revision, bool restored)
{
	struct snapshot_head head = { .restored = false };
	struct err err = ERR_INIT;

	assert_done(snapshot_read_head(scene->state_dir, "default", &head, &err), err);
	return head.seen.revision == revision && head.restored == restored;
}

/*
 * Another process writes the snapshot: waits in real time, in which the clock of the loop advances
 * too, because a write that is due during another one is put off.
 */
static void wait_for_disk(struct scene *scene, uint64_t revision, bool restored)
{
	for (int i = 0; i < 1000 && !is_on_disk(scene, revision, restored); i++) {
		poll(NULL, 0, 10);
		fake_loop_pass(scene->loop, 10);
	}
	assert_true(is_on_disk(scene, revision, restored));
	fake_loop_poll(scene->loop);
}

static void a_peer_missing_in_a_restored_store_is_kept_for_the_grace_period(void **state)
{
	struct scene *scene = *state;

	start_again(scene, &kept);
	come_up_with_one(scene, true);
	assert_true(has_route("10.5.200.0/24"));
	assert_true(has_route("10.5.201.0/24"));
	assert_string_equal(network_view(scene->network).wiped, WHY);
	wait_for_disk(scene, now.revision, true);
	pass(scene, GRACE_MS + 1000);
	assert_true(has_route("10.5.200.0/24"));
	assert_false(has_route("10.5.201.0/24"));
	assert_string_equal(network_view(scene->network).wiped, "");
	pass(scene, SAVE_MS + 1000);
	wait_for_disk(scene, now.revision, false);
}

/* The snapshot may have been written after the restore, with the position of the restored store. */
static void a_restart_within_the_grace_period_starts_it_again(void **state)
{
	const struct snapshot_head head = { .seen = now, .restored = true };
	struct scene *scene = *state;

	start_again(scene, &head);
	come_up_with_one(scene, false);
	assert_true(has_route("10.5.201.0/24"));
	assert_says(network_view(scene->network).wiped, "before weftd was restarted");
	pass(scene, GRACE_MS + 1000);
	assert_false(has_route("10.5.201.0/24"));
	pass(scene, SAVE_MS + 1000);
	wait_for_disk(scene, now.revision, false);
}

/* The same list from a store that was not restored: the peer was removed while weftd was down. */
static void a_peer_missing_in_the_store_is_removed(void **state)
{
	struct scene *scene = *state;

	start_again(scene, &kept);
	come_up_with_one(scene, false);
	assert_true(has_route("10.5.200.0/24"));
	assert_false(has_route("10.5.201.0/24"));
	assert_string_equal(network_view(scene->network).wiped, "");
	pass(scene, SAVE_MS + 1000);
	wait_for_disk(scene, now.revision, false);
}

/* The network started from its snapshot while the store was unreachable. */
static void a_restored_store_is_detected_after_a_start_without_it(void **state)
{
	struct scene *scene = *state;

	start_again(scene, &kept);
	deliver_lost(scene, "connection refused");
	settle(scene);
	assert_true(has_route("10.5.201.0/24"));
	come_up_with_one(scene, true);
	assert_true(has_route("10.5.201.0/24"));
	assert_string_equal(network_view(scene->network).wiped, WHY);
}

/* The configuration is there without the store, as in a file, or from a list that broke off. */
static void a_known_configuration_does_not_prevent_a_start_from_the_snapshot(void **state)
{
	static const char config[] = "{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"MTU\":1400}}";
	struct scene *scene = *state;

	start_again(scene, &kept);
	network_listener.config(scene->network, config, strlen(config));
	deliver_lost(scene, "connection refused");
	settle(scene);
	assert_true(has_route("10.5.200.0/24"));
	assert_true(has_route("10.5.201.0/24"));
	assert_true(kernel_shows("ip link show weft-vx1", "mtu 1350 "));
	come_up_with_one(scene, false);
	assert_false(has_route("10.5.201.0/24"));
}

/* The remembered subnet is not in it: the store decides. */
static void a_configuration_of_another_network_prevents_a_start_from_the_snapshot(void **state)
{
	static const char config[] = "{\"Network\":\"10.6.0.0/16\"}";
	struct scene *scene = *state;

	start_again(scene, &kept);
	network_listener.config(scene->network, config, strlen(config));
	deliver_lost(scene, "connection refused");
	settle(scene);
	assert_false(has_route("10.5.200.0/24"));
}

/* A list that breaks off is ignored; the next list is of the same store. */
static void a_failed_list_keeps_the_restored_state(void **state)
{
	struct scene *scene = *state;

	start_again(scene, &kept);
	deliver_reached(scene);
	network_listener.list_begin(scene->network);
	network_listener.restored(scene->network, WHY);
	network_listener.list_failed(scene->network);
	come_up_with_one(scene, true);
	assert_true(has_route("10.5.201.0/24"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		network_test(a_peer_missing_in_a_restored_store_is_kept_for_the_grace_period),
		network_test(a_restart_within_the_grace_period_starts_it_again),
		network_test(a_peer_missing_in_the_store_is_removed),
		network_test(a_restored_store_is_detected_after_a_start_without_it),
		network_test(a_known_configuration_does_not_prevent_a_start_from_the_snapshot),
		network_test(a_configuration_of_another_network_prevents_a_start_from_the_snapshot),
		network_test(a_failed_list_keeps_the_restored_state),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	log_set_tap(log_network_required, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
