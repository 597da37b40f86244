/* SPDX-License-Identifier: Apache-2.0 */
#include "common/spoof/spoof_table.h"

#include "common/array.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter_bridge.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

/* Offsets in bytes: RFC 768, RFC 791, RFC 826, RFC 8200, RFC 4861 section 4. */
#define ETHER_SADDR 6
#define IP4_SADDR 12
#define IP4_DADDR 16
#define IP6_SADDR 8
#define IP6_DADDR 24
#define ARP_LENGTHS 4
#define ARP_SADDR_ETHER 8
#define ARP_SADDR_IP 14
#define UDP_PORTS 0
#define FRAGMENT_NEXT 0
#define FRAGMENT_OFFSET 2
#define ND_TARGET 8
#define ND_OPTIONS 24 /* of solicitations and advertisements of neighbours */
#define RS_OPTIONS 8
#define OPTION_SIZE 8 /* with an Ethernet address */

#define MLD_REPORT_V2 143 /* RFC 3810 */
#define IP4_SIZE 4
#define IP6_SIZE 16

/* As `nft` numbers concatenations: six bits per type. */
#define CONCAT(a, b) ((a) << 6 | (b))

const struct nft_set spoof_set[SPOOF_SETS] = {
	[SPOOF_PORTS] = { "ports", 0, NFT_TYPE_IFNAME, IFNAMSIZ, 0 },
	[SPOOF_MACS] = { "macs", 0, CONCAT(NFT_TYPE_IFNAME, NFT_TYPE_ETHER), IFNAMSIZ + 8, 0 },
	[SPOOF_V4] = { "addresses4", 0, CONCAT(NFT_TYPE_IFNAME, NFT_TYPE_IPV4), IFNAMSIZ + 4, 0 },
	[SPOOF_V6] = { "addresses6", 0, CONCAT(NFT_TYPE_IFNAME, NFT_TYPE_IPV6), IFNAMSIZ + 16, 0 },
	[SPOOF_ISOLATED] = { "isolated", 0, NFT_TYPE_IFNAME, IFNAMSIZ, 0 },
	[SPOOF_ISOLATED_V4] = { "isolated4", 0, NFT_TYPE_IPV4, IP4_SIZE, 0 },
	[SPOOF_ISOLATED_V6] = { "isolated6", 0, NFT_TYPE_IPV6, IP6_SIZE, 0 },
};

/* ---- Parts of rules ---------------------------------------------------------------------- */

struct visit {
	spoof_rule_fn *rule;
	void *ctx;
	bool ended;
};

static void end_rule(struct visit *visit, const char *chain, struct nft_expr *expr, int32_t verdict,
		     const char *to)
{
	nft_expr_verdict(expr, verdict, to);
	if (!visit->ended)
		visit->ended = !visit->rule(visit->ctx, chain, expr);
}

static void accept_it(struct visit *visit, const char *chain, struct nft_expr *expr)
{
	end_rule(visit, chain, expr, NF_ACCEPT, NULL);
}

static void go(struct visit *visit, const char *chain, struct nft_expr *expr, const char *to)
{
	end_rule(visit, chain, expr, NFT_GOTO, to);
}

static void go_always(struct visit *visit, const char *chain, const char *to)
{
	struct nft_expr expr = { .size = 0 };

	go(visit, chain, &expr, to);
}

/*
 * Appends a match: the port's name with these bytes of the packet is in the set, or (absent) is
 * not.
 */
static void match_own(struct nft_expr *expr, uint32_t base, uint32_t offset, uint32_t size,
		      enum spoof_set set, bool absent)
{
	nft_expr_meta(expr, NFT_META_IIFNAME);
	nft_expr_payload_next(expr, base, offset, size);
	nft_expr_lookup(expr, spoof_set[set].name, absent);
}

static void match_protocol(struct nft_expr *expr, uint16_t protocol)
{
	const uint16_t be = htons(protocol);

	nft_expr_meta(expr, NFT_META_PROTOCOL);
	nft_expr_compare(expr, NFT_CMP_EQ, &be, sizeof(be));
}

