/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl loop */
#include "daemon/dataplane/reconciler.h"

#include "common/array.h"
#include "tests/unit/log_network.h"
#include "tests/unit/reconciler_scene.h"

static void nothing_runs_without_a_trigger(void **state)
{
	struct scene *scene = *state;
	struct outcome stats = outcome(scene);

	fake_loop_pass(scene->loop, 3600000);
	assert_int_equal(scene->calls, 0);
	assert_int_equal(stats.runs, 0);
	assert_string_equal(stats.error, "");
	assert_false(stats.good);
}

static void a_run_does_everything(void **state)
{
	struct scene *scene = *state;
	struct outcome stats = run(scene);

	assert_int_equal(stats.runs, 1);
	assert_int_equal(stats.failed, 0);
	assert_int_equal(stats.written, 1 + 2 * 3); /* all devices count as one change */
	assert_int_equal(stats.programmed, 2);
	assert_true(stats.good);
	assert_string_equal(stats.error, "");
	assert_true(kernel_shows("ip route show proto 0x77", "10.5.3.0/24 via 10.5.3.0"));
	assert_true(fake_loop_next_ms(scene->loop) >= 225000); /* the periodic run */
}

static void a_second_run_writes_nothing(void **state)
{
	struct scene *scene = *state;
	struct outcome stats;

	run(scene);
	fake_nl_reset();
	stats = run(scene);
	assert_int_equal(stats.runs, 2);
	assert_int_equal(stats.written, 1 + 2 * 3);
	for (size_t i = 0; i < fake_nl_sent(); i++) {
		uint16_t type = fake_nl_request(i)->nlmsg_type;

		assert_true(type == RTM_GETLINK || type == RTM_GETADDR || type == RTM_GETNEIGH ||
			    type == RTM_GETROUTE);
	}
}

static void many_triggers_make_one_run(void **state)
{
	struct scene *scene = *state;

	for (int i = 0; i < 1000; i++)
		schedule_trigger(scene->schedule, RECONCILE_ALL);
	assert_int_equal(scene->runs, 0);
	fake_loop_pass(scene->loop, 1000);
	assert_int_equal(scene->runs, 1);
}

/* A run does not wait until the triggers stop. */
static void further_triggers_do_not_delay_a_run(void **state)
{
	struct scene *scene = *state;

	for (int i = 0; i < 20; i++) {
		schedule_trigger(scene->schedule, RECONCILE_ALL);
		fake_loop_pass(scene->loop, 1);
	}
	assert_true(scene->runs >= 3);
}

/* One trigger per millisecond for ten seconds. */
static void many_triggers_lead_to_few_runs(void **state)
{
	struct scene *scene = *state;

	for (int i = 0; i < 10000; i++) {
		schedule_trigger(scene->schedule, i % 2 ? RECONCILE_ALL : RECONCILE_DEVICES);
		fake_loop_pass(scene->loop, 1);
	}
	assert_in_range(scene->runs, 40, 60);
	/* After a pause, the next run starts as fast as the first. */
	fake_loop_pass(scene->loop, 2000);
	fake_nl_reset();
	schedule_trigger(scene->schedule, RECONCILE_ALL);
	assert_int_equal(fake_loop_next_ms(scene->loop), 2);
}

static void a_change_of_the_store_needs_no_dump(void **state)
{
	struct scene *scene = *state;

	run(scene);
	fake_nl_reset();
	leases_clear(&scene->peers);
	add_peer(scene, "10.5.2.0/24", "192.168.0.9", "c6:d2:32:6f:8f:02");
	add_peer(scene, "10.5.4.0/24", "192.168.0.4", "c6:d2:32:6f:8f:04");
	schedule_trigger(scene->schedule, RECONCILE_PEERS);
	fake_loop_pass(scene->loop, 10);
	assert_int_equal(scene->runs, 2);
	assert_int_equal(dumps(), 0);
	assert_true(kernel_shows("bridge fdb show dev weft-vx1", "dst 192.168.0.9"));
	assert_false(kernel_shows("bridge fdb show dev weft-vx1", "dst 192.168.0.2"));
	assert_false(kernel_shows("bridge fdb show dev weft-vx1", "c6:d2:32:6f:8f:03"));
	assert_false(kernel_shows("ip neigh show", "10.5.3.0"));
	assert_true(kernel_shows("ip route show proto 0x77", "10.5.4.0/24 via 10.5.4.0"));
	assert_false(kernel_shows("ip route show proto 0x77", "10.5.3.0/24"));
	/* A full comparison finds no differences. */
	assert_int_equal(run(scene).written, 1 + 2 * 3 + 3 + 2 + 4);
}

