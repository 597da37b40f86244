/* SPDX-License-Identifier: Apache-2.0 */
/* fake: loop http */
#include "daemon/store/etcd/store_etcd_watch.h"

#include "common/array.h"
#include "daemon/store/store.h"
#include "tests/unit/etcd_client.h"
#include "tests/unit/fake_http.h"
#include "tests/unit/fake_loop.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define CREATED "{\"result\":{" ETCD_HEADER ",\"created\":true}}"
#define REJECTED                                                                                   \
	"{\"result\":{" ETCD_HEADER ",\"created\":true,\"canceled\":true,\"watch_id\":\"-1\","     \
	"\"cancel_reason\":\"etcdserver: permission denied\"}}"
#define PROGRESS "{\"result\":{" ETCD_HEADER "}}"
#define CHANGE                                                                                     \
	"{\"result\":{" ETCD_HEADER                                                                \
	",\"events\":[{\"kv\":{\"key\":\"L3cvYQ==\",\"mod_revision\":\"7\","                       \
	"\"value\":\"e30=\"}}]}}"
#define NO_CONFIG "{" ETCD_HEADER "}"

#define FIRST_MS 20000
#define MINUTES(n) ((n)*60000u)

struct scene {
	struct etcd_client etcd;
	struct store_etcd_watch *watch; /* NULL: the call has ended */
	enum store_etcd_watch_end how;
	unsigned changes;
};

static void on_entry(void *ctx, const struct store_entry *entry)
{
	struct scene *scene = ctx;

	(void)entry;
	scene->changes++;
}

static void on_config(void *ctx, const char *text, size_t size)
{
	(void)ctx, (void)text, (void)size;
}

static const struct store_listener listener = { .entry = on_entry, .config = on_config };

static void on_created(void *ctx)
{
	(void)ctx;
}

static void on_ended(void *ctx, enum store_etcd_watch_end how, uint64_t revision,
		     const struct err *why)
{
	struct scene *scene = ctx;

	(void)revision;
	assert_true(why->code != 0);
	assert_non_null(scene->watch);
	scene->watch = NULL;
	scene->how = how;
}

/* A watch that etcd has not answered yet. */
static int set_up_pending(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct err err = ERR_INIT;
	struct store_etcd_watch_job job = {
		.client = &scene->etcd.client,
		.endpoint = ETCD_ENDPOINT,
		.config_key = ETCD_CONFIG_KEY,
		.prefix = ETCD_PREFIX,
		.from = { .cluster = 9, .revision = 6, .term = 2 },
		.report = &scene->etcd.report,
		.created = on_created,
		.ended = on_ended,
		.ctx = scene,
	};

	etcd_client_open(&scene->etcd, &listener, scene);
	job.loop = scene->etcd.loop;
	scene->watch = store_etcd_watch_start(&job, &err);
	assert_non_null(scene->watch);
	*state = scene;
	return 0;
}

