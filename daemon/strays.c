/* SPDX-License-Identifier: Apache-2.0 */
#include "strays.h"

#include "common/route.h"
#include "config.h"
#include "plan.h"

#include <linux/rtnetlink.h>
#include <string.h>

#define METRIC 1 /* none of a subnet's, as the whole of one is no single address */

void strays_free(struct strays *strays)
{
	strays_addresses_free(&strays->container);
	strays->gateway_len = 0;
}

bool strays_equal(const struct strays *a, const struct strays *b)
{
	if (a->gateway_len != b->gateway_len || a->container.len != b->container.len)
		return false;
	for (size_t i = 0; i < a->gateway_len; i++)
		if (!prefix_equal(&a->gateway[i], &b->gateway[i]))
			return false;
	for (size_t i = 0; i < a->container.len; i++)
		if (!ipaddr_equal(&a->container.at[i], &b->container.at[i]))
			return false;
	return true;
}

static struct prefix alone(const struct ipaddr *addr)
{
	return (struct prefix){ *addr, addr->family == AF_INET6 ? 128 : 32 };
}

static bool has_gateway(struct strays *strays, const struct ipaddr *addr)
{
	const struct prefix gateway = alone(addr);

	for (size_t i = 0; i < strays->gateway_len; i++)
		if (prefix_equal(&strays->gateway[i], &gateway))
			return true;
	if (strays->gateway_len == STRAYS_GATEWAYS_MAX)
		return false;
	strays->gateway[strays->gateway_len++] = gateway;
	return true;
}

bool strays_add(struct strays *strays, const struct ipaddr *addr, const struct config *config,
		const struct prefix own[static FAMILIES])
{
	enum family f = addr->family == AF_INET6 ? FAMILY_V6 : FAMILY_V4;
	const struct subnet_plan *plan = &config->plan[f];
	const struct prefix at = { *addr, plan->len }, subnet = prefix_masked(&at);
	struct ipaddr gateway;

	if (!config_has(config, f) || !prefix_is_set(&own[f]) || prefix_has(&own[f], addr) ||
	    !subnet_valid(plan, &subnet))
		return true;
	gateway = subnet_gateway(&subnet);
	if (ipaddr_equal(&gateway, addr) || !has_gateway(strays, &gateway))
		return true;
	return strays_addresses_push(&strays->container, addr);
}

bool strays_want(const struct strays *strays, const struct plan_devices *devices,
		 struct plan_table *want)
{
	for (size_t i = 0; i < strays->container.len; i++) {
		const struct ipaddr *addr = &strays->container.at[i];
		enum family f = addr->family == AF_INET6 ? FAMILY_V6 : FAMILY_V4;
		const struct route route = {
			.dst = alone(addr),
			.source = devices->gateway[f],
			.index = devices->bridge,
			.metric = METRIC,
			.table = RT_TABLE_MAIN,
			.protocol = ROUTE_PROTOCOL,
			.scope = RT_SCOPE_LINK,
		};

		if (!plan_routes_push(&want->route, &route))
			return false;
	}
	if (strays->container.len)
		plan_table_sort(want);
	return true;
}
