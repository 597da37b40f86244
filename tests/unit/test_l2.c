/* SPDX-License-Identifier: Apache-2.0 */
/* fake: loop */
#include "daemon/l2/l2.h"

#include "daemon/io/loop.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/fake_store.h"

#define LEASE 0x11

struct scene {
	struct fake_store store;
	const struct store_listener *listener;
	void *listener_ctx;
	struct loop *loop;
	struct l2 *l2;
	struct endpoints locals;
	bool grace; /* of all nodes */
	unsigned changes, withdrawn;
};

static int open_store(void *ctx, const struct store_listener *listener, void *listener_ctx,
		      struct store **store_out, struct err *err)
{
	struct scene *scene = ctx;

	(void)err;
	scene->listener = listener;
	scene->listener_ctx = listener_ctx;
	scene->store.store.ops = &fake_store_ops;
	*store_out = &scene->store.store;
	return 0;
}

static bool is_in_grace(void *ctx, const char *node)
{
	(void)node;
	return ((struct scene *)ctx)->grace;
}

static void on_changed(void *ctx)
{
	((struct scene *)ctx)->changes++;
}

static void on_withdrawn(void *ctx)
{
	((struct scene *)ctx)->withdrawn++;
}

static const struct l2_owner owner = { open_store, is_in_grace, on_changed };

static int setup(void **state)
{
	struct scene *scene = test_calloc(1, sizeof(*scene));
	struct err err = ERR_INIT;

	assert_good(loop_new(&scene->loop, &err), err);
	assert_good(l2_new(scene->loop, "blue", SAMPLE_NODE, &owner, scene, &scene->l2, &err), err);
	assert_good(l2_start(scene->l2, &err), err);
	assert_good(l2_start(scene->l2, &err), err); /* the second time changes nothing */
	l2_set_lease(scene->l2, true, LEASE);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	l2_free(scene->l2);
	assert_true(scene->store.freed);
	endpoints_free(&scene->locals);
	loop_free(scene->loop);
	test_free(scene);
	return 0;
}

#define scene_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void entry(struct scene *scene, const char *key, const char *mac, const char *node,
		  uint64_t revision)
{
	char value[128];
	const struct store_entry entry = {
		.key = key,
		.value = value,
		.value_size = (size_t)snprintf(value, sizeof(value),
					       "{\"MAC\":\"%s\",\"Node\":\"%s\"}", mac, node),
		.mod_revision = revision,
		.lease = LEASE,
	};

	scene->listener->entry(scene->listener_ctx, &entry);
}

static void list_begin(struct scene *scene)
{
	scene->listener->list_begin(scene->listener_ctx);
}

static void list_end(struct scene *scene)
{
	scene->listener->list_end(scene->listener_ctx);
	fake_loop_pass(scene->loop, 0);
}

static void empty_list(struct scene *scene)
{
	list_begin(scene);
	list_end(scene);
}

static void set_locals(struct scene *scene, bool complete)
{
	l2_set_local(scene->l2, &scene->locals, complete);
	fake_loop_pass(scene->loop, 0);
}

/* A container of this node. */
static void attach(struct scene *scene, const char *addr, const char *mac)
{
	const struct endpoint endpoint = { .addr = sample_addr(addr), .mac = sample_mac(mac) };

	assert_true(endpoints_put(&scene->locals, &endpoint));
	set_locals(scene, true);
}

static void detach_all(struct scene *scene, bool complete)
{
	endpoints_clear(&scene->locals);
	set_locals(scene, complete);
}

static struct fake_op answer(struct scene *scene, enum fake_kind kind, uint64_t revision)
{
	struct fake_op op = fake_store_answer(&scene->store, kind,
					      (struct store_reply){ .succeeded = true,
								    .mod_revision = revision });

	fake_loop_pass(scene->loop, 0);
	return op;
}

static void a_container_is_announced_and_withdrawn(void **state)
{
	struct scene *scene = *state;
	struct fake_op op;

	attach(scene, "172.18.1.7", "0a:58:ac:12:01:07");
	assert_int_equal(scene->store.len, 0); /* what the store has is not known yet */
	empty_list(scene);
	op = answer(scene, FAKE_PUT, 5);
	assert_string_equal(op.key, "172.18.1.7");
	assert_string_equal(op.value,
			    "{\"MAC\":\"0a:58:ac:12:01:07\",\"Node\":\"" SAMPLE_NODE "\"}");
	assert_int_equal(op.lease, LEASE);
	assert_int_equal(op.if_revision, 0);
	assert_int_equal(l2_view(scene->l2).announced, 1);
	assert_int_equal(scene->store.len, 0);
	detach_all(scene, true);
	op = answer(scene, FAKE_REMOVE, 6);
	assert_string_equal(op.key, "172.18.1.7");
	assert_int_equal(op.if_revision, 5);
	assert_int_equal(scene->store.len, 0);
}

