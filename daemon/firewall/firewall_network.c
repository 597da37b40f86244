/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/firewall_network.h"

#include <string.h>

bool firewall_allows(const struct firewall_network *to, const struct firewall_network *from)
{
	for (size_t i = 0; i < to->rules.allow_from_len; i++)
		if (!strcmp(to->rules.allow_from[i], from->name))
			return true;
	return false;
}

void firewall_network_free(struct firewall_network *network)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		firewall_elements_free(&network->peers[f]);
		firewall_elements_free(&network->gone[f]);
	}
}

static bool same_rules(const struct config_rules *a, const struct config_rules *b)
{
	if (a->non_masquerade_len != b->non_masquerade_len ||
	    a->allow_from_len != b->allow_from_len || a->allow_routers != b->allow_routers)
		return false;
	for (size_t i = 0; i < a->non_masquerade_len; i++)
		if (!prefix_equal(&a->non_masquerade[i], &b->non_masquerade[i]))
			return false;
	for (size_t i = 0; i < a->allow_from_len; i++)
		if (strcmp(a->allow_from[i], b->allow_from[i]) != 0)
			return false;
	return true;
}

static bool same_family(const struct firewall_network *a, const struct firewall_network *b,
			enum family f)
{
	return !strcmp(a->vxlan[f], b->vxlan[f]) && a->outer[f] == b->outer[f] &&
	       ipaddr_equal(&a->local[f], &b->local[f]) &&
	       ipaddr_equal(&a->published[f], &b->published[f]) &&
	       ipaddr_equal(&a->gateway[f], &b->gateway[f]) &&
	       prefix_equal(&a->cluster[f], &b->cluster[f]) &&
	       prefix_equal(&a->subnet[f], &b->subnet[f]) &&
	       firewall_elements_equal(&a->peers[f], &b->peers[f]);
}

bool firewall_network_equal(const struct firewall_network *a, const struct firewall_network *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->bridge, b->bridge) && a->vni == b->vni &&
	       a->port == b->port && a->uplink == b->uplink && a->last_known == b->last_known &&
	       a->closed == b->closed && a->bridged == b->bridged &&
	       a->flood_limit == b->flood_limit && a->is_switch == b->is_switch &&
	       a->foreign == b->foreign && a->probe_port == b->probe_port &&
	       a->over_bridge == b->over_bridge && ipaddr_equal(&a->group, &b->group) &&
	       nft_devices_equal(&a->arrivals, &b->arrivals) && same_rules(&a->rules, &b->rules) &&
	       same_family(a, b, FAMILY_V4) && same_family(a, b, FAMILY_V6);
}

bool firewall_network_merge(struct firewall_network *current, struct firewall_network *network)
{
	if (!current || current->last_known || !network->change)
		return true;
	for (enum family f = 0; f < FAMILIES; f++)
		if (!firewall_elements_patch(&current->peers[f], &network->gone[f],
					     &network->peers[f]))
			return false;
	for (enum family f = 0; f < FAMILIES; f++) {
		firewall_elements_free(&network->peers[f]);
		network->peers[f] = current->peers[f];
		current->peers[f] = (struct firewall_elements){ .len = 0 };
	}
	return true;
}

bool firewall_network_accepts_change(const struct firewall_network *current,
				     const struct firewall_network *network)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (!prefix_equal(&current->cluster[f], &network->cluster[f]) ||
		    current->outer[f] != network->outer[f])
			return true;
	return strcmp(current->bridge, network->bridge) || current->port != network->port ||
	       current->uplink != network->uplink;
}
