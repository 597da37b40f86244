/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/firewall_table.h"

#include "common/array.h"
#include "daemon/firewall/foreign_bridge.h"
#include "daemon/firewall/router_chains.h"
#include "daemon/firewall/tunnel_chains.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define PRIORITY_RAW (-300)
#define PRIORITY_FILTER 0
#define PRIORITY_SRCNAT 100
#define KUBE_PROXY_MARK 0x4000
#define LIMIT_BITS_MAX 12 /* subnets of a network: 4,096, for some 90 kB of the kernel's memory */

static bool masquerades(const struct firewall_builder *builder)
{
	return builder->options->ip_masq && firewall_is_supported(builder, FIREWALL_MASQUERADE);
}

/*
 * A connection whose destination is translated to a container in the client's subnet on this node:
 * the backend would answer the client directly, through the bridge, and the client would see
 * another address than it connected to. Masquerading makes it answer the node. With br_netfilter,
 * connection tracking sees bridged replies too, and the backend can see the client's address.
 */
static bool hairpins(const struct firewall_builder *builder, enum family f)
{
	return firewall_is_supported(builder, FIREWALL_MASQUERADE) &&
	       firewall_is_supported(builder, FIREWALL_HAIRPIN) && !builder->options->bridge_nf[f];
}

/* ---- Sets -------------------------------------------------------------------------------- */

/* Takes ownership of the elements. */
static void add_set(struct firewall_builder *builder, const char *what, enum family f, uint32_t vni,
		    uint32_t limit, enum firewall_part part, struct firewall_elements *elements)
{
	struct firewall_set set = {
		.key_type = firewall_wire[f].key_type,
		.key_size = firewall_wire[f].size,
		.flags = part == FIREWALL_NOTRACK ? 0 : NFT_SET_INTERVAL,
		.limit = limit,
		.part = part,
		.elements = *elements,
	};

	firewall_set_name(set.name, what, f, vni);
	*elements = (struct firewall_elements){ .len = 0 };
	if (firewall_sets_push(&builder->table->sets, &set))
		return;
	firewall_elements_free(&set.elements);
	builder->failed = true;
}

static void add_ranges(struct firewall_builder *builder, const char *what, enum family f,
		       uint32_t vni, enum firewall_part part,
		       const struct firewall_prefixes *prefixes)
{
	struct firewall_elements elements = { .len = 0 };

	if (!firewall_elements_of_prefixes(prefixes, &elements))
		builder->failed = true;
	add_set(builder, what, f, vni, 0, part, &elements);
}

/*
 * The kernel finds a peer faster in a set with a limit. It is twice the number of the network's
 * subnets, so that it does not change with the peers, and a transaction may add elements before it
 * removes others. Large networks, for which the kernel would reserve much memory, and networks with
 * more addresses of peers than subnets (Weft.SourceIP) have none.
 */
static uint32_t peers_limit(const struct firewall_network *network, size_t peers)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		const struct prefix *cluster = &network->cluster[f], *subnet = &network->subnet[f];

		if (!prefix_is_set(cluster) || !prefix_is_set(subnet) ||
		    subnet->len < cluster->len || subnet->len - cluster->len > LIMIT_BITS_MAX)
			continue;
		if (peers <= 1U << (subnet->len - cluster->len))
			return 2U << (subnet->len - cluster->len);
	}
	return 0;
}

static void add_peers(struct firewall_builder *builder, const struct firewall_network *network,
		      enum family f)
{
	struct firewall_elements copy = { .len = 0 };

	if (!firewall_elements_copy(&network->peers[f], &copy))
		builder->failed = true;
	add_set(builder, "peers", f, network->vni, peers_limit(network, copy.len), FIREWALL_NOTRACK,
		&copy);
}

static void push(struct firewall_builder *builder, struct firewall_prefixes *prefixes,
		 const struct prefix *prefix)
{
	if (prefix_is_set(prefix) && !firewall_prefixes_push(prefixes, prefix))
		builder->failed = true;
}

