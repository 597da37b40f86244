/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config.h"

#include "tests/unit/samples.h"

#define FULL                                                                                       \
	"{\"Network\":\"10.5.0.0/16\",\"SubnetLen\":26,\"SubnetMin\":\"10.5.10.0\","               \
	"\"SubnetMax\":\"10.5.99.192\",\"Backend\":{\"Type\":\"vxlan\",\"VNI\":7,\"Port\":4789,"   \
	"\"MTU\":9000,\"GBP\":true,\"Learning\":true},\"Weft\":{\"LeaseTTL\":10}}"

#define DUAL(more)                                                                                 \
	"{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"" more "}"
#define V6 "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"}"

#define RULES(key, values) "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"" key "\":[" values "]}}"

static const char both[] = DUAL("");

/* What was warned of, apart by blanks. */
struct warnings {
	char text[512];
};

static void note_warning(void *ctx, const char *path, const char *what)
{
	struct warnings *warnings = ctx;
	size_t len = strlen(warnings->text);

	assert_true(*what);
	snprintf(warnings->text + len, sizeof(warnings->text) - len, "%s%s", len ? " " : "", path);
}

static int parse(const char *text, struct config *config_out, struct warnings *warnings,
		 struct err *err)
{
	warnings->text[0] = '\0';
	return config_parse(text, strlen(text), note_warning, warnings, config_out, err);
}

static void absent_keys_have_defaults(void **state)
{
	static const char *const texts[] = {
		"{\"Network\":\"10.5.0.0/16\"}",
		"{\"Network\":\"10.5.9.9/16\",\"Backend\":null,\"Weft\":null,\"SubnetMin\":null}",
		"{\"Network\":\"10.5.0.0/16\",\"SubnetLen\":0,\"SubnetMax\":null,"
		"\"Backend\":{\"Type\":\"VXLAN\",\"VNI\":1,\"Port\":0,\"MTU\":0},\"Weft\":{}}",
		"{\"network\":\"10.5.0.0/16\",\"BACKEND\":{\"type\":\"vxlan\"},"
		"\"EnableIPv4\":true,\"EnableIPv6\":false}",
		"{\"Network\":\"10.9.0.0/16\",\"Network\":\"10.5.0.0/16\"}",
	};

	(void)state;
	for (size_t i = 0; i < LEN(texts); i++) {
		struct config config = sample_config(texts[i]);
		struct prefix network = sample_prefix("10.5.0.0/16");
		struct ipaddr min = sample_addr("10.5.1.0"), max = sample_addr("10.5.255.0");

		assert_true(prefix_equal(&config.plan[FAMILY_V4].network, &network));
		assert_int_equal(config.plan[FAMILY_V4].len, 24);
		assert_true(ipaddr_equal(&config.plan[FAMILY_V4].min, &min));
		assert_true(ipaddr_equal(&config.plan[FAMILY_V4].max, &max));
		assert_int_equal(config.vni, 1);
		assert_int_equal(config.port, 8472);
		assert_int_equal(config.mtu, 0);
		assert_false(config.learning);
		assert_false(config.gbp);
		assert_int_equal(config.lease_ttl_s, 86400);
	}
}

static void every_key_is_read(void **state)
{
	struct config config = sample_config(FULL);
	struct ipaddr min = sample_addr("10.5.10.0"), max = sample_addr("10.5.99.192");

	(void)state;
	assert_int_equal(config.plan[FAMILY_V4].len, 26);
	assert_true(ipaddr_equal(&config.plan[FAMILY_V4].min, &min));
	assert_true(ipaddr_equal(&config.plan[FAMILY_V4].max, &max));
	assert_int_equal(config.vni, 7);
	assert_int_equal(config.port, 4789);
	assert_int_equal(config.mtu, 9000);
	assert_true(config.learning);
	assert_true(config.gbp);
	assert_int_equal(config.lease_ttl_s, 10);
}

