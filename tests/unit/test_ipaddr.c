/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ipaddr.h"

#include "common/array.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
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

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix = { .len = 0 };
	struct err err = ERR_INIT;

	if (*text && prefix_parse(text, &prefix, &err) < 0)
		fail_msg("%s", err.text);
	return prefix;
}

static void check_addr(const struct ipaddr *addr, const char *text)
{
	char buf[IPADDR_TEXT_SIZE];

	assert_string_equal(ipaddr_text(addr, buf), text);
}

static void addresses_to_text_and_back(void **state)
{
	static const struct {
		const char *text, *canonical;
	} cases[] = {
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "10.5.2.1", "10.5.2.1" },
		/* RFC 5952 section 4 */
		{ "2001:0db8::0001", "2001:db8::1" },
		{ "2001:db8:0:0:0:0:2:1", "2001:db8::2:1" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:DB8::AAAA", "2001:db8::aaaa" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "1::", "1::" },
		{ "::ffff:10.5.2.1", "::ffff:10.5.2.1" },
		{ "::ffff:0a05:0201", "::ffff:10.5.2.1" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ipaddr addr = addr_of(cases[i].text);

		assert_int_equal(addr.family, strchr(cases[i].text, ':') ? AF_INET6 : AF_INET);
		check_addr(&addr, cases[i].canonical);
	}
	check_addr(&(struct ipaddr){ .family = AF_UNSPEC }, "");
}

static void invalid_addresses(void **state)
{
	static const char *const bad[] = {
		"",
		"10.5.2",
		"10.5.2.1.1",
		"010.5.2.1",
		"10.5.2.01",
		"10.5.2.256",
		"10.5.2.1 ",
		" 10.5.2.1",
		"10.5.2.1\n",
		"10.5.2.",
		"10..2.1",
		"0x0a.5.2.1",
		"168100353",
		"10.5.2.1/24",
		"10.5.2.-1",
		"1::2::3",
		":::",
		":",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"fe80::1%eth0",
		"[::1]",
		"12345::",
		"g::",
		"::1/64",
		"::10.5.2",
		"localhost",
		"1:2:3:4:5:6:7::8",
		"::1 ",
		"\xff",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct ipaddr addr = { .family = 99 };
		struct err err = ERR_INIT;

		if (ipaddr_parse(bad[i], &addr, &err) != -1)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(err.code, ERR_DECODE);
		assert_int_equal(addr.family, 99);
	}
}

static void wire_forms(void **state)
{
	static const uint8_t four[] = { 10, 5, 2, 1 };
	static const uint8_t sixteen[16] = { 0xfd, [15] = 7 };
	struct ipaddr addr = { .family = AF_UNSPEC };
	struct err err = ERR_INIT;
	size_t size = 99;

	(void)state;
	assert_int_equal(ipaddr_from_wire(four, 4, &addr, &err), 0);
	check_addr(&addr, "10.5.2.1");
	assert_memory_equal(ipaddr_wire(&addr, &size), four, 4);
	assert_int_equal(size, 4);
	assert_int_equal(ipaddr_from_wire(sixteen, 16, &addr, &err), 0);
	check_addr(&addr, "fd00::7");
	assert_memory_equal(ipaddr_wire(&addr, &size), sixteen, 16);
	assert_int_equal(size, 16);
	for (size_t bad = 0; bad <= 15; bad++) {
		if (bad == 4)
			continue;
		assert_int_equal(ipaddr_from_wire(sixteen, bad, &addr, &err), -1);
		assert_int_equal(err.code, ERR_DECODE);
	}
	check_addr(&addr, "fd00::7");
}

static void families(void **state)
{
	const struct ipaddr v4 = addr_of("10.5.2.1"), v6 = addr_of("fd00::1"), none = addr_of("");

	(void)state;
	assert_int_equal(ipaddr_family(&v4), FAMILY_V4);
	assert_int_equal(ipaddr_family(&v6), FAMILY_V6);
	assert_int_equal(ipaddr_family(&none), FAMILY_V4);
}

static void address_order(void **state)
{
	static const char *const ascending[] = {
		"",          "0.0.0.0", "9.255.255.255", "10.0.0.0", "10.0.0.1",
		"200.0.0.1", "::",      "::1",           "fd00::",   "fd00::1"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ascending); i++) {
		for (size_t j = 0; j < ARRAY_LEN(ascending); j++) {
			struct ipaddr a = addr_of(ascending[i]), b = addr_of(ascending[j]);
			int order = ipaddr_cmp(&a, &b);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
			assert_int_equal(ipaddr_equal(&a, &b), i == j);
		}
	}
}

