/* SPDX-License-Identifier: Apache-2.0 */
/* fake: loop */
#include "daemon/lease.h"

#include "common/log.h"
#include "tests/unit/lease_scene.h"

#include <errno.h>

static void a_free_subnet_is_acquired_and_kept(void **state)
{
	struct scene *scene = *state;
	struct fake_op op;

	assert_at_rest(scene);
	look(scene);
	op = grant(scene, 0x11);
	assert_int_equal(op.ttl_s, TTL);
	op = carry_out(scene);
	assert_string_equal(op.key, "10.5.7.0-24");
	assert_int_equal(op.if_revision, 0);
	assert_int_equal(op.lease, 0x11);
	assert_says(op.value, "\"PublicIP\":\"" OUR_IP "\"");
	assert_held(scene, "10.5.7.0/24", 0x11);
	assert_int_equal(lease_view(scene->lease).ttl_s, TTL);
	assert_false(lease_view(scene->lease).reserved);
	assert_int_equal(scene->changes, 1);
	look(scene); /* what the watch tells of our own put is no news */
	assert_held(scene, "10.5.7.0/24", 0x11);
	assert_int_equal(fake_loop_next_ms(scene->loop), TTL * 1000 / 3);
	for (int i = 0; i < 3; i++) {
		fake_loop_pass(scene->loop, TTL * 1000 / 3);
		op = fake_store_answer(&scene->store, FAKE_KEEPALIVE,
				       (struct store_reply){ .ttl_s = TTL });
		assert_int_equal(op.lease, 0x11);
	}
	assert_held(scene, "10.5.7.0/24", 0x11);
	assert_int_equal(scene->changes, 1);
}

static void events_during_an_operation_change_nothing(void **state)
{
	struct scene *scene = *state;

	look(scene);
	put(scene, "10.5.7.0/24", "192.168.0.9", SAMPLE_OTHER, 9);
	look(scene);
	assert_int_equal(state_of(scene), LEASE_GRANTING);
	grant(scene, 0x11);
	look(scene);
	assert_int_equal(state_of(scene), LEASE_PUTTING);
	assert_int_equal(scene->store.asked[FAKE_PUT], 1);
}

static void after_a_lost_race_another_subnet_is_tried(void **state)
{
	struct scene *scene = *state;
	struct fake_op op;

	look(scene);
	grant(scene, 0x11);
	put(scene, "10.5.7.0/24", "192.168.0.9", SAMPLE_OTHER, 9);
	lose_race(scene);
	assert_int_equal(state_of(scene), LEASE_NONE);
	assert_trouble(scene, "quicker");
	assert_retries(scene, 200);
	look(scene);
	op = carry_out(scene); /* with what was granted */
	assert_string_equal(op.key, "10.5.1.0-24");
	assert_held(scene, "10.5.1.0/24", 0x11);
	assert_int_equal(scene->store.asked[FAKE_GRANT], 1);
}

static void what_expired_unused_is_granted_anew(void **state)
{
	struct scene *scene = *state;

	look(scene);
	grant(scene, 0x11);
	lose_race(scene);
	look(scene);
	fake_store_refuse(&scene->store, FAKE_PUT, ENOENT, "etcd: requested lease not found");
	assert_int_equal(state_of(scene), LEASE_NONE);
	assert_retries(scene, 400);
	look(scene);
	grant(scene, 0x12);
	assert_int_equal(carry_out(scene).lease, 0x12);
	assert_held(scene, "10.5.7.0/24", 0x12);
}

