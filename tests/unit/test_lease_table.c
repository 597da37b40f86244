/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lease/lease_table.h"

#include "common/array.h"
#include "daemon/store/store.h"
#include "tests/unit/samples.h"

#include <stdlib.h>

#define GOOD "{\"PublicIP\":\"192.168.0.%u\"}"

/* The lease that was dropped last. */
static struct lease dropped;

static void see_drop(void *ctx, const struct lease *peer)
{
	(void)ctx;
	dropped = *peer;
}

static int setup(void **state)
{
	*state = test_calloc(1, sizeof(struct lease_table));
	return 0;
}

static int teardown(void **state)
{
	lease_table_free(*state);
	test_free(*state);
	return 0;
}

#define table_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static int deliver(struct lease_table *table, const char *key, const char *value, uint64_t revision)
{
	const struct store_entry entry = {
		.key = key,
		.value = value,
		.value_size = strlen(value),
		.mod_revision = revision,
		.lease = 7,
	};
	struct err err = ERR_INIT;
	int rc = lease_table_put(table, &entry, &err);

	if (rc < 0)
		assert_true(*err.text);
	return rc;
}

/* A lease of the node with the address 192.168.0.HOST. */
static void deliver_lease(struct lease_table *table, const char *key, unsigned host,
			  uint64_t revision)
{
	char value[64];

	snprintf(value, sizeof(value), GOOD, host);
	assert_int_equal(deliver(table, key, value, revision), 0);
}

/* "10.5.2.0/24:2 " for each: its address' last byte, '!' if invalid, '?' if vanished. */
static void assert_peers(const struct lease_table *table, const char *want)
{
	char got[512] = "";
	size_t len = 0;

	for (size_t i = 0; i < table->current.leases.len; i++) {
		const struct lease *peer = &table->current.leases.at[i];

		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s:%u%s%s ",
					sample_subnets_text(peer->subnet),
					peer->public_ip[FAMILY_V4].be[15], peer->invalid ? "!" : "",
					peer->vanished ? "?" : "");
	}
	assert_string_equal(got, want);
}

static void begin_with_three(struct lease_table *table)
{
	lease_table_list_begin(table);
	deliver_lease(table, "10.5.10.0-24", 10, 5);
	deliver_lease(table, "10.5.2.0-24", 2, 6);
	deliver_lease(table, "10.5.3.0-24", 3, 7);
	assert_false(lease_table_list_end(table, NULL));
	assert_peers(table, "10.5.2.0/24:2 10.5.3.0/24:3 10.5.10.0/24:10 ");
}

static void a_list_replaces_earlier_leases(void **state)
{
	struct lease_table *table = *state;
	const struct prefix ours[FAMILIES] = { sample_prefix("10.5.2.0/24") };

	begin_with_three(table);
	lease_table_list_begin(table);
	deliver_lease(table, "10.5.4.0-24", 4, 8);
	deliver_lease(table, "10.5.2.0-24", 2, 6);
	assert_peers(table, "10.5.2.0/24:2 10.5.3.0/24:3 10.5.10.0/24:10 ");
	assert_false(lease_table_list_end(table, ours));
	assert_peers(table, "10.5.2.0/24:2 10.5.4.0/24:4 ");
}

static void a_list_that_fails_changes_nothing(void **state)
{
	struct lease_table *table = *state;

	begin_with_three(table);
	lease_table_list_begin(table);
	deliver_lease(table, "10.5.4.0-24", 4, 8);
	deliver(table, "rubbish", "", 9);
	lease_table_list_failed(table);
	assert_peers(table, "10.5.2.0/24:2 10.5.3.0/24:3 10.5.10.0/24:10 ");
	assert_int_equal(table->current.invalid_hashes.len, 0);
	deliver_lease(table, "10.5.4.0-24", 4, 8); /* no list is in progress */
	assert_peers(table, "10.5.2.0/24:2 10.5.3.0/24:3 10.5.4.0/24:4 10.5.10.0/24:10 ");
}

/* Whatever the revisions: the store has decided. */
static void an_entry_can_replace_one_of_the_same_list(void **state)
{
	static const uint64_t revisions[] = { 8, 9, 10 };
	struct lease_table *table = *state;

	for (size_t i = 0; i < ARRAY_LEN(revisions); i++) {
		const struct store_entry entry = {
			.key = "10.5.2.0-24",
			.value = "{\"PublicIP\":\"192.168.0.9\"}",
			.value_size = strlen("{\"PublicIP\":\"192.168.0.9\"}"),
			.mod_revision = revisions[i],
			.replaces = true,
		};
		struct err err = ERR_INIT;

		lease_table_list_begin(table);
		deliver_lease(table, "10.5.2.0-24", 2, 9);
		deliver_lease(table, "10.5.3.0-24", 3, 9);
		assert_good(lease_table_put(table, &entry, &err), err);
		assert_false(lease_table_list_end(table, NULL));
		assert_peers(table, "10.5.2.0/24:9 10.5.3.0/24:3 ");
	}
}

