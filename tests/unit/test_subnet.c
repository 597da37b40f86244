/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/subnet.h"

#include "common/array.h"
#include "tests/unit/samples.h"

static int make(const char *network, unsigned len, const char *min, const char *max,
		struct subnet_pool *plan_out, struct err *err)
{
	struct prefix prefix = sample_prefix(network);
	struct ipaddr low = sample_addr(min), high = sample_addr(max);

	return subnet_pool_make(&prefix, (uint8_t)len, &low, &high, plan_out, err);
}

static struct subnet_pool plan_of(const char *network, unsigned len, const char *min,
				  const char *max)
{
	struct subnet_pool plan = { .len = 0 };
	struct err err = ERR_INIT;

	assert_good(make(network, len, min, max, &plan, &err), err);
	return plan;
}

static void assert_addr(const struct ipaddr *addr, const char *text)
{
	char buf[IPADDR_TEXT_SIZE];

	assert_string_equal(ipaddr_text(addr, buf), text);
}

static void assert_prefix(const struct prefix *prefix, const char *text)
{
	char buf[PREFIX_TEXT_SIZE];

	assert_string_equal(prefix_text(prefix, buf), text);
}

static void pools_have_the_defaults_of_flannel(void **state)
{
	static const struct {
		const char *network;
		unsigned len;
		const char *min, *max;
		unsigned want_len;
		const char *want_min, *want_max;
		uint64_t count;
	} cases[] = {
		{ "10.5.0.0/16", 0, "", "", 24, "10.5.1.0", "10.5.255.0", 255 },
		{ "10.5.77.3/16", 0, "", "", 24, "10.5.1.0", "10.5.255.0", 255 },
		{ "10.0.0.0/8", 0, "", "", 24, "10.0.1.0", "10.255.255.0", 65535 },
		{ "10.0.0.0/8", 30, "", "", 30, "10.0.0.4", "10.255.255.252", 4194303 },
		{ "10.0.0.0/8", 10, "", "", 10, "10.64.0.0", "10.192.0.0", 3 },
		{ "0.0.0.0/0", 2, "", "", 2, "64.0.0.0", "192.0.0.0", 3 },
		{ "0.0.0.0/0", 24, "0.0.0.0", "", 24, "0.0.0.0", "255.255.255.0", 1 << 24 },
		{ "10.5.0.0/22", 0, "", "", 24, "10.5.1.0", "10.5.3.0", 3 },
		{ "10.5.0.0/23", 0, "", "", 25, "10.5.0.128", "10.5.1.128", 3 },
		{ "10.5.0.0/28", 0, "", "", 30, "10.5.0.4", "10.5.0.12", 3 },
		{ "255.255.255.240/28", 0, "", "", 30, "255.255.255.244", "255.255.255.252", 3 },
		{ "10.5.0.0/16", 24, "10.5.0.0", "", 24, "10.5.0.0", "10.5.255.0", 256 },
		{ "10.5.0.0/16", 24, "10.5.7.0", "10.5.7.0", 24, "10.5.7.0", "10.5.7.0", 1 },
		{ "10.5.0.0/16", 26, "10.5.7.64", "10.5.8.0", 26, "10.5.7.64", "10.5.8.0", 4 },
		{ "fd00:5::/48", 0, "", "", 64, "fd00:5:0:1::", "fd00:5:0:ffff::", 65535 },
		{ "fd00:5::/62", 0, "", "", 64, "fd00:5:0:1::", "fd00:5:0:3::", 3 },
		{ "fd00:5::/63", 0, "", "", 65, "fd00:5:0:0:8000::", "fd00:5:0:1:8000::", 3 },
		{ "fd00:5::/124", 0, "", "", 126, "fd00:5::4", "fd00:5::c", 3 },
		/* Subnet numbers that cross the middle of the address. */
		{ "fd00:5::/48", 80, "", "", 80,
		  "fd00:5:0:0:1::", "fd00:5:0:ffff:ffff::", UINT32_MAX },
		{ "fd00::/8", 61, "", "", 61,
		  "fd00:0:0:8::", "fdff:ffff:ffff:fff8::", ((uint64_t)1 << 53) - 1 },
		{ "::/0", 64, "::", "", 64, "::", "ffff:ffff:ffff:ffff::", UINT64_MAX },
		{ "::/0", 126, "", "", 126, "::4", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc",
		  UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct subnet_pool plan = plan_of(cases[i].network, cases[i].len, cases[i].min,
						  cases[i].max);

		assert_int_equal(plan.len, cases[i].want_len);
		assert_addr(&plan.min, cases[i].want_min);
		assert_addr(&plan.max, cases[i].want_max);
		assert_true(subnet_count(&plan) == cases[i].count);
	}
}

static void the_error_of_an_invalid_pool_names_the_rule(void **state)
{
	static const struct {
		const char *network;
		unsigned len;
		const char *min, *max, *says;
	} cases[] = {
		{ "10.5.0.0/29", 0, "", "", "Network: 10.5.0.0/29 is too small: /28 or larger" },
		{ "10.5.0.0/32", 0, "", "", "/28 or larger" },
		{ "10.5.0.0/16", 17, "", "", "SubnetLen: 17 is not from 18 to 30" },
		{ "10.5.0.0/16", 31, "", "", "SubnetLen: 31 is not from 18 to 30" },
		{ "10.5.0.0/16", 255, "", "", "SubnetLen: 255 is not from 18 to 30" },
		{ "10.5.0.0/16", 1, "", "", "SubnetLen: 1 is not from 18 to 30" },
		{ "10.5.0.0/16", 24, "10.6.0.0", "", "SubnetMin: 10.6.0.0 is not in the network" },
		{ "10.5.0.0/16", 24, "", "10.4.9.0", "SubnetMax: 10.4.9.0 is not in the network" },
		{ "10.5.0.0/16", 24, "10.5.1.1", "", "SubnetMin: 10.5.1.1 is not the first" },
		{ "10.5.0.0/16", 24, "", "10.5.9.128", "SubnetMax: 10.5.9.128 is not the first" },
		{ "10.5.0.0/16", 24, "10.5.9.0", "10.5.8.0", "SubnetMax: 10.5.8.0 is below" },
		{ "10.5.0.0/16", 24, "", "10.5.0.0", "SubnetMax: 10.5.0.0 is below" },
		{ "10.5.0.0/16", 24, "fd00::", "", "SubnetMin: fd00:: is not in the network" },
		{ "fd00:5::/125", 0, "", "", "/124 or larger" },
		{ "fd00:5::/48", 127, "", "", "IPv6SubnetLen: 127 is not from 50 to 126" },
		{ "fd00:5::/48", 49, "", "", "IPv6SubnetLen: 49 is not from 50 to 126" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct subnet_pool plan = { .len = 77 };
		struct err err = ERR_INIT;

		assert_int_equal(make(cases[i].network, cases[i].len, cases[i].min, cases[i].max,
				      &plan, &err),
				 -1);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_says(err.text, cases[i].says);
		assert_int_equal(plan.len, 77);
	}
}

static void only_leasable_subnets_are_valid(void **state)
{
	static const struct {
		const char *subnet;
		bool valid;
	} cases[] = {
		{ "10.5.2.0/24", true },  { "10.5.9.0/24", true },
		{ "10.5.1.0/24", false }, { "10.5.10.0/24", false },
		{ "10.5.3.1/24", false }, { "10.5.3.0/25", false },
		{ "10.5.2.0/23", false }, { "10.6.3.0/24", false },
		{ "fd00:5::/24", false }, { "", false },
	};
	struct subnet_pool plan = plan_of("10.5.0.0/16", 24, "10.5.2.0", "10.5.9.0");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct prefix subnet = sample_prefix(cases[i].subnet);

		if (subnet_valid(&plan, &subnet) != cases[i].valid)
			fail_msg("%s", cases[i].subnet);
	}
}

static void indices_count_from_the_network(void **state)
{
	static const struct {
		const char *network;
		unsigned len;
		const char *subnet;
		uint32_t index;
	} cases[] = {
		{ "10.5.0.0/16", 24, "10.5.0.0/24", 0 },
		{ "10.5.0.0/16", 24, "10.5.1.0/24", 1 },
		{ "10.5.0.0/16", 24, "10.5.255.0/24", 255 },
		{ "10.5.0.0/16", 26, "10.5.1.64/26", 5 },
		{ "10.0.0.0/8", 30, "10.255.255.252/30", (1 << 22) - 1 },
		{ "10.5.0.0/28", 30, "10.5.0.12/30", 3 },
		/*
		 * A prefix of another length: the index of the subnet that contains its first
		 * address.
		 */
		{ "10.5.0.0/16", 24, "10.5.7.128/26", 7 },
		{ "10.5.0.0/16", 24, "10.5.64.0/18", 64 },
		{ "fd00:5::/48", 64, "fd00:5:0:ff::/64", 255 },
		{ "fd00:5::/48", 61, "fd00:5:0:18::/61", 3 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct subnet_pool plan = plan_of(cases[i].network, cases[i].len, "", "");
		struct prefix subnet = sample_prefix(cases[i].subnet);

		assert_int_equal(subnet_index(&plan, &subnet), cases[i].index);
	}
}

static int cmp(const void *a, const void *b)
{
	return prefix_cmp(a, b);
}

/* taken: prefixes separated by blanks, in any order. */
static int pick(const struct subnet_pool *plan, uint64_t seed, const char *taken,
		struct prefix *subnet_out)
{
	struct prefix at[16];
	char text[256], *rest = text, *word;
	size_t len = 0;

	snprintf(text, sizeof(text), "%s", taken);
	while ((word = strsep(&rest, " ")))
		if (*word)
			at[len++] = sample_prefix(word);
	qsort(at, len, sizeof(*at), cmp);
	return subnet_pick(plan, seed, at, len, subnet_out);
}

static void the_first_free_subnet_is_picked(void **state)
{
	static const struct {
		const char *network;
		unsigned len;
		uint64_t seed;
		const char *taken, *want; /* NULL: none */
	} cases[] = {
		{ "10.5.0.0/16", 24, 0, "", "10.5.1.0/24" },
		{ "10.5.0.0/16", 24, 255, "", "10.5.1.0/24" },
		{ "10.5.0.0/16", 24, 254, "", "10.5.255.0/24" },
		{ "10.5.0.0/16", 24, UINT64_MAX, "", "10.5.1.0/24" },
		{ "10.5.0.0/16", 24, 0, "10.5.1.0/24 10.5.2.0/24 10.5.4.0/24", "10.5.3.0/24" },
		{ "10.5.0.0/16", 24, 254, "10.5.255.0/24", "10.5.1.0/24" },
		{ "10.5.0.0/16", 24, 2, "10.5.2.0/24", "10.5.3.0/24" },
		/* A larger prefix, one within the subnet, and one within another subnet. */
		{ "10.5.0.0/16", 24, 0, "10.5.0.0/20", "10.5.16.0/24" },
		{ "10.5.0.0/16", 24, 9, "10.5.0.0/20 10.5.2.0/24", "10.5.16.0/24" },
		{ "10.5.0.0/16", 24, 0, "10.5.1.64/26 10.5.1.128/30 10.5.2.255/32", "10.5.3.0/24" },
		{ "10.5.0.0/16", 24, 0, "10.5.0.0/20 10.5.1.0/24 10.5.16.0/24", "10.5.17.0/24" },
		{ "10.5.0.0/16", 24, 200, "10.5.128.0/17 10.5.0.0/24", "10.5.1.0/24" },
		{ "10.5.0.0/16", 24, 0, "10.5.1.0/32 10.5.2.0/32", "10.5.3.0/24" },
		/* Prefixes outside the network are ignored. */
		{ "10.5.0.0/16", 24, 0, "10.4.0.0/16 10.6.1.0/24 fd00::/8", "10.5.1.0/24" },
		{ "10.5.0.0/28", 30, 1, "10.5.0.8/30 10.5.0.12/30", "10.5.0.4/30" },
		{ "10.5.0.0/28", 30, 1, "10.5.0.8/30 10.5.0.12/30 10.5.0.4/30", NULL },
		{ "10.5.0.0/16", 24, 7, "10.5.0.0/16", NULL },
		{ "10.5.0.0/16", 24, 7, "0.0.0.0/0", NULL },
		{ "10.0.0.0/8", 30, 4194300, "10.128.0.0/9", "10.0.0.4/30" },
		{ "10.0.0.0/8", 30, 7, "10.0.0.0/9 10.128.0.0/10 10.192.0.0/11", "10.224.0.0/30" },
		{ "fd00::/8", 64, 0, "fd00::/9", "fd80::/64" },
		{ "::/0", 126, 5, "::/0", NULL },
		{ "fd00:5::/48", 80, ((uint64_t)1 << 32) - 2, "", "fd00:5:0:ffff:ffff::/80" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct subnet_pool plan = plan_of(cases[i].network, cases[i].len, "", "");
		struct prefix subnet = { .len = 0 };
		int found = pick(&plan, cases[i].seed, cases[i].taken, &subnet);

		if (found != (cases[i].want != NULL))
			fail_msg("%s without %s: %d", cases[i].network, cases[i].taken, found);
		assert_prefix(&subnet, cases[i].want ? cases[i].want : "");
	}
}

/* Every seed picks other subnets until none is left, each of them once. */
static void picking_reaches_every_subnet(void **state)
{
	struct subnet_pool plan = plan_of("10.5.0.0/16", 24, "", "");
	struct prefix taken[255], subnet;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
		assert_int_equal(subnet_pick(&plan, i * 7919, taken, i, &subnet), 1);
		assert_true(subnet_valid(&plan, &subnet));
		for (size_t j = 0; j < i; j++)
			assert_false(prefix_overlaps(&taken[j], &subnet));
		taken[i] = subnet;
		qsort(taken, i + 1, sizeof(*taken), cmp);
	}
	assert_int_equal(subnet_pick(&plan, 0, taken, ARRAY_LEN(taken), &subnet), 0);
}

static void the_gateway_is_the_first_host(void **state)
{
	static const char *const cases[][2] = {
		{ "10.5.1.0/24", "10.5.1.1" },
		{ "10.5.1.77/24", "10.5.1.1" },
		{ "10.5.0.252/30", "10.5.0.253" },
		{ "fd00:5:1::/64", "fd00:5:1::1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct prefix subnet = sample_prefix(cases[i][0]);
		struct ipaddr gateway = subnet_gateway(&subnet);

		assert_addr(&gateway, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pools_have_the_defaults_of_flannel),
		cmocka_unit_test(the_error_of_an_invalid_pool_names_the_rule),
		cmocka_unit_test(only_leasable_subnets_are_valid),
		cmocka_unit_test(indices_count_from_the_network),
		cmocka_unit_test(the_first_free_subnet_is_picked),
		cmocka_unit_test(picking_reaches_every_subnet),
		cmocka_unit_test(the_gateway_is_the_first_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
