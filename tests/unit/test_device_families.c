/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/device.h"

#include "common/array.h"
#include "tests/unit/samples.h"

static void names_fit_for_every_vni(void **state)
{
	char name[IF_NAMESIZE];

	(void)state;
	assert_string_equal(device_bridge_name(1, name), "weft-br1");
	assert_string_equal(device_vxlan_name(16777215, name), "weft-vx16777215");
	assert_string_equal(device_second_name(1, name), "weft-v61");
	assert_string_equal(device_second_name(16777215, name), "weft-v616777215");
}

static void the_larger_overhead_determines_the_mtu(void **state)
{
	static const struct {
		uint32_t underlay, mtu;
		bool outer[FAMILIES];
	} cases[] = {
		{ 1500, 1450, { true, false } }, { 1500, 1430, { false, true } },
		{ 1500, 1430, { true, true } },  { 9000, 8950, { true, false } },
		{ 50, 50, { true, false } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(device_mtu(cases[i].underlay, cases[i].outer), cases[i].mtu);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_fit_for_every_vni),
		cmocka_unit_test(the_larger_overhead_determines_the_mtu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
