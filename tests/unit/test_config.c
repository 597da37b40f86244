/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/config.h"

#include "common/array.h"
#include "tests/unit/samples.h"

#define FULL                                                                                       \
	"{\"Network\":\"10.5.0.0/16\",\"SubnetLen\":26,\"SubnetMin\":\"10.5.10.0\","               \
	"\"SubnetMax\":\"10.5.99.192\",\"Backend\":{\"Type\":\"vxlan\",\"VNI\":7,\"Port\":4789,"   \
	"\"MTU\":9000,\"GBP\":true,\"Learning\":true},\"Weft\":{\"LeaseTTL\":10}}"

#define DUAL(more)                                                                                 \
	"{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"" more "}"
#define V6 "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"}"

#define RULES(key, values) "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"" key "\":[" values "]}}"

#define L2(members) "{\"Network\":\"172.18.0.0/16\",\"Weft\":{\"Mode\":\"l2\"" members "}}"

static const char both[] = DUAL("");

/* The keys of the warnings, separated by blanks. */
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
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct config config = sample_config(texts[i]);
		struct prefix network = sample_prefix("10.5.0.0/16");
		struct ipaddr min = sample_addr("10.5.1.0"), max = sample_addr("10.5.255.0");

		assert_true(prefix_equal(&config.pool[FAMILY_V4].network, &network));
		assert_int_equal(config.pool[FAMILY_V4].len, 24);
		assert_true(ipaddr_equal(&config.pool[FAMILY_V4].min, &min));
		assert_true(ipaddr_equal(&config.pool[FAMILY_V4].max, &max));
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
	assert_int_equal(config.pool[FAMILY_V4].len, 26);
	assert_true(ipaddr_equal(&config.pool[FAMILY_V4].min, &min));
	assert_true(ipaddr_equal(&config.pool[FAMILY_V4].max, &max));
	assert_int_equal(config.vni, 7);
	assert_int_equal(config.port, 4789);
	assert_int_equal(config.mtu, 9000);
	assert_true(config.learning);
	assert_true(config.gbp);
	assert_int_equal(config.lease_ttl_s, 10);
}

static void unused_keys_lead_to_warnings(void **state)
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
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct warnings warnings;
		struct config config;
		struct err err = ERR_INIT;

		assert_good(parse(cases[i].text, &config, &warnings, &err), err);
		assert_string_equal(warnings.text, cases[i].paths);
	}
}

