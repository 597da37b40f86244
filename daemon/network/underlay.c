/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/underlay.h"

#include "common/auto.h"
#include "common/log.h"
#include "common/netlink/link.h"
#include "common/netlink/route.h"
#include "daemon/dataplane/device.h"
#include "daemon/dataplane/watch.h"
#include "daemon/io/loop.h"
#include "daemon/lease/lease.h"
#include "daemon/network/config_check.h"
#include "ipam/config.h"

#include <stdio.h>
#include <string.h>

#define MOVE_MS 1500 /* before a doubtful address or another device is used */

/* The gateways of the default routes, and of all routes of others through the uplink. */
struct gateways {
	uint32_t uplink; /* index */
	struct config_addresses found;
};

static int collect_gateway(void *ctx, const struct route *route, struct err *err)
{
	struct gateways *gateways = ctx;
	bool relevant = route->dst.len == 0 || route->index == gateways->uplink;

	if (!relevant || !ipaddr_is_set(&route->gateway))
		return 0;
	return config_addresses_push(&gateways->found, &route->gateway) ?
		       0 :
		       err_nomem(err, "the gateways");
}

static void reset_gateways(void *ctx)
{
	struct gateways *gateways = ctx;

	config_addresses_clear(&gateways->found);
}

/* A Network contains addresses of its own family only. */
static int find_gateways(struct nl *nl, const struct config *config, struct gateways *gateways,
			 struct config_addresses *all, struct err *err)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		const uint8_t family = f == FAMILY_V4 ? AF_INET : AF_INET6;

		if (!config_has(config, f))
			continue;
		if (route_each_hop(nl, family, ROUTE_PROTOCOL, collect_gateway, reset_gateways,
				   gateways, err) < 0)
			return -1;
		for (size_t i = 0; i < gateways->found.len; i++)
			if (!config_addresses_push(all, &gateways->found.at[i]))
				return err_nomem(err, "the gateways");
		config_addresses_clear(&gateways->found);
	}
	return 0;
}

/* The families of tunnel packets over this uplink. ERR_CONFIG: there would be none. */
static int find_outer(const struct uplink *uplink, const struct config *config,
		      bool outer_out[static FAMILIES], struct err *err)
{
	config_outer_families(config, uplink->address, outer_out);
	if (outer_out[FAMILY_V4] || outer_out[FAMILY_V6])
		return 0;
	return err_set(err, ERR_CONFIG,
		       "no uplink: %s has no address of the family that Weft.Underlay requires",
		       uplink->name);
}

int underlay_check(const struct underlay *underlay, struct nl *nl, const struct uplink *uplink,
		   const struct config *config, struct err *err)
{
	struct gateways gateways = { .uplink = uplink->index };
	AUTO(config_addresses) struct config_addresses all = { .len = 0 };
	const struct config_host host = { uplink, &all, underlay->endpoints };
	bool outer[FAMILIES];
	int rc = find_outer(uplink, config, outer, err);

	if (rc == 0)
		rc = find_gateways(nl, config, &gateways, &all, err);
	config_addresses_free(&gateways.found);
	return rc < 0 ? -1 : config_check_host(config, &host, err);
}

/* The address of an existing vxlan device of the network. */
static int read_local(struct nl *nl, const char *name, const char *network,
		      struct ipaddr previous[static FAMILIES], struct err *err)
{
	struct link link;
	int found = link_get(nl, name, &link, err);

	if (found <= 0 || !device_is_ours(&link, network) || link.kind != LINK_KIND_VXLAN)
		return found < 0 ? -1 : 0;
	previous[ipaddr_family(&link.vxlan.local)] = link.vxlan.local;
	return 0;
}

/* After a boot there is no device, but the store or the snapshot has the lease. */
static int find_previous(struct nl *nl, const struct config *config,
			 const struct underlay_past *past, struct ipaddr previous[static FAMILIES],
			 struct err *err)
{
	char name[IF_NAMESIZE];

