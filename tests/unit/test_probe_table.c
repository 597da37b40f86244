/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/probe/probe_table.h"

#include "common/array.h"
#include "tests/unit/samples.h"

#define SECOND 1000000
#define INTERVAL (10 * SECOND)
#define START (100 * (uint64_t)SECOND)

static struct ipaddr own[FAMILIES];

static struct ipaddr gateway_of(unsigned number)
{
	char text[IPADDR_TEXT_SIZE];

	snprintf(text, sizeof(text), "10.%u.%u.1", number / 256, number % 256);
	return sample_addr(text);
}

/* Sets len targets, numbered from 1, at this time. */
static void set_targets(struct probe_table *table, unsigned len, uint64_t now_us)
{
	struct probe_targets wanted = { .len = 0 };

	own[FAMILY_V4] = sample_addr("10.9.9.1");
	own[FAMILY_V6] = sample_addr("fd00:9::1");
	for (unsigned i = len; i >= 1; i--) {
		const struct probe_target target = { .gateway = gateway_of(i), .answers = true };

		assert_true(probe_targets_push(&wanted, &target));
	}
	assert_true(probe_table_set(table, &wanted, own, now_us));
	assert_null(wanted.at);
}

static struct probe_target *take(struct probe_table *table, uint64_t now_us)
{
	struct probe_target *target = probe_table_take_due(table, now_us);

	assert_non_null(target);
	return target;
}

static void each_target_is_due_once_per_interval_evenly_spaced(void **state)
{
	struct probe_table table = { .interval_us = INTERVAL };
	const struct probe_target *seen[100] = { NULL };
	uint64_t now_us = START;

	(void)state;
	set_targets(&table, ARRAY_LEN(seen), now_us);
	assert_int_equal(table.order.len, ARRAY_LEN(seen));
	assert_int_equal(probe_table_step_us(&table), INTERVAL / ARRAY_LEN(seen));
	for (size_t i = 0; i < 3 * ARRAY_LEN(seen); i++) {
		const struct probe_target *target = take(&table, now_us);

		if (i >= ARRAY_LEN(seen))
			assert_ptr_equal(target, seen[i % ARRAY_LEN(seen)]);
		for (size_t k = 0; i < ARRAY_LEN(seen) && k < i; k++)
			assert_ptr_not_equal(target, seen[k]);
		seen[i % ARRAY_LEN(seen)] = target;
		assert_null(probe_table_take_due(&table, now_us));
		assert_int_equal(probe_table_wait_us(&table, now_us), INTERVAL / ARRAY_LEN(seen));
		now_us += INTERVAL / ARRAY_LEN(seen);
	}
	probe_table_free(&table);
}

static void nodes_have_different_orders(void **state)
{
	struct probe_table one = { .interval_us = INTERVAL }, other = one;
	struct probe_targets wanted = { .len = 0 };
	bool differ = false;

	(void)state;
	set_targets(&one, 50, START);
	for (unsigned i = 1; i <= 50; i++) {
		const struct probe_target target = { .gateway = gateway_of(i), .answers = true };

		assert_true(probe_targets_push(&wanted, &target));
	}
	own[FAMILY_V4] = sample_addr("10.9.8.1");
	assert_true(probe_table_set(&other, &wanted, own, START));
	for (size_t i = 0; i < 50; i++)
		differ |= one.order.at[i] != other.order.at[i];
	assert_true(differ);
	probe_table_free(&one);
	probe_table_free(&other);
}

static void what_was_missed_is_not_made_up_for(void **state)
{
	struct probe_table table = { .interval_us = INTERVAL };
	const uint64_t late_us = START + 20 * INTERVAL;

	(void)state;
	set_targets(&table, 1000, START);
	take(&table, START);
	take(&table, late_us);
	while (probe_table_take_due(&table, late_us))
		;
	assert_true(probe_table_wait_us(&table, late_us) > 0);
	assert_true(table.next <= 3 + 3 * PROBE_BURST_US / (INTERVAL / 1000));
	probe_table_free(&table);
}

static void many_targets_within_a_burst_are_all_due(void **state)
{
	struct probe_table table = { .interval_us = INTERVAL };
	size_t due = 0;

	(void)state;
	set_targets(&table, 10000, START);
	for (uint64_t now_us = START; now_us < START + INTERVAL; now_us += PROBE_BURST_US)
		while (probe_table_take_due(&table, now_us))
			due++;
	assert_in_range(due, 9900, 10001);
	probe_table_free(&table);
}

