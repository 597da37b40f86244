/* SPDX-License-Identifier: Apache-2.0 */
#include "common/spoof/spoof.h"

#include "common/err.h"
#include "common/netfilter/nl_transaction.h"
#include "common/netlink/nl.h"

#include <errno.h>
#include <string.h>

/* A transaction under construction. */
struct work {
	struct nl_transaction *transaction;
	struct err *err; /* of the first failure */
	bool failed;
};

static bool add(struct work *work, struct nl_msg *msg)
{
	if (nl_transaction_add(work->transaction, msg, 0, work->err) < 0)
		work->failed = true;
	return !work->failed;
}

static void add_elements(struct work *work, bool adds, const struct spoof_port *port,
			 enum spoof_set set)
{
	size_t len = spoof_element_count(port, set);

	for (size_t i = 0; i < len; i++) {
		struct nft_element element = spoof_element(port, set, i);

		if (!add(work, nft_elements(adds, SPOOF_FAMILY, SPOOF_TABLE, &spoof_set[set],
					    &element, 1)))
			return;
	}
}

static bool add_chain(void *ctx, const struct nft_chain *chain)
{
	return add(ctx, nft_chain_add(chain));
}

static bool add_rule(void *ctx, const char *chain, const struct nft_expr *expr)
{
	return add(ctx, nft_rule_add(SPOOF_FAMILY, SPOOF_TABLE, chain, expr, NULL, 0));
}

/* Fails with EEXIST if another process has created the table. */
static void add_table(struct work *work)
{
	if (!add(work, nft_table_create(SPOOF_FAMILY, SPOOF_TABLE)) ||
	    !add(work, nft_counter_add(SPOOF_FAMILY, SPOOF_TABLE, SPOOF_DROPS, 0, 0)) ||
	    !add(work, nft_counter_add(SPOOF_FAMILY, SPOOF_TABLE, SPOOF_ISOLATION_DROPS, 0, 0)))
		return;
	for (enum spoof_set set = 0; set < SPOOF_SETS; set++)
		if (!add(work, nft_set_add(SPOOF_FAMILY, SPOOF_TABLE, &spoof_set[set],
					   (uint32_t)set + 1)))
			return;
	if (spoof_each_chain(add_chain, work))
		(void)spoof_each_rule(add_rule, work);
}

/* The sets from first to last. Returns 0, or -1 with the kernel's error. */
static int change(struct nl *nl, bool creates, bool adds, const struct spoof_port *port,
		  enum spoof_set first, enum spoof_set last, struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	struct work work = { .err = err };
	uint64_t tag;

	if (nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, 0, &transaction, err) < 0)
		return -1;
	work.transaction = transaction;
	if (creates)
		add_table(&work);
	for (enum spoof_set set = first; !work.failed && set <= last; set++)
		add_elements(&work, adds, port, set);
	if (work.failed)
		return -1;
	return nl_transaction_commit(transaction, "packet rules for the port", &tag, err);
}

static int explain(struct err *err)
{
	if (err->sys_errno == ENOENT)
		return err_wrap(err, "the nftables table bridge " SPOOF_TABLE
				     " is incomplete; start weftd, which repairs it, or delete it");
	return err_wrap(err, "macSpoofCheck and portIsolation require nf_tables for bridges in the "
			     "kernel (CONFIG_NF_TABLES_BRIDGE, module nf_tables)");
}

int spoof_add(const struct spoof_port *port, struct err *err)
{
	AUTO(nl) struct nl *nl = NULL;
	int result = nl_open_netfilter(&nl, err);

	if (result < 0)
		return explain(err);
	result = change(nl, false, true, port, 0, SPOOF_SETS - 1, err);
	if (result < 0 && err->sys_errno == ENOENT)
		result = change(nl, true, true, port, 0, SPOOF_SETS - 1, err);
	/* Another process has created the table meanwhile, or it lacks a set. */
	if (result < 0 && err->sys_errno == EEXIST)
		result = change(nl, false, true, port, 0, SPOOF_SETS - 1, err);
	return result < 0 ? explain(err) : 0;
}

static int remove_element(struct nl *nl, const struct spoof_port *port, enum spoof_set set,
			  size_t i, struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	struct nft_element element = spoof_element(port, set, i);
	uint64_t tag;

	if (nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, 0, &transaction, err) < 0 ||
	    nl_transaction_add(transaction,
			       nft_elements(false, SPOOF_FAMILY, SPOOF_TABLE, &spoof_set[set],
					    &element, 1),
			       0, err) < 0)
		return -1;
	return nl_transaction_commit(transaction, "packet rules for the port", &tag, err);
}