static void changes_are_applied_in_the_order_of_revisions(void **state)
{
	struct lease_table *table = *state;

	begin_with_three(table);
	deliver_lease(table, "10.5.3.0-24", 33, 8);
	deliver_lease(table, "10.5.2.0-24", 22, 5); /* older than the recorded revision */
	assert_peers(table, "10.5.2.0/24:2 10.5.3.0/24:33 10.5.10.0/24:10 ");
	assert_false(lease_table_delete(table, "10.5.3.0-24", 7, NULL));
	assert_false(lease_table_delete(table, "10.5.2.0-24", 9, NULL));
	assert_false(lease_table_delete(table, "10.5.99.0-24", 9, NULL));
	assert_false(lease_table_delete(table, "rubbish", 9, NULL));
	assert_peers(table, "10.5.2.0/24:2? 10.5.3.0/24:33 10.5.10.0/24:10 ");
	assert_int_equal(lease_table_drop_vanished(table, see_drop, NULL), 1);
	assert_peers(table, "10.5.3.0/24:33 10.5.10.0/24:10 ");
}

static void deleted_peers_are_kept_for_a_while_and_the_own_lease_is_not(void **state)
{
	const struct prefix ours[FAMILIES] = { sample_prefix("10.5.2.0/24") };
	struct lease_table *table = *state;

	begin_with_three(table);
	assert_false(lease_table_delete(table, "10.5.3.0-24", 8, ours));
	assert_true(lease_table_delete(table, "10.5.2.0-24", 8, ours));
	assert_peers(table, "10.5.3.0/24:3? 10.5.10.0/24:10 ");
	deliver_lease(table, "10.5.3.0-24", 33, 7); /* older than its deletion */
	assert_peers(table, "10.5.3.0/24:3? 10.5.10.0/24:10 ");
	deliver_lease(table, "10.5.3.0-24", 33, 9);
	assert_peers(table, "10.5.3.0/24:33 10.5.10.0/24:10 ");
}

/* Including those beyond the limit of the list: each counts once, until it is valid or deleted. */
static void invalid_keys_are_counted_once(void **state)
{
	struct lease_table *table = *state;
	const unsigned many = LEASE_TABLE_INVALID_MAX + 36;
	uint64_t revision = 1;
	char key[32];

	lease_table_list_begin(table);
	for (unsigned i = 0; i < many / 2; i++) {
		snprintf(key, sizeof(key), "10.5.%u.0-24", i);
		deliver(table, key, "rubbish", ++revision);
	}
	lease_table_list_end(table, NULL);
	for (int again = 0; again < 3; again++) {
		for (unsigned i = 0; i < many; i++) {
			snprintf(key, sizeof(key), "10.5.%u.0-24", i);
			deliver(table, key, "rubbish", ++revision);
		}
		assert_int_equal(table->current.invalid_hashes.len, many);
		assert_int_equal(table->current.invalid.len, LEASE_TABLE_INVALID_MAX);
	}
	deliver_lease(table, "10.5.99.0-24", 99, ++revision); /* one that is not listed */
	deliver_lease(table, "10.5.99.0-24", 99, ++revision);
	assert_int_equal(table->current.invalid_hashes.len, many - 1);
	lease_table_delete(table, "10.5.98.0-24", ++revision, NULL);
	lease_table_delete(table, "10.5.98.0-24", ++revision, NULL);
	lease_table_delete(table, "10.5.1.0-24", ++revision, NULL); /* and one that is listed */
	assert_int_equal(table->current.invalid_hashes.len, many - 3);
	assert_int_equal(table->current.invalid.len, LEASE_TABLE_INVALID_MAX - 1);
}

/*
 * It takes its subnet, but describes no peer, and its deletion does not end the lease of the
 * canonical key.
 */
