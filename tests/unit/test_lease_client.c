/* SPDX-License-Identifier: Apache-2.0 */
/* fake: loop */
#include "daemon/lease/lease_client.h"

#include "common/array.h"
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
	assert_int_equal(lease_client_view(scene->lease).ttl_s, TTL);
	assert_false(lease_client_view(scene->lease).reserved);
	assert_int_equal(scene->changes, 1);
	look(scene); /* the watch event of the own put changes nothing */
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
	assert_error(scene, "lost the race for subnet 10.5.7.0-24 to another node");
	assert_retries(scene, 200);
	look(scene);
	op = carry_out(scene); /* with the etcd lease granted before */
	assert_string_equal(op.key, "10.5.1.0-24");
	assert_held(scene, "10.5.1.0/24", 0x11);
	assert_int_equal(scene->store.asked[FAKE_GRANT], 1);
}

static void an_etcd_lease_that_expired_unused_is_granted_again(void **state)
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

static void failures_are_retried_with_exponential_backoff(void **state)
{
	static const uint64_t delays_ms[] = { 200, 400, 800, 1600, 3200, 6400, 10000, 10000 };
	struct scene *scene = *state;

	for (size_t i = 0; i < ARRAY_LEN(delays_ms); i++) {
		look(scene);
		fake_store_refuse(&scene->store, FAKE_GRANT, ECONNREFUSED, "etcd is away");
		assert_int_equal(state_of(scene), LEASE_NONE);
		assert_error(scene, "etcd is away");
		assert_int_equal(fake_loop_next_ms(scene->loop), delays_ms[i]);
		assert_retries(scene, delays_ms[i]);
	}
	look(scene);
	grant(scene, 0x11);
	fake_store_refuse(&scene->store, FAKE_PUT, ECONNRESET, "etcd went away");
	assert_error(scene, "etcd went away");
	assert_retries(scene, 10000);
	look(scene);
	carry_out(scene);
	assert_held(scene, "10.5.7.0/24", 0x11);
	/* After a success, the backoff starts from the beginning. */
	fake_loop_pass(scene->loop, TTL * 1000 / 3);
	fake_store_refuse(&scene->store, FAKE_KEEPALIVE, ECONNREFUSED, "etcd is away");
	assert_int_equal(fake_loop_next_ms(scene->loop), 200);
}

/* The put was carried out, but its answer was lost. */
static void a_put_whose_answer_was_lost_is_adopted(void **state)
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
	assert_error(scene, "no free subnet: all 255 of 10.5.0.0/16 are leased");
	assert_retries(scene, 200);
	look(scene);
	assert_retries(scene, 400);
	take_away(scene, "10.5.0.0/16");
	acquire(scene, 0x11);
}

static void a_failed_keepalive_keeps_the_lease(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	fake_loop_pass(scene->loop, TTL * 1000 / 3);
	for (int i = 0; i < 10; i++) {
		fake_store_refuse(&scene->store, FAKE_KEEPALIVE, ECONNREFUSED, "etcd is away");
		assert_int_equal(state_of(scene), LEASE_HELD);
		assert_error(scene, "etcd is away");
		assert_true(fake_loop_next_ms(scene->loop) <= 10000);
		fake_loop_pass(scene->loop, 10000);
	}
	fake_store_answer(&scene->store, FAKE_KEEPALIVE, (struct store_reply){ .ttl_s = TTL });
	assert_held(scene, "10.5.7.0/24", 0x11);
	assert_int_equal(scene->changes, 1);
}

static void an_expired_lease_is_acquired_again(void **state)
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

/* Another program has put the key again, or etcd is slow to remove it. */
static void an_existing_key_gets_a_new_etcd_lease_after_expiry(void **state)
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

static void a_late_keepalive_of_an_earlier_lease_is_ignored(void **state)
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

static void a_deleted_key_is_put_again_after_a_second_list(void **state)
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

