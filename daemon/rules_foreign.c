/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_foreign.h"

#include "common/err.h"
#include "common/log.h"
#include "common/nl.h"
#include "rules_flannel.h"

#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

#define FILTER "filter" /* iptables' table */
#define DOCKER_USER "DOCKER-USER"

static const struct {
	uint8_t family; /* NFPROTO_* */
	const char *name;
} families[] = {
	{ NFPROTO_IPV4, "ip" },
	{ NFPROTO_IPV6, "ip6" },
	{ NFPROTO_INET, "inet" },
	{ NFPROTO_BRIDGE, "bridge" },
};

static const char *family_name(uint8_t family)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (families[i].family == family)
			return families[i].name;
	return NULL;
}

void rules_foreign_free(struct rules_foreign *foreign)
{
	rules_findings_free(&foreign->findings);
	rules_hookeds_free(&foreign->hooked);
}

/* ---- Chains ------------------------------------------------------------------------------ */

/* What a walk over all chains finds. */
struct chains {
	struct rules_hookeds hooked;
	bool docker[FAMILIES]; /* there is a DOCKER-USER */
	struct rules_flannel flannel;
};

/* iptables' own, by whichever program they were made. */
static bool is_iptables(uint8_t family, const char *table)
{
	return (family == NFPROTO_IPV4 || family == NFPROTO_IPV6) && !strcmp(table, FILTER);
}

static int see_chain(void *ctx, const struct nft_chain *chain, struct err *err)
{
	struct rules_hooked hooked = {
		.family = chain->family,
		.drops = chain->policy == NF_DROP,
	};
	struct chains *chains = ctx;

	rules_flannel_see(&chains->flannel, chain);
	if (is_iptables(chain->family, chain->table) && !strcmp(chain->name, DOCKER_USER))
		chains->docker[chain->family == NFPROTO_IPV6] = true;
	if (!chain->type || chain->hook != NF_INET_FORWARD || !family_name(chain->family) ||
	    (chain->family == RULES_FAMILY && !strcmp(chain->table, RULES_TABLE)))
		return 0;
	/* Whoever has more, or such names, is left alone. */
	if (chains->hooked.len == RULES_CHAINS_MAX ||
	    strlen(chain->table) >= sizeof(hooked.table) ||
	    strlen(chain->name) >= sizeof(hooked.chain))
		return 0;
	snprintf(hooked.table, sizeof(hooked.table), "%s", chain->table);
	snprintf(hooked.chain, sizeof(hooked.chain), "%s", chain->name);
	return rules_hookeds_push(&chains->hooked, &hooked) ? 0 : err_nomem(err, "others' chains");
}

static void forget_chains(void *ctx)
{
	struct chains *chains = ctx;

	rules_hookeds_clear(&chains->hooked);
	memset(chains->docker, 0, sizeof(chains->docker));
	chains->flannel = (struct rules_flannel){ .any = false };
}

/* ---- One chain's rules ------------------------------------------------------------------- */

#define OURS_MAX 64 /* rules of ours in a chain of others */

/* A chain of others beside the accepts that should be in it. */
struct content {
	const struct nft_expr *want;
	size_t want_len;
	uint64_t ours[OURS_MAX]; /* handles */
	size_t ours_len, matching;
	uint64_t drops; /* the handle of the last rule but ours, if it drops whatever comes; or 0 */
};

static int see_rule(void *ctx, const struct nft_rule *rule, struct err *err)
{
	struct content *content = ctx;
	struct nft_seen seen = nft_expr_look(rule->expr, NULL, 0, 0);

	(void)err;
	if (!rule->comment || strcmp(rule->comment, RULES_COMMENT) ||
	    content->ours_len == OURS_MAX) {
		content->drops = seen.all && seen.drops ? rule->handle : 0;
		return 0;
	}
	if (content->ours_len < content->want_len &&
	    nft_expr_same(&content->want[content->ours_len], rule->expr))
		content->matching++;
	content->ours[content->ours_len++] = rule->handle;
	return 0;
}

static void forget_rules(void *ctx)
{
	struct content *content = ctx;

	content->ours_len = content->matching = 0;
	content->drops = 0;
}

