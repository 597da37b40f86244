/* SPDX-License-Identifier: Apache-2.0 */
/* Packet rules: weft's, and those that flannel left (cleanup.h). */
#include "common/cleanup/cleanup.h"

#include "common/array.h"
#include "common/err.h"
#include "common/ipaddr.h"
#include "common/netfilter/nft.h"
#include "common/netfilter/nl_transaction.h"
#include "common/netlink/nl.h"

#include <linux/netfilter.h>
#include <string.h>

#define RULES_MAX 64 /* selected in one chain of another program */

/* Rules of one chain, by their comment or by the chain that they jump to. */
struct selection {
	const char *comment, *target; /* NULL: any */
	uint64_t handle[RULES_MAX];
	size_t len;
};

static int on_rule(void *ctx, const struct nft_rule *rule, struct err *err)
{
	struct selection *selection = ctx;
	const char *target = nft_expr_effect(rule->expr).chain;

	(void)err;
	if (selection->comment &&
	    (!rule->comment || strcmp(rule->comment, selection->comment) != 0))
		return 0;
	if (selection->target && (!target || strcmp(target, selection->target) != 0))
		return 0;
	if (selection->len < RULES_MAX)
		selection->handle[selection->len++] = rule->handle;
	return 0;
}

static void restart(void *ctx)
{
	struct selection *selection = ctx;

	selection->len = 0;
}

static int select_rules(struct nl *nl, uint8_t family, const char *table, const char *chain,
			struct selection *selection, struct err *err)
{
	const struct nft_walk walk = { .ctx = selection, .rule = on_rule, .restart = restart };

	return nft_each_rule(nl, family, table, chain, &walk, err);
}

static int add_deletions(struct nl_transaction *transaction, uint8_t family, const char *table,
			 const char *chain, const struct selection *selection, struct err *err)
{
	for (size_t i = 0; i < selection->len; i++)
		if (nl_transaction_add(transaction,
				       nft_rule_del(family, table, chain, selection->handle[i]), 0,
				       err) < 0)
			return -1;
	return 0;
}

/* A removal of rules that are found by reading others. */
struct removal {
	struct nl *nl;
	uint8_t family;
	const char *table, *chain, *from;
	struct cleanup *done;
};

/* An nft_change_fn. */
static int remove_accepts(void *ctx, uint32_t generation, struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	struct selection accepts = { .comment = CLEANUP_COMMENT };
	const struct removal *removal = ctx;
	uint64_t tag;

	if (select_rules(removal->nl, removal->family, removal->table, removal->chain, &accepts,
			 err) < 0)
		return -1;
	if (!accepts.len)
		return 0;
	if (nl_transaction_open(removal->nl, NFNL_SUBSYS_NFTABLES, generation, &transaction, err) <
		    0 ||
	    add_deletions(transaction, removal->family, removal->table, removal->chain, &accepts,
			  err) < 0 ||
	    nl_transaction_commit(transaction, "accept in another program's chain", &tag, err) < 0)
		return -1;
	removal->done->rules += accepts.len;
	return 0;
}

static int remove_table(struct nl *nl, uint8_t family, const char *table, struct cleanup *done,
			struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	uint32_t flags;
	uint64_t tag;
	int found = nft_table_find(nl, family, table, &flags, err);

	if (found <= 0)
		return found;
	if (nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, 0, &transaction, err) < 0 ||
	    nl_transaction_add(transaction, nft_table_del(family, table), 0, err) < 0 ||
	    nl_transaction_commit(transaction, "packet rules", &tag, err) < 0)
		return -1;
	done->rules++;
	return 0;
}

int cleanup_remove_rules(struct cleanup *done, struct err *err)
{
	static const char *const chains[] = { "FORWARD", "DOCKER-USER", "INPUT" };
	static const uint8_t families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };
	AUTO(nl) struct nl *nl = NULL;

	if (nl_open_netfilter(&nl, err) < 0)
		return -1;
	for (size_t f = 0; f < 2; f++)
		for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
			struct removal removal = {
				nl, families[f], "filter", chains[i], NULL, done
			};

			if (nft_change(nl, remove_accepts, &removal, err) < 0)
				return -1;
		}
	if (remove_table(nl, NFPROTO_INET, CLEANUP_TABLE, done, err) < 0)
		return -1;
	if (remove_table(nl, NFPROTO_BRIDGE, CLEANUP_TABLE, done, err) < 0)
		return -1;
	if (remove_table(nl, NFPROTO_NETDEV, CLEANUP_TABLE, done, err) < 0)
		return -1;
	if (remove_table(nl, NFPROTO_INET, CLEANUP_FAST_TABLE, done, err) < 0)
		return -1;
	if (remove_table(nl, NFPROTO_BRIDGE, CLEANUP_ADOPT_TABLE, done, err) < 0)
		return -1;
	return remove_table(nl, NFPROTO_BRIDGE, CLEANUP_SPOOF_TABLE, done, err);
}