/* A timer of a busy machine: late by up to a whole burst, each time. */
static void late_timers_do_not_reduce_the_number_of_probes(void **state)
{
	struct probe_table table = { .interval_us = INTERVAL };
	const uint64_t late_us[] = { 0, 1000, PROBE_BURST_US, PROBE_BURST_US / 2 };
	uint64_t now_us = START;
	size_t due = 0;

	(void)state;
	set_targets(&table, 2000, now_us);
	for (size_t i = 0; now_us < START + 2 * INTERVAL; i++) {
		while (probe_table_take_due(&table, now_us))
			due++;
		now_us += PROBE_BURST_US + late_us[i % ARRAY_LEN(late_us)];
	}
	assert_in_range(due, 3960, 4001);
	probe_table_free(&table);
}

static void a_target_that_is_not_to_be_probed_is_never_due(void **state)
{
	struct probe_targets wanted = { .len = 0 };
	struct probe_table table = { .interval_us = INTERVAL };
	const struct probe_target disabled = { .gateway = gateway_of(1) }, direct = {
		.gateway = gateway_of(2), .answers = true, .direct = true
	};

	(void)state;
	assert_true(probe_targets_push(&wanted, &disabled));
	assert_true(probe_targets_push(&wanted, &direct));
	assert_true(probe_table_set(&table, &wanted, own, START));
	assert_null(probe_table_take_due(&table, START + INTERVAL));
	assert_true(probe_table_wait_us(&table, START) == UINT64_MAX);
	assert_true(probe_table_step_us(&table) == UINT64_MAX);
	assert_int_equal(probe_view(&table.targets.at[0], START).state, PROBE_DISABLED);
	assert_int_equal(probe_view(&table.targets.at[1], START).state, PROBE_DIRECT);
	probe_table_free(&table);
}

/* Sends a request, and, unless rtt_us is PROBE_NO_RTT, receives the reply. */
static void measure(struct probe_table *table, uint64_t *now_us, uint32_t rtt_us)
{
	struct probe_target *target = take(table, *now_us);

	probe_table_sent(target, 7, *now_us);
	if (rtt_us != PROBE_NO_RTT)
		assert_true(probe_table_replied(table, target, 7, rtt_us, *now_us + rtt_us));
	*now_us += INTERVAL;
}

static void losses_and_times_are_recorded(void **state)
{
	struct probe_table table = { .interval_us = INTERVAL };
	uint64_t now_us = START;
	struct probe_view view;

	(void)state;
	set_targets(&table, 1, now_us);
	assert_int_equal(probe_view(table.targets.at, now_us).state, PROBE_PENDING);
	measure(&table, &now_us, 800);
	view = probe_view(table.targets.at, now_us);
	assert_int_equal(view.state, PROBE_ANSWERING);
	assert_int_equal(view.sent, 1);
	assert_int_equal(view.lost, 0);
	assert_int_equal(view.rtt_us, 800);
	assert_int_equal(view.mean_us, 800);
	assert_int_equal(view.age_us, INTERVAL - 800);
	measure(&table, &now_us, 1600);
	assert_int_equal(probe_view(table.targets.at, now_us).mean_us, 900);
	for (int i = 0; i < PROBE_SILENT - 1; i++)
		measure(&table, &now_us, PROBE_NO_RTT);
	view = probe_view(table.targets.at, now_us);
	assert_int_equal(view.state, PROBE_ANSWERING);
	assert_int_equal(view.lost, PROBE_SILENT - 1);
	measure(&table, &now_us, PROBE_NO_RTT);
	view = probe_view(table.targets.at, now_us);
	assert_int_equal(view.state, PROBE_SILENT_PEER);
	assert_int_equal(view.sent, PROBE_SILENT + 2);
	assert_int_equal(view.rtt_us, 1600);
	assert_int_equal(table.sent, PROBE_SILENT + 1); /* the last outcome is not recorded yet */
	assert_int_equal(table.rtt.sum_us, 2400);
	measure(&table, &now_us, 100);
	assert_int_equal(probe_view(table.targets.at, now_us).state, PROBE_ANSWERING);
	assert_int_equal(table.sent, PROBE_SILENT + 3);
	assert_int_equal(table.lost, PROBE_SILENT);
	probe_table_free(&table);
}

