/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/adopt_alias.h"

#include "common/cleanup/cleanup.h"
#include "common/err.h"
#include "common/netfilter/nft.h"
#include "common/netfilter/nl_transaction.h"
#include "common/netlink/nl.h"

#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter_bridge.h>

#define CHAIN "prerouting"

static struct nl_msg *rule(const struct mac *from, const struct mac *to)
{
	static const uint8_t host = PACKET_HOST;
	struct nft_expr expr = { .size = 0 };

	nft_expr_payload(&expr, NFT_PAYLOAD_LL_HEADER, 0, sizeof(*from));
	nft_expr_compare(&expr, NFT_CMP_EQ, from, sizeof(*from));
	nft_expr_value(&expr, to, sizeof(*to));
	nft_expr_payload_set(&expr, NFT_PAYLOAD_LL_HEADER, 0, sizeof(*to));
	/* The bridge has classified the frame by its previous destination. */
	nft_expr_value(&expr, &host, sizeof(host));
	nft_expr_meta_set(&expr, NFT_META_PKTTYPE);
	return nft_rule_add(NFPROTO_BRIDGE, CLEANUP_ADOPT_TABLE, CHAIN, &expr, NULL, 0);
}

int adopt_alias_set(const struct mac from[], size_t len, const struct mac *to, struct err *err)
{
	static const struct nft_chain chain = {
		.family = NFPROTO_BRIDGE,
		.table = CLEANUP_ADOPT_TABLE,
		.name = CHAIN,
		.type = "filter",
		.hook = NF_BR_PRE_ROUTING,
		.priority = NF_BR_PRI_NAT_DST_BRIDGED,
		.policy = NF_ACCEPT,
	};
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	AUTO(nl) struct nl *nl = NULL;
	uint64_t tag;

	/* A table that exists is deleted; adding it first avoids an error if there is none. */
	if (nl_open_netfilter(&nl, err) < 0 ||
	    nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, 0, &transaction, err) < 0 ||
	    nl_transaction_add(transaction, nft_table_add(NFPROTO_BRIDGE, CLEANUP_ADOPT_TABLE), 0,
			       err) < 0 ||
	    nl_transaction_add(transaction, nft_table_del(NFPROTO_BRIDGE, CLEANUP_ADOPT_TABLE), 0,
			       err) < 0 ||
	    nl_transaction_add(transaction, nft_table_add(NFPROTO_BRIDGE, CLEANUP_ADOPT_TABLE), 0,
			       err) < 0 ||
	    nl_transaction_add(transaction, nft_chain_add(&chain), 0, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++)
		if (!mac_is_zero(&from[i]) && mac_cmp(&from[i], to) != 0 &&
		    nl_transaction_add(transaction, rule(&from[i], to), 0, err) < 0)
			return -1;
	return nl_transaction_commit(transaction, "create the table weft-adopt", &tag, err);
}
