/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/request.h"

#include "common/array.h"
#include "common/err.h"
#include "plugin/netconf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct state_network network_of(size_t families)
{
	static const char *const texts[2][2] = { { "10.5.1.0/24", "10.5.1.1" },
						 { "fd00:5:0:1::/64", "fd00:5:0:1::1" } };
	struct state_network network = { .name = "default", .family_len = families };
	struct err err = ERR_INIT;

	for (size_t i = 0; i < families; i++) {
		if (prefix_parse(texts[i][0], &network.family[i].subnet, &err) < 0 ||
		    ipaddr_parse(texts[i][1], &network.family[i].gateway, &err) < 0)
			fail_msg("%s", err.text);
	}
	return network;
}

static struct netconf parsed(const char *keys)
{
	struct netconf netconf = NETCONF_INIT;
	struct err err = ERR_INIT;
	enum version version;
	char text[1024];

	snprintf(text, sizeof(text), "{\"name\":\"n\"%s%s}", *keys ? "," : "", keys);
	if (netconf_parse(text, strlen(text), &version, &netconf, &err) < 0)
		fail_msg("%s", err.text);
	return netconf;
}

static void requests_are_collected_from_all_sources(void **state)
{
	static const struct {
		const char *keys, *args;
		const char *mac, *ips, *dns;
	} cases[] = {
		{ "", NULL, "00:00:00:00:00:00", "", NULL },
		{ "\"args\":null,\"runtimeConfig\":{}", "MAC=0a:00:00:00:00:01",
		  "0a:00:00:00:00:01", "", NULL },
		{ "\"args\":{\"cni\":{\"mac\":\"0a:00:00:00:00:02\"}}", "MAC=0a:00:00:00:00:01",
		  "0a:00:00:00:00:02", "", NULL },
		{ "\"args\":{\"cni\":{\"mac\":\"0a:00:00:00:00:02\"}},"
		  "\"RuntimeConfig\":{\"MAC\":\"0a:00:00:00:00:03\"}",
		  "MAC=0a:00:00:00:00:01", "0a:00:00:00:00:03", "", NULL },
		{ "\"args\":{\"cni\":{\"ips\":[\"10.5.1.8\",\"10.5.1.7\"]}},"
		  "\"runtimeConfig\":{\"ips\":[\"10.5.1.9/24\",\"fd00::9\"]}",
		  "IP=10.5.1.7", "00:00:00:00:00:00", "10.5.1.7 10.5.1.8 10.5.1.9 fd00::9 ", NULL },
		{ "\"runtimeConfig\":{\"dns\":{\"Servers\":[\"10.0.0.53\"],\"Options\":[\"ndots:2\"]}}",
		  NULL, "00:00:00:00:00:00", "",
		  "{\"nameservers\":[\"10.0.0.53\"],\"options\":[\"ndots:2\"]}" },
		{ "\"runtimeConfig\":{\"dns\":{}}", NULL, "00:00:00:00:00:00", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(netconf) struct netconf netconf = parsed(cases[i].keys);
		AUTO(request) struct request request = { .dns = NULL };
		char mac[MAC_TEXT_SIZE], ips[256] = "", ip[IPADDR_TEXT_SIZE];
		struct err err = ERR_INIT;
		size_t len = 0;

		if (request_read(&netconf, cases[i].args, &request, &err) < 0)
			fail_msg("%s", err.text);
		for (size_t n = 0; n < request.ip_len; n++)
			len += (size_t)snprintf(ips + len, sizeof(ips) - len, "%s ",
						ipaddr_text(&request.ips[n], ip));
		assert_string_equal(mac_text(&request.args.mac, mac), cases[i].mac);
		assert_string_equal(ips, cases[i].ips);
		assert_string_equal(request.dns ? request.dns : "-",
				    cases[i].dns ? cases[i].dns : "-");
	}
}

static void invalid_requests_are_rejected(void **state)
{
	static const struct {
		const char *keys, *names;
	} cases[] = {
		{ "\"runtimeConfig\":[]", "runtimeConfig" },
		{ "\"args\":{\"cni\":7}", "args.cni" },
		{ "\"runtimeConfig\":{\"ips\":[7]}", "runtimeConfig.ips[0]" },
		{ "\"runtimeConfig\":{\"ips\":[\"10.5.1\"]}", "10.5.1" },
		{ "\"runtimeConfig\":{\"mac\":\"0a\"}", "runtimeConfig.mac" },
		{ "\"args\":{\"cni\":{\"mac\":\"01:00:00:00:00:00\"}}", "unicast" },
		{ "\"runtimeConfig\":{\"dns\":{\"servers\":\"x\"}}", "dns.servers" },
		{ "\"args\":{\"cni\":{\"ips\":[\"::1\",\"::2\",\"::3\",\"::4\",\"::5\",\"::6\",\"::7\","
		  "\"::8\",\"::9\"]}}",
		  "more than 8" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(netconf) struct netconf netconf = parsed(cases[i].keys);
		struct request request = { .ip_len = 7 };
		struct err err = ERR_INIT;

		assert_int_equal(request_read(&netconf, NULL, &request, &err), -1);
		assert_int_equal(err.code, ERR_CONFIG);
		if (!strstr(err.text, cases[i].names))
			fail_msg("no \"%s\" in \"%s\"", cases[i].names, err.text);
		assert_int_equal(request.ip_len, 7);
	}
}

/* The choices as "ranges requested; ": */
static const char *choices_text(const struct pool_choice choices[], size_t len)
{
	static char text[1024];
	char ranges[RANGE_TEXT_SIZE], wanted[IPADDR_TEXT_SIZE];
	size_t used = 0;

	for (size_t i = 0; i < len; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s; ",
					 range_set_text(&choices[i].set, ranges),
					 ipaddr_text(&choices[i].wanted, wanted));
	return text;
}

static void choices_follow_from_ranges_and_requests(void **state)
{
	static const struct {
		const char *keys, *choices;
	} cases[] = {
		{ "", "10.5.1.0/24 ; fd00:5:0:1::/64 ; " },
		{ "\"runtimeConfig\":{\"ips\":[\"fd00:5:0:1::9\",\"10.5.1.9\"]}",
		  "10.5.1.0/24 10.5.1.9; fd00:5:0:1::/64 fd00:5:0:1::9; " },
		{ "\"ipam\":{\"ranges\":[[{\"rangeStart\":\"10.5.1.9\"}]]}",
		  "10.5.1.9-10.5.1.254 ; fd00:5:0:1::/64 ; " },
		{ "\"ipam\":{\"ranges\":[[{\"rangeStart\":\"10.5.1.9\"}]]},"
		  "\"runtimeConfig\":{\"ipRanges\":[[{\"subnet\":\"10.5.1.128/25\"}],"
		  "[{\"subnet\":\"fd00:5:0:1::/64\",\"rangeEnd\":\"fd00:5:0:1::f\"}]]}",
		  "10.5.1.128-10.5.1.254 ; fd00:5:0:1::1-fd00:5:0:1::f ; " },
		{ "\"runtimeConfig\":{\"ipRanges\":[[{\"subnet\":\"10.5.1.0/24\",\"rangeStart\":"
		  "\"10.5.1.20\",\"rangeEnd\":\"10.5.1.21\",\"gateway\":\"10.5.1.1\"},"
		  "{\"rangeStart\":\"10.5.1.7\",\"rangeEnd\":\"10.5.1.7\"}]],\"ips\":[\"10.5.1.7\"]}",
		  "10.5.1.7-10.5.1.7, 10.5.1.20-10.5.1.21 10.5.1.7; fd00:5:0:1::/64 ; " },
	};
	const struct state_network network = network_of(2);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(netconf) struct netconf netconf = parsed(cases[i].keys);
		AUTO(request) struct request request = { .dns = NULL };
		struct pool_choice choices[REQUEST_CHOICES];
		struct err err = ERR_INIT;

		if (request_read(&netconf, NULL, &request, &err) < 0 ||
		    request_choose(&netconf, &request, &network, choices, &err) < 0)
			fail_msg("%s: %s", cases[i].keys, err.text);
		assert_string_equal(choices_text(choices, 2), cases[i].choices);
	}
}

static void requests_that_cannot_be_met_are_rejected(void **state)
{
	static const struct {
		const char *keys;
		enum err_code code;
		const char *names;
	} cases[] = {
		{ "\"runtimeConfig\":{\"ips\":[\"10.5.1.1\"]}", ERR_ADDRESS,
		  "requested address 10.5.1.1:" },
		{ "\"runtimeConfig\":{\"ips\":[\"10.5.1.0\",\"10.5.1.255\"]}", ERR_ADDRESS,
		  "requested address 10.5.1.0, 10.5.1.255:" },
		{ "\"runtimeConfig\":{\"ips\":[\"10.5.1.8\",\"10.5.1.9\"]}", ERR_ADDRESS,
		  "requested address 10.5.1.9:" },
		{ "\"runtimeConfig\":{\"ips\":[\"fd00::1\"]}", ERR_ADDRESS, "fd00::1" },
		{ "\"runtimeConfig\":{\"ipRanges\":[[{}]]}", ERR_CONFIG, "ipRanges[0][0]" },
		{ "\"runtimeConfig\":{\"ipRanges\":[[{\"subnet\":\"10.9.0.0/24\"}]]}", ERR_CONFIG,
		  "10.9.0.0 is not in this node's subnet 10.5.1.0/24" },
		{ "\"runtimeConfig\":{\"ipRanges\":[[{\"subnet\":\"10.5.0.0/16\",\"rangeStart\":"
		  "\"10.5.1.9\"}]]}",
		  ERR_CONFIG, "subnet" },
		{ "\"runtimeConfig\":{\"ipRanges\":[[{\"subnet\":\"10.5.1.130/25\"}]]}", ERR_CONFIG,
		  "the network is 10.5.1.128/25" },
		{ "\"runtimeConfig\":{\"ipRanges\":[[{\"rangeStart\":\"10.5.1.9\",\"rangeEnd\":"
		  "\"10.5.1.8\"}]]}",
		  ERR_CONFIG, "empty" },
		{ "\"runtimeConfig\":{\"ipRanges\":[[{\"subnet\":\"10.5.1.0/24\",\"gateway\":"
		  "\"10.5.1.2\"}]]}",
		  ERR_CONFIG, "gateway" },
		{ "\"runtimeConfig\":{\"ipRanges\":[[{\"rangeEnd\":\"10.5.1.9\"},"
		  "{\"rangeStart\":\"10.5.1.9\"}]]}",
		  ERR_CONFIG, "overlaps" },
		{ "\"runtimeConfig\":{\"ipRanges\":[[{\"rangeEnd\":\"10.5.1.9\"}],"
		  "[{\"rangeStart\":\"10.5.1.19\"}]]}",
		  ERR_CONFIG, "second set" },
		{ "\"runtimeConfig\":{\"ipRanges\":[{}]}", ERR_CONFIG, "ipRanges[0]" },
	};
	const struct state_network network = network_of(1);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(netconf) struct netconf netconf = parsed(cases[i].keys);
		AUTO(request) struct request request = { .dns = NULL };
		struct pool_choice choices[REQUEST_CHOICES];
		struct err err = ERR_INIT;

		assert_int_equal(request_read(&netconf, NULL, &request, &err), 0);
		assert_int_equal(request_choose(&netconf, &request, &network, choices, &err), -1);
		if (err.code != cases[i].code || !strstr(err.text, cases[i].names))
			fail_msg("%s: code %d, \"%s\"", cases[i].keys, (int)err.code, err.text);
	}
}