static void address_arithmetic(void **state)
{
	static const struct {
		const char *low;
		uint64_t n;
		const char *high;
	} cases[] = {
		{ "10.5.2.1", 0, "10.5.2.1" },
		{ "10.5.2.255", 1, "10.5.3.0" },
		{ "0.0.0.0", 0xffffffff, "255.255.255.255" },
		{ "fd00::ffff", 1, "fd00::1:0" },
		{ "fd00::ffff:ffff:ffff:ffff", 1, "fd00:0:0:1::" },
		{ "::", UINT64_MAX, "::ffff:ffff:ffff:ffff" },
		{ "::1:0:0:0:5", UINT64_MAX - 5, "::1:ffff:ffff:ffff:ffff" },
	};
	struct ipaddr low, high;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		low = addr_of(cases[i].low);
		high = ipaddr_add(&low, cases[i].n);
		check_addr(&high, cases[i].high);
		assert_true(ipaddr_distance(&low, &high) == cases[i].n);
	}
	low = addr_of("255.255.255.255");
	high = ipaddr_add(&low, 2);
	check_addr(&high, "0.0.0.1");
	high = ipaddr_add(&low, UINT64_C(0x500000001));
	check_addr(&high, "0.0.0.0");
	low = addr_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	high = ipaddr_add(&low, 1);
	check_addr(&high, "::");
	high = addr_of("::");
	assert_true(ipaddr_distance(&high, &low) == UINT64_MAX);
	low = addr_of("0:0:0:1::");
	assert_true(ipaddr_distance(&high, &low) == UINT64_MAX);
}

