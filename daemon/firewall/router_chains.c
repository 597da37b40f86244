/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/router_chains.h"

#include "common/array.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

/* Ports of RFC 2131 section 4.1 and RFC 8415 section 7.2. */
#define DHCP_SERVER 67
#define DHCP_CLIENT 68
#define DHCP6_CLIENT 546
#define DHCP6_SERVER 547

/* Offsets in bytes: RFC 768, RFC 8200 section 4.5. */
#define UDP_SPORT 0
#define UDP_DPORT 2
#define FRAGMENT_OFFSET 2

#define ICMP_ROUTER_ADVERTISEMENT 9 /* RFC 1256 */

/* ---- Where the rules are ----------------------------------------------------------------- */

static bool is_wanted(const struct firewall_builder *builder)
{
	bool all_allow = builder->len;

	for (size_t i = 0; i < builder->len; i++)
		all_allow &= builder->networks[i].rules.allow_routers;
	return !all_allow;
}

bool router_at_host(const struct firewall_builder *builder)
{
	return is_wanted(builder) && firewall_is_supported(builder, FIREWALL_HOST_ROUTERS) &&
	       firewall_is_supported(builder, FIREWALL_GUARD) &&
	       firewall_is_supported(builder, FIREWALL_FORWARD);
}

/*
 * Frames between the tunnel and the ports pass the host's forward chains, as frames between two
 * ports do.
 */
static bool is_bridged_at_host(const struct firewall_builder *builder,
			       const struct firewall_network *network)
{
	return network->bridged && !network->foreign &&
	       (builder->options->bridge_nf[FAMILY_V4] || builder->options->bridge_nf[FAMILY_V6]);
}

/*
 * On another program's bridge, what comes from weft's ports equals at the host what comes from the
 * other ones, which are not checked.
 */
static bool is_foreign_checked(const struct firewall_network *network)
{
	return network->foreign && !network->rules.allow_routers;
}

bool router_at_ports(const struct firewall_builder *builder)
{
	bool indistinct = false;

	for (size_t i = 0; i < builder->len; i++)
		indistinct |= is_bridged_at_host(builder, &builder->networks[i]) ||
			      is_foreign_checked(&builder->networks[i]);
	return is_wanted(builder) && firewall_is_supported(builder, FIREWALL_ROUTERS) &&
	       (indistinct || builder->options->inet_missing || !router_at_host(builder) ||
		!firewall_is_supported(builder, FIREWALL_BRIDGED_TUNNEL));
}

bool router_between_ports(const struct firewall_builder *builder)
{
	return is_wanted(builder) && firewall_is_supported(builder, FIREWALL_ROUTERS) &&
	       !router_at_ports(builder);
}

static bool is_bridge_table(const struct firewall_builder *builder)
{
	return builder->table->family == NFPROTO_BRIDGE;
}

/* Whether the table that is built has the rules. */
static bool is_needed(const struct firewall_builder *builder)
{
	return is_bridge_table(builder) ?
		       router_at_ports(builder) || router_between_ports(builder) :
		       router_at_host(builder);
}

/* ---- Rules ------------------------------------------------------------------------------- */

