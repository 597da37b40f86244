/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/direct.h"

#include "common/array.h"
#include "common/netlink/route.h"
#include "tests/unit/samples.h"

#define UPLINK 2

static void only_the_uplink_without_a_gateway_is_direct(void **state)
{
	const struct {
		struct route way;
		bool direct;
	} cases[] = {
		{ { .index = UPLINK }, true },
		{ { .index = UPLINK, .source = sample_addr("192.168.0.1") }, true },
		{ { .index = UPLINK, .gateway = sample_addr("192.168.0.254") }, false },
		{ { .index = UPLINK, .gateway = sample_addr("fe80::1") }, false },
		{ { .index = 1 }, false }, /* an address of the node itself */
		{ { .index = 7 }, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (direct_is(&cases[i].way, UPLINK) != cases[i].direct)
			fail_msg("case %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_uplink_without_a_gateway_is_direct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
