/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells a network (watch.h), and what becomes of it: passes, and a new uplink. */
#include "common/err.h"
#include "common/log.h"
#include "loop.h"
#include "network_private.h"
#include "store.h"
#include "watch.h"

#include <stdio.h>
#include <string.h>

#define SETTLE_MS 10 /* an address that is changed is one that goes and one that comes */
#define WAIT_MS 2000 /* between looks for an uplink that is not there */

static bool objects(void *ctx, struct watch_objects *objects_out)
{
	const struct network *network = ctx;
	struct sync_stand stand = sync_stand(network->sync);
	struct watch_objects objects = {
		.bridge = stand.bridge,
		.uplink = network->uplink_error[0] ? 0 : network->uplink.index,
		.network = network->name,
		.learning = network->config.learning,
		.direct = network->config.direct_routing,
		.stand = stand.entries,
	};

	if (!network->lease)
		return false;
	device_bridge_name(network->config.vni, objects.bridge_name);
	memcpy(objects.vxlan, stand.vxlan, sizeof(objects.vxlan));
	device_vxlan_name(network->config.vni, objects.vxlan_name[0]);
	device_second_name(network->config.vni, objects.vxlan_name[1]);
	memcpy(objects.uplink_name, network->uplink.name, sizeof(objects.uplink_name));
	*objects_out = objects;
	return true;
}

static void rang(void *ctx, unsigned news)
{
	struct network *network = ctx;

	if (news & WATCH_UPLINK && !loop_timer_running(network->uplink_timer))
		loop_timer_start(network->uplink_timer, SETTLE_MS);
	if (news & WATCH_TABLES)
		sync_mark(network->sync, SYNC_ALL);
	else if (news & WATCH_DEVICES)
		sync_mark(network->sync, SYNC_DEVICES);
}

const struct watch_owner network_watch_owner = { objects, rang };

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

static void log_uplink(const struct uplink *uplink)
{
	char v4[IPADDR_TEXT_SIZE], v6[IPADDR_TEXT_SIZE], public_ip[IPADDR_TEXT_SIZE];

	log_info("uplink changed", "device", uplink->name, "ipv4",
		 ipaddr_text(&uplink->address[FAMILY_V4], v4), "ipv6",
		 ipaddr_text(&uplink->address[FAMILY_V6], v6), "public_ip",
		 ipaddr_text(&uplink->public_ip[FAMILY_V4], public_ip), "mtu",
		 LOG_NUM(uplink->mtu));
}

/* Without one, all stays as it is: what the tunnel needs may well be there. */
void network_find_uplink(void *ctx)
{
	struct network *network = ctx;
	struct ipaddr public_ip[FAMILIES] = { { .family = AF_UNSPEC } };
	struct uplink uplink;
	struct err err;

	if (!network->lease) {
		network_store_changed(network);
		return;
	}
	if (uplink_find(network->env.nl, network->env.iface, network->env.public_ip, &uplink,
			&err) < 0) {
		snprintf(network->uplink_error, sizeof(network->uplink_error), "%s", err.text);
		loop_timer_start(network->uplink_timer, WAIT_MS);
		network_judge(network);
		return;
	}
	network->uplink_error[0] = '\0';
	if (!same_uplink(&uplink, &network->uplink)) {
		log_uplink(&uplink);
		if (!same_address(&uplink, &network->uplink))
			network->store->ops->reconnect(network->store);
		network->uplink = uplink;
		config_outer(&network->config, uplink.address, network->outer);
		network_public_ip(network, public_ip);
		lease_readdress(network->lease, public_ip);
		network_store_changed(network);
		sync_mark(network->sync, SYNC_ALL);
	}
	network_judge(network);
}
