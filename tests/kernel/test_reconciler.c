/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl loop */
#include "daemon/sync.h"

#include "tests/unit/sync_scene.h"

static void nothing_runs_unasked(void **state)
{
	struct scene *scene = *state;
	struct sync_stats stats = sync_stats(scene->sync);

	fake_loop_pass(scene->loop, 3600000);
	assert_int_equal(scene->wants, 0);
	assert_int_equal(stats.passes, 0);
	assert_string_equal(stats.last_error, "");
	assert_false(stats.good);
}

static void a_pass_does_everything(void **state)
{
	struct scene *scene = *state;
	struct sync_stats stats = pass(scene);

	assert_int_equal(stats.passes, 1);
	assert_int_equal(stats.failed, 0);
	assert_int_equal(stats.written, 1 + 2 * 3); /* the devices count as one */
	assert_int_equal(stats.programmed, 2);
	assert_true(stats.good);
	assert_string_equal(stats.last_error, "");
	assert_true(kernel_shows("ip route show proto 0x77", "10.5.3.0/24 via 10.5.3.0"));
	assert_true(fake_loop_next_ms(scene->loop) >= 225000); /* the look that nobody asks for */
}

static void a_second_pass_writes_nothing(void **state)
{
	struct scene *scene = *state;
	struct sync_stats stats;

	pass(scene);
	fake_nl_reset();
	stats = pass(scene);
	assert_int_equal(stats.passes, 2);
	assert_int_equal(stats.written, 1 + 2 * 3);
	for (size_t i = 0; i < fake_nl_sent(); i++) {
		uint16_t type = fake_nl_request(i)->nlmsg_type;

		assert_true(type == RTM_GETLINK || type == RTM_GETADDR || type == RTM_GETNEIGH ||
			    type == RTM_GETROUTE);
	}
}

static void many_marks_make_one_pass(void **state)
{
	struct scene *scene = *state;

	for (int i = 0; i < 1000; i++)
		sync_mark(scene->sync, SYNC_ALL);
	assert_int_equal(scene->passes, 0);
	fake_loop_pass(scene->loop, 1000);
	assert_int_equal(scene->passes, 1);
}

/* However often it is marked, it does not wait for silence. */
static void marks_do_not_put_a_pass_off(void **state)
{
	struct scene *scene = *state;

	for (int i = 0; i < 20; i++) {
		sync_mark(scene->sync, SYNC_ALL);
		fake_loop_pass(scene->loop, 1);
	}
	assert_true(scene->passes >= 3);
}

/* Ten seconds of a mark each millisecond. */
static void a_storm_of_marks_is_a_few_passes(void **state)
{
	struct scene *scene = *state;

	for (int i = 0; i < 10000; i++) {
		sync_mark(scene->sync, i % 2 ? SYNC_ALL : SYNC_DEVICES);
		fake_loop_pass(scene->loop, 1);
	}
	assert_in_range(scene->passes, 40, 60);
	/* After silence, the next one is as quick as the first. */
	fake_loop_pass(scene->loop, 2000);
	fake_nl_reset();
	sync_mark(scene->sync, SYNC_ALL);
	assert_int_equal(fake_loop_next_ms(scene->loop), 2);
}

static void a_change_of_the_store_needs_no_dump(void **state)
{
	struct scene *scene = *state;

	pass(scene);
	fake_nl_reset();
	peers_clear(&scene->peers);
	add_peer(scene, "10.5.2.0/24", "192.168.0.9", "c6:d2:32:6f:8f:02");
	add_peer(scene, "10.5.4.0/24", "192.168.0.4", "c6:d2:32:6f:8f:04");
	sync_mark(scene->sync, SYNC_PEERS);
	fake_loop_pass(scene->loop, 10);
	assert_int_equal(scene->passes, 2);
	assert_int_equal(dumps(), 0);
	assert_true(kernel_shows("bridge fdb show dev weft-vx1", "dst 192.168.0.9"));
	assert_false(kernel_shows("bridge fdb show dev weft-vx1", "dst 192.168.0.2"));
	assert_false(kernel_shows("bridge fdb show dev weft-vx1", "c6:d2:32:6f:8f:03"));
	assert_false(kernel_shows("ip neigh show", "10.5.3.0"));
	assert_true(kernel_shows("ip route show proto 0x77", "10.5.4.0/24 via 10.5.4.0"));
	assert_false(kernel_shows("ip route show proto 0x77", "10.5.3.0/24"));
	/* And a look at everything finds nothing to do. */
	assert_int_equal(pass(scene).written, 1 + 2 * 3 + 3 + 2 + 4);
}

