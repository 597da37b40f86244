/* SPDX-License-Identifier: Apache-2.0 */
/* The chains of the table, and the rules in them. */
#include "rules_table_private.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <netinet/in.h>
#include <string.h>

#define PRIORITY_RAW (-300)
#define PRIORITY_FILTER 0
#define PRIORITY_SRCNAT 100
#define KUBE_PROXY_MARK 0x4000

/* Where things lie: RFC 768, RFC 791, RFC 8200; RFC 7348 section 5 behind the 8 bytes of UDP. */
#define UDP_DPORT 2
#define VXLAN_VNI 12
#define VXLAN_VNI_SIZE 3

static const struct rules_chain chain_of_all[] = {
	{ "tunnel-in", "filter", NF_INET_PRE_ROUTING, PRIORITY_RAW, RULES_NOTRACK },
	{ "tunnel-out", "filter", NF_INET_LOCAL_OUT, PRIORITY_RAW, RULES_NOTRACK },
	{ "drop", NULL, 0, 0, RULES_GUARD },
	{ "guard", NULL, 0, 0, RULES_GUARD },
	{ "input", "filter", NF_INET_LOCAL_IN, PRIORITY_FILTER, RULES_GUARD },
	{ "forward", "filter", NF_INET_FORWARD, PRIORITY_FILTER, RULES_FORWARD },
	{ "postrouting", "nat", NF_INET_POST_ROUTING, PRIORITY_SRCNAT, RULES_MASQUERADE },
};
#define CHAINS (sizeof(chain_of_all) / sizeof(chain_of_all[0]))

static struct nft_expr *add_rule(struct rules_maker *maker, const char *chain, enum rules_part part)
{
	static struct nft_expr nowhere; /* what is written where there is no memory */
	struct rules_rule rule = { .chain = chain, .part = part };

	if (rules_rules_push(&maker->table->rules, &rule))
		return &maker->table->rules.at[maker->table->rules.len - 1].expr;
	maker->failed = true;
	nowhere.size = 0;
	return &nowhere;
}

static void is_family(struct nft_expr *expr, enum family f)
{
	nft_expr_meta(expr, NFT_META_NFPROTO);
	nft_expr_compare(expr, NFT_CMP_EQ, &rules_wire[f].nfproto, 1);
}

static void address(struct nft_expr *expr, enum family f, bool source, const char *what,
		    uint32_t vni, bool absent)
{
	char name[RULES_NAME_SIZE];

	nft_expr_payload(expr, NFT_PAYLOAD_NETWORK_HEADER,
			 source ? rules_wire[f].saddr : rules_wire[f].daddr, rules_wire[f].size);
	nft_expr_lookup(expr, rules_set_name(name, what, f, vni), absent);
}

static void to_port(struct nft_expr *expr, uint16_t port)
{
	const uint8_t udp = IPPROTO_UDP;
	const uint16_t be = htons(port);

	nft_expr_meta(expr, NFT_META_L4PROTO);
	nft_expr_compare(expr, NFT_CMP_EQ, &udp, sizeof(udp));
	nft_expr_payload(expr, NFT_PAYLOAD_TRANSPORT_HEADER, UDP_DPORT, sizeof(be));
	nft_expr_compare(expr, NFT_CMP_EQ, &be, sizeof(be));
}

static void has_vni(struct nft_expr *expr, uint32_t op, uint32_t vni)
{
	const uint8_t be[VXLAN_VNI_SIZE] = { (uint8_t)(vni >> 16), (uint8_t)(vni >> 8),
					     (uint8_t)vni };

	nft_expr_payload(expr, NFT_PAYLOAD_TRANSPORT_HEADER, VXLAN_VNI, sizeof(be));
	nft_expr_compare(expr, op, be, sizeof(be));
}

static void is_device(struct nft_expr *expr, uint32_t key, const char *name)
{
	char padded[IF_NAMESIZE] = "";

	memcpy(padded, name, strnlen(name, sizeof(padded) - 1));
	nft_expr_meta(expr, key);
	nft_expr_compare(expr, NFT_CMP_EQ, padded, sizeof(padded));
}