static void match_upper(struct nft_expr *expr, uint32_t op, uint8_t protocol)
{
	nft_expr_meta(expr, NFT_META_L4PROTO);
	nft_expr_compare(expr, op, &protocol, sizeof(protocol));
}

static void match_bytes(struct nft_expr *expr, uint32_t base, uint32_t offset, uint32_t op,
			const void *value, uint32_t size)
{
	nft_expr_payload(expr, base, offset, size);
	nft_expr_compare(expr, op, value, size);
}

/* Appends a match of any value of the byte: the packet has it. */
static void match_upper_byte(struct nft_expr *expr, uint32_t offset)
{
	static const uint8_t zero;

	match_bytes(expr, NFT_PAYLOAD_TRANSPORT_HEADER, offset, NFT_CMP_GTE, &zero, sizeof(zero));
}

static void match_type(struct nft_expr *expr, uint8_t type)
{
	match_bytes(expr, NFT_PAYLOAD_TRANSPORT_HEADER, 0, NFT_CMP_EQ, &type, sizeof(type));
}

/* ---- Chains ------------------------------------------------------------------------------ */

static void add_spoofed(struct visit *visit, const char *chain)
{
	struct nft_expr expr = { .size = 0 };

	nft_expr_counter(&expr, SPOOF_DROPS);
	end_rule(visit, chain, &expr, NF_DROP, NULL);
}

static void add_incomplete(struct visit *visit, const char *chain)
{
	const uint16_t mask = htons(0xfff8), first = 0;
	struct nft_expr expr = { .size = 0 };

	nft_expr_exthdr(&expr, IPPROTO_FRAGMENT, FRAGMENT_OFFSET, sizeof(mask));
	nft_expr_mask(&expr, &mask, sizeof(mask));
	nft_expr_compare(&expr, NFT_CMP_NEQ, &first, sizeof(first));
	accept_it(visit, chain, &expr);
	go_always(visit, chain, "spoofed");
}

static void add_unspecified(struct visit *visit, const char *chain)
{
	static const uint8_t types[] = { ND_ROUTER_SOLICIT, MLD_LISTENER_REPORT,
					 MLD_LISTENER_REDUCTION, MLD_REPORT_V2 };
	struct nft_expr expr = { .size = 0 };

	match_upper(&expr, NFT_CMP_EQ, IPPROTO_ICMPV6);
	match_type(&expr, ND_NEIGHBOR_SOLICIT);
	match_own(&expr, NFT_PAYLOAD_TRANSPORT_HEADER, ND_TARGET, IP6_SIZE, SPOOF_V6, false);
	accept_it(visit, chain, &expr);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		expr.size = 0;
		match_upper(&expr, NFT_CMP_EQ, IPPROTO_ICMPV6);
		match_type(&expr, types[i]);
		accept_it(visit, chain, &expr);
	}
	go_always(visit, chain, "spoofed");
}

static void add_one_option(struct visit *visit, const char *chain, uint32_t offset)
{
	struct nft_expr expr = { .size = 0 };

	match_upper_byte(&expr, offset + OPTION_SIZE);
	go(visit, chain, &expr, "spoofed");
}

static void add_one_option_neighbour(struct visit *visit, const char *chain)
{
	add_one_option(visit, chain, ND_OPTIONS);
}

static void add_one_option_router(struct visit *visit, const char *chain)
{
	add_one_option(visit, chain, RS_OPTIONS);
}

/*
 * Without options, or with one: the port's own link-layer address. Of several options, receivers
 * differ in which one they use.
 */
static void add_options(struct visit *visit, const char *chain, uint32_t offset, uint8_t type,
			const char *one_option)
{
	const uint8_t head[] = { type, 1 }; /* the length is in units of eight bytes */
	static const uint8_t zero;
	struct nft_expr expr = { .size = 0 };

	nft_expr_exthdr(&expr, IPPROTO_FRAGMENT, FRAGMENT_NEXT, sizeof(zero));
	nft_expr_compare(&expr, NFT_CMP_GTE, &zero, sizeof(zero));
	go(visit, chain, &expr, "spoofed");
	expr.size = 0;
	match_bytes(&expr, NFT_PAYLOAD_TRANSPORT_HEADER, offset, NFT_CMP_EQ, head, sizeof(head));
	match_own(&expr, NFT_PAYLOAD_TRANSPORT_HEADER, offset + sizeof(head), ETH_ALEN, SPOOF_MACS,
		  false);
	go(visit, chain, &expr, one_option);
	expr.size = 0;
	match_upper_byte(&expr, offset);
	go(visit, chain, &expr, "spoofed");
}

