/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/prev.h"

#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

#define INTERFACES                                                                                 \
	"\"interfaces\":[{\"name\":\"weft-br1\",\"mac\":\"02:00:00:00:00:01\"},"                   \
	"{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:02\"},"                                       \
	"{\"name\":\"eth0\",\"mac\":\"0a:58:0a:05:01:07\",\"sandbox\":\"/n\"},"                    \
	"{\"name\":\"eth1\",\"mac\":\"0a:58:0a:05:01:08\",\"sandbox\":\"/n\"}]"

static void one_interface_is_picked_out(void **state)
{
	AUTO_PREV struct prev prev = { .mac = { { 0 } } };
	struct err err = ERR_INIT;
	char text[PREFIX_TEXT_SIZE];

	(void)state;
	if (prev_parse("{\"CniVersion\":\"1.0.0\"," INTERFACES
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

static void what_is_no_result_is_refused(void **state)
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
	for (size_t i = 0; i < LEN(cases); i++) {
		struct prev prev = { .mac = { { 7 } } };
		struct err err = ERR_INIT;

		if (prev_parse(cases[i].text, cases[i].ifname, cases[i].sandbox, &prev, &err) != -1)
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
		cmocka_unit_test(one_interface_is_picked_out),
		cmocka_unit_test(what_is_no_result_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