static struct nft_expr *add_rule(struct firewall_builder *builder, const char *chain)
{
	return firewall_add_rule(builder, chain,
				 is_bridge_table(builder) ? FIREWALL_ROUTERS :
							    FIREWALL_HOST_ROUTERS);
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

static void load_ports(struct nft_expr *expr)
{
	nft_expr_payload(expr, NFT_PAYLOAD_TRANSPORT_HEADER, UDP_SPORT, 2 * sizeof(uint16_t));
}

/* The masked bytes that load_ports loaded are not zero. */
static void has_any(struct nft_expr *expr, uint32_t mask)
{
	const uint32_t be_mask = htonl(mask), zero = 0;

	nft_expr_compare_masked(expr, &be_mask, NFT_CMP_NEQ, &zero, sizeof(zero));
}

/*
 * Most packets, whatever their protocol: the first byte has one of three bits which are clear
 * in each type of ICMP and ICMPv6 and in each port of a DHCP server that is checked. The kernel
 * masks and compares four bytes without a function call, which it makes for the protocol. The
 * ports of DHCP clients are below 1024.
 */
void router_add_most(struct firewall_builder *builder, const char *chain, uint16_t ports,
		     int32_t verdict, const char *target)
{
	const uint32_t high = 0xfc00 & (uint32_t)~ports;
	struct nft_expr *expr = add_rule(builder, chain);

	firewall_match_upper(expr, NFT_CMP_EQ, IPPROTO_TCP);
	nft_expr_verdict(expr, verdict, target);
	if (!high)
		return;
	expr = add_rule(builder, chain);
	load_ports(expr);
	has_any(expr, 0x70000000);
	has_any(expr, high);
	nft_expr_verdict(expr, verdict, target);
	expr = add_rule(builder, chain);
	firewall_match_upper(expr, NFT_CMP_EQ, IPPROTO_UDP);
	load_ports(expr);
	has_any(expr, 0xfc000000);
	has_any(expr, high);
	nft_expr_verdict(expr, verdict, target);
}

void router_add_other_devices(struct firewall_builder *builder, const char *chain)
{
	struct nft_expr *expr = add_rule(builder, chain);

	firewall_match_weft(expr, NFT_META_IIFGROUP, NFT_CMP_NEQ);
	nft_expr_verdict(expr, NFT_RETURN, NULL);
}

/*
 * The kernel has removed one VLAN tag; a second one is at the ports only, since the host
 * removes it, too. It also discards malformed packets, which bridges pass on.
 */
void router_add_checks(struct firewall_builder *builder, const char *chain)
{
	static const struct {
		uint16_t protocol; /* ETH_P_*; 0: any */
		uint8_t upper;     /* IPPROTO_*; 0: any */
		bool at_ports;
		const char *chain;
	} rows[] = {
		{ 0, IPPROTO_UDP, false, "check-udp" },   { ETH_P_IPV6, 0, false, "check-ip6" },
		{ 0, IPPROTO_ICMP, false, "check-icmp" }, { ETH_P_IP, 0, true, "check-ip4" },
		{ ETH_P_8021Q, 0, true, "router" },       { ETH_P_8021AD, 0, true, "router" },
	};
	struct nft_expr *expr;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].at_ports && !is_bridge_table(builder))
			continue;
		expr = add_rule(builder, chain);
		if (rows[i].protocol)
			firewall_match_protocol(expr, rows[i].protocol);
		else
			firewall_match_upper(expr, NFT_CMP_EQ, rows[i].upper);
		nft_expr_verdict(expr, NFT_GOTO, rows[i].chain);
	}
}

/* Clients do not check a server's port, so their own port is matched as well. */
void router_add_udp(struct firewall_builder *builder)
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

	if (!is_needed(builder))
		return;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expr = add_rule(builder, "check-udp");
		has_port(expr, rows[i].offset, NFT_CMP_EQ, rows[i].port);
		nft_expr_verdict(expr, NFT_GOTO, "router");
	}
	expr = add_rule(builder, "check-udp");
	has_port(expr, UDP_SPORT, NFT_CMP_GTE, 0);
	nft_expr_verdict(expr, NFT_RETURN, NULL);
	nft_expr_verdict(add_rule(builder, "check-udp"), NFT_GOTO, "incomplete");
}

/*
 * The protocol is absent if the header is malformed, for example if its length exceeds that of the
 * frame: DHCP clients that read raw frames accept it.
 */
void router_add_ip4(struct firewall_builder *builder)
{
	struct nft_expr *expr;

	if (!is_needed(builder))
		return;
	expr = add_rule(builder, "check-ip4");
	firewall_match_upper(expr, NFT_CMP_GTE, 0);
	nft_expr_verdict(expr, NFT_RETURN, NULL);
	nft_expr_verdict(add_rule(builder, "check-ip4"), NFT_GOTO, "router");
}

/* The protocol is absent if the header chain is malformed or continues in the next fragment. */
void router_add_ip6(struct firewall_builder *builder)
{
	struct nft_expr *expr;

	if (!is_needed(builder))
		return;
	expr = add_rule(builder, "check-ip6");
	firewall_match_upper(expr, NFT_CMP_EQ, IPPROTO_ICMPV6);
	nft_expr_verdict(expr, NFT_GOTO, "check-icmp6");
	expr = add_rule(builder, "check-ip6");
	firewall_match_upper(expr, NFT_CMP_GTE, 0);
	nft_expr_verdict(expr, NFT_RETURN, NULL);
	nft_expr_verdict(add_rule(builder, "check-ip6"), NFT_GOTO, "incomplete");
}

static void add_types(struct firewall_builder *builder, const char *chain, const uint8_t *types,
		      size_t len)
{
	for (size_t i = 0; i < len; i++) {
		struct nft_expr *expr = add_rule(builder, chain);

		has_type(expr, NFT_CMP_EQ, types[i]);
		nft_expr_verdict(expr, NFT_GOTO, "router");
	}
}

void router_add_icmp6(struct firewall_builder *builder)
{
	static const uint8_t types[] = { ND_ROUTER_ADVERT, ND_REDIRECT };
	struct nft_expr *expr;

	if (!is_needed(builder))
		return;
	add_types(builder, "check-icmp6", types, ARRAY_LEN(types));
	expr = add_rule(builder, "check-icmp6");
	has_type(expr, NFT_CMP_GTE, 0);
	nft_expr_verdict(expr, NFT_RETURN, NULL);
	nft_expr_verdict(add_rule(builder, "check-icmp6"), NFT_GOTO, "incomplete");
}

