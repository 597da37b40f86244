/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/tunnel_chains.h"

#include "daemon/firewall/firewall_table.h"
#include "daemon/firewall/ingress_table.h"

#include <linux/netfilter.h>

#define IPV4_PROTOCOL 9 /* offset in bytes: RFC 791, section 3.1 */

static bool port_before(const struct firewall_builder *builder, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (builder->networks[k].port == builder->networks[i].port)
			return true;
	return false;
}

void tunnel_to_each_port(struct firewall_builder *builder, const char *chain,
			 enum firewall_part part, int32_t verdict, const char *target)
{
	for (size_t i = 0; i < builder->len; i++) {
		struct nft_expr *expr;

		if (port_before(builder, i))
			continue;
		expr = firewall_add_rule(builder, chain, part);
		firewall_match_udp_port(expr, builder->networks[i].port);
		nft_expr_verdict(expr, verdict, target);
	}
}

/*
 * A packet of a single network passes without a comparison of its VNI. What a node sends is matched
 * by its own address, if that is known: a comparison costs less than a lookup of the peer.
 */
static void add_peers_notrack(struct firewall_builder *builder, const char *chain, bool source)
{
	for (size_t i = 0; i < builder->len; i++) {
		const struct firewall_network *network = &builder->networks[i];

		for (enum family f = 0; f < FAMILIES; f++) {
			struct nft_expr *expr;

			if (!network->outer[f])
				continue;
			expr = firewall_add_rule(builder, chain, FIREWALL_NOTRACK);
			if (builder->len > 1)
				firewall_match_vni(expr, network->vni);
			firewall_match_family(expr, f);
			if (!source && ipaddr_is_set(&network->local[f]))
				firewall_match_address(expr, true, &network->local[f]);
			else
				firewall_match_set(expr, f, source, "peers", network->vni, false);
			nft_expr_notrack(expr);
		}
	}
}

static bool needs_tunnel_in(const struct firewall_builder *builder)
{
	return firewall_is_supported(builder, FIREWALL_NOTRACK) &&
	       !ingress_table_serves(builder->options, builder->networks, builder->len);
}

void tunnel_add_from_peers(struct firewall_builder *builder)
{
	if (needs_tunnel_in(builder))
		add_peers_notrack(builder, "from-peers", true);
}

/*
 * The rules for a single network are in the chains of the hooks themselves, which costs each packet
 * of the tunnel less than another chain; with several networks, other packets would pass the rules
 * of all.
 */
static const struct firewall_network *find_only(const struct firewall_builder *builder)
{
	const struct firewall_network *only = builder->len == 1 ? builder->networks : NULL;

	for (enum family f = 0; only && f < FAMILIES; f++)
		if (only->outer[f] && !ipaddr_is_set(&only->local[f]))
			return NULL;
	return only;
}

void tunnel_add_to_peers(struct firewall_builder *builder)
{
	if (firewall_is_supported(builder, FIREWALL_NOTRACK) && !find_only(builder))
		add_peers_notrack(builder, "to-peers", false);
}

static bool any_tunnel(const struct firewall_builder *builder)
{
	for (size_t i = 0; i < builder->len; i++)
		for (enum family f = 0; f < FAMILIES; f++)
			if (builder->networks[i].outer[f])
				return true;
	return false;
}

/* Other packets do not reach the rules of networks and peers. */
static void add_notrack(struct firewall_builder *builder, const char *chain, const char *target)
{
	if (any_tunnel(builder))
		tunnel_to_each_port(builder, chain, FIREWALL_NOTRACK, NFT_GOTO, target);
}

void tunnel_add_in(struct firewall_builder *builder)
{
	if (needs_tunnel_in(builder))
		add_notrack(builder, "tunnel-in", "from-peers");
}

/*
 * For IPv4, the protocol in the header, which also replaces the comparison of the family. An IPv6
 * packet could match by its source address alone, of which bytes 1 and 4 to 7 would be this
 * protocol and the node's IPv4 address; all that follows is that it is not tracked.
 */
static void match_sent_udp(struct nft_expr *expr, enum family f, uint16_t port)
{
	const uint8_t udp = IPPROTO_UDP;

	if (f == FAMILY_V6) {
		firewall_match_udp_port(expr, port);
		firewall_match_family(expr, f);
		return;
	}
	firewall_match_port(expr, port);
	nft_expr_payload(expr, NFT_PAYLOAD_NETWORK_HEADER, IPV4_PROTOCOL, sizeof(udp));
	nft_expr_compare(expr, NFT_CMP_EQ, &udp, sizeof(udp));
}

void tunnel_add_out(struct firewall_builder *builder)
{
	const struct firewall_network *only = find_only(builder);

	if (!firewall_is_supported(builder, FIREWALL_NOTRACK))
		return;
	if (!only)
		add_notrack(builder, "tunnel-out", "to-peers");
	for (enum family f = 0; only && f < FAMILIES; f++) {
		struct nft_expr *expr;

		if (!only->outer[f])
			continue;
		expr = firewall_add_rule(builder, "tunnel-out", FIREWALL_NOTRACK);
		match_sent_udp(expr, f, only->port);
		firewall_match_address(expr, true, &only->local[f]);
		nft_expr_notrack(expr);
	}
}

/*
 * Most packets of the tunnel, of a single network. Each of them would be accepted by tunnel-input
 * too, which decides about all others, for example those to another address of the node. The
 * protocol is not compared: no later rule of the chain drops another one that did not come from
 * weft's devices. Neither is the family, if no tunnel has the other one.
 */
void tunnel_add_shortcut(struct firewall_builder *builder)
{
	const struct firewall_network *only = find_only(builder);

	if (!only || only->foreign)
		return;
	for (enum family f = 0; f < FAMILIES; f++) {
		struct nft_expr *expr;

		if (!only->outer[f] || prefix_has(&only->cluster[f], &only->local[f]))
			continue;
		expr = firewall_add_rule(builder, "input", FIREWALL_GUARD);
		firewall_match_port(expr, only->port);
		firewall_match_sent_vni(expr, only->vni);
		if (only->outer[FAMILY_V4] && only->outer[FAMILY_V6])
			firewall_match_family(expr, f);
		firewall_match_set(expr, f, true, "peers", only->vni, false);
		firewall_match_address(expr, false, &only->local[f]);
		firewall_match_weft(expr, NFT_META_IIFGROUP, NFT_CMP_NEQ);
		nft_expr_verdict(expr, NF_ACCEPT, NULL);
	}
}