	if (read_local(nl, device_vxlan_name(config->vni, name), past->network, previous, err) <
		    0 ||
	    read_local(nl, device_second_name(config->vni, name), past->network, previous, err) < 0)
		return -1;
	if (ipaddr_is_set(&previous[FAMILY_V4]) || ipaddr_is_set(&previous[FAMILY_V6]))
		return 0;
	for (size_t i = 0; i < past->leases->len; i++) {
		const struct lease *lease = &past->leases->at[i];

		for (enum family f = 0; !strcmp(lease->node, past->node) && f < FAMILIES; f++)
			previous[f] = ipaddr_is_set(&lease->source_ip[f]) ? lease->source_ip[f] :
									    lease->public_ip[f];
	}
	return 0;
}

static struct uplink_search search_of(const struct underlay *underlay, const struct config *config)
{
	struct uplink_search search = {
		.options = underlay->options,
		.current = &underlay->uplink,
		.v6_first = config->underlay == CONFIG_UNDERLAY_V6,
	};

	memcpy(search.peer, underlay->peer, sizeof(search.peer));
	return search;
}

static void log_uplink(const char *network, const struct uplink *uplink, const char *message)
{
	char v4[IPADDR_TEXT_SIZE], v6[IPADDR_TEXT_SIZE], public_ip[IPADDR_TEXT_SIZE];

	log_info(message, "network", network, "device", uplink->name, "ipv4",
		 ipaddr_text(&uplink->address[FAMILY_V4], v4), "ipv6",
		 ipaddr_text(&uplink->address[FAMILY_V6], v6), "public_ip",
		 ipaddr_text(&uplink->public_ip[FAMILY_V4], public_ip), "mtu",
		 LOG_NUM(uplink->mtu));
	for (enum family f = 0; f < FAMILIES; f++)
		if (!ipaddr_equal(&uplink->address[f], &uplink->public_ip[f]))
			log_info("the public address is not one of this host: published together "
				 "with the source of tunnel packets, which peers accept too",
				 "network", network, "public_ip",
				 ipaddr_text(&uplink->public_ip[f], public_ip), "source",
				 ipaddr_text(&uplink->address[f], v4));
	if (uplink->provisional)
		log_warn("no default route: the uplink is a guess until there is one; set --iface",
			 "network", network, "device", uplink->name);
}

/* Sets limit, and logs a change. */
static void update_limit(struct underlay *underlay, const struct config *config)
{
	const uint32_t mtu = underlay_mtu(underlay, config);
	const uint32_t under = config->mtu ? config->mtu : underlay->uplink.mtu;
	const bool had = !underlay->limit[0];

	underlay->limit[0] = '\0';
	if (config_has(config, FAMILY_V6) && !underlay_has_ipv6(underlay, config))
		snprintf(underlay->limit, sizeof(underlay->limit),
			 "IPv6 of containers is disabled: their MTU of %u is below %d; set %s to "
			 "at least %u",
			 mtu, CONFIG_MTU_MIN_V6,
			 config->mtu ? "Backend.MTU" : "the MTU of the uplink",
			 CONFIG_MTU_MIN_V6 + under - mtu);
	if (had && underlay->limit[0])
		log_warn("IPv6 of containers is disabled", "network", underlay->network, "mtu",
			 LOG_NUM(mtu), "minimum", LOG_NUM(CONFIG_MTU_MIN_V6));
	else if (!had && !underlay->limit[0])
		log_info("IPv6 of containers is enabled again", "network", underlay->network, "mtu",
			 LOG_NUM(mtu));
}

int underlay_init(struct underlay *underlay, struct nl *nl, const struct config *config,
		  const struct underlay_past *past, struct err *err)
{
	const struct uplink *uplink = &underlay->uplink;
	struct uplink_search search;

	underlay_sample(underlay, config, past->leases, past->node);
	underlay->gateways_stale = false;
	search = search_of(underlay, config);
	if (find_previous(nl, config, past, search.previous, err) < 0 ||
	    uplink_find(nl, &search, &underlay->uplink, err) < 0)
		return -1;
	underlay->error[0] = '\0';
	if (find_outer(uplink, config, underlay->outer, err) < 0 ||
	    underlay_check(underlay, nl, uplink, config, err) < 0)
		return -1;
	underlay->network = past->network;
	log_uplink(past->network, uplink, "uplink found");
	update_limit(underlay, config);
	return 0;
}

static bool same_address(const struct uplink *a, const struct uplink *b)
{
	return ipaddr_equal(&a->address[FAMILY_V4], &b->address[FAMILY_V4]) &&
	       ipaddr_equal(&a->address[FAMILY_V6], &b->address[FAMILY_V6]);
}

