/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netfilter/chain_verdict.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/netfilter/nft.h"
#include "common/netfilter/nft_eval.h"
#include "common/vec.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 16    /* NFT_JUMP_STACK_SIZE */
#define RULES_MAX 20000 /* of all chains that are followed */

enum result { RESULT_ACCEPT, RESULT_DROP, RESULT_RETURN };

/* A copy of a rule's expressions. */
struct copy {
	void *at;
	size_t size;
	uint64_t handle;
};
VEC_DEFINE(copies, struct copy);

static void copies_release(struct copies *copies)
{
	for (size_t i = 0; i < copies->len; i++)
		free(copies->at[i].at);
	copies_free(copies);
}
AUTO_DEFINE_VALUE(rules, struct copies, copies_release);

struct walk {
	struct nl *nl;
	uint8_t family;
	const char *table;
	struct nft_packet packet;
	size_t read; /* rules, so far */
	struct chain_reads reads;
	struct chain_drop drop; /* of the rule that certainly drops */
};

/* ---- Sets -------------------------------------------------------------------------------- */

/* Requests one element: a set of peers has thousands. */
static enum nft_match lookup(void *ctx, const char *set, const void *key, size_t size,
			     struct nft_verdict *verdict_out)
{
	struct walk *walk = ctx;
	struct nft_set is;
	struct err unused = ERR_INIT;
	int found;

	walk->reads.sets = true;
	if (nft_set_find(walk->nl, walk->family, walk->table, set, &is, &unused) <= 0 ||
	    is.key_size > size || is.key_size > NFT_KEY_SIZE)
		return NFT_MATCH_MAYBE;
	found = nft_element_find(walk->nl, walk->family, walk->table, set, key, is.key_size,
				 verdict_out, &unused);
	return found < 0 ? NFT_MATCH_MAYBE : found ? NFT_MATCH_YES : NFT_MATCH_NO;
}

/* ---- Chains ------------------------------------------------------------------------------ */

static int on_rule(void *ctx, const struct nft_rule *rule, struct err *err)
{
	struct copies *copies = ctx;
	struct copy copy = {
		.at = malloc(rule->expr.size + 1),
		.size = rule->expr.size,
		.handle = rule->handle,
	};

	if (!copy.at || !copies_push(copies, &copy)) {
		free(copy.at);
		return err_nomem(err, "the rules of another program");
	}
	memcpy(copy.at, rule->expr.at, rule->expr.size);
	return 0;
}

static void restart_rules(void *ctx)
{
	struct copies *copies = ctx;

	copies_release(copies);
	*copies = (struct copies){ .len = 0 };
}

static int follow(struct walk *walk, const char *chain, unsigned depth, enum result *result_out,
		  struct err *err);

/* The rule decides: *done_out. */
static int apply(struct walk *walk, const char *chain, const struct copy *rule, unsigned depth,
		 enum result *result_out, bool *done_out, struct err *err)
{
	struct nft_outcome outcome = nft_eval((struct nft_span){ rule->at, rule->size },
					      &walk->packet);
	const bool certain = outcome.match == NFT_MATCH_YES;

	*done_out = false;
	if (outcome.match == NFT_MATCH_NO || outcome.verdict == NFT_CONTINUE)
		return 0;
	switch (outcome.verdict) {
	case NF_DROP:
		*result_out = RESULT_DROP;
		if (certain) {
			snprintf(walk->drop.chain, sizeof(walk->drop.chain), "%s", chain);
			walk->drop.handle = rule->handle;
		}
		*done_out = certain;
		return 0;
	case NFT_RETURN:
		*result_out = RESULT_RETURN;
		*done_out = certain;
		return 0;
	case NFT_JUMP:
	case NFT_GOTO:
		if (!*outcome.chain || follow(walk, outcome.chain, depth + 1, result_out, err) < 0)
			return *outcome.chain ? -1 : 0;
		*done_out = *result_out == RESULT_ACCEPT ||
			    (certain &&
			     (*result_out == RESULT_DROP || outcome.verdict == NFT_GOTO));
		return 0;
	default:
		*result_out = RESULT_ACCEPT;
		*done_out = true;
		return 0;
	}
}