/* The store lacks the key, or has it as before the put; then it has the current one. */
static void assert_stale(struct scene *scene, const char *public_ip)
{
	struct leases now = scene->known;
	uint64_t revision = scene->revision;
	unsigned refreshes = scene->store.refreshes;

	scene->known = (struct leases){ .len = 0 };
	scene->revision = 50;
	if (public_ip)
		put(scene, "10.5.7.0/24", public_ip, SAMPLE_NODE, 0x10);
	look(scene);
	assert_int_equal(scene->store.refreshes, refreshes + 1);
	leases_free(&scene->known);
	scene->known = now;
	scene->revision = revision;
	look(scene);
	assert_held(scene, "10.5.7.0/24", 0x11);
	assert_int_equal(scene->changes, 1);
}

/* A list from before the put that is reported after its answer. */
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

/* The revisions of a restored store start over, and the key has an old value. */
static void a_restored_store_is_accepted_after_a_second_list(void **state)
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

static void an_invalid_value_of_the_own_key_is_replaced(void **state)
{
	struct scene *scene = *state;
	const struct prefix subnet[FAMILIES] = { sample_prefix("10.5.7.0/24") };
	struct lease *peer;
	struct fake_op op;

	acquire(scene, 0x11);
	peer = leases_find(&scene->known, subnet);
	peer->invalid = true;
	peer->etcd_lease = 0;
	peer->mod_revision = ++scene->revision;
	look(scene);
	op = carry_out(scene);
	assert_int_equal(op.if_revision, 102);
	assert_int_equal(op.lease, 0x11); /* an invalid value is not a reservation */
	assert_held(scene, "10.5.7.0/24", 0x11);
}

/* Deleted during the next put: the revision in the lease table belongs to no key. */
static void a_vanished_key_is_put_as_a_new_key(void **state)
{
	struct scene *scene = *state;
	const struct prefix subnet[FAMILIES] = { sample_prefix("10.5.7.0/24") };

	acquire(scene, 0x11);
	put(scene, "10.5.7.0/24", OUR_IP, SAMPLE_NODE, 9);
	look(scene);
	leases_find(&scene->known, subnet)->vanished = true;
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
	assert_true(lease_client_view(scene->lease).reserved);
	look(scene);
	assert_at_rest(scene);
}

/* In the file store. */
static void without_expiry_the_lease_is_a_reservation(void **state)
{
	struct scene *scene = *state;

	look(scene);
	grant(scene, 0);
	assert_int_equal(carry_out(scene).lease, 0);
	assert_held(scene, "10.5.7.0/24", 0);
	assert_true(lease_client_view(scene->lease).reserved);
	look(scene);
	assert_at_rest(scene);
}

static void a_lease_can_become_a_reservation(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	put(scene, "10.5.7.0/24", OUR_IP, SAMPLE_NODE, 0);
	look(scene);
	assert_int_equal(carry_out(scene).lease, 0);
	assert_true(lease_client_view(scene->lease).reserved);
	look(scene);
	assert_at_rest(scene);
}

static void a_flannel_lease_of_this_node_is_adopted(void **state)
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

/* An invalid reply of the store must not cause requests in a loop. */
static void a_grant_without_a_ttl_is_not_renewed_in_a_loop(void **state)
{
	struct scene *scene = *state;

	look(scene);
	fake_store_answer(&scene->store, FAKE_GRANT, (struct store_reply){ .lease = 1 });
	carry_out(scene);
	assert_true(fake_loop_next_ms(scene->loop) >= 100);
}

/* ---- A subnet taken by another node ------------------------------------------------------- */

static void assert_lost(const struct scene *scene)
{
	assert_int_equal(state_of(scene), LEASE_LOST);
	assert_error(scene, "10.5.7.0/24 is leased by another node (host 192.168.0.9)");
	assert_int_equal(scene->changes, 2);
}

/* The grant and the put of another subnet follow at once. */
static void assert_lost_and_moves(struct scene *scene)
{
	struct fake_op op;

	assert_lost(scene);
	look(scene); /* regardless of other changes in the store */
	grant(scene, 0x12);
	assert_lost(scene);
	op = carry_out(scene);
	assert_string_equal(op.key, "10.5.1.0-24");
	assert_int_equal(op.if_revision, 0);
	assert_int_equal(op.lease, 0x12);
	assert_string_equal(op.instead_of, "");
	assert_held(scene, "10.5.1.0/24", 0x12);
	assert_int_equal(scene->changes, 3);
	scene->known.len = 0; /* too late */
	put(scene, "10.5.1.0/24", OUR_IP, SAMPLE_NODE, 0x12);
	look(scene);
	carry_out(scene);
	assert_held(scene, "10.5.1.0/24", 0x12);
}