/* The clusters of the networks that do not allow this one. */
static void find_isolated(struct firewall_builder *builder, const struct firewall_network *network,
			  enum family f, struct firewall_prefixes *isolated)
{
	for (size_t i = 0; i < builder->len; i++) {
		const struct firewall_network *other = &builder->networks[i];

		if (other != network && !firewall_allows(other, network))
			push(builder, isolated, &other->cluster[f]);
	}
}

static void add_isolated_set(struct firewall_builder *builder,
			     const struct firewall_network *network, enum family f)
{
	struct firewall_prefixes isolated = { .len = 0 };

	/* A switch may have their addresses, and is isolated by its device (add_closed). */
	if (network->is_switch)
		return;
	find_isolated(builder, network, f, &isolated);
	if (isolated.len)
		add_ranges(builder, "isolated", f, network->vni, FIREWALL_ISOLATION, &isolated);
	firewall_prefixes_free(&isolated);
}

static void add_own_set(struct firewall_builder *builder, const struct firewall_network *network,
			enum family f)
{
	struct firewall_prefixes own = { .len = 0 };

	push(builder, &own, &network->subnet[f]);
	add_ranges(builder, "own", f, network->vni, FIREWALL_MASQUERADE, &own);
	firewall_prefixes_free(&own);
}

static void add_except_set(struct firewall_builder *builder, const struct firewall_network *network,
			   enum family f)
{
	struct firewall_prefixes except = { .len = 0 };

	if (!firewall_add_special(f, &except))
		builder->failed = true;
	for (size_t i = 0; i < network->rules.non_masquerade_len; i++)
		if (network->rules.non_masquerade[i].addr.family == network->subnet[f].addr.family)
			push(builder, &except, &network->rules.non_masquerade[i]);
	add_ranges(builder, "except", f, network->vni, FIREWALL_MASQUERADE, &except);
	firewall_prefixes_free(&except);
}

static void add_sets(struct firewall_builder *builder)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		struct firewall_prefixes cluster = { .len = 0 };

		for (size_t i = 0; i < builder->len; i++) {
			const struct firewall_network *network = &builder->networks[i];

			push(builder, &cluster, &network->cluster[f]);
			if (network->outer[f])
				add_peers(builder, network, f);
			if (!prefix_is_set(&network->subnet[f]))
				continue;
			if (firewall_is_supported(builder, FIREWALL_ISOLATION))
				add_isolated_set(builder, network, f);
			if (masquerades(builder) || hairpins(builder, f))
				add_own_set(builder, network, f);
			if (masquerades(builder))
				add_except_set(builder, network, f);
		}
		if (cluster.len && firewall_is_supported(builder, FIREWALL_INJECTION))
			add_ranges(builder, "cluster", f, 0, FIREWALL_INJECTION, &cluster);
		else if (cluster.len && masquerades(builder))
			add_ranges(builder, "cluster", f, 0, FIREWALL_MASQUERADE, &cluster);
		firewall_prefixes_free(&cluster);
	}
}

static bool has_set(const struct firewall_builder *builder, const char *name)
{
	for (size_t i = 0; i < builder->table->sets.len; i++)
		if (!strcmp(builder->table->sets.at[i].name, name))
			return true;
	return false;
}

/* ---- Chains and rules -------------------------------------------------------------------- */

