/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/bridge_table.h"

#include "common/array.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter_bridge.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#define VXLAN_NAMES "weft-v" /* weft-vx1, weft-v61 */

/* Ports of RFC 2131 section 4.1 and RFC 8415 section 7.2. */
#define DHCP_SERVER 67
#define DHCP_CLIENT 68
#define DHCP6_CLIENT 546
#define DHCP6_SERVER 547

/* Offsets in bytes: RFC 768, RFC 8200 section 4.5. */
#define UDP_SPORT 0
#define UDP_DPORT 2
#define FRAGMENT_OFFSET 2
#define HOP_LIMIT_V4 8 /* RFC 791, RFC 8200 section 3 */
#define HOP_LIMIT_V6 7

#define ICMP_ROUTER_ADVERTISEMENT 9 /* RFC 1256 */

/* ---- Rules ------------------------------------------------------------------------------- */

static struct nft_expr *add_router_rule(struct firewall_builder *builder, const char *chain)
{
	return firewall_add_rule(builder, chain, FIREWALL_ROUTERS);
}

static void is_upper(struct nft_expr *expr, uint32_t op, uint8_t protocol)
{
	nft_expr_meta(expr, NFT_META_L4PROTO);
	nft_expr_compare(expr, op, &protocol, sizeof(protocol));
}

static void is_protocol(struct nft_expr *expr, uint16_t protocol)
{
	const uint16_t be = htons(protocol);

	nft_expr_meta(expr, NFT_META_PROTOCOL);
	nft_expr_compare(expr, NFT_CMP_EQ, &be, sizeof(be));
}

/* Unlike the protocol, the type in the header of a frame with a VLAN tag is that of the tag. */
static void has_ether_type(struct nft_expr *expr, uint16_t type)
{
	const uint16_t be = htons(type);

	nft_expr_payload(expr, NFT_PAYLOAD_LL_HEADER, offsetof(struct ethhdr, h_proto), sizeof(be));
	nft_expr_compare(expr, NFT_CMP_EQ, &be, sizeof(be));
}

static void has_port(struct nft_expr *expr, uint32_t offset, uint32_t op, uint16_t port)
{
	const uint16_t be = htons(port);

	nft_expr_payload(expr, NFT_PAYLOAD_TRANSPORT_HEADER, offset, sizeof(be));
	nft_expr_compare(expr, op, &be, sizeof(be));
}

/* The first byte of ICMP and ICMPv6. */
static void has_type(struct nft_expr *expr, uint32_t op, uint8_t type)
{
	nft_expr_payload(expr, NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof(type));
	nft_expr_compare(expr, op, &type, sizeof(type));
}

static void is_tunnel(struct nft_expr *expr, uint32_t key)
{
	nft_expr_meta(expr, key);
	nft_expr_compare(expr, NFT_CMP_EQ, VXLAN_NAMES, strlen(VXLAN_NAMES));
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

/* Returns the bits of the ports of all networks that are probed. */
static uint32_t probe_bits(const struct firewall_builder *builder)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < builder->len; i++)
		for (enum family f = 0; f < FAMILIES; f++)
			if (is_probed(builder, &builder->networks[i], f))
				bits |= builder->networks[i].probe_port;
	return bits;
}

static void load_ports(struct nft_expr *expr)
{
	nft_expr_payload(expr, NFT_PAYLOAD_TRANSPORT_HEADER, UDP_SPORT, 2 * sizeof(uint16_t));
}

/* The masked bytes that load_ports loaded are not value. */
static void ports_differ(struct nft_expr *expr, uint32_t mask, uint32_t value)
{
	const uint32_t be_mask = htonl(mask), be_value = htonl(value);

	nft_expr_compare_masked(expr, &be_mask, NFT_CMP_NEQ, &be_value, sizeof(be_value));
}

/*
 * No destination port below 1024: those of DHCP are below. Without the upper bits of the ports of probes, which are
 * then not above either, the comparison stays the same for all other packets.
 */
static void has_high_destination(const struct firewall_builder *builder, struct nft_expr *expr)
{
	ports_differ(expr, 0xfc00 & ~probe_bits(builder), 0);
}

/*
 * Most packets, whatever their protocol. The first byte has one of three bits which are clear in each type of
 * ICMP and ICMPv6 and in each port of a DHCP server that the following rules match. The kernel masks and compares
 * four bytes without a function call, which it makes for the protocol.
 */
static void add_most(struct firewall_builder *builder)
{
	struct nft_expr *expr = add_router_rule(builder, "prerouting");

	load_ports(expr);
	ports_differ(expr, 0x70000000, 0);
	has_high_destination(builder, expr);
	nft_expr_verdict(expr, NF_ACCEPT, NULL);
}

