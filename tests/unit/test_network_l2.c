/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/network_l2.h"

#include "ipam/config.h"
#include "tests/unit/samples.h"

static int open_store(void *ctx, const char *network, const struct store_listener *listener,
		      void *listener_ctx, struct store **store_out, struct err *err)
{
	(void)ctx, (void)network, (void)listener, (void)listener_ctx, (void)store_out;
	return err_set(err, ERR_IO, "not opened here");
}

static void a_store_without_endpoints_serves_routed_networks_only(void **state)
{
	const struct config routed = sample_config("{\"Network\":\"10.5.0.0/16\"}");
	const struct config l2 = sample_config(
		"{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"Mode\":\"l2\"}}");
	const struct config learned = sample_config(
		"{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"Mode\":\"l2\",\"Flood\":\"multicast\",\"Group\":\"239.1.1.1\"}}");
	const struct network_l2 none = { .open = NULL }, some = { .open = open_store };
	struct err err = ERR_INIT;

	(void)state;
	assert_good(network_l2_check(&none, &routed, &err), err);
	assert_good(network_l2_check(&some, &l2, &err), err);
	assert_int_equal(network_l2_check(&none, &l2, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_says(err.text, "Weft.Mode: \"l2\" is not supported with --store kubernetes");
	assert_good(network_l2_check(&none, &learned, &err), err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_store_without_endpoints_serves_routed_networks_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
