/* SPDX-License-Identifier: Apache-2.0 */
/* The etcd store with a real etcd. Faulty servers: test_store_etcd_faults.c. */
/* fake: server */
#include "tests/unit/etcd_fixture.h"

#include <errno.h>

#define KEYS 1000 /* two pages */

static bool has_config(struct recorder *r)
{
	return strstr(r->log, "config={\"Network\":\"10.5.0.0/16\"}");
}

/* Also waits for etcd to start: an unreachable endpoint is reported once. */
static void test_empty_store(void **state)
{
	struct recorder *r = *state;

	list(r);
	assert_non_null(strstr(r->log, "[ config=none ] up"));
	assert_string_equal(r->endpoint, "http://127.0.0.1:2379");
	r->log[0] = '\0';
	etcdctl(r->endpoint, "put", "/w/config", "{\"Network\":\"10.5.0.0/16\"}");
	recorder_wait(r, has_config); /* reported by the watch */
	r->log[0] = '\0';
	r->store->ops->refresh(r->store);
	recorder_wait(r, has_ended_again);
	assert_string_equal(r->log, "[ config={\"Network\":\"10.5.0.0/16\"} ]");
}

static void test_put_and_remove_are_conditional(void **state)
{
	struct recorder *r = *state;
	uint64_t first, second;

	put(r, "10.5.1.0-24", "one", 0, 0);
	assert_true(r->reply.succeeded);
	first = r->reply.mod_revision;
	put(r, "10.5.1.0-24", "two", 0, 0);
	assert_int_equal(r->err.code, ERR_NONE);
	assert_false(r->reply.succeeded);
	put(r, "10.5.1.0-24", "two", 0, first);
	assert_true(r->reply.succeeded);
	second = r->reply.mod_revision;
	assert_true(second > first);
	put(r, "10.5.1.0-24", "three", 0, first);
	assert_false(r->reply.succeeded);
	r->store->ops->remove(r->store, "10.5.1.0-24", first, recorder_done, r);
	recorder_wait_reply(r);
	assert_false(r->reply.succeeded);
	list(r);
	assert_string_equal(r->last_value, "two");
	assert_true(r->mod_revision == second);
	r->store->ops->remove(r->store, "10.5.1.0-24", second, recorder_done, r);
	recorder_wait_reply(r);
	assert_true(r->reply.succeeded);
	recorder_wait(r, has_gone);
	assert_string_equal(r->last_key, "10.5.1.0-24");
}

/* The position of an earlier run; a list at an older position is reported as restored. */
static void test_first_list_is_compared_with_the_earlier_position(void **state)
{
	struct recorder *r = *state;
	struct store_point point;
	char text[32];

	list(r);
	put(r, "10.5.1.0-24", "one", 0, 0);
	recorder_wait(r, has_entry);
	point = r->store->ops->position(r->store);
	assert_true(point.cluster && point.term && point.revision == r->mod_revision);
	for (int i = 0; i < 4; i++) {
		struct store_point seen = point;
		struct err err = ERR_INIT;

		tear_down(state);
		set_up(state);
		r = *state;
		seen.revision += i == 1;
		seen.term += i == 2;
		seen.cluster += i == 3;
		assert_true(r->store->ops->position(r->store).cluster == 0);
		assert_int_equal(r->store->ops->start(r->store, &seen, &err), 0);
		assert_true(r->store->ops->position(r->store).revision == seen.revision);
		recorder_wait(r, has_ended);
		snprintf(text, sizeof(text), "%s",
			 i == 3 ? "restored: cluster" : "restored: revision");
		assert_int_equal(strstr(r->log, text) != NULL, i > 0);
		assert_true(r->store->ops->position(r->store).revision == point.revision);
	}
	etcdctl(r->endpoint, "del", "--prefix", "/w/subnets/");
}

