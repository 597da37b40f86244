/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/range.h"

#include "common/err.h"

#define HOST_BITS_MIN 2U /* its own address, a gateway, a container, the last one */

int range_of(const struct prefix *subnet, const struct ipaddr *gateway, struct range *range_out,
	     struct err *err)
{
	struct range range = { .subnet = prefix_masked(subnet), .gateway = *gateway };
	struct ipaddr end = prefix_last(subnet);
	char text[PREFIX_TEXT_SIZE];

	if (subnet->len + HOST_BITS_MIN > ipaddr_bits(&subnet->addr))
		return err_set(err, ERR_CONFIG,
			       "subnet %s has no address for a container; /%u is the longest",
			       prefix_text(&range.subnet, text),
			       ipaddr_bits(&subnet->addr) - HOST_BITS_MIN);
	range.first = ipaddr_add(&range.subnet.addr, 1);
	range.last = end;
	/* The broadcast address (RFC 922); IPv6 has none. */
	if (end.family == AF_INET)
		range.last = ipaddr_add(&range.first, ipaddr_distance(&range.first, &end) - 1);
	*range_out = range;
	return 0;
}

static bool between(const struct range *range, const struct ipaddr *addr)
{
	return addr->family == range->first.family && ipaddr_cmp(addr, &range->first) >= 0 &&
	       ipaddr_cmp(addr, &range->last) <= 0;
}

static struct ipaddr step(const struct range *range, const struct ipaddr *addr)
{
	return between(range, addr) && !ipaddr_equal(addr, &range->last) ? ipaddr_add(addr, 1) :
									   range->first;
}

struct ipaddr range_next(const struct range *range, const struct ipaddr *addr)
{
	struct ipaddr next = step(range, addr);

	return ipaddr_equal(&next, &range->gateway) ? step(range, &next) : next;
}

uint64_t range_size(const struct range *range)
{
	uint64_t more = ipaddr_distance(&range->first, &range->last);

	/* first to last inclusive, less the gateway where it is one of them. */
	return between(range, &range->gateway) || more == UINT64_MAX ? more : more + 1;
}
