/* SPDX-License-Identifier: Apache-2.0 */
/* Which subnet to claim (lease.h). */
#include "config.h"
#include "lease.h"
#include "peer.h"

#include <string.h>

VEC_DEFINE(prefixes, struct prefix);

/* flannel's node is its public IPv4 address; ours is its id. */
static bool is_ours(const struct peer *peer, const struct lease_self *self)
{
	if (peer->node[0])
		return !strcmp(peer->node, self->node);
	return ipaddr_is_set(&self->public_ip[FAMILY_V4]) &&
	       ipaddr_equal(&peer->public_ip[FAMILY_V4], &self->public_ip[FAMILY_V4]);
}

bool lease_is_copy(const struct peer *peer, const struct lease_self *self)
{
	if (peer->unreadable || peer->vanished || strcmp(peer->node, self->node) != 0 ||
	    !peer->machine[0] || !self->machine[0] || !strcmp(peer->machine, self->machine))
		return false;
	for (enum family f = 0; f < FAMILIES; f++)
		if (ipaddr_is_set(&peer->public_ip[f]) &&
		    ipaddr_equal(&peer->public_ip[f], &self->public_ip[f]))
			return false;
	return true;
}

/* What does not parse says nothing, not even that it is meant to stay for ever. */
static bool is_reservation(const struct peer *peer)
{
	return peer->lease == 0 && !peer->unreadable && !peer->vanished;
}

bool lease_is_whole(const struct config *config, const struct prefix subnet[static FAMILIES])
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&subnet[f]) != config_has(config, f))
			return false;
	return true;
}

static bool is_good(const struct config *config, enum family f, const struct prefix *subnet)
{
	return prefix_is_set(subnet) && config_has(config, f) &&
	       subnet_valid(&config->plan[f], subnet);
}

/* How many of the key's subnets could be leased in this network. */
static unsigned count_good(const struct config *config, const struct peer *peer)
{
	unsigned good = 0;

	for (enum family f = 0; f < FAMILIES; f++)
		good += is_good(config, f, &peer->subnet[f]);
	return good;
}

static bool is_remembered(const struct peer *peer, const struct lease_self *self)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (!prefix_equal(&peer->subnet[f], &self->last[f]))
			return false;
	return true;
}

/*
 * Of several keys of ours: with more that is good, a reservation, the remembered one, the first.
 * One of which nothing is good is to go.
 */
static const struct peer *find_ours(const struct peers *known, const struct config *config,
				    const struct lease_self *self)
{
	const struct peer *best = NULL;
	unsigned best_rank = 0;

	for (size_t i = 0; i < known->len; i++) {
		const struct peer *peer = &known->at[i];
		unsigned rank;

		if (!is_ours(peer, self))
			continue;
		rank = 1 + count_good(config, peer) * 8 +
		       lease_is_whole(config, peer->subnet) * 4U + is_reservation(peer) * 2U +
		       is_remembered(peer, self);
		if (rank > best_rank) {
			best = peer;
			best_rank = rank;
		}
	}
	return best;
}

/*
 * A key outside the network takes nothing in it: one with a whole address space would
 * else stop every new node.
 */
static bool takes_some(const struct peer *peer, const struct subnet_plan *plan, enum family f)
{
	return prefix_is_set(&peer->subnet[f]) && prefix_covers(&plan->network, &peer->subnet[f]);
}

static bool is_free(const struct peers *known, const struct subnet_plan *plan, enum family f,
		    const struct lease_self *self, const struct prefix *subnet)
{
	for (size_t i = 0; i < LEASE_AVOID_MAX; i++)
		if (prefix_is_set(&self->avoid[i]) && prefix_overlaps(&self->avoid[i], subnet))
			return false;
	for (size_t i = 0; i < known->len; i++)
		if (takes_some(&known->at[i], plan, f) &&
		    prefix_overlaps(&known->at[i].subnet[f], subnet))
			return false;
	return true;
}

static int taken_cmp(const void *a, const void *b)
{
	return prefix_cmp(a, b);
}