void router_add_icmp(struct firewall_builder *builder)
{
	static const uint8_t types[] = { ICMP_REDIRECT, ICMP_ROUTER_ADVERTISEMENT };

	if (is_needed(builder))
		add_types(builder, "check-icmp", types, ARRAY_LEN(types));
}

/* An IPv4 fragment has at least eight bytes, so the first one has ports and ICMP type. */
void router_add_incomplete(struct firewall_builder *builder)
{
	const uint16_t mask = htons(0xfff8), first = 0;
	struct nft_expr *expr;

	if (!is_needed(builder))
		return;
	expr = add_rule(builder, "incomplete");
	firewall_match_protocol(expr, ETH_P_IP);
	nft_expr_verdict(expr, NFT_RETURN, NULL);
	expr = add_rule(builder, "incomplete");
	nft_expr_exthdr(expr, IPPROTO_FRAGMENT, FRAGMENT_OFFSET, sizeof(mask));
	nft_expr_mask(expr, &mask, sizeof(mask));
	nft_expr_compare(expr, NFT_CMP_NEQ, &first, sizeof(first));
	nft_expr_verdict(expr, NFT_RETURN, NULL);
	nft_expr_verdict(add_rule(builder, "incomplete"), NFT_GOTO, "router");
}

/* ---- Verdicts ---------------------------------------------------------------------------- */

static void drop(struct firewall_builder *builder)
{
	struct nft_expr *expr = add_rule(builder, "router");

	firewall_count(builder, expr, ROUTER_DROPS);
	nft_expr_verdict(expr, NF_DROP, NULL);
}

void router_add_host_verdict(struct firewall_builder *builder)
{
	if (!is_needed(builder))
		return;
	for (size_t i = 0; i < builder->len; i++) {
		const struct firewall_network *network = &builder->networks[i];
		struct nft_expr *expr;

		if (!network->rules.allow_routers && !is_bridged_at_host(builder, network))
			continue;
		expr = add_rule(builder, "router");
		firewall_match_device(expr, NFT_META_IIFNAME, NFT_CMP_EQ, network->bridge);
		nft_expr_verdict(expr, NFT_RETURN, NULL);
	}
	drop(builder);
}

/*
 * Whether the host receives no packets of the family from a bridge, so that inet weft does not
 * count them.
 */
static bool ignores_family(const struct firewall_builder *builder, enum family f)
{
	for (size_t i = 0; i < builder->len; i++) {
		const struct firewall_network *network = &builder->networks[i];

		if (!network->foreign &&
		    (network->is_switch || !prefix_is_set(&network->subnet[f])))
			return true;
	}
	return false;
}

/*
 * A broadcast passes for each port of the bridge once, and to the host, where inet weft counts
 * it. Copies are counted only if that table may count nothing.
 */
static void count_copies(struct firewall_builder *builder)
{
	struct nft_expr *expr;

	if (!firewall_is_supported(builder, FIREWALL_COUNT))
		return;
	expr = add_rule(builder, "router");
	firewall_match_group(expr, false);
	firewall_count(builder, expr, ROUTER_DROPS);
	for (enum family f = 0; f < FAMILIES; f++) {
		if (!ignores_family(builder, f))
			continue;
		expr = add_rule(builder, "router");
		firewall_match_protocol(expr, f == FAMILY_V6 ? ETH_P_IPV6 : ETH_P_IP);
		firewall_match_group(expr, true);
		firewall_count(builder, expr, ROUTER_DROPS);
	}
}

void router_add_port_verdict(struct firewall_builder *builder)
{
	struct nft_expr *expr;

	if (!is_needed(builder))
		return;
	expr = add_rule(builder, "router");
	firewall_match_tunnels(expr, NFT_META_IIFNAME);
	nft_expr_verdict(expr, NFT_RETURN, NULL);
	for (size_t i = 0; i < builder->len; i++) {
		if (!builder->networks[i].rules.allow_routers ||
		    !firewall_is_supported(builder, FIREWALL_ALLOW_ROUTERS))
			continue;
		expr = firewall_add_rule(builder, "router", FIREWALL_ALLOW_ROUTERS);
		firewall_match_device(expr, NFT_META_BRI_IIFNAME, NFT_CMP_EQ,
				      builder->networks[i].bridge);
		nft_expr_verdict(expr, NFT_RETURN, NULL);
	}
	if (router_at_ports(builder)) {
		drop(builder);
		return;
	}
	count_copies(builder);
	nft_expr_verdict(add_rule(builder, "router"), NF_DROP, NULL);
}
