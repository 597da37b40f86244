/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lease/flannel.h"

#include "common/array.h"
#include "tests/unit/kernel.h"
#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

static void subnet_env_names_the_subnets(void **state)
{
	static const struct {
		const char *text, *subnets;
	} cases[] = {
		{ "FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=10.5.7.1/24\nFLANNEL_MTU=1450\n",
		  "10.5.7.0/24" },
		{ "FLANNEL_SUBNET=10.5.7.1/24\r\nFLANNEL_IPV6_SUBNET=fd00:5:7::1/64",
		  "10.5.7.0/24&fd00:5:7::/64" },
		{ "FLANNEL_SUBNET=fd00:5:7::1/64\n", "" },
		{ "FLANNEL_SUBNET=10.5.7.1\n", "" },
		{ "# FLANNEL_SUBNET=10.5.7.1/24\n", "" },
		{ "FLANNEL_SUBNET=10.5.7.1/24/24/24/24/24/24/24/24/24/24/24/24/24/24/24/24/24\n",
		  "" },
		{ "\n\n", "" },
	};
	struct prefix subnet[FAMILIES];
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/subnet.env", tempdir_path);
	flannel_subnets(path, subnet);
	assert_string_equal(sample_subnets_text(subnet), "");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		fputs(cases[i].text, file);
		fclose(file);
		flannel_subnets(path, subnet);
		assert_string_equal(sample_subnets_text(subnet), cases[i].subnets);
	}
}

static void the_published_mac_is_the_mac_of_the_device(void **state)
{
	struct err err = ERR_INIT;
	struct mac mac;

	assert_int_equal(flannel_mac(*state, 1, &mac, &err), 0);
	assert_int_equal(system("ip link add flannel.1 address 0e:00:00:00:00:07 type vxlan id 1 "
				"dstport 8472 && ip link add flannel.2 type bridge"),
			 0);
	assert_int_equal(flannel_mac(*state, 1, &mac, &err), 1);
	assert_int_equal(mac_cmp(&mac, &(struct mac[]){ sample_mac("0e:00:00:00:00:07") }[0]), 0);
	assert_int_equal(flannel_mac(*state, 2, &mac, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(subnet_env_names_the_subnets, tempdir_make,
						tempdir_remove),
		cmocka_unit_test_setup_teardown(the_published_mac_is_the_mac_of_the_device,
						kernel_setup, kernel_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
