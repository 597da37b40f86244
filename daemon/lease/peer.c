/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lease/peer.h"

#include "common/auto.h"
#include "common/err.h"
#include "daemon/lease/foreign.h"
#include "daemon/lease/lease.h"
#include "ipam/config.h"

#include <stdio.h>
#include <string.h>

int peer_outer_family(const struct lease *lease, enum family inner,
		      const bool outer[static FAMILIES])
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (outer[f] && ipaddr_is_set(&lease->public_ip[f]) &&
		    (lease->node[0] || f == inner))
			return (int)f;
	return -1;
}

/* ---- One lease, one family --------------------------------------------------------------- */

static int check_subnet(const struct lease *lease, enum family f, const struct config *config,
			const struct peer_self *self, struct err *err)
{
	const struct prefix *subnet = &lease->subnet[f], *own = &self->subnet[f];
	char text[PREFIX_TEXT_SIZE], other[PREFIX_TEXT_SIZE];

	if (!config_has(config, f))
		return err_set(err, ERR_CONFIG,
			       "subnet %s is of a family that the network does not have",
			       prefix_text(subnet, text));
	if (!prefix_covers(&config->pool[f].network, subnet))
		return err_set(err, ERR_CONFIG, "subnet %s is not in the network %s",
			       prefix_text(subnet, text),
			       prefix_text(&config->pool[f].network, other));
	if (prefix_is_set(own) && prefix_overlaps(subnet, own))
		return err_set(err, ERR_CONFIG, "subnet %s overlaps this node's %s",
			       prefix_text(subnet, text), prefix_text(own, other));
	if (prefix_has(subnet, &self->uplink[f]))
		return err_set(err, ERR_CONFIG, "subnet %s contains this node's own address",
			       prefix_text(subnet, text));
	return 0;
}

/*
 * Whether the MAC may be derived from a container's address (mac_of_address): such a lease would
 * attract the container's traffic. A weft node draws no MAC with this prefix; a flannel node, which
 * draws any, is refused only if the rest is an address of the network.
 */
static bool is_container_mac(const struct lease *lease, enum family f, const struct config *config)
{
	const struct mac *mac = &lease->vtep_mac[f];
	struct ipaddr addr;
	struct err unused;

	if (!mac_is_derived(mac))
		return false;
	return lease->node[0] || !config_has(config, FAMILY_V4) ||
	       (ipaddr_from_wire(&mac->octet[2], 4, &addr, &unused) == 0 &&
		prefix_has(&config->pool[FAMILY_V4].network, &addr));
}

/* Frames to a local MAC must not be sent to a peer. */
static int check_mac(const struct lease *lease, enum family f, const struct config *config,
		     const struct peer_self *self, struct err *err)
{
	const struct mac *mac = &lease->vtep_mac[f];
	const struct foreign_mac *local = foreign_find_mac(self->foreign, mac);
	char text[MAC_TEXT_SIZE];

	if (!mac_cmp(mac, &self->vtep_mac))
		return err_set(err, ERR_CONFIG, "its VtepMAC is this node's own");
	if (is_container_mac(lease, f, config))
		return err_set(err, ERR_CONFIG,
			       "its VtepMAC %s is one that containers have (0a:58)",
			       mac_text(mac, text));
	if (local)
		return err_set(err, ERR_CONFIG, "its VtepMAC %s is that of this node's %s",
			       mac_text(mac, text), local->device);
	if (foreign_macs_find(self->containers, mac))
		return err_set(err, ERR_CONFIG,
			       "its VtepMAC %s is that of a container of this node",
			       mac_text(mac, text));
	return 0;
}

static int check_vtep(const struct lease *lease, enum family f, const struct config *config,
		      struct err *err)
{
	if (mac_is_zero(&lease->vtep_mac[f]))
		return err_set(err, ERR_CONFIG, "its backend is not vxlan");
	if (!mac_is_unicast(&lease->vtep_mac[f]))
		return err_set(err, ERR_CONFIG, "its VtepMAC is a group address");
	if (lease->vni[f] != config->vni)
		return err_set(err, ERR_CONFIG, "its VNI is %u, this network's is %u",
			       lease->vni[f], config->vni);
	return 0;
}