/* What stands is not known any more: the next pass looks. */
static void a_refusal_leads_to_a_look(void **state)
{
	struct scene *scene = *state;

	pass(scene);
	add_peer(scene, "10.5.4.0/24", "192.168.0.4", "c6:d2:32:6f:8f:04");
	fake_nl_refuse(1, EPERM, "no way");
	sync_mark(scene->sync, SYNC_PEERS);
	fake_loop_pass(scene->loop, 10);
	assert_false(sync_stats(scene->sync).good);
	fake_nl_reset();
	sync_mark(scene->sync, SYNC_PEERS);
	fake_loop_pass(scene->loop, 10);
	assert_true(sync_stats(scene->sync).good);
	assert_int_equal(dumps(), 3);
}

static void a_look_at_the_devices_goes_on_where_they_were_changed(void **state)
{
	struct scene *scene = *state;

	pass(scene);
	fake_nl_reset();
	sync_mark(scene->sync, SYNC_DEVICES);
	fake_loop_pass(scene->loop, 10);
	assert_int_equal(scene->passes, 2);
	assert_int_equal(dumps(), 0);
	assert_int_equal(system("ip link del weft-vx1"), 0);
	sync_mark(scene->sync, SYNC_DEVICES);
	fake_loop_pass(scene->loop, 10);
	assert_int_equal(dumps(), 3);
	assert_true(kernel_shows("bridge fdb show dev weft-vx1", "dst 192.168.0.2"));
}

static void a_look_comes_unasked_after_minutes(void **state)
{
	struct scene *scene = *state;

	pass(scene);
	assert_int_equal(system("ip route flush proto 0x77"), 0);
	fake_loop_pass(scene->loop, 375000);
	assert_in_range(scene->passes, 2, 3);
	assert_true(kernel_shows("ip route show proto 0x77", "10.5.3.0/24 via 10.5.3.0"));
}

static void a_mark_during_a_pass_makes_another(void **state)
{
	struct scene *scene = *state;

	scene->mark = true;
	sync_mark(scene->sync, SYNC_ALL);
	fake_loop_pass(scene->loop, 1000);
	assert_int_equal(scene->passes, 2);
}

static void what_is_not_known_makes_no_pass(void **state)
{
	struct scene *scene = *state;

	scene->unknown = true;
	sync_mark(scene->sync, SYNC_ALL);
	fake_loop_pass(scene->loop, 1000);
	assert_int_equal(scene->wants, 1);
	assert_int_equal(scene->passes, 0);
	assert_int_equal(sync_stats(scene->sync).passes, 0);
	scene->unknown = false;
	assert_true(pass(scene).good);
}

static void a_failed_pass_is_tried_again_ever_more_slowly(void **state)
{
	static const uint64_t delays_ms[] = { 200,  400,   800,   1600,  3200,
					      6400, 12800, 25600, 30000, 30000 };
	struct scene *scene = *state;
	struct sync_stats stats;

	fake_nl_fail(1, ENOBUFS, "no room");
	stats = pass(scene);
	for (size_t i = 0; i < LEN(delays_ms); i++) {
		assert_false(stats.good);
		assert_int_equal(stats.failed, i + 1);
		assert_says(stats.last_error, "no room");
		assert_int_equal(stats.programmed, 0);
		assert_int_equal(scene->passes, i + 1);
		assert_true(fake_loop_next_ms(scene->loop) <= delays_ms[i]);
		fake_nl_fail(1, ENOBUFS, "no room");
		fake_loop_pass(scene->loop, delays_ms[i]);
		stats = sync_stats(scene->sync);
	}
	fake_nl_reset();
	fake_loop_pass(scene->loop, 30000);
	stats = sync_stats(scene->sync);
	assert_true(stats.good);
	assert_string_equal(stats.last_error, "");
	assert_int_equal(stats.programmed, 2);
	assert_true(fake_loop_next_ms(scene->loop) >= 225000);
	/* And from the beginning next time. */
	fake_nl_fail(1, ENOBUFS, "no room");
	pass(scene);
	assert_true(fake_loop_next_ms(scene->loop) <= 200);
}

