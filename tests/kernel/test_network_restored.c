/* SPDX-License-Identifier: Apache-2.0 */
/* A store that was restored from a backup while nobody looked on. */
/* fake: nl loop */
#include "daemon/network.h"

#include "common/log.h"
#include "daemon/lastgood.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/network_scene.h"

#include <poll.h>

#define WHY "revision 7 in term 2, where it was 4711 in term 2"
#define GRACE_MS 300000
#define SAVE_MS 5000

static const struct lastgood_head kept = { .seen = { .cluster = 9, .revision = 4711, .term = 2 } };
static const struct store_point now = { .cluster = 9, .revision = 7, .term = 2 };

/* Two peers, and the network started anew with what it kept of them. */
static void start_again(struct scene *scene, const struct lastgood_head *head)
{
	struct peer two = sample_peer("10.5.200.0/24", "192.168.0.2", MAC_2, SAMPLE_OTHER, 9);
	struct peer three = sample_peer("10.5.201.0/24", "192.168.0.3", MAC_3, SAMPLE_NODE, 9);
	struct peers peers = { .len = 0 };
	struct err err = ERR_INIT;
	uint64_t written = 0;

	sample_put(&peers, &two);
	sample_put(&peers, &three);
	assert_done(lastgood_write(scene->state_dir, "default", head, CONFIG, &peers, &written,
				   &err),
		    err);
	peers_free(&peers);
	assert_done(network_start(scene->network, &scene->store.store, &err), err);
	assert_memory_equal(&scene->store.seen, &head->seen, sizeof(head->seen));
}

/* The first list, of a store that has the second peer alone. */
static void come_up_with_one(struct scene *scene, bool restored)
{
	tell_reached(scene);
	network_listener.list_begin(scene->network);
	if (restored)
		network_listener.restored(scene->network, WHY);
	network_listener.config(scene->network, CONFIG, strlen(CONFIG));
	tell_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	scene->store.seen = now;
	tell_list_end(scene);
	give_lease(scene);
	settle(scene);
}

static bool has_route(const char *subnet)
{
	return kernel_shows("ip route show proto 0x77", subnet);
}

/* Lets time go by, and the child process that writes come to its end; its lease is kept. */
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
	struct lastgood_head head = { .restored = false };
	struct err err = ERR_INIT;

	assert_done(lastgood_read_head(scene->state_dir, "default", &head, &err), err);
	return head.seen.revision == revision && head.restored == restored;
}

/* The one that writes is another process: in real time, until it has. */
static void wait_for_disk(struct scene *scene, uint64_t revision, bool restored)
{
	for (int i = 0; i < 1000 && !is_on_disk(scene, revision, restored); i++)
		poll(NULL, 0, 10);
	assert_true(is_on_disk(scene, revision, restored));
	fake_loop_poll(scene->loop);
}

static void a_peer_that_an_older_store_lacks_stays_for_the_grace(void **state)
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

/* And by now the store may be as young as what was seen of it. */
static void one_more_start_in_that_time_has_it_again(void **state)
{
	const struct lastgood_head head = { .seen = now, .restored = true };
	struct scene *scene = *state;

	start_again(scene, &head);
	come_up_with_one(scene, false);
	assert_true(has_route("10.5.201.0/24"));
	assert_says(network_view(scene->network).wiped, "before weftd was started");
	pass(scene, GRACE_MS + 1000);
	assert_false(has_route("10.5.201.0/24"));
	pass(scene, SAVE_MS + 1000);
	wait_for_disk(scene, now.revision, false);
}

/* The same list, not restored: the peer has gone while we were away. */
static void a_peer_that_the_store_lacks_is_gone(void **state)
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

/* It came up from what it kept; when the store is back, it is another one. */
static void a_boot_without_the_store_is_no_other(void **state)
{
	struct scene *scene = *state;

	start_again(scene, &kept);
	tell_lost(scene, "connection refused");
	settle(scene);
	assert_true(has_route("10.5.201.0/24"));
	come_up_with_one(scene, true);
	assert_true(has_route("10.5.201.0/24"));
	assert_string_equal(network_view(scene->network).wiped, WHY);
}

/* A list that breaks off says nothing, and the next one is of the same store. */
static void a_list_that_fails_is_told_again(void **state)
{
	struct scene *scene = *state;

	start_again(scene, &kept);
	tell_reached(scene);
	network_listener.list_begin(scene->network);
	network_listener.restored(scene->network, WHY);
	network_listener.list_failed(scene->network);
	come_up_with_one(scene, true);
	assert_true(has_route("10.5.201.0/24"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		network_test(a_peer_that_an_older_store_lacks_stays_for_the_grace),
		network_test(one_more_start_in_that_time_has_it_again),
		network_test(a_peer_that_the_store_lacks_is_gone),
		network_test(a_boot_without_the_store_is_no_other),
		network_test(a_list_that_fails_is_told_again),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