/* Packets to it would stay on this node, or reach no single node. */
static int check_local(const struct ipaddr *addr, const char *key, const struct peer_self *self,
		       struct err *err)
{
	static const char *const kinds[] = {
		[FOREIGN_LOCAL] = "an address",
		[FOREIGN_NETWORK] = "the network address",
		[FOREIGN_BROADCAST] = "the broadcast address",
	};
	const struct foreign_address *local = foreign_find_address(self->foreign, addr);
	char text[IPADDR_TEXT_SIZE];

	if (local)
		return err_set(err, ERR_CONFIG, "its %s %s is %s of this node's %s", key,
			       ipaddr_text(addr, text), kinds[local->kind], local->device);
	for (size_t i = 0; i < self->other_len; i++) {
		const struct peer_network *other = &self->others[i];
		const enum family f = ipaddr_family(addr);

		if (config_has(other->config, f) &&
		    prefix_has(&other->config->pool[f].network, addr))
			return err_set(
				err, ERR_CONFIG,
				"its %s %s is inside the container network of network \"%s\"", key,
				ipaddr_text(addr, text), other->name);
	}
	return 0;
}

static int check_path(const struct lease *lease, enum family f, const struct config *config,
		      const struct peer_self *self, struct err *err)
{
	int outer = peer_outer_family(lease, f, self->outer);
	const char *key = outer == FAMILY_V6 ? "PublicIPv6" : "PublicIP";
	const struct ipaddr *addr = outer < 0 ? NULL : &lease->public_ip[outer];
	char text[IPADDR_TEXT_SIZE];

	if (!addr)
		return err_set(
			err, ERR_CONFIG,
			"this node has no address on the underlay of a family that the peer can "
			"be reached by");
	if (ipaddr_is_special(addr))
		return err_set(err, ERR_CONFIG, "its %s %s is not a valid node address", key,
			       ipaddr_text(addr, text));
	if (ipaddr_equal(addr, &self->public_ip[outer]) || ipaddr_equal(addr, &self->uplink[outer]))
		return err_set(err, ERR_CONFIG, "its %s %s is this node's own", key,
			       ipaddr_text(addr, text));
	/* Tunnel packets to it would be routed into the tunnel. */
	if (prefix_has(&config->pool[outer].network, addr))
		return err_set(err, ERR_CONFIG, "its %s %s is inside the container network", key,
			       ipaddr_text(addr, text));
	return check_local(addr, key, self, err);
}

static int check_mtu(const struct lease *lease, enum family f, const struct peer_self *self,
		     struct err *err)
{
	if (f == FAMILY_V6 && self->mtu && self->mtu < CONFIG_MTU_MIN_V6)
		return err_set(err, ERR_CONFIG,
			       "IPv6 of containers is disabled on this node: its MTU of %u is "
			       "below %d",
			       self->mtu, CONFIG_MTU_MIN_V6);
	if (f == FAMILY_V6 && lease->mtu && lease->mtu < CONFIG_MTU_MIN_V6)
		return err_set(err, ERR_CONFIG,
			       "IPv6 of containers is disabled on its node: the MTU of %u is "
			       "below %d",
			       lease->mtu, CONFIG_MTU_MIN_V6);
	return 0;
}

const char *const peer_refusal_name[PEER_REFUSALS] = {
	[PEER_REFUSED_MTU] = "mtu",         [PEER_REFUSED_SUBNET] = "subnet",
	[PEER_REFUSED_BACKEND] = "backend", [PEER_REFUSED_ADDRESS] = "address",
	[PEER_REFUSED_MAC] = "mac",         [PEER_REFUSED_CONFLICT] = "conflict",
};

/* Returns PEER_REFUSALS if the family is usable. */
static enum peer_refusal check_family(const struct lease *lease, enum family f,
				      const struct config *config, const struct peer_self *self,
				      struct err *err)
{
	if (check_mtu(lease, f, self, err) < 0)
		return PEER_REFUSED_MTU;
	if (check_subnet(lease, f, config, self, err) < 0)
		return PEER_REFUSED_SUBNET;
	if (check_vtep(lease, f, config, err) < 0)
		return PEER_REFUSED_BACKEND;
	if (check_path(lease, f, config, self, err) < 0)
		return PEER_REFUSED_ADDRESS;
	if (check_mac(lease, f, config, self, err) < 0)
		return PEER_REFUSED_MAC;
	return PEER_REFUSALS;
}

