/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lease/lease_choose.h"

#include "common/auto.h"
#include "daemon/lease/foreign.h"
#include "daemon/lease/lease.h"
#include "ipam/config.h"

#include <string.h>

VEC_DEFINE(prefixes, struct prefix);

/* A weft node is identified by its id, a flannel node by its public IPv4 address. */
static bool is_own(const struct lease *lease, const struct lease_self *self)
{
	if (lease->node[0] || self->assigned)
		return !strcmp(lease->node, self->node);
	return ipaddr_is_set(&self->public_ip[FAMILY_V4]) &&
	       ipaddr_equal(&lease->public_ip[FAMILY_V4], &self->public_ip[FAMILY_V4]);
}

/*
 * Whether the lease is that of another machine with this node's id: one of the two is a clone of
 * the other. A lease with this node's present public address is not.
 */
static bool is_clone(const struct lease *lease, const struct lease_self *self)
{
	if (lease->invalid || lease->vanished || strcmp(lease->node, self->node) != 0 ||
	    !lease->machine[0] || !self->machine[0] || !strcmp(lease->machine, self->machine))
		return false;
	for (enum family f = 0; f < FAMILIES; f++)
		if (ipaddr_is_set(&lease->public_ip[f]) &&
		    ipaddr_equal(&lease->public_ip[f], &self->public_ip[f]))
			return false;
	return true;
}

/* An invalid value is not known to be a reservation. */
static bool is_reservation(const struct lease *lease)
{
	return lease->etcd_lease == 0 && !lease->invalid && !lease->vanished;
}

bool lease_is_complete(const struct config *config, const struct prefix subnet[static FAMILIES])
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&subnet[f]) != config_has(config, f))
			return false;
	return true;
}

static bool is_valid(const struct config *config, enum family f, const struct prefix *subnet)
{
	return prefix_is_set(subnet) && config_has(config, f) &&
	       subnet_valid(&config->pool[f], subnet);
}

/* Returns how many of the key's subnets can be leased in this network. */
static unsigned count_valid(const struct config *config, const struct lease *lease)
{
	unsigned valid = 0;

	for (enum family f = 0; f < FAMILIES; f++)
		valid += is_valid(config, f, &lease->subnet[f]);
	return valid;
}

static bool is_last(const struct lease *lease, const struct lease_self *self)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (!prefix_equal(&lease->subnet[f], &self->last[f]))
			return false;
	return true;
}

/*
 * Returns this node's key. Of several, it is the one with more valid subnets, then one with the
 * network's families, then a reservation, then the last lease, then the first. A key without any
 * valid subnet is returned too: it has to be replaced.
 */
static const struct lease *find_own(const struct leases *leases, const struct config *config,
				    const struct lease_self *self)
{
	const struct lease *best = NULL;
	unsigned best_rank = 0;

	for (size_t i = 0; i < leases->len; i++) {
		const struct lease *lease = &leases->at[i];
		unsigned rank;

		if (!is_own(lease, self))
			continue;
		rank = 1 + count_valid(config, lease) * 8 +
		       lease_is_complete(config, lease->subnet) * 4U + is_reservation(lease) * 2U +
		       is_last(lease, self);
		if (rank > best_rank) {
			best = lease;
			best_rank = rank;
		}
	}
	return best;
}

/*
 * A key outside the network takes no subnet of it. Otherwise one key for the whole address space
 * would prevent all nodes from joining.
 */
static bool is_in_network(const struct lease *lease, const struct subnet_pool *pool, enum family f)
{
	return prefix_is_set(&lease->subnet[f]) && prefix_covers(&pool->network, &lease->subnet[f]);
}

static bool is_free(const struct leases *leases, const struct subnet_pool *pool, enum family f,
		    const struct lease_self *self, const struct prefix *subnet)
{
	for (size_t i = 0; i < LEASE_AVOID_MAX; i++)
		if (prefix_is_set(&self->avoid[i]) && prefix_overlaps(&self->avoid[i], subnet))
			return false;
	for (size_t i = 0; i < leases->len; i++)
		if (is_in_network(&leases->at[i], pool, f) &&
		    prefix_overlaps(&leases->at[i].subnet[f], subnet))
			return false;
	return true;
}

static int taken_cmp(const void *a, const void *b)
{
	return prefix_cmp(a, b);
}

static bool pick(const struct leases *leases, const struct subnet_pool *pool, enum family f,
		 const struct lease_self *self, uint64_t seed, struct prefix *subnet_out)
{
	AUTO(prefixes) struct prefixes taken = { .len = 0 };

	for (size_t i = 0; i < leases->len; i++)
		if (is_in_network(&leases->at[i], pool, f) &&
		    !prefixes_push(&taken, &leases->at[i].subnet[f]))
			return false;
	for (size_t i = 0; i < LEASE_AVOID_MAX; i++)
		if (prefix_covers(&pool->network, &self->avoid[i]) &&
		    !prefixes_push(&taken, &self->avoid[i]))
			return false;
	for (size_t i = 0; self->foreign && i < self->foreign->prefixes.len; i++)
		if (foreign_occupies(&self->foreign->prefixes.at[i], &pool->network) &&
		    !prefixes_push(&taken, &self->foreign->prefixes.at[i].prefix))
			return false;
	vec_sort(taken.at, taken.len, sizeof(*taken.at), taken_cmp);
	return subnet_pick(pool, seed, taken.at, taken.len, subnet_out) > 0;
}