static void failures_are_tried_again_ever_more_slowly(void **state)
{
	static const uint64_t delays_ms[] = { 200, 400, 800, 1600, 3200, 6400, 10000, 10000 };
	struct scene *scene = *state;

	for (size_t i = 0; i < LEN(delays_ms); i++) {
		look(scene);
		fake_store_refuse(&scene->store, FAKE_GRANT, ECONNREFUSED, "etcd is away");
		assert_int_equal(state_of(scene), LEASE_NONE);
		assert_trouble(scene, "etcd is away");
		assert_int_equal(fake_loop_next_ms(scene->loop), delays_ms[i]);
		assert_retries(scene, delays_ms[i]);
	}
	look(scene);
	grant(scene, 0x11);
	fake_store_refuse(&scene->store, FAKE_PUT, ECONNRESET, "etcd went away");
	assert_trouble(scene, "etcd went away");
	assert_retries(scene, 10000);
	look(scene);
	carry_out(scene);
	assert_held(scene, "10.5.7.0/24", 0x11);
	/* And from the beginning next time. */
	fake_loop_pass(scene->loop, TTL * 1000 / 3);
	fake_store_refuse(&scene->store, FAKE_KEEPALIVE, ECONNREFUSED, "etcd is away");
	assert_int_equal(fake_loop_next_ms(scene->loop), 200);
}

/* The answer was lost, but it had been carried out. */
static void a_put_of_unknown_outcome_is_found_and_adopted(void **state)
{
	struct scene *scene = *state;
	struct fake_op op;

	look(scene);
	grant(scene, 0x11);
	put(scene, "10.5.7.0/24", OUR_IP, SAMPLE_NODE, 0x11);
	fake_store_refuse(&scene->store, FAKE_PUT, ETIMEDOUT, "no answer");
	assert_retries(scene, 200);
	look(scene);
	op = carry_out(scene);
	assert_string_equal(op.key, "10.5.7.0-24");
	assert_int_equal(op.if_revision, 101);
	assert_held(scene, "10.5.7.0/24", 0x11);
}

static void a_full_network_is_waited_for(void **state)
{
	struct scene *scene = *state;

	put(scene, "10.5.0.0/16", "192.168.0.9", SAMPLE_OTHER, 9);
	look(scene);
	assert_trouble(scene, "no free subnet: all 255 of 10.5.0.0/16 are leased");
	assert_retries(scene, 200);
	look(scene);
	assert_retries(scene, 400);
	take_away(scene, "10.5.0.0/16");
	acquire(scene, 0x11);
}

static void a_failing_keepalive_does_not_give_up_the_lease(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	fake_loop_pass(scene->loop, TTL * 1000 / 3);
	for (int i = 0; i < 10; i++) {
		fake_store_refuse(&scene->store, FAKE_KEEPALIVE, ECONNREFUSED, "etcd is away");
		assert_int_equal(state_of(scene), LEASE_HELD);
		assert_trouble(scene, "etcd is away");
		assert_true(fake_loop_next_ms(scene->loop) <= 10000);
		fake_loop_pass(scene->loop, 10000);
	}
	fake_store_answer(&scene->store, FAKE_KEEPALIVE, (struct store_reply){ .ttl_s = TTL });
	assert_held(scene, "10.5.7.0/24", 0x11);
	assert_int_equal(scene->changes, 1);
}

static void an_expired_lease_is_taken_again(void **state)
{
	struct scene *scene = *state;
	unsigned refreshes;

	acquire(scene, 0x11);
	refreshes = scene->store.refreshes;
	fake_loop_pass(scene->loop, TTL * 1000 / 3);
	fake_store_answer(&scene->store, FAKE_KEEPALIVE, (struct store_reply){ .ttl_s = 0 });
	assert_int_equal(scene->store.refreshes, refreshes + 1);
	take_away(scene, "10.5.7.0/24");
	look(scene);
	grant(scene, 0x12);
	assert_int_equal(carry_out(scene).if_revision, 0);
	assert_held(scene, "10.5.7.0/24", 0x12);
	assert_int_equal(fake_loop_next_ms(scene->loop), TTL * 1000 / 3);
}

/* Someone put the key again for us, or etcd is slow to remove it. */
static void an_expired_lease_whose_key_stands_is_attached_again(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	fake_loop_pass(scene->loop, TTL * 1000 / 3);
	fake_store_answer(&scene->store, FAKE_KEEPALIVE, (struct store_reply){ .ttl_s = 0 });
	look(scene);
	grant(scene, 0x12);
	assert_int_equal(carry_out(scene).if_revision, 101);
	assert_held(scene, "10.5.7.0/24", 0x12);
}

