/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/displaced.h"

#include "common/netlink/route.h"
#include "daemon/dataplane/plan.h"
#include "ipam/config.h"

#include <linux/rtnetlink.h>

#define METRIC 1 /* distinct from metrics of subnet routes: their destinations differ */

void displaced_free(struct displaced *displaced)
{
	displaced_addresses_free(&displaced->container);
	displaced->gateway_len = 0;
}

bool displaced_equal(const struct displaced *a, const struct displaced *b)
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

static struct prefix single_address(const struct ipaddr *addr)
{
	return (struct prefix){ *addr, addr->family == AF_INET6 ? 128 : 32 };
}

static bool add_gateway(struct displaced *displaced, const struct ipaddr *addr)
{
	const struct prefix gateway = single_address(addr);

	for (size_t i = 0; i < displaced->gateway_len; i++)
		if (prefix_equal(&displaced->gateway[i], &gateway))
			return true;
	if (displaced->gateway_len == DISPLACED_GATEWAYS_MAX)
		return false;
	displaced->gateway[displaced->gateway_len++] = gateway;
	return true;
}

bool displaced_add(struct displaced *displaced, const struct ipaddr *addr,
		   const struct config *config, const struct prefix own[static FAMILIES])
{
	enum family f = ipaddr_family(addr);
	const struct subnet_pool *pool = &config->pool[f];
	const struct prefix at = { *addr, pool->len }, subnet = prefix_masked(&at);
	struct ipaddr gateway;

	if (!config_has(config, f) || !prefix_is_set(&own[f]) || prefix_has(&own[f], addr) ||
	    !subnet_valid(pool, &subnet))
		return true;
	gateway = subnet_gateway(&subnet);
	if (ipaddr_equal(&gateway, addr) || !add_gateway(displaced, &gateway))
		return true;
	return displaced_addresses_push(&displaced->container, addr);
}

bool displaced_want(const struct displaced *displaced, const struct plan_devices *devices,
		    struct plan_table *want)
{
	for (size_t i = 0; i < displaced->container.len; i++) {
		const struct ipaddr *addr = &displaced->container.at[i];
		enum family f = ipaddr_family(addr);
		const struct route route = {
			.dst = single_address(addr),
			.source = devices->gateway[f],
			.index = devices->bridge,
			.metric = METRIC,
			.table = RT_TABLE_MAIN,
			.protocol = ROUTE_PROTOCOL,
			.scope = RT_SCOPE_LINK,
		};

		/* The kernel has disabled IPv6 on the bridge. */
		if (f == FAMILY_V6 && devices->mtu && devices->mtu < CONFIG_MTU_MIN_V6)
			continue;
		if (!plan_routes_push(&want->route, &route))
			return false;
	}
	if (displaced->container.len)
		plan_table_sort(want);
	return true;
}