static void a_noncanonical_key_is_not_a_lease(void **state)
{
	const struct prefix *ours;
	struct lease_table *table = *state;
	struct lease self = { .mtu = 0 };

	lease_table_list_begin(table);
	deliver_lease(table, "10.5.2.0-24&fd00:2::-64", 2, 6);
	assert_int_equal(deliver(table, "10.5.2.0-24&fd00:2:0::-64", GOOD, 5), -1);
	assert_int_equal(deliver(table, "10.5.3.0-24&fd00:3:0::-64", GOOD, 7), -1);
	lease_table_list_end(table, NULL);
	assert_peers(table, "10.5.2.0/24&fd00:2::/64:2 10.5.3.0/24&fd00:3::/64:0! ");
	assert_int_equal(table->current.invalid_hashes.len, 2);
	assert_says(table->current.invalid.at[0].reason, "noncanonical spelling");

	assert_int_equal(deliver(table, "10.5.2.0-24&fd00:2:0::-64", GOOD, 8), -1);
	assert_false(lease_table_delete(table, "10.5.2.0-24&fd00:2:0::-64", 9, NULL));
	assert_peers(table, "10.5.2.0/24&fd00:2::/64:2 10.5.3.0/24&fd00:3::/64:0! ");
	sample_subnets("10.5.2.0/24&fd00:2::/64", self.subnet);
	ours = self.subnet;
	assert_false(lease_table_delete(table, "10.5.2.0-24&fd00:2:0::-64", 10, ours));

	lease_table_delete(table, "10.5.3.0-24&fd00:3:0::-64", 11, NULL);
	assert_int_equal(lease_table_drop_vanished(table, see_drop, NULL), 1);
	deliver_lease(table, "10.5.3.0-24&fd00:3::-64", 3, 12);
	assert_peers(table, "10.5.2.0/24&fd00:2::/64:2 10.5.3.0/24&fd00:3::/64:3 ");
}

/* A backup can have this node's key, and lack keys that were put later. */
static void a_restored_store_removes_no_peer_at_once(void **state)
{
	struct lease_table *table = *state;
	struct prefix ours[FAMILIES];

	sample_subnets("10.5.2.0/24", ours);
	for (int restored = 0; restored <= 1; restored++) {
		begin_with_three(table);
		lease_table_list_begin(table);
		if (restored)
			lease_table_list_restored(table);
		deliver_lease(table, "10.5.2.0-24", 2, 1);
		assert_int_equal(lease_table_list_end(table, ours), restored);
		assert_peers(table, restored ? "10.5.2.0/24:2 10.5.3.0/24:3? 10.5.10.0/24:10? " :
					       "10.5.2.0/24:2 ");
	}
	assert_int_equal(lease_table_drop_vanished(table, see_drop, NULL), 2);
	assert_peers(table, "10.5.2.0/24:2 ");
	/* The next list is handled like any other. */
	lease_table_list_begin(table);
	assert_true(lease_table_list_end(table, ours));
}

/* A node whose network was extended with IPv6 replaces its key. */
static void keys_with_a_common_subnet_are_separate_leases(void **state)
{
	struct lease_table *table = *state;

	lease_table_list_begin(table);
	deliver_lease(table, "10.5.2.0-24", 2, 6);
	lease_table_list_end(table, NULL);
	deliver_lease(table, "10.5.2.0-24&fd00:2::-64", 22, 7);
	assert_peers(table, "10.5.2.0/24:2 10.5.2.0/24&fd00:2::/64:22 ");
	assert_false(lease_table_delete(table, "10.5.2.0-24", 8, NULL));
	assert_peers(table, "10.5.2.0/24:2? 10.5.2.0/24&fd00:2::/64:22 ");
	assert_int_equal(lease_table_drop_vanished(table, see_drop, NULL), 1);
	assert_peers(table, "10.5.2.0/24&fd00:2::/64:22 ");
}

static void invalid_values_change_no_lease(void **state)
{
	static const char *const values[] = { "", "rubbish", "{}", "{\"PublicIP\":7}", "\xff" };
	struct lease_table *table = *state;

	begin_with_three(table);
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		assert_int_equal(deliver(table, "10.5.3.0-24", values[i], 10 + i), -1);
	assert_int_equal(deliver(table, "10.5.4.0-24", "rubbish", 20), -1);
	assert_int_equal(deliver(table, "note to self", GOOD, 21), -1);
	assert_peers(table, "10.5.2.0/24:2 10.5.3.0/24:3! 10.5.4.0/24:0! 10.5.10.0/24:10 ");
	assert_int_equal(table->current.invalid.len, 3);
	assert_string_equal(table->current.invalid.at[0].key, "10.5.3.0-24");
	assert_says(table->current.invalid.at[2].reason, "note to self");
	/* Also after a list. */
	lease_table_list_begin(table);
	deliver_lease(table, "10.5.2.0-24", 2, 6);
	assert_int_equal(deliver(table, "10.5.3.0-24", "rubbish", 10), -1);
	lease_table_list_end(table, NULL);
	assert_peers(table, "10.5.2.0/24:2 10.5.3.0/24:3! ");
	assert_int_equal(table->current.invalid.len, 1);
}