static void a_mark_goes_before_the_retry(void **state)
{
	struct scene *scene = *state;

	fake_nl_fail(1, ENOBUFS, "no room");
	pass(scene);
	fake_nl_reset();
	assert_true(pass(scene).good);
	assert_true(fake_loop_next_ms(scene->loop) >= 225000);
	assert_int_equal(scene->passes, 2);
}

static void one_refusal_of_many_is_named(void **state)
{
	struct scene *scene = *state;
	struct sync_stats stats;

	pass(scene);
	add_peer(scene, "10.5.4.0/24", "192.168.0.4", "c6:d2:32:6f:8f:04");
	fake_nl_refuse(3, EPERM, "no way");
	stats = pass(scene);
	assert_false(stats.good);
	assert_true(strncmp(stats.last_error, "add route to 10.5.4.0/24: no way", 32) == 0);
	assert_int_equal(stats.written, 1 + 2 * 3 + 2);
	assert_int_equal(stats.programmed, 2); /* as of the last good pass */
	fake_loop_pass(scene->loop, 200);
	stats = sync_stats(scene->sync);
	assert_true(stats.good);
	assert_int_equal(stats.programmed, 3);
}

static void several_refusals_are_counted(void **state)
{
	struct scene *scene = *state;
	struct sync_stats stats;

	peers_clear(&scene->peers);
	pass(scene);
	/* Group addresses, which the kernel has no place for. */
	for (unsigned i = 2; i < 5; i++) {
		char subnet[32], public_ip[32], mac[32];

		snprintf(subnet, sizeof(subnet), "10.5.%u.0/24", i);
		snprintf(public_ip, sizeof(public_ip), "192.168.0.%u", i);
		snprintf(mac, sizeof(mac), "01:d2:32:6f:8f:%02x", i);
		add_peer(scene, subnet, public_ip, mac);
	}
	stats = pass(scene);
	assert_false(stats.good);
	assert_says(stats.last_error, "3 of 9 changes failed, the first: add FDB entry of 01:d2:");
}

/* Each call to the kernel fails in its turn, through a whole first pass. */
static void every_failing_call_ends_in_a_good_retry(void **state)
{
	bool faulted = true;

	(void)state;
	for (unsigned nth = 1; faulted; nth++) {
		struct sync_stats stats;
		struct scene *scene;
		void *slot;

		setup(&slot);
		scene = slot;
		fake_nl_fail(nth, ENOBUFS, "no room");
		stats = pass(scene);
		faulted = fake_nl_faulted();
		assert_int_equal(stats.good, !faulted);
		fake_nl_reset();
		if (faulted)
			fake_loop_pass(scene->loop, 200);
		assert_true(sync_stats(scene->sync).good);
		assert_true(kernel_shows("ip route show proto 0x77", "10.5.3.0/24 via 10.5.3.0"));
		teardown(&slot);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scene_test(nothing_runs_unasked),
		scene_test(a_pass_does_everything),
		scene_test(a_second_pass_writes_nothing),
		scene_test(many_marks_make_one_pass),
		scene_test(marks_do_not_put_a_pass_off),
		scene_test(a_storm_of_marks_is_a_few_passes),
		scene_test(a_change_of_the_store_needs_no_dump),
		scene_test(a_refusal_leads_to_a_look),
		scene_test(a_look_at_the_devices_goes_on_where_they_were_changed),
		scene_test(a_look_comes_unasked_after_minutes),
		scene_test(a_mark_during_a_pass_makes_another),
		scene_test(what_is_not_known_makes_no_pass),
		scene_test(a_failed_pass_is_tried_again_ever_more_slowly),
		scene_test(a_mark_goes_before_the_retry),
		scene_test(one_refusal_of_many_is_named),
		scene_test(several_refusals_are_counted),
		cmocka_unit_test(every_failing_call_ends_in_a_good_retry),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