static void add_router_solicitation(struct visit *visit, const char *chain)
{
	add_options(visit, chain, RS_OPTIONS, ND_OPT_SOURCE_LINKADDR, "one-option-router");
}

static void add_solicitation(struct visit *visit, const char *chain)
{
	add_options(visit, chain, ND_OPTIONS, ND_OPT_SOURCE_LINKADDR, "one-option");
}

static void add_advertisement(struct visit *visit, const char *chain)
{
	struct nft_expr expr = { .size = 0 };

	match_own(&expr, NFT_PAYLOAD_TRANSPORT_HEADER, ND_TARGET, IP6_SIZE, SPOOF_V6, true);
	go(visit, chain, &expr, "spoofed");
	add_options(visit, chain, ND_OPTIONS, ND_OPT_TARGET_LINKADDR, "one-option");
}

static void add_icmp6(struct visit *visit, const char *chain)
{
	static const struct {
		uint8_t type;
		const char *to;
	} rows[] = {
		{ ND_NEIGHBOR_SOLICIT, "solicitation" },
		{ ND_NEIGHBOR_ADVERT, "advertisement" },
		{ ND_ROUTER_SOLICIT, "router-solicitation" },
	};
	struct nft_expr expr = { .size = 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expr.size = 0;
		match_type(&expr, rows[i].type);
		go(visit, chain, &expr, rows[i].to);
	}
	expr.size = 0;
	match_upper_byte(&expr, 0);
	accept_it(visit, chain, &expr);
	go_always(visit, chain, "incomplete");
}

static void add_ip6_known(struct visit *visit, const char *chain)
{
	struct nft_expr expr = { .size = 0 };

	match_upper(&expr, NFT_CMP_EQ, IPPROTO_ICMPV6);
	go(visit, chain, &expr, "check-icmp6");
	expr.size = 0;
	match_upper(&expr, NFT_CMP_GTE, 0);
	accept_it(visit, chain, &expr);
	go_always(visit, chain, "incomplete");
}

static void add_ip6(struct visit *visit, const char *chain)
{
	static const uint8_t unspecified[IP6_SIZE];
	struct nft_expr expr = { .size = 0 };

	match_own(&expr, NFT_PAYLOAD_NETWORK_HEADER, IP6_SADDR, IP6_SIZE, SPOOF_V6, false);
	go(visit, chain, &expr, "ip6-known");
	expr.size = 0;
	match_bytes(&expr, NFT_PAYLOAD_NETWORK_HEADER, IP6_SADDR, NFT_CMP_EQ, unspecified,
		    IP6_SIZE);
	go(visit, chain, &expr, "unspecified");
	go_always(visit, chain, "spoofed");
}

static void add_arp(struct visit *visit, const char *chain)
{
	static const uint8_t lengths[] = { ETH_ALEN, sizeof(struct in_addr) }, any[4];
	struct nft_expr expr = { .size = 0 };

	match_bytes(&expr, NFT_PAYLOAD_NETWORK_HEADER, ARP_LENGTHS, NFT_CMP_NEQ, lengths,
		    sizeof(lengths));
	go(visit, chain, &expr, "spoofed");
	expr.size = 0;
	match_own(&expr, NFT_PAYLOAD_NETWORK_HEADER, ARP_SADDR_ETHER, ETH_ALEN, SPOOF_MACS, true);
	go(visit, chain, &expr, "spoofed");
	expr.size = 0;
	match_own(&expr, NFT_PAYLOAD_NETWORK_HEADER, ARP_SADDR_IP, sizeof(any), SPOOF_V4, false);
	accept_it(visit, chain, &expr);
	expr.size = 0;
	match_bytes(&expr, NFT_PAYLOAD_NETWORK_HEADER, ARP_SADDR_IP, NFT_CMP_EQ, any, sizeof(any));
	accept_it(visit, chain, &expr);
	go_always(visit, chain, "spoofed");
}

