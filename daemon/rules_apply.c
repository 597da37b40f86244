/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_apply.h"

#include "common/err.h"
#include "common/nl.h"

#include <errno.h>
#include <string.h>

static const char *const counters[] = { RULES_GUARDED, RULES_APART };
#define COUNTERS (sizeof(counters) / sizeof(counters[0]))

/* ---- A transaction being put together ---------------------------------------------------- */

static int add(struct nl_transaction *transaction, struct nl_msg *msg, enum rules_part part,
	       struct err *err)
{
	return nl_transaction_add(transaction, msg, part, err);
}

static int add_elements(struct nl_transaction *transaction, bool adds, const struct rules_set *set,
			const struct rules_elements *elements, struct err *err)
{
	const struct nft_set nft = rules_set_nft(set);

	for (size_t i = 0; i < elements->len; i += NFT_ELEMENTS_MAX) {
		size_t rest = elements->len - i;

		if (add(transaction,
			nft_elements(adds, RULES_FAMILY, RULES_TABLE, &nft, elements->at + i,
				     rest < NFT_ELEMENTS_MAX ? rest : NFT_ELEMENTS_MAX),
			set->part, err) < 0)
			return -1;
	}
	return 0;
}

/* The counters that stand go on, as far as they can be read. */
static int add_counters(struct nl *nl, struct nl_transaction *transaction, struct err *err)
{
	for (size_t i = 0; i < COUNTERS; i++) {
		uint64_t packets = 0, bytes = 0;
		struct err unused;

		nft_counter_find(nl, RULES_FAMILY, RULES_TABLE, counters[i], &packets, &bytes,
				 &unused);
		if (add(transaction,
			nft_counter_add(RULES_FAMILY, RULES_TABLE, counters[i], packets, bytes),
			RULES_COUNT, err) < 0)
			return -1;
	}
	return 0;
}

static int add_sets(struct nl_transaction *transaction, const struct rules_table *table,
		    struct err *err)
{
	for (size_t i = 0; i < table->sets.len; i++) {
		const struct rules_set *set = &table->sets.at[i];
		const struct nft_set nft = rules_set_nft(set);

		if (add(transaction, nft_set_add(RULES_FAMILY, RULES_TABLE, &nft, (uint32_t)i + 1),
			set->part, err) < 0 ||
		    add_elements(transaction, true, set, &set->elements, err) < 0)
			return -1;
	}
	return 0;
}

static int add_rules(struct nl_transaction *transaction, const struct rules_table *table,
		     struct err *err)
{
	for (size_t i = 0; i < table->chains.len; i++) {
		const struct nft_chain nft = rules_chain_nft(&table->chains.at[i]);

		if (add(transaction, nft_chain_add(&nft), table->chains.at[i].part, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < table->rules.len; i++) {
		const struct rules_rule *rule = &table->rules.at[i];

		if (add(transaction,
			nft_rule_add(RULES_FAMILY, RULES_TABLE, rule->chain, &rule->expr, NULL, 0),
			rule->part, err) < 0)
			return -1;
	}
	return 0;
}

/* What is added first is there to be deleted, whether a table stood or not. */
static int add_whole(struct nl *nl, struct nl_transaction *transaction,
		     const struct rules_table *table, struct err *err)
{
	if (add(transaction, nft_table_add(RULES_FAMILY, RULES_TABLE), RULES_WHOLE, err) < 0 ||
	    add(transaction, nft_table_del(RULES_FAMILY, RULES_TABLE), RULES_WHOLE, err) < 0 ||
	    add(transaction, nft_table_add(RULES_FAMILY, RULES_TABLE), RULES_WHOLE, err) < 0)
		return -1;
	if (table->counters && add_counters(nl, transaction, err) < 0)
		return -1;
	if (add_sets(transaction, table, err) < 0)
		return -1;
	return add_rules(transaction, table, err);
}

/* What a kernel says to an expression, a type of chain or a set that it does not know. */
static bool is_unknown(int sys_errno)
{
	return sys_errno == ENOENT || sys_errno == EOPNOTSUPP || sys_errno == EINVAL ||
	       sys_errno == EPROTONOSUPPORT || sys_errno == EAFNOSUPPORT;
}

int rules_apply_whole(struct nl *nl, const struct rules_table *table, enum rules_part *refused_out,
		      struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	uint64_t tag;

	*refused_out = RULES_WHOLE;
	if (nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, &transaction, err) < 0 ||
	    add_whole(nl, transaction, table, err) < 0)
		return -1;
	if (nl_transaction_commit(transaction, "packet rules", &tag, err) == 0)
		return 0;
	if (tag != NL_TRANSACTION_WHOLE && is_unknown(err->sys_errno))
		*refused_out = (enum rules_part)tag;
	return -1;
}

/* ---- What stands ------------------------------------------------------------------------- */

/* A walk beside the table that should stand: what comes next, and whether all was as it should. */
struct beside {
	const struct rules_table *table;
	size_t next;
	bool same;
};

static void begin_anew(void *ctx)
{
	struct beside *beside = ctx;

	beside->next = 0;
	beside->same = true;
}

static int see_chain(void *ctx, const struct nft_chain *have, struct err *err)
{
	struct beside *beside = ctx;
	const struct rules_chain *want;

	(void)err;
	if (strcmp(have->table, RULES_TABLE))
		return 0;
	if (beside->next == beside->table->chains.len) {
		beside->same = false;
		return 0;
	}
	want = &beside->table->chains.at[beside->next++];
	if (strcmp(want->name, have->name) || !want->type != !have->type ||
	    (want->type &&
	     (strcmp(want->type, have->type) || want->hook != have->hook ||
	      want->priority != have->priority || have->policy != rules_chain_nft(want).policy)))
		beside->same = false;
	return 0;
}

static int see_rule(void *ctx, const struct nft_rule *have, struct err *err)
{
	struct beside *beside = ctx;
	const struct rules_rule *want;

	(void)err;
	if (beside->next == beside->table->rules.len) {
		beside->same = false;
		return 0;
	}
	want = &beside->table->rules.at[beside->next++];
	if (strcmp(want->chain, have->chain) || !nft_expr_same(&want->expr, have->expr))
		beside->same = false;
	return 0;
}

static int see_set(void *ctx, const struct nft_set *have, struct err *err)
{
	struct beside *beside = ctx;
	const struct rules_set *want;

	(void)err;
	if (beside->next == beside->table->sets.len) {
		beside->same = false;
		return 0;
	}
	want = &beside->table->sets.at[beside->next++];
	if (strcmp(want->name, have->name) || want->flags != have->flags ||
	    want->key_size != have->key_size)
		beside->same = false;
	return 0;
}

static int see_element(void *ctx, const struct nft_element *have, struct err *err)
{
	return rules_elements_push(ctx, have) ? 0 : err_nomem(err, "the packet filter's sets");
}

static void forget_elements(void *ctx)
{
	rules_elements_clear(ctx);
}

/* Chains, rules and sets, but not what the sets hold. */
static int look_at_shape(struct nl *nl, const struct rules_table *table, bool *same_out,
			 struct err *err)
{
	struct beside chains = { table, 0, true }, rules = { table, 0, true };
	struct beside sets = { table, 0, true };
	uint32_t flags = 0;
	const struct nft_walk walk_chains = { .ctx = &chains,
					      .chain = see_chain,
					      .restart = begin_anew };
	const struct nft_walk walk_rules = { .ctx = &rules,
					     .rule = see_rule,
					     .restart = begin_anew };
	const struct nft_walk walk_sets = { .ctx = &sets, .set = see_set, .restart = begin_anew };