/* The kernel's state is unknown after a refusal: the next run reads it. */
static void a_refusal_leads_to_a_dump(void **state)
{
	struct scene *scene = *state;

	run(scene);
	add_peer(scene, "10.5.4.0/24", "192.168.0.4", "c6:d2:32:6f:8f:04");
	fake_nl_refuse(1, EPERM, "no way");
	schedule_trigger(scene->schedule, RECONCILE_PEERS);
	fake_loop_pass(scene->loop, 10);
	assert_false(outcome(scene).good);
	fake_nl_reset();
	schedule_trigger(scene->schedule, RECONCILE_PEERS);
	fake_loop_pass(scene->loop, 10);
	assert_true(outcome(scene).good);
	assert_int_equal(dumps(), 3);
}

static void a_changed_device_leads_to_a_dump(void **state)
{
	struct scene *scene = *state;

	run(scene);
	fake_nl_reset();
	schedule_trigger(scene->schedule, RECONCILE_DEVICES);
	fake_loop_pass(scene->loop, 10);
	assert_int_equal(scene->runs, 2);
	assert_int_equal(dumps(), 0);
	assert_int_equal(system("ip link del weft-vx1"), 0);
	schedule_trigger(scene->schedule, RECONCILE_DEVICES);
	fake_loop_pass(scene->loop, 10);
	assert_int_equal(dumps(), 3);
	assert_true(kernel_shows("bridge fdb show dev weft-vx1", "dst 192.168.0.2"));
}

/* The devices of the previous VNI are not taken for renamed ones. */
static void another_vni_leads_to_new_devices(void **state)
{
	struct scene *scene = *state;
	unsigned before;

	run(scene);
	before = if_nametoindex("weft-br1");
	assert_true(before);
	scene->device.vni = 2;
	run(scene);
	assert_true(if_nametoindex("weft-br2"));
	assert_int_not_equal(if_nametoindex("weft-br2"), before);
	assert_int_equal(if_nametoindex("weft-br1"), 0);
	assert_int_equal(if_nametoindex("weft-vx1"), 0);
}

static void everything_is_compared_after_minutes(void **state)
{
	struct scene *scene = *state;

	run(scene);
	assert_int_equal(system("ip route flush proto 0x77"), 0);
	fake_loop_pass(scene->loop, 375000);
	assert_in_range(scene->runs, 2, 3);
	assert_true(kernel_shows("ip route show proto 0x77", "10.5.3.0/24 via 10.5.3.0"));
}

static void a_trigger_during_a_run_makes_another(void **state)
{
	struct scene *scene = *state;

	scene->trigger = true;
	schedule_trigger(scene->schedule, RECONCILE_ALL);
	fake_loop_pass(scene->loop, 1000);
	assert_int_equal(scene->runs, 2);
}

static void without_a_desired_state_nothing_runs(void **state)
{
	struct scene *scene = *state;

	scene->unknown = true;
	schedule_trigger(scene->schedule, RECONCILE_ALL);
	fake_loop_pass(scene->loop, 1000);
	assert_int_equal(scene->calls, 1);
	assert_int_equal(scene->runs, 0);
	assert_int_equal(outcome(scene).runs, 0);
	scene->unknown = false;
	assert_true(run(scene).good);
}

static void a_failed_run_is_retried_with_backoff(void **state)
{
	static const uint64_t delays_ms[] = { 200,  400,   800,   1600,  3200,
					      6400, 12800, 25600, 30000, 30000 };
	struct scene *scene = *state;
	struct outcome stats;

	fake_nl_fail(1, ENOBUFS, "no room");
	stats = run(scene);
	for (size_t i = 0; i < ARRAY_LEN(delays_ms); i++) {
		assert_false(stats.good);
		assert_int_equal(stats.failed, i + 1);
		assert_says(stats.error, "no room");
		assert_int_equal(stats.programmed, 0);
		assert_int_equal(scene->runs, i + 1);
		assert_true(fake_loop_next_ms(scene->loop) <= delays_ms[i]);
		fake_nl_fail(1, ENOBUFS, "no room");
		fake_loop_pass(scene->loop, delays_ms[i]);
		stats = outcome(scene);
	}
	fake_nl_reset();
	fake_loop_pass(scene->loop, 30000);
	stats = outcome(scene);
	assert_true(stats.good);
	assert_string_equal(stats.error, "");
	assert_int_equal(stats.programmed, 2);
	assert_true(fake_loop_next_ms(scene->loop) >= 225000);
	/* After a success, the backoff starts from the beginning. */
	fake_nl_fail(1, ENOBUFS, "no room");
	run(scene);
	assert_true(fake_loop_next_ms(scene->loop) <= 200);
}