static void invalid_values_are_named(void **state)
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
		  "Backend.Type: unsupported backend \"host-gw\"" },
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
		{ "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"ReservedOnly\":1}}", "ReservedOnly" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"FastPath\":\"on\"}}",
		  "Weft.FastPath: \"on\" is not \"auto\" or \"off\"" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Weft\":7}", "Weft" },
		{ RULES("NonMasquerade", "\"10.0.0.0/8\",\"10.1.0.0/16\""),
		  "Weft.NonMasquerade[1]: 10.1.0.0/16 overlaps the earlier element 10.0.0.0/8" },
		{ RULES("NonMasquerade", "\"10.0.0.1/8\""),
		  "Weft.NonMasquerade[0]: 10.0.0.1/8 has host bits set; the network is "
		  "10.0.0.0/8" },
		{ RULES("NonMasquerade", "\"10.0.0.0/33\""), "Weft.NonMasquerade[0]" },
		{ RULES("NonMasquerade", "7"), "Weft.NonMasquerade[0]" },
		{ RULES("AllowFrom", "\"blue\",\"a/b\""), "Weft.AllowFrom[1]" },
		{ RULES("AllowFrom", "\"\""), "Weft.AllowFrom[0]" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"AllowRouters\":1}}",
		  "Weft.AllowRouters" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
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

static void invalid_values_of_l2_networks_are_named(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"Mode\":\"L2\"}}",
		  "Weft.Mode: \"L2\" is not \"routed\" or \"l2\"" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"Gateway\":\"10.5.0.1\"}}",
		  "Weft.Gateway: requires Mode \"l2\"" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"Flood\":\"none\"}}",
		  "Weft.Flood: requires Mode \"l2\"" },
		{ L2(",\"Flood\":\"learn\""),
		  "Weft.Flood: \"learn\" is not \"none\", \"replicate\" or \"multicast\"" },
		{ L2(",\"Group\":\"239.1.1.1\""), "Weft.Group: requires Flood \"multicast\"" },
		{ L2(",\"Flood\":\"replicate\",\"Group\":\"239.1.1.1\""), "Weft.Group: requires" },
		{ L2(",\"Flood\":\"multicast\""), "Weft.Group" },
		{ L2(",\"Flood\":\"multicast\",\"Group\":\"192.168.0.1\""),
		  "Weft.Group: 192.168.0.1 is not a multicast address" },
		{ L2(",\"Flood\":\"multicast\",\"Group\":\"ff05::1\",\"Underlay\":\"ipv4\""),
		  "Weft.Group: ff05::1 is not of the family of Underlay" },
		{ L2(",\"FloodLimit\":9"), "Weft.FloodLimit: requires Flood" },
		{ L2(",\"Flood\":\"replicate\",\"FloodLimit\":0"), "Weft.FloodLimit" },
		{ "{\"Network\":\"172.18.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:18::/48\","
		  "\"Weft\":{\"Mode\":\"l2\",\"Gateway\":\"172.18.0.1\"}}",
		  "Weft.IPv6Gateway: a network with both families has a gateway of each or none" },
		{ L2(",\"Bridge\":\"weft-br1\""), "Weft.Bridge: \"weft-br1\" is not the name" },
		{ L2(",\"Flood\":\"replicate\",\"Bridge\":\"weft-br1\""),
		  "Weft.Bridge: \"weft-br1\" is not the name of a bridge of another program" },
		{ L2(",\"Flood\":\"replicate\",\"Bridge\":\"a/b\""),
		  "Weft.Bridge: \"a/b\" is not" },
		{ L2(",\"Flood\":\"replicate\",\"Bridge\":\"\""), "Weft.Bridge: \"\" is not" },
		{ L2(",\"Flood\":\"replicate\",\"Bridge\":\"br0\",\"Gateway\":\"172.18.0.1\""),
		  "Weft.Bridge: excludes Gateway" },
		{ L2(",\"Gateway\":\"fd00::1\""), "Weft.Gateway: is not an IPv4 address" },
		{ L2(",\"Gateway\":\"172.19.0.1\""),
		  "Weft.Gateway: 172.19.0.1 is not the address of a host in 172.18.0.0/16" },
		{ L2(",\"Gateway\":\"172.18.0.0\""), "Weft.Gateway: 172.18.0.0 is not" },
		{ L2(",\"Gateway\":\"172.18.255.255\""), "Weft.Gateway: 172.18.255.255 is not" },
		{ L2(",\"IPv6Gateway\":\"fd00::1\""),
		  "Weft.IPv6Gateway: the family is not enabled" },
		{ "{\"Network\":\"172.18.0.0/16\",\"Backend\":{\"DirectRouting\":true},"
		  "\"Weft\":{\"Mode\":\"l2\"}}",
		  "Weft.Mode: \"l2\" excludes Backend.DirectRouting" },
		{ "{\"Network\":\"172.18.0.0/16\",\"Backend\":{\"Learning\":true},"
		  "\"Weft\":{\"Mode\":\"l2\"}}",
		  "Weft.Mode: \"l2\" excludes Backend.Learning" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct warnings warnings;
		struct config config;
		struct err err = ERR_INIT;

		if (parse(cases[i].text, &config, &warnings, &err) == 0)
			fail_msg("taken: %s", cases[i].text);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_says(err.text, cases[i].says);
	}
}

