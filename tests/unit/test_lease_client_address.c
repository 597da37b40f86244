/* SPDX-License-Identifier: Apache-2.0 */
/* fake: loop */
/* The public address of the node changes, and puts with it fail. */
#include "daemon/lease/lease_client.h"

#include "common/err.h"
#include "common/log.h"
#include "tests/unit/lease_scene.h"
#include "tests/unit/samples.h"

static void move(struct scene *scene, const char *public_ip)
{
	const struct ipaddr address[FAMILIES] = { sample_addr(public_ip) };

	scene->public_ip = public_ip;
	lease_client_set_public_ip(scene->lease, address);
	look(scene);
}

/* The put does not reach the store, or only its acknowledgement is lost. */
static void fail_put(struct scene *scene, bool carried_out)
{
	struct err err = ERR_INIT;
	struct fake_op op;

	if (carried_out) {
		const struct lease_client_view view = lease_client_view(scene->lease);

		put(scene, "10.5.7.0/24", scene->public_ip, SAMPLE_NODE, view.etcd_lease);
	}
	(void)err_set(&err, ERR_STORE, "timed out");
	op = fake_store_take(&scene->store, FAKE_PUT);
	op.done(op.ctx, NULL, &err);
	assert_int_equal(state_of(scene), LEASE_NONE);
	assert_error(scene, "timed out");
}

static void assert_put_succeeds(struct scene *scene, const char *public_ip)
{
	struct fake_op op;

	assert_int_equal(state_of(scene), LEASE_PUTTING);
	op = carry_out(scene);
	assert_string_equal(op.key, "10.5.7.0-24");
	assert_says(op.value, public_ip);
	assert_held(scene, "10.5.7.0/24", 0x11);
}

static void a_changed_address_is_put(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	move(scene, "192.168.0.101");
	assert_put_succeeds(scene, "192.168.0.101");
}

/* The key with the previous address is not that of a clone. */
static void a_put_of_a_changed_address_that_failed_is_repeated(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	move(scene, "192.168.0.101");
	for (unsigned i = 0; i < 5; i++) {
		fail_put(scene, false);
		assert_retries(scene, 10000);
		look(scene);
	}
	assert_put_succeeds(scene, "192.168.0.101");
}

static void the_address_changes_again_before_a_put_is_acknowledged(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	move(scene, "192.168.0.101");
	fail_put(scene, true);
	move(scene, "192.168.0.102");
	fail_put(scene, false);
	move(scene, "192.168.0.103");
	assert_put_succeeds(scene, "192.168.0.103");
}

static void a_put_that_was_carried_out_without_an_acknowledgement_is_adopted(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	move(scene, "192.168.0.101");
	fail_put(scene, true);
	move(scene, OUR_IP);
	assert_put_succeeds(scene, OUR_IP);
}

/* After an acknowledgement, no earlier address is this node's. */
static void the_node_s_id_with_an_earlier_address_is_a_clone(void **state)
{
	struct scene *scene = *state;

	acquire(scene, 0x11);
	move(scene, "192.168.0.101");
	fail_put(scene, false);
	look(scene);
	assert_put_succeeds(scene, "192.168.0.101");
	put(scene, "10.5.7.0/24", OUR_IP, SAMPLE_NODE, 9);
	look(scene);
	assert_int_equal(state_of(scene), LEASE_LOST);
	assert_error(scene, "one of the two is a clone of the other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lease_test(a_changed_address_is_put),
		lease_test(a_put_of_a_changed_address_that_failed_is_repeated),
		lease_test(the_address_changes_again_before_a_put_is_acknowledged),
		lease_test(a_put_that_was_carried_out_without_an_acknowledgement_is_adopted),
		lease_test(the_node_s_id_with_an_earlier_address_is_a_clone),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