static int read_rules(struct nl *nl, uint8_t family, const char *table, const char *chain,
		      struct content *content, struct err *err)
{
	const struct nft_walk walk = { .ctx = content, .rule = see_rule, .restart = forget_rules };

	return nft_each_rule(nl, family, table, chain, &walk, err);
}

/*
 * Takes ours out of the chain, and puts those that are wanted where it would drop at last: what its
 * other rules refuse, such as what an isolating plugin keeps from its containers, stays refused.
 */
static int set_rules(struct nl *nl, uint8_t family, const char *table, const char *chain,
		     const struct content *content, struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	uint64_t tag;

	if (content->ours_len == content->want_len && content->matching == content->want_len)
		return 0;
	if (nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, &transaction, err) < 0)
		return -1;
	for (size_t i = 0; i < content->ours_len; i++)
		if (nl_transaction_add(transaction,
				       nft_rule_del(family, table, chain, content->ours[i]), 0,
				       err) < 0)
			return -1;
	for (size_t i = 0; i < content->want_len; i++)
		if (nl_transaction_add(transaction,
				       nft_rule_add(family, table, chain, &content->want[i],
						    RULES_COMMENT, content->drops),
				       0, err) < 0)
			return -1;
	if (nl_transaction_commit(transaction, "accept in another program's chain", &tag, err) < 0)
		return err_wrap(err, "%s %s %s", family_name(family), table, chain);
	if (content->want_len)
		log_info("accepted in another program's chain, which drops", "table", table,
			 "chain", chain, "family", family_name(family));
	return 0;
}

/* ---- What is wanted ---------------------------------------------------------------------- */

VEC_DEFINE(accepts, struct nft_expr);

/* As iptables-nft writes -i and -o, so that it shows them. */
static bool add_accepts(struct accepts *accepts, const char *bridge)
{
	static const uint32_t keys[] = { NFT_META_IIFNAME, NFT_META_OIFNAME };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct nft_expr expr = { .size = 0 };

		nft_expr_meta(&expr, keys[i]);
		nft_expr_compare(&expr, NFT_CMP_EQ, bridge, strlen(bridge) + 1);
		nft_expr_verdict(&expr, NF_ACCEPT, NULL);
		if (!accepts_push(accepts, &expr))
			return false;
	}
	return true;
}

/* All that a look has at hand. */
struct look {
	struct nl *nl;
	const struct rules_options *options;
	const struct rules_network *networks;
	size_t len;
	struct rules_findings findings;
};

static int find_accepts(const struct look *look, enum family f, struct accepts *accepts,
			struct err *err)
{
	for (size_t i = 0; i < look->len && look->options->forward; i++)
		if (prefix_is_set(&look->networks[i].cluster[f]) && accepts->len + 2 <= OURS_MAX &&
		    !add_accepts(accepts, look->networks[i].bridge))
			return err_nomem(err, "packet rules");
	return 0;
}

static int tell(struct look *look, bool accepted, const char *where, struct err *err)
{
	struct rules_finding finding = { .accepted = accepted };

	snprintf(finding.where, sizeof(finding.where), "%s", where);
	if (!rules_findings_push(&look->findings, &finding))
		return err_nomem(err, "packet rules");
	return 0;
}

/* drops: by its policy. */
static int look_iptables(struct look *look, uint8_t family, const char *chain, bool drops,
			 struct err *err)
{
	__attribute__((cleanup(accepts_free))) struct accepts accepts = { .len = 0 };
	enum family f = family == NFPROTO_IPV6 ? FAMILY_V6 : FAMILY_V4;
	struct content content = { .want_len = 0 };
	char where[RULES_WHERE_SIZE];

	if (find_accepts(look, f, &accepts, err) < 0)
		return -1;
	content.want = accepts.at;
	content.want_len = accepts.len;
	if (read_rules(look->nl, family, FILTER, chain, &content, err) < 0)
		return -1;
	drops = drops || content.drops;
	if (!drops)
		content.want_len = 0;
	if (set_rules(look->nl, family, FILTER, chain, &content, err) < 0)
		return -1;
	snprintf(where, sizeof(where), "%s " FILTER " %s", family_name(family), chain);
	return drops ? tell(look, content.want_len, where, err) : 0;
}