/* ---- flannel ----------------------------------------------------------------------------- */

/* Chains of iptables-nft, and the chain that jumps to each. */
static const struct {
	const char *table, *from, *chain;
} flannel_chains[] = {
	{ "filter", "FORWARD", "FLANNEL-FWD" },
	{ "nat", "POSTROUTING", "FLANNEL-POSTRTG" },
};
#define FLANNEL_CHAINS (ARRAY_LEN(flannel_chains))

static const struct {
	uint8_t nfproto;
	const char *table;
} flannel_families[FAMILIES] = {
	[FAMILY_V4] = { NFPROTO_IPV4, "flannel-ipv4" },
	[FAMILY_V6] = { NFPROTO_IPV6, "flannel-ipv6" },
};

struct flannel {
	bool chain[FAMILIES][FLANNEL_CHAINS];
};

static int on_chain(void *ctx, const struct nft_chain *chain, struct err *err)
{
	struct flannel *flannel = ctx;

	(void)err;
	for (enum family f = 0; f < FAMILIES; f++)
		for (size_t i = 0; i < FLANNEL_CHAINS; i++)
			if (chain->family == flannel_families[f].nfproto &&
			    !strcmp(chain->table, flannel_chains[i].table) &&
			    !strcmp(chain->name, flannel_chains[i].chain))
				flannel->chain[f][i] = true;
	return 0;
}

static void restart_chains(void *ctx)
{
	*(struct flannel *)ctx = (struct flannel){ .chain = { { false } } };
}

/* The kernel does not delete a chain that has rules, or that a rule jumps to. An nft_change_fn. */
static int remove_flannel_chain(void *ctx, uint32_t generation, struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	const struct removal *removal = ctx;
	const char *table = removal->table, *chain = removal->chain;
	const uint8_t family = removal->family;
	struct selection jumps = { .target = chain };
	uint64_t tag;

	if (select_rules(removal->nl, family, table, removal->from, &jumps, err) < 0 ||
	    nl_transaction_open(removal->nl, NFNL_SUBSYS_NFTABLES, generation, &transaction, err) <
		    0 ||
	    add_deletions(transaction, family, table, removal->from, &jumps, err) < 0 ||
	    nl_transaction_add(transaction, nft_chain_flush(family, table, chain), 0, err) < 0 ||
	    nl_transaction_add(transaction, nft_chain_del(family, table, chain), 0, err) < 0 ||
	    nl_transaction_commit(transaction, chain, &tag, err) < 0)
		return -1;
	removal->done->rules++;
	return 0;
}

int cleanup_remove_flannel(struct cleanup *done, struct err *err)
{
	struct flannel flannel = { .chain = { { false } } };
	const struct nft_walk walk = { .ctx = &flannel,
				       .chain = on_chain,
				       .restart = restart_chains };
	AUTO(nl) struct nl *nl = NULL;
	bool failed = false;
	struct err other;

	if (nl_open_netfilter(&nl, err) < 0 || nft_each_chain(nl, NFPROTO_UNSPEC, &walk, err) < 0)
		return -1;
	/* What can be removed is, also after a failure. */
	for (enum family f = 0; f < FAMILIES; f++) {
		uint8_t family = flannel_families[f].nfproto;

		for (size_t i = 0; i < FLANNEL_CHAINS; i++) {
			struct removal removal = { nl,
						   family,
						   flannel_chains[i].table,
						   flannel_chains[i].chain,
						   flannel_chains[i].from,
						   done };

			if (flannel.chain[f][i] && nft_change(nl, remove_flannel_chain, &removal,
							      failed ? &other : err) < 0)
				failed = true;
		}
		if (remove_table(nl, family, flannel_families[f].table, done,
				 failed ? &other : err) < 0)
			failed = true;
	}
	return failed ? -1 : 0;
}
