/* SPDX-License-Identifier: Apache-2.0 */
/* fake: loop http */
#include "daemon/store_etcd_watch.h"

#include "daemon/store.h"
#include "tests/unit/etcd_way.h"
#include "tests/unit/fake_http.h"
#include "tests/unit/fake_loop.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define CREATED "{\"result\":{" ETCD_HEADER ",\"created\":true}}"
#define PROGRESS "{\"result\":{" ETCD_HEADER "}}"
#define CHANGE                                                                                     \
	"{\"result\":{" ETCD_HEADER                                                                \
	",\"events\":[{\"kv\":{\"key\":\"L3cvYQ==\",\"mod_revision\":\"7\","                       \
	"\"value\":\"e30=\"}}]}}"
#define NO_CONFIG "{" ETCD_HEADER "}"

#define FIRST_MS 20000
#define MINUTES(n) ((n)*60000u)

struct scene {
	struct etcd_way etcd;
	struct store_etcd_watch *watch; /* NULL: it has ended */
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

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct err err = ERR_INIT;
	struct store_etcd_watch_job job = {
		.way = &scene->etcd.way,
		.endpoint = ETCD_ENDPOINT,
		.config_key = ETCD_CONFIG_KEY,
		.prefix = ETCD_PREFIX,
		.from = { .cluster = 9, .revision = 6, .term = 2 },
		.tell = &scene->etcd.tell,
		.created = on_created,
		.ended = on_ended,
		.ctx = scene,
	};

	etcd_way_open(&scene->etcd, &listener, scene);
	job.loop = scene->etcd.loop;
	scene->watch = store_etcd_watch_start(&job, &err);
	assert_non_null(scene->watch);
	assert_true(fake_http_line("/watch", CREATED));
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	store_etcd_watch_free(scene->watch);
	etcd_way_close(&scene->etcd);
	free(scene);
	return 0;
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* So many minutes in which whoever asks is answered. */
static void live(struct scene *scene, unsigned minutes)
{
	for (unsigned s = 0; s < minutes * 60; s++) {
		fake_loop_pass(scene->etcd.loop, 1000);
		while (fake_http_waiting("/range"))
			fake_http_answer("/range", NO_CONFIG);
	}
}

static void test_silence_is_probed_ever_more_rarely(void **state)
{
	static const unsigned due_s[] = { 20, 60, 140, 300, 600, 900 };
	struct scene *scene = *state;
	unsigned at_s = 0;

	for (unsigned i = 0; i < sizeof(due_s) / sizeof(due_s[0]) - 1; i++) {
		fake_loop_pass(scene->etcd.loop, (due_s[i] - at_s) * 1000 - 1);
		assert_int_equal(fake_http_asked("/range"), i);
		fake_loop_pass(scene->etcd.loop, 1);
		assert_int_equal(fake_http_asked("/range"), i + 1);
		fake_http_answer("/range", NO_CONFIG);
		at_s = due_s[i];
	}
	/* Without even a notice of progress it is no etcd that answers. */
	fake_loop_pass(scene->etcd.loop, MINUTES(5));
	assert_null(scene->watch);
	assert_int_equal(scene->how, STORE_ETCD_WATCH_LOST);
}

static void test_progress_is_life_but_no_change(void **state)
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

static void test_a_change_brings_the_next_probe_near(void **state)
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
	/* A storm of them does not put it off. */
	for (unsigned i = 0; i < 100; i++)
		assert_true(fake_http_line("/watch", CHANGE));
	assert_int_equal(fake_loop_next_ms(scene->etcd.loop), FIRST_MS / 2);
	fake_loop_pass(scene->etcd.loop, FIRST_MS / 2 - 1);
	assert_int_equal(fake_http_asked("/range"), asked);
	fake_loop_pass(scene->etcd.loop, 1);
	assert_int_equal(fake_http_asked("/range"), asked + 1);
}

/* Heard just before the probe was due: the next one is no farther away for that. */
static void test_life_puts_a_probe_off_by_one_distance(void **state)
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

static void test_who_looks_lets_it_be_asked(void **state)
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
	fake_http_answer("/range", NO_CONFIG);
	store_etcd_watch_check(scene->watch); /* it has just answered */
	assert_int_equal(fake_http_asked("/range"), asked + 1);
	fake_loop_pass(scene->etcd.loop, 10000);
	store_etcd_watch_check(scene->watch);
	assert_int_equal(fake_http_asked("/range"), asked + 2);
	fake_http_fail("/range", ETIMEDOUT);
	assert_null(scene->watch);
	assert_int_equal(scene->how, STORE_ETCD_WATCH_LOST);
}

static void test_a_probe_without_an_answer_ends_it(void **state)
{
	struct scene *scene = *state;

	fake_loop_pass(scene->etcd.loop, FIRST_MS);
	assert_int_equal(fake_http_waiting("/range"), 1);
	store_etcd_watch_probe(scene->watch); /* one is under way */
	assert_int_equal(fake_http_waiting("/range"), 1);
	fake_http_fail("/range", ETIMEDOUT);
	assert_null(scene->watch);
	assert_int_equal(scene->how, STORE_ETCD_WATCH_LOST);
	assert_int_equal(fake_http_waiting("/watch"), 0);
}

static void test_other_certificates_end_it(void **state)
{
	struct scene *scene = *state;

	fake_http_renew();
	fake_loop_pass(scene->etcd.loop, FIRST_MS);
	assert_null(scene->watch);
	assert_int_equal(scene->how, STORE_ETCD_WATCH_LOST);
}

/* They are read when a request is made, which may be the probe. */
static void test_a_probe_finds_other_certificates(void **state)
{
	struct scene *scene = *state;

	fake_loop_pass(scene->etcd.loop, FIRST_MS);
	fake_http_renew();
	fake_http_answer("/range", NO_CONFIG);
	assert_null(scene->watch);
	assert_int_equal(scene->how, STORE_ETCD_WATCH_LOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_silence_is_probed_ever_more_rarely),
		TEST(test_progress_is_life_but_no_change),
		TEST(test_a_change_brings_the_next_probe_near),
		TEST(test_life_puts_a_probe_off_by_one_distance),
		TEST(test_who_looks_lets_it_be_asked),
		TEST(test_a_probe_without_an_answer_ends_it),
		TEST(test_other_certificates_end_it),
		TEST(test_a_probe_finds_other_certificates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
