/* SPDX-License-Identifier: Apache-2.0 */
/* fake: loop */
#include "daemon/network/config_retry.h"

#include "common/err.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/samples.h"

struct scene {
	struct loop *loop;
	struct config_retry retry;
	unsigned checks;
};

/* The configuration is refused each time. */
static void check(void *ctx)
{
	struct scene *scene = ctx;

	scene->checks++;
	config_retry_later(&scene->retry);
}

static int setup(void **state)
{
	struct scene *scene = test_calloc(1, sizeof(*scene));
	struct err err = ERR_INIT;

	assert_good(loop_new(&scene->loop, &err), err);
	assert_good(config_retry_init(&scene->retry, scene->loop, check, scene, &err), err);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	config_retry_free(&scene->retry);
	loop_free(scene->loop);
	test_free(scene);
	return 0;
}

static void the_first_check_follows_an_event_at_once(void **state)
{
	struct scene *scene = *state;

	config_retry_later(&scene->retry);
	config_retry_soon(&scene->retry);
	config_retry_soon(&scene->retry);
	assert_int_equal(scene->checks, 0);
	fake_loop_pass(scene->loop, 50);
	assert_int_equal(scene->checks, 1);
}

static void many_events_lead_to_one_check_in_a_second(void **state)
{
	struct scene *scene = *state;

	config_retry_later(&scene->retry);
	for (int i = 0; i < 1000; i++) {
		config_retry_soon(&scene->retry);
		fake_loop_pass(scene->loop, 10);
	}
	assert_in_range(scene->checks, 9, 11);
}

static void without_an_event_a_check_follows_in_half_a_minute(void **state)
{
	struct scene *scene = *state;

	config_retry_later(&scene->retry);
	fake_loop_pass(scene->loop, 29 * 1000);
	assert_int_equal(scene->checks, 0);
	fake_loop_pass(scene->loop, 61 * 1000);
	assert_int_equal(scene->checks, 3);
	config_retry_soon(&scene->retry);
	fake_loop_pass(scene->loop, 50);
	assert_in_range(scene->checks, 3, 4);
	fake_loop_pass(scene->loop, 1000);
	assert_int_equal(scene->checks, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_check_follows_an_event_at_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(many_events_lead_to_one_check_in_a_second, setup,
						teardown),
		cmocka_unit_test_setup_teardown(without_an_event_a_check_follows_in_half_a_minute,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