static void a_record_that_could_not_be_read_withdraws_nothing(void **state)
{
	struct scene *scene = *state;

	empty_list(scene);
	attach(scene, "172.18.1.7", "0a:58:ac:12:01:07");
	answer(scene, FAKE_PUT, 5);
	detach_all(scene, false);
	assert_int_equal(scene->store.len, 0);
}

static void nothing_is_announced_without_a_lease(void **state)
{
	struct scene *scene = *state;

	empty_list(scene);
	l2_set_lease(scene->l2, false, 0);
	attach(scene, "172.18.1.7", "0a:58:ac:12:01:07");
	assert_int_equal(scene->store.len, 0);
	l2_set_lease(scene->l2, true, 0x22);
	fake_loop_pass(scene->loop, 0);
	assert_int_equal(answer(scene, FAKE_PUT, 5).lease, 0x22);
}

/* The record of an earlier etcd lease is attached to the new one. */
static void a_new_etcd_lease_gets_the_records(void **state)
{
	struct scene *scene = *state;
	struct fake_op op;

	list_begin(scene);
	entry(scene, "172.18.1.7", "0a:58:ac:12:01:07", SAMPLE_NODE, 4);
	entry(scene, "172.18.1.8", "0a:58:ac:12:01:08", SAMPLE_NODE, 4);
	list_end(scene);
	attach(scene, "172.18.1.7", "0a:58:ac:12:01:07");
	op = answer(scene, FAKE_REMOVE, 5); /* that container ended while weftd was down */
	assert_string_equal(op.key, "172.18.1.8");
	assert_int_equal(scene->store.len, 0);
	l2_set_lease(scene->l2, true, 0x22);
	fake_loop_pass(scene->loop, 0);
	op = answer(scene, FAKE_PUT, 6);
	assert_int_equal(op.lease, 0x22);
	assert_int_equal(op.if_revision, 4);
}

static void a_container_attached_now_takes_its_address_over(void **state)
{
	struct scene *scene = *state;

	list_begin(scene);
	entry(scene, "172.18.2.7", "0a:58:ac:12:02:07", SAMPLE_OTHER, 4);
	list_end(scene);
	set_locals(scene, true); /* none yet */
	attach(scene, "172.18.2.7", "0a:58:ac:12:02:07");
	assert_int_equal(answer(scene, FAKE_PUT, 5).if_revision, 4);
	assert_int_equal(scene->store.len, 0);
	/* Its previous node takes it back: the latest wins, and nothing is put again. */
	entry(scene, "172.18.2.7", "0a:58:ac:12:02:07", SAMPLE_OTHER, 6);
	fake_loop_pass(scene->loop, 0);
	assert_int_equal(scene->store.len, 0);
	assert_true(l2_view(scene->l2).locals->at[0].duplicate);
	assert_string_equal(l2_view(scene->l2).locals->at[0].holder, SAMPLE_OTHER);
	/* Until the other one ends. */
	scene->listener->gone(scene->listener_ctx, "172.18.2.7", 7);
	fake_loop_pass(scene->loop, 0);
	assert_int_equal(answer(scene, FAKE_PUT, 8).if_revision, 0);
	assert_false(l2_view(scene->l2).locals->at[0].duplicate);
}

static void a_container_from_before_the_start_takes_nothing_over(void **state)
{
	struct scene *scene = *state;

	attach(scene, "172.18.2.7", "0a:58:ac:12:02:07");
	list_begin(scene);
	entry(scene, "172.18.2.7", "0a:58:ac:12:02:07", SAMPLE_OTHER, 4);
	list_end(scene);
	assert_int_equal(scene->store.len, 0);
	assert_true(l2_view(scene->l2).locals->at[0].duplicate);
	assert_int_equal(l2_view(scene->l2).announced, 0);
}