static void a_key_taken_by_another_node_is_lost_and_another_subnet_acquired(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	put(scene, "10.5.7.0/24", "192.168.0.9", SAMPLE_OTHER, 9);
	look(scene);
	assert_lost_and_moves(scene);
}

static void a_key_taken_by_a_flannel_node_is_lost(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	put(scene, "10.5.7.0/24", "192.168.0.9", "", 9);
	look(scene);
	assert_lost_and_moves(scene);
}

/* The same ID with another address: two machines with one state directory must not compete. */
static void a_clone_of_this_node_is_another_node(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	put(scene, "10.5.7.0/24", "192.168.0.9", SAMPLE_NODE, 9);
	look(scene);
	assert_int_equal(state_of(scene), LEASE_LOST);
	assert_error(scene, "10.5.7.0/24 is leased by another machine (host 192.168.0.9)");
	assert_error(scene, "one of the two is a clone of the other");
	look(scene);
	assert_int_equal(state_of(scene), LEASE_LOST);
	assert_at_rest(scene);
	take_away(scene, "10.5.7.0/24");
	look(scene);
	grant(scene, 0x12);
	assert_string_equal(carry_out(scene).key, "10.5.7.0-24");
	assert_held(scene, "10.5.7.0/24", 0x12);
}

/* No other subnet is free; then the old one becomes free. */
static void a_lost_subnet_that_is_free_is_acquired_again(void **state)
{
	struct scene *scene = *state;

	scene->config = sample_config("{\"Network\":\"10.5.0.0/16\",\"SubnetMin\":\"10.5.7.0\","
				      "\"SubnetMax\":\"10.5.8.0\",\"Weft\":{\"LeaseTTL\":30}}");
	acquire(scene, 0x11);
	put(scene, "10.5.8.0/24", "192.168.0.8", SAMPLE_OTHER, 8);
	put(scene, "10.5.7.0/24", "192.168.0.9", SAMPLE_OTHER, 9);
	look(scene);
	assert_int_equal(state_of(scene), LEASE_LOST);
	assert_error(scene, "10.5.7.0/24 is leased by another node (host 192.168.0.9)");
	assert_error(scene, "no free subnet: all 2 of 10.5.0.0/16 are leased");
	take_away(scene, "10.5.7.0/24");
	assert_retries(scene, 200);
	look(scene);
	assert_int_equal(state_of(scene), LEASE_LOST); /* until the node holds it again */
	grant(scene, 0x12);
	assert_string_equal(carry_out(scene).key, "10.5.7.0-24");
	assert_held(scene, "10.5.7.0/24", 0x12);
}

/* The other node's key has another form, and conflicts with this node's key. */
static void a_subnet_in_a_key_of_another_node_is_lost(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	take_away(scene, "10.5.7.0/24");
	put(scene, "10.5.7.0/24&fd00:5:7::/64", "192.168.0.9", SAMPLE_OTHER, 9);
	look(scene);
	look(scene);
	assert_lost_and_moves(scene);
}

/* A conflicting key that is no lease, such as 10.5.7.0-24&x, is not in the lease table. */
static void a_subnet_that_is_refused_repeatedly_is_avoided(void **state)
{
	struct scene *scene = *state;
	struct fake_op op;

	look(scene);
	grant(scene, 0x11);
	for (int i = 0; i < 3; i++) {
		op = fake_store_answer(&scene->store, FAKE_PUT,
				       (struct store_reply){ .succeeded = false });
		assert_string_equal(op.key, "10.5.7.0-24");
		look(scene);
	}
	assert_string_equal(carry_out(scene).key, "10.5.1.0-24");
	assert_held(scene, "10.5.1.0/24", 0x11);
}