static const struct firewall_chain chain_of_all[] = {
	{ "from-peers", NULL, 0, 0, FIREWALL_NOTRACK },
	{ "to-peers", NULL, 0, 0, FIREWALL_NOTRACK },
	{ "tunnel-in", "filter", NF_INET_PRE_ROUTING, PRIORITY_RAW, FIREWALL_NOTRACK },
	{ "tunnel-out", "filter", NF_INET_LOCAL_OUT, PRIORITY_RAW, FIREWALL_NOTRACK },
	{ "refused", NULL, 0, 0, FIREWALL_GUARD },
	{ "injected", NULL, 0, 0, FIREWALL_INJECTION },
	{ "tunnel-input", NULL, 0, 0, FIREWALL_GUARD },
	{ "tunnel-forward", NULL, 0, 0, FIREWALL_INJECTION },
	{ "router", NULL, 0, 0, FIREWALL_HOST_ROUTERS },
	{ "incomplete", NULL, 0, 0, FIREWALL_HOST_ROUTERS },
	{ "check-icmp", NULL, 0, 0, FIREWALL_HOST_ROUTERS },
	{ "check-icmp6", NULL, 0, 0, FIREWALL_HOST_ROUTERS },
	{ "check-ip6", NULL, 0, 0, FIREWALL_HOST_ROUTERS },
	{ "check-udp", NULL, 0, 0, FIREWALL_HOST_ROUTERS },
	{ "routers", NULL, 0, 0, FIREWALL_HOST_ROUTERS },
	{ "isolation", NULL, 0, 0, FIREWALL_ISOLATION },
	{ "input", "filter", NF_INET_LOCAL_IN, PRIORITY_FILTER, FIREWALL_GUARD },
	{ "forward", "filter", NF_INET_FORWARD, PRIORITY_FILTER, FIREWALL_FORWARD },
	{ "postrouting", "nat", NF_INET_POST_ROUTING, PRIORITY_SRCNAT, FIREWALL_MASQUERADE },
};
#define CHAINS (ARRAY_LEN(chain_of_all))

/*
 * Tunnel packets arrive from the underlay and are sent by the node itself. One that a container
 * sends would reach a peer with the node's address, if it is masqueraded, and so pass its guard.
 */
static bool drops_injected(const struct firewall_builder *builder)
{
	return firewall_is_supported(builder, FIREWALL_INJECTION) && builder->len;
}

/*
 * A frame to a link-local group address reaches the host with the port as its input device, past
 * the rules of the bridge. Only the bridge is an interface of the host. The kernel does not forward
 * such packets, because they are for a group by their MAC address.
 */
static void add_port_drop(struct firewall_builder *builder)
{
	static const char bridges[] = { 'w', 'e', 'f', 't', '-', 'b', 'r' };
	struct nft_expr *expr;

	if (!drops_injected(builder) || !firewall_is_supported(builder, FIREWALL_GUARD))
		return;
	expr = firewall_add_rule(builder, "input", FIREWALL_INJECTION);
	firewall_match_weft(expr, NFT_META_IIFGROUP, NFT_CMP_EQ);
	nft_expr_meta(expr, NFT_META_IIFNAME);
	nft_expr_compare(expr, NFT_CMP_NEQ, bridges, sizeof(bridges));
	nft_expr_verdict(expr, NF_DROP, NULL);
}

/* The ports of another program's bridge are in no group, and their names are not known. */
static void add_link_local_drop(struct firewall_builder *builder)
{
	struct nft_expr *expr;

	if (!foreign_bridge_any(builder))
		return;
	expr = firewall_add_rule(builder, "tunnel-input", FIREWALL_INJECTION);
	firewall_match_link_local(expr);
	nft_expr_verdict(expr, NFT_GOTO, "injected");
}

static bool is_guarded(const struct firewall_builder *builder)
{
	return builder->options->guard && firewall_is_supported(builder, FIREWALL_GUARD) &&
	       builder->len;
}

static void add_drop(struct firewall_builder *builder)
{
	struct nft_expr *expr;

	if (!is_guarded(builder))
		return;
	expr = firewall_add_rule(builder, "refused", FIREWALL_GUARD);
	firewall_count(builder, expr, FIREWALL_VTEP_FILTER_DROPS);
	nft_expr_verdict(expr, NF_DROP, NULL);
}

/* ---- Tunnel packets that no node sent ----------------------------------------------------- */

