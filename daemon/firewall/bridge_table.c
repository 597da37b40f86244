/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/bridge_table.h"

#include "common/array.h"
#include "daemon/firewall/router_chains.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter_bridge.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

/* Offsets in bytes. */
#define HOP_LIMIT_V4 8 /* RFC 791, RFC 8200 section 3 */
#define HOP_LIMIT_V6 7

/* ---- Rules ------------------------------------------------------------------------------- */

/* Unlike the protocol, the type in the header of a frame with a VLAN tag is that of the tag. */
static void has_ether_type(struct nft_expr *expr, uint16_t type)
{
	const uint16_t be = htons(type);

	nft_expr_payload(expr, NFT_PAYLOAD_LL_HEADER, offsetof(struct ethhdr, h_proto), sizeof(be));
	nft_expr_compare(expr, NFT_CMP_EQ, &be, sizeof(be));
}

static void drop(const struct firewall_builder *builder, struct nft_expr *expr, const char *counter)
{
	firewall_count(builder, expr, counter);
	nft_expr_verdict(expr, NF_DROP, NULL);
}

/* ---- Chains ------------------------------------------------------------------------------ */

static bool is_probed(const struct firewall_builder *builder,
		      const struct firewall_network *network, enum family f)
{
	return builder->options->probe && network->probe_port &&
	       ipaddr_is_set(&network->gateway[f]);
}

static bool is_any_probed(const struct firewall_builder *builder,
			  const struct firewall_network *network)
{
	return is_probed(builder, network, FAMILY_V4) || is_probed(builder, network, FAMILY_V6);
}

static bool any_probed(const struct firewall_builder *builder)
{
	for (size_t i = 0; i < builder->len; i++)
		if (is_any_probed(builder, &builder->networks[i]))
			return true;
	return false;
}

/*
 * Each port once. In front of all other rules, since a packet with such a port may be checked
 * further.
 */
static void add_probe_ports(struct firewall_builder *builder)
{
	for (size_t i = 0; i < builder->len; i++) {
		const struct firewall_network *network = &builder->networks[i];
		bool repeated = false;
		struct nft_expr *expr;

		for (size_t k = 0; k < i; k++)
			repeated |= is_any_probed(builder, &builder->networks[k]) &&
				    builder->networks[k].probe_port == network->probe_port;
		if (repeated || !is_any_probed(builder, network))
			continue;
		expr = firewall_add_rule(builder, "prerouting", FIREWALL_PROBES);
		firewall_match_udp_port(expr, network->probe_port);
		firewall_match_weft(expr, NFT_META_IIFGROUP, NFT_CMP_EQ);
		nft_expr_verdict(expr, NFT_JUMP, "probe");
	}
}

static void is_family(struct nft_expr *expr, enum family f)
{
	firewall_match_protocol(expr, f == FAMILY_V6 ? ETH_P_IPV6 : ETH_P_IP);
}

static struct nft_expr *add_probe_rule(struct firewall_builder *builder)
{
	return firewall_add_rule(builder, "probe", FIREWALL_PROBES);
}

/* To the gateway, and from it. */
static void drop_probes(struct firewall_builder *builder, const struct firewall_network *network,
			enum family f)
{
	for (int source = 0; source < 2; source++) {
		struct nft_expr *expr = add_probe_rule(builder);

		is_family(expr, f);
		firewall_match_port(expr, network->probe_port);
		firewall_match_address(expr, source, &network->gateway[f]);
		drop(builder, expr, BRIDGE_PROBE_DROPS);
	}
}

/*
 * What has a second VLAN tag cannot be matched, but the host removes all tags: it could be a probe.
 */
static void add_tagged_ports(struct firewall_builder *builder)
{
	static const uint16_t tags[] = { ETH_P_8021Q, ETH_P_8021AD };

	for (size_t i = 0; any_probed(builder) && i < ARRAY_LEN(tags); i++) {
		struct nft_expr *expr = firewall_add_rule(builder, "prerouting", FIREWALL_PROBES);

		firewall_match_protocol(expr, tags[i]);
		firewall_match_weft(expr, NFT_META_IIFGROUP, NFT_CMP_EQ);
		nft_expr_verdict(expr, NFT_GOTO, "tagged");
	}
}

static void add_tagged(struct firewall_builder *builder)
{
	struct nft_expr *expr;

	if (!any_probed(builder))
		return;
	expr = firewall_add_rule(builder, "tagged", FIREWALL_PROBES);
	firewall_match_tunnels(expr, NFT_META_IIFNAME);
	nft_expr_verdict(expr, NFT_RETURN, NULL);
	drop(builder, firewall_add_rule(builder, "tagged", FIREWALL_PROBES), BRIDGE_PROBE_DROPS);
}