/* The next put removes the claim if its key does not exist. */
static void a_conflicting_claim_is_checked(void **state)
{
	struct scene *scene = *state;
	struct fake_op op;

	look(scene);
	grant(scene, 0x11);
	op = fake_store_take(&scene->store, FAKE_PUT);
	assert_string_equal(op.absent, "");
	op.done(op.ctx, &(struct store_reply){ .claimant = "10.5.9.0-24&fd00:5:7::-64" }, NULL);
	assert_error(scene, "10.5.9.0-24&fd00:5:7::-64");
	look(scene);
	op = fake_store_take(&scene->store, FAKE_PUT);
	assert_string_equal(op.absent, "10.5.9.0-24&fd00:5:7::-64");
	op.done(op.ctx, &(struct store_reply){ .succeeded = false }, NULL);
	look(scene);
	assert_string_equal(carry_out(scene).absent, "");
}

static void another_form_of_the_own_key_is_replaced(void **state)
{
	struct store_reply reply = { .succeeded = true };
	struct scene *scene = *state;
	struct fake_op op;

	put(scene, "10.5.3.0/24&fd00:5:3::/64", OUR_IP, SAMPLE_NODE, 9);
	look(scene);
	grant(scene, 0x11);
	op = carry_out(scene);
	assert_string_equal(op.key, "10.5.3.0-24");
	assert_string_equal(op.instead_of, "10.5.3.0-24&fd00:5:3::-64");
	assert_int_equal(op.instead_revision, 101);
	/* Once more, in a revision of its own: some readers see only the deletion. */
	assert_int_equal(state_of(scene), LEASE_HELD);
	op = fake_store_take(&scene->store, FAKE_PUT);
	assert_string_equal(op.key, "10.5.3.0-24");
	assert_string_equal(op.instead_of, "");
	assert_int_equal(op.if_revision, scene->revision);
	assert_true(op.lease == 0x11);
	reply.mod_revision = ++scene->revision;
	op.done(op.ctx, &reply, NULL);
	assert_held(scene, "10.5.3.0/24", 0x11);
	look(scene);
	assert_int_equal(scene->store.len, 0);
}

static void a_repetition_that_failed_is_made_with_the_next_list(void **state)
{
	struct scene *scene = *state;
	struct prefix old[FAMILIES];

	put(scene, "10.5.3.0/24&fd00:5:3::/64", OUR_IP, SAMPLE_NODE, 9);
	look(scene);
	grant(scene, 0x11);
	carry_out(scene);
	sample_subnets("10.5.3.0/24&fd00:5:3::/64", old);
	assert_true(leases_remove(&scene->known, old));
	fake_store_refuse(&scene->store, FAKE_PUT, ETIMEDOUT, "no answer");
	assert_held(scene, "10.5.3.0/24", 0x11);
	look(scene);
	/* Another node has changed the key meanwhile: the next list decides. */
	fake_store_answer(&scene->store, FAKE_PUT, (struct store_reply){ .succeeded = false });
	assert_held(scene, "10.5.3.0/24", 0x11);
	look(scene);
	assert_int_equal(scene->store.len, 0);
}

static void an_expired_lease_taken_by_another_node_is_lost(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	fake_loop_pass(scene->loop, TTL * 1000 / 3);
	fake_store_answer(&scene->store, FAKE_KEEPALIVE, (struct store_reply){ .ttl_s = 0 });
	put(scene, "10.5.7.0/24", "192.168.0.9", SAMPLE_OTHER, 9);
	look(scene);
	assert_lost_and_moves(scene);
}

/* The clone that starts later requests nothing from the store until the other is gone. */
static void a_clone_that_starts_later_is_refused(void **state)
{
	struct scene *scene = *state;
	struct lease first = sample_peer("10.5.7.0/24", "192.168.0.9", MAC_OTHER, SAMPLE_NODE,
					 ++scene->revision);

	snprintf(first.machine, sizeof(first.machine), "00000000000000bb");
	sample_put(&scene->known, &first);
	look(scene);
	assert_int_equal(state_of(scene), LEASE_NONE);
	assert_error(scene, "10.5.7.0/24 is leased by another machine");
	assert_error(scene, "remove node.json");
	assert_error(scene, "weftctl release 10.5.7.0/24");
	assert_int_equal(scene->store.len, 0);
	take_away(scene, "10.5.7.0/24");
	look(scene);
	grant(scene, 0x11);
	carry_out(scene);
	assert_held(scene, "10.5.7.0/24", 0x11);
}