static bool pick(const struct peers *known, const struct subnet_plan *plan, enum family f,
		 const struct lease_self *self, uint64_t seed, struct prefix *subnet_out)
{
	__attribute__((cleanup(prefixes_free))) struct prefixes taken = { .len = 0 };

	for (size_t i = 0; i < known->len; i++)
		if (takes_some(&known->at[i], plan, f) &&
		    !prefixes_push(&taken, &known->at[i].subnet[f]))
			return false;
	for (size_t i = 0; i < LEASE_AVOID_MAX; i++)
		if (prefix_covers(&plan->network, &self->avoid[i]) &&
		    !prefixes_push(&taken, &self->avoid[i]))
			return false;
	vec_sort(taken.at, taken.len, sizeof(*taken.at), taken_cmp);
	return subnet_pick(plan, seed, taken.at, taken.len, subnet_out) > 0;
}

/* The place where the search begins: for IPv6, the number that the IPv4 subnet has. */
static uint64_t seed_of(const struct config *config, enum family f, const struct lease_self *self,
			const struct lease_choice *choice)
{
	const struct subnet_plan *plan = &config->plan[FAMILY_V4];
	const struct prefix first = { .addr = plan->min, .len = plan->len };

	if (f == FAMILY_V4 || !config_has(config, FAMILY_V4))
		return self->seed;
	return subnet_index(plan, &choice->subnet[FAMILY_V4]) - subnet_index(plan, &first);
}

/* ours: what is good of it stays; NULL: there is none. */
static struct lease_choice create(const struct peers *known, const struct config *config,
				  const struct lease_self *self, const struct peer *ours)
{
	struct lease_choice choice = { .verdict = LEASE_CREATE,
				       .reserved = ours && is_reservation(ours) };

	if (ours && !ours->vanished) {
		memcpy(choice.instead_of, ours->subnet, sizeof(choice.instead_of));
		choice.instead_revision = ours->mod_revision;
	}
	for (enum family f = 0; f < FAMILIES; f++) {
		struct prefix *subnet = &choice.subnet[f];

		if (!config_has(config, f))
			continue;
		if (ours && is_good(config, f, &ours->subnet[f]))
			*subnet = ours->subnet[f];
		else if (is_good(config, f, &self->last[f]) &&
			 is_free(known, &config->plan[f], f, self, &self->last[f]))
			*subnet = self->last[f];
		else if (!pick(known, &config->plan[f], f, self, seed_of(config, f, self, &choice),
			       subnet))
			return (struct lease_choice){ .verdict = LEASE_FULL, .full = f };
	}
	return choice;
}

struct lease_choice lease_choose(const struct peers *known, const struct config *config,
				 const struct lease_self *self)
{
	const struct peer *ours = find_ours(known, config, self);
	struct lease_choice choice;

	for (size_t i = 0; i < known->len; i++) {
		if (!lease_is_copy(&known->at[i], self))
			continue;
		choice = (struct lease_choice){ .verdict = LEASE_COPY };
		memcpy(choice.subnet, known->at[i].subnet, sizeof(choice.subnet));
		return choice;
	}
	if (!ours || !lease_is_whole(config, ours->subnet) ||
	    count_good(config, ours) <
		    1U + (config_has(config, FAMILY_V4) && config_has(config, FAMILY_V6)))
		return create(known, config, self, ours);
	/* The key of one that has vanished is absent. */
	choice = (struct lease_choice){
		.verdict = ours->vanished ? LEASE_CREATE : LEASE_ADOPT,
		.if_revision = ours->vanished ? 0 : ours->mod_revision,
		.reserved = is_reservation(ours),
	};
	memcpy(choice.subnet, ours->subnet, sizeof(choice.subnet));
	return choice;
}

const struct peer *lease_rival(const struct peers *known, const struct lease_self *self,
			       const struct prefix subnet[static FAMILIES])
{
	for (size_t i = 0; i < known->len; i++) {
		const struct peer *peer = &known->at[i];

		if (peer->vanished || is_ours(peer, self))
			continue;
		for (enum family f = 0; f < FAMILIES; f++)
			if (prefix_is_set(&subnet[f]) && prefix_equal(&peer->subnet[f], &subnet[f]))
				return peer;
	}
	return NULL;
}

const struct peer *lease_surplus(const struct peers *known, const struct lease_self *self,
				 const struct prefix held[static FAMILIES], uint64_t id)
{
	const struct peer *kept = peers_find(known, held);

	for (size_t i = 0; id && i < known->len; i++) {
		const struct peer *peer = &known->at[i];

		if (peer != kept && peer->lease == id && !peer->vanished && is_ours(peer, self))
			return peer;
	}
	return NULL;
}
