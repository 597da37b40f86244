/* SPDX-License-Identifier: Apache-2.0 */
/* The network configuration. A network can run with every configuration that is accepted. */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "common/json/json_report.h"
#include "ipam/config.h"

static void on_warning(void *ctx, const char *path, const char *what)
{
	size_t *warnings = ctx;

	require(*path && *what);
	++*warnings;
}

static void on_fault(void *ctx, const struct json_fault *fault)
{
	size_t *faults = ctx;

	require(*fault->text && !fault->line == !fault->column);
	++*faults;
}

/* There is a subnet to lease, and it is in the network. */
static void check_plan(const struct config *config, enum family f)
{
	const struct subnet_pool *plan = &config->pool[f];
	struct prefix subnet;

	if (!config_has(config, f))
		return;
	require(subnet_count(plan) > 0);
	require(subnet_pick(plan, config->vni, NULL, 0, &subnet) == 1);
	require(subnet_valid(plan, &subnet) && prefix_covers(&plan->network, &subnet));
	require(subnet.len == plan->len && subnet_index(plan, &subnet) != UINT32_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct config config, again;
	struct err err = ERR_INIT;
	size_t warnings = 0, faults = 0;
	const struct json_report report = { on_fault, &faults };
	bool valid = config_parse_report(text, size, NULL, NULL, &report, &config, &err) == 0;

	require(valid == !faults);
	require(valid == (config_parse(text, size, NULL, NULL, &config, &err) == 0));
	if (config_parse(text, size, on_warning, &warnings, &config, &err) < 0) {
		require(*err.text);
	} else {
		require(config_parse(text, size, on_warning, &warnings, &again, &err) == 0);
		require(config_equal(&config, &again));
		require(config_has(&config, FAMILY_V4) || config_has(&config, FAMILY_V6));
		require(config.vni <= 0xffffff && config.port && config.lease_ttl_s);
		check_plan(&config, FAMILY_V4);
		check_plan(&config, FAMILY_V6);
	}
	free(text);
	return 0;
}