static void a_vanished_endpoint_stays_for_some_seconds(void **state)
{
	struct scene *scene = *state;

	list_begin(scene);
	entry(scene, "172.18.2.7", "0a:58:ac:12:02:07", SAMPLE_OTHER, 4);
	list_end(scene);
	scene->listener->gone(scene->listener_ctx, "172.18.2.7", 5);
	fake_loop_pass(scene->loop, 4999);
	assert_int_equal(l2_view(scene->l2).endpoints->len, 1);
	scene->grace = true;
	fake_loop_pass(scene->loop, 60000);
	assert_int_equal(l2_view(scene->l2).endpoints->len, 1);
	scene->grace = false;
	scene->changes = 0;
	fake_loop_pass(scene->loop, 5000);
	assert_int_equal(l2_view(scene->l2).endpoints->len, 0);
	assert_int_equal(scene->changes, 1);
}

static void each_vanished_endpoint_stays_as_long(void **state)
{
	struct scene *scene = *state;

	list_begin(scene);
	entry(scene, "172.18.2.7", "0a:58:ac:12:02:07", SAMPLE_OTHER, 4);
	entry(scene, "172.18.2.8", "0a:58:ac:12:02:08", SAMPLE_OTHER, 4);
	list_end(scene);
	scene->listener->gone(scene->listener_ctx, "172.18.2.7", 5);
	fake_loop_pass(scene->loop, 4000);
	scene->listener->gone(scene->listener_ctx, "172.18.2.8", 6);
	fake_loop_pass(scene->loop, 1200);
	assert_int_equal(l2_view(scene->l2).endpoints->len, 1);
	fake_loop_pass(scene->loop, 3799); /* 4.999 s after it has vanished */
	assert_int_equal(l2_view(scene->l2).endpoints->len, 1);
	fake_loop_pass(scene->loop, 101);
	assert_int_equal(l2_view(scene->l2).endpoints->len, 0);
}

static void a_put_that_fails_is_repeated(void **state)
{
	struct scene *scene = *state;

	empty_list(scene);
	attach(scene, "172.18.1.7", "0a:58:ac:12:01:07");
	fake_store_refuse(&scene->store, FAKE_PUT, 0, "no space");
	assert_says(l2_view(scene->l2).error, "cannot announce endpoint 172.18.1.7: no space");
	fake_loop_pass(scene->loop, 199);
	assert_int_equal(scene->store.len, 0);
	fake_loop_pass(scene->loop, 1);
	answer(scene, FAKE_PUT, 5);
	assert_string_equal(l2_view(scene->l2).error, "");
}

static void a_key_with_an_invalid_value_is_named(void **state)
{
	struct scene *scene = *state;

	empty_list(scene);
	attach(scene, "172.18.1.7", "0a:58:ac:12:01:07");
	for (unsigned i = 0; i < 3; i++) {
		fake_store_answer(&scene->store, FAKE_PUT,
				  (struct store_reply){ .succeeded = false });
		fake_loop_pass(scene->loop, 10000);
	}
	assert_says(l2_view(scene->l2).error, "172.18.1.7: the store has another value of the key");
}

static void a_node_that_leaves_withdraws_its_containers(void **state)
{
	struct scene *scene = *state;

	empty_list(scene);
	assert_false(l2_withdraw(scene->l2, on_withdrawn, scene));
	l2_resume(scene->l2);
	attach(scene, "172.18.1.7", "0a:58:ac:12:01:07");
	answer(scene, FAKE_PUT, 5);
	assert_true(l2_withdraw(scene->l2, on_withdrawn, scene));
	fake_loop_pass(scene->loop, 0);
	assert_int_equal(scene->withdrawn, 0);
	answer(scene, FAKE_REMOVE, 6);
	assert_int_equal(scene->withdrawn, 1);
	set_locals(scene, true);
	assert_int_equal(scene->store.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scene_test(a_container_is_announced_and_withdrawn),
		scene_test(a_record_that_could_not_be_read_withdraws_nothing),
		scene_test(nothing_is_announced_without_a_lease),
		scene_test(a_new_etcd_lease_gets_the_records),
		scene_test(a_container_attached_now_takes_its_address_over),
		scene_test(a_container_from_before_the_start_takes_nothing_over),
		scene_test(a_vanished_endpoint_stays_for_some_seconds),
		scene_test(each_vanished_endpoint_stays_as_long),
		scene_test(a_put_that_fails_is_repeated),
		scene_test(a_key_with_an_invalid_value_is_named),
		scene_test(a_node_that_leaves_withdraws_its_containers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