static void count(const struct rules_maker *maker, struct nft_expr *expr, const char *counter)
{
	if (rules_can(maker, RULES_COUNT))
		nft_expr_counter(expr, counter);
}

static void add_notrack(struct rules_maker *maker, const char *chain, bool source)
{
	for (size_t i = 0; i < maker->len; i++) {
		const struct rules_network *network = &maker->networks[i];

		for (enum family f = 0; f < FAMILIES; f++) {
			struct nft_expr *expr;

			if (!network->outer[f])
				continue;
			expr = add_rule(maker, chain, RULES_NOTRACK);
			to_port(expr, network->port);
			is_family(expr, f);
			address(expr, f, source, "peers", network->vni, false);
			nft_expr_notrack(expr);
		}
	}
}

static void add_tunnel_in(struct rules_maker *maker)
{
	if (rules_can(maker, RULES_NOTRACK))
		add_notrack(maker, "tunnel-in", true);
}

static void add_tunnel_out(struct rules_maker *maker)
{
	if (rules_can(maker, RULES_NOTRACK))
		add_notrack(maker, "tunnel-out", false);
}

static bool guards(const struct rules_maker *maker)
{
	return maker->options->guard && rules_can(maker, RULES_GUARD) && maker->len;
}

static void add_drop(struct rules_maker *maker)
{
	struct nft_expr *expr;

	if (!guards(maker))
		return;
	expr = add_rule(maker, "drop", RULES_GUARD);
	count(maker, expr, RULES_GUARDED);
	nft_expr_verdict(expr, NF_DROP, NULL);
}

/*
 * Another program's tunnel may share the port, so only our VNIs are ours to judge. One that
 * cannot be read stands in the next fragment, and is not let through: it could be ours.
 */
static void add_guard(struct rules_maker *maker)
{
	struct nft_expr *expr;

	if (!guards(maker))
		return;
	for (size_t i = 0; i < maker->len; i++) {
		const struct rules_network *network = &maker->networks[i];

		for (enum family f = 0; f < FAMILIES; f++) {
			if (!network->outer[f])
				continue;
			expr = add_rule(maker, "guard", RULES_GUARD);
			has_vni(expr, NFT_CMP_EQ, network->vni);
			is_family(expr, f);
			address(expr, f, true, "peers", network->vni, false);
			nft_expr_verdict(expr, NF_ACCEPT, NULL);
		}
		expr = add_rule(maker, "guard", RULES_GUARD);
		has_vni(expr, NFT_CMP_EQ, network->vni);
		nft_expr_verdict(expr, NFT_GOTO, "drop");
	}
	expr = add_rule(maker, "guard", RULES_GUARD);
	has_vni(expr, NFT_CMP_GTE, 0);
	nft_expr_verdict(expr, NF_ACCEPT, NULL);
	nft_expr_verdict(add_rule(maker, "guard", RULES_GUARD), NFT_GOTO, "drop");
}

static bool port_before(const struct rules_maker *maker, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (maker->networks[k].port == maker->networks[i].port)
			return true;
	return false;
}

static void add_input(struct rules_maker *maker)
{
	for (size_t i = 0; guards(maker) && i < maker->len; i++) {
		struct nft_expr *expr;

		if (port_before(maker, i))
			continue;
		expr = add_rule(maker, "input", RULES_GUARD);
		to_port(expr, maker->networks[i].port);
		nft_expr_verdict(expr, NFT_GOTO, "guard");
	}
}

/* Whether it lets one of the others in, and so has to be able to answer. */
static bool is_asked(const struct rules_maker *maker, const struct rules_network *network)
{
	for (size_t i = 0; i < maker->len; i++)
		if (&maker->networks[i] != network && rules_allows(network, &maker->networks[i]))
			return true;
	return false;
}

static void begin_apart(struct nft_expr *expr, const struct rules_network *network, enum family f)
{
	is_device(expr, NFT_META_IIFNAME, network->bridge);
	is_family(expr, f);
	address(expr, f, false, "apart", network->vni, false);
}

