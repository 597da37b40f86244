/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/iface_settings.h"

#include "common/array.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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

/* Computes the settings from the keys of a configuration. */
static int make(const char *keys, size_t families, struct iface_settings *settings_out,
		struct err *err)
{
	AUTO(netconf) struct netconf netconf = NETCONF_INIT;
	struct state_network network = network_of(families);
	enum version version;
	char text[512];

	snprintf(text, sizeof(text), "{\"name\":\"n\"%s%s}", *keys ? "," : "", keys);
	if (netconf_parse(text, strlen(text), &version, &netconf, err) < 0)
		fail_msg("%s", err->text);
	return iface_settings_make(&network, &netconf, settings_out, err);
}

/* The routes as "dst gateway metric,": */
static const char *routes_text(const struct iface_settings *settings)
{
	static char text[512];
	char dst[PREFIX_TEXT_SIZE], gateway[IPADDR_TEXT_SIZE];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < settings->routes.len; i++) {
		const struct route *route = &settings->routes.at[i];

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s %u,",
					prefix_text(&route->dst, dst),
					ipaddr_text(&route->gateway, gateway), route->metric);
	}
	return text;
}

static void routes_come_from_network_and_configuration(void **state)
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
		/*
		 * A configured default route replaces that of weft, unless metric or table differ.
		 */
		{ "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.5.1.99\"}]", 1,
		  "0.0.0.0/0 10.5.1.99 0," },
		{ "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.5.1.99\",\"priority\":7}]", 1,
		  "0.0.0.0/0 10.5.1.1 0,0.0.0.0/0 10.5.1.99 7," },
		{ "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.5.1.99\",\"table\":7}]", 1,
		  "0.0.0.0/0 10.5.1.1 0,0.0.0.0/0 10.5.1.99 0," },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(iface_settings) struct iface_settings settings = { .mtu = 0 };
		struct err err = ERR_INIT;

		if (make(cases[i].keys, cases[i].families, &settings, &err) < 0)
			fail_msg("%s", err.text);
		assert_string_equal(routes_text(&settings), cases[i].routes);
	}
}

static void an_l2_network_is_on_the_link(void **state)
{
	static const struct {
		const char *keys, *routes;
		bool gateway;
	} cases[] = {
		{ "", "0.0.0.0/0 10.5.1.1 0,", true },
		{ "\"isDefaultGateway\":false", "", true },
		{ "", "", false },
		{ "\"routes\":[{\"dst\":\"10.9.0.0/16\",\"gw\":\"10.5.7.7\"}]",
		  "10.9.0.0/16 10.5.7.7 0,", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(iface_settings) struct iface_settings settings = { .mtu = 0 };
		AUTO(netconf) struct netconf netconf = NETCONF_INIT;
		struct state_network network = network_of(1);
		struct err err = ERR_INIT;
		enum version version;
		char text[512];

		network.l2 = true;
		if (!cases[i].gateway)
			network.family[0].gateway = (struct ipaddr){ .family = 0 };
		snprintf(text, sizeof(text), "{\"name\":\"n\"%s%s}", *cases[i].keys ? "," : "",
			 cases[i].keys);
		assert_int_equal(netconf_parse(text, strlen(text), &version, &netconf, &err), 0);
		assert_int_equal(iface_settings_make(&network, &netconf, &settings, &err), 0);
		assert_string_equal(routes_text(&settings), cases[i].routes);
	}
}

static void a_route_without_a_gateway_is_refused_in_a_switch(void **state)
{
	static const char text[] = "{\"name\":\"n\",\"routes\":[{\"dst\":\"10.9.0.0/16\"}]}";
	AUTO(iface_settings) struct iface_settings settings = { .mtu = 0 };
	AUTO(netconf) struct netconf netconf = NETCONF_INIT;
	struct state_network network = network_of(1);
	struct err err = ERR_INIT;
	enum version version;

	(void)state;
	network.l2 = true;
	network.family[0].gateway = (struct ipaddr){ .family = 0 };
	assert_int_equal(netconf_parse(text, strlen(text), &version, &netconf, &err), 0);
	assert_int_equal(iface_settings_make(&network, &netconf, &settings, &err), -1);
	assert_non_null(strstr(err.text, "network \"default\" has no gateway of that family"));
}

static void mtu_is_at_most_the_mtu_of_the_network(void **state)
{
	static const struct {
		const char *keys;
		uint32_t mtu;
	} cases[] = { { "", 1450 },
		      { "\"mtu\":0", 1450 },
		      { "\"mtu\":1450", 1450 },
		      { "\"mtu\":1300", 1300 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(iface_settings) struct iface_settings settings = { .mtu = 0 };
		struct err err = ERR_INIT;

		assert_int_equal(make(cases[i].keys, 1, &settings, &err), 0);
		assert_int_equal(settings.mtu, cases[i].mtu);
	}
}

static void make_rejects_settings_that_the_network_does_not_support(void **state)
{
	static const struct {
		const char *keys, *names;
	} cases[] = {
		{ "\"mtu\":1451", "1450" },
		{ "\"routes\":[{\"dst\":\"fd09::/16\"}]", "fd09::/16" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct iface_settings settings = { .mtu = 7 };
		struct err err = ERR_INIT;

		assert_int_equal(make(cases[i].keys, 1, &settings, &err), -1);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_non_null(strstr(err.text, cases[i].names));
		assert_non_null(strstr(err.text, "default"));
		assert_int_equal(settings.mtu, 7);
	}
}

static struct route make_route(const char *dst, const char *gateway)
{
	struct route route = { .metric = 0 };
	struct err err = ERR_INIT;

	assert_int_equal(prefix_parse(dst, &route.dst, &err), 0);
	if (gateway)
		assert_int_equal(ipaddr_parse(gateway, &route.gateway, &err), 0);
	return route;
}

/* Routes of an IPAM plugin, beside those of weft, with several gateways to one destination. */
static void add_route_keeps_several_gateways(void **state)
{
	static const struct {
		const char *dst, *gateway;
		size_t len;
	} adds[] = {
		{ "0.0.0.0/0", "10.5.1.9", 1 },    /* the route of weft takes precedence */
		{ "10.88.0.0/16", "10.5.1.8", 2 }, /* another gateway */
		{ "10.88.0.0/16", "10.5.1.9", 3 },
		{ "10.88.0.0/16", "10.5.1.8", 3 }, /* duplicate */
		{ "10.89.0.0/16", NULL, 4 },
		{ "10.89.0.0/16", NULL, 4 },
	};
	AUTO(iface_settings) struct iface_settings settings = { .mtu = 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(make("", 1, &settings, &err), 0);
	assert_int_equal(settings.own, 1);
	for (size_t i = 0; i < ARRAY_LEN(adds); i++) {
		const struct state_network network = network_of(1);
		const struct route route = make_route(adds[i].dst, adds[i].gateway);

		assert_int_equal(iface_settings_add_route(&settings, &network, &route, &err), 0);
		assert_int_equal(settings.routes.len, adds[i].len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes_come_from_network_and_configuration),
		cmocka_unit_test(an_l2_network_is_on_the_link),
		cmocka_unit_test(a_route_without_a_gateway_is_refused_in_a_switch),
		cmocka_unit_test(mtu_is_at_most_the_mtu_of_the_network),
		cmocka_unit_test(add_route_keeps_several_gateways),
		cmocka_unit_test(make_rejects_settings_that_the_network_does_not_support),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
