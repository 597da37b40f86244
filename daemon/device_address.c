/* SPDX-License-Identifier: Apache-2.0 */
#include "device_address.h"

#include "common/addr.h"
#include "common/err.h"
#include "common/nl.h"
#include "common/route.h"
#include "common/vec.h"
#include "device.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

VEC_DEFINE(addresses, struct addr);

static int gather_address(void *ctx, const struct addr *addr, struct err *err)
{
	struct addresses *there = ctx;

	return addresses_push(there, addr) ? 0 : err_nomem(err, "the bridge's addresses");
}

static void forget_addresses(void *ctx)
{
	struct addresses *there = ctx;

	addresses_clear(there);
}

/* What the bridge should have of one family; of another family all stays. */
struct wanted {
	struct prefix at[2 + DEVICE_MORE_MAX];
	size_t len;
};

/* A tentative address is of no use until the kernel has looked for a double of it. */
static bool stands(const struct addresses *there, const struct prefix *prefix)
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
 * The new address first: a route's source must not be without one. And once more where
 * another went: it goes with that one, if it was a secondary of the same subnet.
 */
static int ensure_family(struct nl *nl, const struct wanted *wanted, uint8_t family,
			 struct device_have *have, struct err *err)
{
	__attribute__((cleanup(addresses_free))) struct addresses there = { .len = 0 };
	bool complete = true, removed = false;

	if (!wanted->len)
		return 0;
	if (addr_each(nl, have->bridge, family, gather_address, forget_addresses, &there, err) < 0)
		return -1;
	for (size_t i = 0; i < wanted->len; i++)
		complete &= stands(&there, &wanted->at[i]);
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
 * In IPv6 the kernel asks for a container's MAC from a link-local address when it forwards;
 * its own would be of no use for a second or two after the bridge is made.
 */
static int ensure_own(struct nl *nl, const struct device_want *want, struct device_have *have,
		      struct err *err)
{
	struct wanted v4 = { .at = { want->gateway[FAMILY_V4] } };
	struct wanted v6 = {
		.at = { want->gateway[FAMILY_V6], { ipaddr_link_local(&want->mac), 64 } },
	};

	v4.len = prefix_is_set(&want->gateway[FAMILY_V4]) ? 1 : 0;
	v6.len = prefix_is_set(&want->gateway[FAMILY_V6]) ? 2 : 0;
	for (size_t i = 0; i < want->more_len && i < DEVICE_MORE_MAX; i++) {
		struct wanted *wanted = want->more[i].addr.family == AF_INET6 ? &v6 : &v4;

		if (wanted->len)
			wanted->at[wanted->len++] = want->more[i];
	}
	if (ensure_family(nl, &v4, AF_INET, have, err) < 0)
		return -1;
	return ensure_family(nl, &v6, AF_INET6, have, err);
}

#define CONNECTED_METRIC_V6 256 /* IP6_RT_PRIO_ADDRCONF */

/* The kernel's own route to the subnet comes with the address, and may be taken away alone. */
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

static void forget_connected(void *ctx)
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
	if (route_each(nl, route.dst.addr.family, RTPROT_KERNEL, find_connected, forget_connected,
		       &connected, err) < 0)
		return -1;
	if (connected.found)
		return 0;
	have->changed = true;
	return nl_request(nl, route_add_message(&route), "add the subnet's route to the bridge",
			  err);
}

int device_address_ensure(struct nl *nl, const struct device_want *want, struct device_have *have,
			  struct err *err)
{
	if (ensure_own(nl, want, have, err) < 0 ||
	    ensure_connected(nl, want, FAMILY_V4, have, err) < 0)
		return -1;
	return ensure_connected(nl, want, FAMILY_V6, have, err);
}