static void add_ip4(struct visit *visit, const char *chain)
{
	static const uint8_t any[4];
	const uint16_t ports[] = { htons(68), htons(67) }; /* RFC 2131 */
	struct nft_expr expr = { .size = 0 };

	match_own(&expr, NFT_PAYLOAD_NETWORK_HEADER, IP4_SADDR, sizeof(any), SPOOF_V4, false);
	accept_it(visit, chain, &expr);
	expr.size = 0;
	match_bytes(&expr, NFT_PAYLOAD_NETWORK_HEADER, IP4_SADDR, NFT_CMP_EQ, any, sizeof(any));
	match_upper(&expr, NFT_CMP_EQ, IPPROTO_UDP);
	match_bytes(&expr, NFT_PAYLOAD_TRANSPORT_HEADER, UDP_PORTS, NFT_CMP_EQ, ports,
		    sizeof(ports));
	accept_it(visit, chain, &expr);
	go_always(visit, chain, "spoofed");
}

static void add_checked(struct visit *visit, const char *chain)
{
	static const struct {
		uint16_t protocol;
		const char *to;
	} rows[] = {
		{ ETH_P_IP, "check-ip4" },  { ETH_P_IPV6, "check-ip6" }, { ETH_P_ARP, "check-arp" },
		{ ETH_P_8021Q, "spoofed" }, { ETH_P_8021AD, "spoofed" },
	};
	struct nft_expr expr = { .size = 0 };

	match_own(&expr, NFT_PAYLOAD_LL_HEADER, ETHER_SADDR, ETH_ALEN, SPOOF_MACS, true);
	go(visit, chain, &expr, "spoofed");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expr.size = 0;
		match_protocol(&expr, rows[i].protocol);
		go(visit, chain, &expr, rows[i].to);
	}
}

static void add_isolated_drop(struct visit *visit, const char *chain)
{
	struct nft_expr expr = { .size = 0 };

	nft_expr_counter(&expr, SPOOF_ISOLATION_DROPS);
	end_rule(visit, chain, &expr, NF_DROP, NULL);
}

static void add_isolated(struct visit *visit, const char *chain)
{
	static const uint16_t tags[] = { ETH_P_8021Q, ETH_P_8021AD };
	struct nft_expr expr = { .size = 0 };

	match_protocol(&expr, ETH_P_IP);
	nft_expr_payload(&expr, NFT_PAYLOAD_NETWORK_HEADER, IP4_DADDR, IP4_SIZE);
	nft_expr_lookup(&expr, spoof_set[SPOOF_ISOLATED_V4].name, false);
	go(visit, chain, &expr, "isolated-drop");
	expr.size = 0;
	match_protocol(&expr, ETH_P_IPV6);
	nft_expr_payload(&expr, NFT_PAYLOAD_NETWORK_HEADER, IP6_DADDR, IP6_SIZE);
	nft_expr_lookup(&expr, spoof_set[SPOOF_ISOLATED_V6].name, false);
	go(visit, chain, &expr, "isolated-drop");
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		expr.size = 0;
		match_protocol(&expr, tags[i]);
		go(visit, chain, &expr, "isolated-drop");
	}
}

static void add_prerouting(struct visit *visit, const char *chain)
{
	struct nft_expr expr = { .size = 0 };

	nft_expr_meta(&expr, NFT_META_IIFNAME);
	nft_expr_lookup(&expr, spoof_set[SPOOF_ISOLATED].name, false);
	end_rule(visit, chain, &expr, NFT_JUMP, "isolated");
	expr.size = 0;
	nft_expr_meta(&expr, NFT_META_IIFNAME);
	nft_expr_lookup(&expr, spoof_set[SPOOF_PORTS].name, false);
	go(visit, chain, &expr, "checked");
}

