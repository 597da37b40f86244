/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the known leases can be used as peers (peer.h). */
#include "common/err.h"
#include "config.h"
#include "peer.h"

#include <stdio.h>
#include <string.h>

int peer_outer(const struct peer *peer, enum family inner, const bool outer[static FAMILIES])
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (outer[f] && ipaddr_is_set(&peer->public_ip[f]) && (peer->node[0] || f == inner))
			return (int)f;
	return -1;
}

/* ---- One peer, one family --------------------------------------------------------------- */

static int judge_subnet(const struct peer *peer, enum family f, const struct config *config,
			const struct peer_self *self, struct err *err)
{
	const struct prefix *subnet = &peer->subnet[f], *own = &self->subnet[f];
	char text[PREFIX_TEXT_SIZE], other[PREFIX_TEXT_SIZE];

	if (!config_has(config, f))
		return err_set(err, ERR_CONFIG, "subnet %s is not of this network's family",
			       prefix_text(subnet, text));
	if (!prefix_covers(&config->plan[f].network, subnet))
		return err_set(err, ERR_CONFIG, "subnet %s is not in the network %s",
			       prefix_text(subnet, text),
			       prefix_text(&config->plan[f].network, other));
	if (prefix_is_set(own) && prefix_overlaps(subnet, own))
		return err_set(err, ERR_CONFIG, "subnet %s overlaps this node's %s",
			       prefix_text(subnet, text), prefix_text(own, other));
	if (prefix_has(subnet, &self->uplink[f]))
		return err_set(err, ERR_CONFIG, "subnet %s contains this node's own address",
			       prefix_text(subnet, text));
	return 0;
}

static int judge_vtep(const struct peer *peer, enum family f, const struct config *config,
		      struct err *err)
{
	if (mac_is_zero(&peer->vtep_mac[f]))
		return err_set(err, ERR_CONFIG, "its backend is not vxlan");
	if (!mac_is_unicast(&peer->vtep_mac[f]))
		return err_set(err, ERR_CONFIG, "its VtepMAC is a group address");
	if (peer->vni[f] != config->vni)
		return err_set(err, ERR_CONFIG, "its VNI is %u, this network's is %u", peer->vni[f],
			       config->vni);
	return 0;
}

static int judge_way(const struct peer *peer, enum family f, const struct config *config,
		     const struct peer_self *self, struct err *err)
{
	int outer = peer_outer(peer, f, self->outer);
	const char *key = outer == FAMILY_V6 ? "PublicIPv6" : "PublicIP";
	const struct ipaddr *addr = outer < 0 ? NULL : &peer->public_ip[outer];
	char text[IPADDR_TEXT_SIZE];

	if (!addr)
		return err_set(err, ERR_CONFIG,
			       "this node has no address on the underlay of a family that it could "
			       "reach it by");
	if (ipaddr_is_special(addr))
		return err_set(err, ERR_CONFIG, "its %s %s cannot be a node's address", key,
			       ipaddr_text(addr, text));
	if (ipaddr_equal(addr, &self->public_ip[outer]) || ipaddr_equal(addr, &self->uplink[outer]))
		return err_set(err, ERR_CONFIG, "its %s %s is this node's own", key,
			       ipaddr_text(addr, text));
	/* Its tunnel's packets would be routed into the tunnel. */
	if (prefix_has(&config->plan[outer].network, addr))
		return err_set(err, ERR_CONFIG, "its %s %s lies in the containers' network", key,
			       ipaddr_text(addr, text));
	if (!mac_cmp(&peer->vtep_mac[f], &self->vtep_mac))
		return err_set(err, ERR_CONFIG, "its VtepMAC is this node's own");
	return 0;
}

static int judge_family(const struct peer *peer, enum family f, const struct config *config,
			const struct peer_self *self, struct err *err)
{
	if (judge_subnet(peer, f, config, self, err) < 0 || judge_vtep(peer, f, config, err) < 0)
		return -1;
	return judge_way(peer, f, config, self, err);
}

static void drop_family(struct peer *peer, enum family f)
{
	peer->subnet[f] = (struct prefix){ .len = 0 };
}

static bool is_usable(const struct peer *peer)
{
	return prefix_is_set(&peer->subnet[FAMILY_V4]) || prefix_is_set(&peer->subnet[FAMILY_V6]);
}