static void what_is_not_used_is_warned_of(void **state)
{
	static const struct {
		const char *text, *paths;
	} cases[] = {
		{ "{\"Network\":\"10.5.0.0/16\",\"Colour\":1,\"Backend\":{\"Shape\":1},"
		  "\"Weft\":{\"Mood\":1}}",
		  "Colour Backend.Shape Weft.Mood" },
		{ "{\"Network\":\"10.5.0.0/16\",\"EnableNFTables\":true,"
		  "\"IPv6Network\":\"fd00::/48\"}",
		  "" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct warnings warnings;
		struct config config;
		struct err err = ERR_INIT;

		assert_good(parse(cases[i].text, &config, &warnings, &err), err);
		assert_string_equal(warnings.text, cases[i].paths);
	}
}

static void wrong_values_are_named(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "network configuration" },
		{ "{\"Network\":\"10.5.0.0/16\"", "network configuration" },
		{ "[]", "network configuration" },
		{ "7", "network configuration" },
		{ "{}", "Network" },
		{ "{\"Network\":null}", "Network" },
		{ "{\"Network\":7}", "Network" },
		{ "{\"Network\":\"10.5.0.0\"}", "10.5.0.0" },
		{ "{\"Network\":\"10.5.0.0/29\"}", "/28 or larger" },
		{ "{\"Network\":\"fd00::/48\"}", "Network: is not an IPv4 network" },
		{ "{\"Network\":\"10.5.0.0/16\",\"SubnetLen\":33}", "SubnetLen" },
		{ "{\"Network\":\"10.5.0.0/16\",\"SubnetLen\":31}", "SubnetLen: 31 is not from" },
		{ "{\"Network\":\"10.5.0.0/16\",\"SubnetLen\":-1}", "SubnetLen" },
		{ "{\"Network\":\"10.5.0.0/16\",\"SubnetLen\":\"24\"}", "SubnetLen" },
		{ "{\"Network\":\"10.5.0.0/16\",\"SubnetMin\":\"10.6.0.0\"}", "SubnetMin" },
		{ "{\"Network\":\"10.5.0.0/16\",\"SubnetMin\":\"fd00::\"}", "SubnetMin: is not" },
		{ "{\"Network\":\"10.5.0.0/16\",\"SubnetMax\":\"fd00::\"}", "SubnetMax: is not" },
		{ "{\"Network\":\"10.5.0.0/16\",\"EnableIPv4\":false}", "EnableIPv4" },
		{ "{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true}", "IPv6Network" },
		{ "{\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"}", "Network" },
		{ DUAL(",\"IPv6Network\":\"10.6.0.0/16\""), "IPv6Network: is not an IPv6 network" },
		{ DUAL(",\"IPv6Network\":\"fd00:5::/125\""), "/124 or larger" },
		{ DUAL(",\"IPv6SubnetLen\":127"), "IPv6SubnetLen: 127 is not from 50 to 126" },
		{ DUAL(",\"IPv6SubnetLen\":49"), "IPv6SubnetLen: 49 is not from 50 to 126" },
		{ DUAL(",\"IPv6SubnetMin\":\"10.5.0.0\""), "IPv6SubnetMin: is not an IPv6" },
		{ DUAL(",\"IPv6SubnetMin\":\"fd00:6::\""), "IPv6SubnetMin: fd00:6:: is not in" },
		{ DUAL(",\"IPv6SubnetMax\":\"fd00:5::7\""), "IPv6SubnetMax: fd00:5::7 is not" },
		{ DUAL(",\"Weft\":{\"Underlay\":\"IPv6\"}"), "Weft.Underlay: \"IPv6\" is not" },
		{ DUAL(",\"Weft\":{\"Underlay\":6}"), "Weft.Underlay" },
		{ DUAL(",\"Backend\":{\"DirectRouting\":\"yes\"}"), "Backend.DirectRouting" },
		{ "{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":\"no\"}", "EnableIPv6" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Backend\":[]}", "Backend" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"Type\":\"host-gw\"}}",
		  "Backend.Type: \"host-gw\" is not a backend" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"Type\":\"\"}}", "Backend.Type" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"VNI\":0}}", "Backend.VNI" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"VNI\":16777216}}", "16777215" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"VNI\":1.5}}", "Backend.VNI" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"Port\":65536}}", "Backend.Port" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"MTU\":1279}}", "1280" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"MTU\":65536}}", "Backend.MTU" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"GBP\":1}}", "Backend.GBP" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"LeaseTTL\":1}}", "Weft.LeaseTTL" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"LeaseTTL\":31536001}}", "31536000" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Weft\":7}", "Weft" },
		{ RULES("NonMasquerade", "\"10.0.0.0/8\",\"10.1.0.0/16\""),
		  "Weft.NonMasquerade[1]: 10.1.0.0/16 overlaps 10.0.0.0/8" },
		{ RULES("NonMasquerade", "\"10.0.0.1/8\""),
		  "Weft.NonMasquerade[0]: 10.0.0.1/8 has bits behind its length; the network is "
		  "10.0.0.0/8" },
		{ RULES("NonMasquerade", "\"10.0.0.0/33\""), "Weft.NonMasquerade[0]" },
		{ RULES("NonMasquerade", "7"), "Weft.NonMasquerade[0]" },
		{ RULES("AllowFrom", "\"blue\",\"a/b\""), "Weft.AllowFrom[1]" },
		{ RULES("AllowFrom", "\"\""), "Weft.AllowFrom[0]" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct config config = { .vni = 77 };
		struct err err = ERR_INIT;
		struct warnings warnings;

		if (parse(cases[i].text, &config, &warnings, &err) != -1)
			fail_msg("taken: %s", cases[i].text);
		assert_true(err.code == ERR_CONFIG || err.code == ERR_DECODE);
		assert_int_equal(strncmp(err.text, "network configuration", 21), 0);
		assert_says(err.text, cases[i].says);
		assert_int_equal(config.vni, 77);
	}
}