/* A source that no peer can have is left out: packets from it are not accepted. */
static void check_source(struct lease *lease, const struct config *config,
			 const struct peer_self *self)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		struct ipaddr *source = &lease->source_ip[f];
		struct err ignored;

		if (!ipaddr_is_set(source))
			continue;
		if (check_local(source, "SourceIP", self, &ignored) < 0 ||
		    ipaddr_equal(source, &self->public_ip[f]) ||
		    ipaddr_equal(source, &self->uplink[f]) ||
		    prefix_has(&config->pool[f].network, source))
			*source = (struct ipaddr){ .family = AF_UNSPEC };
	}
}

static void drop_family(struct lease *lease, enum family f)
{
	lease->subnet[f] = (struct prefix){ .len = 0 };
}

static bool is_usable(const struct lease *lease)
{
	return prefix_is_set(&lease->subnet[FAMILY_V4]) || prefix_is_set(&lease->subnet[FAMILY_V6]);
}

/* A weft node has one VTEP MAC, in either BackendData or BackendV6Data. */
static void share_vtep(struct lease *lease)
{
	bool v4 = !mac_is_zero(&lease->vtep_mac[FAMILY_V4]);
	enum family from = v4 ? FAMILY_V4 : FAMILY_V6, to = v4 ? FAMILY_V6 : FAMILY_V4;

	if (!lease->node[0])
		return;
	lease->vtep_mac[to] = lease->vtep_mac[from];
	lease->vni[to] = lease->vni[from];
}

/* As peer_check; returns the reason of the first family, or PEER_REFUSALS if one is usable. */
static enum peer_refusal check_lease(struct lease *lease, const struct config *config,
				     const struct peer_self *self, struct err *err)
{
	enum peer_refusal reason = PEER_REFUSALS;
	struct err first ERR_UNSET, other ERR_UNSET;

	first.code = ERR_NONE;
	share_vtep(lease);
	check_source(lease, config, self);
	for (enum family f = 0; f < FAMILIES; f++) {
		enum peer_refusal refusal = PEER_REFUSALS;

		if (prefix_is_set(&lease->subnet[f]))
			refusal = check_family(lease, f, config, self,
					       first.code ? &other : &first);
		if (refusal == PEER_REFUSALS)
			continue;
		if (reason == PEER_REFUSALS)
			reason = refusal;
		drop_family(lease, f);
	}
	/* An FDB entry has one VTEP per MAC, but a flannel node has one VTEP for each family. */
	if (!lease->node[0] && prefix_is_set(&lease->subnet[FAMILY_V4]) &&
	    !mac_cmp(&lease->vtep_mac[FAMILY_V4], &lease->vtep_mac[FAMILY_V6]))
		drop_family(lease, FAMILY_V6);
	if (is_usable(lease))
		return PEER_REFUSALS;
	*err = first;
	return reason == PEER_REFUSALS ? PEER_REFUSED_SUBNET : reason; /* a lease without any */
}

int peer_check(struct lease *lease, const struct config *config, const struct peer_self *self,
	       struct err *err)
{
	return check_lease(lease, config, self, err) == PEER_REFUSALS ? 0 : -1;
}

/* ---- Conflicts between peers ------------------------------------------------------------- */

/* The state of peers_filter. */
struct filter {
	const struct config *config;
	struct leases *usable;
	struct peers_counts *counts;
	peers_refused_fn *refused;
	void *ctx;
};

static void refuse(const struct filter *filter, const struct lease *peer, enum peer_refusal refusal,
		   const char *reason)
{
	filter->counts->refused[refusal]++;
	if (filter->refused)
		filter->refused(filter->ctx, peer, reason);
}

/* Whether a is the newer key of a node that is about to remove its older key b. */
static bool is_successor(const struct lease *a, const struct lease *b)
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
	struct lease *peer;
	enum family family;
};

VEC_DEFINE(claims, struct claim);

static bool has_network_len(const struct claim *claim, const struct config *config)
{
	return claim->peer->subnet[claim->family].len == config->pool[claim->family].len;
}

