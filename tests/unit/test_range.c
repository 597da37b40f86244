/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/range.h"

#include "common/array.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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

/* The candidate after addr in the range, "" if there is none. */
static const char *next_of(const struct range *range, const struct ipaddr *addr,
			   char text[static IPADDR_TEXT_SIZE])
{
	struct range_set set = { .at = { *range }, .len = 1 };
	struct ipaddr next;

	return range_set_next(&set, addr, &next) ? ipaddr_text(&next, text) : "";
}

static void ranges_exclude_network_broadcast_and_gateway(void **state)
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
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct range range = range_from(cases[i].subnet, cases[i].gateway);
		struct ipaddr none = { .family = AF_UNSPEC };
		struct ipaddr last = addr_of(cases[i].last);
		char text[IPADDR_TEXT_SIZE];

		assert_string_equal(next_of(&range, &none, text), cases[i].first);
		assert_string_equal(next_of(&range, &last, text), "");
		assert_true(range_has(&range, &last));
		assert_int_equal(range_size(&range), cases[i].size);
	}
}

static void a_subnet_has_a_capacity_with_and_without_gateway(void **state)
{
	static const struct {
		const char *subnet, *gateway;
		uint64_t capacity;
	} cases[] = {
		{ "10.5.1.0/24", "10.5.1.1", 253 }, { "10.5.1.0/24", "", 254 },
		{ "10.5.1.0/24", "10.5.0.1", 254 }, { "10.5.1.0/30", "10.5.1.1", 1 },
		{ "10.5.1.0/31", "10.5.1.1", 0 },   { "fd00:5::/64", "fd00:5::1", UINT64_MAX - 1 },
		{ "fd00:5::/126", "fd00:5::1", 2 }, { "fd00:5::/127", "fd00:5::1", 0 },
		{ "fd00:5::/48", "", UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct ipaddr gateway = addr_of(cases[i].gateway);
		struct err err = ERR_INIT;
		struct prefix subnet;

		assert_int_equal(prefix_parse(cases[i].subnet, &subnet, &err), 0);
		assert_int_equal(range_capacity(&subnet, &gateway), cases[i].capacity);
	}
}

static void a_walk_visits_every_candidate_once(void **state)
{
	static const char *const gateways[] = { "10.5.1.1", "10.5.1.2", "10.5.1.5", "10.5.1.6",
						"" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(gateways); i++) {
		struct range range = range_from("10.5.1.0/29", gateways[i]);
		struct ipaddr at = { .family = AF_UNSPEC };
		struct range_set set = { .at = { range }, .len = 1 };
		bool seen[8] = { false };

		for (uint64_t n = 0; n < range_size(&range); n++) {
			assert_true(range_set_next(&set, &at, &at));
			assert_true(range_has(&range, &at));
			assert_false(seen[at.be[15]]);
			seen[at.be[15]] = true;
		}
		assert_false(range_set_next(&set, &at, &at));
		assert_false(seen[0]);
		assert_false(seen[7]);
		if (*gateways[i])
			assert_false(seen[addr_of(gateways[i]).be[15]]);
	}
}

static void an_address_outside_the_range_is_detected(void **state)
{
	static const char *const outside[] = { "",         "10.5.1.0", "10.5.1.1", "10.5.1.255",
					       "10.5.2.7", "9.0.0.0",  "::1",      "fd00:5::7" };
	struct range range = range_from("10.5.1.0/24", "10.5.1.1");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
		struct ipaddr addr = addr_of(outside[i]);

		assert_false(range_has(&range, &addr));
	}
}