static void reserved_ranges_are_refused_by_name(void **state)
{
	static const char *const refused[][2] = {
		{ "0.0.0.0/0", "0.0.0.0/8 (\"this network\")" },
		{ "0.1.0.0/16", "0.0.0.0/8" },
		{ "127.5.0.0/16", "127.0.0.0/8 (loopback)" },
		{ "64.0.0.0/2", "127.0.0.0/8" },
		{ "169.254.0.0/16", "169.254.0.0/16 (link-local)" },
		{ "169.254.8.0/22", "169.254.0.0/16" },
		{ "168.0.0.0/6", "169.254.0.0/16" },
		{ "224.0.0.0/4", "224.0.0.0/4 (multicast)" },
		{ "239.1.0.0/16", "224.0.0.0/4" },
		{ "192.0.0.0/2", "224.0.0.0/4" },
		{ "240.0.0.0/16", "240.0.0.0/4" },
		{ "255.255.0.0/16", "240.0.0.0/4" },
		{ "::/0", "::/96" },
		{ "::/64", "::/96" },
		{ "::10.0.0.0/104", "::/96" },
		{ "::ffff:10.0.0.0/104", "::ffff:0:0/96 (IPv4-mapped)" },
		{ "::ffff:0:10.0.0.0/104", "::ffff:0:0:0/96" },
		{ "64:ff9b::/96", "64:ff9b::/96 (NAT64)" },
		{ "fe80::/64", "fe80::/10 (link-local)" },
		{ "febf::/48", "fe80::/10" },
		{ "f800::/5", "fe80::/10" },
		{ "ff05::/48", "ff00::/8 (multicast)" },
	};
	static const char *const allowed[] = { "1.0.0.0/8",      "126.0.0.0/8", "128.0.0.0/3",
					       "169.255.0.0/16", "192.0.0.0/4", "223.0.0.0/8",
					       "fc00::/7",       "fec0::/48",   "2000::/3" };
	struct warnings warnings;
	struct config config;
	char text[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused) + ARRAY_LEN(allowed); i++) {
		const bool ok = i >= ARRAY_LEN(refused);
		const char *network = ok ? allowed[i - ARRAY_LEN(refused)] : refused[i][0];
		struct err err = ERR_INIT;
		int rc;

		snprintf(
			text, sizeof(text),
			strchr(network, ':') ?
				"{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"%s\"}" :
				"{\"Network\":\"%s\"}",
			network);
		rc = parse(text, &config, &warnings, &err);
		if (ok && rc < 0 && !strstr(err.text, "SubnetLen"))
			fail_msg("%s: %s", network, err.text);
		if (ok)
			continue;
		if (rc == 0)
			fail_msg("%s is accepted", network);
		assert_says(err.text, strchr(network, ':') ? "configuration: IPv6Network: " :
							     "configuration: Network: ");
		assert_says(err.text, refused[i][1]);
	}
}

static void minimum_and_maximum_are_allowed(void **state)
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

static void exceptions_from_the_packet_rules_are_read(void **state)
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

static void routers_are_not_allowed_by_default(void **state)
{
	struct config closed = sample_config("{\"Network\":\"10.5.0.0/16\",\"Weft\":{}}");
	struct config open = sample_config(
		"{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"AllowRouters\":true}}");

	(void)state;
	assert_false(closed.rules.allow_routers);
	assert_true(open.rules.allow_routers);
	assert_false(config_equal(&open, &closed));
}

static void probes_have_a_port_and_no_key_by_default(void **state)
{
	const struct config none = sample_config("{\"Network\":\"10.5.0.0/16\"}");
	const struct config set = sample_config(
		"{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"ProbePort\":65535,"
		"\"ProbeKey\":\"sixteen bytes!!!\"}}");

	(void)state;
	assert_int_equal(none.probe_port, 8473);
	assert_string_equal(none.probe_key, "");
	assert_int_equal(set.probe_port, 65535);
	assert_string_equal(set.probe_key, "sixteen bytes!!!");
}