/* A weft node has one VTEP, whichever of its data say so. */
static void share_vtep(struct peer *peer)
{
	bool v4 = !mac_is_zero(&peer->vtep_mac[FAMILY_V4]);
	enum family from = v4 ? FAMILY_V4 : FAMILY_V6, to = v4 ? FAMILY_V6 : FAMILY_V4;

	if (!peer->node[0])
		return;
	peer->vtep_mac[to] = peer->vtep_mac[from];
	peer->vni[to] = peer->vni[from];
}

int peer_judge(struct peer *peer, const struct config *config, const struct peer_self *self,
	       struct err *err)
{
	struct err first = ERR_INIT, other;

	share_vtep(peer);
	for (enum family f = 0; f < FAMILIES; f++) {
		if (!prefix_is_set(&peer->subnet[f]) ||
		    judge_family(peer, f, config, self, first.code ? &other : &first) == 0)
			continue;
		drop_family(peer, f);
	}
	/* One MAC cannot lead to two VTEPs, as two families of a flannel node would have it. */
	if (!peer->node[0] && prefix_is_set(&peer->subnet[FAMILY_V4]) &&
	    !mac_cmp(&peer->vtep_mac[FAMILY_V4], &peer->vtep_mac[FAMILY_V6]))
		drop_family(peer, FAMILY_V6);
	if (is_usable(peer))
		return 0;
	*err = first;
	return -1;
}

/* ---- All of them ------------------------------------------------------------------------ */

/* A judgement under way. */
struct court {
	const struct config *config;
	struct peers *usable;
	size_t *clashes; /* counted where they are lost */
	peers_refused_fn *refused;
	void *ctx;
};

static void refuse(const struct court *court, const struct peer *peer, const char *reason)
{
	if (court->refused)
		court->refused(court->ctx, peer, reason);
}

/* One node that has just put another key, and will remove the one before. */
static bool is_successor(const struct peer *a, const struct peer *b)
{
	if (!a->node[0] || strcmp(a->node, b->node))
		return false;
	for (enum family f = 0; f < FAMILIES; f++)
		if (ipaddr_is_set(&a->public_ip[f]) &&
		    ipaddr_equal(&a->public_ip[f], &b->public_ip[f]))
			return a->mod_revision > b->mod_revision;
	return false;
}

/* A usable peer's subnet of a family. */
struct claim {
	struct peer *peer;
	enum family family;
};

VEC_DEFINE(claims, struct claim);

static bool is_usual(const struct claim *claim, const struct config *config)
{
	return claim->peer->subnet[claim->family].len == config->plan[claim->family].len;
}

static bool outranks(const struct claim *left, const struct claim *right,
		     const struct config *config)
{
	const struct peer *a = left->peer, *b = right->peer;

	if (a->vanished != b->vanished)
		return b->vanished;
	if (is_usual(left, config) != is_usual(right, config))
		return is_usual(left, config);
	if (is_successor(a, b) || is_successor(b, a))
		return is_successor(a, b);
	if (a->mod_revision != b->mod_revision)
		return a->mod_revision < b->mod_revision;
	return peer_cmp(a, b) < 0;
}

/* Takes the loser's subnet away, and says so where it was its last one. */
static void lose(const struct court *court, const struct claim *loser, const char *what,
		 const struct claim *winner)
{
	enum family other = loser->family == FAMILY_V4 ? FAMILY_V6 : FAMILY_V4;
	char reason[128], text[PREFIX_TEXT_SIZE];

	snprintf(reason, sizeof(reason), "%s that of %s, which comes first", what,
		 prefix_text(&winner->peer->subnet[winner->family], text));
	if (!prefix_is_set(&loser->peer->subnet[other]))
		refuse(court, loser->peer, reason);
	drop_family(loser->peer, loser->family);
	++*court->clashes;
}

static int claim_subnet_cmp(const void *a, const void *b)
{
	const struct claim *left = a, *right = b;

	return prefix_cmp(&left->peer->subnet[left->family], &right->peer->subnet[right->family]);
}

static int claim_mac_cmp(const void *a, const void *b)
{
	const struct claim *left = a, *right = b;

	return mac_cmp(&left->peer->vtep_mac[left->family], &right->peer->vtep_mac[right->family]);
}

static bool overlap(const struct claim *a, const struct claim *b)
{
	return prefix_overlaps(&a->peer->subnet[a->family], &b->peer->subnet[b->family]);
}

