/* SPDX-License-Identifier: Apache-2.0 */
/* fake: loop */
#include "daemon/store/kube/kube_backoff.h"

#include "common/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct err denied = { .code = ERR_STORE, .sys_errno = EACCES };
static const struct err refused = { .code = ERR_STORE, .sys_errno = ECONNREFUSED };
static const struct err rejected = { .code = ERR_STORE, .sys_errno = EKEYREJECTED };

static const char A[] = "https://a", B[] = "https://b", C[] = "https://c";

static int set_up(void **state)
{
	static struct kube_backoff backoff;

	kube_backoff_init(&backoff);
	*state = &backoff;
	return 0;
}

static int tear_down(void **state)
{
	kube_backoff_free(*state);
	return 0;
}

/* Fails until *now_ms is at least end_ms; returns the last delay. */
static uint64_t fail_until(struct kube_backoff *backoff, const struct err *why, uint64_t *now_ms,
			   uint64_t end_ms)
{
	uint64_t delay_ms = 0;

	while (*now_ms < end_ms) {
		delay_ms = kube_backoff_fail(backoff, A, why, 0, *now_ms);
		*now_ms += delay_ms;
	}
	return delay_ms;
}

static void an_api_server_that_has_just_started_is_tried_often(void **state)
{
	struct kube_backoff *backoff = *state;
	uint64_t now_ms = 1000;

	assert_int_equal(fail_until(backoff, &refused, &now_ms, 60000), 2000);
	/* The backoff starts again with the first 403. */
	assert_int_equal(kube_backoff_fail(backoff, A, &denied, 0, 60000), 100);
	assert_true(kube_backoff_is_starting(backoff, A, &denied, 60000));
	assert_false(kube_backoff_is_starting(backoff, A, &refused, 60000));
	assert_int_equal(kube_backoff_fail(backoff, A, &denied, 0, 60100), 200);
	now_ms = 60300;
	assert_int_equal(fail_until(backoff, &denied, &now_ms, 74999), 2000);
	assert_true(kube_backoff_is_starting(backoff, A, &denied, 74999));
	assert_false(kube_backoff_is_starting(backoff, A, &denied, 75000));
	/* It lasts. */
	now_ms = 75000;
	assert_int_equal(fail_until(backoff, &denied, &now_ms, 400000), 30000);
	assert_false(kube_backoff_is_starting(backoff, A, &denied, now_ms));
}

static void another_api_server_that_fails_does_not_hide_what_lasts(void **state)
{
	struct kube_backoff *backoff = *state;

	for (uint64_t now_ms = 1000; now_ms < 16000; now_ms += 3000) {
		kube_backoff_fail(backoff, A, &denied, 0, now_ms);
		assert_true(kube_backoff_is_starting(backoff, A, &denied, now_ms));
		kube_backoff_fail(backoff, A, &refused, 0, now_ms + 1500);
	}
	kube_backoff_fail(backoff, A, &denied, 0, 16000);
	assert_false(kube_backoff_is_starting(backoff, A, &denied, 16000));
}

static void each_api_server_has_its_own_row(void **state)
{
	struct kube_backoff *backoff = *state;

	/* The others fail for more than a minute between two 403s. */
	kube_backoff_fail(backoff, A, &denied, 0, 1000);
	kube_backoff_fail(backoff, B, &refused, 0, 31000);
	kube_backoff_fail(backoff, C, &refused, 0, 61000);
	kube_backoff_fail(backoff, A, &denied, 0, 91000);
	assert_false(kube_backoff_is_starting(backoff, A, &denied, 91000));
	/* Another one has just started. */
	assert_int_equal(kube_backoff_fail(backoff, B, &denied, 0, 92000), 100);
	assert_true(kube_backoff_is_starting(backoff, B, &denied, 92000));
	assert_false(kube_backoff_is_starting(backoff, A, &denied, 92000));
	/* A Retry-After is no interruption. */
	kube_backoff_fail(backoff, B, &denied, 300, 93000);
	kube_backoff_fail(backoff, B, &denied, 300, 400000);
	assert_false(kube_backoff_is_starting(backoff, B, &denied, 400000));
}

static void a_403_long_after_another_is_the_first_one(void **state)
{
	struct kube_backoff *backoff = *state;
	uint64_t now_ms = 1000;

	kube_backoff_fail(backoff, A, &denied, 0, now_ms);
	now_ms = 20000;
	fail_until(backoff, &refused, &now_ms, 70000);
	kube_backoff_fail(backoff, A, &denied, 0, now_ms);
	assert_true(kube_backoff_is_starting(backoff, A, &denied, now_ms));
	/* And one after a success. */
	fail_until(backoff, &denied, &now_ms, 100000);
	assert_false(kube_backoff_is_starting(backoff, A, &denied, now_ms));
	kube_backoff_permit(backoff);
	assert_int_equal(kube_backoff_fail(backoff, A, &denied, 0, now_ms), 100);
	assert_true(kube_backoff_is_starting(backoff, A, &denied, now_ms));
}

static void other_rejections_last_at_once(void **state)
{
	struct kube_backoff *backoff = *state;
	uint64_t now_ms = 1000;

	assert_int_equal(kube_backoff_fail(backoff, A, &rejected, 0, now_ms), 100);
	assert_false(kube_backoff_is_starting(backoff, A, &rejected, now_ms));
	assert_int_equal(fail_until(backoff, &rejected, &now_ms, 400000), 30000);
}

static void the_delay_of_the_response_is_kept(void **state)
{
	struct kube_backoff *backoff = *state;

	assert_int_equal(kube_backoff_fail(backoff, A, &refused, 7, 1000), 7000);
	assert_int_equal(kube_backoff_fail(backoff, A, &denied, 7, 1000), 7000);
	assert_int_equal(kube_backoff_fail(backoff, A, &refused, 100000, 1000), 300000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_api_server_that_has_just_started_is_tried_often,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			another_api_server_that_fails_does_not_hide_what_lasts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_api_server_has_its_own_row, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_403_long_after_another_is_the_first_one, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(other_rejections_last_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_delay_of_the_response_is_kept, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
