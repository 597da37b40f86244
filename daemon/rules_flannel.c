/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_flannel.h"

#include "common/err.h"
#include "common/log.h"
#include "common/nl.h"

#include <linux/netfilter.h>
#include <string.h>

#define JUMPS_MAX 8

static const struct {
	uint8_t nfproto;
	const char *table;
} own[FAMILIES] = {
	[FAMILY_V4] = { NFPROTO_IPV4, "flannel-ipv4" },
	[FAMILY_V6] = { NFPROTO_IPV6, "flannel-ipv6" },
};

void rules_flannel_see(struct rules_flannel *flannel, const struct nft_chain *chain)
{
	enum family f = chain->family == NFPROTO_IPV6 ? FAMILY_V6 : FAMILY_V4;

	if (chain->family != own[f].nfproto)
		return;
	if (!strcmp(chain->table, own[f].table))
		flannel->table[f] = true;
	else if (!strcmp(chain->table, "filter") && !strcmp(chain->name, RULES_FLANNEL_FORWARD))
		flannel->forward[f] = true;
	else if (!strcmp(chain->table, "nat") && !strcmp(chain->name, RULES_FLANNEL_MASQUERADE))
		flannel->masquerade[f] = true;
	else
		return;
	flannel->any = true;
}

/* Rules looked at for a network, and for jumps to a chain. */
struct search {
	enum family family;
	const struct rules_network *networks;
	size_t len;
	const char *target;
	bool ours;
	uint64_t jumps[JUMPS_MAX]; /* handles */
	size_t jumps_len;
};

static int see_rule(void *ctx, const struct nft_rule *rule, struct err *err)
{
	struct search *search = ctx;
	struct nft_seen seen = { .all = false };

	(void)err;
	for (size_t i = 0; i < search->len; i++) {
		const struct prefix *cluster = &search->networks[i].cluster[search->family];
		struct ipaddr first = prefix_first(cluster);
		size_t size;
		const void *wire = ipaddr_wire(&first, &size);

		if (!prefix_is_set(cluster))
			continue;
		/* A network is compared by as many bytes as its length needs, or by all. */
		seen = nft_expr_look(rule->expr, wire, (cluster->len + 7U) / 8, size);
		search->ours = search->ours || seen.compares;
	}
	seen = nft_expr_look(rule->expr, NULL, 0, 0);
	if (search->target && seen.chain && !strcmp(seen.chain, search->target) &&
	    search->jumps_len < JUMPS_MAX)
		search->jumps[search->jumps_len++] = rule->handle;
	return 0;
}

static void forget(void *ctx)
{
	struct search *search = ctx;

	search->ours = false;
	search->jumps_len = 0;
}

static int walk(struct nl *nl, enum family f, const char *table, const char *chain,
		struct search *search, struct err *err)
{
	const struct nft_walk walk = { .ctx = search, .rule = see_rule, .restart = forget };

	return nft_each_rule(nl, own[f].nfproto, table, chain, &walk, err);
}

static int commit(struct nl_transaction *transaction, const char *table, const char *chain,
		  struct err *err)
{
	uint64_t tag;

	if (nl_transaction_commit(transaction, "remove flannel's packet rules", &tag, err) < 0)
		return -1;
	log_info("flannel's packet rules removed; weft's have their place", "table", table, "chain",
		 chain);
	return 0;
}

/* With the jumps to it, which the kernel keeps a chain for. */
static int remove_chain(struct nl *nl, const struct search *found, enum family f, const char *table,
			const char *from, const char *chain, struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	uint8_t family = own[f].nfproto;

	if (nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, &transaction, err) < 0)
		return -1;
	for (size_t i = 0; i < found->jumps_len; i++)
		if (nl_transaction_add(transaction,
				       nft_rule_del(family, table, from, found->jumps[i]), 0,
				       err) < 0)
			return -1;
	if (nl_transaction_add(transaction, nft_chain_flush(family, table, chain), 0, err) < 0 ||
	    nl_transaction_add(transaction, nft_chain_del(family, table, chain), 0, err) < 0)
		return -1;
	return commit(transaction, table, chain, err);
}

static int look_at_chain(struct nl *nl, struct search *search, enum family f, const char *table,
			 const char *from, const char *chain, struct err *err)
{
	search->family = f;
	search->target = chain;
	forget(search);
	if (walk(nl, f, table, chain, search, err) < 0)
		return -1;
	if (!search->ours)
		return 0;
	forget(search);
	if (walk(nl, f, table, from, search, err) < 0)
		return -1;
	return remove_chain(nl, search, f, table, from, chain, err);
}

static int look_at_table(struct nl *nl, struct search *search, enum family f, struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;

	search->family = f;
	search->target = NULL;
	forget(search);
	if (walk(nl, f, own[f].table, NULL, search, err) < 0)
		return -1;
	if (!search->ours)
		return 0;
	if (nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, &transaction, err) < 0 ||
	    nl_transaction_add(transaction, nft_table_del(own[f].nfproto, own[f].table), 0, err) <
		    0)
		return -1;
	return commit(transaction, own[f].table, "", err);
}

int rules_flannel_remove(const struct rules_flannel *flannel, struct nl *nl,
			 const struct rules_options *options, const struct rules_network *networks,
			 size_t len, struct err *err)
{
	bool masquerades = options->ip_masq && !(options->lacking & 1U << RULES_MASQUERADE);
	struct search search = { .networks = networks, .len = len };

	for (enum family f = 0; f < FAMILIES && flannel->any; f++) {
		if (flannel->forward[f] && options->forward &&
		    look_at_chain(nl, &search, f, "filter", "FORWARD", RULES_FLANNEL_FORWARD, err) <
			    0)
			return -1;
		if (flannel->masquerade[f] && masquerades &&
		    look_at_chain(nl, &search, f, "nat", "POSTROUTING", RULES_FLANNEL_MASQUERADE,
				  err) < 0)
			return -1;
		/* A table of its own has both. */
		if (flannel->table[f] && options->forward && masquerades &&
		    look_at_table(nl, &search, f, err) < 0)
			return -1;
	}
	return 0;
}
