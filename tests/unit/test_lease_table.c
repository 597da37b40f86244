/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/known.h"

#include "daemon/store.h"
#include "tests/unit/samples.h"

#include <stdlib.h>

#define GOOD "{\"PublicIP\":\"192.168.0.%u\"}"

/* What was dropped last. */
static struct peer dropped;

static void see_drop(void *ctx, const struct peer *peer)
{
	(void)ctx;
	dropped = *peer;
}

static int setup(void **state)
{
	*state = test_calloc(1, sizeof(struct known));
	return 0;
}

static int teardown(void **state)
{
	known_free(*state);
	test_free(*state);
	return 0;
}

#define known_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static int tell(struct known *known, const char *key, const char *value, uint64_t revision)
{
	const struct store_entry entry = {
		.key = key,
		.value = value,
		.value_size = strlen(value),
		.mod_revision = revision,
		.lease = 7,
	};
	struct err err = ERR_INIT;
	int rc = known_entry(known, &entry, &err);

	if (rc < 0)
		assert_true(*err.text);
	return rc;
}

/* A lease of the node with the address 192.168.0.HOST. */
static void tell_lease(struct known *known, const char *key, unsigned host, uint64_t revision)
{
	char value[64];

	snprintf(value, sizeof(value), GOOD, host);
	assert_int_equal(tell(known, key, value, revision), 0);
}

/* "10.5.2.0/24:2 " for each: its address' last byte, '!' where unreadable, '?' where vanished. */
static void assert_peers(const struct known *known, const char *want)
{
	char got[512] = "";
	size_t len = 0;

	for (size_t i = 0; i < known->now.peers.len; i++) {
		const struct peer *peer = &known->now.peers.at[i];

		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s:%u%s%s ",
					sample_subnets_text(peer->subnet),
					peer->public_ip[FAMILY_V4].be[15],
					peer->unreadable ? "!" : "", peer->vanished ? "?" : "");
	}
	assert_string_equal(got, want);
}

static void begin_with_three(struct known *known)
{
	known_list_begin(known);
	tell_lease(known, "10.5.10.0-24", 10, 5);
	tell_lease(known, "10.5.2.0-24", 2, 6);
	tell_lease(known, "10.5.3.0-24", 3, 7);
	assert_false(known_list_end(known, NULL));
	assert_peers(known, "10.5.2.0/24:2 10.5.3.0/24:3 10.5.10.0/24:10 ");
}

static void a_list_replaces_what_was(void **state)
{
	struct known *known = *state;
	const struct prefix ours[FAMILIES] = { sample_prefix("10.5.2.0/24") };

	begin_with_three(known);
	known_list_begin(known);
	tell_lease(known, "10.5.4.0-24", 4, 8);
	tell_lease(known, "10.5.2.0-24", 2, 6);
	assert_peers(known, "10.5.2.0/24:2 10.5.3.0/24:3 10.5.10.0/24:10 ");
	assert_false(known_list_end(known, ours));
	assert_peers(known, "10.5.2.0/24:2 10.5.4.0/24:4 ");
}

static void a_list_that_fails_changes_nothing(void **state)
{
	struct known *known = *state;

	begin_with_three(known);
	known_list_begin(known);
	tell_lease(known, "10.5.4.0-24", 4, 8);
	tell(known, "rubbish", "", 9);
	known_list_failed(known);
	assert_peers(known, "10.5.2.0/24:2 10.5.3.0/24:3 10.5.10.0/24:10 ");
	assert_int_equal(known->now.unread_all.len, 0);
	tell_lease(known, "10.5.4.0-24", 4, 8); /* no list is under way */
	assert_peers(known, "10.5.2.0/24:2 10.5.3.0/24:3 10.5.4.0/24:4 10.5.10.0/24:10 ");
}