/* No source port below 1024 either. */
static void add_high_ports(struct firewall_builder *builder)
{
	struct nft_expr *expr = add_router_rule(builder, "prerouting");

	is_upper(expr, NFT_CMP_EQ, IPPROTO_UDP);
	load_ports(expr);
	ports_differ(expr, 0xfc000000, 0);
	has_high_destination(builder, expr);
	nft_expr_verdict(expr, NF_ACCEPT, NULL);
}

/* Most packets first, of weft's bridges or not. */
static void add_prerouting(struct firewall_builder *builder)
{
	static const struct {
		uint16_t protocol; /* ETH_P_*; 0: any */
		uint8_t upper;     /* IPPROTO_*; 0: any */
		const char *chain;
	} rows[] = {
		{ 0, IPPROTO_UDP, "check-udp" },   { ETH_P_IPV6, 0, "check-ip6" },
		{ 0, IPPROTO_ICMP, "check-icmp" }, { ETH_P_8021Q, 0, "router" },
		{ ETH_P_8021AD, 0, "router" },
	};
	struct nft_expr *expr = add_router_rule(builder, "prerouting");

	is_upper(expr, NFT_CMP_EQ, IPPROTO_TCP);
	nft_expr_verdict(expr, NF_ACCEPT, NULL);
	add_most(builder);
	add_high_ports(builder);
	expr = add_router_rule(builder, "prerouting");
	firewall_match_weft(expr, NFT_META_IIFGROUP, NFT_CMP_NEQ);
	nft_expr_verdict(expr, NF_ACCEPT, NULL);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expr = add_router_rule(builder, "prerouting");
		if (rows[i].protocol)
			is_protocol(expr, rows[i].protocol);
		else
			is_upper(expr, NFT_CMP_EQ, rows[i].upper);
		nft_expr_verdict(expr, NFT_GOTO, rows[i].chain);
	}
}

static bool is_any_probed(const struct firewall_builder *builder,
			  const struct firewall_network *network)
{
	return is_probed(builder, network, FAMILY_V4) || is_probed(builder, network, FAMILY_V6);
}

/* Each port once. */
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
		expr = add_router_rule(builder, "check-udp");
		has_port(expr, UDP_DPORT, NFT_CMP_EQ, network->probe_port);
		nft_expr_verdict(expr, NFT_GOTO, "probe");
	}
}

static void is_family(struct nft_expr *expr, enum family f)
{
	is_protocol(expr, f == FAMILY_V6 ? ETH_P_IPV6 : ETH_P_IP);
}

/* To the gateway, and from it. */
static void drop_probes(struct firewall_builder *builder, const struct firewall_network *network,
			enum family f)
{
	for (int source = 0; source < 2; source++) {
		struct nft_expr *expr = add_router_rule(builder, "probe");

		is_family(expr, f);
		has_port(expr, UDP_DPORT, NFT_CMP_EQ, network->probe_port);
		firewall_match_address(expr, source, &network->gateway[f]);
		drop(builder, expr, BRIDGE_PROBE_DROPS);
	}
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
		expr = add_router_rule(builder, "probe");
		is_family(expr, f);
		firewall_match_prefix(expr, f, true, NFT_CMP_EQ, subnet);
		nft_expr_verdict(expr, NF_ACCEPT, NULL);
	}
	expr = add_router_rule(builder, "probe");
	is_family(expr, f);
	nft_expr_payload(expr, NFT_PAYLOAD_NETWORK_HEADER,
			 f == FAMILY_V6 ? HOP_LIMIT_V6 : HOP_LIMIT_V4, sizeof(limit));
	nft_expr_compare(expr, NFT_CMP_EQ, &limit, sizeof(limit));
	drop(builder, expr, BRIDGE_PROBE_DROPS);
}

/*
 * Probes come from the tunnel, and leave from the host. A container could send them with a peer's address to its own node,
 * and with br_netfilter past the host to another one: with the address of its node's gateway, or with that of
 * another node, and the hop limit of a packet that was not forwarded.
 */
static void add_probe(struct firewall_builder *builder)
{
	struct nft_expr *expr;

	if (!probe_bits(builder))
		return;
	expr = add_router_rule(builder, "probe");
	is_tunnel(expr, NFT_META_IIFNAME);
	nft_expr_verdict(expr, NF_ACCEPT, NULL);
	for (size_t i = 0; i < builder->len; i++)
		for (enum family f = 0; f < FAMILIES; f++)
			if (is_probed(builder, &builder->networks[i], f))
				drop_probes(builder, &builder->networks[i], f);
	for (enum family f = 0; are_sources_known(builder) && f < FAMILIES; f++)
		drop_forged_probes(builder, f);
}

