/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/service.h"

#include "daemon/network/network.h"
#include "tests/unit/samples.h"

static const struct network_view starting = {
	.name = "default",
	.state = NETWORK_STARTING,
	.reason = NETWORK_STATUS_STARTING,
	.subnet_file = true,
};

static struct network_view published(const char *name, bool subnet_file)
{
	return (struct network_view){
		.name = name,
		.state = NETWORK_READY,
		.reason = "",
		.published = true,
		.subnet_file = subnet_file,
	};
}

static void it_is_ready_when_the_files_exist(void **state)
{
	struct network_view view = starting;

	(void)state;
	assert_false(service_is_ready(&view, 1));
	view.reason = "the store is unreachable";
	assert_false(service_is_ready(&view, 1));
	view = published("default", true);
	assert_true(service_is_ready(&view, 1));
	/* From the snapshot. */
	view.state = NETWORK_DEGRADED;
	view.reason = "the store is unreachable; running from the snapshot";
	assert_true(service_is_ready(&view, 1));
}

static void another_network_delays_only_until_it_has_a_fault(void **state)
{
	struct network_view views[2] = { published("default", true), starting };

	(void)state;
	views[1].name = "blue";
	views[1].subnet_file = false;
	assert_false(service_is_ready(views, 2));
	views[1].reason = "there is no network configuration in the store";
	assert_true(service_is_ready(views, 2));
	views[1] = published("blue", false);
	assert_true(service_is_ready(views, 2));
	/* subnet.env describes the network that has the fault. */
	views[0] = starting;
	views[0].reason = "no uplink";
	assert_false(service_is_ready(views, 2));
}

static void the_text_has_each_network(void **state)
{
	struct network_view views[2] = { published("default", true), starting };
	char text[SERVICE_TEXT_SIZE];

	(void)state;
	assert_string_equal(service_text(views, 1, true, text), "READY=1\nSTATUS=default: ready");
	views[1].name = "blue";
	assert_string_equal(service_text(views, 2, false, text),
			    "STATUS=default: ready; blue: starting");
	views[1].reason = "a\nREADY=1\x80 \xc3\xa4";
	assert_string_equal(service_text(views, 2, false, text),
			    "STATUS=default: ready; blue: starting: a?READY=1? \xc3\xa4");
}

static void a_long_text_is_cut(void **state)
{
	static char reason[SERVICE_TEXT_SIZE * 2];
	struct network_view view = starting;
	char text[SERVICE_TEXT_SIZE];

	(void)state;
	memset(reason, 'x', sizeof(reason) - 1);
	view.reason = reason;
	assert_int_equal(strlen(service_text(&view, 1, false, text)), SERVICE_TEXT_SIZE - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_ready_when_the_files_exist),
		cmocka_unit_test(another_network_delays_only_until_it_has_a_fault),
		cmocka_unit_test(the_text_has_each_network),
		cmocka_unit_test(a_long_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