static void add_kept_apart(struct rules_maker *maker, const struct rules_network *network,
			   enum family f)
{
	/* The kernel numbers these in its own byte order. */
	const uint32_t answer = NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED);
	const uint32_t none = 0;
	char name[RULES_NAME_SIZE];
	struct nft_expr *expr;

	if (!rules_has_set(maker, rules_set_name(name, "apart", f, network->vni)))
		return;
	if (is_asked(maker, network) && rules_can(maker, RULES_ANSWER)) {
		expr = add_rule(maker, "forward", RULES_ANSWER);
		begin_apart(expr, network, f);
		nft_expr_ct(expr, NFT_CT_STATE);
		nft_expr_mask(expr, &answer, sizeof(answer));
		nft_expr_compare(expr, NFT_CMP_NEQ, &none, sizeof(none));
		nft_expr_verdict(expr, NF_ACCEPT, NULL);
	}
	expr = add_rule(maker, "forward", RULES_KEEP_APART);
	begin_apart(expr, network, f);
	count(maker, expr, RULES_APART);
	nft_expr_verdict(expr, NF_DROP, NULL);
}

static void add_forward(struct rules_maker *maker)
{
	for (size_t i = 0; i < maker->len; i++)
		for (enum family f = 0; f < FAMILIES; f++)
			add_kept_apart(maker, &maker->networks[i], f);
	if (!maker->options->forward || !rules_can(maker, RULES_FORWARD))
		return;
	for (size_t i = 0; i < maker->len; i++) {
		static const uint32_t keys[] = { NFT_META_IIFNAME, NFT_META_OIFNAME };

		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			struct nft_expr *expr = add_rule(maker, "forward", RULES_FORWARD);

			is_device(expr, keys[k], maker->networks[i].bridge);
			nft_expr_verdict(expr, NF_ACCEPT, NULL);
		}
	}
}

static void add_masquerade(struct rules_maker *maker, const struct rules_network *network,
			   enum family f)
{
	bool random = rules_can(maker, RULES_RANDOM);
	struct nft_expr *expr = add_rule(maker, "postrouting",
					 random ? RULES_RANDOM : RULES_MASQUERADE);

	is_family(expr, f);
	address(expr, f, true, "own", network->vni, false);
	address(expr, f, false, "cluster", 0, true);
	address(expr, f, false, "except", network->vni, true);
	nft_expr_masquerade(expr, random ? NF_NAT_RANGE_PROTO_RANDOM_FULLY : 0);
}

static void add_postrouting(struct rules_maker *maker)
{
	const uint32_t mark = KUBE_PROXY_MARK; /* marks are in the kernel's own byte order */
	struct nft_expr *expr;

	if (!rules_masquerades(maker) || !maker->len)
		return;
	expr = add_rule(maker, "postrouting", RULES_MASQUERADE);
	nft_expr_meta(expr, NFT_META_MARK);
	nft_expr_mask(expr, &mark, sizeof(mark));
	nft_expr_compare(expr, NFT_CMP_EQ, &mark, sizeof(mark));
	nft_expr_verdict(expr, NFT_RETURN, NULL);
	for (size_t i = 0; i < maker->len; i++)
		for (enum family f = 0; f < FAMILIES; f++)
			if (prefix_is_set(&maker->networks[i].subnet[f]))
				add_masquerade(maker, &maker->networks[i], f);
}

static void (*const fill_chain[CHAINS])(struct rules_maker *maker) = {
	add_tunnel_in, add_tunnel_out, add_drop, add_guard, add_input, add_forward, add_postrouting,
};

void rules_add_chains(struct rules_maker *maker)
{
	struct rules_table *table = maker->table;

	for (size_t i = 0; i < CHAINS; i++) {
		size_t before = table->rules.len;

		fill_chain[i](maker);
		if (table->rules.len > before &&
		    !rules_chains_push(&table->chains, &chain_of_all[i]))
			maker->failed = true;
	}
}
