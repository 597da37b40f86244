/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/result.h"

#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix = { .len = 0 };
	struct err err = ERR_INIT;

	if (prefix_parse(text, &prefix, &err) < 0)
		fail_msg("%s", err.text);
	return prefix;
}

static struct ipaddr addr_of(const char *text)
{
	struct ipaddr addr = { .family = AF_UNSPEC };
	struct err err = ERR_INIT;

	if (ipaddr_parse(text, &addr, &err) < 0)
		fail_msg("%s", err.text);
	return addr;
}

static const struct result_interface interfaces[] = {
	{ "weft-br1", { { 2, 0, 0, 0, 0, 1 } }, 1450, NULL },
	{ "weft0", { { 2, 0, 0, 0, 0, 2 } }, 1400, NULL },
	{ "eth0", { { 10, 88, 10, 5, 1, 7 } }, 1400, "/run/netns/c1" },
};

#define BRIDGE "{\"name\":\"weft-br1\",\"mac\":\"02:00:00:00:00:01\"}"
#define HOST "{\"name\":\"weft0\",\"mac\":\"02:00:00:00:00:02\"}"
#define CONTAINER "{\"name\":\"eth0\",\"mac\":\"0a:58:0a:05:01:07\",\"sandbox\":\"/run/netns/c1\"}"
#define INTERFACES "\"interfaces\":[" BRIDGE "," HOST "," CONTAINER "]"
#define IP4 "\"address\":\"10.5.1.7/24\",\"gateway\":\"10.5.1.1\"}"
#define IP6 "\"address\":\"fd00:5::7/64\",\"gateway\":\"fd00:5::1\"}"
#define DEFAULT4 "{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.5.1.1\"}"
#define DEFAULT6 "{\"dst\":\"::/0\",\"gw\":\"fd00:5::1\"}"

/* One family without anything further, or both with all there is. */
static void check(enum version version, bool full, const char *want)
{
	const struct result_ip ips[] = {
		{ prefix_of("10.5.1.7/24"), addr_of("10.5.1.1") },
		{ prefix_of("fd00:5::7/64"), addr_of("fd00:5::1") },
	};
	const struct route routes[] = {
		{ .dst = prefix_of("0.0.0.0/0"), .gateway = addr_of("10.5.1.1") },
		{ .dst = prefix_of("::/0"), .gateway = addr_of("fd00:5::1") },
		{ .dst = prefix_of("10.9.0.0/16"), .mtu = 1300, .metric = 7, .table = 200 },
	};
	struct result result = {
		.ips = ips,
		.ip_len = full ? 2 : 1,
		.routes = routes,
		.route_len = full ? 3 : 1,
		.dns = full ? "{\"search\":[\"a.b\"]}" : NULL,
	};
	struct err err = ERR_INIT;
	char *text = NULL;

	memcpy(result.interfaces, interfaces, sizeof(interfaces));
	assert_int_equal(result_text(version, &result, &text, &err), 0);
	assert_string_equal(text, want);
	free(text);
}