static bool outranks(const struct claim *left, const struct claim *right,
		     const struct config *config)
{
	const struct lease *a = left->peer, *b = right->peer;

	if (a->vanished != b->vanished)
		return b->vanished;
	if (has_network_len(left, config) != has_network_len(right, config))
		return has_network_len(left, config);
	if (is_successor(a, b) || is_successor(b, a))
		return is_successor(a, b);
	if (a->mod_revision != b->mod_revision)
		return a->mod_revision < b->mod_revision;
	if (a->created != b->created && a->created && b->created)
		return a->created < b->created;
	return lease_cmp(a, b) < 0;
}

/* Drops the loser's subnet, and reports the peer if that was its last one. */
static void drop_claim(const struct filter *filter, const struct claim *loser, const char *what,
		       const struct claim *winner)
{
	enum family other = loser->family == FAMILY_V4 ? FAMILY_V6 : FAMILY_V4;
	char reason[128], text[PREFIX_TEXT_SIZE];

	snprintf(reason, sizeof(reason), "%s that of %s, which takes precedence", what,
		 prefix_text(&winner->peer->subnet[winner->family], text));
	if (!prefix_is_set(&loser->peer->subnet[other]))
		refuse(filter, loser->peer, PEER_REFUSED_CONFLICT, reason);
	drop_family(loser->peer, loser->family);
	filter->counts->clashes++;
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

/* The two families of one weft node share their MAC, which is no conflict. */
static bool share_mac(const struct claim *a, const struct claim *b)
{
	return a->peer != b->peer && !claim_mac_cmp(a, b);
}

/*
 * Of adjacent claims that clash one is kept. Sorted prefixes are nested or disjoint, so a claim can
 * overlap only the last one that was kept.
 */
static void resolve(const struct filter *filter, struct claims *claims,
		    bool (*clash)(const struct claim *a, const struct claim *b), const char *what)
{
	const struct claim *winner = NULL;

	for (size_t i = 0; i < claims->len; i++) {
		const struct claim *claim = &claims->at[i];

		if (!winner || !clash(winner, claim)) {
			winner = claim;
		} else if (outranks(claim, winner, filter->config)) {
			drop_claim(filter, winner, what, claim);
			winner = claim;
		} else {
			drop_claim(filter, claim, what, winner);
		}
	}
}

static bool collect_claims(const struct filter *filter, enum family f, struct claims *claims)
{
	if (!claims_reserve(claims, claims->len + filter->usable->len))
		return false;
	for (size_t i = 0; i < filter->usable->len; i++) {
		const struct claim claim = { &filter->usable->at[i], f };

		if (prefix_is_set(&claim.peer->subnet[f]) && !claims_push(claims, &claim))
			return false;
	}
	return true;
}

static bool resolve_subnets(const struct filter *filter, enum family f)
{
	AUTO(claims) struct claims claims = { .len = 0 };

	if (!collect_claims(filter, f, &claims))
		return false;
	vec_sort(claims.at, claims.len, sizeof(*claims.at), claim_subnet_cmp);
	resolve(filter, &claims, overlap, "its subnet overlaps");
	return true;
}

/* An FDB entry has one VTEP per MAC. */
static bool resolve_macs(const struct filter *filter)
{
	AUTO(claims) struct claims claims = { .len = 0 };

	if (!collect_claims(filter, FAMILY_V4, &claims) ||
	    !collect_claims(filter, FAMILY_V6, &claims))
		return false;
	vec_sort(claims.at, claims.len, sizeof(*claims.at), claim_mac_cmp);
	resolve(filter, &claims, share_mac, "its VtepMAC is");
	return true;
}

/* Removes unusable elements; a peer without its IPv4 subnet has a different position. */
static void compact(struct leases *usable)
{
	bool sorted = true;
	size_t kept = 0;

	for (size_t i = 0; i < usable->len; i++) {
		if (!is_usable(&usable->at[i]))
			continue;
		sorted &= !kept || lease_cmp(&usable->at[kept - 1], &usable->at[i]) < 0;
		usable->at[kept++] = usable->at[i];
	}
	usable->len = kept;
	if (!sorted)
		vec_sort(usable->at, usable->len, sizeof(*usable->at), lease_cmp);
}

/* Whether it is this node's lease, or its previous key that is about to be removed. */
static bool is_own(const struct lease *peer, const struct peer_self *self)
{
	if (strcmp(peer->node, self->node))
		return false;
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&self->subnet[f]) &&
		    prefix_equal(&peer->subnet[f], &self->subnet[f]))
			return true;
	return false;
}

