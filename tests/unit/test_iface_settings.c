/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/wiring.h"

#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static struct state_network network_of(size_t families)
{
	static const char *const texts[2][3] = {
		{ "10.5.0.0/16", "10.5.1.0/24", "10.5.1.1" },
		{ "fd00:5::/48", "fd00:5:0:1::/64", "fd00:5:0:1::1" },
	};
	struct state_network network = { .name = "default", .mtu = 1450, .family_len = families };
	struct err err = ERR_INIT;

	for (size_t i = 0; i < families; i++) {
		if (prefix_parse(texts[i][0], &network.family[i].cluster, &err) < 0 ||
		    prefix_parse(texts[i][1], &network.family[i].subnet, &err) < 0 ||
		    ipaddr_parse(texts[i][2], &network.family[i].gateway, &err) < 0)
			fail_msg("%s", err.text);
	}
	return network;
}

/* What the keys, as JSON, make of the network. */
static int wire(const char *keys, size_t families, struct wiring *wiring_out, struct err *err)
{
	AUTO_NETCONF struct netconf netconf = NETCONF_INIT;
	struct state_network network = network_of(families);
	enum version version;
	char text[512];

	snprintf(text, sizeof(text), "{\"name\":\"n\"%s%s}", *keys ? "," : "", keys);
	if (netconf_parse(text, strlen(text), &version, &netconf, err) < 0)
		fail_msg("%s", err->text);
	return wiring_of(&network, &netconf, wiring_out, err);
}

/* The routes as "dst gateway metric,": */
static const char *routes_text(const struct wiring *wiring)
{
	static char text[512];
	char dst[PREFIX_TEXT_SIZE], gateway[IPADDR_TEXT_SIZE];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < wiring->routes.len; i++) {
		const struct route *route = &wiring->routes.at[i];

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s %u,",
					prefix_text(&route->dst, dst),
					ipaddr_text(&route->gateway, gateway), route->metric);
	}
	return text;
}

static void routes_follow_from_network_and_configuration(void **state)
{
	static const struct {
		const char *keys;
		size_t families;
		const char *routes;
	} cases[] = {
		{ "", 1, "0.0.0.0/0 10.5.1.1 0," },
		{ "", 2, "0.0.0.0/0 10.5.1.1 0,::/0 fd00:5:0:1::1 0," },
		{ "\"isDefaultGateway\":false", 2,
		  "10.5.0.0/16 10.5.1.1 0,fd00:5::/48 fd00:5:0:1::1 0," },
		{ "\"routes\":[{\"dst\":\"10.9.0.0/16\"},{\"dst\":\"fd09::/16\"}]", 2,
		  "0.0.0.0/0 10.5.1.1 0,::/0 fd00:5:0:1::1 0,10.9.0.0/16 10.5.1.1 0,"
		  "fd09::/16 fd00:5:0:1::1 0," },
		{ "\"routes\":[{\"dst\":\"10.9.0.0/16\",\"gw\":\"10.5.1.99\",\"priority\":7}]", 1,
		  "0.0.0.0/0 10.5.1.1 0,10.9.0.0/16 10.5.1.99 7," },
		/* A default route that is configured stands in for ours; one beside it does not. */
		{ "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.5.1.99\"}]", 1,
		  "0.0.0.0/0 10.5.1.99 0," },
		{ "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.5.1.99\",\"priority\":7}]", 1,
		  "0.0.0.0/0 10.5.1.1 0,0.0.0.0/0 10.5.1.99 7," },
		{ "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.5.1.99\",\"table\":7}]", 1,
		  "0.0.0.0/0 10.5.1.1 0,0.0.0.0/0 10.5.1.99 0," },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		AUTO_WIRING struct wiring wiring = { .mtu = 0 };
		struct err err = ERR_INIT;

		if (wire(cases[i].keys, cases[i].families, &wiring, &err) < 0)
			fail_msg("%s", err.text);
		assert_string_equal(routes_text(&wiring), cases[i].routes);
	}
}

static void the_mtu_is_the_networks_or_a_smaller_one(void **state)
{
	static const struct {
		const char *keys;
		uint32_t mtu;
	} cases[] = { { "", 1450 },
		      { "\"mtu\":0", 1450 },
		      { "\"mtu\":1450", 1450 },
		      { "\"mtu\":1300", 1300 } };

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		AUTO_WIRING struct wiring wiring = { .mtu = 0 };
		struct err err = ERR_INIT;

		assert_int_equal(wire(cases[i].keys, 1, &wiring, &err), 0);
		assert_int_equal(wiring.mtu, cases[i].mtu);
	}
}

static void what_the_network_cannot_carry_is_refused(void **state)
{
	static const struct {
		const char *keys, *names;
	} cases[] = {
		{ "\"mtu\":1451", "1450" },
		{ "\"routes\":[{\"dst\":\"fd09::/16\"}]", "fd09::/16" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct wiring wiring = { .mtu = 7 };
		struct err err = ERR_INIT;

		assert_int_equal(wire(cases[i].keys, 1, &wiring, &err), -1);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_non_null(strstr(err.text, cases[i].names));
		assert_non_null(strstr(err.text, "default"));
		assert_int_equal(wiring.mtu, 7);
	}
}

static struct route route_to_by(const char *dst, const char *gateway)
{
	struct route route = { .metric = 0 };
	struct err err = ERR_INIT;

	assert_int_equal(prefix_parse(dst, &route.dst, &err), 0);
	if (gateway)
		assert_int_equal(ipaddr_parse(gateway, &route.gateway, &err), 0);
	return route;
}

/* What another plugin gives: beside what is ours, and several ways to one place. */
static void several_ways_to_one_place_are_kept(void **state)
{
	static const struct {
		const char *dst, *gateway;
		size_t len;
	} adds[] = {
		{ "0.0.0.0/0", "10.5.1.9", 1 },    /* ours stays */
		{ "10.88.0.0/16", "10.5.1.8", 2 }, /* two ways */
		{ "10.88.0.0/16", "10.5.1.9", 3 },
		{ "10.88.0.0/16", "10.5.1.8", 3 }, /* said twice */
		{ "10.89.0.0/16", NULL, 4 },
		{ "10.89.0.0/16", NULL, 4 },
	};
	AUTO_WIRING struct wiring wiring = { .mtu = 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(wire("", 1, &wiring, &err), 0);
	assert_int_equal(wiring.own, 1);
	for (size_t i = 0; i < LEN(adds); i++) {
		const struct state_network network = network_of(1);
		const struct route route = route_to_by(adds[i].dst, adds[i].gateway);

		assert_int_equal(wiring_add(&wiring, &network, &route, &err), 0);
		assert_int_equal(wiring.routes.len, adds[i].len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes_follow_from_network_and_configuration),
		cmocka_unit_test(the_mtu_is_the_networks_or_a_smaller_one),
		cmocka_unit_test(several_ways_to_one_place_are_kept),
		cmocka_unit_test(what_the_network_cannot_carry_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