int spoof_remove(const struct spoof_port *port, struct err *err)
{
	AUTO(nl) struct nl *nl = NULL;
	int result = 0;

	if (nl_open_netfilter(&nl, err) < 0)
		return -1;
	if (change(nl, false, false, port, 0, SPOOF_SETS - 1, err) == 0)
		return 0;
	/* An element is absent: the others must be removed nevertheless. */
	for (enum spoof_set set = 0; set < SPOOF_SETS; set++)
		for (size_t i = 0; i < spoof_element_count(port, set); i++)
			if (remove_element(nl, port, set, i, err) < 0 && err->sys_errno != ENOENT)
				result = -1;
	return result;
}

/* ---- Comparing with the kernel ----------------------------------------------------------- */

/* A walk over the kernel's rules, in step with the table's. */
struct comparison {
	size_t next;
	bool same;
};

/* The rule of the table with the number left. */
struct wanted {
	const struct nft_rule *have;
	size_t left;
	bool found, same;
};

static bool compare_rule(void *ctx, const char *chain, const struct nft_expr *expr)
{
	struct wanted *wanted = ctx;

	if (wanted->left-- > 0)
		return true;
	wanted->found = true;
	wanted->same = !strcmp(chain, wanted->have->chain) &&
		       nft_expr_same(expr, wanted->have->expr);
	return false;
}

static int on_rule(void *ctx, const struct nft_rule *have, struct err *err)
{
	struct comparison *comparison = ctx;
	struct wanted wanted = { .have = have, .left = comparison->next++ };

	(void)err;
	(void)spoof_each_rule(compare_rule, &wanted);
	comparison->same = comparison->same && wanted.found && wanted.same;
	return 0;
}

static void restart_rules(void *ctx)
{
	*(struct comparison *)ctx = (struct comparison){ .next = 0, .same = true };
}

static bool count_rule(void *ctx, const char *chain, const struct nft_expr *expr)
{
	size_t *count = ctx;

	(void)chain, (void)expr;
	++*count;
	return true;
}

static int check_rules(struct nl *nl, struct err *err)
{
	struct comparison comparison = { .next = 0, .same = true };
	const struct nft_walk walk = { .ctx = &comparison,
				       .rule = on_rule,
				       .restart = restart_rules };
	size_t count = 0;

	if (nft_each_rule(nl, SPOOF_FAMILY, SPOOF_TABLE, NULL, &walk, err) < 0)
		return -1;
	(void)spoof_each_rule(count_rule, &count);
	if (comparison.same && comparison.next == count)
		return 0;
	return err_set(err, ERR_CHECK, "the nftables table bridge " SPOOF_TABLE " %s",
		       comparison.next ? "was changed" : "is absent or has no rules");
}

/* A search for the elements of a port in one set. */
struct search {
	const struct spoof_port *port;
	enum spoof_set set;
	size_t found;
};

static int on_element(void *ctx, const struct nft_element *have, struct err *err)
{
	struct search *search = ctx;
	size_t len = spoof_element_count(search->port, search->set);

	(void)err;
	for (size_t i = 0; i < len; i++) {
		const struct nft_element want = spoof_element(search->port, search->set, i);

		if (!memcmp(want.key, have->key, sizeof(want.key))) {
			search->found++;
			break;
		}
	}
	return 0;
}

static void restart_search(void *ctx)
{
	struct search *search = ctx;

	search->found = 0;
}

int spoof_check(const struct spoof_port *port, struct err *err)
{
	AUTO(nl) struct nl *nl = NULL;

	if (nl_open_netfilter(&nl, err) < 0 || check_rules(nl, err) < 0)
		return -1;
	for (enum spoof_set set = 0; set < SPOOF_SETS; set++) {
		struct search search = { .port = port, .set = set };
		const struct nft_walk walk = { .ctx = &search,
					       .element = on_element,
					       .restart = restart_search };

		if (nft_each_element(nl, SPOOF_FAMILY, SPOOF_TABLE, spoof_set[set].name, &walk,
				     err) < 0)
			return -1;
		if (search.found < spoof_element_count(port, set))
			return err_set(err, ERR_CHECK,
				       "set %s of the nftables table bridge " SPOOF_TABLE
				       " lacks an element of port %s",
				       spoof_set[set].name, port->name);
	}
	return 0;
}
