/* SPDX-License-Identifier: Apache-2.0 */
/* Which subnet to claim (lease.h). */
#include "config.h"
#include "lease.h"
#include "peer.h"

#include <string.h>

VEC_DEFINE(prefixes, struct prefix);

/* flannel's node is its public address; ours is its id. */
static bool is_ours(const struct peer *peer, const struct lease_self *self)
{
	if (peer->node[0])
		return !strcmp(peer->node, self->node);
	return ipaddr_equal(&peer->public_ip, &self->public_ip);
}

/* What does not parse says nothing, not even that it is meant to stay for ever. */
static bool is_reservation(const struct peer *peer)
{
	return peer->lease == 0 && !peer->unreadable && !peer->vanished;
}

/* The key of one that has vanished is absent. */
static struct lease_choice adopt(const struct peer *peer)
{
	if (peer->vanished)
		return (struct lease_choice){ .verdict = LEASE_CREATE, .subnet = peer->subnet };
	return (struct lease_choice){
		.verdict = LEASE_ADOPT,
		.subnet = peer->subnet,
		.if_revision = peer->mod_revision,
		.reserved = is_reservation(peer),
	};
}

/* Of several keys of ours, a reservation, then the remembered one, then the first. */
static const struct peer *find_ours(const struct peers *known, const struct config *config,
				    const struct lease_self *self)
{
	const struct peer *best = NULL;

	for (size_t i = 0; i < known->len; i++) {
		const struct peer *peer = &known->at[i];

		if (!is_ours(peer, self) || !subnet_valid(&config->plan, &peer->subnet))
			continue;
		if (is_reservation(peer))
			return peer;
		if (!best || prefix_equal(&peer->subnet, &self->last))
			best = peer;
	}
	return best;
}

/*
 * A key outside the network takes nothing in it: one with a whole address space would
 * else stop every new node.
 */
static bool takes_some(const struct peer *peer, const struct config *config)
{
	return prefix_covers(&config->plan.network, &peer->subnet);
}

static bool is_free(const struct peers *known, const struct config *config,
		    const struct prefix *subnet)
{
	for (size_t i = 0; i < known->len; i++)
		if (takes_some(&known->at[i], config) &&
		    prefix_overlaps(&known->at[i].subnet, subnet))
			return false;
	return true;
}

static struct lease_choice create(const struct peers *known, const struct config *config,
				  const struct lease_self *self)
{
	__attribute__((cleanup(prefixes_free))) struct prefixes taken = { .len = 0 };
	struct lease_choice choice = { .verdict = LEASE_FULL };

	if (subnet_valid(&config->plan, &self->last) && is_free(known, config, &self->last))
		return (struct lease_choice){ .verdict = LEASE_CREATE, .subnet = self->last };
	for (size_t i = 0; i < known->len; i++)
		if (takes_some(&known->at[i], config) &&
		    !prefixes_push(&taken, &known->at[i].subnet))
			return choice;
	if (subnet_pick(&config->plan, self->seed, taken.at, taken.len, &choice.subnet))
		choice.verdict = LEASE_CREATE;
	return choice;
}

struct lease_choice lease_choose(const struct peers *known, const struct config *config,
				 const struct lease_self *self)
{
	const struct peer *ours = find_ours(known, config, self);

	return ours ? adopt(ours) : create(known, config, self);
}