static const struct {
	const char *name;
	void (*fill)(struct visit *visit, const char *chain);
	bool base;
} chains[] = {
	{ "spoofed", add_spoofed, false },
	{ "incomplete", add_incomplete, false },
	{ "unspecified", add_unspecified, false },
	{ "one-option", add_one_option_neighbour, false },
	{ "one-option-router", add_one_option_router, false },
	{ "router-solicitation", add_router_solicitation, false },
	{ "solicitation", add_solicitation, false },
	{ "advertisement", add_advertisement, false },
	{ "check-icmp6", add_icmp6, false },
	{ "ip6-known", add_ip6_known, false },
	{ "check-ip6", add_ip6, false },
	{ "check-arp", add_arp, false },
	{ "check-ip4", add_ip4, false },
	{ "checked", add_checked, false },
	{ "isolated-drop", add_isolated_drop, false },
	{ "isolated", add_isolated, false },
	{ "prerouting", add_prerouting, true },
};

bool spoof_each_chain(spoof_chain_fn *visit, void *ctx)
{
	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		struct nft_chain chain = { .family = SPOOF_FAMILY,
					   .table = SPOOF_TABLE,
					   .name = chains[i].name };

		if (chains[i].base) {
			chain.type = "filter";
			chain.hook = NF_BR_PRE_ROUTING;
			chain.priority = NF_BR_PRI_NAT_DST_BRIDGED - 1;
			chain.policy = NF_ACCEPT;
		}
		if (!visit(ctx, &chain))
			return false;
	}
	return true;
}

bool spoof_each_rule(spoof_rule_fn *visit, void *ctx)
{
	struct visit all = { .rule = visit, .ctx = ctx };

	for (size_t i = 0; i < ARRAY_LEN(chains); i++)
		chains[i].fill(&all, chains[i].name);
	return !all.ended;
}

/* ---- Elements ---------------------------------------------------------------------------- */

/* How a set's elements are formed. */
static const struct {
	bool name;      /* begin with the port's name */
	bool mac;       /* and have its MAC */
	uint8_t family; /* and an address of the container; 0: none */
	bool isolated;  /* for isolated ports, not for checked ones */
} form[SPOOF_SETS] = {
	[SPOOF_PORTS] = { .name = true },
	[SPOOF_MACS] = { .name = true, .mac = true },
	[SPOOF_V4] = { .name = true, .family = AF_INET },
	[SPOOF_V6] = { .name = true, .family = AF_INET6 },
	[SPOOF_ISOLATED] = { .name = true, .isolated = true },
	[SPOOF_ISOLATED_V4] = { .family = AF_INET, .isolated = true },
	[SPOOF_ISOLATED_V6] = { .family = AF_INET6, .isolated = true },
};

/* In IPv6 the link-local address is the last. */
size_t spoof_element_count(const struct spoof_port *port, enum spoof_set set)
{
	size_t count = form[set].family == AF_INET6 ? 1 : 0;

	if (form[set].isolated ? !port->isolated : !port->checked)
		return 0;
	if (!form[set].family)
		return 1;
	for (size_t i = 0; i < port->address_len; i++)
		count += port->addresses[i].family == form[set].family;
	return count;
}

static struct ipaddr address_of(const struct spoof_port *port, uint8_t family, size_t i)
{
	for (size_t k = 0; k < port->address_len; k++)
		if (port->addresses[k].family == family && i-- == 0)
			return port->addresses[k];
	return ipaddr_link_local(&port->mac);
}

struct nft_element spoof_element(const struct spoof_port *port, enum spoof_set set, size_t i)
{
	struct nft_element element = { .end = false };
	uint8_t *next = element.key;

	if (form[set].name) {
		memcpy(next, port->name, strnlen(port->name, IFNAMSIZ - 1));
		next += IFNAMSIZ;
	}
	if (form[set].mac)
		memcpy(next, &port->mac, sizeof(port->mac));
	if (form[set].family) {
		const struct ipaddr addr = address_of(port, form[set].family, i);
		size_t size;
		const void *wire = ipaddr_wire(&addr, &size);

		memcpy(next, wire, size);
	}
	return element;
}