/* Clients do not check a server's port, so their own port is matched as well. */
static void add_udp(struct firewall_builder *builder)
{
	static const struct {
		uint32_t offset;
		uint16_t port;
	} rows[] = {
		{ UDP_SPORT, DHCP_SERVER },
		{ UDP_DPORT, DHCP_CLIENT },
		{ UDP_SPORT, DHCP6_SERVER },
		{ UDP_DPORT, DHCP6_CLIENT },
	};
	struct nft_expr *expr;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expr = add_router_rule(builder, "check-udp");
		has_port(expr, rows[i].offset, NFT_CMP_EQ, rows[i].port);
		nft_expr_verdict(expr, NFT_GOTO, "router");
	}
	add_probe_ports(builder);
	expr = add_router_rule(builder, "check-udp");
	has_port(expr, UDP_SPORT, NFT_CMP_GTE, 0);
	nft_expr_verdict(expr, NF_ACCEPT, NULL);
	nft_expr_verdict(add_router_rule(builder, "check-udp"), NFT_GOTO, "incomplete");
}

/* The protocol is absent if the header chain is malformed or continues in the next fragment. */
static void add_ip6(struct firewall_builder *builder)
{
	struct nft_expr *expr = add_router_rule(builder, "check-ip6");

	is_upper(expr, NFT_CMP_EQ, IPPROTO_ICMPV6);
	nft_expr_verdict(expr, NFT_GOTO, "check-icmp6");
	expr = add_router_rule(builder, "check-ip6");
	is_upper(expr, NFT_CMP_GTE, 0);
	nft_expr_verdict(expr, NF_ACCEPT, NULL);
	nft_expr_verdict(add_router_rule(builder, "check-ip6"), NFT_GOTO, "incomplete");
}

static void drop_types(struct firewall_builder *builder, const char *chain, const uint8_t *types,
		       size_t len)
{
	for (size_t i = 0; i < len; i++) {
		struct nft_expr *expr = add_router_rule(builder, chain);

		has_type(expr, NFT_CMP_EQ, types[i]);
		nft_expr_verdict(expr, NFT_GOTO, "router");
	}
}

static void add_icmp6(struct firewall_builder *builder)
{
	static const uint8_t types[] = { ND_ROUTER_ADVERT, ND_REDIRECT };
	struct nft_expr *expr;

	drop_types(builder, "check-icmp6", types, ARRAY_LEN(types));
	expr = add_router_rule(builder, "check-icmp6");
	has_type(expr, NFT_CMP_GTE, 0);
	nft_expr_verdict(expr, NF_ACCEPT, NULL);
	nft_expr_verdict(add_router_rule(builder, "check-icmp6"), NFT_GOTO, "incomplete");
}

static void add_icmp(struct firewall_builder *builder)
{
	static const uint8_t types[] = { ICMP_REDIRECT, ICMP_ROUTER_ADVERTISEMENT };

	drop_types(builder, "check-icmp", types, ARRAY_LEN(types));
}

/* An IPv4 fragment has at least eight bytes, so the first one has ports and ICMP type. */
static void add_incomplete(struct firewall_builder *builder)
{
	const uint16_t mask = htons(0xfff8), first = 0;
	struct nft_expr *expr = add_router_rule(builder, "incomplete");

	is_protocol(expr, ETH_P_IP);
	nft_expr_verdict(expr, NF_ACCEPT, NULL);
	expr = add_router_rule(builder, "incomplete");
	nft_expr_exthdr(expr, IPPROTO_FRAGMENT, FRAGMENT_OFFSET, sizeof(mask));
	nft_expr_mask(expr, &mask, sizeof(mask));
	nft_expr_compare(expr, NFT_CMP_NEQ, &first, sizeof(first));
	nft_expr_verdict(expr, NF_ACCEPT, NULL);
	nft_expr_verdict(add_router_rule(builder, "incomplete"), NFT_GOTO, "router");
}

static void add_router(struct firewall_builder *builder)
{
	struct nft_expr *expr = add_router_rule(builder, "router");

	is_tunnel(expr, NFT_META_IIFNAME);
	nft_expr_verdict(expr, NF_ACCEPT, NULL);
	for (size_t i = 0; i < builder->len; i++) {
		if (!builder->networks[i].rules.allow_routers ||
		    !firewall_is_supported(builder, FIREWALL_ALLOW_ROUTERS))
			continue;
		expr = firewall_add_rule(builder, "router", FIREWALL_ALLOW_ROUTERS);
		firewall_match_device(expr, NFT_META_BRI_IIFNAME, NFT_CMP_EQ,
				      builder->networks[i].bridge);
		nft_expr_verdict(expr, NF_ACCEPT, NULL);
	}
	drop(builder, add_router_rule(builder, "router"), BRIDGE_ROUTER_DROPS);
}

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
 * STP, LLDP and others concern one link or one bridge. With STP, a node's bridge would otherwise take
 * part in the spanning tree of the other nodes' bridges.
 */