static void invalid_ports_of_probes_are_named(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"ProbePort\":0}}", "Weft.ProbePort" },
		{ "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"ProbePort\":8472}}",
		  "Weft.ProbePort: 8472 is the port of the tunnel" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = ERR_INIT;
		struct warnings warnings;
		struct config config;

		assert_int_equal(parse(cases[i].text, &config, &warnings, &err), -1);
		assert_says(err.text, cases[i].error);
	}
}

#define S16 "secret 234567890"

static void an_error_does_not_contain_the_key(void **state)
{
	static const struct {
		const char *value, *error;
	} cases[] = {
		{ "\"\"", "Weft.ProbeKey: does not have 16 to 128 bytes" },
		{ "\"secret\"", "Weft.ProbeKey: does not have 16 to 128 bytes" },
		{ "\"" S16 S16 S16 S16 S16 S16 S16 S16 "9\"",
		  "Weft.ProbeKey: does not have 16 to 128 bytes" },
		{ "2345678901234567", "Weft.ProbeKey: is not a string" },
		{ "[\"" S16 "\"]", "Weft.ProbeKey: is not a string" },
		{ "{\"" S16 "\":\"" S16 "\"}", "Weft.ProbeKey: is not a string" },
		{ "true", "Weft.ProbeKey: is not a string" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = ERR_INIT;
		struct warnings warnings;
		struct config config;
		char text[512];

		snprintf(text, sizeof(text),
			 "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"ProbeKey\":%s}}",
			 cases[i].value);
		assert_int_equal(parse(text, &config, &warnings, &err), -1);
		assert_says(err.text, cases[i].error);
		assert_null(strstr(err.text, "secret"));
		assert_null(strstr(err.text, "2345"));
	}
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

static void too_long_a_text_is_refused(void **state)
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

static void config_equal_compares_every_member(void **state)
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
		"{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"ProbePort\":8474}}",
		"{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"ProbeKey\":\"sixteen bytes!!!\"}}",
		both,
		V6,
	};
	struct config one = sample_config("{\"Network\":\"10.5.0.0/16\"}");
	struct config same = sample_config("{\"Network\":\"10.5.1.0/16\",\"SubnetLen\":24}");

	(void)state;
	assert_true(config_equal(&one, &same));
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
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
	assert_int_equal(v6.pool[FAMILY_V6].len, 64);
	assert_true(ipaddr_equal(&v6.pool[FAMILY_V6].min, &min));
	assert_int_equal(dual.pool[FAMILY_V6].len, 80);
	assert_true(ipaddr_equal(&dual.pool[FAMILY_V6].min, &given));
	assert_int_equal(v4.underlay, CONFIG_UNDERLAY_AUTO);
	assert_int_equal(dual.underlay, CONFIG_UNDERLAY_V6);
	assert_false(v4.direct_routing);
	assert_true(dual.direct_routing);
}

static void the_tunnel_uses_the_underlay_families_of_the_node(void **state)
{
	static const struct {
		bool dual;
		enum config_underlay underlay;
		bool has[FAMILIES], uses[FAMILIES];
	} cases[] = {
		{ false, CONFIG_UNDERLAY_AUTO, { true, false }, { true, false } },
		{ false, CONFIG_UNDERLAY_AUTO, { false, true }, { false, true } },
		/* The smaller overhead of IPv4 is used only if no peer may need IPv6. */
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
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct config config = sample_config(
			cases[i].dual ? both : "{\"Network\":\"10.5.0.0/16\"}");
		const struct ipaddr address[FAMILIES] = {
			sample_addr(cases[i].has[FAMILY_V4] ? "192.168.0.1" : ""),
			sample_addr(cases[i].has[FAMILY_V6] ? "fd00::1" : ""),
		};
		bool uses[FAMILIES];

		config.underlay = cases[i].underlay;
		config_outer_families(&config, address, uses);
		if (memcmp(uses, cases[i].uses, sizeof(uses)))
			fail_msg("case %zu: %d %d", i, uses[FAMILY_V4], uses[FAMILY_V6]);
	}
}

