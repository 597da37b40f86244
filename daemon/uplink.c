/* SPDX-License-Identifier: Apache-2.0 */
#include "uplink.h"

#include "common/addr.h"
#include "common/err.h"
#include "common/link.h"
#include "common/route.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* The address to choose, and what is looked for. */
struct search {
	struct ipaddr wanted; /* unset: the first usable one */
	struct addr best;
	bool found;
};

/*
 * Global before link scope, primary before secondary (which in IPv6 means temporary), what
 * stays before what expires, the kernel's order within.
 */
static bool better(const struct addr *a, const struct addr *b)
{
	if (a->scope != b->scope)
		return a->scope < b->scope;
	if ((a->flags ^ b->flags) & IFA_F_SECONDARY)
		return b->flags & IFA_F_SECONDARY;
	return a->flags & IFA_F_PERMANENT && !(b->flags & IFA_F_PERMANENT);
}

static int consider(void *ctx, const struct addr *addr, struct err *err)
{
	struct search *search = ctx;

	(void)err;
	if (addr->flags & (IFA_F_DEPRECATED | IFA_F_DADFAILED))
		return 0;
	if (ipaddr_is_set(&search->wanted)) {
		if (!ipaddr_equal(&search->wanted, &addr->prefix.addr))
			return 0;
	} else if (ipaddr_is_special(&addr->prefix.addr)) {
		return 0;
	}
	if (search->found && !better(addr, &search->best))
		return 0;
	search->best = *addr;
	search->found = true;
	return 0;
}

static void forget(void *ctx)
{
	struct search *search = ctx;

	search->found = false;
}

static int find_address(struct nl *nl, uint32_t index, uint8_t family, struct search *search,
			struct err *err)
{
	return addr_each(nl, index, family, consider, forget, search, err);
}

static int find_default(struct nl *nl, uint32_t *index_out, struct err *err)
{
	struct route route;
	int found = route_default(nl, AF_INET, &route, err);

	if (found == 0)
		found = route_default(nl, AF_INET6, &route, err);
	if (found == 0)
		return err_set(err, ERR_CONFIG,
			       "no uplink: there is no default route (--iface names one)");
	if (found < 0)
		return -1;
	*index_out = route.index;
	return 0;
}

/* The device's index, and what must be true of its address. */
static int find_device(struct nl *nl, const char *iface, struct search *search, uint32_t *index_out,
		       struct err *err)
{
	struct link link;
	struct err ignored;
	int found;

	if (!iface)
		return find_default(nl, index_out, err);
	if (ipaddr_parse(iface, &search->wanted, &ignored) == 0) {
		if (find_address(nl, 0, search->wanted.family, search, err) < 0)
			return -1;
		if (!search->found)
			return err_set(err, ERR_CONFIG,
				       "no uplink: no interface has the address %s", iface);
		*index_out = search->best.index;
		return 0;
	}
	found = link_get(nl, iface, &link, err);
	if (found == 0)
		return err_set(err, ERR_CONFIG, "no uplink: there is no interface %s", iface);
	*index_out = link.index;
	return found < 0 ? -1 : 0;
}

/* The device's address of a family: that which was named, or the best one. */
static int choose_address(struct nl *nl, uint32_t index, uint8_t family, const struct search *named,
			  struct ipaddr *addr_out, struct err *err)
{
	struct search search = { .found = false };

	if (named->found && named->best.prefix.addr.family == family) {
		*addr_out = named->best.prefix.addr;
		return 0;
	}
	if (find_address(nl, index, family, &search, err) < 0)
		return -1;
	if (search.found)
		*addr_out = search.best.prefix.addr;
	return 0;
}

int uplink_find(struct nl *nl, const char *iface, const struct ipaddr public_ip[static FAMILIES],
		struct uplink *uplink_out, struct err *err)
{
	struct search named = { .found = false };
	struct uplink uplink = { .index = 0 };
	struct link link;
	int found;

	if (find_device(nl, iface, &named, &uplink.index, err) < 0)
		return -1;
	found = link_get_index(nl, uplink.index, &link, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(err, ERR_CONFIG, "no uplink: the interface has just gone");
	if (choose_address(nl, uplink.index, AF_INET, &named, &uplink.address[FAMILY_V4], err) <
		    0 ||
	    choose_address(nl, uplink.index, AF_INET6, &named, &uplink.address[FAMILY_V6], err) < 0)
		return -1;
	if (!ipaddr_is_set(&uplink.address[FAMILY_V4]) &&
	    !ipaddr_is_set(&uplink.address[FAMILY_V6]))
		return err_set(err, ERR_CONFIG, "no uplink: %s has no address", link.name);
	memcpy(uplink.name, link.name, sizeof(uplink.name));
	memcpy(uplink.public_ip, uplink.address, sizeof(uplink.public_ip));
	for (enum family f = 0; f < FAMILIES; f++)
		if (ipaddr_is_set(&public_ip[f]) && ipaddr_is_set(&uplink.address[f]))
			uplink.public_ip[f] = public_ip[f];
	uplink.mtu = link.mtu;
	*uplink_out = uplink;
	return 0;
}