static void add_injected(struct firewall_builder *builder)
{
	struct nft_expr *expr;

	if (!drops_injected(builder))
		return;
	expr = firewall_add_rule(builder, "injected", FIREWALL_INJECTION);
	firewall_count(builder, expr, FIREWALL_INJECTION_DROPS);
	nft_expr_verdict(expr, NF_DROP, NULL);
}

/* Forwarded to a peer, with the VNI of the network (has_own_vni) or any other. */
static void add_forwarded(struct firewall_builder *builder, const struct firewall_network *network,
			  bool has_own_vni)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		struct nft_expr *expr;

		if (!network->outer[f])
			continue;
		expr = firewall_add_rule(builder, "tunnel-forward", FIREWALL_INJECTION);
		if (has_own_vni)
			firewall_match_vni(expr, network->vni);
		firewall_match_family(expr, f);
		firewall_match_set(expr, f, false, "peers", network->vni, false);
		if (has_own_vni)
			firewall_match_set(expr, f, true, "peers", network->vni, true);
		nft_expr_verdict(expr, NFT_GOTO, "injected");
	}
}

/*
 * For packets to a tunnel port. An overlay of containers may use the port too, so what is addressed
 * to a container passes. A node may route packets from peers to peers; other hosts behind it, for
 * example containers of another program, may not send to peers, since their packets may be
 * masqueraded. Without the guard a peer's source address may be unknown, so that only what comes
 * from weft's devices is dropped.
 */
static void add_tunnel_forward(struct firewall_builder *builder)
{
	struct nft_expr *expr;
	char cluster[FIREWALL_NAME_SIZE];

	if (!drops_injected(builder))
		return;
	expr = firewall_add_rule(builder, "tunnel-forward", FIREWALL_INJECTION);
	firewall_match_weft(expr, NFT_META_OIFGROUP, NFT_CMP_EQ);
	nft_expr_verdict(expr, NFT_RETURN, NULL);
	foreign_bridge_goto(builder, "tunnel-forward", NFT_META_OIFNAME, NFT_RETURN, NULL);
	for (enum family f = 0; f < FAMILIES; f++) {
		if (!has_set(builder, firewall_set_name(cluster, "cluster", f, 0)))
			continue;
		expr = firewall_add_rule(builder, "tunnel-forward", FIREWALL_INJECTION);
		firewall_match_family(expr, f);
		firewall_match_set(expr, f, false, "cluster", 0, false);
		nft_expr_verdict(expr, NFT_RETURN, NULL);
	}
	expr = firewall_add_rule(builder, "tunnel-forward", FIREWALL_INJECTION);
	firewall_match_weft(expr, NFT_META_IIFGROUP, NFT_CMP_EQ);
	nft_expr_verdict(expr, NFT_GOTO, "injected");
	foreign_bridge_goto(builder, "tunnel-forward", NFT_META_IIFNAME, NFT_GOTO, "injected");
	if (!is_guarded(builder))
		return;
	for (size_t i = 0; i < builder->len; i++)
		add_forwarded(builder, &builder->networks[i], true);
	expr = firewall_add_rule(builder, "tunnel-forward", FIREWALL_INJECTION);
	firewall_match_any_vni(expr);
	nft_expr_verdict(expr, NFT_RETURN, NULL);
	for (size_t i = 0; i < builder->len; i++)
		add_forwarded(builder, &builder->networks[i], false);
}

/* ---- Tunnel packets to the node ----------------------------------------------------------- */

static bool has_cluster(const struct firewall_builder *builder, enum family f)
{
	char cluster[FIREWALL_NAME_SIZE];

	return has_set(builder, firewall_set_name(cluster, "cluster", f, 0));
}

/* A comparison with the only one costs less than a lookup. */
static void not_in_cluster(const struct firewall_builder *builder, struct nft_expr *expr,
			   enum family f)
{
	const struct prefix *only = NULL;
	size_t count = 0;

