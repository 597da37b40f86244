/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of configurations: every fault, with its path or position. */
#include "ctl/config_findings.h"

#include "common/array.h"
#include "tests/unit/samples.h"

#define NETWORK "\"Network\":\"10.5.0.0/16\""

/* "error PATH: TEXT\n" for each finding; line and column in brackets. */
static void check(const char *text, const char *network, char buf[static 4096])
{
	struct config_findings count = { 0 };
	struct json *json = NULL;
	struct jb *jb = jb_new();
	struct err err = ERR_INIT;
	size_t len = 0, errors = 0;
	struct jr root, list, at;
	char *built = NULL;

	assert_non_null(jb);
	assert_good(config_findings(text, strlen(text), network, jb_arr(jb_root(jb), "list"),
				    &count, &err),
		    err);
	assert_good(jb_text(jb, &built, &err), err);
	assert_good(json_parse(built, strlen(built), SIZE_MAX, 0, "list", &json, &err), err);
	root = jr_root(json);
	list = jr_arr(&root, "list");
	buf[0] = '\0';
	for (size_t i = 0; jr_each(&list, &i, &at);) {
		const char *severity = jr_str(&at, "severity", 16);

		errors += strcmp(severity, "error") == 0;
		len += (size_t)snprintf(buf + len, 4096 - len, "%s ", severity);
		if (jr_has(&at, "line"))
			len += (size_t)snprintf(buf + len, 4096 - len, "[%u,%u] ",
						jr_u32(&at, "line", 1, 1000),
						jr_u32(&at, "column", 1, 1000));
		len += (size_t)snprintf(buf + len, 4096 - len, "%s: %s\n", jr_str(&at, "path", 512),
					jr_str(&at, "text", 512));
		assert_true(len < 4096);
	}
	assert_good(jr_done(json, ERR_DECODE, &err), err);
	assert_int_equal(errors, count.errors);
	assert_int_equal(jr_len(&list), count.errors + count.warnings);
	json_free(json);
	jb_free(jb);
	free(built);
}

static void every_fault_has_its_path(void **state)
{
	static const char *const cases[][2] = {
		{ "{" NETWORK "}", "" },
		{ "{" NETWORK ",\"Weft\":{\"ProbeKey\":20250000000000001}}",
		  "error Weft.ProbeKey: is not a string\n" },
		{ "{" NETWORK ",\"Weft\":{\"ProbeKey\":\"too short\"}}",
		  "error Weft.ProbeKey: does not have 16 to 128 bytes\n" },
		{ "{\"Network\":\"10.5.0.0/33\",\"SubnetLen\":\"a\",\"Backend\":{\"Type\":\"udp\","
		  "\"VNI\":0,\"MTU\":5,\"Port\":-1},\"Weft\":{\"LeaseTTL\":1,\"Underlay\":\"x\","
		  "\"Mode\":\"mesh\",\"NonMasquerade\":[\"10.0.0.1/8\",7],\"AllowFrom\":[\"\",2],"
		  "\"Frob\":1}}",
		  "error Network: \"10.5.0.0/33\" is not an address and prefix length like "
		  "\"10.5.0.0/16\" or \"fd00:5::/48\"\n"
		  "error SubnetLen: \"a\" is not a number from 0 to 32\n"
		  "error Backend.Type: unsupported backend \"udp\": only \"vxlan\" is supported\n"
		  "error Backend.VNI: 0 is not a number from 1 to 16777215\n"
		  "error Backend.Port: -1 is not a number from 0 to 65535\n"
		  "error Backend.MTU: 5 is not 0 or from 1280 to 65535\n"
		  "error Weft.LeaseTTL: 1 is not a number from 2 to 31536000\n"
		  "error Weft.Underlay: \"x\" is not \"auto\", \"ipv4\" or \"ipv6\"\n"
		  "error Weft.NonMasquerade[0]: 10.0.0.1/8 has host bits set; the network is "
		  "10.0.0.0/8\n"
		  "error Weft.NonMasquerade[1]: 7 is not a string\n"
		  "error Weft.AllowFrom[0]: is not a network name\n"
		  "error Weft.AllowFrom[1]: 2 is not a string\n"
		  "error Weft.Mode: \"mesh\" is not \"routed\" or \"l2\"\n"
		  "warning Weft.Frob: unknown key\n" },
		/* The families, and the rules that need several values. */
		{ "{" NETWORK ",\"SubnetLen\":17,\"EnableIPv6\":true,\"IPv6Network\":\"fe80::/48\","
		  "\"IPv6SubnetMax\":\"fd00::\",\"Backend\":{\"VNI\":0}}",
		  "error Backend.VNI: 0 is not a number from 1 to 16777215\n"
		  "error SubnetLen: 17 is not from 18 to 30, as network 10.5.0.0/16 requires\n"
		  "error IPv6Network: fe80::/48 overlaps fe80::/10 (link-local)\n"
		  "error IPv6SubnetMax: fd00:: is not in the network fe80::/48\n" },
		{ "{" NETWORK ",\"Weft\":{\"Mode\":\"l2\",\"Gateway\":\"10.6.0.1\","
		  "\"IPv6Gateway\":\"fd00::1\"}}",
		  "error Weft.Gateway: 10.6.0.1 is not the address of a host in 10.5.0.0/16\n"
		  "error Weft.IPv6Gateway: the family is not enabled\n" },
		/* A fault that many readers find is one fault. */
		{ "[]", "error : an array is not an object\n" },
		{ "{" NETWORK ",\"Backend\":7,\"Weft\":[]}",
		  "error Backend: 7 is not an object\nerror Weft: an array is not an object\n" },
	};
	char found[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		check(cases[i][0], NULL, found);
		assert_string_equal(found, cases[i][1]);
	}
}

