/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/range.h"

#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static struct ipaddr addr_of(const char *text)
{
	struct ipaddr addr = { .family = AF_UNSPEC };
	struct err err = ERR_INIT;

	if (*text && ipaddr_parse(text, &addr, &err) < 0)
		fail_msg("%s", err.text);
	return addr;
}

static int make(const char *subnet, const char *gateway, struct range *range_out, struct err *err)
{
	struct ipaddr gateway_addr = addr_of(gateway);
	struct prefix prefix;

	if (prefix_parse(subnet, &prefix, err) < 0)
		fail_msg("%s", err->text);
	return range_of(&prefix, &gateway_addr, range_out, err);
}

static struct range range_from(const char *subnet, const char *gateway)
{
	struct range range = { .first = { .family = AF_UNSPEC } };
	struct err err = ERR_INIT;

	if (make(subnet, gateway, &range, &err) < 0)
		fail_msg("%s", err.text);
	return range;
}

static void ranges_end_where_containers_may(void **state)
{
	static const struct {
		const char *subnet, *gateway, *first, *last;
		uint64_t size;
	} cases[] = {
		{ "10.5.1.0/24", "10.5.1.1", "10.5.1.2", "10.5.1.254", 253 },
		{ "10.5.1.0/24", "10.5.1.254", "10.5.1.1", "10.5.1.253", 253 },
		{ "10.5.1.0/24", "10.5.1.77", "10.5.1.1", "10.5.1.254", 253 },
		{ "10.5.1.0/24", "", "10.5.1.1", "10.5.1.254", 254 },
		{ "10.5.1.0/30", "10.5.1.1", "10.5.1.2", "10.5.1.2", 1 },
		{ "10.5.1.0/29", "10.5.1.1", "10.5.1.2", "10.5.1.6", 5 },
		{ "10.5.1.77/24", "10.5.1.1", "10.5.1.2", "10.5.1.254", 253 },
		{ "10.0.0.0/8", "10.0.0.1", "10.0.0.2", "10.255.255.254", 16777213 },
		{ "fd00:5::/126", "fd00:5::1", "fd00:5::2", "fd00:5::3", 2 },
		{ "fd00:5::/64", "fd00:5::1", "fd00:5::2", "fd00:5::ffff:ffff:ffff:ffff",
		  UINT64_MAX - 1 },
		{ "fd00::/16", "fd00::1", "fd00::2", "fd00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct range range = range_from(cases[i].subnet, cases[i].gateway);
		struct ipaddr none = { .family = AF_UNSPEC };
		struct ipaddr last = addr_of(cases[i].last);
		struct ipaddr at = range_next(&range, &none);
		char text[IPADDR_TEXT_SIZE];

		assert_string_equal(ipaddr_text(&at, text), cases[i].first);
		at = range_next(&range, &last);
		assert_string_equal(ipaddr_text(&at, text), cases[i].first);
		assert_int_equal(range_size(&range), cases[i].size);
	}
}

static void a_walk_meets_every_candidate_once(void **state)
{
	static const char *const gateways[] = { "10.5.1.1", "10.5.1.2", "10.5.1.5", "10.5.1.6",
						"" };

	(void)state;
	for (size_t i = 0; i < LEN(gateways); i++) {
		struct range range = range_from("10.5.1.0/29", gateways[i]);
		struct ipaddr at = { .family = AF_UNSPEC };
		bool seen[8] = { false };

		for (uint64_t n = 0; n < range_size(&range); n++) {
			at = range_next(&range, &at);
			assert_false(seen[at.be[15]]);
			seen[at.be[15]] = true;
		}
		at = range_next(&range, &at);
		assert_true(seen[at.be[15]]);
		assert_false(seen[0]);
		assert_false(seen[7]);
		if (*gateways[i])
			assert_false(seen[addr_of(gateways[i]).be[15]]);
	}
}

static void a_place_outside_leads_to_the_first(void **state)
{
	static const char *const outside[] = { "",        "10.5.1.0", "10.5.1.255", "10.5.2.7",
					       "9.0.0.0", "::1",      "fd00:5::7" };
	struct range range = range_from("10.5.1.0/24", "10.5.1.1");

	(void)state;
	for (size_t i = 0; i < LEN(outside); i++) {
		struct ipaddr addr = addr_of(outside[i]);
		struct ipaddr next = range_next(&range, &addr);
		char text[IPADDR_TEXT_SIZE];

		assert_string_equal(ipaddr_text(&next, text), "10.5.1.2");
	}
}

static void subnets_without_room_are_refused(void **state)
{
	static const char *const cases[] = { "10.5.1.0/31", "10.5.1.0/32", "fd00::/127",
					     "fd00::/128" };

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct range range = { .last = { .family = 7 } };
		struct err err = ERR_INIT;

		assert_int_equal(make(cases[i], "", &range, &err), -1);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_non_null(strstr(err.text, cases[i]));
		assert_int_equal(range.last.family, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_end_where_containers_may),
		cmocka_unit_test(a_walk_meets_every_candidate_once),
		cmocka_unit_test(a_place_outside_leads_to_the_first),
		cmocka_unit_test(subnets_without_room_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
