/* SPDX-License-Identifier: Apache-2.0 */
/* The pages in which a list is requested. */
/* fake: loop http */
#include "daemon/store/etcd/store_etcd_list.h"

#include "common/array.h"
#include "common/base64.h"
#include "daemon/store/store.h"
#include "tests/unit/etcd_client.h"
#include "tests/unit/fake_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOO_LARGE                                                                                  \
	"{\"message\":\"grpc: received message larger than max (5000000 vs. 4194304)\",\"code\":8}"

struct scene {
	struct etcd_client etcd;
	struct store_etcd_list *list; /* NULL: the call has ended */
	unsigned entries, ends, failures;
	bool good; /* the end of the range */
};

static void on_begin(void *ctx)
{
	(void)ctx;
}

static void on_config(void *ctx, const char *text, size_t size)
{
	(void)ctx, (void)text, (void)size;
}

static void on_entry(void *ctx, const struct store_entry *entry)
{
	struct scene *scene = ctx;

	(void)entry;
	scene->entries++;
}

static void on_end(void *ctx)
{
	((struct scene *)ctx)->ends++;
}

static void on_failed(void *ctx)
{
	((struct scene *)ctx)->failures++;
}

static const struct store_listener listener = {
	.list_begin = on_begin,
	.config = on_config,
	.entry = on_entry,
	.list_end = on_end,
	.list_failed = on_failed,
};

static void on_done(void *ctx, const struct store_point *header, const struct err *err)
{
	struct scene *scene = ctx;

	(void)header;
	scene->list = NULL;
	scene->good = !err;
}

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct err err = ERR_INIT;
	struct store_etcd_list_job job = {
		.client = &scene->etcd.client,
		.endpoint = ETCD_ENDPOINT,
		.config_key = ETCD_CONFIG_KEY,
		.prefix = ETCD_PREFIX,
		.report = &scene->etcd.report,
		.done = on_done,
		.ctx = scene,
	};

	etcd_client_open(&scene->etcd, &listener, scene);
	scene->list = store_etcd_list_start(&job, &err);
	assert_non_null(scene->list);
	fake_http_respond("/range", "{" ETCD_HEADER "}"); /* the configuration */
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	store_etcd_list_free(scene->list);
	etcd_client_close(&scene->etcd);
	free(scene);
	return 0;
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* The requested length of a page. */
static unsigned requested_len(void)
{
	const char *limit = strstr(fake_http_body("/range"), "\"limit\":\"");

	assert_non_null(limit);
	return (unsigned)strtoul(limit + strlen("\"limit\":\""), NULL, 10);
}

/* The n-th page of one key, of as many keys as exist from it on. */
static void give_page(unsigned n, unsigned count)
{
	char key[32], body[512];
	char *text;

	snprintf(key, sizeof(key), "/w/%06u", n);
	text = base64_encode(key, strlen(key));
	snprintf(body, sizeof(body),
		 "{" ETCD_HEADER ",\"kvs\":[{\"key\":\"%s\",\"mod_revision\":\"5\"}],\"more\":%s,"
		 "\"count\":\"%u\"}",
		 text, count > 1 ? "true" : "false", count);
	free(text);
	fake_http_respond("/range", body);
}

static void test_page_length_follows_the_number_of_keys(void **state)
{
	static const struct {
		unsigned count, len;
	} cases[] = {
		{ 3, 250 },      { 2500, 250 },   { 2600, 260 },
		{ 10000, 1000 }, { 25000, 2500 }, { 50000, 2500 },
	};
	struct scene *scene;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		scene = *state;
		assert_int_equal(requested_len(), 250); /* the number of keys is unknown */
		give_page(1, cases[i].count);
		assert_int_equal(requested_len(), cases[i].len);
		give_page(2, cases[i].count - 1);
		assert_int_equal(requested_len(), cases[i].len); /* to the end */
		give_page(3, 1);
		assert_null(scene->list);
		assert_true(scene->good);
		assert_int_equal(scene->entries, 3);
		assert_int_equal(scene->ends, 1);
		tear_down(state);
		set_up(state);
	}
}

static void test_pages_that_are_too_large_are_shrunk(void **state)
{
	static const unsigned len[] = { 2500, 625, 157, 40, 10, 3, 1 };
	struct scene *scene = *state;

	give_page(1, 50000);
	for (size_t i = 0; i < ARRAY_LEN(len) - 1; i++) {
		assert_int_equal(requested_len(), len[i]);
		fake_http_refuse("/range", 429, TOO_LARGE);
	}
	assert_int_equal(requested_len(), 1);
	give_page(2, 2);
	assert_int_equal(requested_len(), 1); /* and do not grow again */
	assert_int_equal(scene->entries, 2);
	fake_http_refuse("/range", 429, TOO_LARGE); /* a single key */
	assert_null(scene->list);
	assert_false(scene->good);
	assert_int_equal(scene->failures, 1);
	assert_int_equal(scene->ends, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_page_length_follows_the_number_of_keys),
		TEST(test_pages_that_are_too_large_are_shrunk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