/* etcd carries out a put that was abandoned, after another subnet was acquired instead. */
static void a_second_key_with_the_own_etcd_lease_is_removed(void **state)
{
	struct scene *scene = *state;
	struct fake_op op;

	acquire(scene, 0x11);
	put(scene, "10.5.8.0/24", OUR_IP, SAMPLE_NODE, 0x10); /* put by an earlier run */
	put(scene, "10.5.9.0/24", OUR_IP, SAMPLE_NODE, 0);    /* a reservation */
	look(scene);
	assert_int_equal(scene->store.len, 0);
	put(scene, "10.5.3.0/24", OUR_IP, SAMPLE_NODE, 0x11);
	look(scene);
	op = fake_store_answer(&scene->store, FAKE_REMOVE,
			       (struct store_reply){ .succeeded = true });
	assert_string_equal(op.key, "10.5.3.0-24");
	assert_int_equal(op.if_revision, scene->revision);
	assert_int_equal(state_of(scene), LEASE_HELD);
	take_away(scene, "10.5.3.0/24");
	look(scene);
	assert_int_equal(scene->store.len, 0);
}

/* As in Kubernetes: a Node's subnets are assigned by another program. */
static void reserve(struct scene *scene, const char *subnet)
{
	put(scene, subnet, "", SAMPLE_NODE, 0);
}

static void a_node_waits_for_its_reservation_and_follows_it(void **state)
{
	struct scene *scene = *state;
	struct fake_op op;

	scene->config.reserved_only = scene->config.pool[FAMILY_V4].any = true;
	scene->store.store.unreserved = "node n2 has no spec.podCIDRs";
	look(scene);
	assert_int_equal(state_of(scene), LEASE_NONE);
	assert_error(scene, "node n2 has no spec.podCIDRs");
	assert_retries(scene, 1000);
	reserve(scene, "10.5.0.0/26");
	look(scene);
	op = carry_out(scene);
	assert_string_equal(op.key, "10.5.0.0-26");
	assert_int_equal(op.if_revision, scene->revision - 1);
	assert_held(scene, "10.5.0.0/26", 0);
	look(scene);
	assert_at_rest(scene);
	/* Another node with the same subnet does not take it away. */
	put(scene, "10.5.0.0/24", "192.168.0.9", SAMPLE_OTHER, 0);
	look(scene);
	assert_int_equal(state_of(scene), LEASE_HELD);
	assert_at_rest(scene);
	/* The Node was deleted and created again. */
	take_away(scene, "10.5.0.0/26");
	look(scene);
	assert_int_equal(state_of(scene), LEASE_HELD);
	assert_error(scene, "node n2 has no spec.podCIDRs");
	reserve(scene, "10.5.4.0/24");
	look(scene);
	op = carry_out(scene);
	assert_string_equal(op.key, "10.5.4.0-24");
	assert_held(scene, "10.5.4.0/24", 0);
	assert_string_equal(lease_client_view(scene->lease).error, "");
}

/* ReservedOnly in etcd, set after the node has chosen its subnet. */
static void a_lease_without_a_reservation_is_kept_and_renewed(void **state)
{
	struct scene *scene = *state;
	struct fake_op op;

	acquire(scene, 0x11);
	scene->config.reserved_only = scene->config.pool[FAMILY_V4].any = true;
	look(scene);
	assert_held(scene, "10.5.7.0/24", 0x11);
	for (int i = 0; i < 3; i++) {
		fake_loop_pass(scene->loop, TTL * 1000 / 3);
		op = fake_store_answer(&scene->store, FAKE_KEEPALIVE,
				       (struct store_reply){ .ttl_s = TTL });
		assert_int_equal(op.lease, 0x11);
		look(scene);
	}
	assert_held(scene, "10.5.7.0/24", 0x11);
	/* The changed LeaseTTL needs a new etcd lease, once. */
	scene->config.lease_ttl_s = 2 * TTL;
	look(scene);
	assert_int_equal(grant(scene, 0x12).ttl_s, 2 * TTL);
	assert_int_equal(carry_out(scene).lease, 0x12);
	fake_store_answer(&scene->store, FAKE_REVOKE, (struct store_reply){ .succeeded = true });
	look(scene);
	assert_held(scene, "10.5.7.0/24", 0x12);
	assert_int_equal(scene->store.len, 0);
	/* The subnet becomes a reservation, which does not expire. */
	put(scene, "10.5.7.0/24", OUR_IP, SAMPLE_NODE, 0);
	look(scene);
	assert_int_equal(carry_out(scene).lease, 0);
	look(scene);
	assert_at_rest(scene);
}

