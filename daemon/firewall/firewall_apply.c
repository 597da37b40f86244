/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/firewall_apply.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/netfilter/nl_transaction.h"
#include "common/netlink/nl.h"

#include <errno.h>
#include <string.h>

/* ---- Building a transaction -------------------------------------------------------------- */

static int add(struct nl_transaction *transaction, struct nl_msg *msg, enum firewall_part part,
	       struct err *err)
{
	return nl_transaction_add(transaction, msg, part, err);
}

static int add_elements(struct nl_transaction *transaction, bool adds,
			const struct firewall_table *table, const struct firewall_set *set,
			const struct firewall_elements *elements, struct err *err)
{
	const struct nft_set nft = firewall_set_nft(set);
	AUTO(free) struct nft_element *part = NULL; /* of one message */

	if (!elements->len)
		return 0;
	part = calloc(NFT_ELEMENTS_MAX, sizeof(*part));
	if (!part)
		return err_nomem(err, "nftables sets");
	for (size_t i = 0, len; i < elements->len; i += len) {
		for (len = 0; len < NFT_ELEMENTS_MAX && i + len < elements->len; len++)
			part[len] = firewall_elements_get(elements, i + len);
		if (add(transaction,
			nft_elements(adds, table->family, table->name, &nft, part, len), set->part,
			err) < 0)
			return -1;
	}
	return 0;
}

/* New counters start at the values of the existing ones, if these can be read. */
static int add_counters(struct nl *nl, struct nl_transaction *transaction,
			const struct firewall_table *table, struct err *err)
{
	for (size_t i = 0; i < table->counters_len; i++) {
		const char *name = table->counters[i];
		uint64_t packets = 0, bytes = 0;
		struct err unused;

		nft_counter_find(nl, table->family, table->name, name, &packets, &bytes, &unused);
		if (add(transaction,
			nft_counter_add(table->family, table->name, name, packets, bytes),
			FIREWALL_COUNT, err) < 0)
			return -1;
	}
	return 0;
}

static int add_sets(struct nl_transaction *transaction, const struct firewall_table *table,
		    struct err *err)
{
	for (size_t i = 0; i < table->sets.len; i++) {
		const struct firewall_set *set = &table->sets.at[i];
		const struct nft_set nft = firewall_set_nft(set);

		if (add(transaction, nft_set_add(table->family, table->name, &nft, (uint32_t)i + 1),
			set->part, err) < 0 ||
		    add_elements(transaction, true, table, set, &set->elements, err) < 0)
			return -1;
	}
	return 0;
}

static int add_rules(struct nl_transaction *transaction, const struct firewall_table *table,
		     struct err *err)
{
	for (size_t i = 0; i < table->chains.len; i++) {
		const struct nft_chain nft = firewall_chain_nft(table, &table->chains.at[i]);

		if (add(transaction, nft_chain_add(&nft), table->chains.at[i].part, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < table->rules.len; i++) {
		const struct firewall_rule *rule = &table->rules.at[i];

		if (add(transaction,
			nft_rule_add(table->family, table->name, rule->chain, &rule->expr, NULL, 0),
			rule->part, err) < 0)
			return -1;
	}
	return 0;
}

/* Adding the table first makes deleting it succeed even if there was none. */
static int add_whole(struct nl *nl, struct nl_transaction *transaction,
		     const struct firewall_table *table, struct err *err)
{
	if (add(transaction, nft_table_add(table->family, table->name), table->part, err) < 0 ||
	    add(transaction, nft_table_del(table->family, table->name), table->part, err) < 0 ||
	    add(transaction, nft_table_add(table->family, table->name), table->part, err) < 0 ||
	    add_counters(nl, transaction, table, err) < 0)
		return -1;
	if (add_sets(transaction, table, err) < 0)
		return -1;
	return add_rules(transaction, table, err);
}

/* The errors for an expression, chain type or set that the kernel does not support. */
static bool is_unsupported(int sys_errno)
{
	return sys_errno == ENOENT || sys_errno == EOPNOTSUPP || sys_errno == EINVAL ||
	       sys_errno == EPROTONOSUPPORT || sys_errno == EAFNOSUPPORT;
}

int firewall_apply_table(struct nl *nl, const struct firewall_table *table, uint32_t generation,
			 enum firewall_part *unsupported_out, struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	uint64_t tag;

	*unsupported_out = FIREWALL_WHOLE;
	if (nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, generation, &transaction, err) < 0 ||
	    add_whole(nl, transaction, table, err) < 0)
		return -1;
	if (nl_transaction_commit(transaction, "packet rules", &tag, err) == 0)
		return 0;
	if (tag != NL_TRANSACTION_WHOLE && is_unsupported(err->sys_errno))
		*unsupported_out = (enum firewall_part)tag;
	return -1;
}

/* ---- Comparing with the kernel ----------------------------------------------------------- */

/* A walk over the kernel's objects, in step with the desired table. */
struct comparison {
	const struct firewall_table *table;
	size_t next;
	bool same;
};

static void restart(void *ctx)
{
	struct comparison *comparison = ctx;

	comparison->next = 0;
	comparison->same = true;
}

static bool same_devices(const struct nft_devices *want, const struct nft_devices *have)
{
	return want && have ? nft_devices_equal(want, have) : !want && !have;
}

static int on_chain(void *ctx, const struct nft_chain *have, struct err *err)
{
	struct comparison *comparison = ctx;
	const struct firewall_chain *want;
	struct nft_chain nft;

	(void)err;
	if (strcmp(have->table, comparison->table->name))
		return 0;
	if (comparison->next == comparison->table->chains.len) {
		comparison->same = false;
		return 0;
	}
	want = &comparison->table->chains.at[comparison->next++];
	nft = firewall_chain_nft(comparison->table, want);
	if (strcmp(want->name, have->name) || !want->type != !have->type ||
	    (want->type && (strcmp(want->type, have->type) || want->hook != have->hook ||
			    want->priority != have->priority || have->policy != nft.policy ||
			    !same_devices(nft.devices, have->devices))))
		comparison->same = false;
	return 0;
}

static int on_rule(void *ctx, const struct nft_rule *have, struct err *err)
{
	struct comparison *comparison = ctx;
	const struct firewall_rule *want;

	(void)err;
	if (comparison->next == comparison->table->rules.len) {
		comparison->same = false;
		return 0;
	}
	want = &comparison->table->rules.at[comparison->next++];
	if (strcmp(want->chain, have->chain) || !nft_expr_same(&want->expr, have->expr))
		comparison->same = false;
	return 0;
}

static int on_set(void *ctx, const struct nft_set *have, struct err *err)
{
	struct comparison *comparison = ctx;
	const struct firewall_set *want;

	(void)err;
	if (comparison->next == comparison->table->sets.len) {
		comparison->same = false;
		return 0;
	}
	want = &comparison->table->sets.at[comparison->next++];
	if (strcmp(want->name, have->name) || want->flags != have->flags ||
	    want->key_size != have->key_size || want->limit != have->limit)
		comparison->same = false;
	return 0;
}

static int on_element(void *ctx, const struct nft_element *have, struct err *err)
{
	struct firewall_elements *elements = ctx;

	return firewall_elements_push(elements, elements->key_size, have) ?
		       0 :
		       err_nomem(err, "nftables sets");
}

static void clear_elements(void *ctx)
{
	firewall_elements_clear(ctx);
}

/* Chains, rules and sets, without the elements of the sets. */
static int compare_shape(struct nl *nl, const struct firewall_table *table, bool *same_out,
			 struct err *err)
{
	struct comparison chains = { table, 0, true }, rules = { table, 0, true };
	struct comparison sets = { table, 0, true };
	uint32_t flags = 0;
	const struct nft_walk walk_chains = { .ctx = &chains,
					      .chain = on_chain,
					      .restart = restart };
	const struct nft_walk walk_rules = { .ctx = &rules, .rule = on_rule, .restart = restart };
	const struct nft_walk walk_sets = { .ctx = &sets, .set = on_set, .restart = restart };

