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
	       prefix_equal(&a->subnet[f], &b->subnet[f]);
}

bool firewall_network_same_rules(const struct firewall_network *a, const struct firewall_network *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->bridge, b->bridge) && a->vni == b->vni &&
	       a->port == b->port && a->uplink == b->uplink && a->last_known == b->last_known &&
	       a->closed == b->closed && a->bridged == b->bridged &&
	       a->flood_limit == b->flood_limit && a->is_switch == b->is_switch &&
	       a->foreign == b->foreign && a->probe_port == b->probe_port &&
	       a->over_bridge == b->over_bridge && ipaddr_equal(&a->group, &b->group) &&
	       nft_devices_equal(&a->arrivals, &b->arrivals) &&
	       !memcmp(a->path, b->path, sizeof(a->path)) && same_rules(&a->rules, &b->rules) &&
	       same_family(a, b, FAMILY_V4) && same_family(a, b, FAMILY_V6);
}

bool firewall_network_equal(const struct firewall_network *a, const struct firewall_network *b)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (!firewall_elements_equal(&a->peers[f], &b->peers[f]))
			return false;
	return firewall_network_same_rules(a, b);
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
	       current->uplink != network->uplink ||
	       memcmp(current->path, network->path, sizeof(current->path)) != 0;
}

struct firewall_network *firewall_networks_find(const struct firewall_networks *networks,
						const char *name)
{
	for (size_t i = 0; i < networks->len; i++)
		if (!strcmp(networks->at[i].name, name))
			return &networks->at[i];
	return NULL;
}

bool firewall_networks_add(struct firewall_networks *networks, struct firewall_network *network)
{
	size_t place;

	if (!firewall_networks_push(networks, network))
		return false;
	for (place = networks->len - 1;
	     place > 0 && strcmp(networks->at[place - 1].name, network->name) > 0; place--)
		networks->at[place] = networks->at[place - 1];
	networks->at[place] = *network;
	memset(network->peers, 0, sizeof(network->peers));
	memset(network->gone, 0, sizeof(network->gone));
	return true;
}

void firewall_networks_remove_last_known(struct firewall_networks *networks)
{
	size_t kept = 0;

	for (size_t i = 0; i < networks->len; i++) {
		if (networks->at[i].last_known)
			firewall_network_free(&networks->at[i]);
		else
			networks->at[kept++] = networks->at[i];
	}
	networks->len = kept;
}

size_t firewall_networks_served(const struct firewall_networks *networks)
{
	size_t count = 0;

	for (size_t i = 0; i < networks->len; i++)
		count += !networks->at[i].last_known;
	return count;
}

bool firewall_networks_complete(const struct firewall_networks *networks, size_t expected,
				bool is_new)
{
	if (firewall_networks_served(networks) < expected)
		return false;
	for (size_t i = 0; !is_new && i < networks->len; i++)
		if (!networks->at[i].last_known && !networks->at[i].wait)
			return false;
	return true;
}

bool firewall_networks_end_wait(struct firewall_networks *networks, bool installed,
				bool *waiting_out)
{
	bool released = false;

	*waiting_out = false;
	for (size_t i = 0; i < networks->len; i++) {
		struct firewall_network *network = &networks->at[i];

		if (network->wait == FIREWALL_WAIT_INSTALLED && !installed) {
			*waiting_out = true;
			continue;
		}
		released |= network->wait != FIREWALL_WAIT_NONE;
		network->wait = FIREWALL_WAIT_NONE;
	}
	return released;
}
