/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/health.h"

#include "common/array.h"
#include "common/auto.h"
#include "daemon/network/network.h"
#include "tests/unit/samples.h"

static const struct network_view good = {
	.name = "default",
	.state = NETWORK_READY,
	.reason = "",
	.published = true,
	.connected = true,
	.lease = { .state = LEASE_HELD, .error = "" },
	.schedule = { .runs = 1, .good = true, .error = "" },
	.reconciler = { .devices = true },
};

static void a_network_is_ready_without_the_store(void **state)
{
	struct network_view view = good;
	const char *reason = NULL;

	(void)state;
	assert_true(health_network(&view, &reason));
	assert_string_equal(reason, "");
	view.connected = false;
	view.state = NETWORK_DEGRADED;
	view.reason = "http://127.0.0.1:2379: Connection refused";
	assert_true(health_network(&view, &reason));
	assert_string_equal(reason, "");
}

static void each_part_that_is_missing_is_the_reason(void **state)
{
	static const struct {
		struct network_view view;
		const char *reason;
	} cases[] = {
		{ { .lease = { .state = LEASE_LOST, .error = "lost to another node" } },
		  "lost to another node" },
		{ { .lease = { .state = LEASE_NONE }, .reason = "starting" }, "starting" },
		{ { .lease = { .state = LEASE_PUTTING } }, "no lease" },
		{ { .lease = { .state = LEASE_HELD }, .schedule = { .error = "add route: no" } },
		  "add route: no" },
		{ { .lease = { .state = LEASE_HELD }, .schedule = { .error = "" } },
		  "not reconciled yet" },
		{ { .lease = { .state = LEASE_HELD }, .schedule = { .good = true } },
		  "no devices" },
		{ { .lease = { .state = LEASE_HELD },
		    .schedule = { .good = true },
		    .reconciler = { .devices = true },
		    .reason = "cannot write subnet.env" },
		  "cannot write subnet.env" },
	};
	const char *reason;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_false(health_network(&cases[i].view, &reason));
		assert_string_equal(reason, cases[i].reason);
	}
}

static void all_networks_must_be_ready(void **state)
{
	struct network_view views[2] = { good, good };
	AUTO(free) char *text = NULL;
	AUTO(free) char *other = NULL;

	(void)state;
	views[1].name = "blue";
	assert_true(health_text(views, 2, &text));
	assert_string_equal(text, "default: ready\nblue: ready\n");
	views[1].lease.state = LEASE_LOST;
	views[1].lease.error = "lost";
	assert_false(health_text(views, 2, &other));
	assert_string_equal(other, "default: ready\nblue: lost\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_is_ready_without_the_store),
		cmocka_unit_test(each_part_that_is_missing_is_the_reason),
		cmocka_unit_test(all_networks_must_be_ready),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