/* Packets with ports have no other tag. */
static void add_untagged_return(struct firewall_builder *builder)
{
	const uint16_t least = 0;
	struct nft_expr *expr;

	if (!any_probed(builder))
		return;
	expr = firewall_add_rule(builder, "prerouting", FIREWALL_PROBES);
	nft_expr_payload(expr, NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof(least));
	nft_expr_compare(expr, NFT_CMP_GTE, &least, sizeof(least));
	nft_expr_verdict(expr, NFT_RETURN, NULL);
}

/* Whether the sources of all containers are known: not with an L2 network, or a closed one. */
static bool are_sources_known(const struct firewall_builder *builder)
{
	for (size_t i = 0; i < builder->len; i++)
		if (builder->networks[i].bridged || builder->networks[i].closed)
			return false;
	return true;
}

static void drop_forged_probes(struct firewall_builder *builder, enum family f)
{
	const uint8_t limit = 255;
	struct nft_expr *expr;
	bool probed = false;

	for (size_t i = 0; i < builder->len; i++)
		probed |= is_probed(builder, &builder->networks[i], f);
	if (!probed)
		return;
	for (size_t i = 0; i < builder->len; i++) {
		const struct prefix *subnet = &builder->networks[i].subnet[f];

		if (!prefix_is_set(subnet))
			continue;
		expr = add_probe_rule(builder);
		is_family(expr, f);
		firewall_match_prefix(expr, f, true, NFT_CMP_EQ, subnet);
		nft_expr_verdict(expr, NFT_RETURN, NULL);
	}
	expr = add_probe_rule(builder);
	is_family(expr, f);
	nft_expr_payload(expr, NFT_PAYLOAD_NETWORK_HEADER,
			 f == FAMILY_V6 ? HOP_LIMIT_V6 : HOP_LIMIT_V4, sizeof(limit));
	nft_expr_compare(expr, NFT_CMP_EQ, &limit, sizeof(limit));
	drop(builder, expr, BRIDGE_PROBE_DROPS);
}

/*
 * Probes come from the tunnel, and leave from the host. A container could send them with a peer's
 * address to its own node, and with br_netfilter past the host to another one: with the address of
 * its node's gateway, or with that of another node, and the hop limit of a packet that was not
 * forwarded.
 */
static void add_probe(struct firewall_builder *builder)
{
	struct nft_expr *expr;

	if (!any_probed(builder))
		return;
	expr = add_probe_rule(builder);
	firewall_match_tunnels(expr, NFT_META_IIFNAME);
	nft_expr_verdict(expr, NFT_RETURN, NULL);
	for (size_t i = 0; i < builder->len; i++)
		for (enum family f = 0; f < FAMILIES; f++)
			if (is_probed(builder, &builder->networks[i], f))
				drop_probes(builder, &builder->networks[i], f);
	for (enum family f = 0; are_sources_known(builder) && f < FAMILIES; f++)
		drop_forged_probes(builder, f);
}

/* ---- Routers ----------------------------------------------------------------------------- */

/* Where each frame of a container enters the bridge. */
static void add_prerouting(struct firewall_builder *builder)
{
	const bool probes = firewall_is_supported(builder, FIREWALL_PROBES);

	if (probes)
		add_probe_ports(builder);
	if (router_at_ports(builder)) {
		router_add_most(builder, "prerouting", 0, NFT_RETURN, NULL);
		router_add_other_devices(builder, "prerouting");
		if (probes)
			add_tagged_ports(builder);
		router_add_checks(builder, "prerouting");
	} else if (probes) {
		add_untagged_return(builder);
		add_tagged_ports(builder);
	}
}

static void add_routers(struct firewall_builder *builder)
{
	if (!router_between_ports(builder))
		return;
	router_add_most(builder, "routers", 0, NFT_RETURN, NULL);
	router_add_other_devices(builder, "routers");
	router_add_checks(builder, "routers");
}

/* ---- Frames between two ports ------------------------------------------------------------ */

/* The ports of one bridge reach only its own tunnel. */
static void add_bridged(struct firewall_builder *builder, uint32_t key)
{
	for (size_t i = 0; i < builder->len; i++) {
		const struct firewall_network *network = &builder->networks[i];

		for (enum family f = 0; network->bridged && f < FAMILIES; f++) {
			struct nft_expr *expr;

			if (!network->vxlan[f][0])
				continue;
			expr = firewall_add_rule(builder, "forward", FIREWALL_BRIDGED_TUNNEL);
			firewall_match_device(expr, key, NFT_CMP_EQ, network->vxlan[f]);
			nft_expr_verdict(expr, NF_ACCEPT, NULL);
		}
	}
}