static void test_lease_is_kept_alive_and_expires(void **state)
{
	struct recorder *r = *state;
	uint64_t lease;

	list(r);
	r->store->ops->grant(r->store, 1, recorder_done, r);
	recorder_wait_reply(r);
	lease = r->reply.lease;
	assert_true(lease != 0 && r->reply.ttl_s >= 1);
	put(r, "10.5.2.0-24", "leased", lease, 0);
	recorder_wait(r, has_entry);
	assert_true(r->lease == lease);
	assert_string_equal(r->last_value, "leased");
	r->store->ops->keepalive(r->store, lease, recorder_done, r);
	recorder_wait_reply(r);
	assert_int_equal(r->err.code, ERR_NONE);
	assert_true(r->reply.ttl_s >= 1);
	recorder_wait(r, has_gone); /* it expires */
	assert_string_equal(r->last_key, "10.5.2.0-24");
	r->store->ops->keepalive(r->store, lease, recorder_done, r);
	recorder_wait_reply(r);
	assert_int_equal(r->err.code, ERR_NONE);
	assert_true(r->reply.ttl_s == 0);
	put(r, "10.5.2.0-24", "x", lease, 0);
	assert_int_equal(r->err.sys_errno, ENOENT);
}

static void test_revoking_a_lease_removes_its_keys(void **state)
{
	struct recorder *r = *state;
	uint64_t lease;

	list(r);
	r->store->ops->grant(r->store, 86400, recorder_done, r);
	recorder_wait_reply(r);
	lease = r->reply.lease;
	assert_true(r->reply.ttl_s == 86400);
	put(r, "10.5.2.0-24", "leased", lease, 0);
	for (int n = 0; n < 2; n++) { /* again: the lease is gone already, which is success */
		r->store->ops->revoke(r->store, lease, recorder_done, r);
		recorder_wait_reply(r);
		assert_int_equal(r->err.code, ERR_NONE);
		assert_true(r->reply.succeeded);
	}
	recorder_wait(r, has_gone);
}

static void test_keys_next_to_the_prefix_are_not_reported(void **state)
{
	struct recorder *r = *state;

	list(r);
	etcdctl(r->endpoint, "put", "/w/subnets", "x");
	etcdctl(r->endpoint, "put", "/w/subnets-meta/10.5.9.0-24", "x");
	etcdctl(r->endpoint, "put", "/w/subnets0", "x");
	etcdctl(r->endpoint, "put", "/w/subnets/10.5.9.0-24", "x");
	recorder_wait(r, has_entry);
	assert_int_equal(r->entries, 1);
	etcdctl(r->endpoint, "del", "/w/subnets", "/w/subnets1");
	recorder_wait(r, has_gone);
	r->ended = 0;
	r->store->ops->refresh(r->store);
	recorder_wait(r, has_ended);
	assert_int_equal(r->entries + r->gone, 2);
}

static unsigned put_key_number;

static void put_next(void *ctx, const struct store_reply *reply, const struct err *err)
{
	struct recorder *r = ctx;
	char key[32];

	assert_null(err);
	if (!reply)
		put_key_number = 0;
	if (put_key_number == KEYS) {
		r->replies++;
		return;
	}
	snprintf(key, sizeof(key), "10.%u.%u.0-24", put_key_number / 256, put_key_number % 256);
	put_key_number++;
	r->store->ops->put(r->store, &(struct store_put){ .key = key, .value = "{}" }, put_next, r);
}

static void test_thousand_keys_are_listed_and_watched(void **state)
{
	struct recorder *r = *state;

	r->count_only = true;
	list(r);
	put_next(r, NULL, NULL);
	recorder_wait_reply(r);
	etcdctl(r->endpoint, "put", "/w/subnets/last", "x");
	recorder_wait(r, has_entry);
	r->entries = 0;
	r->store->ops->refresh(r->store);
	recorder_wait(r, has_ended_again);
	assert_int_equal(r->entries, KEYS + 1);
	assert_string_equal(r->last_key, "last");
	assert_string_equal(r->log, "[ config={\"Network\":\"10.5.0.0/16\"} ] up "
				    "[ config={\"Network\":\"10.5.0.0/16\"} ]");
}

static bool is_down(struct recorder *r)
{
	return strstr(r->log, "down");
}

static bool is_up_again(struct recorder *r)
{
	return is_down(r) && strstr(strstr(r->log, "down"), "up");
}