static void networks_on_one_node_share_no_vni_and_no_addresses(void **state)
{
	static const char other[] =
		"{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"}";
	static const struct {
		const char *text, *says; /* NULL: both can be on one node */
	} cases[] = {
		{ "{\"Network\":\"10.6.0.0/16\",\"Backend\":{\"VNI\":2}}", NULL },
		{ "{\"Network\":\"10.6.0.0/16\"}",
		  "Backend.VNI: 1 is already used by network \"first\"" },
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
		  "Backend.GBP: true differs from network \"first\" with the same Port, 8472" },
		{ "{\"Network\":\"10.6.0.0/16\",\"Backend\":{\"VNI\":2,\"GBP\":true,\"Port\":4789}}",
		  NULL },
	};
	const struct config first = sample_config(other);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct config config = sample_config(cases[i].text);
		struct err err = ERR_INIT;
		int rc = config_check_coexistence(&config, &first, "first", &err);

		assert_int_equal(rc, cases[i].says ? -1 : 0);
		if (cases[i].says)
			assert_says(err.text, cases[i].says);
	}
}

static void an_l2_network_without_gateway_is_a_switch(void **state)
{
	const struct config routed = sample_config("{\"Network\":\"172.18.0.0/16\"}");
	const struct config plain = sample_config(L2(""));
	const struct config gateway = sample_config(L2(",\"Gateway\":\"172.18.0.1\""));
	struct ipaddr addr = sample_addr("172.18.0.1");

	(void)state;
	assert_int_equal(routed.mode, CONFIG_ROUTED);
	assert_false(config_is_switch(&routed));
	assert_int_equal(plain.mode, CONFIG_L2);
	assert_true(config_is_switch(&plain));
	assert_false(config_is_switch(&gateway));
	assert_true(config_is_routed(&gateway, FAMILY_V4));
	assert_false(config_is_routed(&gateway, FAMILY_V6));
	assert_true(ipaddr_equal(&gateway.gateway[FAMILY_V4], &addr));
	assert_false(config_equal(&routed, &plain));
	assert_false(config_equal(&plain, &gateway));
}

/* The bridge would pass a broadcast from one vxlan device to the other. */
static void a_network_that_floods_has_one_outer_family(void **state)
{
	static const struct {
		const char *keys;
		bool v4, v6;
	} cases[] = {
		{ "", true, true },
		{ ",\"Flood\":\"replicate\"", true, false },
		{ ",\"Flood\":\"replicate\",\"Underlay\":\"ipv6\"", false, true },
		{ ",\"Flood\":\"multicast\",\"Group\":\"239.1.1.1\"", true, false },
		{ ",\"Flood\":\"multicast\",\"Group\":\"ff05::1\"", false, true },
	};
	const struct ipaddr addresses[FAMILIES] = { sample_addr("192.168.0.1"),
						    sample_addr("fd00::1") };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[256];
		struct config config, plain = sample_config(L2(""));
		bool uses[FAMILIES];

		snprintf(text, sizeof(text),
			 "{\"Network\":\"172.18.0.0/16\",\"EnableIPv6\":true,"
			 "\"IPv6Network\":\"fd00:18::/48\",\"Weft\":{\"Mode\":\"l2\"%s}}",
			 cases[i].keys);
		config = sample_config(text);
		config_outer_families(&config, addresses, uses);
		assert_int_equal(uses[FAMILY_V4], cases[i].v4);
		assert_int_equal(uses[FAMILY_V6], cases[i].v6);
		assert_int_equal(config.flood_limit,
				 strstr(cases[i].keys, "Flood") ? CONFIG_FLOOD_LIMIT_DEFAULT : 0);
		assert_int_equal(config_learns(&config), ipaddr_is_set(&config.group));
		assert_false(config_equal(&config, &plain));
	}
}

