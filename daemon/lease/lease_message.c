/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lease/lease_message.h"

#include "daemon/lease/lease.h"
#include "ipam/config.h"
#include "ipam/subnet.h"

#include <stdio.h>

#define CLONE                                                                                      \
	"with this node's id: one of the two is a clone of the other. "                            \
	"Stop weftd on the clone, remove node.json from its state directory, and start weftd"

static const char *first_text(const struct prefix subnet[static FAMILIES],
			      char buf[static PREFIX_TEXT_SIZE])
{
	return prefix_text(&subnet[prefix_is_set(&subnet[FAMILY_V4]) ? FAMILY_V4 : FAMILY_V6], buf);
}

void lease_message_lost(const struct lease *owner, bool clone, char text[static LEASE_MESSAGE_SIZE])
{
	bool v4 = ipaddr_is_set(&owner->public_ip[FAMILY_V4]);
	char first[PREFIX_TEXT_SIZE], addr[IPADDR_TEXT_SIZE];

	snprintf(text, LEASE_MESSAGE_SIZE, "%s is leased by another %s (%s %s)%s",
		 first_text(owner->subnet, first), clone ? "machine" : "node", owner->name,
		 ipaddr_text(&owner->public_ip[v4 ? FAMILY_V4 : FAMILY_V6], addr),
		 clone ? " " CLONE : "");
}

void lease_message_clone(const struct prefix subnet[static FAMILIES],
			 char text[static LEASE_MESSAGE_SIZE])
{
	char first[PREFIX_TEXT_SIZE];

	first_text(subnet, first);
	snprintf(text, LEASE_MESSAGE_SIZE,
		 "%s is leased by another machine " CLONE
		 ". If that machine no longer exists: weftctl release %s",
		 first, first);
}

void lease_message_full(const struct subnet_pool *pool, char text[static LEASE_MESSAGE_SIZE])
{
	char network[PREFIX_TEXT_SIZE];

	snprintf(text, LEASE_MESSAGE_SIZE,
		 "no free subnet: all %llu of %s are leased or overlap another device of this node",
		 (unsigned long long)subnet_count(pool), prefix_text(&pool->network, network));
}

void lease_message_unsuitable(const struct config *config,
			      const struct prefix subnet[static FAMILIES],
			      char text[static LEASE_MESSAGE_SIZE])
{
	static const char *const names[FAMILIES] = { "IPv4", "IPv6" };
	char own[PREFIX_TEXT_SIZE], network[PREFIX_TEXT_SIZE];

	snprintf(text, LEASE_MESSAGE_SIZE,
		 "%s is reserved for this node, but the network is another",
		 first_text(subnet, own));
	for (enum family f = 0; f < FAMILIES; f++) {
		if (config_has(config, f) && !prefix_is_set(&subnet[f]))
			snprintf(text, LEASE_MESSAGE_SIZE,
				 "no %s subnet is reserved for this node, only %s, but the network "
				 "configuration has %s",
				 names[f], first_text(subnet, own),
				 prefix_text(&config->pool[f].network, network));
		else if (!config_has(config, f) && prefix_is_set(&subnet[f]))
			snprintf(text, LEASE_MESSAGE_SIZE,
				 "%s is reserved for this node, but the network configuration does "
				 "not enable %s",
				 prefix_text(&subnet[f], own), names[f]);
		else if (config_has(config, f) &&
			 !prefix_covers(&config->pool[f].network, &subnet[f]))
			snprintf(text, LEASE_MESSAGE_SIZE,
				 "%s is reserved for this node, but is not in the network %s",
				 prefix_text(&subnet[f], own),
				 prefix_text(&config->pool[f].network, network));
		else
			continue;
		return;
	}
}