static void a_range_can_be_narrowed(void **state)
{
	static const struct {
		const char *first, *last; /* "": unchanged */
		const char *text;         /* NULL: rejected */
		uint64_t size;
	} cases[] = {
		{ "", "", "10.5.1.0/24", 253 },
		{ "10.5.1.9", "", "10.5.1.9-10.5.1.254", 246 },
		{ "", "10.5.1.9", "10.5.1.1-10.5.1.9", 8 },
		{ "10.5.1.9", "10.5.1.9", "10.5.1.9-10.5.1.9", 1 },
		{ "10.5.1.10", "10.5.1.9", NULL, 0 },
		{ "10.5.1.1", "10.5.1.1", NULL, 0 }, /* only the gateway */
		{ "10.5.1.0", "", NULL, 0 },
		{ "", "10.5.1.255", NULL, 0 },
		{ "10.5.2.1", "10.5.2.9", NULL, 0 },
		{ "fd00::1", "", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct range range = range_from("10.5.1.0/24", "10.5.1.1");
		struct ipaddr first = addr_of(cases[i].first), last = addr_of(cases[i].last);
		struct range_set set = { .len = 0 };
		char text[RANGE_TEXT_SIZE];
		struct err err = ERR_INIT;

		assert_int_equal(range_narrow(&range, &first, &last, &err), cases[i].text ? 0 : -1);
		if (!cases[i].text) {
			assert_int_equal(err.code, ERR_CONFIG);
			assert_int_equal(range_size(&range), 253);
			continue;
		}
		assert_int_equal(range_set_add(&set, &range, &err), 0);
		assert_string_equal(range_set_text(&set, text), cases[i].text);
		assert_int_equal(range_set_size(&set), cases[i].size);
	}
}

static struct range part(const char *first, const char *last)
{
	struct range range = range_from("10.5.1.0/24", "10.5.1.1");
	struct ipaddr from = addr_of(first), to = addr_of(last);
	struct err err = ERR_INIT;

	if (range_narrow(&range, &from, &to, &err) < 0)
		fail_msg("%s", err.text);
	return range;
}

static void a_set_is_walked_from_low_to_high(void **state)
{
	static const char *const order[] = { "10.5.1.2", "10.5.1.20", "10.5.1.21", "10.5.1.30",
					     "" };
	const struct range parts[] = { part("10.5.1.20", "10.5.1.21"),
				       part("10.5.1.30", "10.5.1.30"),
				       part("10.5.1.1", "10.5.1.2") };
	struct ipaddr at = { .family = AF_UNSPEC };
	struct range_set set = { .len = 0 };
	char text[RANGE_TEXT_SIZE];
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		assert_int_equal(range_set_add(&set, &parts[i], &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		assert_int_equal(range_set_next(&set, &at, &at), *order[i] != '\0');
		if (*order[i])
			assert_string_equal(ipaddr_text(&at, text), order[i]);
	}
	assert_int_equal(range_set_size(&set), 4);
	assert_string_equal(range_set_text(&set, text),
			    "10.5.1.1-10.5.1.2, 10.5.1.20-10.5.1.21, 10.5.1.30-10.5.1.30");
	at = addr_of("10.5.1.25");
	assert_false(range_set_has(&set, &at));
	assert_true(range_set_next(&set, &at, &at));
	assert_true(range_set_has(&set, &at));
}

static void overlapping_or_too_many_ranges_are_rejected(void **state)
{
	static const char *const cases[][2] = { { "10.5.1.20", "10.5.1.20" },
						{ "10.5.1.18", "10.5.1.20" },
						{ "10.5.1.22", "10.5.1.30" },
						{ "10.5.1.2", "10.5.1.200" } };
	const struct range there = part("10.5.1.20", "10.5.1.22");
	struct range_set set = { .len = 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(range_set_add(&set, &there, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct range range = part(cases[i][0], cases[i][1]);

		assert_int_equal(range_set_add(&set, &range, &err), -1);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_int_equal(set.len, 1);
	}
	for (int i = 1; i <= RANGES_MAX; i++) {
		char text[IPADDR_TEXT_SIZE];
		struct range range;

		snprintf(text, sizeof(text), "10.5.1.%d", 100 + i);
		range = part(text, text);
		assert_int_equal(range_set_add(&set, &range, &err), i < RANGES_MAX ? 0 : -1);
	}
}

static void subnets_without_free_addresses_are_rejected(void **state)
{
	static const char *const cases[] = { "10.5.1.0/31", "10.5.1.0/32", "fd00::/127",
					     "fd00::/128" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
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
		cmocka_unit_test(ranges_exclude_network_broadcast_and_gateway),
		cmocka_unit_test(a_subnet_has_a_capacity_with_and_without_gateway),
		cmocka_unit_test(a_walk_visits_every_candidate_once),
		cmocka_unit_test(an_address_outside_the_range_is_detected),
		cmocka_unit_test(a_range_can_be_narrowed),
		cmocka_unit_test(a_set_is_walked_from_low_to_high),
		cmocka_unit_test(overlapping_or_too_many_ranges_are_rejected),
		cmocka_unit_test(subnets_without_free_addresses_are_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