static bool same_uplink(const struct uplink *a, const struct uplink *b)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (!ipaddr_equal(&a->public_ip[f], &b->public_ip[f]))
			return false;
	return a->index == b->index && !strcmp(a->name, b->name) && same_address(a, b) &&
	       a->mtu == b->mtu;
}

static bool has_path(const struct uplink *uplink, uint32_t index)
{
	for (size_t i = 0; i < UPLINK_PATHS; i++)
		if (uplink->path[i] == index)
			return true;
	return false;
}

/* In any order, which depends on the peers that were looked up. */
static bool same_path(const struct uplink *a, const struct uplink *b)
{
	for (size_t i = 0; i < UPLINK_PATHS; i++)
		if ((a->path[i] && !has_path(b, a->path[i])) ||
		    (b->path[i] && !has_path(a, b->path[i])))
			return false;
	return !memcmp(a->device, b->device, sizeof(a->device));
}

/* Whether a route names an uplink in place of a guess. */
static bool is_confirmed(const struct uplink *old, const struct uplink *uplink)
{
	return old->provisional && !uplink->provisional;
}

/*
 * Whether tunnel packets can be sent as before, or over a family that is new. Over a family that
 * was there and not used, all peers would be lost: this node has not published its address.
 */
static int check_lost(const struct underlay *underlay, const struct uplink *uplink,
		      const struct config *config, struct err *err)
{
	const struct uplink *old = &underlay->uplink;
	bool outer[FAMILIES], lost = false;

	if (find_outer(uplink, config, outer, err) < 0)
		return -1;
	for (enum family f = 0; f < FAMILIES; f++) {
		if (outer[f] && (underlay->outer[f] || !ipaddr_is_set(&old->address[f])))
			return 0;
		lost |= underlay->outer[f] && !ipaddr_is_set(&uplink->address[f]);
	}
	if (!lost || is_confirmed(old, uplink))
		return 0;
	return err_set(err, ERR_CONFIG, "no uplink: %s has no %s address any more", old->name,
		       underlay->outer[FAMILY_V4] ? "IPv4" : "IPv6");
}

/* Whether an address in use is gone, or replaced by what may be only left over. */
static bool is_hasty(const struct underlay *underlay, const struct uplink *uplink)
{
	const struct uplink *old = &underlay->uplink;
	bool lost = false, replaced = false;

	for (enum family f = 0; f < FAMILIES; f++) {
		/* IPv4's identifies the node, whatever the tunnel uses. */
		if (!ipaddr_is_set(&old->address[f]) || (f != FAMILY_V4 && !underlay->outer[f]))
			continue;
		lost |= !ipaddr_is_set(&uplink->address[f]);
		replaced |= !ipaddr_equal(&old->address[f], &uplink->address[f]);
	}
	if (lost)
		return !is_confirmed(old, uplink);
	return replaced && !old->provisional && (uplink->doubtful || uplink->index != old->index);
}

/* Whether the change has to wait: the address in use may come back, or be replaced by another. */
static bool has_to_wait(struct underlay *underlay, const struct uplink *uplink)
{
	const uint64_t now = loop_now_ms();

	if (!is_hasty(underlay, uplink)) {
		underlay->lost_ms = 0;
		return false;
	}
	if (!underlay->lost_ms)
		underlay->lost_ms = now;
	return now - underlay->lost_ms < MOVE_MS;
}

int underlay_refresh(struct underlay *underlay, struct nl *nl, const struct config *config,
		     enum underlay_change *change_out, struct err *err)
{
	const struct uplink_search search = search_of(underlay, config);
	struct uplink uplink;
	int rc = uplink_find(nl, &search, &uplink, err);