/* A chain that is too long to be read counts as accepting. */
static int follow(struct walk *walk, const char *chain, unsigned depth, enum result *result_out,
		  struct err *err)
{
	AUTO(rules) struct copies rules = { .len = 0 };
	const struct nft_walk read = { .ctx = &rules, .rule = on_rule, .restart = restart_rules };
	bool done = false;

	walk->reads.chains |= depth > 0;
	if (depth > DEPTH_MAX || walk->read > RULES_MAX) {
		*result_out = RESULT_ACCEPT;
		return 0;
	}
	if (nft_each_rule(walk->nl, walk->family, walk->table, chain, &read, err) < 0)
		return -1;
	walk->read += rules.len;
	for (size_t i = 0; i < rules.len && !done; i++)
		if (apply(walk, chain, &rules.at[i], depth, result_out, &done, err) < 0)
			return -1;
	if (!done)
		*result_out = RESULT_RETURN;
	return 0;
}

uint8_t chain_nfproto(enum family family)
{
	return family == FAMILY_V6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
}

/* *walk keeps the rule, and what was read. 1 / 0 / -1. */
static int run(struct walk *walk, const char *chain, bool policy_drops, struct err *err)
{
	enum result result = RESULT_RETURN;

	walk->packet.lookup = lookup;
	walk->packet.ctx = walk;
	snprintf(walk->drop.chain, sizeof(walk->drop.chain), "%s", chain);
	if (follow(walk, chain, 0, &result, err) < 0)
		return -1;
	return result == RESULT_DROP || (result == RESULT_RETURN && policy_drops);
}

int chain_verdict(struct nl *nl, uint8_t family, const char *table, const char *chain,
		  bool policy_drops, const struct tunnel_packet *packet, bool *drops_out,
		  struct chain_reads *reads, struct err *err)
{
	static const uint32_t states[] = { NFT_CT_UNTRACKED, NFT_CT_INVALID };
	struct walk walk = {
		.nl = nl,
		.family = family,
		.table = table,
		.packet = {
			.nfproto = chain_nfproto(packet->family),
			.l4proto = IPPROTO_UDP,
			.dport = packet->port,
		},
	};
	char *device;
	int drops = 1;

	device = packet->leaves ? walk.packet.oifname : walk.packet.iifname;
	if (!if_indextoname(packet->uplink, device))
		device[0] = '\0';
	/* If the state is not known, the chain drops only if it does so in each state. */
	for (size_t i = 0; i < (packet->is_early ? ARRAY_LEN(states) : 1) && drops > 0; i++) {
		walk.packet.ct_state = states[i];
		walk.read = 0;
		drops = run(&walk, chain, policy_drops, err);
	}
	if (drops < 0)
		return -1;
	*drops_out = drops;
	reads->chains |= walk.reads.chains;
	reads->sets |= walk.reads.sets;
	return 0;
}

/* ---- Hooks ------------------------------------------------------------------------------- */

const char *const chain_hook_name[CHAIN_HOOKS] = {
	[CHAIN_PREROUTING] = "prerouting",   [CHAIN_INPUT] = "input",
	[CHAIN_FORWARD] = "forward",         [CHAIN_OUTPUT] = "output",
	[CHAIN_POSTROUTING] = "postrouting", [CHAIN_INGRESS] = "ingress",
	[CHAIN_EGRESS] = "egress",
};

static const uint32_t hook_number[] = {
	[CHAIN_PREROUTING] = NF_INET_PRE_ROUTING,   [CHAIN_INPUT] = NF_INET_LOCAL_IN,
	[CHAIN_FORWARD] = NF_INET_FORWARD,          [CHAIN_OUTPUT] = NF_INET_LOCAL_OUT,
	[CHAIN_POSTROUTING] = NF_INET_POST_ROUTING,
};