	if (nft_table_find(nl, table->family, table->name, &flags, err) < 0 ||
	    nft_each_chain(nl, table->family, &walk_chains, err) < 0 ||
	    nft_each_rule(nl, table->family, table->name, NULL, &walk_rules, err) < 0 ||
	    nft_each_set(nl, table->family, table->name, &walk_sets, err) < 0)
		return -1;
	/* A table with a flag may be dormant. */
	*same_out = !flags && chains.same && chains.next == table->chains.len && rules.same &&
		    rules.next == table->rules.len && sets.same && sets.next == table->sets.len;
	return 0;
}

static int read_elements(struct nl *nl, const struct firewall_table *table,
			 const struct firewall_set *set, struct firewall_elements *elements_out,
			 struct err *err)
{
	const struct nft_walk walk = { .ctx = elements_out,
				       .element = on_element,
				       .restart = clear_elements };

	if (nft_each_element(nl, table->family, table->name, set->name, &walk, err) < 0)
		return -1;
	firewall_elements_sort(elements_out);
	return 0;
}

/* ---- Elements ---------------------------------------------------------------------------- */

static int add_difference(struct nl_transaction *transaction, const struct firewall_table *table,
			  const struct firewall_set *set, const struct firewall_elements *have,
			  struct err *err)
{
	AUTO(firewall_elements) struct firewall_elements more = { .len = 0 };
	AUTO(firewall_elements) struct firewall_elements less = { .len = 0 };

	if (!firewall_elements_diff(have, &set->elements, &more, &less))
		return err_nomem(err, "nftables sets");
	if (add_elements(transaction, false, table, set, &less, err) < 0)
		return -1;
	return add_elements(transaction, true, table, set, &more, err);
}

int firewall_apply_check(struct nl *nl, const struct firewall_table *table, uint32_t generation,
			 bool *same_out, struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	bool same = false;
	uint64_t tag;

	if (compare_shape(nl, table, &same, err) < 0 ||
	    nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, generation, &transaction, err) < 0)
		return -1;
	for (size_t i = 0; same && i < table->sets.len; i++) {
		const struct firewall_set *set = &table->sets.at[i];
		AUTO(firewall_elements)
		struct firewall_elements have = { .key_size = set->key_size };

		if (read_elements(nl, table, set, &have, err) < 0)
			return -1;
		if (set->flags & NFT_SET_INTERVAL)
			same = firewall_elements_equal(&have, &set->elements);
		else if (add_difference(transaction, table, set, &have, err) < 0)
			return -1;
	}
	if (same && nl_transaction_commit(transaction, "the packet rules' sets", &tag, err) < 0)
		return -1;
	*same_out = same;
	return 0;
}

int firewall_apply_elements(struct nl *nl, const struct firewall_table *have,
			    const struct firewall_table *want, struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	uint64_t tag;

	if (nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, 0, &transaction, err) < 0)
		return -1;
	for (size_t i = 0; i < want->sets.len; i++)
		if (add_difference(transaction, want, &want->sets.at[i], &have->sets.at[i].elements,
				   err) < 0)
			return -1;
	return nl_transaction_commit(transaction, "the packet rules' sets", &tag, err);
}

int firewall_apply_exists(struct nl *nl, struct err *err)
{
	uint32_t flags;

	return nft_table_find(nl, FIREWALL_FAMILY, FIREWALL_TABLE, &flags, err);
}
