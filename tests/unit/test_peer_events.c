/* SPDX-License-Identifier: Apache-2.0 */
/* fake: loop */
/* The log lines of peers that come and go: few by name, many as one line. */
#include "daemon/network/peer_events.h"

#include "common/log.h"
#include "daemon/io/loop.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/samples.h"

#include <unistd.h>

#define MAC_2 "c6:d2:32:6f:8f:02"

/* The events since the last call, "EVENT|EVENT|", with the values of some fields. */
static char seen[4096];

static void on_event(void *ctx, const char *event, const char *network, const char *json,
		     size_t size)
{
	const size_t len = strlen(seen);
	const char *from = strstr(json, "\"network\":\"default\",");

	(void)ctx, (void)size;
	assert_string_equal(network, "default");
	assert_non_null(from);
	snprintf(seen + len, sizeof(seen) - len, "%s %s\n", event, strchr(from, ',') + 1);
}

struct events_scene {
	struct loop *loop;
	struct reconciler *reconciler;
	struct peer_events events;
	struct desired_counts counts;
};

static int set_up(void **state)
{
	static struct events_scene scene;
	struct err err = ERR_INIT;

	memset(&scene, 0, sizeof(scene));
	seen[0] = '\0';
	log_set_tap(on_event, NULL);
	assert_good(loop_new(&scene.loop, &err), err);
	assert_good(reconciler_new(NULL, NULL, &scene.reconciler, &err), err);
	assert_good(peer_events_init(&scene.events, scene.loop, "default", &err), err);
	*state = &scene;
	return 0;
}

static int tear_down(void **state)
{
	struct events_scene *scene = *state;

	log_set_tap(NULL, NULL);
	peer_events_free(&scene->events);
	reconciler_free(scene->reconciler);
	loop_free(scene->loop);
	return 0;
}

static void finish(struct events_scene *scene, int rc)
{
	peer_events_finish(&scene->events, rc, &scene->counts, scene->reconciler);
}

/* A reconcile that lists the changed peers; a peer NULL: none. */
static void changed(struct events_scene *scene, const struct lease *before, const struct lease *now)
{
	struct desired_state desired = { .listed = DESIRED_PEERS_CHANGED };

	if (before)
		sample_put(&desired.before, before);
	if (now)
		sample_put(&desired.peers, now);
	peer_events_build(&scene->events, &desired);
	scene->counts.usable += desired.peers.len - desired.before.len;
	desired_state_free(&desired);
}

/* A reconcile that lists all. */
static void listed(struct events_scene *scene, size_t usable)
{
	const struct desired_state desired = { .listed = DESIRED_PEERS_ALL };

	peer_events_build(&scene->events, &desired);
	scene->counts.usable = usable;
}

static void few_peers_have_names(void **state)
{
	struct events_scene *scene = *state;
	struct lease second = sample_peer("10.5.2.0/24", "192.168.0.2", MAC_2, SAMPLE_OTHER, 5);
	struct lease moved = sample_peer("10.5.2.0/24", "192.168.0.9", MAC_2, SAMPLE_OTHER, 6);
	struct lease same = sample_peer("10.5.2.0/24", "192.168.0.9", MAC_2, SAMPLE_OTHER, 7);

	changed(scene, NULL, &second);
	finish(scene, 0);
	fake_loop_pass(scene->loop, PEER_EVENTS_MS - 1);
	assert_string_equal(seen, "");
	fake_loop_pass(scene->loop, 1);
	assert_says(seen, "peer installed \"peer\":");
	assert_says(seen, "\"subnet\":\"10.5.2.0/24\",\"public_ip\":\"192.168.0.2\"}");
	fake_loop_pass(scene->loop, 60000);
	seen[0] = '\0';
	changed(scene, &second, &moved);
	finish(scene, 0);
	fake_loop_pass(scene->loop, PEER_EVENTS_MS);
	assert_says(seen, "peer changed ");
	assert_says(seen, "192.168.0.9");
	seen[0] = '\0';
	changed(scene, &moved, &same); /* only its revision differs */
	finish(scene, 0);
	changed(scene, &same, NULL);
	finish(scene, 0);
	fake_loop_pass(scene->loop, 60000);
	assert_says(seen, "peer removed ");
	assert_null(strstr(seen, "peer changed"));
}

static void many_peers_are_one_event(void **state)
{
	struct events_scene *scene = *state;

	listed(scene, 10000);
	finish(scene, 0);
	fake_loop_pass(scene->loop, PEER_EVENTS_MS);
	assert_string_equal(seen, "peers changed \"installed\":\"10000\",\"changed\":\"0\","
				  "\"removed\":\"0\",\"peers\":\"10000\"}\n");
	seen[0] = '\0';
	/* As long as nothing changes, listing all is no event. */
	listed(scene, 10000);
	finish(scene, 0);
	fake_loop_pass(scene->loop, 60000);
	assert_string_equal(seen, "");
	listed(scene, 9000);
	finish(scene, 0);
	fake_loop_pass(scene->loop, 60000);
	assert_says(seen, "\"removed\":\"1000\",\"peers\":\"9000\"");
}

static void a_storm_has_few_lines(void **state)
{
	struct events_scene *scene = *state;
	size_t lines = 0;

	for (size_t i = 1; i <= 600; i++) { /* a minute */
		listed(scene, 10 * i);
		finish(scene, 0);
		fake_loop_pass(scene->loop, 100);
	}
	fake_loop_pass(scene->loop, PEER_EVENTS_MAX_MS);
	for (const char *at = seen; (at = strstr(at, "peers changed")); at++)
		lines++;
	assert_in_range(lines, 2, 10);
	assert_says(seen, "\"peers\":\"6000\"");
}

static void a_failed_reconcile_is_no_event(void **state)
{
	struct events_scene *scene = *state;
	struct lease second = sample_peer("10.5.2.0/24", "192.168.0.2", MAC_2, SAMPLE_OTHER, 5);

	changed(scene, NULL, &second);
	finish(scene, -1);
	fake_loop_pass(scene->loop, 60000);
	assert_string_equal(seen, "");
	listed(scene, 1);
	finish(scene, 0);
	fake_loop_pass(scene->loop, 60000);
	assert_says(seen, "\"installed\":\"1\"");
}

static void refused_leases_have_reasons(void **state)
{
	struct events_scene *scene = *state;

	scene->counts.refused[PEER_REFUSED_MAC] = 2;
	finish(scene, 0);
	fake_loop_pass(scene->loop, 60000);
	assert_string_equal(
		seen, "leases refused \"cause\":\"mac\",\"leases\":\"2\",\"before\":\"0\"}\n");
	seen[0] = '\0';
	finish(scene, 0);
	fake_loop_pass(scene->loop, 60000);
	assert_string_equal(seen, "");
	scene->counts.refused[PEER_REFUSED_MAC] = 0;
	finish(scene, 0);
	fake_loop_pass(scene->loop, 60000);
	assert_says(seen, "leases no longer refused \"cause\":\"mac\",\"leases\":\"0\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(few_peers_have_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_peers_are_one_event, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_storm_has_few_lines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_failed_reconcile_is_no_event, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refused_leases_have_reasons, set_up, tear_down),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, STDERR_FILENO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