static void containers_of_a_bridge_are_announced_unless_it_floods(void **state)
{
	const struct config quiet = sample_config(L2(",\"Bridge\":\"br0\""));
	const struct config floods = sample_config(
		L2(",\"Flood\":\"replicate\",\"Bridge\":\"br0\""));

	(void)state;
	assert_string_equal(quiet.bridge, "br0");
	assert_true(config_announces(&quiet));
	assert_false(config_learns(&quiet));
	assert_false(config_announces(&floods));
	assert_true(config_learns(&floods));
}

static void two_networks_cannot_have_one_bridge(void **state)
{
	struct config one = sample_config(L2(",\"Flood\":\"replicate\",\"Bridge\":\"br0\""));
	struct config other = one, plain = sample_config(L2(""));
	struct err err = ERR_INIT;

	(void)state;
	assert_string_equal(one.bridge, "br0");
	assert_true(config_learns(&one));
	assert_false(config_announces(&one));
	assert_true(config_announces(&plain));
	other.vni = 2;
	plain.vni = 3;
	assert_good(config_check_coexistence(&plain, &one, "first", &err), err);
	assert_int_equal(config_check_coexistence(&other, &one, "first", &err), -1);
	assert_says(err.text, "Weft.Bridge: br0 is already used by network \"first\"");
	snprintf(other.bridge, sizeof(other.bridge), "br1");
	other.vni = one.vni;
	assert_false(config_equal(&one, &other));
}

/* Only what the host routes can be confused. */
static void switches_may_have_the_addresses_of_other_networks(void **state)
{
	struct config routed = sample_config("{\"Network\":\"172.18.0.0/16\"}");
	struct config plain = sample_config(L2(""));
	struct config gateway = sample_config(L2(",\"Gateway\":\"172.18.0.1\""));
	struct err err = ERR_INIT;

	(void)state;
	plain.vni = 2;
	gateway.vni = 3;
	assert_good(config_check_coexistence(&plain, &routed, "first", &err), err);
	assert_good(config_check_coexistence(&routed, &plain, "first", &err), err);
	assert_good(config_check_coexistence(&gateway, &plain, "first", &err), err);
	assert_int_equal(config_check_coexistence(&gateway, &routed, "first", &err), -1);
	assert_says(err.text, "172.18.0.0/16 overlaps 172.18.0.0/16 of network \"first\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent_keys_have_defaults),
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(unused_keys_lead_to_warnings),
		cmocka_unit_test(invalid_values_are_named),
		cmocka_unit_test(invalid_values_of_l2_networks_are_named),
		cmocka_unit_test(reserved_ranges_are_refused_by_name),
		cmocka_unit_test(minimum_and_maximum_are_allowed),
		cmocka_unit_test(exceptions_from_the_packet_rules_are_read),
		cmocka_unit_test(routers_are_not_allowed_by_default),
		cmocka_unit_test(probes_have_a_port_and_no_key_by_default),
		cmocka_unit_test(invalid_ports_of_probes_are_named),
		cmocka_unit_test(an_error_does_not_contain_the_key),
		cmocka_unit_test(too_many_exceptions_are_refused),
		cmocka_unit_test(too_long_a_text_is_refused),
		cmocka_unit_test(config_equal_compares_every_member),
		cmocka_unit_test(families_are_enabled_one_by_one),
		cmocka_unit_test(the_tunnel_uses_the_underlay_families_of_the_node),
		cmocka_unit_test(networks_on_one_node_share_no_vni_and_no_addresses),
		cmocka_unit_test(an_l2_network_without_gateway_is_a_switch),
		cmocka_unit_test(a_network_that_floods_has_one_outer_family),
		cmocka_unit_test(containers_of_a_bridge_are_announced_unless_it_floods),
		cmocka_unit_test(two_networks_cannot_have_one_bridge),
		cmocka_unit_test(switches_may_have_the_addresses_of_other_networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
