/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/l2/endpoint.h"

#include "common/array.h"
#include "daemon/store/store.h"
#include "tests/unit/samples.h"

#define MAC "0a:58:ac:12:01:07"
#define VALUE "{\"MAC\":\"" MAC "\",\"Node\":\"" SAMPLE_NODE "\"}"

static int parse(const char *key, const char *value, struct endpoint *endpoint_out, struct err *err)
{
	const struct store_entry entry = {
		.key = key,
		.value = value,
		.value_size = strlen(value),
		.mod_revision = 7,
		.lease = 9,
	};

	return endpoint_parse(&entry, endpoint_out, err);
}

static void a_record_is_read_as_it_was_written(void **state)
{
	static const char *const keys[] = { "172.18.1.7", "fd00:18::7" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		char value[ENDPOINT_VALUE_SIZE], text[IPADDR_TEXT_SIZE], mac[MAC_TEXT_SIZE];
		struct endpoint endpoint;
		struct err err = ERR_INIT;

		assert_good(parse(keys[i], VALUE, &endpoint, &err), err);
		assert_string_equal(ipaddr_text(&endpoint.addr, text), keys[i]);
		assert_string_equal(mac_text(&endpoint.mac, mac), MAC);
		assert_string_equal(endpoint.node, SAMPLE_NODE);
		assert_int_equal(endpoint.mod_revision, 7);
		assert_int_equal(endpoint.etcd_lease, 9);
		assert_false(endpoint.vanished);
		assert_string_equal(endpoint_value(&endpoint, value), VALUE);
	}
}

static void unknown_members_are_ignored(void **state)
{
	struct endpoint endpoint;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(parse("172.18.1.7",
			  "{\"Color\":1,\"MAC\":\"" MAC "\",\"Node\":\"" SAMPLE_NODE "\"}",
			  &endpoint, &err),
		    err);
}

static void invalid_records_are_named(void **state)
{
	static const struct {
		const char *key, *value, *says;
	} cases[] = {
		{ "172.18.1.7-24", VALUE, "key \"172.18.1.7-24\" is not an address" },
		{ "172.18.1.07", VALUE, "is not an address" },
		{ "fd00:18:0::7", VALUE, "is not an address" },
		{ "FD00:18::7", VALUE, "is not an address" },
		{ "", VALUE, "is not an address" },
		{ "172.18.1.7", "", "endpoint 172.18.1.7" },
		{ "172.18.1.7", "[]", "endpoint 172.18.1.7" },
		{ "172.18.1.7", "{\"Node\":\"" SAMPLE_NODE "\"}", "MAC" },
		{ "172.18.1.7", "{\"MAC\":\"" MAC "\"}", "Node" },
		{ "172.18.1.7", "{\"MAC\":\"01:00:5e:00:00:01\",\"Node\":\"" SAMPLE_NODE "\"}",
		  "MAC: is not a unicast address" },
		{ "172.18.1.7", "{\"MAC\":\"00:00:00:00:00:00\",\"Node\":\"" SAMPLE_NODE "\"}",
		  "MAC: is not a unicast address" },
		{ "172.18.1.7", "{\"MAC\":\"" MAC "\",\"Node\":\"host1\"}", "Node" },
		{ "172.18.1.7", "{\"MAC\":\"" MAC "\",\"Node\":7}", "Node" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct endpoint endpoint;
		struct err err = ERR_INIT;

		if (parse(cases[i].key, cases[i].value, &endpoint, &err) == 0)
			fail_msg("taken: %s %s", cases[i].key, cases[i].value);
		assert_int_equal(err.code, ERR_DECODE);
		assert_says(err.text, cases[i].says);
	}
}

static void a_set_is_sorted_and_has_each_address_once(void **state)
{
	static const char *const keys[] = { "172.18.1.9", "fd00:18::7", "172.18.1.7",
					    "172.18.1.9" };
	struct endpoints set = { .len = 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct endpoint endpoint = { .addr = sample_addr(keys[i]),
						   .mod_revision = i + 1 };

		assert_true(endpoints_put(&set, &endpoint));
	}
	assert_int_equal(set.len, 3);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct ipaddr addr = sample_addr(keys[i]);

		assert_non_null(endpoints_find(&set, &addr));
	}
	assert_int_equal(set.at[0].mod_revision, 3);
	assert_int_equal(set.at[1].mod_revision, 4);
	assert_int_equal(set.at[2].mod_revision, 2);
	endpoints_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_read_as_it_was_written),
		cmocka_unit_test(unknown_members_are_ignored),
		cmocka_unit_test(invalid_records_are_named),
		cmocka_unit_test(a_set_is_sorted_and_has_each_address_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
