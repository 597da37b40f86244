/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/publish_watch.h"

#include "common/err.h"
#include "daemon/io/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NETWORKS 40

static void on_changed(void *ctx)
{
	(void)ctx;
}

static size_t count_watched(const struct publish_watch *watches, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		for (size_t k = 0; k < PUBLISHED_FILES; k++)
			count += watches[i].file[k].watch != NULL;
	return count;
}

/* The inotify instances of a user are few, and the stores need them, too. */
static void the_files_of_many_networks_are_not_all_watched(void **state)
{
	struct publish_watch *watches = calloc(NETWORKS, sizeof(*watches));
	struct err err = ERR_INIT;
	struct loop *loop = NULL;
	char name[16];

	(void)state;
	assert_non_null(watches);
	assert_int_equal(loop_new(&loop, &err), 0);
	for (size_t i = 0; i < NETWORKS; i++) {
		snprintf(name, sizeof(name), "net%zu", i);
		publish_watch_init(&watches[i], loop, "/nonexistent/run", name,
				   i ? NULL : "/nonexistent/subnet.env", on_changed, NULL);
	}
	assert_int_equal(count_watched(watches, NETWORKS), PUBLISH_WATCH_MAX);
	assert_non_null(watches[0].file[1].watch);
	publish_watch_free(&watches[0]);
	publish_watch_free(&watches[0]);
	publish_watch_free(&watches[NETWORKS - 1]);
	publish_watch_init(&watches[NETWORKS - 1], loop, "/nonexistent/run", "last", NULL,
			   on_changed, NULL);
	assert_int_equal(count_watched(watches, NETWORKS), PUBLISH_WATCH_MAX - 1);
	for (size_t i = 0; i < NETWORKS; i++)
		publish_watch_free(&watches[i]);
	assert_int_equal(count_watched(watches, NETWORKS), 0);
	loop_free(loop);
	free(watches);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_files_of_many_networks_are_not_all_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