static void the_extremes_are_allowed(void **state)
{
	struct config low = sample_config("{\"Network\":\"10.5.0.0/28\",\"SubnetLen\":30,"
					  "\"Backend\":{\"VNI\":1,\"Port\":1,\"MTU\":1280},"
					  "\"Weft\":{\"LeaseTTL\":2}}");
	struct config high = sample_config("{\"Network\":\"10.0.0.0/8\",\"SubnetLen\":30,"
					   "\"Backend\":{\"VNI\":16777215,\"Port\":65535,"
					   "\"MTU\":65535},\"Weft\":{\"LeaseTTL\":31536000}}");

	(void)state;
	assert_int_equal(low.mtu, 1280);
	assert_int_equal(low.lease_ttl_s, 2);
	assert_int_equal(high.vni, 0xffffff);
	assert_int_equal(high.port, 65535);
}

static void exceptions_of_the_packet_rules_are_read(void **state)
{
	struct config config = sample_config(
		"{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"NonMasquerade\":"
		"[\"10.1.0.0/16\",\"fd00::/8\"],\"AllowFrom\":[\"blue\"]}}");
	struct config other = sample_config(RULES("AllowFrom", "\"blue\""));
	struct prefix second = sample_prefix("fd00::/8");

	(void)state;
	assert_int_equal(config.rules.non_masquerade_len, 2);
	assert_true(prefix_equal(&config.rules.non_masquerade[1], &second));
	assert_int_equal(config.rules.allow_from_len, 1);
	assert_string_equal(config.rules.allow_from[0], "blue");
	assert_false(config_equal(&config, &other));
	assert_true(config_equal(&other, &other));
}

static void too_many_exceptions_are_refused(void **state)
{
	char text[4096] = "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"AllowFrom\":[\"a\"";
	size_t len = strlen(text);
	struct config config;
	struct warnings warnings;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 1; i < CONFIG_ALLOW_FROM_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, ",\"a\"");
	snprintf(text + len, sizeof(text) - len, ",\"a\"]}}");
	assert_int_equal(parse(text, &config, &warnings, &err), -1);
	assert_says(err.text, "Weft.AllowFrom: has more than 32 elements");
}