	for (size_t i = 0; i < builder->len; i++)
		if (prefix_is_set(&builder->networks[i].cluster[f])) {
			only = &builder->networks[i].cluster[f];
			count++;
		}
	if (count == 1)
		firewall_match_prefix(expr, f, false, NFT_CMP_NEQ, only);
	else if (count)
		firewall_match_set(expr, f, false, "cluster", 0, true);
}

/* Most packets of the tunnel. */
static void add_accepted(struct firewall_builder *builder, const struct firewall_network *network)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		struct nft_expr *expr;

		if (!network->outer[f])
			continue;
		expr = firewall_add_rule(builder, "tunnel-input", FIREWALL_GUARD);
		firewall_match_vni(expr, network->vni);
		firewall_match_family(expr, f);
		firewall_match_set(expr, f, true, "peers", network->vni, false);
		if (drops_injected(builder))
			not_in_cluster(builder, expr, f);
		nft_expr_verdict(expr, NF_ACCEPT, NULL);
	}
}

/*
 * Another program's tunnel may share the port, so packets with other VNIs are accepted. A packet
 * whose VNI is in the next fragment is dropped: the VNI could be one of weft's.
 */
static void add_refusals(struct firewall_builder *builder)
{
	struct nft_expr *expr;

	for (size_t i = 0; i < builder->len; i++) {
		expr = firewall_add_rule(builder, "tunnel-input", FIREWALL_GUARD);
		firewall_match_vni(expr, builder->networks[i].vni);
		nft_expr_verdict(expr, NFT_GOTO, "refused");
	}
	expr = firewall_add_rule(builder, "tunnel-input", FIREWALL_GUARD);
	firewall_match_any_vni(expr);
	nft_expr_verdict(expr, NF_ACCEPT, NULL);
	nft_expr_verdict(firewall_add_rule(builder, "tunnel-input", FIREWALL_GUARD), NFT_GOTO,
			 "refused");
}

/* From containers: the devices of weft, and bridges of other programs. */
static void add_injected_input(struct firewall_builder *builder)
{
	struct nft_expr *expr = firewall_add_rule(builder, "tunnel-input", FIREWALL_INJECTION);

	firewall_match_weft(expr, NFT_META_IIFGROUP, NFT_CMP_EQ);
	nft_expr_verdict(expr, NFT_GOTO, "injected");
	foreign_bridge_goto(builder, "tunnel-input", NFT_META_IIFNAME, NFT_GOTO, "injected");
}

/*
 * A node's address in the overlay is no tunnel endpoint: with DirectRouting it is reached
 * uncapsulated.
 */
static void add_overlay_input(struct firewall_builder *builder)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		struct nft_expr *expr;

		if (!has_cluster(builder, f))
			continue;
		expr = firewall_add_rule(builder, "tunnel-input", FIREWALL_INJECTION);
		firewall_match_family(expr, f);
		firewall_match_set(expr, f, false, "cluster", 0, false);
		nft_expr_verdict(expr, NFT_GOTO, "injected");
	}
}

static bool filters_tunnel_input(const struct firewall_builder *builder)
{
	return firewall_is_supported(builder, FIREWALL_GUARD) &&
	       (drops_injected(builder) || is_guarded(builder));
}

static void add_tunnel_input(struct firewall_builder *builder)
{
	if (!filters_tunnel_input(builder))
		return;
	if (drops_injected(builder)) {
		add_link_local_drop(builder);
		add_injected_input(builder);
	}
	for (size_t i = 0; is_guarded(builder) && i < builder->len; i++)
		add_accepted(builder, &builder->networks[i]);
	if (drops_injected(builder))
		add_overlay_input(builder);
	if (is_guarded(builder))
		add_refusals(builder);
}

/*
 * The bridge of an L2 network without a gateway has no address, but the host accepts packets to any
 * of its own addresses on every device.
 */
