/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/foreign_bridge.h"

#include "daemon/firewall/firewall_table.h"

#include <linux/netfilter.h>

bool foreign_bridge_any(const struct firewall_builder *builder)
{
	for (size_t i = 0; i < builder->len; i++)
		if (builder->networks[i].foreign)
			return true;
	return false;
}

void foreign_bridge_goto(struct firewall_builder *builder, const char *chain, uint32_t key,
			 int32_t verdict, const char *target)
{
	for (size_t i = 0; i < builder->len; i++) {
		struct nft_expr *expr;

		if (!builder->networks[i].foreign)
			continue;
		expr = firewall_add_rule(builder, chain, FIREWALL_INJECTION);
		firewall_match_device(expr, key, NFT_CMP_EQ, builder->networks[i].bridge);
		nft_expr_verdict(expr, verdict, target);
	}
}

static struct nft_expr *add_pair(struct firewall_builder *builder, enum firewall_part part,
				 const struct firewall_network *from,
				 const struct firewall_network *to)
{
	struct nft_expr *expr = firewall_add_rule(builder, "isolation", part);

	firewall_match_device(expr, NFT_META_IIFNAME, NFT_CMP_EQ, from->bridge);
	firewall_match_device(expr, NFT_META_OIFNAME, NFT_CMP_EQ, to->bridge);
	return expr;
}

/* Packets between a network on another program's bridge and another network, in one direction. */
static void add_permitted(struct firewall_builder *builder, const struct firewall_network *from,
			  const struct firewall_network *to)
{
	struct nft_expr *expr;

	if (firewall_allows(to, from)) {
		nft_expr_verdict(add_pair(builder, FIREWALL_ISOLATION, from, to), NF_ACCEPT, NULL);
	} else if (firewall_allows(from, to) && firewall_is_supported(builder, FIREWALL_REPLIES)) {
		expr = add_pair(builder, FIREWALL_REPLIES, from, to);
		firewall_match_replies(expr);
		nft_expr_verdict(expr, NF_ACCEPT, NULL);
	}
}

/* Two such bridges; that one is closed to weft's devices does not separate them. */
static void add_foreign_drop(struct firewall_builder *builder, const struct firewall_network *from,
			     const struct firewall_network *to)
{
	struct nft_expr *expr;

	if (!from->foreign || !to->foreign)
		return;
	expr = add_pair(builder, FIREWALL_ISOLATION, from, to);
	firewall_count(builder, expr, FIREWALL_ISOLATION_DROPS);
	nft_expr_verdict(expr, NF_DROP, NULL);
}

static void for_foreign_pairs(struct firewall_builder *builder,
			      void (*add)(struct firewall_builder *builder,
					  const struct firewall_network *from,
					  const struct firewall_network *to))
{
	for (size_t i = 0; i < builder->len; i++)
		for (size_t k = 0; k < builder->len; k++)
			if (i != k &&
			    (builder->networks[i].foreign || builder->networks[k].foreign))
				add(builder, &builder->networks[i], &builder->networks[k]);
}

void foreign_bridge_isolate(struct firewall_builder *builder)
{
	for_foreign_pairs(builder, add_permitted);
	for_foreign_pairs(builder, add_foreign_drop);
}