static int set_up(void **state)
{
	set_up_pending(state);
	assert_true(fake_http_line("/watch", CREATED));
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	store_etcd_watch_free(scene->watch);
	etcd_client_close(&scene->etcd);
	free(scene);
	return 0;
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define PENDING_TEST(test) cmocka_unit_test_setup_teardown(test, set_up_pending, tear_down)

/* Advances the clock by minutes in which all probes get a response. */
static void live(struct scene *scene, unsigned minutes)
{
	for (unsigned s = 0; s < minutes * 60; s++) {
		fake_loop_pass(scene->etcd.loop, 1000);
		while (fake_http_waiting("/range"))
			fake_http_respond("/range", NO_CONFIG);
	}
}

static void test_an_idle_watch_is_probed_with_backoff(void **state)
{
	static const unsigned due_s[] = { 20, 60, 140, 300, 600, 900 };
	struct scene *scene = *state;
	unsigned at_s = 0;

	for (unsigned i = 0; i < ARRAY_LEN(due_s) - 1; i++) {
		fake_loop_pass(scene->etcd.loop, (due_s[i] - at_s) * 1000 - 1);
		assert_int_equal(fake_http_asked("/range"), i);
		fake_loop_pass(scene->etcd.loop, 1);
		assert_int_equal(fake_http_asked("/range"), i + 1);
		fake_http_respond("/range", NO_CONFIG);
		at_s = due_s[i];
	}
	/* Other servers than etcd may send the notifications, so that probes continue. */
	fake_loop_pass(scene->etcd.loop, MINUTES(5));
	assert_null(scene->watch);
	assert_int_equal(scene->how, STORE_ETCD_WATCH_LOST);
}

/* With tokens that expire between two attempts, the watch would never be created otherwise. */
static void test_a_watch_with_a_rejected_token_is_sent_again_once(void **state)
{
	struct scene *scene = *state;

	assert_false(fake_http_line("/watch", REJECTED));
	assert_non_null(scene->watch);
	fake_loop_pass(scene->etcd.loop, 1);
	assert_int_equal(fake_http_asked("/watch"), 2);
	assert_false(fake_http_line("/watch", REJECTED));
	assert_null(scene->watch);
	assert_int_equal(scene->how, STORE_ETCD_WATCH_LOST);
}

static void test_a_watch_with_a_new_token_continues(void **state)
{
	struct scene *scene = *state;

	assert_false(fake_http_line("/watch", REJECTED));
	fake_loop_pass(scene->etcd.loop, 1);
	assert_true(fake_http_line("/watch", CREATED));
	assert_true(fake_http_line("/watch", CHANGE));
	assert_int_equal(scene->changes, 1);
	assert_non_null(scene->watch);
}

static void test_progress_notifications_do_not_restart_the_backoff(void **state)
{
	struct scene *scene = *state;
	unsigned asked;

	for (unsigned i = 0; i < 6; i++) {
		live(scene, 10);
		assert_true(fake_http_line("/watch", PROGRESS));
	}
	assert_non_null(scene->watch);
	asked = fake_http_asked("/range");
	live(scene, 10);
	assert_in_range(fake_http_asked("/range") - asked, 1, 2);
}

static void test_a_change_restarts_the_backoff(void **state)
{
	struct scene *scene = *state;
	unsigned asked;

	live(scene, 30 - 16);
	asked = fake_http_asked("/range");
	assert_true(fake_loop_next_ms(scene->etcd.loop) > FIRST_MS);
	assert_true(fake_http_line("/watch", CHANGE));
	assert_int_equal(scene->changes, 1);
	assert_int_equal(fake_loop_next_ms(scene->etcd.loop), FIRST_MS);
	fake_loop_pass(scene->etcd.loop, FIRST_MS / 2);
	/* Many changes do not delay the probe. */
	for (unsigned i = 0; i < 100; i++)
		assert_true(fake_http_line("/watch", CHANGE));
	assert_int_equal(fake_loop_next_ms(scene->etcd.loop), FIRST_MS / 2);
	fake_loop_pass(scene->etcd.loop, FIRST_MS / 2 - 1);
	assert_int_equal(fake_http_asked("/range"), asked);
	fake_loop_pass(scene->etcd.loop, 1);
	assert_int_equal(fake_http_asked("/range"), asked + 1);
}

/* A response just before the probe: the next probe is not delayed further. */
static void test_a_recent_response_delays_the_probe(void **state)
{
	struct scene *scene = *state;

	for (unsigned i = 0; i < 3; i++) {
		fake_loop_pass(scene->etcd.loop, FIRST_MS - 5000);
		assert_true(fake_http_line("/watch", CHANGE));
		fake_loop_pass(scene->etcd.loop, 5000);
		assert_int_equal(fake_http_asked("/range"), 0);
		assert_int_equal(fake_loop_next_ms(scene->etcd.loop), FIRST_MS);
	}
	fake_loop_pass(scene->etcd.loop, FIRST_MS);
	assert_int_equal(fake_http_asked("/range"), 1);
}

static void test_check_probes_the_endpoint(void **state)
{
	struct scene *scene = *state;
	unsigned asked;

	store_etcd_watch_check(scene->watch); /* it has just been created */
	assert_int_equal(fake_http_asked("/range"), 0);
	live(scene, 12);
	fake_loop_pass(scene->etcd.loop, MINUTES(1));
	asked = fake_http_asked("/range");
	for (unsigned i = 0; i < 10; i++)
		store_etcd_watch_check(scene->watch);
	assert_int_equal(fake_http_asked("/range"), asked + 1);
	fake_http_respond("/range", NO_CONFIG);
	store_etcd_watch_check(scene->watch); /* it has just responded */
	assert_int_equal(fake_http_asked("/range"), asked + 1);
	fake_loop_pass(scene->etcd.loop, 10000);
	store_etcd_watch_check(scene->watch);
	assert_int_equal(fake_http_asked("/range"), asked + 2);
	fake_http_fail("/range", ETIMEDOUT);
	assert_null(scene->watch);
	assert_int_equal(scene->how, STORE_ETCD_WATCH_LOST);
}

static void test_a_probe_without_a_response_ends_the_watch(void **state)
{
	struct scene *scene = *state;

	fake_loop_pass(scene->etcd.loop, FIRST_MS);
	assert_int_equal(fake_http_waiting("/range"), 1);
	store_etcd_watch_probe(scene->watch); /* one of them is a probe */
	assert_int_equal(fake_http_waiting("/range"), 1);
	fake_http_fail("/range", ETIMEDOUT);
	assert_null(scene->watch);
	assert_int_equal(scene->how, STORE_ETCD_WATCH_LOST);
	assert_int_equal(fake_http_waiting("/watch"), 0);
}

static void test_changed_certificates_end_the_watch(void **state)
{
	struct scene *scene = *state;

	fake_http_renew();
	fake_loop_pass(scene->etcd.loop, FIRST_MS);
	assert_null(scene->watch);
	assert_int_equal(scene->how, STORE_ETCD_WATCH_LOST);
}

/* Certificates are read with each request, which may be the probe. */
static void test_a_probe_detects_changed_certificates(void **state)
{
	struct scene *scene = *state;

	fake_loop_pass(scene->etcd.loop, FIRST_MS);
	fake_http_renew();
	fake_http_respond("/range", NO_CONFIG);
	assert_null(scene->watch);
	assert_int_equal(scene->how, STORE_ETCD_WATCH_LOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_idle_watch_is_probed_with_backoff),
		PENDING_TEST(test_a_watch_with_a_rejected_token_is_sent_again_once),
		PENDING_TEST(test_a_watch_with_a_new_token_continues),
		TEST(test_progress_notifications_do_not_restart_the_backoff),
		TEST(test_a_change_restarts_the_backoff),
		TEST(test_a_recent_response_delays_the_probe),
		TEST(test_check_probes_the_endpoint),
		TEST(test_a_probe_without_a_response_ends_the_watch),
		TEST(test_changed_certificates_end_the_watch),
		TEST(test_a_probe_detects_changed_certificates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
