/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the known leases can be used as peers (peer.h). */
#include "common/err.h"
#include "config.h"
#include "peer.h"

#include <stdio.h>
#include <string.h>

static int judge_subnet(const struct peer *peer, const struct config *config,
			const struct peer_self *self, struct err *err)
{
	char subnet[PREFIX_TEXT_SIZE], other[PREFIX_TEXT_SIZE];

	prefix_text(&peer->subnet, subnet);
	if (!prefix_covers(&config->plan.network, &peer->subnet))
		return err_set(err, ERR_CONFIG, "subnet %s is not in the network %s", subnet,
			       prefix_text(&config->plan.network, other));
	if (prefix_is_set(&self->subnet) && prefix_overlaps(&peer->subnet, &self->subnet))
		return err_set(err, ERR_CONFIG, "subnet %s overlaps this node's %s", subnet,
			       prefix_text(&self->subnet, other));
	if (prefix_has(&peer->subnet, &self->uplink))
		return err_set(err, ERR_CONFIG, "subnet %s contains this node's own address",
			       subnet);
	return 0;
}

int peer_judge(const struct peer *peer, const struct config *config, const struct peer_self *self,
	       struct err *err)
{
	char text[IPADDR_TEXT_SIZE];

	if (judge_subnet(peer, config, self, err) < 0)
		return -1;
	if (mac_is_zero(&peer->vtep_mac))
		return err_set(err, ERR_CONFIG, "its backend is not vxlan");
	if (!mac_is_unicast(&peer->vtep_mac))
		return err_set(err, ERR_CONFIG, "its VtepMAC is a group address");
	if (peer->vni != config->vni)
		return err_set(err, ERR_CONFIG, "its VNI is %u, this network's is %u", peer->vni,
			       config->vni);
	if (ipaddr_is_special(&peer->public_ip))
		return err_set(err, ERR_CONFIG, "its PublicIP %s cannot be a node's address",
			       ipaddr_text(&peer->public_ip, text));
	if (ipaddr_equal(&peer->public_ip, &self->public_ip) ||
	    ipaddr_equal(&peer->public_ip, &self->uplink))
		return err_set(err, ERR_CONFIG, "its PublicIP %s is this node's own",
			       ipaddr_text(&peer->public_ip, text));
	/* Its tunnel's packets would be routed into the tunnel. */
	if (prefix_has(&config->plan.network, &peer->public_ip))
		return err_set(err, ERR_CONFIG, "its PublicIP %s lies in the containers' network",
			       ipaddr_text(&peer->public_ip, text));
	if (!mac_cmp(&peer->vtep_mac, &self->vtep_mac))
		return err_set(err, ERR_CONFIG, "its VtepMAC is this node's own");
	return 0;
}

static bool outranks(const struct peer *a, const struct peer *b, const struct config *config)
{
	bool a_usual = a->subnet.len == config->plan.len;
	bool b_usual = b->subnet.len == config->plan.len;

	if (a->vanished != b->vanished)
		return b->vanished;
	if (a_usual != b_usual)
		return a_usual;
	if (a->mod_revision != b->mod_revision)
		return a->mod_revision < b->mod_revision;
	return peer_cmp(a, b) < 0;
}

/* A judgement under way. */
struct court {
	const struct config *config;
	struct peers *usable;
	peers_refused_fn *refused;
	void *ctx;
};

static void refuse(const struct court *court, const struct peer *peer, const char *reason)
{
	if (court->refused)
		court->refused(court->ctx, peer, reason);
}

static void refuse_for(const struct court *court, const struct peer *loser, const char *what,
		       const struct peer *winner)
{
	char reason[128], text[PREFIX_TEXT_SIZE];

	snprintf(reason, sizeof(reason), "%s that of %s, which comes first", what,
		 prefix_text(&winner->subnet, text));
	refuse(court, loser, reason);
}

/*
 * Sorted prefixes nest or are apart, so a newcomer can overlap only the last one
 * that was accepted.
 */
static bool admit(const struct court *court, const struct peer *peer)
{
	struct peers *usable = court->usable;
	struct peer *last = usable->len ? &usable->at[usable->len - 1] : NULL;

	if (!last || !prefix_overlaps(&last->subnet, &peer->subnet))
		return peers_push(usable, peer);
	if (outranks(peer, last, court->config)) {
		refuse_for(court, last, "its subnet overlaps", peer);
		*last = *peer;
	} else {
		refuse_for(court, peer, "its subnet overlaps", last);
	}
	return true;
}

VEC_DEFINE(peer_refs, struct peer *);

static int ref_mac_cmp(const void *a, const void *b)
{
	const struct peer *const *left = a, *const *right = b;

	return mac_cmp(&(*left)->vtep_mac, &(*right)->vtep_mac);
}

/* A MAC can lead to one VTEP only: marks the losers by clearing their public address. */
static void refuse_shared_macs(const struct court *court, const struct peer_refs *refs)
{
	struct peer *winner = NULL;

	for (size_t i = 0; i < refs->len; i++) {
		struct peer *peer = refs->at[i];

		if (winner && !mac_cmp(&winner->vtep_mac, &peer->vtep_mac)) {
			struct peer *loser = outranks(peer, winner, court->config) ? winner : peer;

			winner = loser == peer ? winner : peer;
			refuse_for(court, loser, "its VtepMAC is", winner);
			loser->public_ip.family = AF_UNSPEC;
		} else {
			winner = peer;
		}
	}
}

static bool drop_shared_macs(const struct court *court)
{
	__attribute__((cleanup(peer_refs_free))) struct peer_refs refs = { .len = 0 };
	struct peers *usable = court->usable;
	size_t kept = 0;

	for (size_t i = 0; i < usable->len; i++) {
		struct peer *peer = &usable->at[i];

		if (!peer_refs_push(&refs, &peer))
			return false;
	}
	vec_sort(refs.at, refs.len, sizeof(*refs.at), ref_mac_cmp);
	refuse_shared_macs(court, &refs);
	for (size_t i = 0; i < usable->len; i++)
		if (ipaddr_is_set(&usable->at[i].public_ip))
			usable->at[kept++] = usable->at[i];
	usable->len = kept;
	return true;
}

static bool is_own(const struct peer *peer, const struct peer_self *self)
{
	return !strcmp(peer->node, self->node) && prefix_equal(&peer->subnet, &self->subnet);
}

bool peers_judge(const struct peers *known, const struct config *config,
		 const struct peer_self *self, struct peers *usable_out, peers_refused_fn *refused,
		 void *ctx)
{
	const struct court court = { config, usable_out, refused, ctx };

	peers_clear(usable_out);
	for (size_t i = 0; i < known->len; i++) {
		const struct peer *peer = &known->at[i];
		struct err err;

		if (is_own(peer, self) || (peer->unreadable && !ipaddr_is_set(&peer->public_ip)))
			continue;
		if (peer_judge(peer, config, self, &err) < 0)
			refuse(&court, peer, err.text);
		else if (!admit(&court, peer))
			return false;
	}
	return drop_shared_macs(&court);
}