static void a_corrected_or_deleted_key_is_no_longer_invalid(void **state)
{
	struct lease_table *table = *state;

	deliver(table, "10.5.3.0-24", "rubbish", 1);
	deliver(table, "10.5.4.0-24", "rubbish", 2);
	deliver(table, "note to self", "{}", 3);
	assert_int_equal(table->current.invalid_hashes.len, 3);
	deliver_lease(table, "10.5.3.0-24", 3, 4);
	assert_peers(table, "10.5.3.0/24:3 10.5.4.0/24:0! ");
	lease_table_delete(table, "note to self", 5, NULL);
	lease_table_delete(table, "10.5.4.0-24", 6, NULL);
	lease_table_drop_vanished(table, see_drop, NULL);
	assert_peers(table, "10.5.3.0/24:3 ");
	assert_int_equal(table->current.invalid_hashes.len, 0);
	assert_int_equal(table->current.invalid.len, 0);
}

static void many_invalid_keys_are_counted_but_not_stored(void **state)
{
	struct lease_table *table = *state;
	char key[300];

	for (int i = 0; i < 3 * LEASE_TABLE_INVALID_MAX; i++) {
		snprintf(key, sizeof(key), "%d-%0*d", i, 280, 0);
		deliver(table, key, "{}", 1);
	}
	assert_int_equal(table->current.invalid.len, LEASE_TABLE_INVALID_MAX);
	assert_int_equal(table->current.invalid_hashes.len, 3 * LEASE_TABLE_INVALID_MAX);
	assert_int_equal(table->current.leases.len, 0);
}

static void a_wiped_store_removes_no_peer_at_once(void **state)
{
	const struct prefix ours[FAMILIES] = { sample_prefix("10.5.2.0/24") };
	struct lease_table *table = *state;

	begin_with_three(table);
	lease_table_list_begin(table);
	deliver_lease(table, "10.5.4.0-24", 4, 2);
	assert_true(lease_table_list_end(table, ours));
	assert_peers(table, "10.5.3.0/24:3? 10.5.4.0/24:4 10.5.10.0/24:10? ");
	/* The revisions start over; leases that are reported again have not vanished. */
	deliver_lease(table, "10.5.3.0-24", 33, 3);
	assert_peers(table, "10.5.3.0/24:33 10.5.4.0/24:4 10.5.10.0/24:10? ");
	assert_int_equal(lease_table_drop_vanished(table, see_drop, NULL), 1);
	assert_peers(table, "10.5.3.0/24:33 10.5.4.0/24:4 ");
	assert_int_equal(lease_table_drop_vanished(table, see_drop, NULL), 0);
}

/* Further lists within the grace period: without this node's key, with it, or without a lease. */
static void vanished_leases_are_kept_over_further_lists(void **state)
{
	const struct prefix ours[FAMILIES] = { sample_prefix("10.5.2.0/24") };
	struct lease_table *table = *state;

	begin_with_three(table);
	lease_table_list_begin(table);
	assert_true(lease_table_list_end(table, ours));
	lease_table_list_begin(table);
	assert_true(lease_table_list_end(table, ours));
	lease_table_list_begin(table);
	assert_false(lease_table_list_end(table, NULL));
	assert_peers(table, "10.5.3.0/24:3? 10.5.10.0/24:10? ");
	lease_table_list_begin(table);
	deliver_lease(table, "10.5.2.0-24", 2, 4);
	deliver_lease(table, "10.5.3.0-24", 33, 5);
	assert_false(lease_table_list_end(table, ours));
	assert_peers(table, "10.5.2.0/24:2 10.5.3.0/24:33 10.5.10.0/24:10? ");
	assert_int_equal(lease_table_drop_vanished(table, see_drop, NULL), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		table_test(a_list_replaces_earlier_leases),
		table_test(a_list_that_fails_changes_nothing),
		table_test(an_entry_can_replace_one_of_the_same_list),
		table_test(changes_are_applied_in_the_order_of_revisions),
		table_test(deleted_peers_are_kept_for_a_while_and_the_own_lease_is_not),
		table_test(invalid_keys_are_counted_once),
		table_test(a_noncanonical_key_is_not_a_lease),
		table_test(a_restored_store_removes_no_peer_at_once),
		table_test(keys_with_a_common_subnet_are_separate_leases),
		table_test(invalid_values_change_no_lease),
		table_test(a_corrected_or_deleted_key_is_no_longer_invalid),
		table_test(many_invalid_keys_are_counted_but_not_stored),
		table_test(a_wiped_store_removes_no_peer_at_once),
		table_test(vanished_leases_are_kept_over_further_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