/* As after a restart of weftd. */
static void an_existing_lease_without_a_reservation_is_adopted_and_renewed(void **state)
{
	struct scene *scene = *state;

	scene->config.reserved_only = scene->config.pool[FAMILY_V4].any = true;
	put(scene, "10.5.7.0/24", OUR_IP, SAMPLE_NODE, 9);
	look(scene);
	grant(scene, 0x11);
	carry_out(scene);
	look(scene);
	look(scene);
	assert_held(scene, "10.5.7.0/24", 0x11);
	fake_loop_pass(scene->loop, TTL * 1000 / 3);
	fake_store_answer(&scene->store, FAKE_KEEPALIVE, (struct store_reply){ .ttl_s = TTL });
	look(scene);
	assert_int_equal(fake_loop_next_ms(scene->loop), TTL * 1000 / 3);
}

static void a_reservation_outside_of_the_network_is_named(void **state)
{
	struct scene *scene = *state;

	scene->config.reserved_only = scene->config.pool[FAMILY_V4].any = true;
	reserve(scene, "10.6.0.0/24");
	look(scene);
	assert_error(scene, "10.6.0.0/24 is reserved for this node, but is not in the network "
			    "10.5.0.0/16");
	take_away(scene, "10.6.0.0/24");
	reserve(scene, "fd00:5:1::/64");
	look(scene);
	assert_error(scene, "no IPv4 subnet is reserved for this node, only fd00:5:1::/64");
	assert_retries(scene, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lease_test(a_free_subnet_is_acquired_and_kept),
		lease_test(events_during_an_operation_change_nothing),
		lease_test(after_a_lost_race_another_subnet_is_tried),
		lease_test(an_etcd_lease_that_expired_unused_is_granted_again),
		lease_test(failures_are_retried_with_exponential_backoff),
		lease_test(a_put_whose_answer_was_lost_is_adopted),
		lease_test(a_full_network_is_waited_for),
		lease_test(a_failed_keepalive_keeps_the_lease),
		lease_test(an_expired_lease_is_acquired_again),
		lease_test(an_existing_key_gets_a_new_etcd_lease_after_expiry),
		lease_test(a_late_keepalive_of_an_earlier_lease_is_ignored),
		lease_test(a_deleted_key_is_put_again_after_a_second_list),
		lease_test(a_stale_list_changes_nothing),
		lease_test(a_restored_store_is_accepted_after_a_second_list),
		lease_test(an_invalid_value_of_the_own_key_is_replaced),
		lease_test(a_vanished_key_is_put_as_a_new_key),
		lease_test(a_reservation_is_adopted_without_a_lease),
		lease_test(without_expiry_the_lease_is_a_reservation),
		lease_test(a_lease_can_become_a_reservation),
		lease_test(a_flannel_lease_of_this_node_is_adopted),
		lease_test(a_grant_without_a_ttl_is_not_renewed_in_a_loop),
		lease_test(a_key_taken_by_another_node_is_lost_and_another_subnet_acquired),
		lease_test(a_key_taken_by_a_flannel_node_is_lost),
		lease_test(a_clone_of_this_node_is_another_node),
		lease_test(a_clone_that_starts_later_is_refused),
		lease_test(a_lost_subnet_that_is_free_is_acquired_again),
		lease_test(a_subnet_in_a_key_of_another_node_is_lost),
		lease_test(a_subnet_that_is_refused_repeatedly_is_avoided),
		lease_test(a_conflicting_claim_is_checked),
		lease_test(another_form_of_the_own_key_is_replaced),
		lease_test(a_repetition_that_failed_is_made_with_the_next_list),
		lease_test(an_expired_lease_taken_by_another_node_is_lost),
		lease_test(a_node_waits_for_its_reservation_and_follows_it),
		lease_test(a_lease_without_a_reservation_is_kept_and_renewed),
		lease_test(an_existing_lease_without_a_reservation_is_adopted_and_renewed),
		lease_test(a_reservation_outside_of_the_network_is_named),
		lease_test(a_second_key_with_the_own_etcd_lease_is_removed),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