/*
 * STP, LLDP and others concern one link or one bridge. With STP, a node's bridge would otherwise
 * take part in the spanning tree of the other nodes' bridges.
 */
static void add_link_local_drop(struct firewall_builder *builder, const char *chain, uint32_t key)
{
	struct nft_expr *expr = firewall_add_rule(builder, chain, FIREWALL_BRIDGED_TUNNEL);

	firewall_match_tunnels(expr, key);
	firewall_match_link_local(expr);
	nft_expr_verdict(expr, NF_DROP, NULL);
}

static bool any_bridged(const struct firewall_builder *builder)
{
	for (size_t i = 0; i < builder->len; i++)
		if (builder->networks[i].bridged)
			return true;
	return false;
}

static bool keeps_broadcasts(const struct firewall_network *network)
{
	return network->bridged && !network->flood_limit;
}

/* Broadcasts and multicasts to the tunnel of an L2 network without flooding. */
static void add_unflooded(struct firewall_builder *builder, const char *chain, int32_t verdict,
			  const char *target)
{
	for (size_t i = 0; i < builder->len; i++) {
		const struct firewall_network *network = &builder->networks[i];

		for (enum family f = 0; keeps_broadcasts(network) && f < FAMILIES; f++) {
			struct nft_expr *expr;

			if (!network->vxlan[f][0])
				continue;
			expr = firewall_add_rule(builder, chain, FIREWALL_BRIDGED_TUNNEL);
			firewall_match_device(expr, NFT_META_OIFNAME, NFT_CMP_EQ,
					      network->vxlan[f]);
			firewall_match_group(expr, true);
			nft_expr_verdict(expr, verdict, target);
		}
	}
}

/* What is not counted is part of every network: no application waits for it on other nodes. */
static void add_local(struct firewall_builder *builder)
{
	static const uint8_t uppers[] = { IPPROTO_ICMPV6, IPPROTO_IGMP };
	bool wanted = false;
	struct nft_expr *expr;

	for (size_t i = 0; i < builder->len; i++)
		wanted |= keeps_broadcasts(&builder->networks[i]);
	if (!wanted)
		return;
	expr = firewall_add_rule(builder, "local", FIREWALL_BRIDGED_TUNNEL);
	has_ether_type(expr, ETH_P_ARP);
	nft_expr_verdict(expr, NF_DROP, NULL);
	for (size_t i = 0; i < ARRAY_LEN(uppers); i++) {
		expr = firewall_add_rule(builder, "local", FIREWALL_BRIDGED_TUNNEL);
		firewall_match_upper(expr, NFT_CMP_EQ, uppers[i]);
		nft_expr_verdict(expr, NF_DROP, NULL);
	}
	drop(builder, firewall_add_rule(builder, "local", FIREWALL_BRIDGED_TUNNEL),
	     BRIDGE_UNFLOODED_DROPS);
}

/* What a bridge itself sends passes no forward chain. */
static void add_output(struct firewall_builder *builder)
{
	if (any_bridged(builder))
		add_link_local_drop(builder, "output", NFT_META_OIFNAME);
	add_unflooded(builder, "output", NF_DROP, NULL);
}

/* Before all accepts. The limit is that of the node's containers together, for each network. */
static void add_flood_limits(struct firewall_builder *builder)
{
	if (!firewall_is_supported(builder, FIREWALL_FLOOD_LIMIT))
		return;
	for (size_t i = 0; i < builder->len; i++) {
		const struct firewall_network *network = &builder->networks[i];

		for (enum family f = 0; network->flood_limit && f < FAMILIES; f++) {
			struct nft_expr *expr;

			if (!network->vxlan[f][0])
				continue;
			expr = firewall_add_rule(builder, "forward", FIREWALL_FLOOD_LIMIT);
			firewall_match_device(expr, NFT_META_OIFNAME, NFT_CMP_EQ,
					      network->vxlan[f]);
			firewall_match_group(expr, true);
			nft_expr_over(expr, network->flood_limit);
			drop(builder, expr, BRIDGE_FLOOD_DROPS);
		}
	}
}