static void too_much_text_is_refused(void **state)
{
	char *text = test_malloc(CONFIG_SIZE_MAX + 64);
	struct config config;
	struct err err = ERR_INIT;

	(void)state;
	memset(text, ' ', CONFIG_SIZE_MAX + 64);
	memcpy(text, "{\"Network\":\"10.5.0.0/16\"}", 25);
	assert_int_equal(config_parse(text, CONFIG_SIZE_MAX + 1, sample_no_warning, NULL, &config,
				      &err),
			 -1);
	assert_good(config_parse(text, CONFIG_SIZE_MAX, sample_no_warning, NULL, &config, &err),
		    err);
	test_free(text);
}

static void every_difference_counts(void **state)
{
	static const char *const others[] = {
		"{\"Network\":\"10.6.0.0/16\"}",
		"{\"Network\":\"10.5.0.0/16\",\"SubnetLen\":25}",
		"{\"Network\":\"10.5.0.0/16\",\"SubnetMin\":\"10.5.0.0\"}",
		"{\"Network\":\"10.5.0.0/16\",\"SubnetMax\":\"10.5.7.0\"}",
		"{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"VNI\":2}}",
		"{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"Port\":4789}}",
		"{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"MTU\":1400}}",
		"{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"GBP\":true}}",
		"{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"Learning\":true}}",
		"{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"LeaseTTL\":60}}",
		"{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"Underlay\":\"ipv6\"}}",
		"{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"DirectRouting\":true}}",
		both,
		V6,
	};
	struct config one = sample_config("{\"Network\":\"10.5.0.0/16\"}");
	struct config same = sample_config("{\"Network\":\"10.5.1.0/16\",\"SubnetLen\":24}");

	(void)state;
	assert_true(config_equal(&one, &same));
	for (size_t i = 0; i < LEN(others); i++) {
		struct config other = sample_config(others[i]);

		if (config_equal(&one, &other) || config_equal(&other, &one))
			fail_msg("no difference: %s", others[i]);
	}
}

static void families_are_enabled_one_by_one(void **state)
{
	struct config v4 = sample_config("{\"Network\":\"10.5.0.0/16\"}");
	struct config dual = sample_config(
		DUAL(",\"IPv6SubnetLen\":80,\"IPv6SubnetMin\":\"fd00:5:0:7::\","
		     "\"IPv6SubnetMax\":\"fd00:5:0:9::\",\"Weft\":{\"Underlay\":\"ipv6\"},"
		     "\"Backend\":{\"DirectRouting\":true}"));
	struct config v6 = sample_config(V6);
	struct ipaddr min = sample_addr("fd00:5:0:1::"), given = sample_addr("fd00:5:0:7::");

	(void)state;
	assert_true(config_has(&v4, FAMILY_V4) && !config_has(&v4, FAMILY_V6));
	assert_true(config_has(&dual, FAMILY_V4) && config_has(&dual, FAMILY_V6));
	assert_true(!config_has(&v6, FAMILY_V4) && config_has(&v6, FAMILY_V6));
	assert_int_equal(v6.plan[FAMILY_V6].len, 64);
	assert_true(ipaddr_equal(&v6.plan[FAMILY_V6].min, &min));
	assert_int_equal(dual.plan[FAMILY_V6].len, 80);
	assert_true(ipaddr_equal(&dual.plan[FAMILY_V6].min, &given));
	assert_int_equal(v4.underlay, CONFIG_UNDERLAY_AUTO);
	assert_int_equal(dual.underlay, CONFIG_UNDERLAY_V6);
	assert_false(v4.direct_routing);
	assert_true(dual.direct_routing);
}

