/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cni_result.h"

#include "common/array.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The result in a compact form. */
static const char *text_of(const struct cni_result *result)
{
	static char text[1024];
	char a[PREFIX_TEXT_SIZE], b[IPADDR_TEXT_SIZE];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < result->interfaces.len; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s ",
					result->interfaces.at[i].text);
	for (size_t i = 0; i < result->ips.len; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "ip %s %s %d ",
					prefix_text(&result->ips.at[i].address, a),
					ipaddr_text(&result->ips.at[i].gateway, b),
					(int)result->ips.at[i].interface);
	for (size_t i = 0; i < result->routes.len; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "route %s %s %u ",
					prefix_text(&result->routes.at[i].dst, a),
					ipaddr_text(&result->routes.at[i].gateway, b),
					result->routes.at[i].metric);
	snprintf(text + len, sizeof(text) - len, "%s", result->dns ? result->dns : "");
	return text;
}

static void parse_supports_every_version(void **state)
{
	static const struct {
		const char *text, *result;
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
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(cni_result) struct cni_result result = { .dns = NULL };
		struct err err = ERR_INIT;

		if (cni_result_parse(cases[i].text, "prevResult", &result, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_string_equal(text_of(&result), cases[i].result);
	}
}

static void parse_rejects_invalid_results(void **state)
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
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cni_result result = { .dns = NULL };
		struct err err = ERR_INIT;

		assert_int_equal(cni_result_parse(cases[i].text, "prevResult", &result, &err), -1);
		if (!strstr(err.text, cases[i].names))
			fail_msg("%s: \"%s\"", cases[i].text, err.text);
		assert_int_equal(result.ips.len, 0);
	}
}

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

/* Appends the interfaces of an ADD: bridge, host veth, container. */
static void add_interfaces(struct cni_result *result, const char *sandbox)
{
	const struct cni_interface interfaces[] = {
		{ .name = "weft-br1", .mac = { { 2, 0, 0, 0, 0, 1 } }, .mtu = 1450 },
		{ .name = "weft0", .mac = { { 2, 0, 0, 0, 0, 2 } }, .mtu = 1400 },
		{ .name = "eth0",
		  .mac = { { 10, 88, 10, 5, 1, 7 } },
		  .mtu = 1400,
		  .sandbox = sandbox },
	};

	for (size_t i = 0; i < ARRAY_LEN(interfaces); i++)
		assert_true(cni_interfaces_push(&result->interfaces, &interfaces[i]));
}

static void add_ip(struct cni_result *result, const char *address, const char *gateway)
{
	const struct cni_ip ip = { prefix_of(address), addr_of(gateway), 2 };

	assert_true(cni_ips_push(&result->ips, &ip));
}

static void add_route(struct cni_result *result, struct route route)
{
	assert_true(netconf_routes_push(&result->routes, &route));
}

#define BRIDGE "{\"name\":\"weft-br1\",\"mac\":\"02:00:00:00:00:01\"}"
#define HOST "{\"name\":\"weft0\",\"mac\":\"02:00:00:00:00:02\"}"
#define CONTAINER "{\"name\":\"eth0\",\"mac\":\"0a:58:0a:05:01:07\",\"sandbox\":\"/run/netns/c1\"}"
#define INTERFACES "\"interfaces\":[" BRIDGE "," HOST "," CONTAINER "]"
#define IP4 "\"address\":\"10.5.1.7/24\",\"gateway\":\"10.5.1.1\"}"
#define IP6 "\"address\":\"fd00:5::7/64\",\"gateway\":\"fd00:5::1\"}"
#define DEFAULT4 "{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.5.1.1\"}"
#define DEFAULT6 "{\"dst\":\"::/0\",\"gw\":\"fd00:5::1\"}"

/* One family without anything further, or both with every member. */
static void check(enum version version, bool full, const char *want)
{
	AUTO(cni_result) struct cni_result result = { .dns = NULL };
	struct err err = ERR_INIT;
	char *text = NULL;

	add_interfaces(&result, "/run/netns/c1");
	add_ip(&result, "10.5.1.7/24", "10.5.1.1");
	add_route(&result,
		  (struct route){ .dst = prefix_of("0.0.0.0/0"), .gateway = addr_of("10.5.1.1") });
	if (full) {
		add_ip(&result, "fd00:5::7/64", "fd00:5::1");
		add_route(&result, (struct route){ .dst = prefix_of("::/0"),
						   .gateway = addr_of("fd00:5::1") });
		add_route(&result, (struct route){ .dst = prefix_of("10.9.0.0/16"),
						   .mtu = 1300,
						   .metric = 7,
						   .table = 200 });
		result.dns = strdup("{\"search\":[\"a.b\"]}");
		assert_non_null(result.dns);
	}
	assert_int_equal(cni_result_text(version, &result, &text, &err), 0);
	assert_string_equal(text, want);
	free(text);
}