/*
 * In an L2 network a container can have any address of the network, unless ranges are configured.
 */
static void an_l2_network_permits_the_addresses_of_other_nodes(void **state)
{
	static const struct {
		const char *keys;
		bool l2, good;
	} cases[] = {
		{ "\"runtimeConfig\":{\"ips\":[\"10.5.1.7\"]}", true, true },
		{ "\"runtimeConfig\":{\"ips\":[\"10.5.2.7\"]}", true, true },
		{ "\"runtimeConfig\":{\"ips\":[\"10.5.2.0\"]}", true, true },
		{ "\"runtimeConfig\":{\"ips\":[\"10.5.2.7\"]}", false, false },
		{ "\"runtimeConfig\":{\"ips\":[\"10.6.2.7\"]}", true, false },
		{ "\"runtimeConfig\":{\"ips\":[\"10.5.0.0\"]}", true, false },
		{ "\"runtimeConfig\":{\"ips\":[\"10.5.255.255\"]}", true, false },
		{ "\"runtimeConfig\":{\"ips\":[\"10.5.1.1\"]}", true, false },
		{ "\"runtimeConfig\":{\"ips\":[\"10.5.2.7\"],\"ipRanges\":[[{\"subnet\":\"10.5.1.0/24\"}]]}",
		  true, false },
	};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(netconf) struct netconf netconf = parsed(cases[i].keys);
		AUTO(request) struct request request = { .dns = NULL };
		struct state_network network = network_of(1);
		struct pool_choice choices[REQUEST_CHOICES];

		network.l2 = cases[i].l2;
		assert_int_equal(prefix_parse("10.5.0.0/16", &network.family[0].cluster, &err), 0);
		assert_int_equal(request_read(&netconf, NULL, &request, &err), 0);
		if (request_choose(&netconf, &request, &network, choices, &err) !=
		    (cases[i].good ? 0 : -1))
			fail_msg("%s: %s", cases[i].keys, err.text);
		if (cases[i].good)
			assert_true(ipaddr_equal(&choices[0].wanted, &request.ips[0]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_collected_from_all_sources),
		cmocka_unit_test(invalid_requests_are_rejected),
		cmocka_unit_test(choices_follow_from_ranges_and_requests),
		cmocka_unit_test(requests_that_cannot_be_met_are_rejected),
		cmocka_unit_test(an_l2_network_permits_the_addresses_of_other_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