static void add_switch_input(struct firewall_builder *builder)
{
	for (size_t i = 0; firewall_is_supported(builder, FIREWALL_ISOLATION) && i < builder->len;
	     i++) {
		struct nft_expr *expr;

		if (!builder->networks[i].is_switch)
			continue;
		expr = firewall_add_rule(builder, "input", FIREWALL_ISOLATION);
		firewall_match_device(expr, NFT_META_IIFNAME, NFT_CMP_EQ,
				      builder->networks[i].bridge);
		firewall_count(builder, expr, FIREWALL_ISOLATION_DROPS);
		nft_expr_verdict(expr, NF_DROP, NULL);
	}
}

static void add_routers(struct firewall_builder *builder)
{
	if (router_at_host(builder))
		router_add_checks(builder, "routers");
}

/* From the bridges of weft: what containers send, and what peers send to the host or through it. */
static void to_routers(struct firewall_builder *builder, const char *chain, int32_t verdict)
{
	struct nft_expr *expr;

	if (!router_at_host(builder))
		return;
	expr = firewall_add_rule(builder, chain, FIREWALL_HOST_ROUTERS);
	firewall_match_weft(expr, NFT_META_IIFGROUP, NFT_CMP_EQ);
	nft_expr_verdict(expr, verdict, "routers");
}

/*
 * With the guard, every packet to the port ends in the chain; else, those of switches are still to
 * be dropped.
 */
static void add_input(struct firewall_builder *builder)
{
	if (is_guarded(builder))
		tunnel_add_shortcut(builder);
	if (filters_tunnel_input(builder))
		tunnel_to_each_port(builder, "input", FIREWALL_GUARD,
				    is_guarded(builder) ? NFT_GOTO : NFT_JUMP, "tunnel-input");
	add_port_drop(builder);
	add_switch_input(builder);
	to_routers(builder, "input", NFT_GOTO);
}

/* ---- Forwarding and masquerading ---------------------------------------------------------- */

/* Whether the network allows another one, to which it must be able to reply. */
static bool may_be_contacted(const struct firewall_builder *builder,
			     const struct firewall_network *network)
{
	for (size_t i = 0; i < builder->len; i++)
		if (&builder->networks[i] != network &&
		    firewall_allows(network, &builder->networks[i]))
			return true;
	return false;
}

static void match_isolated(struct nft_expr *expr, const struct firewall_network *network,
			   enum family f)
{
	firewall_match_device(expr, NFT_META_IIFNAME, NFT_CMP_EQ, network->bridge);
	firewall_match_family(expr, f);
	firewall_match_set(expr, f, false, "isolated", network->vni, false);
}

static void add_isolation(struct firewall_builder *builder, const struct firewall_network *network,
			  enum family f)
{
	char name[FIREWALL_NAME_SIZE];
	struct nft_expr *expr;

	if (!has_set(builder, firewall_set_name(name, "isolated", f, network->vni)))
		return;
	if (may_be_contacted(builder, network) &&
	    firewall_is_supported(builder, FIREWALL_REPLIES)) {
		expr = firewall_add_rule(builder, "isolation", FIREWALL_REPLIES);
		match_isolated(expr, network, f);
		firewall_match_replies(expr);
		nft_expr_verdict(expr, NF_ACCEPT, NULL);
	}
	expr = firewall_add_rule(builder, "isolation", FIREWALL_ISOLATION);
	match_isolated(expr, network, f);
	firewall_count(builder, expr, FIREWALL_ISOLATION_DROPS);
	nft_expr_verdict(expr, NF_DROP, NULL);
}

/*
 * Between a network whose addresses are not known, or on another program's bridge, and weft's
 * devices; between a switch and anything else.
 */
