/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/l2/announce_rate.h"

#include "tests/unit/samples.h"

struct scene {
	struct announce_rate rate;
	struct local_endpoints before;
	struct endpoints locals;
	uint64_t now_ms;
};

static int setup(void **state)
{
	struct scene *scene = test_calloc(1, sizeof(*scene));

	scene->now_ms = 1000000;
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	announce_rate_free(&scene->rate);
	local_endpoints_free(&scene->before);
	endpoints_free(&scene->locals);
	test_free(scene);
	return 0;
}

#define rate_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/*
 * The n-th address of the range, with a MAC of this version, behind the port; port 0: that weft
 * attached.
 */
static void put(struct scene *scene, uint32_t n, uint8_t version, uint32_t port)
{
	const uint8_t wire[4] = { 172, 18, (uint8_t)(n >> 8), (uint8_t)n };
	struct endpoint endpoint = { .port = port, .seen = port != 0 };
	struct err err = ERR_INIT;

	assert_int_equal(ipaddr_from_wire(wire, sizeof(wire), &endpoint.addr, &err), 0);
	endpoint.mac = sample_mac("02:00:00:00:00:01");
	endpoint.mac.octet[4] = version;
	assert_true(endpoints_put(&scene->locals, &endpoint));
}

/*
 * Applies the limit, and what announce_update does with the rest. Returns the number that was held
 * back.
 */
static size_t apply(struct scene *scene)
{
	size_t held = announce_rate_apply(&scene->rate, &scene->before, &scene->locals,
					  scene->now_ms);
	bool changed;

	assert_true(announce_update(&scene->before, &scene->locals, true, &changed));
	endpoints_clear(&scene->locals);
	return held;
}

static void the_addresses_of_a_port_are_announced_at_once(void **state)
{
	struct scene *scene = *state;

	for (uint32_t i = 0; i < 16; i++)
		put(scene, i, 0, 7);
	assert_int_equal(apply(scene), 0);
	assert_int_equal(scene->before.len, 16);
	/* Once more with other MACs, as a container that is made again. */
	for (uint32_t i = 0; i < 16; i++)
		put(scene, i, 1, 7);
	assert_int_equal(apply(scene), 0);
	/* What does not change costs nothing. */
	for (int round = 0; round < 100; round++) {
		for (uint32_t i = 0; i < 16; i++)
			put(scene, i, 1, 7);
		assert_int_equal(apply(scene), 0);
	}
}

static void a_port_that_changes_all_the_time_is_withdrawn(void **state)
{
	struct scene *scene = *state;
	size_t announced = 0, held = 0;

	for (int i = 0; i < 1000; i++) {
		put(scene, 1, (uint8_t)i, 7);
		held += apply(scene);
		announced += scene->before.len;
		scene->now_ms += 100;
	}
	/* The burst, and one in each of 99 s. */
	assert_int_equal(announced, ANNOUNCE_PORT_BURST + 99);
	assert_int_equal(held, 1000 - announced);
	assert_int_equal(scene->rate.held, held);
	/* Others are announced, and it is again after a while. */
	put(scene, 2, 0, 8);
	assert_int_equal(apply(scene), 0);
	scene->now_ms += ANNOUNCE_PORT_MS;
	put(scene, 1, 1, 7);
	assert_int_equal(apply(scene), 0);
	assert_int_equal(scene->before.len, 1);
}

static void addresses_that_come_and_go_are_limited(void **state)
{
	struct scene *scene = *state;
	size_t held = 0;

	for (uint32_t i = 0; i < 100; i++) {
		put(scene, i, 0, 7);
		held += apply(scene);
		held += apply(scene); /* gone */
	}
	assert_int_equal(held, 100 - ANNOUNCE_PORT_BURST);
}

static void all_ports_together_are_limited(void **state)
{
	struct scene *scene = *state;
	size_t held = 0, changes = 0;

	for (uint8_t round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < 1000; i++)
			put(scene, i, round, 100 + i);
		changes += 1000;
		held += apply(scene);
	}
	assert_int_equal(changes - held, ANNOUNCE_BURST);
	scene->now_ms += 10 * ANNOUNCE_MS;
	for (uint32_t i = 0; i < 1000; i++)
		put(scene, i, 9, 100 + i);
	assert_int_equal(apply(scene), 1000 - 10);
	/* Buckets that are full again take no memory. */
	scene->now_ms += (uint64_t)ANNOUNCE_BURST * ANNOUNCE_MS;
	assert_int_equal(apply(scene), 0);
	assert_int_equal(scene->rate.ports.len, 0);
}

static void containers_of_weft_are_not_limited(void **state)
{
	struct scene *scene = *state;

	for (int i = 0; i < 200; i++) {
		put(scene, 1, (uint8_t)i, 0);
		assert_int_equal(apply(scene), 0);
		assert_int_equal(scene->before.len, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rate_test(the_addresses_of_a_port_are_announced_at_once),
		rate_test(a_port_that_changes_all_the_time_is_withdrawn),
		rate_test(addresses_that_come_and_go_are_limited),
		rate_test(all_ports_together_are_limited),
		rate_test(containers_of_weft_are_not_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