static void text_follows_the_version(void **state)
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

static void text_without_routes_omits_the_key(void **state)
{
	AUTO(cni_result) struct cni_result result = { .dns = NULL };
	struct err err = ERR_INIT;
	char *text = NULL;

	(void)state;
	add_interfaces(&result, "/run/netns/c1");
	add_ip(&result, "10.5.1.7/24", "10.5.1.1");
	assert_int_equal(cni_result_text(VERSION_1_0_0, &result, &text, &err), 0);
	assert_string_equal(text, "{\"cniVersion\":\"1.0.0\"," INTERFACES
				  ",\"ips\":[{\"interface\":2," IP4 "]}");
	free(text);
}

static void text_escapes_the_sandbox(void **state)
{
	AUTO(cni_result) struct cni_result result = { .dns = NULL };
	struct err err = ERR_INIT;
	char *text = NULL;

	(void)state;
	add_interfaces(&result, "/var/run/netns/./a\"b\\c\n");
	assert_int_equal(cni_result_text(VERSION_1_0_0, &result, &text, &err), 0);
	assert_non_null(strstr(text, "\"sandbox\":\"/var/run/netns/./a\\\"b\\\\c\\n\""));
	free(text);
}

/* In a list of plugins, the results of earlier plugins come first and are unchanged. */
static void text_keeps_results_of_earlier_plugins(void **state)
{
	static const char prev[] =
		"{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"x\",\"mac\":\"\","
		"\"socketPath\":\"/s\"}],\"ips\":[{\"interface\":0,\"address\":\"10.7.0.7/16\"}],"
		"\"routes\":[{\"dst\":\"10.7.0.0/16\"}],\"dns\":{\"domain\":\"d\"}}";
	AUTO(cni_result) struct cni_result result = { .dns = NULL };
	struct err err = ERR_INIT;
	char *text = NULL;

	(void)state;
	assert_int_equal(cni_result_parse(prev, "prevResult", &result, &err), 0);
	assert_int_equal(cni_result_text(VERSION_1_0_0, &result, &text, &err), 0);
	assert_string_equal(text, prev);
	free(text);
	add_interfaces(&result, "/n");
	assert_int_equal(cni_result_text(VERSION_1_0_0, &result, &text, &err), 0);
	assert_non_null(strstr(text, "\"socketPath\":\"/s\"}," BRIDGE "," HOST ","));
	free(text);
}

static void error_text_has_code_and_message(void **state)
{
	struct err what = ERR_INIT, err = ERR_INIT;
	char *text = NULL;

	(void)state;
	(void)err_set(&what, ERR_POOL_FULL, "no \"address\" left");
	assert_int_equal(cni_result_error_text(VERSION_0_4_0, &what, &text, &err), 0);
	assert_string_equal(text, "{\"cniVersion\":\"0.4.0\",\"code\":101,"
				  "\"msg\":\"no \\\"address\\\" left\"}");
	free(text);
	(void)err_details(&what, "more");
	assert_int_equal(cni_result_error_text(VERSION_1_1_0, &what, &text, &err), 0);
	assert_string_equal(text, "{\"cniVersion\":\"1.1.0\",\"code\":101,"
				  "\"msg\":\"no \\\"address\\\" left\",\"details\":\"more\"}");
	free(text);
}

static void versions_text_lists_all(void **state)
{
	struct err err = ERR_INIT;
	char *text = NULL;

	(void)state;
	assert_int_equal(cni_result_versions_text(VERSION_1_0_0, &text, &err), 0);
	assert_string_equal(text,
			    "{\"cniVersion\":\"1.0.0\",\"supportedVersions\":[\"0.1.0\",\"0.2.0\","
			    "\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_supports_every_version),
		cmocka_unit_test(parse_rejects_invalid_results),
		cmocka_unit_test(text_follows_the_version),
		cmocka_unit_test(text_without_routes_omits_the_key),
		cmocka_unit_test(text_escapes_the_sandbox),
		cmocka_unit_test(text_keeps_results_of_earlier_plugins),
		cmocka_unit_test(error_text_has_code_and_message),
		cmocka_unit_test(versions_text_lists_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
