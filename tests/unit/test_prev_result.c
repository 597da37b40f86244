/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/prev_result.h"

#include "common/array.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define INTERFACES                                                                                 \
	"\"interfaces\":[{\"name\":\"weft-br1\",\"mac\":\"02:00:00:00:00:01\"},"                   \
	"{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:02\"},"                                       \
	"{\"name\":\"eth0\",\"mac\":\"0a:58:0a:05:01:07\",\"sandbox\":\"/n\"},"                    \
	"{\"name\":\"eth1\",\"mac\":\"0a:58:0a:05:01:08\",\"sandbox\":\"/n\"}]"

static void parse_selects_one_interface(void **state)
{
	AUTO(prev_result) struct prev_result prev = { .mac = { { 0 } } };
	struct err err = ERR_INIT;
	char text[PREFIX_TEXT_SIZE];

	(void)state;
	if (prev_result_parse(
		    "{\"CniVersion\":\"1.0.0\"," INTERFACES
		    ",\"ips\":[{\"address\":\"10.5.1.8/24\",\"interface\":3},"
		    "{\"address\":\"10.5.1.7/24\",\"gateway\":\"10.5.1.1\",\"Interface\":2},"
		    "{\"address\":\"10.7.7.7/24\"},"
		    "{\"address\":\"fd00::7/64\",\"interface\":2}],"
		    "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.5.1.1\"},"
		    "{\"dst\":\"10.9.0.0/16\",\"table\":200}],\"dns\":{}}",
		    "eth0", "/n", &prev, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(prev.mac.octet[5], 7);
	assert_int_equal(prev.addresses.len, 2);
	assert_string_equal(prefix_text(&prev.addresses.at[0], text), "10.5.1.7/24");
	assert_string_equal(prefix_text(&prev.addresses.at[1], text), "fd00::7/64");
	assert_int_equal(prev.routes.len, 2);
	assert_string_equal(ipaddr_text(&prev.routes.at[0].gateway, text), "10.5.1.1");
	assert_false(ipaddr_is_set(&prev.routes.at[1].gateway));
	assert_int_equal(prev.routes.at[1].table, 200);
}

/* Later plugins may add to a result what weft itself does not support. */
static void parse_ignores_what_check_does_not_compare(void **state)
{
	AUTO(prev_result) struct prev_result prev = { .mac = { { 0 } } };
	struct err err = ERR_INIT;

	(void)state;
	if (prev_result_parse(
		    "{\"cniVersion\":\"9.0.0\"," INTERFACES
		    ",\"ips\":[{\"address\":\"10.5.1.7/24\",\"interface\":2},"
		    "{\"address\":\"10.5.1.9/24\",\"interface\":70000}],"
		    "\"routes\":[{\"dst\":\"10.8.0.0/16\",\"gw\":\"fd00::1\"},"
		    "{\"dst\":\"10.9.0.0/16\",\"gw\":\"10.5.1.1\",\"scope\":253,\"mtu\":100000}]}",
		    "eth0", "/n", &prev, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(prev.addresses.len, 1);
	assert_int_equal(prev.routes.len, 2);
}

static void parse_rejects_invalid_results(void **state)
{
	static const struct {
		const char *text, *ifname, *sandbox, *names;
	} cases[] = {
		{ "7", "eth0", "/n", "prevResult" },
		{ "{}", "eth0", "/n", "eth0" },
		{ "{" INTERFACES "}", "eth2", "/n", "eth2" },
		{ "{" INTERFACES "}", "eth0", "/other", "/other" },
		{ "{" INTERFACES ",\"ips\":[{\"address\":\"10.5.1.7\"}]}", "eth0", "/n",
		  "ips[0].address" },
		{ "{" INTERFACES ",\"routes\":[{}]}", "eth0", "/n", "routes[0].dst" },
		{ "{\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"/n\"}]}", "eth0", "/n",
		  "mac" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct prev_result prev = { .mac = { { 7 } } };
		struct err err = ERR_INIT;

		if (prev_result_parse(cases[i].text, cases[i].ifname, cases[i].sandbox, &prev,
				      &err) != -1)
			fail_msg("accepted: %s", cases[i].text);
		assert_int_equal(err.code, ERR_CONFIG);
		if (!strstr(err.text, cases[i].names))
			fail_msg("\"%s\" does not name %s", err.text, cases[i].names);
		assert_int_equal(prev.mac.octet[0], 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_selects_one_interface),
		cmocka_unit_test(parse_ignores_what_check_does_not_compare),
		cmocka_unit_test(parse_rejects_invalid_results),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
