/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lease/foreign.h"

#include "common/array.h"
#include "tests/unit/samples.h"

static const struct foreign_device cni0 = { "cni0", true }, eth0 = { "eth0", false };

static void add_address(struct foreign *foreign, const char *text,
			const struct foreign_device *device, bool is_foreign)
{
	const struct prefix addr = sample_prefix(text);

	assert_true(foreign_add_address(foreign, &addr, device, is_foreign));
}

static void add_route(struct foreign *foreign, const char *text,
		      const struct foreign_device *device)
{
	const struct prefix dst = sample_prefix(text);

	assert_true(foreign_add_route(foreign, &dst, device));
}

static void addresses_of_this_node_are_found_with_their_kind(void **state)
{
	static const struct {
		const char *addr;
		int kind; /* -1: not found */
	} cases[] = {
		{ "192.168.0.1", FOREIGN_LOCAL },
		{ "192.168.0.0", FOREIGN_NETWORK },
		{ "192.168.0.255", FOREIGN_BROADCAST },
		{ "192.168.0.2", -1 },
		{ "10.9.9.9", FOREIGN_LOCAL }, /* /32 */
		{ "10.8.0.0", FOREIGN_LOCAL }, /* /31 */
		{ "10.8.0.1", -1 },
		{ "fd00::1", FOREIGN_LOCAL },
		{ "fd00::", FOREIGN_NETWORK }, /* the routers' anycast address */
		{ "fd00::ffff:ffff:ffff:ffff", -1 },
		{ "127.0.0.1", -1 },
		{ "fe80::1", -1 },
	};
	struct foreign foreign = { .prefixes.len = 0 };

	(void)state;
	add_address(&foreign, "192.168.0.1/24", &eth0, true);
	add_address(&foreign, "10.9.9.9/32", &eth0, true);
	add_address(&foreign, "10.8.0.0/31", &eth0, false);
	add_address(&foreign, "fd00::1/64", &eth0, true);
	add_address(&foreign, "127.0.0.1/8", &eth0, true);
	add_address(&foreign, "fe80::1/64", &eth0, true);
	foreign_sort(&foreign);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct ipaddr addr = sample_addr(cases[i].addr);
		const struct foreign_address *found = foreign_find_address(&foreign, &addr);

		if ((found ? (int)found->kind : -1) != cases[i].kind)
			fail_msg("%s", cases[i].addr);
	}
	assert_int_equal(foreign.prefixes.len, 3);
	assert_null(foreign_find_address(NULL, &foreign.addresses.at[0].addr));
	foreign_free(&foreign);
}

static void macs_are_found(void **state)
{
	const struct mac group = sample_mac("01:00:5e:00:00:01"), zero = { { 0 } };
	const struct mac first = sample_mac("02:00:00:00:00:01");
	const struct mac other = sample_mac("02:00:00:00:00:02");
	struct foreign foreign = { .prefixes.len = 0 };

	(void)state;
	assert_true(foreign_add_mac(&foreign, &group, "eth0"));
	assert_true(foreign_add_mac(&foreign, &zero, "lo"));
	assert_true(foreign_add_mac(&foreign, &first, "eth0"));
	foreign_sort(&foreign);
	assert_int_equal(foreign.macs.len, 1);
	assert_string_equal(foreign_find_mac(&foreign, &first)->device, "eth0");
	assert_null(foreign_find_mac(&foreign, &other));
	assert_null(foreign_find_mac(NULL, &first));
	foreign_free(&foreign);
}

/* The subnet is 10.5.1.0/24 and fd00:5:1::/64. */
static void a_holder_equals_the_subnet_or_is_inside(void **state)
{
	static const struct {
		const char *address, *route;
		const char *command; /* NULL: no holder */
	} cases[] = {
		{ "10.5.1.1/24", "", "ip address del 10.5.1.1/24 dev eth0" },
		{ "10.5.1.200/32", "", "ip address del 10.5.1.200/32 dev eth0" },
		{ "10.5.1.9/16", "", "ip address del 10.5.1.9/16 dev eth0" },
		{ "", "10.5.1.64/26", "ip route del 10.5.1.64/26 dev eth0" },
		{ "fd00:5:1::1/64", "", "ip address del fd00:5:1::1/64 dev eth0" },
		{ "10.5.2.1/24", "", NULL },
		{ "10.5.2.1/16", "", NULL },
		{ "", "10.0.0.0/8", NULL },
		{ "", "0.0.0.0/0", NULL },
	};
	const struct prefix subnet[FAMILIES] = { sample_prefix("10.5.1.0/24"),
						 sample_prefix("fd00:5:1::/64") };
	char text[FOREIGN_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct foreign foreign = { .prefixes.len = 0 };
		const struct foreign_prefix *holder;

		if (*cases[i].address)
			add_address(&foreign, cases[i].address, &eth0, true);
		if (*cases[i].route)
			add_route(&foreign, cases[i].route, &eth0);
		foreign_sort(&foreign);
		holder = foreign_find_holder(&foreign, subnet);
		if (!holder != !cases[i].command)
			fail_msg("case %zu", i);
		if (holder)
			assert_string_equal(foreign_command(holder, text), cases[i].command);
		foreign_free(&foreign);
	}
}

static void the_text_names_device_prefix_and_command(void **state)
{
	const struct foreign_prefix holder = { sample_prefix("10.244.1.0/24"),
					       sample_addr("10.244.1.1"), cni0 };
	char text[FOREIGN_TEXT_SIZE];

	(void)state;
	foreign_holder_text(&holder, text);
	assert_says(text, "device cni0 has 10.244.1.0/24");
	assert_says(text, "run: ip link delete cni0");
}

static void address_and_route_of_one_device_are_one_prefix(void **state)
{
	struct foreign a = { .prefixes.len = 0 }, b = { .prefixes.len = 0 };

	(void)state;
	add_route(&a, "10.5.1.0/24", &cni0);
	add_address(&a, "10.5.1.1/24", &cni0, true);
	add_address(&a, "10.5.2.1/24", &eth0, true);
	add_address(&b, "10.5.2.1/24", &eth0, true);
	add_address(&b, "10.5.1.1/24", &cni0, true);
	foreign_sort(&a);
	foreign_sort(&b);
	assert_int_equal(a.prefixes.len, 2);
	assert_true(ipaddr_is_set(&a.prefixes.at[0].addr));
	assert_true(foreign_equal(&a, &b));
	b.prefixes.len = 1;
	assert_false(foreign_equal(&a, &b));
	foreign_free(&a);
	foreign_free(&b);
}

static void a_prefix_around_the_network_occupies_no_subnet(void **state)
{
	static const struct {
		const char *prefix;
		bool occupies;
	} cases[] = {
		{ "10.5.9.0/24", true },  { "10.5.0.0/17", true }, { "10.5.9.9/32", true },
		{ "10.5.0.0/16", false }, { "10.0.0.0/8", false }, { "10.6.0.0/16", false },
	};
	const struct prefix network = sample_prefix("10.5.0.0/16");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct foreign_prefix prefix = { .prefix = sample_prefix(cases[i].prefix) };

		if (foreign_occupies(&prefix, &network) != cases[i].occupies)
			fail_msg("%s", cases[i].prefix);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_this_node_are_found_with_their_kind),
		cmocka_unit_test(macs_are_found),
		cmocka_unit_test(a_holder_equals_the_subnet_or_is_inside),
		cmocka_unit_test(the_text_names_device_prefix_and_command),
		cmocka_unit_test(address_and_route_of_one_device_are_one_prefix),
		cmocka_unit_test(a_prefix_around_the_network_occupies_no_subnet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