/* FORWARD, and the chain on the way to it that docker leaves to its users. */
static int look_forward(struct look *look, const struct rules_hooked *forward, bool docker,
			struct err *err)
{
	if (look_iptables(look, forward->family, forward->chain, forward->drops, err) < 0)
		return -1;
	return docker ? look_iptables(look, forward->family, DOCKER_USER, false, err) : 0;
}

/* A chain that is nobody's to change but its owner's, who may have marked a rule for us. */
static int look_other(struct look *look, const struct rules_hooked *hooked, struct err *err)
{
	struct content content = { .want_len = 0 };
	char where[RULES_WHERE_SIZE];

	if (read_rules(look->nl, hooked->family, hooked->table, hooked->chain, &content, err) < 0)
		return -1;
	snprintf(where, sizeof(where), "%s %s %s", family_name(hooked->family), hooked->table,
		 hooked->chain);
	return hooked->drops || content.drops ? tell(look, content.ours_len, where, err) : 0;
}

static int look_at(struct look *look, const struct chains *chains, struct err *err)
{
	for (size_t i = 0; i < chains->hooked.len; i++) {
		const struct rules_hooked *hooked = &chains->hooked.at[i];
		bool iptables = is_iptables(hooked->family, hooked->table) &&
				!strcmp(hooked->chain, "FORWARD");

		if (iptables ?
			    look_forward(look, hooked,
					 chains->docker[hooked->family == NFPROTO_IPV6], err) < 0 :
			    look_other(look, hooked, err) < 0)
			return -1;
	}
	return rules_flannel_remove(&chains->flannel, look->nl, look->options, look->networks,
				    look->len, err);
}

void rules_findings_log(const struct rules_findings *before, const struct rules_findings *now)
{
	for (size_t i = 0; i < now->len; i++) {
		const struct rules_finding *finding = &now->at[i];
		bool known = false;

		for (size_t k = 0; k < before->len && !known; k++)
			known = !strcmp(before->at[k].where, finding->where) &&
				before->at[k].accepted == finding->accepted;
		if (!known && !finding->accepted)
			log_warn("another program's chain drops forwarded packets, containers' too "
				 "unless it has a rule that accepts them",
				 "chain", finding->where);
	}
}

int rules_foreign_look(struct rules_foreign *foreign, struct nl *nl,
		       const struct rules_options *options, const struct rules_network *networks,
		       size_t len, struct err *err)
{
	struct look look = { nl, options, networks, len, { .len = 0 } };
	struct chains chains = { .hooked.len = 0 };
	const struct nft_walk walk = { .ctx = &chains,
				       .chain = see_chain,
				       .restart = forget_chains };

	if (nft_each_chain(nl, NFPROTO_UNSPEC, &walk, err) < 0 ||
	    look_at(&look, &chains, err) < 0) {
		rules_hookeds_free(&chains.hooked);
		rules_findings_free(&look.findings);
		return -1;
	}
	rules_findings_log(&foreign->findings, &look.findings);
	rules_foreign_free(foreign);
	foreign->findings = look.findings;
	foreign->hooked = chains.hooked;
	return 0;
}

bool rules_foreign_concerns(const struct rules_foreign *foreign, const struct nft_event *event)
{
	switch (event->message) {
	case NFT_MSG_NEWTABLE:
	case NFT_MSG_DELTABLE:
	case NFT_MSG_NEWCHAIN:
	case NFT_MSG_DELCHAIN:
		return true;
	case NFT_MSG_NEWRULE:
	case NFT_MSG_DELRULE:
		break;
	default:
		return false;
	}
	if (is_iptables(event->family, event->table) && !strcmp(event->chain, DOCKER_USER))
		return true;
	for (size_t i = 0; i < foreign->hooked.len; i++)
		if (foreign->hooked.at[i].family == event->family &&
		    !strcmp(foreign->hooked.at[i].table, event->table) &&
		    !strcmp(foreign->hooked.at[i].chain, event->chain))
			return true;
	return false;
}