/* A weft node's two families have one MAC, and are one. */
static bool share_mac(const struct claim *a, const struct claim *b)
{
	return a->peer != b->peer && !claim_mac_cmp(a, b);
}

/*
 * Of neighbours that clash one stays. Sorted prefixes nest or are apart, so a newcomer can
 * overlap only the last one that stayed.
 */
static void settle(const struct court *court, struct claims *claims,
		   bool (*clash)(const struct claim *a, const struct claim *b), const char *what)
{
	const struct claim *winner = NULL;

	for (size_t i = 0; i < claims->len; i++) {
		const struct claim *claim = &claims->at[i];

		if (!winner || !clash(winner, claim)) {
			winner = claim;
		} else if (outranks(claim, winner, court->config)) {
			lose(court, winner, what, claim);
			winner = claim;
		} else {
			lose(court, claim, what, winner);
		}
	}
}

static bool gather(const struct court *court, enum family f, struct claims *claims)
{
	if (!claims_reserve(claims, claims->len + court->usable->len))
		return false;
	for (size_t i = 0; i < court->usable->len; i++) {
		const struct claim claim = { &court->usable->at[i], f };

		if (prefix_is_set(&claim.peer->subnet[f]) && !claims_push(claims, &claim))
			return false;
	}
	return true;
}

static bool settle_subnets(const struct court *court, enum family f)
{
	__attribute__((cleanup(claims_free))) struct claims claims = { .len = 0 };

	if (!gather(court, f, &claims))
		return false;
	vec_sort(claims.at, claims.len, sizeof(*claims.at), claim_subnet_cmp);
	settle(court, &claims, overlap, "its subnet overlaps");
	return true;
}

/* A MAC can lead to one VTEP only. */
static bool settle_macs(const struct court *court)
{
	__attribute__((cleanup(claims_free))) struct claims claims = { .len = 0 };

	if (!gather(court, FAMILY_V4, &claims) || !gather(court, FAMILY_V6, &claims))
		return false;
	vec_sort(claims.at, claims.len, sizeof(*claims.at), claim_mac_cmp);
	settle(court, &claims, share_mac, "its VtepMAC is");
	return true;
}

/* One that lost its IPv4 subnet alone has another place now. */
static void close_ranks(struct peers *usable)
{
	bool sorted = true;
	size_t kept = 0;

	for (size_t i = 0; i < usable->len; i++) {
		if (!is_usable(&usable->at[i]))
			continue;
		sorted &= !kept || peer_cmp(&usable->at[kept - 1], &usable->at[i]) < 0;
		usable->at[kept++] = usable->at[i];
	}
	usable->len = kept;
	if (!sorted)
		vec_sort(usable->at, usable->len, sizeof(*usable->at), peer_cmp);
}

/* Our lease, or what was ours before that and is about to be removed. */
static bool is_own(const struct peer *peer, const struct peer_self *self)
{
	if (strcmp(peer->node, self->node))
		return false;
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&self->subnet[f]) &&
		    prefix_equal(&peer->subnet[f], &self->subnet[f]))
			return true;
	return false;
}

/* It never said where its node is. */
static bool was_never_readable(const struct peer *peer)
{
	return peer->unreadable && !ipaddr_is_set(&peer->public_ip[FAMILY_V4]) &&
	       !ipaddr_is_set(&peer->public_ip[FAMILY_V6]);
}

bool peers_judge(const struct peers *known, const struct config *config,
		 const struct peer_self *self, struct peers *usable_out, size_t *clashes_out,
		 peers_refused_fn *refused, void *ctx)
{
	size_t uncounted;
	const struct court court = { config, usable_out, clashes_out ? clashes_out : &uncounted,
				     refused, ctx };

	*court.clashes = 0;
	peers_clear(usable_out);
	if (!peers_reserve(usable_out, known->len))
		return false;
	for (size_t i = 0; i < known->len; i++) {
		struct peer peer = known->at[i];
		struct err err;

		if (is_own(&peer, self) || was_never_readable(&peer))
			continue;
		if (peer_judge(&peer, config, self, &err) < 0)
			refuse(&court, &known->at[i], err.text);
		else if (!peers_push(usable_out, &peer))
			return false;
	}
	if (!settle_subnets(&court, FAMILY_V4) || !settle_subnets(&court, FAMILY_V6) ||
	    !settle_macs(&court))
		return false;
	close_ranks(usable_out);
	return true;
}