	if (nft_table_find(nl, RULES_FAMILY, RULES_TABLE, &flags, err) < 0 ||
	    nft_each_chain(nl, RULES_FAMILY, &walk_chains, err) < 0 ||
	    nft_each_rule(nl, RULES_FAMILY, RULES_TABLE, NULL, &walk_rules, err) < 0 ||
	    nft_each_set(nl, RULES_FAMILY, RULES_TABLE, &walk_sets, err) < 0)
		return -1;
	/* A table with a flag may be asleep. */
	*same_out = !flags && chains.same && chains.next == table->chains.len && rules.same &&
		    rules.next == table->rules.len && sets.same && sets.next == table->sets.len;
	return 0;
}

static int read_elements(struct nl *nl, const struct rules_set *set,
			 struct rules_elements *elements_out, struct err *err)
{
	const struct nft_walk walk = { .ctx = elements_out,
				       .element = see_element,
				       .restart = forget_elements };

	if (nft_each_element(nl, RULES_FAMILY, RULES_TABLE, set->name, &walk, err) < 0)
		return -1;
	rules_elements_sort(elements_out);
	return 0;
}

/* ---- Elements ---------------------------------------------------------------------------- */

static int add_difference(struct nl_transaction *transaction, const struct rules_set *set,
			  const struct rules_elements *have, struct err *err)
{
	__attribute__((cleanup(rules_elements_free))) struct rules_elements more = { .len = 0 };
	__attribute__((cleanup(rules_elements_free))) struct rules_elements less = { .len = 0 };

	if (!rules_elements_diff(have, &set->elements, &more, &less))
		return err_nomem(err, "the packet filter's sets");
	if (add_elements(transaction, false, set, &less, err) < 0)
		return -1;
	return add_elements(transaction, true, set, &more, err);
}

int rules_apply_check(struct nl *nl, const struct rules_table *table, bool *same_out,
		      struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	bool same = false;
	uint64_t tag;

	if (look_at_shape(nl, table, &same, err) < 0 ||
	    nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, &transaction, err) < 0)
		return -1;
	for (size_t i = 0; same && i < table->sets.len; i++) {
		__attribute__((
			cleanup(rules_elements_free))) struct rules_elements have = { .len = 0 };
		const struct rules_set *set = &table->sets.at[i];

		if (read_elements(nl, set, &have, err) < 0)
			return -1;
		if (set->flags & NFT_SET_INTERVAL)
			same = rules_elements_equal(&have, &set->elements);
		else if (add_difference(transaction, set, &have, err) < 0)
			return -1;
	}
	if (same && nl_transaction_commit(transaction, "the packet rules' sets", &tag, err) < 0)
		return -1;
	*same_out = same;
	return 0;
}

int rules_apply_elements(struct nl *nl, const struct rules_table *have,
			 const struct rules_table *want, struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	uint64_t tag;

	if (nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, &transaction, err) < 0)
		return -1;
	for (size_t i = 0; i < want->sets.len; i++)
		if (add_difference(transaction, &want->sets.at[i], &have->sets.at[i].elements,
				   err) < 0)
			return -1;
	return nl_transaction_commit(transaction, "the packet rules' sets", &tag, err);
}

int rules_apply_stands(struct nl *nl, struct err *err)
{
	uint32_t flags;

	return nft_table_find(nl, RULES_FAMILY, RULES_TABLE, &flags, err);
}
