/* SPDX-License-Identifier: Apache-2.0 */
/* What the packet rules need to know of a network. */
#include "common/log.h"
#include "network_private.h"
#include "rules_table.h"

#include <string.h>

/* Tunnel packets come from where others send theirs to. */
static bool add_sources(const struct network *network, const struct peers *peers,
			struct rules_elements sources[static FAMILIES])
{
	for (enum family f = 0; f < FAMILIES; f++) {
		if (!network->outer[f])
			continue;
		if (!rules_elements_reserve(&sources[f], peers->len))
			return false;
		for (size_t i = 0; i < peers->len; i++)
			if (ipaddr_is_set(&peers->at[i].public_ip[f]) &&
			    !rules_elements_add(&sources[f], &peers->at[i].public_ip[f]))
				return false;
		rules_elements_sort(&sources[f]);
	}
	return true;
}

static void fill(const struct network *network, struct rules_network *rules)
{
	const struct peer_self self = network_self(network);

	memcpy(rules->name, network->name, sizeof(rules->name));
	device_bridge_name(network->config.vni, rules->bridge);
	rules->vni = network->config.vni;
	rules->port = network->config.port;
	rules->rules = network->config.rules;
	for (enum family f = 0; f < FAMILIES; f++) {
		rules->outer[f] = network->outer[f];
		if (!prefix_is_set(&self.subnet[f]))
			continue;
		rules->cluster[f] = network->config.plan[f].network;
		rules->subnet[f] = self.subnet[f];
	}
}

void network_tell_rules(struct network *network, const struct sync_peers *peers)
{
	struct rules_network rules = { .vni = 0 };

	if (!network->env.tell_rules)
		return;
	fill(network, &rules);
	rules.change = !peers->all;
	if (add_sources(network, &peers->now, rules.peers) &&
	    add_sources(network, &peers->was, rules.gone))
		network->masquerades = network->env.tell_rules(network->env.rules, &rules);
	else
		log_error("no memory for packet rules");
	rules_network_free(&rules);
}
