/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/netconf.h"

#include "common/array.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, enum version *version_out, struct netconf *netconf_out,
		 struct err *err)
{
	return netconf_parse(text, strlen(text), version_out, netconf_out, err);
}

static struct netconf parsed(const char *text)
{
	struct netconf netconf = NETCONF_INIT;
	enum version version = VERSION_LATEST;
	struct err err = ERR_INIT;

	if (parse(text, &version, &netconf, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	assert_int_equal(version, netconf.version);
	return netconf;
}

static void absent_keys_have_their_defaults(void **state)
{
	struct netconf netconf = parsed(
		"{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"weft\"}");

	(void)state;
	assert_int_equal(netconf.version, VERSION_1_0_0);
	assert_string_equal(netconf.name, "n");
	assert_string_equal(netconf.network, "default");
	assert_string_equal(netconf.run_dir, "/run/weft");
	assert_true(netconf.is_default_gateway);
	assert_true(netconf.hairpin);
	assert_int_equal(netconf.mtu, 0);
	assert_int_equal(netconf.routes.len, 0);
	assert_null(netconf.dns);
	assert_null(netconf.prev_result);
	netconf_free(&netconf);
	netconf_free(&netconf);
}

static void keys_are_read_as_go_reads_them(void **state)
{
	struct netconf netconf = parsed(
		"{\"CNIVERSION\":\"0.4.0\",\"Name\":\"n\",\"network\":\"other\",\"NETWORK\":\"blue\","
		"\"rundir\":\"/srv/weft\",\"isdefaultgateway\":false,\"HairpinMode\":false,"
		"\"MTU\":1400,\"dns\":{\"nameservers\":[\"10.0.0.53\"]},\"prevResult\":{\"ips\":[]},"
		"\"capabilities\":{\"x\":true},\"cni.dev/x\":[1.5e3,12345678901234567890],\"ipam\":{}}");

	(void)state;
	assert_int_equal(netconf.version, VERSION_0_4_0);
	assert_string_equal(netconf.network, "blue");
	assert_string_equal(netconf.run_dir, "/srv/weft");
	assert_false(netconf.is_default_gateway);
	assert_false(netconf.hairpin);
	assert_int_equal(netconf.mtu, 1400);
	assert_string_equal(netconf.dns, "{\"nameservers\":[\"10.0.0.53\"]}");
	assert_string_equal(netconf.prev_result, "{\"ips\":[]}");
	netconf_free(&netconf);
}

static void null_and_empty_values_count_as_absent(void **state)
{
	struct netconf netconf = parsed(
		"{\"cniVersion\":null,\"name\":\"n\",\"network\":null,\"mtu\":0,\"dns\":{},"
		"\"routes\":null,\"prevResult\":null,\"isDefaultGateway\":null}");

	(void)state;
	assert_int_equal(netconf.version, VERSION_0_1_0);
	assert_string_equal(netconf.network, "default");
	assert_true(netconf.is_default_gateway);
	assert_null(netconf.dns);
	assert_null(netconf.prev_result);
	netconf_free(&netconf);
}

static void routes_are_read(void **state)
{
	struct netconf netconf = parsed(
		"{\"name\":\"n\",\"routes\":[{\"dst\":\"10.9.1.2/16\"},"
		"{\"dst\":\"fd00::/8\",\"gw\":\"fd00::1\",\"mtu\":1300,\"priority\":7,\"table\":200,"
		"\"advmss\":1200,\"scope\":0}]}");
	char text[PREFIX_TEXT_SIZE];

	(void)state;
	assert_int_equal(netconf.routes.len, 2);
	assert_string_equal(prefix_text(&netconf.routes.at[0].dst, text), "10.9.0.0/16");
	assert_false(ipaddr_is_set(&netconf.routes.at[0].gateway));
	assert_string_equal(prefix_text(&netconf.routes.at[1].dst, text), "fd00::/8");
	assert_string_equal(ipaddr_text(&netconf.routes.at[1].gateway, text), "fd00::1");
	assert_int_equal(netconf.routes.at[1].mtu, 1300);
	assert_int_equal(netconf.routes.at[1].metric, 7);
	assert_int_equal(netconf.routes.at[1].table, 200);
	netconf_free(&netconf);
}

static void invalid_configurations_are_rejected(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
		enum version version; /* in which to answer */
		const char *names;
	} cases[] = {
		{ "", ERR_DECODE, VERSION_LATEST, "network configuration" },
		{ "[]", ERR_DECODE, VERSION_LATEST, "object" },
		{ "{\"name\":\"n\"} x", ERR_DECODE, VERSION_LATEST, "column" },
		{ "{\"name\":7}", ERR_DECODE, VERSION_LATEST, "name" },
		{ "{\"name\":\"n\",\"cniVersion\":1}", ERR_DECODE, VERSION_LATEST, "cniVersion" },
		{ "{\"cniVersion\":\"2.0.0\",\"name\":\"n\"}", ERR_VERSION, VERSION_LATEST,
		  "incompatible CNI versions" },
		{ "{\"cniVersion\":\"1.0\",\"name\":\"n\"}", ERR_VERSION, VERSION_LATEST,
		  "incompatible" },
		{ "{\"cniVersion\":\"0.4.0\"}", ERR_CONFIG, VERSION_0_4_0, "missing network name" },
		{ "{\"name\":\"\"}", ERR_CONFIG, VERSION_0_1_0, "missing network name" },
		{ "{\"cniVersion\":\"1.0.0\",\"name\":\"a/b\"}", ERR_CONFIG, VERSION_1_0_0, "a/b" },
		{ "{\"name\":\".a\"}", ERR_CONFIG, VERSION_0_1_0, ".a" },
		{ "{\"name\":\"n\",\"network\":\"../x\"}", ERR_CONFIG, VERSION_0_1_0, "network: " },
		{ "{\"name\":\"n\",\"network\":\"\"}", ERR_CONFIG, VERSION_0_1_0, "network: " },
		{ "{\"name\":\"n\",\"runDir\":\"run\"}", ERR_CONFIG, VERSION_0_1_0, "runDir" },
		{ "{\"name\":\"n\",\"runDir\":\"\"}", ERR_CONFIG, VERSION_0_1_0, "runDir" },
		{ "{\"name\":\"n\",\"mtu\":12}", ERR_CONFIG, VERSION_0_1_0, "mtu: 12" },
		{ "{\"name\":\"n\",\"mtu\":-1}", ERR_CONFIG, VERSION_0_1_0, "mtu" },
		{ "{\"name\":\"n\",\"mtu\":\"large\"}", ERR_CONFIG, VERSION_0_1_0, "mtu" },
		{ "{\"name\":\"n\",\"mtu\":65536}", ERR_CONFIG, VERSION_0_1_0, "65536" },
		{ "{\"name\":\"n\",\"isDefaultGateway\":7}", ERR_CONFIG, VERSION_0_1_0,
		  "isDefaultGateway" },
		{ "{\"name\":\"n\",\"dns\":[]}", ERR_CONFIG, VERSION_0_1_0, "dns" },
		{ "{\"name\":\"n\",\"dns\":{\"nameservers\":[\"10.0.0.53\",7]}}", ERR_CONFIG,
		  VERSION_0_1_0, "dns.nameservers[1]" },
		{ "{\"name\":\"n\",\"dns\":{\"search\":\"x\"}}", ERR_CONFIG, VERSION_0_1_0,
		  "dns.search" },
		{ "{\"name\":\"n\",\"dns\":{\"options\":[{}]}}", ERR_CONFIG, VERSION_0_1_0,
		  "dns.options[0]" },
		{ "{\"name\":\"n\",\"dns\":{\"domain\":[]}}", ERR_CONFIG, VERSION_0_1_0,
		  "dns.domain" },
		{ "{\"name\":\"n\",\"routes\":{}}", ERR_CONFIG, VERSION_0_1_0, "routes" },
		{ "{\"name\":\"n\",\"routes\":[{}]}", ERR_CONFIG, VERSION_0_1_0, "routes[0].dst" },
		{ "{\"name\":\"n\",\"routes\":[{\"dst\":\"10.0.0.0/33\"}]}", ERR_CONFIG,
		  VERSION_0_1_0, "10.0.0.0/33" },
		{ "{\"name\":\"n\",\"routes\":[{\"dst\":\"10.0.0.0/8\",\"gw\":\"::1\"}]}",
		  ERR_CONFIG, VERSION_0_1_0, "routes[0].gw" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct netconf netconf = { .mtu = 7 };
		enum version version = VERSION_LATEST;
		struct err err = ERR_INIT;

		if (parse(cases[i].text, &version, &netconf, &err) != -1)
			fail_msg("accepted: %s", cases[i].text);
		if (err.code != cases[i].code || !strstr(err.text, cases[i].names))
			fail_msg("%s: code %d, \"%s\"", cases[i].text, (int)err.code, err.text);
		assert_int_equal(version, cases[i].version);
		assert_int_equal(netconf.mtu, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent_keys_have_their_defaults),
		cmocka_unit_test(keys_are_read_as_go_reads_them),
		cmocka_unit_test(null_and_empty_values_count_as_absent),
		cmocka_unit_test(routes_are_read),
		cmocka_unit_test(invalid_configurations_are_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