static void a_trigger_runs_before_the_retry(void **state)
{
	struct scene *scene = *state;

	fake_nl_fail(1, ENOBUFS, "no room");
	run(scene);
	fake_nl_reset();
	assert_true(run(scene).good);
	assert_true(fake_loop_next_ms(scene->loop) >= 225000);
	assert_int_equal(scene->runs, 2);
}

static void a_run_for_peers_does_not_end_the_failure_of_devices(void **state)
{
	struct scene *scene = *state;
	struct outcome stats;

	assert_true(run(scene).good);
	fake_nl_fail(1, ENOBUFS, "no room");
	assert_false(run(scene).good);
	fake_nl_reset();
	schedule_trigger(scene->schedule, RECONCILE_PEERS);
	fake_loop_pass(scene->loop, 10);
	stats = outcome(scene);
	assert_int_equal(stats.runs, 3);
	assert_int_equal(stats.failed, 1);
	assert_false(stats.good);
	assert_says(stats.error, "no room");
	fake_loop_pass(scene->loop, 200);
	stats = outcome(scene);
	assert_int_equal(stats.runs, 4);
	assert_true(stats.good);
}

static void one_refusal_of_many_is_named(void **state)
{
	struct scene *scene = *state;
	struct outcome stats;

	run(scene);
	add_peer(scene, "10.5.4.0/24", "192.168.0.4", "c6:d2:32:6f:8f:04");
	fake_nl_refuse(3, EPERM, "no way");
	stats = run(scene);
	assert_false(stats.good);
	assert_true(strncmp(stats.error, "add route to 10.5.4.0/24: no way", 32) == 0);
	assert_int_equal(stats.written, 1 + 2 * 3 + 2);
	assert_int_equal(stats.programmed, 2); /* the values of the last successful run */
	fake_loop_pass(scene->loop, 200);
	stats = outcome(scene);
	assert_true(stats.good);
	assert_int_equal(stats.programmed, 3);
}

static void several_refusals_are_counted(void **state)
{
	struct scene *scene = *state;
	struct outcome stats;

	leases_clear(&scene->peers);
	run(scene);
	/* Multicast addresses, which the kernel refuses. */
	for (unsigned i = 2; i < 5; i++) {
		char subnet[32], public_ip[32], mac[32];

		snprintf(subnet, sizeof(subnet), "10.5.%u.0/24", i);
		snprintf(public_ip, sizeof(public_ip), "192.168.0.%u", i);
		snprintf(mac, sizeof(mac), "01:d2:32:6f:8f:%02x", i);
		add_peer(scene, subnet, public_ip, mac);
	}
	stats = run(scene);
	assert_false(stats.good);
	assert_says(stats.error, "3 of 9 changes failed, the first: add FDB entry of 01:d2:");
}

/* Each call of a first run fails, one at a time. */
static void a_retry_succeeds_after_every_failed_call(void **state)
{
	bool faulted = true;

	(void)state;
	for (unsigned nth = 1; faulted; nth++) {
		struct outcome stats;
		struct scene *scene;
		void *slot;

		setup(&slot);
		scene = slot;
		fake_nl_fail(nth, ENOBUFS, "no room");
		stats = run(scene);
		faulted = fake_nl_faulted();
		assert_int_equal(stats.good, !faulted);
		fake_nl_reset();
		if (faulted)
			fake_loop_pass(scene->loop, 200);
		assert_true(outcome(scene).good);
		assert_true(kernel_shows("ip route show proto 0x77", "10.5.3.0/24 via 10.5.3.0"));
		teardown(&slot);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scene_test(nothing_runs_without_a_trigger),
		scene_test(a_run_does_everything),
		scene_test(a_second_run_writes_nothing),
		scene_test(many_triggers_make_one_run),
		scene_test(further_triggers_do_not_delay_a_run),
		scene_test(many_triggers_lead_to_few_runs),
		scene_test(a_change_of_the_store_needs_no_dump),
		scene_test(a_refusal_leads_to_a_dump),
		scene_test(a_changed_device_leads_to_a_dump),
		scene_test(another_vni_leads_to_new_devices),
		scene_test(everything_is_compared_after_minutes),
		scene_test(a_trigger_during_a_run_makes_another),
		scene_test(without_a_desired_state_nothing_runs),
		scene_test(a_failed_run_is_retried_with_backoff),
		scene_test(a_run_for_peers_does_not_end_the_failure_of_devices),
		scene_test(a_trigger_runs_before_the_retry),
		scene_test(one_refusal_of_many_is_named),
		scene_test(several_refusals_are_counted),
		cmocka_unit_test(a_retry_succeeds_after_every_failed_call),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	log_set_tap(log_network_required, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