static void a_peer_is_silent_after_three_losses_only(void **state)
{
	struct probe_table table = { .interval_us = INTERVAL };
	uint64_t now_us = START;

	(void)state;
	set_targets(&table, 1, now_us);
	for (int i = 0; i < PROBE_SILENT - 1; i++) {
		measure(&table, &now_us, PROBE_NO_RTT);
		assert_int_equal(probe_view(table.targets.at, now_us).sent, i + 1);
		assert_int_equal(probe_view(table.targets.at, now_us).state, PROBE_PENDING);
	}
	measure(&table, &now_us, PROBE_NO_RTT);
	assert_int_equal(probe_view(table.targets.at, now_us).state, PROBE_SILENT_PEER);
	measure(&table, &now_us, 10);
	assert_int_equal(probe_view(table.targets.at, now_us).state, PROBE_ANSWERING);
	probe_table_free(&table);
}

static void only_the_last_outcomes_count(void **state)
{
	struct probe_table table = { .interval_us = INTERVAL };
	uint64_t now_us = START;
	struct probe_view view;

	(void)state;
	set_targets(&table, 1, now_us);
	for (int i = 0; i < 5; i++)
		measure(&table, &now_us, PROBE_NO_RTT);
	for (int i = 0; i < PROBE_RECENT - 2; i++)
		measure(&table, &now_us, 10);
	view = probe_view(table.targets.at, now_us);
	assert_int_equal(view.sent, PROBE_RECENT);
	assert_int_equal(view.lost, 2);
	assert_int_equal(table.lost, 5);
	probe_table_free(&table);
}

static void a_reply_to_no_request_is_not_counted(void **state)
{
	struct probe_table table = { .interval_us = INTERVAL };
	struct probe_target *target;

	(void)state;
	set_targets(&table, 1, START);
	target = take(&table, START);
	assert_false(probe_table_replied(&table, target, 7, 10, START));
	probe_table_sent(target, 7, START);
	assert_false(probe_table_replied(&table, target, 8, 10, START + 10));
	assert_false(probe_table_replied(&table, target, 7, 10, START + PROBE_TIMEOUT_US + 1));
	assert_true(probe_table_replied(&table, target, 7, 10, START + PROBE_TIMEOUT_US));
	assert_false(probe_table_replied(&table, target, 7, 10, START + PROBE_TIMEOUT_US));
	assert_int_equal(table.sent, 1);
	probe_table_free(&table);
}

static void measurements_of_a_peer_that_stays_are_kept(void **state)
{
	struct probe_table table = { .interval_us = INTERVAL };
	uint64_t now_us = START;
	const struct ipaddr first = gateway_of(1), second = gateway_of(2), none = gateway_of(3);

	(void)state;
	set_targets(&table, 1, now_us);
	measure(&table, &now_us, 50);
	measure(&table, &now_us, PROBE_NO_RTT);
	set_targets(&table, 2, now_us);
	assert_int_equal(probe_view(probe_table_find(&table, &first), now_us).sent, 2);
	assert_int_equal(probe_view(probe_table_find(&table, &second), now_us).state,
			 PROBE_PENDING);
	assert_null(probe_table_find(&table, &none));
	assert_int_equal(probe_table_after(&table, &first), 1);
	assert_int_equal(probe_table_after(&table, &none), 2);
	/* The one that had no turn comes first. */
	assert_ptr_equal(take(&table, now_us), probe_table_find(&table, &second));
	set_targets(&table, 0, now_us);
	assert_null(probe_table_take_due(&table, now_us + INTERVAL));
	assert_int_equal(table.sent, 1);
	set_targets(&table, 1, now_us);
	assert_int_equal(probe_view(table.targets.at, now_us).state, PROBE_PENDING);
	probe_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_target_is_due_once_per_interval_evenly_spaced),
		cmocka_unit_test(nodes_have_different_orders),
		cmocka_unit_test(what_was_missed_is_not_made_up_for),
		cmocka_unit_test(many_targets_within_a_burst_are_all_due),
		cmocka_unit_test(late_timers_do_not_reduce_the_number_of_probes),
		cmocka_unit_test(a_target_that_is_not_to_be_probed_is_never_due),
		cmocka_unit_test(losses_and_times_are_recorded),
		cmocka_unit_test(a_peer_is_silent_after_three_losses_only),
		cmocka_unit_test(only_the_last_outcomes_count),
		cmocka_unit_test(a_reply_to_no_request_is_not_counted),
		cmocka_unit_test(measurements_of_a_peer_that_stays_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