static void add_closed(struct firewall_builder *builder, const struct firewall_network *network)
{
	static const uint32_t keys[][3] = {
		{ NFT_META_IIFNAME, NFT_META_OIFNAME, NFT_META_OIFGROUP },
		{ NFT_META_OIFNAME, NFT_META_IIFNAME, NFT_META_IIFGROUP },
	};

	const bool wanted = network->closed || network->is_switch || network->foreign;

	for (size_t i = 0; wanted && i < ARRAY_LEN(keys); i++) {
		struct nft_expr *expr = firewall_add_rule(builder, "isolation", FIREWALL_ISOLATION);

		firewall_match_device(expr, keys[i][0], NFT_CMP_EQ, network->bridge);
		firewall_match_device(expr, keys[i][1], NFT_CMP_NEQ, network->bridge);
		if (!network->is_switch)
			firewall_match_weft(expr, keys[i][2], NFT_CMP_EQ);
		firewall_count(builder, expr, FIREWALL_ISOLATION_DROPS);
		nft_expr_verdict(expr, NF_DROP, NULL);
	}
}

/*
 * Switches first, which nothing may reach; then what AllowFrom permits to bridges of other
 * programs, whose containers may have any address, so that they are isolated by device.
 */
static void add_device_isolation(struct firewall_builder *builder)
{
	if (!firewall_is_supported(builder, FIREWALL_ISOLATION))
		return;
	for (size_t i = 0; i < builder->len; i++)
		if (!builder->networks[i].foreign)
			add_closed(builder, &builder->networks[i]);
	foreign_bridge_isolate(builder);
	for (size_t i = 0; i < builder->len; i++)
		if (builder->networks[i].foreign)
			add_closed(builder, &builder->networks[i]);
}

/* All else is accepted by the policy of the chain forward. */
static void add_isolations(struct firewall_builder *builder)
{
	if (!firewall_is_supported(builder, FIREWALL_FORWARD))
		return;
	add_device_isolation(builder);
	for (size_t i = 0; i < builder->len; i++)
		for (enum family f = 0; f < FAMILIES; f++)
			add_isolation(builder, &builder->networks[i], f);
}

static bool has_chain(const struct firewall_builder *builder, const char *name)
{
	for (size_t i = 0; i < builder->table->chains.len; i++)
		if (!strcmp(builder->table->chains.at[i].name, name))
			return true;
	return false;
}

/* Most packets pass by neither a tunnel's port nor a type or port that is checked. */
static void add_forward(struct firewall_builder *builder)
{
	const bool isolates = has_chain(builder, "isolation");
	uint16_t ports = 0;

	if (!firewall_is_supported(builder, FIREWALL_FORWARD))
		return;
	for (size_t i = 0; i < builder->len; i++)
		ports |= builder->networks[i].port;
	if (router_at_host(builder))
		router_add_most(builder, "forward", ports, isolates ? NFT_GOTO : NF_ACCEPT,
				isolates ? "isolation" : NULL);
	if (drops_injected(builder))
		tunnel_to_each_port(builder, "forward", FIREWALL_INJECTION, NFT_JUMP,
				    "tunnel-forward");
	to_routers(builder, "forward", NFT_JUMP);
	if (isolates)
		nft_expr_verdict(firewall_add_rule(builder, "forward", FIREWALL_FORWARD), NFT_GOTO,
				 "isolation");
}

static void add_masquerade(struct firewall_builder *builder, const struct firewall_network *network,
			   enum family f)
{
	bool random = firewall_is_supported(builder, FIREWALL_RANDOM);
	struct nft_expr *expr = firewall_add_rule(builder, "postrouting",
						  random ? FIREWALL_RANDOM : FIREWALL_MASQUERADE);

	firewall_match_family(expr, f);
	firewall_match_set(expr, f, true, "own", network->vni, false);
	firewall_match_set(expr, f, false, "cluster", 0, true);
	firewall_match_set(expr, f, false, "except", network->vni, true);
	nft_expr_masquerade(expr, random ? NF_NAT_RANGE_PROTO_RANDOM_FULLY : 0);
}

