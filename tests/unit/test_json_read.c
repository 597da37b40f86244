/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/json.h"

#include "common/array.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct json *document(const char *text, unsigned how)
{
	struct json *json = NULL;
	struct err err = ERR_INIT;

	if (json_parse(text, strlen(text), strlen(text), how, "doc", &json, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return json;
}

static void check_done(struct json *json, const char *fault)
{
	struct err err = ERR_INIT;

	assert_int_equal(jr_done(json, ERR_CONFIG, &err), fault ? -1 : 0);
	assert_int_equal(err.code, fault ? ERR_CONFIG : ERR_NONE);
	assert_string_equal(err.text, fault ? fault : "");
}

static void values_of_every_kind(void **state)
{
	AUTO(json)
	struct json *json = document(
		"{\"s\":\"text\",\"e\":\"\",\"n\":42,\"t\":true,\"f\":false,\"z\":null,"
		"\"big\":\"18446744073709551615\",\"ip\":\"10.5.2.1\",\"net\":\"fd00::1/64\","
		"\"mac\":\"0a:58:0a:05:02:01\",\"b64\":\"Zm9v\"}",
		JSON_STRICT);
	struct jr at = jr_root(json);
	struct ipaddr addr = jr_ipaddr(&at, "ip");
	struct prefix prefix = jr_prefix(&at, "net");
	struct mac mac = jr_mac(&at, "mac");
	char buf[PREFIX_TEXT_SIZE];
	AUTO(free) char *data = NULL;
	size_t size = 77;

	(void)state;
	assert_string_equal(jr_str(&at, "s", 4), "text");
	assert_string_equal(jr_str(&at, "e", 0), "");
	assert_string_equal(jr_str_opt(&at, "s", 4, "x"), "text");
	assert_int_equal(jr_u32(&at, "n", 42, 42), 42);
	assert_int_equal(jr_u32_opt(&at, "n", 0, 99, 7), 42);
	assert_true(jr_bool_opt(&at, "t", false));
	assert_false(jr_bool_opt(&at, "f", true));
	assert_true(jr_u64_text_opt(&at, "big", 7) == UINT64_MAX);
	assert_string_equal(ipaddr_text(&addr, buf), "10.5.2.1");
	assert_string_equal(prefix_text(&prefix, buf), "fd00::1/64");
	assert_string_equal(mac_text(&mac, buf), "0a:58:0a:05:02:01");
	addr = jr_ipaddr_opt(&at, "ip");
	prefix = jr_prefix_opt(&at, "net");
	assert_true(ipaddr_is_set(&addr) && prefix_is_set(&prefix));
	data = jr_base64(&at, "b64", 3, &size);
	assert_string_equal(data, "foo");
	assert_int_equal(size, 3);
	assert_true(jr_has(&at, "s") && !jr_has(&at, "z") && !jr_has(&at, "none"));
	check_done(json, NULL);
}

static void counts_are_integers_up_to_2_to_the_53(void **state)
{
	static const struct {
		const char *text;
		bool valid;
		uint64_t value;
	} cases[] = {
		{ "{}", true, 7 },
		{ "{\"n\":null}", true, 7 },
		{ "{\"n\":0}", true, 0 },
		{ "{\"n\":1e3}", true, 1000 },
		{ "{\"n\":9007199254740992}", true, UINT64_C(9007199254740992) },
		{ "{\"n\":9007199254740994}", false, 7 },
		{ "{\"n\":1e300}", false, 7 },
		{ "{\"n\":-1}", false, 7 },
		{ "{\"n\":1.5}", false, 7 },
		{ "{\"n\":\"1\"}", false, 7 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(json) struct json *json = document(cases[i].text, JSON_STRICT);
		struct jr at = jr_root(json);
		struct err err = ERR_INIT;

		assert_true(jr_count_opt(&at, "n", 7) == cases[i].value);
		assert_int_equal(jr_done(json, ERR_CONFIG, &err), cases[i].valid ? 0 : -1);
	}
}

static void defaults_where_absent_or_null(void **state)
{
	static const char *const keys[] = { "absent", "null" };
	AUTO(json) struct json *json = document("{\"null\":null}", JSON_STRICT);
	struct jr at = jr_root(json);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *key = keys[i];
		struct ipaddr addr = jr_ipaddr_opt(&at, key);
		struct prefix prefix = jr_prefix_opt(&at, key);
		struct jr obj = jr_obj_opt(&at, key), arr = jr_arr_opt(&at, key), e;
		size_t step = 0;

		assert_string_equal(jr_str_opt(&at, key, 0, "else"), "else");
		assert_null(jr_str_opt(&at, key, 0, NULL));
		assert_int_equal(jr_u32_opt(&at, key, 1, 2, 9), 9);
		assert_true(jr_bool_opt(&at, key, true));
		assert_int_equal(jr_u64_text_opt(&at, key, 9), 9);
		assert_false(ipaddr_is_set(&addr) || prefix_is_set(&prefix));
		assert_true(jr_is_absent(&obj) && jr_is_absent(&arr));
		assert_null(jr_text(&at, key));
		/* An absent place is like an empty one. */
		assert_string_equal(jr_str_opt(&obj, "below", 9, "else"), "else");
		assert_int_equal(jr_len(&arr), 0);
		assert_false(jr_each(&arr, &step, &e));
		assert_false(jr_has(&obj, "below"));
	}
	check_done(json, NULL);
}

/* The reading functions by number, for a table. */
enum read {
	STR,
	STR_OPT,
	U32,
	U32_OPT,
	BOOL,
	U64,
	IP,
	IP_OPT,
	NET,
	NET_OPT,
	MAC,
	B64,
	OBJ,
	OBJ_OPT,
	ARR,
	ARR_OPT
};

static void read_string(const struct jr *at, const char *key, enum read how)
{
	char buf[PREFIX_TEXT_SIZE];
	struct ipaddr addr = { .family = 0 };
	struct prefix prefix = { .len = 0 };

	if (how == STR)
		assert_string_equal(jr_str(at, key, 8), "");
	else if (how == STR_OPT)
		assert_string_equal(jr_str_opt(at, key, 8, "else"), "else");
	else if (how == U64)
		assert_int_equal(jr_u64_text_opt(at, key, 9), 9);
	else if (how == IP || how == IP_OPT)
		addr = how == IP ? jr_ipaddr(at, key) : jr_ipaddr_opt(at, key);
	else if (how == NET || how == NET_OPT)
		prefix = how == NET ? jr_prefix(at, key) : jr_prefix_opt(at, key);
	assert_string_equal(ipaddr_text(&addr, buf), "");
	assert_string_equal(prefix_text(&prefix, buf), "");
}

/* Reads a faulty value and checks that the result is the default. */
static void read_bad(const struct jr *at, const char *key, enum read how)
{
	struct jr place = { .node = NULL };
	struct mac mac = { { 0 } };
	size_t size = 0;

	if (how == U32)
		assert_int_equal(jr_u32(at, key, 3, 16777215), 3);
	else if (how == U32_OPT)
		assert_int_equal(jr_u32_opt(at, key, 3, 16777215, 9), 9);
	else if (how == BOOL)
		assert_true(jr_bool_opt(at, key, true));
	else if (how == MAC)
		mac = jr_mac(at, key);
	else if (how == B64)
		assert_null(jr_base64(at, key, 3, &size));
	else if (how == OBJ || how == OBJ_OPT)
		place = how == OBJ ? jr_obj(at, key) : jr_obj_opt(at, key);
	else if (how == ARR || how == ARR_OPT)
		place = how == ARR ? jr_arr(at, key) : jr_arr_opt(at, key);
	else
		read_string(at, key, how);
	assert_true(mac_is_zero(&mac) && size == 0 && jr_is_absent(&place));
}

static const struct {
	const char *text;
	enum read how;
	const char *fault;
} faults[] = {
	{ "{}", STR, "doc: k: is missing: a string is required" },
	{ "{\"k\":null}", STR, "doc: k: is missing: a string is required" },
	{ "{}", U32, "doc: k: is missing: a number from 3 to 16777215 is required" },
	{ "{}", IP, "doc: k: is missing: an IP address is required" },
	{ "{}", NET, "doc: k: is missing: an IP prefix is required" },
	{ "{}", MAC, "doc: k: is missing: a MAC address is required" },
	{ "{}", B64, "doc: k: is missing: a base64 string is required" },
	{ "{}", OBJ, "doc: k: is missing: an object is required" },
	{ "{}", ARR, "doc: k: is missing: an array is required" },
	{ "{\"k\":null}", ARR, "doc: k: is missing: an array is required" },
	{ "{\"k\":5}", STR, "doc: k: 5 is not a string" },
	{ "{\"k\":[5]}", STR_OPT, "doc: k: an array is not a string" },
	{ "{\"k\":\"123456789\"}", STR, "doc: k: \"123456789\" is longer than 8 bytes" },
	{ "{\"k\":\"123456789\"}", STR_OPT, "doc: k: \"123456789\" is longer than 8 bytes" },
	{ "{\"k\":99999999}", U32, "doc: k: 99999999 is not a number from 3 to 16777215" },
	{ "{\"k\":2}", U32_OPT, "doc: k: 2 is not a number from 3 to 16777215" },
	{ "{\"k\":3.5}", U32, "doc: k: 3.5 is not a number from 3 to 16777215" },
	{ "{\"k\":-3}", U32, "doc: k: -3 is not a number from 3 to 16777215" },
	{ "{\"k\":1e300}", U32, "doc: k: 1e+300 is not a number from 3 to 16777215" },
	{ "{\"k\":\"7\"}", U32, "doc: k: \"7\" is not a number from 3 to 16777215" },
	{ "{\"k\":true}", U32_OPT, "doc: k: true is not a number from 3 to 16777215" },
	{ "{\"k\":1}", BOOL, "doc: k: 1 is not true or false" },
	{ "{\"k\":\"true\"}", BOOL, "doc: k: \"true\" is not true or false" },
	{ "{\"k\":7}", U64, "doc: k: 7 is not a number as a string of digits" },
	{ "{\"k\":\"-7\"}", U64, "doc: k: \"-7\" is not a number from 0 to 18446744073709551615" },
	{ "{\"k\":\"10.5\"}", IP, "doc: k: \"10.5\" is not an IPv4 or IPv6 address" },
	{ "{\"k\":\"\"}", IP_OPT, "doc: k: \"\" is not an IPv4 or IPv6 address" },
	{ "{\"k\":{}}", IP_OPT, "doc: k: an object is not a string" },
	{ "{\"k\":\"10.5.2.1\"}", NET,
	  "doc: k: \"10.5.2.1\" is not an address and prefix length like \"10.5.0.0/16\" or "
	  "\"fd00:5::/48\"" },
	{ "{\"k\":false}", NET_OPT, "doc: k: false is not a string" },
	{ "{\"k\":\"0a:58\"}", MAC,
	  "doc: k: \"0a:58\" is not a MAC address like \"0a:58:0a:05:01:02\"" },
	{ "{\"k\":\"0a:58:0a:05:01:02:03\"}", MAC,
	  "doc: k: \"0a:58:0a:05:01:02:03\" is longer than 17 bytes" },
	{ "{\"k\":6}", MAC, "doc: k: 6 is not a string" },
	{ "{\"k\":6}", B64, "doc: k: 6 is not a base64 string" },
	{ "{\"k\":\"Zm9\"}", B64, "doc: k: \"Zm9\" is not base64 (RFC 4648)" },
	{ "{\"k\":\"Zm9vYg==\"}", B64, "doc: k: 4 bytes, at most 3 are allowed" },
	{ "{\"k\":[]}", OBJ, "doc: k: an array is not an object" },
	{ "{\"k\":\"x\"}", OBJ_OPT, "doc: k: \"x\" is not an object" },
	{ "{\"k\":{}}", ARR, "doc: k: an object is not an array" },
	{ "{\"k\":0}", ARR_OPT, "doc: k: 0 is not an array" },
	{ "[]", STR_OPT, "doc: an array is not an object" },
	{ "null", U32, "doc: null is not an object" },
	{ "\"k\"", OBJ, "doc: \"k\" is not an object" },
	{ "{\"k\":\"a\\u001b[0m\\n\"}", IP,
	  "doc: k: \"a\\x1b[0m\\x0a\" is not an IPv4 or IPv6 address" },
	{ "{\"k\":\"1234567890123456789012345678901234567890123456789012345678901\"}", U32,
	  "doc: k: \"123456789012345678901234567890123456789012345678901234567890...\" is not a "
	  "number from 3 to 16777215" },
};

static void faults_are_reported(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		AUTO(json) struct json *json = document(faults[i].text, JSON_STRICT);
		struct jr at = jr_root(json);

		read_bad(&at, "k", faults[i].how);
		check_done(json, faults[i].fault);
	}
}

static void whole_numbers_in_any_notation(void **state)
{
	static const struct {
		const char *text;
		uint32_t value;
	} cases[] = {
		{ "0", 0 },
		{ "-0", 0 },
		{ "1e+06", 1000000 },
		{ "1.0", 1 },
		{ "4294967295", UINT32_MAX },
		{ "4.294967295e9", UINT32_MAX },
		{ "1500e-2", 15 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(json) struct json *json = document(cases[i].text, JSON_STRICT);
		struct jr at = jr_root(json);

		assert_int_equal(jr_u32(&at, NULL, 0, UINT32_MAX), cases[i].value);
		check_done(json, NULL);
	}
}

static void the_first_fault_is_kept_with_its_path(void **state)
{
	AUTO(json)
	struct json *json = document("{\"ipam\":{\"ranges\":[[{\"subnet\":\"10.5.0.0/16\"},"
				     "{\"subnet\":\"10.6/16\"}]]},\"mtu\":\"x\"}",
				     JSON_STRICT);
	struct jr root = jr_root(json);
	struct jr ipam = jr_obj(&root, "ipam"), ranges = jr_arr(&ipam, "ranges"), set, range;

	(void)state;
	for (size_t i = 0; jr_each(&ranges, &i, &set);) {
		struct jr list = jr_arr(&set, NULL);

		for (size_t j = 0; jr_each(&list, &j, &range);) {
			struct jr here = jr_obj(&range, NULL);

			jr_prefix(&here, "subnet");
		}
	}
	jr_u32(&root, "mtu", 0, 9000);
	check_done(json, "doc: ipam.ranges[0][1].subnet: \"10.6/16\" is not an address and prefix "
			 "length like \"10.5.0.0/16\" or \"fd00:5::/48\"");
}

static void a_missing_parent_is_reported(void **state)
{
	AUTO(json) struct json *json = document("{\"list\":[{\"a\":1},7]}", JSON_STRICT);
	struct jr root = jr_root(json), list = jr_arr(&root, "list"), e;
	size_t i = 0;

	(void)state;
	assert_true(jr_each(&list, &i, &e));
	assert_int_equal(jr_u32(&e, "a", 0, 9), 1);
	assert_true(jr_each(&list, &i, &e));
	assert_int_equal(jr_u32(&e, "a", 0, 9), 0);
	check_done(json, "doc: list[1]: 7 is not an object");
}

static void members_of_an_absent_place_are_missing(void **state)
{
	AUTO(json) struct json *json = document("{}", JSON_STRICT);
	struct jr root = jr_root(json), backend = jr_obj_opt(&root, "Backend");

	(void)state;
	assert_string_equal(jr_str(&backend, "Type", 9), "");
	check_done(json, "doc: Backend.Type: is missing: a string is required");
}

static void callers_record_faults(void **state)
{
	AUTO(json) struct json *json = document("{\"SubnetLen\":{\"x\":1}}", JSON_STRICT);
	struct jr root = jr_root(json), obj = jr_obj(&root, "SubnetLen");

	(void)state;
	jr_fault(&obj, "x", "%d is not above %d", 1, 2);
	jr_fault(&obj, NULL, "later");
	check_done(json, "doc: SubnetLen.x: 1 is not above 2");
	check_done(json, "doc: SubnetLen.x: 1 is not above 2");
}

static void append(char *text, size_t size, const char *more)
{
	size_t len = strlen(text);

	snprintf(text + len, size - len, "%s", more);
}

/* Keys of the input are part of paths: they are escaped and truncated like values. */
static void paths_are_harmless(void **state)
{
	char text[4096] = "", fault[ERR_TEXT_SIZE];
	struct jr places[32];
	struct err err = ERR_INIT;
	struct json *json;

	(void)state;
	for (int i = 0; i < 30; i++)
		append(text, sizeof(text),
		       "{\"\\u001b0123456789012345678901234567890123456789012345678901234567890\":");
	append(text, sizeof(text), "1");
	for (int i = 0; i < 30; i++)
		append(text, sizeof(text), "}");
	json = document(text, JSON_STRICT);
	places[0] = jr_root(json);
	for (int i = 0; i < 30; i++) {
		size_t step = 0;

		assert_true(jr_each(&places[i], &step, &places[i + 1]));
	}
	jr_str(&places[30], NULL, 5);
	assert_int_equal(jr_done(json, ERR_DECODE, &err), -1);
	snprintf(fault, sizeof(fault), "%s", err.text);
	assert_memory_equal(fault, "doc: \\x1b01234567", 17);
	assert_non_null(strstr(fault, "....\\x1b0123"));
	assert_non_null(strstr(fault, ": 1 is not a string"));
	json_free(json);
}

static void any_case(void **state)
{
	AUTO(json)
	struct json *json = document("{\"NETWORK\":\"a\",\"subnetlen\":24}", JSON_ANY_CASE);
	AUTO(json) struct json *strict = document("{\"NETWORK\":\"a\"}", JSON_STRICT);
	struct jr at = jr_root(json), exact = jr_root(strict);

	(void)state;
	assert_string_equal(jr_str(&at, "Network", 9), "a");
	assert_int_equal(jr_u32(&at, "SubnetLen", 0, 32), 24);
	assert_false(jr_has(&exact, "Network"));
	check_done(json, NULL);
}

static void arrays_and_objects_are_iterated(void **state)
{
	AUTO(json)
	struct json *json = document("{\"list\":[1,null,\"x\"],\"b\":{\"c\":2,\"d\":3}}",
				     JSON_STRICT);
	struct jr root = jr_root(json), list = jr_arr(&root, "list"), b = jr_obj(&root, "b"), e;
	char walk[64] = "";
	size_t len;

	(void)state;
	for (size_t i = 0; jr_each(&list, &i, &e);) {
		assert_null(e.key);
		assert_int_equal(e.index, i - 1);
		assert_false(jr_is_absent(&e));
	}
	for (size_t i = 0; jr_each(&b, &i, &e);) {
		len = strlen(walk);
		snprintf(walk + len, sizeof(walk) - len, "%s=%u ", e.key, jr_u32(&e, NULL, 0, 9));
	}
	assert_string_equal(walk, "c=2 d=3 ");
	assert_int_equal(jr_len(&list), 3);
	assert_int_equal(jr_len(&b), 2);
	check_done(json, NULL);
}

static void iteration_is_linear(void **state)
{
	const size_t elements = 300000;
	AUTO(free) char *text = malloc(elements * 2 + 2);
	struct json *json;
	struct jr root, e;
	size_t i = 0;

	(void)state;
	for (size_t n = 0; n < elements; n++)
		memcpy(text + 1 + n * 2, "7,", 2);
	text[0] = '[';
	memcpy(text + elements * 2, "]", 2);
	json = document(text, JSON_STRICT);
	root = jr_root(json);
	while (jr_each(&root, &i, &e))
		;
	assert_int_equal(i, elements);
	json_free(json);
}

static void text_is_forwarded(void **state)
{
	AUTO(json)
	struct json *json = document(
		"{\"a\" : { \"b\" : [ 1, 2.5, \"\\u00e4\\n\", null ] }, \"s\":\"x\"}", JSON_STRICT);
	struct jr root = jr_root(json);
	AUTO(free) char *a = jr_text(&root, "a");
	AUTO(free) char *s = jr_text(&root, "s");

	(void)state;
	assert_string_equal(a, "{\"b\":[1,2.5,\"\xc3\xa4\\n\",null]}");
	assert_string_equal(s, "\"x\"");
	check_done(json, NULL);
}

#define PATHS_SIZE 64

static void note_path(void *ctx, const char *path)
{
	char *text = ctx;

	append(text, PATHS_SIZE, path);
	append(text, PATHS_SIZE, " ");
}

static void unknown_members_are_reported(void **state)
{
	static const char *const known[] = { "Network", "Backend", NULL };
	AUTO(json)
	struct json *json = document("{\"network\":1,\"Foo\":2,\"Backend\":{\"VNI\":1},"
				     "\"bar\":null,\"list\":[1]}",
				     JSON_ANY_CASE);
	struct jr root = jr_root(json), backend = jr_obj(&root, "Backend");
	struct jr list = jr_arr(&root, "list"), none = jr_obj_opt(&root, "none");
	char paths[PATHS_SIZE] = "";

	(void)state;
	jr_unknown(&root, known, note_path, paths);
	jr_unknown(&backend, known, note_path, paths);
	jr_unknown(&list, known, note_path, paths);
	jr_unknown(&none, known, note_path, paths);
	assert_string_equal(paths, "Foo bar list Backend.VNI ");
	check_done(json, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_every_kind),
		cmocka_unit_test(counts_are_integers_up_to_2_to_the_53),
		cmocka_unit_test(defaults_where_absent_or_null),
		cmocka_unit_test(faults_are_reported),
		cmocka_unit_test(whole_numbers_in_any_notation),
		cmocka_unit_test(the_first_fault_is_kept_with_its_path),
		cmocka_unit_test(a_missing_parent_is_reported),
		cmocka_unit_test(members_of_an_absent_place_are_missing),
		cmocka_unit_test(callers_record_faults),
		cmocka_unit_test(paths_are_harmless),
		cmocka_unit_test(any_case),
		cmocka_unit_test(arrays_and_objects_are_iterated),
		cmocka_unit_test(iteration_is_linear),
		cmocka_unit_test(text_is_forwarded),
		cmocka_unit_test(unknown_members_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
