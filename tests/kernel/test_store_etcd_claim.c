/* SPDX-License-Identifier: Apache-2.0 */
/* The conditions under which a lease key is put and removed, with a real etcd. */
/* fake: server */
#include "daemon/store/etcd/store_etcd_claim.h"

#include "common/array.h"
#include "tests/unit/etcd_fixture.h"
#include "tests/unit/samples.h"

/* Puts a new key. Returns whether the conditions held. */
static bool create(struct recorder *r, const char *key)
{
	put(r, key, "x", 0, 0);
	assert_int_equal(r->err.code, ERR_NONE);
	return r->reply.succeeded;
}

static void test_a_subnet_is_in_one_key_of_any_form(void **state)
{
	static const char *const holders[] = { "10.5.40.0-24", "10.5.40.0-24&fd00:5:40::-64",
					       "fd00:5:40::-64" };
	static const struct {
		const char *key;
		bool beside[3]; /* the key of the holder */
	} claims[] = {
		{ "10.5.40.0-24", { false, false, true } },
		{ "10.5.40.0-24&fd00:5:40::-64", { false, false, false } },
		{ "10.5.40.0-24&fd00:5:41::-64", { false, false, true } },
		{ "10.5.41.0-24&fd00:5:40::-64", { true, false, false } },
		{ "fd00:5:40::-64", { true, false, false } },
		{ "10.5.41.0-24&fd00:5:41::-64", { true, true, true } },
		{ "10.5.40.0-25", { true, true, true } }, /* which the choice does not take */
		{ "110.5.40.0-24", { true, true, true } },
		{ "fd00:5:40::-65", { true, true, true } },
	};
	struct recorder *r = *state;

	r->count_only = true;
	list(r);
	for (size_t h = 0; h < ARRAY_LEN(holders); h++) {
		for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
			bool got;

			assert_true(create(r, holders[h]));
			got = create(r, claims[i].key);
			if (got != claims[i].beside[h])
				fail_msg("%s beside %s", claims[i].key, holders[h]);
			etcdctl(r->endpoint, "del", "--prefix", "/w/subnets/");
			etcdctl(r->endpoint, "del", "--prefix", "/w/claims/");
		}
	}
}

/* flannel and operators write keys without a claim. */
static void test_keys_written_by_others_are_detected(void **state)
{
	struct recorder *r = *state;

	r->count_only = true;
	list(r);
	etcdctl(r->endpoint, "put", "/w/subnets/10.5.50.0-24&fd00:5:50::-64", "x");
	assert_false(create(r, "10.5.50.0-24"));
	assert_false(create(r, "10.5.50.0-24&fd00:5:51::-64"));
	assert_true(create(r, "10.5.51.0-24&fd00:5:51::-64"));
}

static void test_a_key_replaces_another(void **state)
{
	const struct store_put dual = { .key = "10.5.60.0-24&fd00:5:60::-64", .value = "x" };
	struct store_put again = dual;
	struct recorder *r = *state;

	r->count_only = true;
	list(r);
	assert_true(create(r, "10.5.60.0-24"));
	again.instead_of = "10.5.60.0-24";
	again.instead_revision = r->reply.mod_revision - 1;
	r->store->ops->put(r->store, &again, recorder_done, r);
	recorder_wait_reply(r);
	assert_false(r->reply.succeeded);
	again.instead_revision++;
	r->store->ops->put(r->store, &again, recorder_done, r);
	recorder_wait_reply(r);
	assert_true(r->reply.succeeded);
	recorder_wait(r, has_gone);
	assert_int_equal(r->gone, 1);
	again = (struct store_put){ .key = "10.5.60.0-24&fd00:5:61::-64",
				    .value = "x",
				    .instead_of = dual.key,
				    .instead_revision = r->reply.mod_revision };
	r->store->ops->put(r->store, &again, recorder_done, r);
	recorder_wait_reply(r);
	assert_true(r->reply.succeeded);
	/* The claim was removed with its key. */
	assert_true(create(r, "fd00:5:60::-64"));
	assert_false(create(r, "fd00:5:61::-64"));
	r->store->ops->remove(r->store, again.key, r->reply.mod_revision, recorder_done, r);
	recorder_wait_reply(r);
}

/* A key that was deleted by hand leaves its claim behind. */
static void test_a_void_claim_is_removed(void **state)
{
	struct store_put claim = { .key = "fd00:5:70::-64", .value = "x" };
	struct recorder *r = *state;

	r->count_only = true;
	list(r);
	assert_true(create(r, "10.5.70.0-24&fd00:5:70::-64"));
	assert_false(create(r, claim.key));
	assert_string_equal(r->reply.claimant, "10.5.70.0-24&fd00:5:70::-64");
	claim.absent = r->reply.claimant;
	r->store->ops->put(r->store, &claim, recorder_done, r);
	recorder_wait_reply(r);
	assert_false(r->reply.succeeded);
	etcdctl(r->endpoint, "del", "/w/subnets/10.5.70.0-24&fd00:5:70::-64", NULL);
	assert_false(create(r, claim.key));
	claim.absent = "10.5.70.0-24&fd00:5:70::-64";
	r->store->ops->put(r->store, &claim, recorder_done, r);
	recorder_wait_reply(r);
	assert_true(r->reply.succeeded);
	/* The key is put again and has lost its IPv6 subnet. */
	assert_false(create(r, "10.5.70.0-24&fd00:5:70::-64"));
	assert_true(create(r, "10.5.70.0-24"));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_a_subnet_is_in_one_key_of_any_form),
		TEST(test_keys_written_by_others_are_detected),
		TEST(test_a_key_replaces_another),
		TEST(test_a_void_claim_is_removed),
	};

	fake_server_isolate();
	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
