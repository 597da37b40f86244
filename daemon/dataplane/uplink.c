/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/uplink.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/netlink/addr.h"
#include "common/netlink/link.h"
#include "common/netlink/route.h"
#include "daemon/dataplane/uplink_choose.h"

#define MTU_DEFAULT 1500 /* Ethernet (RFC 894): no device is known */

/* Public addresses, of a.root-servers.net; nothing is sent to them. */
static const char *const public_address[FAMILIES] = { "198.41.0.4", "2001:503:ba3e::2:30" };

static void host_free(struct uplink_host *host)
{
	uplink_links_free(&host->links);
	uplink_addrs_free(&host->addrs);
	uplink_routes_free(&host->defaults);
}
AUTO_DEFINE_VALUE(host, struct uplink_host, host_free);

/* ---- Reading ----------------------------------------------------------------------------- */

static int add_link(void *ctx, const struct link *link, struct err *err)
{
	struct uplink_host *host = ctx;

	return uplink_links_push(&host->links, link) ? 0 : err_nomem(err, "the devices");
}

static void reset_links(void *ctx)
{
	uplink_links_clear(&((struct uplink_host *)ctx)->links);
}

static int add_addr(void *ctx, const struct addr *addr, struct err *err)
{
	struct uplink_host *host = ctx;

	return uplink_addrs_push(&host->addrs, addr) ? 0 : err_nomem(err, "the addresses");
}

static void reset_addrs(void *ctx)
{
	uplink_addrs_clear(&((struct uplink_host *)ctx)->addrs);
}

/* The default routes of one family, after those of the other. */
struct defaults {
	struct uplink_host *host;
	size_t before;
};

static int add_default(void *ctx, const struct route *route, struct err *err)
{
	struct defaults *defaults = ctx;

	/* A next-hop object that the kernel does not expand: the look-up of a route is left. */
	if (!route->index)
		return 0;
	return uplink_routes_push(&defaults->host->defaults, route) ?
		       0 :
		       err_nomem(err, "the default routes");
}

static void reset_defaults(void *ctx)
{
	struct defaults *defaults = ctx;

	defaults->host->defaults.len = defaults->before;
}

static int read_devices(struct nl *nl, struct uplink_host *host, struct err *err)
{
	if (link_each(nl, add_link, reset_links, host, err) < 0)
		return -1;
	return addr_each(nl, 0, AF_UNSPEC, add_addr, reset_addrs, host, err);
}

static int look_up(struct nl *nl, const struct ipaddr *addr, struct route *route_out,
		   struct err *err)
{
	struct route route;
	int found = route_to(nl, addr, &route, err);

	if (found > 0)
		*route_out = route;
	return found < 0 ? -1 : 0;
}

static int read_routes(struct nl *nl, const struct uplink_options *options,
		       struct uplink_host *host, struct err *err)
{
	static const uint8_t families[FAMILIES] = { AF_INET, AF_INET6 };
	struct ipaddr addr;

	if (ipaddr_is_set(&options->can_reach) &&
	    look_up(nl, &options->can_reach, &host->to_wanted, err) < 0)
		return -1;
	if (uplink_is_selective(options))
		return 0;
	for (enum family f = 0; f < FAMILIES; f++) {
		struct defaults defaults = { host, host->defaults.len };

		if (route_each_default(nl, families[f], add_default, reset_defaults, &defaults,
				       err) < 0 ||
		    ipaddr_parse(public_address[f], &addr, err) < 0 ||
		    look_up(nl, &addr, &host->to_public[f], err) < 0)
			return -1;
	}
	return 0;
}

/* ---- The MTU of the path ----------------------------------------------------------------- */

struct path {
	const struct uplink_host *host;
	struct uplink *uplink;
	size_t len;
};

/* The device of a next hop, with the route's own MTU (0: none). */
static void add_device(struct path *path, uint32_t index, uint32_t mtu)
{
	const struct link *link = uplink_link(path->host, index);
	struct uplink *uplink = path->uplink;

	if (!link || link->flags & IFF_LOOPBACK || uplink_is_ours(link))
		return;
	uplink->bridged |= link->kind == LINK_KIND_BRIDGE;
	if (!mtu || link->mtu < mtu)
		mtu = link->mtu;
	if (!uplink->mtu || mtu < uplink->mtu)
		uplink->mtu = mtu;
	for (size_t i = 0; i < path->len; i++)
		if (uplink->path[i] == index)
			return;
	if (path->len < UPLINK_PATHS)
		uplink->path[path->len++] = index;
}

static int add_hop(void *ctx, const struct route *route, struct err *err)
{
	(void)err;
	add_device(ctx, route->index, route->mtu);
	return 0;
}

static int add_route(struct nl *nl, const struct ipaddr *to, struct path *path, struct err *err)
{
	const enum family f = ipaddr_family(to);
	const struct ipaddr *source = &path->uplink->address[f];

	if (!ipaddr_is_set(to) || !ipaddr_is_set(source))
		return 0;
	return route_to_hops(nl, to, source, add_hop, path, err) < 0 ? -1 : 0;
}

/* A loopback or dummy device has addresses, but packets leave by another one. */
static bool is_link(const struct link *link)
{
	const bool dummy = link->flags & IFF_NOARP && !(link->flags & IFF_POINTOPOINT);

	return !(link->flags & IFF_LOOPBACK) && !dummy;
}

/* Without peers, what leads to the first of them is unknown: the device, or where packets leave. */
static int measure_alone(struct nl *nl, struct path *path, struct err *err)
{
	struct ipaddr addr;

	for (enum family f = 0; f < FAMILIES; f++) {
		const struct link *link = uplink_link(path->host, path->uplink->device[f]);

		if (!link)
			continue;
		if (is_link(link))
			add_device(path, link->index, 0);
		else if (ipaddr_parse(public_address[f], &addr, err) < 0 ||
			 add_route(nl, &addr, path, err) < 0)
			return -1;
	}
	return 0;
}

static int measure(struct nl *nl, const struct uplink_host *host,
		   const struct uplink_search *search, struct uplink *uplink, struct err *err)
{
	struct path path = { .host = host, .uplink = uplink };

	uplink->bridged = false;
	for (enum family f = 0; f < FAMILIES; f++) {
		const struct link *link = uplink_link(host, uplink->device[f]);

		uplink->bridged |= link && link->kind == LINK_KIND_BRIDGE;
	}
	for (size_t i = 0; i < UPLINK_PEERS; i++)
		if (add_route(nl, &search->peer[i], &path, err) < 0)
			return -1;
	if (!uplink->mtu && measure_alone(nl, &path, err) < 0)
		return -1;
	if (!uplink->mtu)
		uplink->mtu = MTU_DEFAULT;
	return 0;
}

int uplink_find(struct nl *nl, const struct uplink_search *search, struct uplink *uplink_out,
		struct err *err)
{
	AUTO(host) struct uplink_host host = { .links.len = 0 };
	struct uplink uplink;

	if (read_devices(nl, &host, err) < 0)
		return -1;
	if (!uplink_keep(&host, search, &uplink) &&
	    (read_routes(nl, search->options, &host, err) < 0 ||
	     uplink_choose(&host, search, &uplink, err) < 0))
		return -1;
	if (measure(nl, &host, search, &uplink, err) < 0)
		return -1;
	*uplink_out = uplink;
	return 0;
}
