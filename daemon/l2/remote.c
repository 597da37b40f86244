/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/l2/remote.h"

#include "daemon/l2/announce.h"
#include "daemon/l2/seen.h"
#include "daemon/lease/lease.h"
#include "daemon/lease/peer.h"
#include "ipam/config.h"

#include <string.h>

/* A peer by its node's id. */
struct by_node {
	const char *node;
	const struct lease *lease;
};

VEC_DEFINE(by_nodes, struct by_node);

/* A MAC with one or more addresses. */
struct by_mac {
	struct mac mac;
	struct ipaddr vtep;
	uint64_t mod_revision;
	size_t index; /* into the remotes */
};

VEC_DEFINE(by_macs, struct by_mac);

/* The state of remotes_find. */
struct search {
	const struct remote_source *source;
	struct by_nodes peers; /* sorted */
	struct macs own;       /* of the node's containers and bridge; sorted */
	struct by_macs macs;   /* of the remotes */
	struct remotes *remotes;
	struct remote_counts counts;
};

static void search_free(struct search *search)
{
	by_nodes_free(&search->peers);
	macs_free(&search->own);
	by_macs_free(&search->macs);
}

static int node_cmp(const void *a, const void *b)
{
	const struct by_node *left = a, *right = b;

	return strcmp(left->node, right->node);
}

static int mac_order(const void *a, const void *b)
{
	return mac_cmp(a, b);
}

static int oldest_first(const void *a, const void *b)
{
	const struct by_mac *left = a, *right = b;
	int order = mac_cmp(&left->mac, &right->mac);

	if (order)
		return order;
	return (left->mod_revision > right->mod_revision) -
	       (left->mod_revision < right->mod_revision);
}

static bool index_node(struct search *search)
{
	const struct remote_source *source = search->source;

	for (size_t i = 0; i < source->peers->len; i++) {
		const struct by_node peer = { source->peers->at[i].node, &source->peers->at[i] };

		if (peer.node[0] && !by_nodes_push(&search->peers, &peer))
			return false;
	}
	for (size_t i = 0; i < source->locals->len; i++)
		if (!macs_push(&search->own, &source->locals->at[i].endpoint.mac))
			return false;
	for (size_t i = 0; source->reserved && i < source->reserved->len; i++)
		if (!macs_push(&search->own, &source->reserved->at[i]))
			return false;
	vec_sort(search->peers.at, search->peers.len, sizeof(*search->peers.at), node_cmp);
	vec_sort(search->own.at, search->own.len, sizeof(*search->own.at), mac_order);
	return true;
}

/* Whether a remote container may have the address and the MAC. */
static bool is_permitted(const struct search *search, const struct endpoint *endpoint)
{
	const struct config *config = search->source->config;
	const enum family f = ipaddr_family(&endpoint->addr);

	if (!config_has(config, f) || !prefix_has(&config->pool[f].network, &endpoint->addr) ||
	    ipaddr_equal(&endpoint->addr, &config->gateway[f]))
		return false;
	for (enum family g = 0; g < FAMILIES; g++) {
		const struct mac gateway = mac_of_address(&config->gateway[g]);

		if (ipaddr_is_set(&config->gateway[g]) && !mac_cmp(&gateway, &endpoint->mac))
			return false;
	}
	return mac_cmp(&endpoint->mac, &search->source->vtep_mac) != 0 &&
	       !vec_find(search->own.at, search->own.len, sizeof(struct mac), mac_order,
			 &endpoint->mac);
}

static const struct lease *find_peer(const struct search *search, const char *node)
{
	const struct by_node key = { .node = node };
	const struct by_node *found = vec_find(search->peers.at, search->peers.len, sizeof(key),
					       node_cmp, &key);

	return found ? found->lease : NULL;
}

static bool add(struct search *search, const struct endpoint *endpoint)
{
	const enum family f = ipaddr_family(&endpoint->addr);
	const struct lease *peer = find_peer(search, endpoint->node);
	const int outer = peer ? peer_outer_family(peer, f, search->source->outer) : -1;
	struct remote remote = { .addr = endpoint->addr, .mac = endpoint->mac };
	struct by_mac mac = { .mac = endpoint->mac, .mod_revision = endpoint->mod_revision };

	if (outer < 0) {
		search->counts.waiting++;
		return true;
	}
	remote.vtep = mac.vtep = peer->public_ip[outer];
	mac.index = search->remotes->len;
	return remotes_push(search->remotes, &remote) && by_macs_push(&search->macs, &mac);
}

/* Removes the remotes whose MAC is that of an older one at another VTEP. */
static void drop_conflicts(struct search *search)
{
	const struct by_mac *first = NULL;
	struct remotes *remotes = search->remotes;
	size_t len = 0;

	vec_sort(search->macs.at, search->macs.len, sizeof(*search->macs.at), oldest_first);
	for (size_t i = 0; i < search->macs.len; i++) {
		const struct by_mac *at = &search->macs.at[i];

		if (!first || mac_cmp(&first->mac, &at->mac) != 0)
			first = at;
		else if (!ipaddr_equal(&first->vtep, &at->vtep))
			remotes->at[at->index].vtep.family = AF_UNSPEC;
	}
	for (size_t i = 0; i < remotes->len; i++)
		if (ipaddr_is_set(&remotes->at[i].vtep))
			remotes->at[len++] = remotes->at[i];
	search->counts.refused += remotes->len - len;
	remotes->len = len;
}

static bool find_all(struct search *search)
{
	const struct remote_source *source = search->source;

	if (!index_node(search) || !remotes_reserve(search->remotes, source->endpoints->len))
		return false;
	for (size_t i = 0; i < source->endpoints->len; i++) {
		const struct endpoint *endpoint = &source->endpoints->at[i];

		if (!strcmp(endpoint->node, source->node) ||
		    announce_find(source->locals, &endpoint->addr))
			continue;
		if (!is_permitted(search, endpoint))
			search->counts.refused++;
		else if (!add(search, endpoint))
			return false;
	}
	drop_conflicts(search);
	return true;
}

bool remotes_find(const struct remote_source *source, struct remotes *remotes_out,
		  struct remote_counts *counts_out)
{
	struct search search = { .source = source, .remotes = remotes_out };
	bool good;

	remotes_clear(remotes_out);
	good = find_all(&search);
	*counts_out = search.counts;
	search_free(&search);
	return good;
}
