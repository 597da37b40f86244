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

/* Global before link scope, primary before secondary, the kernel's order within. */
static bool better(const struct addr *a, const struct addr *b)
{
	if (a->scope != b->scope)
		return a->scope < b->scope;
	return !(a->flags & IFA_F_SECONDARY) && b->flags & IFA_F_SECONDARY;
}

static int consider(void *ctx, const struct addr *addr, struct err *err)
{
	struct search *search = ctx;

	(void)err;
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

static int find_address(struct nl *nl, uint32_t index, struct search *search, struct err *err)
{
	return addr_each(nl, index, AF_INET, consider, forget, search, err);
}

/* The device's index, and what must be true of its address. */
static int find_device(struct nl *nl, const char *iface, struct search *search, uint32_t *index_out,
		       struct err *err)
{
	struct route route;
	struct link link;
	struct err ignored;
	int found;

	if (!iface) {
		found = route_default(nl, AF_INET, &route, err);
		if (found == 0)
			return err_set(
				err, ERR_CONFIG,
				"no uplink: there is no IPv4 default route (--iface names one)");
		*index_out = route.index;
		return found < 0 ? -1 : 0;
	}
	if (ipaddr_parse(iface, &search->wanted, &ignored) == 0) {
		if (find_address(nl, 0, search, err) < 0)
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

int uplink_find(struct nl *nl, const char *iface, const struct ipaddr *public_ip,
		struct uplink *uplink_out, struct err *err)
{
	struct search search = { .found = false };
	struct uplink uplink = { .index = 0 };
	struct link link;
	int found;

	if (find_device(nl, iface, &search, &uplink.index, err) < 0)
		return -1;
	found = link_get_index(nl, uplink.index, &link, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(err, ERR_CONFIG, "no uplink: the interface has just gone");
	if (!search.found && find_address(nl, uplink.index, &search, err) < 0)
		return -1;
	if (!search.found)
		return err_set(err, ERR_CONFIG, "no uplink: %s has no IPv4 address", link.name);
	memcpy(uplink.name, link.name, sizeof(uplink.name));
	uplink.address = search.best.prefix.addr;
	uplink.public_ip = ipaddr_is_set(public_ip) ? *public_ip : uplink.address;
	uplink.mtu = link.mtu;
	*uplink_out = uplink;
	return 0;
}
