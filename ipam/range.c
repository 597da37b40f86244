/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/range.h"

#include "common/err.h"

#include <stdio.h>
#include <string.h>

#define HOST_BITS_MIN 2U /* network, gateway, container, broadcast */

int range_of(const struct prefix *subnet, const struct ipaddr *gateway, struct range *range_out,
	     struct err *err)
{
	struct range range = { .subnet = prefix_masked(subnet), .gateway = *gateway };
	struct ipaddr end = prefix_last(subnet);
	char text[PREFIX_TEXT_SIZE];

	if (subnet->len + HOST_BITS_MIN > ipaddr_bits(&subnet->addr))
		return err_set(
			err, ERR_CONFIG,
			"subnet %s has no address for a container; the longest prefix length is /%u",
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

bool range_has(const struct range *range, const struct ipaddr *addr)
{
	return between(range, addr) && !ipaddr_equal(addr, &range->gateway);
}

uint64_t range_size(const struct range *range)
{
	uint64_t more = ipaddr_distance(&range->first, &range->last);

	/* first to last inclusive, minus the gateway if it lies between. */
	return between(range, &range->gateway) || more == UINT64_MAX ? more : more + 1;
}

uint64_t range_capacity(const struct prefix *subnet, const struct ipaddr *gateway)
{
	struct err unused = ERR_INIT;
	struct range range;

	return range_of(subnet, gateway, &range, &unused) < 0 ? 0 : range_size(&range);
}

int range_narrow(struct range *range, const struct ipaddr *first, const struct ipaddr *last,
		 struct err *err)
{
	const struct range narrow = {
		.subnet = range->subnet,
		.gateway = range->gateway,
		.first = ipaddr_is_set(first) ? *first : range->first,
		.last = ipaddr_is_set(last) ? *last : range->last,
	};
	char text[IPADDR_TEXT_SIZE], other[IPADDR_TEXT_SIZE], subnet[PREFIX_TEXT_SIZE];

	if (!between(range, &narrow.first) || !between(range, &narrow.last))
		return err_set(err, ERR_CONFIG, "%s is not assignable in subnet %s",
			       ipaddr_text(between(range, &narrow.first) ? last : first, text),
			       prefix_text(&range->subnet, subnet));
	if (ipaddr_cmp(&narrow.first, &narrow.last) > 0 || range_size(&narrow) == 0)
		return err_set(err, ERR_CONFIG, "the range from %s to %s of subnet %s is empty",
			       ipaddr_text(&narrow.first, text), ipaddr_text(&narrow.last, other),
			       prefix_text(&range->subnet, subnet));
	*range = narrow;
	return 0;
}

/* ---- Sets --------------------------------------------------------------------------------- */

int range_set_add(struct range_set *set, const struct range *range, struct err *err)
{
	char text[IPADDR_TEXT_SIZE];
	size_t place = 0;

	while (place < set->len && ipaddr_cmp(&set->at[place].last, &range->first) < 0)
		place++;
	if (place < set->len && ipaddr_cmp(&set->at[place].first, &range->last) <= 0)
		return err_set(err, ERR_CONFIG, "the range starting at %s overlaps another",
			       ipaddr_text(&range->first, text));
	if (set->len == RANGES_MAX)
		return err_set(err, ERR_CONFIG, "more than %d ranges", RANGES_MAX);
	memmove(&set->at[place + 1], &set->at[place], (set->len - place) * sizeof(*range));
	set->at[place] = *range;
	set->len++;
	return 0;
}

bool range_set_has(const struct range_set *set, const struct ipaddr *addr)
{
	for (size_t i = 0; i < set->len; i++) {
		if (range_has(&set->at[i], addr))
			return true;
	}
	return false;
}

/* The lowest address of one range above addr. */
static bool next_in(const struct range *range, const struct ipaddr *addr, struct ipaddr *next_out)
{
	bool above = addr->family == range->first.family;
	struct ipaddr next = range->first;

	if (above && ipaddr_cmp(addr, &range->last) >= 0)
		return false;
	if (above && ipaddr_cmp(addr, &next) >= 0)
		next = ipaddr_add(addr, 1);
	if (ipaddr_equal(&next, &range->gateway)) {
		if (ipaddr_equal(&next, &range->last))
			return false;
		next = ipaddr_add(&next, 1);
	}
	*next_out = next;
	return true;
}

bool range_set_next(const struct range_set *set, const struct ipaddr *addr, struct ipaddr *next_out)
{
	for (size_t i = 0; i < set->len; i++) {
		if (next_in(&set->at[i], addr, next_out))
			return true;
	}
	return false;
}

uint64_t range_set_size(const struct range_set *set)
{
	uint64_t size = 0;

	for (size_t i = 0; i < set->len; i++) {
		uint64_t one = range_size(&set->at[i]);

		size = one > UINT64_MAX - size ? UINT64_MAX : size + one;
	}
	return size;
}

static bool is_whole(const struct range *range)
{
	struct range whole = *range;
	struct err unused = ERR_INIT;

	return range_of(&range->subnet, &range->gateway, &whole, &unused) == 0 &&
	       ipaddr_equal(&whole.first, &range->first) && ipaddr_equal(&whole.last, &range->last);
}

const char *range_set_text(const struct range_set *set, char buf[static RANGE_TEXT_SIZE])
{
	char text[PREFIX_TEXT_SIZE], last[IPADDR_TEXT_SIZE];
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < set->len && len < RANGE_TEXT_SIZE; i++) {
		const struct range *range = &set->at[i];
		const char *comma = i ? ", " : "";

		if (is_whole(range))
			len += (size_t)snprintf(buf + len, RANGE_TEXT_SIZE - len, "%s%s", comma,
						prefix_text(&range->subnet, text));
		else
			len += (size_t)snprintf(buf + len, RANGE_TEXT_SIZE - len, "%s%s-%s", comma,
						ipaddr_text(&range->first, text),
						ipaddr_text(&range->last, last));
	}
	return buf;
}
