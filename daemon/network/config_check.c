/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/config_check.h"

#include "common/auto.h"
#include "common/err.h"
#include "daemon/lease/lease.h"
#include "daemon/lease/peer.h"
#include "ipam/config.h"

#include <stdio.h>
#include <string.h>

static const char *network_key(enum family f)
{
	return f == FAMILY_V4 ? "Network" : "IPv6Network";
}

/* ---- The host ----------------------------------------------------------------------------- */

/* Routes to containers would hide the address. what: "the address", of: "of the uplink eth0". */
static int check_address(const struct config *config, const struct ipaddr *addr, const char *what,
			 const char *of, struct err *err)
{
	char text[IPADDR_TEXT_SIZE], cluster[PREFIX_TEXT_SIZE];

	for (enum family f = 0; f < FAMILIES; f++)
		if (config_has(config, f) && prefix_has(&config->pool[f].network, addr))
			return err_set(err, ERR_CONFIG,
				       "network configuration: %s: %s contains %s %s%s%s",
				       network_key(f),
				       prefix_text(&config->pool[f].network, cluster), what,
				       ipaddr_text(addr, text), *of ? " of the uplink " : "", of);
	return 0;
}

static int check_uplink(const struct config *config, const struct uplink *uplink, struct err *err)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (check_address(config, &uplink->address[f], "the address", uplink->name, err) <
			    0 ||
		    check_address(config, &uplink->public_ip[f], "the public address", uplink->name,
				  err) < 0)
			return -1;
	return 0;
}

/* Returns whether the URL's host is a literal address: "http://[fd00::1]:2379", "10.0.0.1:2379". */
static bool endpoint_address(const char *url, struct ipaddr *addr_out)
{
	const char *host = strstr(url, "://"), *end;
	char text[IPADDR_TEXT_SIZE];
	struct err unused;

	host = host ? host + 3 : url;
	end = host + strcspn(host, "/");
	for (const char *at = host; at < end; at++)
		if (*at == '@')
			host = at + 1;
	end = *host == '[' ? strchr(++host, ']') : host + strcspn(host, ":/");
	if (!end || (size_t)(end - host) >= sizeof(text))
		return false;
	memcpy(text, host, (size_t)(end - host));
	text[end - host] = '\0';
	return ipaddr_parse(text, addr_out, &unused) == 0;
}

static int check_endpoints(const struct config *config, const char *const *endpoint,
			   struct err *err)
{
	struct ipaddr addr;

	for (; endpoint && *endpoint; endpoint++)
		if (endpoint_address(*endpoint, &addr) &&
		    check_address(config, &addr, "the store's address", "", err) < 0)
			return -1;
	return 0;
}

int config_check_host(const struct config *config, const struct config_host *host, struct err *err)
{
	if (check_uplink(config, host->uplink, err) < 0)
		return -1;
	for (size_t i = 0; host->gateways && i < host->gateways->len; i++)
		if (check_address(config, &host->gateways->at[i], "the gateway", "", err) < 0)
			return -1;
	return check_endpoints(config, host->endpoints, err);
}

/* ---- The peers ---------------------------------------------------------------------------- */

static bool has_address_inside(const struct config *config, const struct lease *peer)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (config_has(config, f) &&
		    prefix_has(&config->pool[f].network, &peer->public_ip[f]))
			return true;
	return false;
}

static bool is_kept(const struct config *config, const struct lease *peer)
{
	bool outside = false;

	if (has_address_inside(config, peer))
		return false;
	for (enum family f = 0; f < FAMILIES; f++) {
		if (!config_has(config, f) || !prefix_is_set(&peer->subnet[f]))
			continue;
		if (prefix_covers(&config->pool[f].network, &peer->subnet[f]))
			return true;
		outside = true;
	}
	return !outside;
}

static bool has_same_networks(const struct config *a, const struct config *b)
{
	return prefix_equal(&a->pool[FAMILY_V4].network, &b->pool[FAMILY_V4].network) &&
	       prefix_equal(&a->pool[FAMILY_V6].network, &b->pool[FAMILY_V6].network);
}

int config_check_peers(const struct config *current, const struct config *next,
		       const struct leases *leases, const struct peer_self *self, struct err *err)
{
	AUTO(leases) struct leases usable = { .len = 0 };
	size_t inside = 0;

	if (has_same_networks(current, next))
		return 0;
	if (!peers_filter(leases, current, self, &usable, NULL, NULL, NULL))
		return err_nomem(err, "the peers");
	for (size_t i = 0; i < usable.len; i++) {
		if (is_kept(next, &usable.at[i]))
			return 0;
		inside += has_address_inside(next, &usable.at[i]);
	}
	if (!usable.len)
		return 0;
	return err_set(err, ERR_CONFIG,
		       "network configuration refused: it would remove all %zu peers: %s",
		       usable.len,
		       inside == usable.len ? "the Network contains their public addresses" :
					      "the Network contains none of their subnets");
}
