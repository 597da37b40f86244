/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/given.h"

#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* What was given, in few words. */
static const char *text_of(const struct given *given)
{
	static char text[1024];
	char a[PREFIX_TEXT_SIZE], b[IPADDR_TEXT_SIZE];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < given->interfaces.len; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s ",
					given->interfaces.at[i]);
	for (size_t i = 0; i < given->ips.len; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "ip %s %s %d ",
					prefix_text(&given->ips.at[i].address, a),
					ipaddr_text(&given->ips.at[i].gateway, b),
					(int)given->ips.at[i].interface);
	for (size_t i = 0; i < given->routes.len; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "route %s %s %u ",
					prefix_text(&given->routes.at[i].dst, a),
					ipaddr_text(&given->routes.at[i].gateway, b),
					given->routes.at[i].metric);
	snprintf(text + len, sizeof(text) - len, "%s", given->dns ? given->dns : "");
	return text;
}

static void every_version_is_understood(void **state)
{
	static const struct {
		const char *text, *given;
	} cases[] = {
		{ "{}", "" },
		{ "{\"dns\":{}}", "" },
		{ "{\"cniVersion\":\"0.2.0\",\"ip4\":{\"ip\":\"10.5.1.7/24\",\"gateway\":\"10.5.1.1\","
		  "\"routes\":[{\"dst\":\"0.0.0.0/0\"}]},\"ip6\":{\"ip\":\"fd00::7/64\"},"
		  "\"dns\":{\"search\":[\"a.b\"]}}",
		  "ip 10.5.1.7/24 10.5.1.1 -1 ip fd00::7/64  -1 route 0.0.0.0/0  0 "
		  "{\"search\":[\"a.b\"]}" },
		{ "{\"cniVersion\":\"0.4.0\",\"ips\":[{\"version\":\"4\",\"address\":\"10.5.1.7/24\"}],"
		  "\"routes\":[{\"dst\":\"10.0.0.0/8\",\"gw\":\"10.5.1.1\"}]}",
		  "ip 10.5.1.7/24  -1 route 10.0.0.0/8 10.5.1.1 0 " },
		{ "{\"cniVersion\":\"1.1.0\",\"interfaces\":[{\"name\":\"x\",\"socketPath\":\"/s\"}],"
		  "\"ips\":[{\"address\":\"10.5.1.7/24\",\"gateway\":\"10.5.1.1\",\"interface\":0}],"
		  "\"routes\":[{\"dst\":\"10.0.0.0/8\",\"priority\":7}]}",
		  "{\"name\":\"x\",\"socketPath\":\"/s\"} ip 10.5.1.7/24 10.5.1.1 0 "
		  "route 10.0.0.0/8  7 " },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		AUTO_GIVEN struct given given = { .dns = NULL };
		struct err err = ERR_INIT;

		if (given_parse(cases[i].text, "prevResult", &given, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_string_equal(text_of(&given), cases[i].given);
	}
}

static void what_is_no_result_is_refused(void **state)
{
	static const struct {
		const char *text, *names;
	} cases[] = {
		{ "", "prevResult" },
		{ "[]", "object" },
		{ "{\"cniVersion\":\"9.0.0\"}", "prevResult: incompatible" },
		{ "{\"interfaces\":{}}", "interfaces" },
		{ "{\"ips\":[{}]}", "ips[0].address" },
		{ "{\"ips\":[{\"address\":\"10.5.1.7/24\",\"interface\":0}]}",
		  "there are 0 interfaces" },
		{ "{\"ips\":[{\"address\":\"10.5.1.7/24\",\"interface\":-1}]}", "interface" },
		{ "{\"ip4\":{}}", "ip4.ip" },
		{ "{\"routes\":[{\"dst\":\"x\"}]}", "routes[0].dst" },
		{ "{\"dns\":[]}", "dns" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct given given = { .dns = NULL };
		struct err err = ERR_INIT;

		assert_int_equal(given_parse(cases[i].text, "prevResult", &given, &err), -1);
		if (!strstr(err.text, cases[i].names))
			fail_msg("%s: \"%s\"", cases[i].text, err.text);
		assert_int_equal(given.ips.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_version_is_understood),
		cmocka_unit_test(what_is_no_result_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
