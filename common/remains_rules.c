/* SPDX-License-Identifier: Apache-2.0 */
/* The packet rules that weft has made (remains.h). */
#include "remains.h"

#include "err.h"
#include "legacy_kernel.h"
#include "nft.h"
#include "nl.h"

#include <linux/netfilter.h>
#include <string.h>

#define FAMILY NFPROTO_INET /* of our own table */
#define ACCEPTS_MAX 64      /* in one chain of another program */

/* Rules of ours in one chain. */
struct accepts {
	uint64_t handle[ACCEPTS_MAX];
	size_t len;
};

static int see_rule(void *ctx, const struct nft_rule *rule, struct err *err)
{
	struct accepts *accepts = ctx;

	(void)err;
	if (rule->comment && !strcmp(rule->comment, REMAINS_COMMENT) && accepts->len < ACCEPTS_MAX)
		accepts->handle[accepts->len++] = rule->handle;
	return 0;
}

static void forget(void *ctx)
{
	struct accepts *accepts = ctx;

	accepts->len = 0;
}

static int remove_accepts(struct nl *nl, uint8_t family, const char *chain, struct remains *done,
			  struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	struct accepts accepts = { .len = 0 };
	const struct nft_walk walk = { .ctx = &accepts, .rule = see_rule, .restart = forget };
	uint64_t tag;

	if (nft_each_rule(nl, family, "filter", chain, &walk, err) < 0)
		return -1;
	if (!accepts.len)
		return 0;
	if (nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, &transaction, err) < 0)
		return -1;
	for (size_t i = 0; i < accepts.len; i++)
		if (nl_transaction_add(transaction,
				       nft_rule_del(family, "filter", chain, accepts.handle[i]), 0,
				       err) < 0)
			return -1;
	if (nl_transaction_commit(transaction, "accept in another program's chain", &tag, err) < 0)
		return -1;
	done->rules += accepts.len;
	return 0;
}

static int remove_table(struct nl *nl, struct remains *done, struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	uint32_t flags;
	uint64_t tag;
	int found = nft_table_find(nl, FAMILY, REMAINS_TABLE, &flags, err);

	if (found <= 0)
		return found;
	if (nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, &transaction, err) < 0 ||
	    nl_transaction_add(transaction, nft_table_del(FAMILY, REMAINS_TABLE), 0, err) < 0 ||
	    nl_transaction_commit(transaction, "packet rules", &tag, err) < 0)
		return -1;
	done->rules++;
	return 0;
}

static int remove_legacy(struct legacy *legacy, enum family f, struct remains *done,
			 struct err *err)
{
	const struct legacy_want nothing = { .len = 0 };
	struct legacy_view view;

	if (legacy_sight(legacy, f) != LEGACY_THERE)
		return 0;
	if (legacy_set(legacy, f, &nothing, &view, err) < 0)
		return -1;
	done->rules += view.ours;
	return 0;
}

int remains_remove_rules(struct legacy *legacy, struct remains *done, struct err *err)
{
	static const char *const chains[] = { "FORWARD", "DOCKER-USER" };
	static const uint8_t families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };
	AUTO(nl) struct nl *nl = NULL;

	if (nl_open_netfilter(&nl, err) < 0)
		return -1;
	for (size_t f = 0; f < 2; f++)
		for (size_t i = 0; i < 2; i++)
			if (remove_accepts(nl, families[f], chains[i], done, err) < 0)
				return -1;
	for (enum family f = 0; f < FAMILIES; f++)
		if (remove_legacy(legacy, f, done, err) < 0)
			return -1;
	return remove_table(nl, done, err);
}