static void changes_are_taken_in_the_order_of_their_revisions(void **state)
{
	struct known *known = *state;

	begin_with_three(known);
	tell_lease(known, "10.5.3.0-24", 33, 8);
	tell_lease(known, "10.5.2.0-24", 22, 5); /* older than what is known */
	assert_peers(known, "10.5.2.0/24:2 10.5.3.0/24:33 10.5.10.0/24:10 ");
	assert_false(known_gone(known, "10.5.3.0-24", 7, NULL));
	assert_false(known_gone(known, "10.5.2.0-24", 9, NULL));
	assert_false(known_gone(known, "10.5.99.0-24", 9, NULL));
	assert_false(known_gone(known, "rubbish", 9, NULL));
	assert_peers(known, "10.5.2.0/24:2? 10.5.3.0/24:33 10.5.10.0/24:10 ");
	assert_int_equal(known_drop_vanished(known, see_drop, NULL), 1);
	assert_peers(known, "10.5.3.0/24:33 10.5.10.0/24:10 ");
}

static void what_goes_can_come_again_and_our_own_goes_at_once(void **state)
{
	const struct prefix ours[FAMILIES] = { sample_prefix("10.5.2.0/24") };
	struct known *known = *state;

	begin_with_three(known);
	assert_false(known_gone(known, "10.5.3.0-24", 8, ours));
	assert_true(known_gone(known, "10.5.2.0-24", 8, ours));
	assert_peers(known, "10.5.3.0/24:3? 10.5.10.0/24:10 ");
	tell_lease(known, "10.5.3.0-24", 33, 7); /* older than its end */
	assert_peers(known, "10.5.3.0/24:3? 10.5.10.0/24:10 ");
	tell_lease(known, "10.5.3.0-24", 33, 9);
	assert_peers(known, "10.5.3.0/24:33 10.5.10.0/24:10 ");
}

/* Also those that are too many to be shown: each is one, until it is read or gone. */
static void keys_that_cannot_be_read_are_counted_once(void **state)
{
	struct known *known = *state;
	const unsigned many = KNOWN_UNREAD_MAX + 36;
	uint64_t revision = 1;
	char key[32];

	known_list_begin(known);
	for (unsigned i = 0; i < many / 2; i++) {
		snprintf(key, sizeof(key), "10.5.%u.0-24", i);
		tell(known, key, "rubbish", ++revision);
	}
	known_list_end(known, NULL);
	for (int again = 0; again < 3; again++) {
		for (unsigned i = 0; i < many; i++) {
			snprintf(key, sizeof(key), "10.5.%u.0-24", i);
			tell(known, key, "rubbish", ++revision);
		}
		assert_int_equal(known->now.unread_all.len, many);
		assert_int_equal(known->now.unread.len, KNOWN_UNREAD_MAX);
	}
	tell_lease(known, "10.5.99.0-24", 99, ++revision); /* one that is not shown */
	tell_lease(known, "10.5.99.0-24", 99, ++revision);
	assert_int_equal(known->now.unread_all.len, many - 1);
	known_gone(known, "10.5.98.0-24", ++revision, NULL);
	known_gone(known, "10.5.98.0-24", ++revision, NULL);
	known_gone(known, "10.5.1.0-24", ++revision, NULL); /* and one that is */
	assert_int_equal(known->now.unread_all.len, many - 3);
	assert_int_equal(known->now.unread.len, KNOWN_UNREAD_MAX - 1);
}

/* It takes its subnet, says nothing of who is there, and does not end what the key itself says. */
static void another_way_to_write_a_key_is_no_lease(void **state)
{
	const struct prefix *ours;
	struct known *known = *state;
	struct peer self = { .mtu = 0 };

	known_list_begin(known);
	tell_lease(known, "10.5.2.0-24&fd00:2::-64", 2, 6);
	assert_int_equal(tell(known, "10.5.2.0-24&fd00:2:0::-64", GOOD, 5), -1);
	assert_int_equal(tell(known, "10.5.3.0-24&fd00:3:0::-64", GOOD, 7), -1);
	known_list_end(known, NULL);
	assert_peers(known, "10.5.2.0/24&fd00:2::/64:2 10.5.3.0/24&fd00:3::/64:0! ");
	assert_int_equal(known->now.unread_all.len, 2);
	assert_says(known->now.unread.at[0].reason, "another way of writing");

	assert_int_equal(tell(known, "10.5.2.0-24&fd00:2:0::-64", GOOD, 8), -1);
	assert_false(known_gone(known, "10.5.2.0-24&fd00:2:0::-64", 9, NULL));
	assert_peers(known, "10.5.2.0/24&fd00:2::/64:2 10.5.3.0/24&fd00:3::/64:0! ");
	sample_subnets("10.5.2.0/24&fd00:2::/64", self.subnet);
	ours = self.subnet;
	assert_false(known_gone(known, "10.5.2.0-24&fd00:2:0::-64", 10, ours));

	known_gone(known, "10.5.3.0-24&fd00:3:0::-64", 11, NULL);
	assert_int_equal(known_drop_vanished(known, see_drop, NULL), 1);
	tell_lease(known, "10.5.3.0-24&fd00:3::-64", 3, 12);
	assert_peers(known, "10.5.2.0/24&fd00:2::/64:2 10.5.3.0/24&fd00:3::/64:3 ");
}