/* Whether its key never had a valid value. */
static bool is_placeholder(const struct lease *peer)
{
	return peer->invalid && !ipaddr_is_set(&peer->public_ip[FAMILY_V4]) &&
	       !ipaddr_is_set(&peer->public_ip[FAMILY_V6]);
}

bool peers_filter(const struct leases *leases, const struct config *config,
		  const struct peer_self *self, struct leases *usable_out,
		  struct peers_counts *counts_out, peers_refused_fn *refused, void *ctx)
{
	struct peers_counts unused;
	const struct filter filter = { config, usable_out, counts_out ? counts_out : &unused,
				       refused, ctx };

	*filter.counts = (struct peers_counts){ .clashes = 0 };
	leases_clear(usable_out);
	if (!leases_reserve(usable_out, leases->len))
		return false;
	for (size_t i = 0; i < leases->len; i++) {
		struct lease peer = leases->at[i];
		enum peer_refusal refusal;
		struct err err ERR_UNSET;

		if (is_own(&peer, self) || is_placeholder(&peer))
			continue;
		refusal = check_lease(&peer, config, self, &err);
		if (refusal != PEER_REFUSALS)
			refuse(&filter, &leases->at[i], refusal, err.text);
		else if (!leases_push(usable_out, &peer))
			return false;
	}
	if (!resolve_subnets(&filter, FAMILY_V4) || !resolve_subnets(&filter, FAMILY_V6) ||
	    !resolve_macs(&filter))
		return false;
	compact(usable_out);
	return true;
}

/* ---- The unused family of a usable peer --------------------------------------------------- */

/* Returns the index of the first lease whose IPv4 subnet is not before v4. */
static size_t find_first(const struct leases *leases, const struct prefix *v4)
{
	size_t low = 0, high = leases->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_cmp(&leases->at[middle].subnet[FAMILY_V4], v4) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Returns the lease with both families of which the usable peer has one, or NULL. */
static const struct lease *lease_of(const struct leases *leases, const struct lease *usable)
{
	bool v4 = prefix_is_set(&usable->subnet[FAMILY_V4]);
	enum family kept = v4 ? FAMILY_V4 : FAMILY_V6, lost = v4 ? FAMILY_V6 : FAMILY_V4;

	for (size_t i = v4 ? find_first(leases, &usable->subnet[FAMILY_V4]) : 0; i < leases->len;
	     i++) {
		const struct lease *lease = &leases->at[i];

		if (v4 && !prefix_equal(&lease->subnet[FAMILY_V4], &usable->subnet[FAMILY_V4]))
			break;
		if (prefix_is_set(&lease->subnet[lost]) &&
		    prefix_equal(&lease->subnet[kept], &usable->subnet[kept]) &&
		    lease->mod_revision == usable->mod_revision)
			return lease;
	}
	return NULL;
}

bool peer_unused_family(const struct leases *leases, const struct lease *usable,
			const struct config *config, const struct peer_self *self, char *reason_out,
			size_t size)
{
	bool v4 = prefix_is_set(&usable->subnet[FAMILY_V4]);
	enum family kept = v4 ? FAMILY_V4 : FAMILY_V6;
	const struct lease *lease;
	struct err err = ERR_INIT;
	struct lease alone;

	if (v4 && prefix_is_set(&usable->subnet[FAMILY_V6]))
		return false;
	lease = lease_of(leases, usable);
	if (!lease)
		return false;
	/* The other family is refused on its own, or lost to another peer. */
	alone = *lease;
	alone.subnet[kept] = (struct prefix){ .len = 0 };
	if (peer_check(&alone, config, self, &err) < 0)
		snprintf(reason_out, size, "%s", err.text);
	else if (!lease->node[0] && v4 &&
		 !mac_cmp(&lease->vtep_mac[FAMILY_V4], &lease->vtep_mac[FAMILY_V6]))
		snprintf(reason_out, size, "its two families have the same VtepMAC");
	else
		snprintf(
			reason_out, size,
			"its subnet overlaps, or its VtepMAC equals, that of a peer which takes precedence");
	return true;
}
