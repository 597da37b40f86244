/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/wiring.h"

#include "common/err.h"

#include <linux/rtnetlink.h>

void wiring_free(struct wiring *wiring)
{
	netconf_routes_free(&wiring->routes);
}

/* The node's address in the family; NULL: the network has no such family. */
static const struct ipaddr *gateway_of(const struct state_network *network, uint8_t family)
{
	for (size_t i = 0; i < network->family_len; i++) {
		if (network->family[i].gateway.family == family)
			return &network->family[i].gateway;
	}
	return NULL;
}

/* Whether the configuration has a route of its own that ours would be the same as. */
static bool is_configured(const struct netconf *netconf, const struct prefix *dst)
{
	for (size_t i = 0; i < netconf->routes.len; i++) {
		const struct route *route = &netconf->routes.at[i];

		if (prefix_equal(&route->dst, dst) && !route->metric && !route->table)
			return true;
	}
	return false;
}

static int add_route(struct wiring *wiring, const struct route *from, const struct ipaddr *gateway,
		     struct err *err)
{
	struct route route = *from;

	route.gateway = *gateway;
	route.protocol = RTPROT_STATIC;
	return netconf_routes_push(&wiring->routes, &route) ? 0 : err_nomem(err, "routes");
}

static int add_own(struct wiring *wiring, const struct state_family *family,
		   const struct netconf *netconf, struct err *err)
{
	struct route route = { .dst = family->cluster };

	if (netconf->is_default_gateway)
		route.dst = (struct prefix){ .addr.family = family->cluster.addr.family };
	if (is_configured(netconf, &route.dst))
		return 0;
	return add_route(wiring, &route, &family->gateway, err);
}

/* That of the route, or the node's; what is on the link has none. NULL as gateway_of. */
static const struct ipaddr *gateway_given(const struct state_network *network,
					  const struct route *route)
{
	if (ipaddr_is_set(&route->gateway) || route->scope >= RT_SCOPE_LINK)
		return &route->gateway;
	return gateway_of(network, route->dst.addr.family);
}

static int refuse_family(const struct state_network *network, const struct route *route,
			 struct err *err)
{
	char dst[PREFIX_TEXT_SIZE];

	return err_set(err, ERR_CONFIG,
		       "route to %s: network \"%s\" has no addresses of that family",
		       prefix_text(&route->dst, dst), network->name);
}

static int add_given(struct wiring *wiring, const struct state_network *network,
		     const struct route *route, struct err *err)
{
	const struct ipaddr *gateway = gateway_given(network, route);

	return gateway ? add_route(wiring, route, gateway, err) :
			 refuse_family(network, route, err);
}

int wiring_add(struct wiring *wiring, const struct state_network *network,
	       const struct route *route, struct err *err)
{
	const struct ipaddr *gateway = gateway_given(network, route);

	if (!gateway)
		return refuse_family(network, route, err);
	for (size_t i = 0; i < wiring->routes.len; i++) {
		const struct route *there = &wiring->routes.at[i];

		/* The plugin's own: another way to the same place, or said twice. */
		if (i >= wiring->own && !ipaddr_equal(&there->gateway, gateway))
			continue;
		if (prefix_equal(&there->dst, &route->dst) && there->metric == route->metric &&
		    there->table == route->table)
			return 0;
	}
	return add_route(wiring, route, gateway, err);
}

static int choose_mtu(const struct state_network *network, const struct netconf *netconf,
		      uint32_t *mtu_out, struct err *err)
{
	/* Larger packets would vanish between nodes without a word. */
	if (netconf->mtu > network->mtu)
		return err_set(err, ERR_CONFIG, "mtu %u: network \"%s\" carries no more than %u",
			       netconf->mtu, network->name, network->mtu);
	*mtu_out = netconf->mtu ? netconf->mtu : network->mtu;
	return 0;
}

int wiring_of(const struct state_network *network, const struct netconf *netconf,
	      struct wiring *wiring_out, struct err *err)
{
	AUTO_WIRING struct wiring wiring = { .mtu = 0 };

	if (choose_mtu(network, netconf, &wiring.mtu, err) < 0)
		return -1;
	for (size_t i = 0; i < network->family_len; i++) {
		const struct state_family *family = &network->family[i];

		if (add_own(&wiring, family, netconf, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < netconf->routes.len; i++) {
		if (add_given(&wiring, network, &netconf->routes.at[i], err) < 0)
			return -1;
	}
	wiring.own = wiring.routes.len;
	*wiring_out = wiring;
	wiring.routes = (struct netconf_routes){ .at = NULL };
	return 0;
}