/* A backup can have our key, and lack those that came after it. */
static void a_restored_store_takes_nobody_away_at_once(void **state)
{
	struct known *known = *state;
	struct prefix ours[FAMILIES];

	sample_subnets("10.5.2.0/24", ours);
	for (int restored = 0; restored <= 1; restored++) {
		begin_with_three(known);
		known_list_begin(known);
		if (restored)
			known_list_restored(known);
		tell_lease(known, "10.5.2.0-24", 2, 1);
		assert_int_equal(known_list_end(known, ours), restored);
		assert_peers(known, restored ? "10.5.2.0/24:2 10.5.3.0/24:3? 10.5.10.0/24:10? " :
					       "10.5.2.0/24:2 ");
	}
	assert_int_equal(known_drop_vanished(known, see_drop, NULL), 2);
	assert_peers(known, "10.5.2.0/24:2 ");
	/* The next list is one as any other. */
	known_list_begin(known);
	assert_true(known_list_end(known, ours));
}

/* As while a node whose network has got IPv6 replaces its key. */
static void keys_that_share_a_subnet_are_two(void **state)
{
	struct known *known = *state;

	known_list_begin(known);
	tell_lease(known, "10.5.2.0-24", 2, 6);
	known_list_end(known, NULL);
	tell_lease(known, "10.5.2.0-24&fd00:2::-64", 22, 7);
	assert_peers(known, "10.5.2.0/24:2 10.5.2.0/24&fd00:2::/64:22 ");
	assert_false(known_gone(known, "10.5.2.0-24", 8, NULL));
	assert_peers(known, "10.5.2.0/24:2? 10.5.2.0/24&fd00:2::/64:22 ");
	assert_int_equal(known_drop_vanished(known, see_drop, NULL), 1);
	assert_peers(known, "10.5.2.0/24&fd00:2::/64:22 ");
}

static void what_cannot_be_read_changes_nothing(void **state)
{
	static const char *const values[] = { "", "rubbish", "{}", "{\"PublicIP\":7}", "\xff" };
	struct known *known = *state;

	begin_with_three(known);
	for (size_t i = 0; i < LEN(values); i++)
		assert_int_equal(tell(known, "10.5.3.0-24", values[i], 10 + i), -1);
	assert_int_equal(tell(known, "10.5.4.0-24", "rubbish", 20), -1);
	assert_int_equal(tell(known, "note to self", GOOD, 21), -1);
	assert_peers(known, "10.5.2.0/24:2 10.5.3.0/24:3! 10.5.4.0/24:0! 10.5.10.0/24:10 ");
	assert_int_equal(known->now.unread.len, 3);
	assert_string_equal(known->now.unread.at[0].key, "10.5.3.0-24");
	assert_says(known->now.unread.at[2].reason, "note to self");
	/* Across a list, too. */
	known_list_begin(known);
	tell_lease(known, "10.5.2.0-24", 2, 6);
	assert_int_equal(tell(known, "10.5.3.0-24", "rubbish", 10), -1);
	known_list_end(known, NULL);
	assert_peers(known, "10.5.2.0/24:2 10.5.3.0/24:3! ");
	assert_int_equal(known->now.unread.len, 1);
}

