/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/inspect.h"

#include "common/err.h"
#include "common/netlink/addr.h"
#include "common/netlink/link.h"
#include "common/netlink/neigh.h"
#include "common/netlink/nl.h"
#include "common/netlink/route.h"
#include "common/state.h"

#include <linux/neighbour.h>
#include <net/if.h>
#include <string.h>

/* The flags of the port, and the FDB entry without which a locked port drops everything. */
static int check_port(struct nl *host, const struct link *link, const struct attachment_port *port,
		      const char *bridge, struct err *err)
{
	const char *flag = veth_port_difference(port, &link->port);
	char mac[MAC_TEXT_SIZE];
	struct neigh_fdb fdb;
	int found;

	if (flag)
		return err_set(err, ERR_CHECK,
			       "flag %s of bridge port %s differs from the configuration", flag,
			       link->name);
	if (!port->locked)
		return 0;
	found = neigh_fdb_get(host, link->index, &port->mac, &fdb, err);
	if (found < 0)
		return -1;
	if (!found || fdb.index != link->index || !(fdb.state & NUD_NOARP))
		return err_set(err, ERR_CHECK, "bridge %s has no static FDB entry %s for port %s",
			       bridge, mac_text(&port->mac, mac), link->name);
	return 0;
}

int inspect_host(struct nl *host, const struct veth *veth, const struct attachment_port *port,
		 const struct state_network *network, struct err *err)
{
	struct link link, vxlan, master = { .index = 0 };
	int found = veth_find(host, veth, &link, err);

	if (found < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_CHECK, "device %s is missing", veth->name);
	if (!veth_is(veth, &link))
		return err_set(err, ERR_CHECK, "device %s belongs to another owner (alias \"%s\")",
			       link.name, ERR_SHOW(link.alias));
	if (!(link.flags & IFF_UP))
		return err_set(err, ERR_CHECK, "device %s is down", link.name);
	found = link.master ? link_get_index(host, link.master, &master, err) : 0;
	if (found < 0)
		return -1;
	if (!found || strcmp(master.name, network->bridge) != 0)
		return err_set(err, ERR_CHECK, "device %s is not a port of bridge %s", link.name,
			       network->bridge);
	if (check_port(host, &link, port, network->bridge, err) < 0)
		return -1;
	found = link_get(host, network->vxlan, &vxlan, err);
	if (found == 0 || (found > 0 && !(vxlan.flags & IFF_UP)))
		return err_set(err, ERR_CHECK, "device %s is %s", network->vxlan,
			       found ? "down" : "missing");
	return found < 0 ? -1 : 0;
}

/* ---- The container's side ----------------------------------------------------------------- */

static int check_interface(const struct link *link, const struct mac *mac, struct err *err)
{
	char is[MAC_TEXT_SIZE], wanted[MAC_TEXT_SIZE];

	if (!(link->flags & IFF_UP))
		return err_set(err, ERR_CHECK, "interface %s is down", link->name);
	if (mac_cmp(&link->mac, mac) != 0)
		return err_set(err, ERR_CHECK, "interface %s has MAC %s, not %s", link->name,
			       mac_text(&link->mac, is), mac_text(mac, wanted));
	return 0;
}

/* Searches a dump for one address or route. */
struct search {
	const struct prefix *address;
	const struct route *route;
	bool found;
};

static int on_address(void *ctx, const struct addr *addr, struct err *err)
{
	struct search *search = ctx;

	(void)err;
	search->found |= prefix_equal(&addr->prefix, search->address);
	return 0;
}

/* A route without a table matches in any: a later plugin (sbr) may have moved it. */
static int on_route(void *ctx, const struct route *route, struct err *err)
{
	struct search *search = ctx;

	(void)err;
	if (search->route->table && search->route->table != route->table)
		return 0;
	search->found |= prefix_equal(&route->dst, &search->route->dst) &&
			 (!ipaddr_is_set(&search->route->gateway) ||
			  ipaddr_equal(&route->gateway, &search->route->gateway));
	return 0;
}

static int check_address(struct nl *container, const struct link *link,
			 const struct prefix *address, struct err *err)
{
	struct search search = { .address = address };
	char text[PREFIX_TEXT_SIZE];

	if (addr_each(container, link->index, address->addr.family, on_address, NULL, &search,
		      err) < 0)
		return -1;
	if (!search.found)
		return err_set(err, ERR_CHECK, "interface %s does not have address %s", link->name,
			       prefix_text(address, text));
	return 0;
}

static int check_route(struct nl *container, const struct link *link, const struct route *route,
		       struct err *err)
{
	/* Through any device: prevResult also has the routes of other interfaces. */
	struct search search = { .route = route };
	char dst[PREFIX_TEXT_SIZE], gateway[IPADDR_TEXT_SIZE];

	if (route_each_hop(container, route->dst.addr.family, 0, on_route, NULL, &search, err) < 0)
		return -1;
	if (!search.found)
		return err_set(err, ERR_CHECK, "route %s via %s of interface %s is missing",
			       prefix_text(&route->dst, dst), ipaddr_text(&route->gateway, gateway),
			       link->name);
	return 0;
}

int inspect_container(struct nl *container, const char *ifname, const struct prev_result *prev,
		      struct err *err)
{
	struct link link;
	int found = link_get(container, ifname, &link, err);

	if (found < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_CHECK, "interface %s is missing in the container", ifname);
	if (check_interface(&link, &prev->mac, err) < 0)
		return -1;
	for (size_t i = 0; i < prev->addresses.len; i++) {
		if (check_address(container, &link, &prev->addresses.at[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < prev->routes.len; i++) {
		if (check_route(container, &link, &prev->routes.at[i], err) < 0)
			return -1;
	}
	return 0;
}