static void a_late_keepalive_of_the_lease_before_says_nothing(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	fake_loop_pass(scene->loop, TTL * 1000 / 3);
	take_away(scene, "10.5.7.0/24");
	look(scene);
	look(scene);
	grant(scene, 0x12);
	carry_out(scene);
	fake_store_answer(&scene->store, FAKE_KEEPALIVE, (struct store_reply){ .ttl_s = 0 });
	assert_held(scene, "10.5.7.0/24", 0x12);
	assert_int_equal(fake_loop_next_ms(scene->loop), TTL * 1000 / 3);
}

static void a_deleted_key_is_put_again_once_that_is_sure(void **state)
{
	struct scene *scene = *state;
	unsigned refreshes;

	acquire(scene, 0x11);
	take_away(scene, "10.5.7.0/24");
	refreshes = scene->store.refreshes;
	look(scene);
	assert_int_equal(state_of(scene), LEASE_HELD);
	assert_int_equal(scene->store.refreshes, refreshes + 1);
	look(scene);
	grant(scene, 0x12);
	carry_out(scene);
	assert_held(scene, "10.5.7.0/24", 0x12);
}

/* The key that the store has not, or has as it was before our put; and then as it is. */
static void assert_stale(struct scene *scene, const char *public_ip)
{
	struct peers now = scene->known;
	uint64_t revision = scene->revision;
	unsigned refreshes = scene->store.refreshes;

	scene->known = (struct peers){ .len = 0 };
	scene->revision = 50;
	if (public_ip)
		put(scene, "10.5.7.0/24", public_ip, SAMPLE_NODE, 0x10);
	look(scene);
	assert_int_equal(scene->store.refreshes, refreshes + 1);
	peers_free(&scene->known);
	scene->known = now;
	scene->revision = revision;
	look(scene);
	assert_held(scene, "10.5.7.0/24", 0x11);
	assert_int_equal(scene->changes, 1);
}

/* A list from before our put, told after its answer. */
static void a_stale_list_changes_nothing(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	assert_stale(scene, NULL);
	assert_stale(scene, "192.168.0.99");
	assert_stale(scene, OUR_IP);
	assert_int_equal(scene->store.asked[FAKE_GRANT], 1);
	assert_int_equal(scene->store.asked[FAKE_PUT], 1);
}

/* It counts its revisions anew, and has our key as it was long ago. */
static void a_restored_store_is_believed_the_second_time(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	scene->revision = 50;
	put(scene, "10.5.7.0/24", OUR_IP, SAMPLE_NODE, 0x10);
	look(scene);
	assert_int_equal(state_of(scene), LEASE_HELD);
	look(scene);
	assert_int_equal(carry_out(scene).if_revision, 51);
	assert_held(scene, "10.5.7.0/24", 0x11);
}

static void rubbish_over_our_key_is_replaced(void **state)
{
	struct scene *scene = *state;
	const struct prefix subnet[FAMILIES] = { sample_prefix("10.5.7.0/24") };
	struct peer *peer;
	struct fake_op op;

	acquire(scene, 0x11);
	peer = peers_find(&scene->known, subnet);
	peer->unreadable = true;
	peer->lease = 0;
	peer->mod_revision = ++scene->revision;
	look(scene);
	op = carry_out(scene);
	assert_int_equal(op.if_revision, 102);
	assert_int_equal(op.lease, 0x11); /* what does not parse is no reservation */
	assert_held(scene, "10.5.7.0/24", 0x11);
}

/* Deleted while we put it again: what the network remembers of it has a revision of no key. */
static void a_key_that_vanished_is_put_as_new(void **state)
{
	struct scene *scene = *state;
	const struct prefix subnet[FAMILIES] = { sample_prefix("10.5.7.0/24") };

	acquire(scene, 0x11);
	put(scene, "10.5.7.0/24", OUR_IP, SAMPLE_NODE, 9);
	look(scene);
	peers_find(&scene->known, subnet)->vanished = true;
	lose_race(scene);
	look(scene);
	grant(scene, 0x12);
	assert_int_equal(carry_out(scene).if_revision, 0);
	assert_held(scene, "10.5.7.0/24", 0x12);
}