	if (rc == 0)
		rc = check_lost(underlay, &uplink, config, err);
	if (rc == 0 && has_to_wait(underlay, &uplink))
		rc = err_set(err, ERR_CONFIG, "no uplink: the address of %s is gone or unusable",
			     underlay->uplink.name);
	if (rc == 0 && (underlay->gateways_stale || underlay->error[0] ||
			!same_uplink(&uplink, &underlay->uplink)))
		rc = underlay_check(underlay, nl, &uplink, config, err);
	if (rc < 0) {
		snprintf(underlay->error, sizeof(underlay->error), "%s", err->text);
		return -1;
	}
	underlay->error[0] = '\0';
	underlay->gateways_stale = false;
	*change_out = UNDERLAY_SAME;
	if (same_uplink(&uplink, &underlay->uplink)) {
		if (!same_path(&uplink, &underlay->uplink))
			*change_out = UNDERLAY_PATH;
		underlay->uplink = uplink;
		return 0;
	}
	underlay->lost_ms = 0;
	log_uplink(underlay->network, &uplink, "uplink changed");
	*change_out = same_address(&uplink, &underlay->uplink) ? UNDERLAY_CHANGED : UNDERLAY_MOVED;
	underlay->uplink = uplink;
	underlay_configure(underlay, config);
	return 0;
}

/* The address to which packets to a peer are sent; unset: it is no peer. */
static struct ipaddr address_of(const struct lease *lease, const struct config *config,
				const char *node)
{
	const enum family f = config->underlay != CONFIG_UNDERLAY_V6 &&
					      ipaddr_is_set(&lease->public_ip[FAMILY_V4]) ?
				      FAMILY_V4 :
				      FAMILY_V6;

	if (!strcmp(lease->node, node) || ipaddr_is_special(&lease->public_ip[f]))
		return (struct ipaddr){ .family = AF_UNSPEC };
	return lease->public_ip[f];
}

/* Half from each end, which are most likely to differ in where they are. */
bool underlay_sample(struct underlay *underlay, const struct config *config,
		     const struct leases *leases, const char *node)
{
	struct ipaddr peer[UPLINK_PEERS] = { { .family = AF_UNSPEC } };
	size_t len = 0;

	for (size_t i = 0; i < leases->len && i < UPLINK_PEERS; i++) {
		size_t at = i % 2 ? leases->len - 1 - i / 2 : i / 2;

		peer[len] = address_of(&leases->at[at], config, node);
		len += ipaddr_is_set(&peer[len]);
	}
	if (!memcmp(peer, underlay->peer, sizeof(peer)))
		return false;
	memcpy(underlay->peer, peer, sizeof(peer));
	return true;
}

void underlay_configure(struct underlay *underlay, const struct config *config)
{
	if (!underlay->uplink.index)
		return;
	config_outer_families(config, underlay->uplink.address, underlay->outer);
	update_limit(underlay, config);
}

bool underlay_has_ipv6(const struct underlay *underlay, const struct config *config)
{
	return !underlay->uplink.index || underlay_mtu(underlay, config) >= CONFIG_MTU_MIN_V6;
}

uint32_t underlay_mtu(const struct underlay *underlay, const struct config *config)
{
	return device_mtu(config->mtu ? config->mtu : underlay->uplink.mtu, underlay->outer);
}

/* IPv6's only if tunnel packets are received over it; IPv4's always: it identifies a node. */
void underlay_public_ip(const struct underlay *underlay, struct ipaddr public_ip[static FAMILIES])
{
	public_ip[FAMILY_V4] = underlay->uplink.public_ip[FAMILY_V4];
	if (underlay->outer[FAMILY_V6])
		public_ip[FAMILY_V6] = underlay->uplink.public_ip[FAMILY_V6];
}

void underlay_source_ip(const struct underlay *underlay, struct ipaddr source_ip[static FAMILIES])
{
	const struct uplink *uplink = &underlay->uplink;

	for (enum family f = 0; f < FAMILIES; f++)
		if (underlay->outer[f] && !ipaddr_equal(&uplink->address[f], &uplink->public_ip[f]))
			source_ip[f] = uplink->address[f];
}

void underlay_watch(const struct underlay *underlay, struct watch_objects *objects)
{
	const struct uplink *uplink = &underlay->uplink;

	objects->uplink = underlay->error[0] ? 0 : uplink->index;
	memcpy(objects->uplink_name, uplink->name, sizeof(objects->uplink_name));
	memcpy(objects->path, uplink->path, sizeof(uplink->path));
	objects->path[UPLINK_PATHS] = uplink->device[FAMILY_V6];
	for (enum family f = 0; f < FAMILIES; f++)
		objects->public_ip[f] = underlay->options->public_ip[f];
}
