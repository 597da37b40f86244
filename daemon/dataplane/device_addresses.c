/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/device_addresses.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/netlink/addr.h"
#include "common/netlink/nl.h"
#include "common/netlink/route.h"
#include "common/vec.h"
#include "daemon/dataplane/device.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

VEC_DEFINE(addresses, struct addr);

static int collect_address(void *ctx, const struct addr *addr, struct err *err)
{
	struct addresses *there = ctx;

	return addresses_push(there, addr) ? 0 : err_nomem(err, "the bridge's addresses");
}

static void reset_addresses(void *ctx)
{
	struct addresses *there = ctx;

	addresses_clear(there);
}

/* The desired addresses of the bridge, of one family. */
struct wanted {
	struct prefix at[2 + DEVICE_EXTRA_MAX];
	size_t len;
};

/* A tentative address is not usable before duplicate address detection ends. */
static bool is_present(const struct addresses *there, const struct prefix *prefix)
{
	for (size_t i = 0; i < there->len; i++)
		if (prefix_equal(&there->at[i].prefix, prefix))
			return !(there->at[i].flags & IFA_F_TENTATIVE);
	return false;
}

static bool is_wanted(const struct wanted *wanted, const struct addr *addr)
{
	for (size_t i = 0; i < wanted->len; i++)
		if (prefix_equal(&wanted->at[i], &addr->prefix))
			return !(addr->flags & IFA_F_TENTATIVE);
	return false;
}

static int add_addresses(struct nl *nl, const struct wanted *wanted, struct device_have *have,
			 struct err *err)
{
	for (size_t i = 0; i < wanted->len; i++) {
		int added = addr_ensure(nl, have->bridge, &wanted->at[i], err);

		if (added < 0)
			return -1;
		have->changed |= added > 0;
	}
	return 0;
}

/*
 * New addresses are added first, because routes have them as their source, and once more after
 * removals: the kernel removes secondary addresses together with their primary.
 */
static int ensure_family(struct nl *nl, const struct wanted *wanted, uint8_t family,
			 struct device_have *have, struct err *err)
{
	AUTO(addresses) struct addresses there = { .len = 0 };
	bool complete = true, removed = false;

	if (!wanted->len)
		return 0;
	if (addr_each(nl, have->bridge, family, collect_address, reset_addresses, &there, err) < 0)
		return -1;
	for (size_t i = 0; i < wanted->len; i++)
		complete &= is_present(&there, &wanted->at[i]);
	if (!complete && add_addresses(nl, wanted, have, err) < 0)
		return -1;
	for (size_t i = 0; i < there.len; i++) {
		if (is_wanted(wanted, &there.at[i]))
			continue;
		if (addr_del(nl, have->bridge, &there.at[i].prefix, err) < 0)
			return -1;
		removed = true;
	}
	have->changed |= removed;
	return removed ? add_addresses(nl, wanted, have, err) : 0;
}

/*
 * The kernel sends neighbour solicitations for forwarded packets from the link-local address. Its
 * automatic one is tentative for one to two seconds after the bridge is created.
 */
static int ensure_own(struct nl *nl, const struct device_want *want, struct device_have *have,
		      struct err *err)
{
	struct wanted v4 = { .at = { want->gateway[FAMILY_V4] } };
	struct wanted v6 = {
		.at = { want->gateway[FAMILY_V6],
			{ ipaddr_link_local(device_bridge_mac(want)), 64 } },
	};

	v4.len = prefix_is_set(&want->gateway[FAMILY_V4]) ? 1 : 0;
	v6.len = prefix_is_set(&want->gateway[FAMILY_V6]) && !have->sysctls.no_ipv6 ? 2 : 0;
	for (size_t i = 0; i < want->extra_len && i < DEVICE_EXTRA_MAX; i++) {
		struct wanted *wanted = want->extra[i].addr.family == AF_INET6 ? &v6 : &v4;

		if (wanted->len)
			wanted->at[wanted->len++] = want->extra[i];
	}
	if (ensure_family(nl, &v4, AF_INET, have, err) < 0)
		return -1;
	return ensure_family(nl, &v6, AF_INET6, have, err);
}

#define CONNECTED_METRIC_V6 256 /* IP6_RT_PRIO_ADDRCONF */

/* The kernel adds the subnet's route with the address, but it can be deleted separately. */
struct connected {
	const struct route *wanted;
	bool found;
};

static int find_connected(void *ctx, const struct route *route, struct err *err)
{
	struct connected *connected = ctx;

	(void)err;
	connected->found |= route->index == connected->wanted->index &&
			    prefix_equal(&route->dst, &connected->wanted->dst);
	return 0;
}

static void reset_connected(void *ctx)
{
	struct connected *connected = ctx;

	connected->found = false;
}

static int ensure_connected(struct nl *nl, const struct device_want *want, enum family f,
			    struct device_have *have, struct err *err)
{
	const struct route route = {
		.dst = prefix_masked(&want->gateway[f]),
		.source = f == FAMILY_V4 ? want->gateway[f].addr : (struct ipaddr){ .family = 0 },
		.index = have->bridge,
		.metric = f == FAMILY_V4 ? 0 : CONNECTED_METRIC_V6,
		.protocol = RTPROT_KERNEL,
		.scope = RT_SCOPE_LINK,
	};
	struct connected connected = { .wanted = &route };

	if (!prefix_is_set(&want->gateway[f]))
		return 0;
	if (route_each(nl, route.dst.addr.family, RTPROT_KERNEL, find_connected, reset_connected,
		       &connected, err) < 0)
		return -1;
	if (connected.found)
		return 0;
	have->changed = true;
	return nl_request(nl, route_add_message(&route), "add the subnet route to the bridge", err);
}

int device_addresses_ensure(struct nl *nl, const struct device_want *want, struct device_have *have,
			    struct err *err)
{
	if (ensure_own(nl, want, have, err) < 0 ||
	    ensure_connected(nl, want, FAMILY_V4, have, err) < 0)
		return -1;
	return have->sysctls.no_ipv6 ? 0 : ensure_connected(nl, want, FAMILY_V6, have, err);
}