static void add_forward(struct firewall_builder *builder)
{
	static const uint32_t keys[] = { NFT_META_OIFNAME, NFT_META_IIFNAME };

	if (router_between_ports(builder))
		nft_expr_verdict(firewall_add_rule(builder, "forward", FIREWALL_ROUTERS), NFT_JUMP,
				 "routers");
	for (size_t i = 0; any_bridged(builder) && i < ARRAY_LEN(keys); i++)
		add_link_local_drop(builder, "forward", keys[i]);
	add_flood_limits(builder);
	add_unflooded(builder, "forward", NFT_GOTO, "local");
	for (size_t f = 0; f < FAMILIES; f++) {
		struct nft_expr *expr;

		if (!builder->options->bridge_nf[f])
			continue;
		expr = firewall_add_rule(builder, "forward", FIREWALL_BRIDGED_TUNNEL);
		has_ether_type(expr, f == FAMILY_V6 ? ETH_P_IPV6 : ETH_P_IP);
		nft_expr_verdict(expr, NF_ACCEPT, NULL);
	}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		add_bridged(builder, keys[i]);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct nft_expr *expr = firewall_add_rule(builder, "forward",
							  FIREWALL_BRIDGED_TUNNEL);

		firewall_match_tunnels(expr, keys[i]);
		drop(builder, expr, BRIDGE_TUNNEL_DROPS);
	}
}

/* ---- The table --------------------------------------------------------------------------- */

static const struct {
	struct firewall_chain chain;
	void (*fill)(struct firewall_builder *builder);
} chains[] = {
	{ { "local", NULL, 0, 0, FIREWALL_BRIDGED_TUNNEL }, add_local },
	{ { "router", NULL, 0, 0, FIREWALL_ROUTERS }, router_add_port_verdict },
	{ { "incomplete", NULL, 0, 0, FIREWALL_ROUTERS }, router_add_incomplete },
	{ { "check-icmp", NULL, 0, 0, FIREWALL_ROUTERS }, router_add_icmp },
	{ { "check-icmp6", NULL, 0, 0, FIREWALL_ROUTERS }, router_add_icmp6 },
	{ { "check-ip4", NULL, 0, 0, FIREWALL_ROUTERS }, router_add_ip4 },
	{ { "check-ip6", NULL, 0, 0, FIREWALL_ROUTERS }, router_add_ip6 },
	{ { "check-udp", NULL, 0, 0, FIREWALL_ROUTERS }, router_add_udp },
	{ { "routers", NULL, 0, 0, FIREWALL_ROUTERS }, add_routers },
	{ { "probe", NULL, 0, 0, FIREWALL_PROBES }, add_probe },
	{ { "tagged", NULL, 0, 0, FIREWALL_PROBES }, add_tagged },
	{ { "prerouting", "filter", NF_BR_PRE_ROUTING, NF_BR_PRI_NAT_DST_BRIDGED, FIREWALL_PROBES },
	  add_prerouting },
	{ { "forward", "filter", NF_BR_FORWARD, NF_BR_PRI_FILTER_BRIDGED, FIREWALL_BRIDGED_TUNNEL },
	  add_forward },
	{ { "output", "filter", NF_BR_LOCAL_OUT, NF_BR_PRI_FILTER_OTHER, FIREWALL_BRIDGED_TUNNEL },
	  add_output },
};

/* The chain has the rules of probes, of routers, or both. */
static struct firewall_chain chain_for(const struct firewall_builder *builder,
				       const struct firewall_chain *chain)
{
	struct firewall_chain made = *chain;

	if (made.hook == NF_BR_PRE_ROUTING && made.type && router_at_ports(builder))
		made.part = FIREWALL_ROUTERS;
	return made;
}

bool bridge_table_build(const struct firewall_options *options,
			const struct firewall_network *networks, size_t len,
			struct firewall_table *table_out)
{
	static const char *const counters[] = { ROUTER_DROPS, BRIDGE_TUNNEL_DROPS,
						BRIDGE_FLOOD_DROPS, BRIDGE_UNFLOODED_DROPS,
						BRIDGE_PROBE_DROPS };
	struct firewall_builder builder = {
		.networks = networks,
		.len = len,
		.options = options,
		.unsupported = options->unsupported,
		.table = table_out,
	};

	*table_out = (struct firewall_table){ .name = NULL };
	if (!firewall_is_supported(&builder, FIREWALL_BRIDGE))
		return true;
	table_out->family = NFPROTO_BRIDGE;
	table_out->name = FIREWALL_TABLE;
	table_out->part = FIREWALL_BRIDGE;
	if (firewall_is_supported(&builder, FIREWALL_COUNT)) {
		table_out->counters = counters;
		table_out->counters_len = ARRAY_LEN(counters);
	}
	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		const struct firewall_chain chain = chain_for(&builder, &chains[i].chain);
		const size_t before = table_out->rules.len;

		if (!firewall_is_supported(&builder, chain.part))
			continue;
		chains[i].fill(&builder);
		if (table_out->rules.len > before &&
		    !firewall_chains_push(&table_out->chains, &chain))
			builder.failed = true;
	}
	return !builder.failed;
}
