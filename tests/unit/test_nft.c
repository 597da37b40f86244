/* SPDX-License-Identifier: Apache-2.0 */
#include "common/nft.h"

#include "tests/unit/kernel.h"

static int setup(void **state)
{
	struct err err = ERR_INIT;
	struct nl *nl;

	nl_free(kernel_fresh());
	assert_done(nl_open_netfilter(&nl, &err), err);
	*state = nl;
	return 0;
}

static uint32_t generation(struct nl *nl)
{
	struct err err = ERR_INIT;
	uint32_t number;

	assert_done(nft_generation(nl, &number, &err), err);
	return number;
}

static void the_generation_is_another_after_every_change(void **state)
{
	static const char *const changes[] = {
		"nft 'add table ip t; add chain ip t c; add set ip t s { type ipv4_addr; }'",
		"nft 'add element ip t s { 10.0.0.1 }'",
		"nft 'add rule ip t c counter accept'",
		"nft 'flush chain ip t c'",
		"nft 'delete element ip t s { 10.0.0.1 }'",
		"nft 'delete table ip t'",
	};
	struct nl *nl = *state;
	uint32_t before = generation(nl);

	assert_int_equal(generation(nl), before);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		assert_int_equal(system(changes[i]), 0);
		assert_int_not_equal(generation(nl), before);
		before = generation(nl);
		assert_int_equal(system("nft list ruleset >/dev/null"), 0);
		assert_int_equal(generation(nl), before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_generation_is_another_after_every_change, setup,
						kernel_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