static void malformed_json_has_line_and_column(void **state)
{
	static const char *const cases[][2] = {
		{ "", "error [1,1] : the text ends where a value is expected\n" },
		{ "{\n \"Network\": 10.5.0.0\n}",
		  "error [2,17] : '.' where ',' or '}' is expected\n" },
		{ "{\"\xc3\xa9\":1,}",
		  "error [1,8] : '}' where a key in double quotes is expected\n" },
		{ "{" NETWORK "} x", "error [1,27] : 'x' where the end of the text is expected\n" },
	};
	char found[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		check(cases[i][0], NULL, found);
		assert_string_equal(found, cases[i][1]);
	}
}

static void a_large_configuration_is_rejected(void **state)
{
	static char text[(64 << 10) + 3];
	char found[4096];

	(void)state;
	memset(text, ' ', sizeof(text) - 1);
	text[0] = '{';
	text[sizeof(text) - 2] = '}';
	check(text, NULL, found);
	assert_string_equal(found, "error : 65538 bytes, at most 65536 are allowed\n");
}

static void each_network_of_a_store_is_checked(void **state)
{
	static const char document[] =
		"{\"config\":{" NETWORK ",\"x\":1},\"subnets\":{\"10.5.1.0-24\":{}},"
		"\"networks\":{\"blue\":{\"config\":{\"Network\":\"127.0.0.0/8\"}},"
		"\"red\":{\"subnets\":{}}}}";
	static const char *const cases[][3] = {
		{ document, NULL,
		  "warning config.x: unknown key\n"
		  "error networks.blue.config.Network: 127.0.0.0/8 overlaps 127.0.0.0/8 "
		  "(loopback)\n" },
		{ document, "default", "warning config.x: unknown key\n" },
		{ document, "red", "error config: the document has no network configuration\n" },
		{ "{\"subnets\":{}}", NULL,
		  "error config: the document has no network configuration\n" },
		{ "{\"config\":{" NETWORK "},\"config\":{" NETWORK "}}", NULL,
		  "error config: the object has this key twice\n" },
		/* One of weftd's configurations, which has no such keys. */
		{ "{" NETWORK ",\"config\":{}}", NULL, "warning config: unknown key\n" },
	};
	char found[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		check(cases[i][0], cases[i][1], found);
		assert_string_equal(found, cases[i][2]);
	}
}

/* As the file store (test_store_file_doc.c). */
static void a_store_of_another_form_is_rejected(void **state)
{
#define ALLOWED "allowed are config, subnets, endpoints, and networks at the top\n"
	static const char *const cases[][3] = {
		{ "{\"config\":{" NETWORK "},\"subnet\":{}}", NULL,
		  "error : unknown key \"subnet\"; " ALLOWED },
		{ "{\"config\":{" NETWORK "},\"subnets\":5}", NULL,
		  "error subnets: 5 is not an object\n" },
		{ "{\"config\":{" NETWORK "},\"endpoints\":[]}", NULL,
		  "error endpoints: an array is not an object\n" },
		{ "{\"config\":{" NETWORK "},\"networks\":7}", NULL,
		  "error networks: 7 is not an object\n" },
		{ "{\"config\":7,\"networks\":null}", NULL, "error config: 7 is not an object\n" },
		{ "{\"config\":{" NETWORK "},\"networks\":{\"default\":{\"config\":{}}}}", NULL,
		  "error networks.default: the members of this network belong to the root\n" },
		{ "{\"config\":{" NETWORK "},\"networks\":{\"a\":[],\"b\":{\"leases\":{},"
		  "\"subnets\":\"\",\"endpoints\":1}}}",
		  NULL,
		  "error networks.a: an array is not an object\n"
		  "error : unknown key \"networks.b.leases\"; " ALLOWED
		  "error networks.b.subnets: \"\" is not an object\n"
		  "error networks.b.endpoints: 1 is not an object\n" },
		/* weftd reads one network, and the document's own members. */
		{ "{\"x\":1,\"networks\":{\"a\":[],\"b\":{\"config\":{" NETWORK "}}}}", "b",
		  "error : unknown key \"x\"; " ALLOWED },
		{ "{\"endpoints\":{}}", NULL,
		  "error config: the document has no network configuration\n" },
		{ "{\"config\":{" NETWORK "},\"subnets\":null,\"endpoints\":{},"
		  "\"networks\":{\"a\":null,\"b\":{\"config\":null}}}",
		  NULL, "" },
	};
	char found[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		check(cases[i][0], cases[i][1], found);
		assert_string_equal(found, cases[i][2]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_has_its_path),
		cmocka_unit_test(malformed_json_has_line_and_column),
		cmocka_unit_test(a_large_configuration_is_rejected),
		cmocka_unit_test(each_network_of_a_store_is_checked),
		cmocka_unit_test(a_store_of_another_form_is_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