/* Addresses in one subnet reach each other without the node; all others answer through it. */
static void add_hairpin(struct firewall_builder *builder, const struct firewall_network *network,
			enum family f)
{
	const uint32_t translated = IPS_DST_NAT; /* in the kernel's own byte order */
	const uint32_t none = 0;
	struct nft_expr *expr = firewall_add_rule(builder, "postrouting", FIREWALL_HAIRPIN);

	firewall_match_family(expr, f);
	firewall_match_set(expr, f, true, "own", network->vni, false);
	firewall_match_set(expr, f, false, "own", network->vni, false);
	nft_expr_ct(expr, NFT_CT_STATUS);
	nft_expr_mask(expr, &translated, sizeof(translated));
	nft_expr_compare(expr, NFT_CMP_NEQ, &none, sizeof(none));
	nft_expr_masquerade(expr, 0);
}

static void add_kube_proxy_return(struct firewall_builder *builder)
{
	const uint32_t mark = KUBE_PROXY_MARK; /* marks are in the kernel's own byte order */
	struct nft_expr *expr = firewall_add_rule(builder, "postrouting", FIREWALL_MASQUERADE);

	nft_expr_meta(expr, NFT_META_MARK);
	nft_expr_mask(expr, &mark, sizeof(mark));
	nft_expr_compare(expr, NFT_CMP_EQ, &mark, sizeof(mark));
	nft_expr_verdict(expr, NFT_RETURN, NULL);
}

static void add_postrouting(struct firewall_builder *builder)
{
	bool any = false;

	for (size_t i = 0; i < builder->len; i++) {
		const struct firewall_network *network = &builder->networks[i];

		for (enum family f = 0; f < FAMILIES; f++) {
			const bool hairpin = hairpins(builder, f);

			if (!prefix_is_set(&network->subnet[f]) ||
			    (!hairpin && !masquerades(builder)))
				continue;
			if (!any)
				add_kube_proxy_return(builder);
			any = true;
			if (hairpin)
				add_hairpin(builder, network, f);
			if (masquerades(builder))
				add_masquerade(builder, network, f);
		}
	}
}

static void (*const fill_chain[CHAINS])(struct firewall_builder *builder) = {
	tunnel_add_from_peers,
	tunnel_add_to_peers,
	tunnel_add_in,
	tunnel_add_out,
	add_drop,
	add_injected,
	add_tunnel_input,
	add_tunnel_forward,
	router_add_host_verdict,
	router_add_incomplete,
	router_add_icmp,
	router_add_icmp6,
	router_add_ip6,
	router_add_udp,
	add_routers,
	add_isolations,
	add_input,
	add_forward,
	add_postrouting,
};

static void add_chains(struct firewall_builder *builder)
{
	struct firewall_table *table = builder->table;

	for (size_t i = 0; i < CHAINS; i++) {
		size_t before = table->rules.len;

		fill_chain[i](builder);
		if (table->rules.len > before &&
		    !firewall_chains_push(&table->chains, &chain_of_all[i]))
			builder->failed = true;
	}
}

/* ---- The table --------------------------------------------------------------------------- */

static const char *const counters[] = { FIREWALL_VTEP_FILTER_DROPS, FIREWALL_INJECTION_DROPS,
					FIREWALL_ISOLATION_DROPS, ROUTER_DROPS };

bool firewall_table_build(const struct firewall_options *options,
			  const struct firewall_network *networks, size_t len,
			  struct firewall_table *table_out)
{
	struct firewall_builder builder = {
		.networks = networks,
		.len = len,
		.options = options,
		.unsupported = options->unsupported,
		.table = table_out,
	};

	*table_out = (struct firewall_table){ .family = FIREWALL_FAMILY, .name = FIREWALL_TABLE };
	if (firewall_is_supported(&builder, FIREWALL_COUNT)) {
		table_out->counters = counters;
		table_out->counters_len = ARRAY_LEN(counters);
	}
	add_sets(&builder);
	add_chains(&builder);
	return !builder.failed;
}