static void add_link_local_drop(struct firewall_builder *builder, const char *chain, uint32_t key)
{
	struct nft_expr *expr = firewall_add_rule(builder, chain, FIREWALL_BRIDGED_TUNNEL);

	is_tunnel(expr, key);
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

static void is_group(struct nft_expr *expr)
{
	const uint8_t group =
		1; /* the bit of a group address, in the first byte of a destination */

	nft_expr_payload(expr, NFT_PAYLOAD_LL_HEADER, 0, sizeof(group));
	nft_expr_mask(expr, &group, sizeof(group));
	nft_expr_compare(expr, NFT_CMP_EQ, &group, sizeof(group));
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
			is_group(expr);
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
		is_upper(expr, NFT_CMP_EQ, uppers[i]);
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
			is_group(expr);
			nft_expr_over(expr, network->flood_limit);
			drop(builder, expr, BRIDGE_FLOOD_DROPS);
		}
	}
}

static void add_forward(struct firewall_builder *builder)
{
	static const uint32_t keys[] = { NFT_META_OIFNAME, NFT_META_IIFNAME };

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

		is_tunnel(expr, keys[i]);
		drop(builder, expr, BRIDGE_TUNNEL_DROPS);
	}
}

/* ---- The table --------------------------------------------------------------------------- */

static const struct {
	struct firewall_chain chain;
	void (*fill)(struct firewall_builder *builder);
} chains[] = {
	{ { "local", NULL, 0, 0, FIREWALL_BRIDGED_TUNNEL }, add_local },
	{ { "router", NULL, 0, 0, FIREWALL_ROUTERS }, add_router },
	{ { "incomplete", NULL, 0, 0, FIREWALL_ROUTERS }, add_incomplete },
	{ { "check-icmp", NULL, 0, 0, FIREWALL_ROUTERS }, add_icmp },
	{ { "check-icmp6", NULL, 0, 0, FIREWALL_ROUTERS }, add_icmp6 },
	{ { "check-ip6", NULL, 0, 0, FIREWALL_ROUTERS }, add_ip6 },
	{ { "probe", NULL, 0, 0, FIREWALL_ROUTERS }, add_probe },
	{ { "check-udp", NULL, 0, 0, FIREWALL_ROUTERS }, add_udp },
	{ { "prerouting", "filter", NF_BR_PRE_ROUTING, NF_BR_PRI_NAT_DST_BRIDGED,
	    FIREWALL_ROUTERS },
	  add_prerouting },
	{ { "forward", "filter", NF_BR_FORWARD, NF_BR_PRI_FILTER_BRIDGED, FIREWALL_BRIDGED_TUNNEL },
	  add_forward },
	{ { "output", "filter", NF_BR_LOCAL_OUT, NF_BR_PRI_FILTER_OTHER, FIREWALL_BRIDGED_TUNNEL },
	  add_output },
};

/* Without the bridge's name in nf_tables, only all networks together can allow routers. */
static bool all_allow_routers(const struct firewall_builder *builder)
{
	for (size_t i = 0; i < builder->len; i++)
		if (!builder->networks[i].rules.allow_routers)
			return false;
	return builder->len;
}

/* The rules of probes are in the chains of routers. */
static bool is_wanted(const struct firewall_builder *builder, enum firewall_part part)
{
	return firewall_is_supported(builder, part) &&
	       (part != FIREWALL_ROUTERS || !all_allow_routers(builder) ||
		(probe_bits(builder) && firewall_is_supported(builder, FIREWALL_ALLOW_ROUTERS)));
}

/* A chain without rules is left out. */
static bool may_be_empty(const struct firewall_chain *chain)
{
	static const char *const names[] = { "output", "local", "probe" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(chain->name, names[i]))
			return true;
	return false;
}

bool bridge_table_build(const struct firewall_options *options,
			const struct firewall_network *networks, size_t len,
			struct firewall_table *table_out)
{
	static const char *const counters[] = { BRIDGE_ROUTER_DROPS, BRIDGE_TUNNEL_DROPS,
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
		size_t before;

		if (!is_wanted(&builder, chains[i].chain.part))
			continue;
		before = table_out->rules.len;
		chains[i].fill(&builder);
		if (may_be_empty(&chains[i].chain) && table_out->rules.len == before)
			continue;
		if (!firewall_chains_push(&table_out->chains, &chains[i].chain))
			builder.failed = true;
	}
	return !builder.failed;
}