bool chain_hook_of(uint8_t family, uint32_t number, enum chain_hook *hook_out)
{
	if (family == NFPROTO_NETDEV) {
		*hook_out = number == NF_NETDEV_INGRESS ? CHAIN_INGRESS : CHAIN_EGRESS;
		return number == NF_NETDEV_INGRESS || number == NF_NETDEV_EGRESS;
	}
	if (family == NFPROTO_INET && number == NF_INET_INGRESS) {
		*hook_out = CHAIN_INGRESS;
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(hook_number); i++) {
		if (hook_number[i] == number) {
			*hook_out = (enum chain_hook)i;
			return true;
		}
	}
	return false;
}

bool chain_hook_is_of_device(enum chain_hook hook)
{
	return hook == CHAIN_INGRESS || hook == CHAIN_EGRESS;
}

/* A base chain at the hook. */
struct base {
	uint8_t family;
	char table[64], chain[64];
	bool drops;
};
VEC_DEFINE(bases, struct base);

struct find_bases {
	uint32_t hook;
	uint8_t nfproto;
	struct bases found;
};

static int on_chain(void *ctx, const struct nft_chain *chain, struct err *err)
{
	struct find_bases *find = ctx;
	struct base base = { .family = chain->family, .drops = chain->policy == NF_DROP };

	if (!chain->type || strcmp(chain->type, "filter") != 0 || chain->hook != find->hook ||
	    (chain->family != NFPROTO_INET && chain->family != find->nfproto))
		return 0;
	snprintf(base.table, sizeof(base.table), "%s", chain->table);
	snprintf(base.chain, sizeof(base.chain), "%s", chain->name);
	return bases_push(&find->found, &base) ? 0 : err_nomem(err, "the chains");
}

static void restart_bases(void *ctx)
{
	bases_clear(&((struct find_bases *)ctx)->found);
}

static const char *family_name(uint8_t family)
{
	return family == NFPROTO_INET ? "inet" : family == NFPROTO_IPV6 ? "ip6" : "ip";
}

/* Returns 1 dropped, with *drop_out; 0 not; -1 failed. */
static int drops_packet(struct nl *nl, const struct base *base, const struct nft_packet *packet,
			struct chain_drop *drop_out, struct err *err)
{
	struct walk walk = {
		.nl = nl, .family = base->family, .table = base->table, .packet = *packet
	};
	int drops = run(&walk, base->chain, base->drops, err);

	if (drops > 0)
		*drop_out = walk.drop;
	return drops;
}

static int scan(struct nl *nl, const struct bases *bases, const struct nft_packet *packet,
		struct chain_hook_drop *drop_out, struct err *err)
{
	for (size_t i = 0; i < bases->len; i++) {
		const struct base *base = &bases->at[i];
		int drops = drops_packet(nl, base, packet, &drop_out->drop, err);

		if (drops <= 0) {
			if (drops < 0)
				return -1;
			continue;
		}
		drop_out->family = family_name(base->family);
		snprintf(drop_out->table, sizeof(drop_out->table), "%s", base->table);
		snprintf(drop_out->base, sizeof(drop_out->base), "%s", base->chain);
		return 1;
	}
	return 0;
}

int chain_hook_drops(struct nl *nl, enum chain_hook hook, const struct nft_packet *packet,
		     struct chain_hook_drop *drop_out, struct err *err)
{
	struct find_bases find = { .hook = hook_number[hook], .nfproto = packet->nfproto };
	const struct nft_walk walk = { .ctx = &find, .chain = on_chain, .restart = restart_bases };
	int drops = nft_each_chain(nl, NFPROTO_UNSPEC, &walk, err);

	if (drops == 0)
		drops = scan(nl, &find.found, packet, drop_out, err);
	bases_free(&find.found);
	return drops;
}
