/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/iface_settings.h"

#include "common/err.h"

#include <linux/rtnetlink.h>

void iface_settings_free(struct iface_settings *settings)
{
	netconf_routes_free(&settings->routes);
}

/* The gateway of the family, or NULL if the network lacks the family, or a gateway of it. */
static const struct ipaddr *node_gateway(const struct state_network *network, uint8_t family)
{
	for (size_t i = 0; i < network->family_len; i++) {
		const struct state_family *of = &network->family[i];

		if (of->cluster.addr.family == family && ipaddr_is_set(&of->gateway))
			return &of->gateway;
	}
	return NULL;
}

/* Whether the configuration contains the same route, which then replaces the default one. */
static bool is_configured(const struct netconf *netconf, const struct prefix *dst)
{
	for (size_t i = 0; i < netconf->routes.len; i++) {
		const struct route *route = &netconf->routes.at[i];

		if (prefix_equal(&route->dst, dst) && !route->metric && !route->table)
			return true;
	}
	return false;
}

static int add_route(struct iface_settings *settings, const struct route *from,
		     const struct ipaddr *gateway, struct err *err)
{
	struct route route = *from;

	route.gateway = *gateway;
	route.protocol = RTPROT_STATIC;
	return netconf_routes_push(&settings->routes, &route) ? 0 : err_nomem(err, "routes");
}

static int add_default(struct iface_settings *settings, const struct state_family *family,
		       const struct netconf *netconf, struct err *err)
{
	struct route route = { .dst = family->cluster };

	if (netconf->is_default_gateway)
		route.dst = (struct prefix){ .addr.family = family->cluster.addr.family };
	if (is_configured(netconf, &route.dst))
		return 0;
	return add_route(settings, &route, &family->gateway, err);
}

/* The route's gateway, or else the node's; a route of link scope has none. NULL as above. */
static const struct ipaddr *route_gateway(const struct state_network *network,
					  const struct route *route)
{
	if (ipaddr_is_set(&route->gateway) || route->scope >= RT_SCOPE_LINK)
		return &route->gateway;
	return node_gateway(network, route->dst.addr.family);
}

static int refuse_family(const struct state_network *network, const struct route *route,
			 struct err *err)
{
	char dst[PREFIX_TEXT_SIZE];

	return err_set(err, ERR_CONFIG, "route to %s: network \"%s\" has no %s of that family",
		       prefix_text(&route->dst, dst), network->name,
		       network->l2 ? "gateway" : "addresses");
}

static int add_configured(struct iface_settings *settings, const struct state_network *network,
			  const struct route *route, struct err *err)
{
	const struct ipaddr *gateway = route_gateway(network, route);

	return gateway ? add_route(settings, route, gateway, err) :
			 refuse_family(network, route, err);
}

int iface_settings_add_route(struct iface_settings *settings, const struct state_network *network,
			     const struct route *route, struct err *err)
{
	const struct ipaddr *gateway = route_gateway(network, route);

	if (!gateway)
		return refuse_family(network, route, err);
	for (size_t i = 0; i < settings->routes.len; i++) {
		const struct route *present = &settings->routes.at[i];

		/* A route of the IPAM plugin: kept beside one through another gateway. */
		if (i >= settings->own && !ipaddr_equal(&present->gateway, gateway))
			continue;
		if (prefix_equal(&present->dst, &route->dst) && present->metric == route->metric &&
		    present->table == route->table)
			return 0;
	}
	return add_route(settings, route, gateway, err);
}

static int choose_mtu(const struct state_network *network, const struct netconf *netconf,
		      uint32_t *mtu_out, struct err *err)
{
	/* Larger packets would be dropped between nodes, without an ICMP error. */
	if (netconf->mtu > network->mtu)
		return err_set(err, ERR_CONFIG, "mtu %u exceeds the MTU of network \"%s\", %u",
			       netconf->mtu, network->name, network->mtu);
	*mtu_out = netconf->mtu ? netconf->mtu : network->mtu;
	return 0;
}

int iface_settings_make(const struct state_network *network, const struct netconf *netconf,
			struct iface_settings *settings_out, struct err *err)
{
	AUTO(iface_settings) struct iface_settings settings = { .mtu = 0 };

	if (choose_mtu(network, netconf, &settings.mtu, err) < 0)
		return -1;
	for (size_t i = 0; i < network->family_len; i++) {
		const struct state_family *family = &network->family[i];

		/* The cluster network of an L2 network is on the link. */
		if (network->l2 &&
		    (!ipaddr_is_set(&family->gateway) || !netconf->is_default_gateway))
			continue;
		if (add_default(&settings, family, netconf, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < netconf->routes.len; i++) {
		if (add_configured(&settings, network, &netconf->routes.at[i], err) < 0)
			return -1;
	}
	settings.own = settings.routes.len;
	*settings_out = settings;
	settings.routes = (struct netconf_routes){ .at = NULL };
	return 0;
}