/* The index at which the search begins. For IPv6 it is the index of the IPv4 subnet. */
static uint64_t start_index(const struct config *config, enum family f,
			    const struct lease_self *self, const struct lease_choice *choice)
{
	const struct subnet_pool *pool = &config->pool[FAMILY_V4];
	const struct prefix first = { .addr = pool->min, .len = pool->len };

	if (f == FAMILY_V4 || !config_has(config, FAMILY_V4))
		return self->seed;
	return subnet_index(pool, &choice->subnet[FAMILY_V4]) - subnet_index(pool, &first);
}

/* own: this node's present key, whose valid subnets are kept; NULL: none. */
static struct lease_choice create(const struct leases *leases, const struct config *config,
				  const struct lease_self *self, const struct lease *own)
{
	struct lease_choice choice = { .action = LEASE_CREATE,
				       .reserved = own && is_reservation(own) };

	if (own && !own->vanished) {
		memcpy(choice.instead_of, own->subnet, sizeof(choice.instead_of));
		choice.instead_revision = own->mod_revision;
	}
	for (enum family f = 0; f < FAMILIES; f++) {
		struct prefix *subnet = &choice.subnet[f];

		if (!config_has(config, f))
			continue;
		if (own && is_valid(config, f, &own->subnet[f]))
			*subnet = own->subnet[f];
		else if (is_valid(config, f, &self->last[f]) &&
			 is_free(leases, &config->pool[f], f, self, &self->last[f]))
			*subnet = self->last[f];
		else if (!pick(leases, &config->pool[f], f, self,
			       start_index(config, f, self, &choice), subnet))
			return (struct lease_choice){ .action = LEASE_FULL, .full = f };
	}
	return choice;
}

static unsigned families(const struct config *config)
{
	return (unsigned)config_has(config, FAMILY_V4) + config_has(config, FAMILY_V6);
}

static struct lease_choice adopt(const struct lease *own)
{
	struct lease_choice choice = {
		.action = own->vanished ? LEASE_CREATE : LEASE_ADOPT,
		/* The key of a vanished lease is absent from the store. */
		.if_revision = own->vanished ? 0 : own->mod_revision,
		.reserved = is_reservation(own),
	};

	memcpy(choice.subnet, own->subnet, sizeof(choice.subnet));
	return choice;
}

static struct lease_choice choose_reserved(const struct config *config, const struct lease *own)
{
	struct lease_choice choice = { .action = LEASE_UNSUITABLE };

	if (!own || own->vanished)
		return (struct lease_choice){ .action = LEASE_UNRESERVED };
	if (lease_is_complete(config, own->subnet) && count_valid(config, own) == families(config))
		return adopt(own);
	memcpy(choice.subnet, own->subnet, sizeof(choice.subnet));
	return choice;
}

struct lease_choice lease_choose(const struct leases *leases, const struct config *config,
				 const struct lease_self *self)
{
	const struct lease *own = find_own(leases, config, self);
	struct lease_choice choice;

	for (size_t i = 0; i < leases->len; i++) {
		if (!is_clone(&leases->at[i], self))
			continue;
		choice = (struct lease_choice){ .action = LEASE_CLONE };
		memcpy(choice.subnet, leases->at[i].subnet, sizeof(choice.subnet));
		return choice;
	}
	if (config->reserved_only)
		return choose_reserved(config, own);
	if (!own || !lease_is_complete(config, own->subnet) ||
	    count_valid(config, own) < families(config))
		return create(leases, config, self, own);
	return adopt(own);
}

const struct lease *lease_find_conflict(const struct leases *leases, const struct lease_self *self,
					const struct prefix subnet[static FAMILIES])
{
	for (size_t i = 0; i < leases->len; i++) {
		const struct lease *lease = &leases->at[i];

		if (lease->vanished || is_own(lease, self))
			continue;
		for (enum family f = 0; f < FAMILIES; f++)
			if (prefix_is_set(&subnet[f]) &&
			    prefix_equal(&lease->subnet[f], &subnet[f]))
				return lease;
	}
	return NULL;
}

const struct lease *lease_find_duplicate(const struct leases *leases, const struct lease_self *self,
					 const struct prefix held[static FAMILIES],
					 uint64_t etcd_lease)
{
	const struct lease *kept = leases_find(leases, held);

	for (size_t i = 0; etcd_lease && i < leases->len; i++) {
		const struct lease *lease = &leases->at[i];

		if (lease != kept && lease->etcd_lease == etcd_lease && !lease->vanished &&
		    is_own(lease, self))
			return lease;
	}
	return NULL;
}