static void the_tunnel_goes_over_what_the_node_has(void **state)
{
	static const struct {
		bool dual;
		enum config_underlay underlay;
		bool has[FAMILIES], uses[FAMILIES];
	} cases[] = {
		{ false, CONFIG_UNDERLAY_AUTO, { true, false }, { true, false } },
		{ false, CONFIG_UNDERLAY_AUTO, { false, true }, { false, true } },
		/* A smaller MTU is not worth what no peer may need. */
		{ false, CONFIG_UNDERLAY_AUTO, { true, true }, { true, false } },
		{ true, CONFIG_UNDERLAY_AUTO, { true, true }, { true, true } },
		{ true, CONFIG_UNDERLAY_AUTO, { true, false }, { true, false } },
		{ true, CONFIG_UNDERLAY_AUTO, { false, true }, { false, true } },
		{ true, CONFIG_UNDERLAY_V4, { true, true }, { true, false } },
		{ true, CONFIG_UNDERLAY_V4, { false, true }, { false, false } },
		{ false, CONFIG_UNDERLAY_V6, { true, true }, { false, true } },
		{ true, CONFIG_UNDERLAY_V6, { true, true }, { false, true } },
		{ true, CONFIG_UNDERLAY_V6, { true, false }, { false, false } },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct config config = sample_config(
			cases[i].dual ? both : "{\"Network\":\"10.5.0.0/16\"}");
		const struct ipaddr address[FAMILIES] = {
			sample_addr(cases[i].has[FAMILY_V4] ? "192.168.0.1" : ""),
			sample_addr(cases[i].has[FAMILY_V6] ? "fd00::1" : ""),
		};
		bool uses[FAMILIES];

		config.underlay = cases[i].underlay;
		config_outer(&config, address, uses);
		if (memcmp(uses, cases[i].uses, sizeof(uses)))
			fail_msg("case %zu: %d %d", i, uses[FAMILY_V4], uses[FAMILY_V6]);
	}
}

static void networks_beside_one_another_share_nothing(void **state)
{
	static const char other[] =
		"{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"}";
	static const struct {
		const char *text, *says; /* NULL: they can be on one node */
	} cases[] = {
		{ "{\"Network\":\"10.6.0.0/16\",\"Backend\":{\"VNI\":2}}", NULL },
		{ "{\"Network\":\"10.6.0.0/16\"}",
		  "Backend.VNI: 1 is that of network \"first\", too" },
		{ "{\"Network\":\"10.5.128.0/17\",\"Backend\":{\"VNI\":2}}",
		  "Network: 10.5.128.0/17 overlaps 10.5.0.0/16 of network \"first\"" },
		{ "{\"Network\":\"10.0.0.0/8\",\"Backend\":{\"VNI\":2}}", "10.0.0.0/8 overlaps" },
		{ "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/56\","
		  "\"Backend\":{\"VNI\":2}}",
		  "IPv6Network: fd00:5::/56 overlaps fd00:5::/48" },
		{ "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fd00:6::/48\","
		  "\"Backend\":{\"VNI\":2}}",
		  NULL },
		{ "{\"Network\":\"10.6.0.0/16\",\"Backend\":{\"VNI\":2,\"GBP\":true}}",
		  "Backend.GBP: true is not that of network \"first\", which has the same Port, 8472" },
		{ "{\"Network\":\"10.6.0.0/16\",\"Backend\":{\"VNI\":2,\"GBP\":true,\"Port\":4789}}",
		  NULL },
	};
	const struct config first = sample_config(other);

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		const struct config config = sample_config(cases[i].text);
		struct err err = ERR_INIT;
		int rc = config_beside(&config, &first, "first", &err);

		assert_int_equal(rc, cases[i].says ? -1 : 0);
		if (cases[i].says)
			assert_says(err.text, cases[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent_keys_have_defaults),
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(what_is_not_used_is_warned_of),
		cmocka_unit_test(wrong_values_are_named),
		cmocka_unit_test(the_extremes_are_allowed),
		cmocka_unit_test(exceptions_of_the_packet_rules_are_read),
		cmocka_unit_test(too_many_exceptions_are_refused),
		cmocka_unit_test(too_much_text_is_refused),
		cmocka_unit_test(every_difference_counts),
		cmocka_unit_test(families_are_enabled_one_by_one),
		cmocka_unit_test(the_tunnel_goes_over_what_the_node_has),
		cmocka_unit_test(networks_beside_one_another_share_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