static void a_reservation_is_adopted_without_a_lease(void **state)
{
	struct scene *scene = *state;
	struct fake_op op;

	put(scene, "10.5.3.0/24", OUR_IP, "", 0);
	look(scene);
	assert_int_equal(scene->store.asked[FAKE_GRANT], 0);
	op = carry_out(scene);
	assert_string_equal(op.key, "10.5.3.0-24");
	assert_int_equal(op.lease, 0);
	assert_int_equal(op.if_revision, 101);
	assert_held(scene, "10.5.3.0/24", 0);
	assert_true(lease_view(scene->lease).reserved);
	look(scene);
	assert_at_rest(scene);
}

/* The file store's. */
static void where_no_lease_ends_ours_is_a_reservation(void **state)
{
	struct scene *scene = *state;

	look(scene);
	grant(scene, 0);
	assert_int_equal(carry_out(scene).lease, 0);
	assert_held(scene, "10.5.7.0/24", 0);
	assert_true(lease_view(scene->lease).reserved);
	look(scene);
	assert_at_rest(scene);
}

static void our_lease_can_become_a_reservation(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	put(scene, "10.5.7.0/24", OUR_IP, SAMPLE_NODE, 0);
	look(scene);
	assert_int_equal(carry_out(scene).lease, 0);
	assert_true(lease_view(scene->lease).reserved);
	look(scene);
	assert_at_rest(scene);
}

static void a_flannel_lease_of_ours_is_adopted(void **state)
{
	struct scene *scene = *state;
	struct fake_op op;

	put(scene, "10.5.3.0/24", OUR_IP, "", 0x99);
	look(scene);
	grant(scene, 0x11);
	op = carry_out(scene);
	assert_string_equal(op.key, "10.5.3.0-24");
	assert_int_equal(op.lease, 0x11);
	assert_int_equal(op.if_revision, 101);
	assert_says(op.value, SAMPLE_NODE);
	assert_held(scene, "10.5.3.0/24", 0x11);
}

/* A store that answers nonsense must not be asked again at once, and for ever. */
static void a_grant_without_a_time_is_kept_calmly(void **state)
{
	struct scene *scene = *state;

	look(scene);
	fake_store_answer(&scene->store, FAKE_GRANT, (struct store_reply){ .lease = 1 });
	carry_out(scene);
	assert_true(fake_loop_next_ms(scene->loop) >= 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lease_test(a_free_subnet_is_acquired_and_kept),
		lease_test(events_during_an_operation_change_nothing),
		lease_test(after_a_lost_race_another_subnet_is_tried),
		lease_test(what_expired_unused_is_granted_anew),
		lease_test(failures_are_tried_again_ever_more_slowly),
		lease_test(a_put_of_unknown_outcome_is_found_and_adopted),
		lease_test(a_full_network_is_waited_for),
		lease_test(a_failing_keepalive_does_not_give_up_the_lease),
		lease_test(an_expired_lease_is_taken_again),
		lease_test(an_expired_lease_whose_key_stands_is_attached_again),
		lease_test(a_late_keepalive_of_the_lease_before_says_nothing),
		lease_test(a_deleted_key_is_put_again_once_that_is_sure),
		lease_test(a_stale_list_changes_nothing),
		lease_test(a_restored_store_is_believed_the_second_time),
		lease_test(rubbish_over_our_key_is_replaced),
		lease_test(a_key_that_vanished_is_put_as_new),
		lease_test(a_reservation_is_adopted_without_a_lease),
		lease_test(where_no_lease_ends_ours_is_a_reservation),
		lease_test(our_lease_can_become_a_reservation),
		lease_test(a_flannel_lease_of_ours_is_adopted),
		lease_test(a_grant_without_a_time_is_kept_calmly),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