static void what_becomes_readable_or_goes_is_no_longer_shown(void **state)
{
	struct known *known = *state;

	tell(known, "10.5.3.0-24", "rubbish", 1);
	tell(known, "10.5.4.0-24", "rubbish", 2);
	tell(known, "note to self", "{}", 3);
	assert_int_equal(known->now.unread_all.len, 3);
	tell_lease(known, "10.5.3.0-24", 3, 4);
	assert_peers(known, "10.5.3.0/24:3 10.5.4.0/24:0! ");
	known_gone(known, "note to self", 5, NULL);
	known_gone(known, "10.5.4.0-24", 6, NULL);
	known_drop_vanished(known, see_drop, NULL);
	assert_peers(known, "10.5.3.0/24:3 ");
	assert_int_equal(known->now.unread_all.len, 0);
	assert_int_equal(known->now.unread.len, 0);
}

static void a_flood_of_rubbish_is_counted_but_not_kept(void **state)
{
	struct known *known = *state;
	char key[300];

	for (int i = 0; i < 3 * KNOWN_UNREAD_MAX; i++) {
		snprintf(key, sizeof(key), "%d-%0*d", i, 280, 0);
		tell(known, key, "{}", 1);
	}
	assert_int_equal(known->now.unread.len, KNOWN_UNREAD_MAX);
	assert_int_equal(known->now.unread_all.len, 3 * KNOWN_UNREAD_MAX);
	assert_int_equal(known->now.peers.len, 0);
}

static void a_wiped_store_takes_nobody_away_at_once(void **state)
{
	const struct prefix ours[FAMILIES] = { sample_prefix("10.5.2.0/24") };
	struct known *known = *state;

	begin_with_three(known);
	known_list_begin(known);
	tell_lease(known, "10.5.4.0-24", 4, 2);
	assert_true(known_list_end(known, ours));
	assert_peers(known, "10.5.3.0/24:3? 10.5.4.0/24:4 10.5.10.0/24:10? ");
	/* It counts its revisions anew, and what it tells again has not vanished. */
	tell_lease(known, "10.5.3.0-24", 33, 3);
	assert_peers(known, "10.5.3.0/24:33 10.5.4.0/24:4 10.5.10.0/24:10? ");
	assert_int_equal(known_drop_vanished(known, see_drop, NULL), 1);
	assert_peers(known, "10.5.3.0/24:33 10.5.4.0/24:4 ");
	assert_int_equal(known_drop_vanished(known, see_drop, NULL), 0);
}

/* Lists that follow while the grace lasts: without our key, with it, or while we hold none. */
static void what_vanished_stays_through_further_lists(void **state)
{
	const struct prefix ours[FAMILIES] = { sample_prefix("10.5.2.0/24") };
	struct known *known = *state;

	begin_with_three(known);
	known_list_begin(known);
	assert_true(known_list_end(known, ours));
	known_list_begin(known);
	assert_true(known_list_end(known, ours));
	known_list_begin(known);
	assert_false(known_list_end(known, NULL));
	assert_peers(known, "10.5.3.0/24:3? 10.5.10.0/24:10? ");
	known_list_begin(known);
	tell_lease(known, "10.5.2.0-24", 2, 4);
	tell_lease(known, "10.5.3.0-24", 33, 5);
	assert_false(known_list_end(known, ours));
	assert_peers(known, "10.5.2.0/24:2 10.5.3.0/24:33 10.5.10.0/24:10? ");
	assert_int_equal(known_drop_vanished(known, see_drop, NULL), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		known_test(a_list_replaces_what_was),
		known_test(a_list_that_fails_changes_nothing),
		known_test(changes_are_taken_in_the_order_of_their_revisions),
		known_test(what_goes_can_come_again_and_our_own_goes_at_once),
		known_test(keys_that_cannot_be_read_are_counted_once),
		known_test(another_way_to_write_a_key_is_no_lease),
		known_test(a_restored_store_takes_nobody_away_at_once),
		known_test(keys_that_share_a_subnet_are_two),
		known_test(what_cannot_be_read_changes_nothing),
		known_test(what_becomes_readable_or_goes_is_no_longer_shown),
		known_test(a_flood_of_rubbish_is_counted_but_not_kept),
		known_test(a_wiped_store_takes_nobody_away_at_once),
		known_test(what_vanished_stays_through_further_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