static void each_version_has_its_own_form(void **state)
{
	(void)state;
	check(VERSION_0_1_0, false,
	      "{\"cniVersion\":\"0.1.0\",\"ip4\":{\"ip\":\"10.5.1.7/24\",\"gateway\":\"10.5.1.1\","
	      "\"routes\":[" DEFAULT4 "]},\"dns\":{}}");
	check(VERSION_0_2_0, true,
	      "{\"cniVersion\":\"0.2.0\",\"ip4\":{\"ip\":\"10.5.1.7/24\",\"gateway\":\"10.5.1.1\","
	      "\"routes\":[" DEFAULT4
	      ",{\"dst\":\"10.9.0.0/16\"}]},\"ip6\":{\"ip\":\"fd00:5::7/64\","
	      "\"gateway\":\"fd00:5::1\",\"routes\":[" DEFAULT6
	      "]},\"dns\":{\"search\":[\"a.b\"]}}");
	check(VERSION_0_3_0, false,
	      "{\"cniVersion\":\"0.3.0\"," INTERFACES
	      ",\"ips\":[{\"version\":\"4\",\"interface\":2," IP4 "],\"routes\":[" DEFAULT4
	      "],\"dns\":{}}");
	check(VERSION_0_3_1, false,
	      "{\"cniVersion\":\"0.3.1\"," INTERFACES
	      ",\"ips\":[{\"version\":\"4\",\"interface\":2," IP4 "],\"routes\":[" DEFAULT4
	      "],\"dns\":{}}");
	check(VERSION_0_4_0, true,
	      "{\"cniVersion\":\"0.4.0\"," INTERFACES
	      ",\"ips\":[{\"version\":\"4\",\"interface\":2," IP4
	      ",{\"version\":\"6\",\"interface\":2," IP6 "],\"routes\":[" DEFAULT4 "," DEFAULT6
	      ",{\"dst\":\"10.9.0.0/16\"}],\"dns\":{\"search\":[\"a.b\"]}}");
	check(VERSION_1_0_0, false,
	      "{\"cniVersion\":\"1.0.0\"," INTERFACES ",\"ips\":[{\"interface\":2," IP4
	      "],\"routes\":[" DEFAULT4 "]}");
	check(VERSION_1_1_0, true,
	      "{\"cniVersion\":\"1.1.0\",\"interfaces\":["
	      "{\"name\":\"weft-br1\",\"mac\":\"02:00:00:00:00:01\",\"mtu\":1450},"
	      "{\"name\":\"weft0\",\"mac\":\"02:00:00:00:00:02\",\"mtu\":1400},"
	      "{\"name\":\"eth0\",\"mac\":\"0a:58:0a:05:01:07\",\"mtu\":1400,"
	      "\"sandbox\":\"/run/netns/c1\"}],\"ips\":[{\"interface\":2," IP4
	      ",{\"interface\":2," IP6 "],\"routes\":[" DEFAULT4 "," DEFAULT6
	      ",{\"dst\":\"10.9.0.0/16\",\"mtu\":1300,"
	      "\"priority\":7,\"table\":200}],\"dns\":{\"search\":[\"a.b\"]}}");
}

static void without_routes_there_is_no_such_key(void **state)
{
	const struct result_ip ip = { prefix_of("10.5.1.7/24"), addr_of("10.5.1.1") };
	struct result result = { .ips = &ip, .ip_len = 1 };
	struct err err = ERR_INIT;
	char *text = NULL;

	(void)state;
	memcpy(result.interfaces, interfaces, sizeof(interfaces));
	assert_int_equal(result_text(VERSION_1_0_0, &result, &text, &err), 0);
	assert_string_equal(text, "{\"cniVersion\":\"1.0.0\"," INTERFACES
				  ",\"ips\":[{\"interface\":2," IP4 "]}");
	free(text);
}

static void a_sandbox_comes_out_as_it_went_in(void **state)
{
	const struct result_ip ip = { prefix_of("10.5.1.7/24"), addr_of("10.5.1.1") };
	struct result result = { .ips = &ip, .ip_len = 1 };
	struct err err = ERR_INIT;
	char *text = NULL;

	(void)state;
	memcpy(result.interfaces, interfaces, sizeof(interfaces));
	result.interfaces[RESULT_CONTAINER].sandbox = "/var/run/netns/./a\"b\\c\n";
	assert_int_equal(result_text(VERSION_1_0_0, &result, &text, &err), 0);
	assert_non_null(strstr(text, "\"sandbox\":\"/var/run/netns/./a\\\"b\\\\c\\n\""));
	free(text);
}

static void errors_have_code_and_text(void **state)
{
	struct err what = ERR_INIT, err = ERR_INIT;
	char *text = NULL;

	(void)state;
	(void)err_set(&what, ERR_POOL_FULL, "no \"address\" left");
	assert_int_equal(result_error_text(VERSION_0_4_0, &what, &text, &err), 0);
	assert_string_equal(text, "{\"cniVersion\":\"0.4.0\",\"code\":101,"
				  "\"msg\":\"no \\\"address\\\" left\"}");
	free(text);
	(void)err_details(&what, "more");
	assert_int_equal(result_error_text(VERSION_1_1_0, &what, &text, &err), 0);
	assert_string_equal(text, "{\"cniVersion\":\"1.1.0\",\"code\":101,"
				  "\"msg\":\"no \\\"address\\\" left\",\"details\":\"more\"}");
	free(text);
}

static void versions_are_listed(void **state)
{
	struct err err = ERR_INIT;
	char *text = NULL;

	(void)state;
	assert_int_equal(result_versions_text(VERSION_1_0_0, &text, &err), 0);
	assert_string_equal(text,
			    "{\"cniVersion\":\"1.0.0\",\"supportedVersions\":[\"0.1.0\",\"0.2.0\","
			    "\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_version_has_its_own_form),
		cmocka_unit_test(without_routes_there_is_no_such_key),
		cmocka_unit_test(a_sandbox_comes_out_as_it_went_in),
		cmocka_unit_test(errors_have_code_and_text),
		cmocka_unit_test(versions_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