static void special_addresses(void **state)
{
	static const char *const special[] = {
		"",
		"0.0.0.0",
		"127.0.0.1",
		"127.255.255.255",
		"169.254.0.0",
		"169.254.255.255",
		"224.0.0.1",
		"239.255.255.255",
		"255.255.255.255",
		"::",
		"::1",
		"fe80::1",
		"febf::1",
		"ff00::",
		"ff02::1",
		"::ffff:10.5.2.1",
	};
	static const char *const usual[] = {
		"10.5.2.1",        "0.0.0.1",     "126.255.255.255", "128.0.0.0",
		"169.253.255.255", "169.255.0.0", "223.255.255.255", "240.0.0.1",
		"255.255.255.254", "::2",         "fd00::1",         "2001:db8::1",
		"fec0::1",         "fe7f::1",     "::fffe:10.5.2.1", "1::1",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(special); i++) {
		struct ipaddr addr = addr_of(special[i]);

		if (!ipaddr_is_special(&addr))
			fail_msg("%s is special", special[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		struct ipaddr addr = addr_of(usual[i]);

		if (ipaddr_is_special(&addr))
			fail_msg("%s is not special", usual[i]);
	}
}

static void prefixes(void **state)
{
	static const struct {
		const char *text, *masked, *last;
	} cases[] = {
		{ "10.5.2.77/24", "10.5.2.0/24", "10.5.2.255" },
		{ "10.5.2.77/0", "0.0.0.0/0", "255.255.255.255" },
		{ "10.5.2.77/32", "10.5.2.77/32", "10.5.2.77" },
		{ "10.5.2.77/31", "10.5.2.76/31", "10.5.2.77" },
		{ "255.255.255.255/1", "128.0.0.0/1", "255.255.255.255" },
		{ "10.5.255.255/17", "10.5.128.0/17", "10.5.255.255" },
		{ "fd00:5:2::99/64", "fd00:5:2::/64", "fd00:5:2:0:ffff:ffff:ffff:ffff" },
		{ "fd00::/0", "::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "fd00::1/128", "fd00::1/128", "fd00::1" },
		{ "fdff::/9", "fd80::/9", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct prefix prefix = prefix_of(cases[i].text);
		struct prefix masked = prefix_masked(&prefix);
		struct ipaddr first = prefix_first(&prefix), last = prefix_last(&prefix);
		char buf[PREFIX_TEXT_SIZE];

		assert_string_equal(prefix_text(&prefix, buf), cases[i].text);
		assert_string_equal(prefix_text(&masked, buf), cases[i].masked);
		assert_true(ipaddr_equal(&first, &masked.addr));
		check_addr(&last, cases[i].last);
		assert_true(prefix_has(&prefix, &first) && prefix_has(&prefix, &last));
	}
}

static void invalid_prefixes(void **state)
{
	static const char *const bad[] = {
		"",
		"10.5.2.0",
		"10.5.2.0/",
		"10.5.2.0/33",
		"10.5.2.0/024",
		"10.5.2.0/-1",
		"10.5.2.0/ 24",
		"10.5.2.0/24 ",
		"10.5.2.0/24/8",
		"/24",
		"fd00::/129",
		"10.5.2/24",
		"10.5.2.0/255.255.255.0",
		"fd00::",
		"fd00::/",
		"010.5.2.0/24",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/8",
		"1111:1111:1111:1111:1111:1111:111.111.111.1111/8",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct prefix prefix = { .len = 99 };
		struct err err = ERR_INIT;

		if (prefix_parse(bad[i], &prefix, &err) != -1)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(err.code, ERR_DECODE);
		assert_int_equal(prefix.len, 99);
	}
}

static void prefix_relations(void **state)
{
	static const struct {
		const char *a, *b;
		bool covers, covered;
	} cases[] = {
		{ "10.5.0.0/16", "10.5.2.0/24", true, false },
		{ "10.5.0.0/16", "10.5.0.0/16", true, true },
		{ "10.5.0.9/16", "10.5.7.0/16", true, true },
		{ "10.5.0.0/16", "10.6.0.0/16", false, false },
		{ "10.5.2.0/24", "10.5.3.0/24", false, false },
		{ "10.5.2.0/25", "10.5.2.128/25", false, false },
		{ "0.0.0.0/0", "10.5.2.1/32", true, false },
		{ "0.0.0.0/0", "::/0", false, false },
		{ "::/0", "::ffff:10.5.2.0/120", true, false },
		{ "::/96", "10.5.2.0/24", false, false },
		{ "fd00::/48", "fd00:0:0:5::/64", true, false },
		{ "fd00::/48", "fd00:0:1::/64", false, false },
		{ "", "10.5.2.0/24", false, false },
		{ "", "", false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct prefix a = prefix_of(cases[i].a), b = prefix_of(cases[i].b);
		bool overlaps = cases[i].covers || cases[i].covered;

		assert_int_equal(prefix_covers(&a, &b), cases[i].covers);
		assert_int_equal(prefix_covers(&b, &a), cases[i].covered);
		assert_int_equal(prefix_overlaps(&a, &b), overlaps);
		assert_int_equal(prefix_overlaps(&b, &a), overlaps);
	}
}

static void prefix_members(void **state)
{
	struct prefix prefix = prefix_of("10.5.2.0/23"), none = prefix_of("");
	struct ipaddr in = addr_of("10.5.3.255"), out = addr_of("10.5.4.0"), six = addr_of("::1");
	struct ipaddr unset = addr_of("");

	(void)state;
	assert_true(prefix_has(&prefix, &in));
	assert_false(prefix_has(&prefix, &out));
	assert_false(prefix_has(&prefix, &six));
	assert_false(prefix_has(&none, &in));
	assert_false(prefix_has(&none, &unset));
	assert_true(prefix_is_set(&prefix));
	assert_false(prefix_is_set(&none));
}

static void prefix_order(void **state)
{
	static const char *const ascending[] = {
		"",          "10.5.0.0/16", "10.5.0.0/24", "10.5.0.1/16", "10.5.1.0/24",
		"fd00::/48", "fd00::/64"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ascending); i++) {
		for (size_t j = 0; j < ARRAY_LEN(ascending); j++) {
			struct prefix a = prefix_of(ascending[i]), b = prefix_of(ascending[j]);
			int order = prefix_cmp(&a, &b);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
			assert_int_equal(prefix_equal(&a, &b), i == j);
		}
	}
}

static void macs_to_text_and_back(void **state)
{
	static const char *const bad[] = {
		"",
		"0a:58:0a:05:02",
		"0a:58:0a:05:02:01:00",
		"0a-58-0a-05-02-01",
		"0a:58:0a:05:02:1",
		"a:58:0a:05:02:01",
		"0a:58:0a:05:02:0g",
		"0a580a050201",
		" 0a:58:0a:05:02:01",
		"0a:58:0a:05:02:01\n",
		"0a:58:0a:05:02:01:",
		"0a:58:0a:05:02:",
		"+a:58:0a:05:02:01",
		"0a:58::05:02:01:",
	};
	char buf[MAC_TEXT_SIZE];
	struct mac mac;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = ERR_INIT;

		mac.octet[0] = 99;
		if (mac_parse(bad[i], &mac, &err) != -1)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(err.code, ERR_DECODE);
		assert_int_equal(mac.octet[0], 99);
	}
	assert_int_equal(mac_parse("0A:58:9f:AF:02:fe", &mac, &(struct err){ 0 }), 0);
	assert_string_equal(mac_text(&mac, buf), "0a:58:9f:af:02:fe");
	assert_int_equal(mac_parse("00:10:a0:F0:0f:90", &mac, &(struct err){ 0 }), 0);
	assert_string_equal(mac_text(&mac, buf), "00:10:a0:f0:0f:90");
}

static void mac_kinds(void **state)
{
	const struct mac zero = { { 0 } }, group = { { 1 } },
			 all = { { 255, 255, 255, 255, 255, 255 } };
	const struct mac last = { { 0, 0, 0, 0, 0, 1 } };
	const struct mac local = mac_local(all.octet), made = mac_local(zero.octet);

	(void)state;
	assert_true(mac_is_zero(&zero));
	assert_false(mac_is_zero(&last));
	assert_false(mac_is_unicast(&zero));
	assert_false(mac_is_unicast(&group));
	assert_false(mac_is_unicast(&all));
	assert_true(mac_is_unicast(&last));
	assert_int_equal(local.octet[0], 0xfe);
	assert_int_equal(local.octet[5], 0xff);
	assert_int_equal(made.octet[0], 2);
	assert_true(mac_cmp(&zero, &last) < 0 && mac_cmp(&last, &zero) > 0);
	assert_int_equal(mac_cmp(&last, &last), 0);
}

static void macs_of_addresses(void **state)
{
	struct ipaddr four = addr_of("10.5.2.1"), six = addr_of("fd00::1"), next;
	struct mac mac = mac_of_address(&four), again;
	char buf[MAC_TEXT_SIZE];

	(void)state;
	assert_string_equal(mac_text(&mac, buf), "0a:58:0a:05:02:01");
	mac = mac_of_address(&six);
	again = mac_of_address(&six);
	assert_int_equal(mac_cmp(&mac, &again), 0);
	assert_true(mac_is_unicast(&mac));
	assert_memory_equal(mac.octet, "\x0a\x58", 2);
	/* Constant across upgrades, because running containers use the MAC. */
	assert_string_equal(mac_text(&mac, buf), "0a:58:7b:76:00:15");
	for (uint64_t n = 1; n < 1000; n++) {
		struct mac other;

		next = ipaddr_add(&six, n);
		other = mac_of_address(&next);
		assert_int_not_equal(mac_cmp(&mac, &other), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_to_text_and_back),
		cmocka_unit_test(invalid_addresses),
		cmocka_unit_test(wire_forms),
		cmocka_unit_test(families),
		cmocka_unit_test(address_order),
		cmocka_unit_test(address_arithmetic),
		cmocka_unit_test(special_addresses),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(invalid_prefixes),
		cmocka_unit_test(prefix_relations),
		cmocka_unit_test(prefix_members),
		cmocka_unit_test(prefix_order),
		cmocka_unit_test(macs_to_text_and_back),
		cmocka_unit_test(mac_kinds),
		cmocka_unit_test(macs_of_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