static void test_watch_is_resumed_after_a_restart_of_etcd(void **state)
{
	struct recorder *r = *state;

	r->count_only = true;
	list(r);
	etcd_stop();
	recorder_wait(r, is_down);
	assert_non_null(strstr(r->why, "127.0.0.1:2379: cannot connect: "));
	put(r, "a", "b", 0, 0);
	assert_int_equal(r->err.code, ERR_STORE);
	etcd_start("http://127.0.0.1:2379");
	recorder_wait(r, is_up_again);
	r->entries = 0;
	etcdctl(r->endpoint, "put", "/w/subnets/after", "x");
	recorder_wait(r, has_entry);
	assert_int_equal(r->entries, 1);
	assert_string_equal(r->last_key, "after");
	assert_int_equal(r->begun, 1);
}

static void test_compaction_during_an_outage_leads_to_a_list(void **state)
{
	struct recorder *r = *state;
	char revision[24];

	r->count_only = true;
	list(r);
	etcd_stop();
	recorder_wait(r, is_down);
	etcd_start("http://127.0.0.1:2479"); /* not the store's endpoint */
	etcdctl("http://127.0.0.1:2479", "put", "/w/subnets/away", "x");
	etcdctl("http://127.0.0.1:2479", "del", "/w/subnets/after", NULL);
	snprintf(revision, sizeof(revision), "%ju", (uintmax_t)r->newest + 2);
	etcdctl("http://127.0.0.1:2479", "compaction", revision, NULL);
	etcd_stop();
	r->entries = 0;
	etcd_start("http://127.0.0.1:2379");
	recorder_wait(r, has_ended_again);
	assert_int_equal(r->entries, KEYS + 2); /* "last" and "away" */
	assert_int_equal(r->gone, 0);
}

/* ---- From inside callbacks ----------------------------------------------- */

static void refresh(struct recorder *r)
{
	r->store->ops->refresh(r->store);
}

static void refresh_and_put(struct recorder *r)
{
	refresh(r);
	r->store->ops->put(r->store, &(struct store_put){ .key = "inside", .value = "x" },
			   recorder_done, r);
}

static void test_listener_calls_operations_within_its_callbacks(void **state)
{
	struct recorder *r = *state;

	r->count_only = true;
	r->at_entry = refresh_and_put; /* in the first of two pages */
	list(r);
	recorder_wait(r, has_ended_again);
	recorder_wait_reply(r);
	assert_true(r->reply.succeeded);
	r->ended = 0;
	r->at_end = refresh; /* in the list that this requests */
	refresh(r);
	recorder_wait(r, has_ended_again);
	r->ended = 0;
	r->at_entry = refresh_and_put; /* in a watch; the key is there already */
	etcdctl(r->endpoint, "put", "/w/subnets/outside", "x");
	recorder_wait(r, has_ended);
	recorder_wait_reply(r);
	assert_false(r->reply.succeeded);
	assert_int_equal(r->failed, 0);
}

static bool never(struct recorder *r)
{
	return loop_now_ms() + RECORDER_WAIT_MS - 50 >= r->deadline_ms;
}

static void test_freed_store_calls_nothing_back(void **state)
{
	struct recorder *r = *state;

	r->count_only = true;
	list(r);
	r->store->ops->grant(r->store, 10, recorder_done, r);
	r->store->ops->refresh(r->store);
	r->log[0] = '\0';
	r->store->ops->free(r->store);
	r->store = NULL;
	recorder_wait(r, never);
	assert_int_equal(r->replies, 0);
	assert_string_equal(r->log, "");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_empty_store),
		TEST(test_put_and_remove_are_conditional),
		TEST(test_first_list_is_compared_with_the_earlier_position),
		TEST(test_lease_is_kept_alive_and_expires),
		TEST(test_revoking_a_lease_removes_its_keys),
		TEST(test_keys_next_to_the_prefix_are_not_reported),
		TEST(test_thousand_keys_are_listed_and_watched),
		TEST(test_watch_is_resumed_after_a_restart_of_etcd),
		TEST(test_compaction_during_an_outage_leads_to_a_list),
		TEST(test_listener_calls_operations_within_its_callbacks),
		TEST(test_freed_store_calls_nothing_back),
	};

	fake_server_isolate();
	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
