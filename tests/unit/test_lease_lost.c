/* SPDX-License-Identifier: Apache-2.0 */
/* A lease whose subnet, or whose next one, another node has. */
/* fake: loop */
#include "daemon/lease.h"

#include "common/log.h"
#include "tests/unit/lease_scene.h"

static void assert_lost(const struct scene *scene)
{
	assert_int_equal(state_of(scene), LEASE_LOST);
	assert_trouble(scene, "10.5.7.0/24 is leased by another node (host 192.168.0.9)");
	assert_int_equal(scene->changes, 2);
}

/* The grant and the put of another subnet come at once. */
static void assert_lost_and_moves(struct scene *scene)
{
	struct fake_op op;

	assert_lost(scene);
	look(scene); /* whatever else happens in the store */
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

static void a_key_that_another_took_is_lost_and_the_node_moves(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	put(scene, "10.5.7.0/24", "192.168.0.9", SAMPLE_OTHER, 9);
	look(scene);
	assert_lost_and_moves(scene);
}

static void a_flannel_node_can_take_it_too(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	put(scene, "10.5.7.0/24", "192.168.0.9", "", 9);
	look(scene);
	assert_lost_and_moves(scene);
}

/* The same id from another address: two machines with one state directory must not fight. */
static void a_clone_of_this_node_is_another(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	put(scene, "10.5.7.0/24", "192.168.0.9", SAMPLE_NODE, 9);
	look(scene);
	assert_int_equal(state_of(scene), LEASE_LOST);
	assert_trouble(scene, "10.5.7.0/24 is leased by another machine (host 192.168.0.9)");
	assert_trouble(scene, "one of the two is a copy of the other");
	look(scene);
	assert_int_equal(state_of(scene), LEASE_LOST);
	assert_at_rest(scene);
	take_away(scene, "10.5.7.0/24");
	look(scene);
	grant(scene, 0x12);
	assert_string_equal(carry_out(scene).key, "10.5.7.0-24");
	assert_held(scene, "10.5.7.0/24", 0x12);
}

/* Nothing else is free; then the old one is. */
static void a_lost_subnet_is_taken_again_before_another(void **state)
{
	struct scene *scene = *state;

	scene->config = sample_config("{\"Network\":\"10.5.0.0/16\",\"SubnetMin\":\"10.5.7.0\","
				      "\"SubnetMax\":\"10.5.8.0\",\"Weft\":{\"LeaseTTL\":30}}");
	acquire(scene, 0x11);
	put(scene, "10.5.8.0/24", "192.168.0.8", SAMPLE_OTHER, 8);
	put(scene, "10.5.7.0/24", "192.168.0.9", SAMPLE_OTHER, 9);
	look(scene);
	assert_int_equal(state_of(scene), LEASE_LOST);
	assert_trouble(scene, "10.5.7.0/24 is leased by another node (host 192.168.0.9)");
	assert_trouble(scene, "no free subnet: all 2 of 10.5.0.0/16 are leased");
	take_away(scene, "10.5.7.0/24");
	assert_retries(scene, 200);
	look(scene);
	assert_int_equal(state_of(scene), LEASE_LOST); /* until it is ours */
	grant(scene, 0x12);
	assert_string_equal(carry_out(scene).key, "10.5.7.0-24");
	assert_held(scene, "10.5.7.0/24", 0x12);
}

/* Its key is in another form, which stands in the way of ours. */
static void a_part_that_another_took_is_lost(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	take_away(scene, "10.5.7.0/24");
	put(scene, "10.5.7.0/24&fd00:5:7::/64", "192.168.0.9", SAMPLE_OTHER, 9);
	look(scene);
	look(scene);
	assert_lost_and_moves(scene);
}

/* Rubbish that is no lease stands in the way, as 10.5.7.0-24&x, which nothing known tells. */
static void a_subnet_that_is_refused_again_and_again_is_avoided(void **state)
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

/* The next put takes the claim away, if its key is no more. */
static void a_claim_in_the_way_is_looked_at(void **state)
{
	struct scene *scene = *state;
	struct fake_op op;

	look(scene);
	grant(scene, 0x11);
	op = fake_store_take(&scene->store, FAKE_PUT);
	assert_string_equal(op.absent, "");
	op.done(op.ctx, &(struct store_reply){ .claimant = "10.5.9.0-24&fd00:5:7::-64" }, NULL);
	assert_trouble(scene, "10.5.9.0-24&fd00:5:7::-64");
	look(scene);
	op = fake_store_take(&scene->store, FAKE_PUT);
	assert_string_equal(op.absent, "10.5.9.0-24&fd00:5:7::-64");
	op.done(op.ctx, &(struct store_reply){ .succeeded = false }, NULL);
	look(scene);
	assert_string_equal(carry_out(scene).absent, "");
}

static void another_form_of_our_key_goes_with_the_new_one(void **state)
{
	struct scene *scene = *state;
	struct fake_op op;

	put(scene, "10.5.3.0/24&fd00:5:3::/64", OUR_IP, SAMPLE_NODE, 9);
	look(scene);
	grant(scene, 0x11);
	op = carry_out(scene);
	assert_string_equal(op.key, "10.5.3.0-24");
	assert_string_equal(op.instead_of, "10.5.3.0-24&fd00:5:3::-64");
	assert_int_equal(op.instead_revision, 101);
	assert_held(scene, "10.5.3.0/24", 0x11);
}

static void an_expired_lease_that_another_took_is_lost(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	fake_loop_pass(scene->loop, TTL * 1000 / 3);
	fake_store_answer(&scene->store, FAKE_KEEPALIVE, (struct store_reply){ .ttl_s = 0 });
	put(scene, "10.5.7.0/24", "192.168.0.9", SAMPLE_OTHER, 9);
	look(scene);
	assert_lost_and_moves(scene);
}

/* The one that comes later is us: nothing is asked of the store until the other is gone. */
static void a_copy_that_comes_later_is_refused(void **state)
{
	struct scene *scene = *state;
	struct peer first = sample_peer("10.5.7.0/24", "192.168.0.9", MAC_OTHER, SAMPLE_NODE,
					++scene->revision);

	snprintf(first.machine, sizeof(first.machine), "00000000000000bb");
	sample_put(&scene->known, &first);
	look(scene);
	assert_int_equal(state_of(scene), LEASE_NONE);
	assert_trouble(scene, "10.5.7.0/24 is leased by another machine");
	assert_trouble(scene, "remove node.json");
	assert_trouble(scene, "weftctl release 10.5.7.0/24");
	assert_int_equal(scene->store.len, 0);
	take_away(scene, "10.5.7.0/24");
	look(scene);
	grant(scene, 0x11);
	carry_out(scene);
	assert_held(scene, "10.5.7.0/24", 0x11);
}

/* etcd carries out a put that was given up, after another subnet was taken in its place. */
static void a_second_key_on_our_etcd_lease_is_removed(void **state)
{
	struct scene *scene = *state;
	struct fake_op op;

	acquire(scene, 0x11);
	put(scene, "10.5.8.0/24", OUR_IP, SAMPLE_NODE, 0x10); /* a run before this one put it */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		lease_test(a_key_that_another_took_is_lost_and_the_node_moves),
		lease_test(a_flannel_node_can_take_it_too),
		lease_test(a_clone_of_this_node_is_another),
		lease_test(a_copy_that_comes_later_is_refused),
		lease_test(a_lost_subnet_is_taken_again_before_another),
		lease_test(a_part_that_another_took_is_lost),
		lease_test(a_subnet_that_is_refused_again_and_again_is_avoided),
		lease_test(a_claim_in_the_way_is_looked_at),
		lease_test(another_form_of_our_key_goes_with_the_new_one),
		lease_test(an_expired_lease_that_another_took_is_lost),
		lease_test(a_second_key_on_our_etcd_lease_is_removed),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
