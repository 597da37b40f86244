/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_table.h"

#include "rules_table_private.h"

#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

const char *const rules_part_name[RULES_PARTS] = {
	[RULES_WHOLE] = "packet rules",
	[RULES_COUNT] = "counting dropped packets",
	[RULES_NOTRACK] = "keeping the tunnel out of connection tracking",
	[RULES_GUARD] = "guarding the tunnel's port",
	[RULES_KEEP_APART] = "keeping networks apart",
	[RULES_ANSWER] = "answers between networks",
	[RULES_FORWARD] = "accepting forwarded packets",
	[RULES_MASQUERADE] = "masquerading",
	[RULES_RANDOM] = "random ports when masquerading",
};

const struct rules_wire rules_wire[FAMILIES] = {
	[FAMILY_V4] = { NFPROTO_IPV4, '4', 12, 16, 4, NFT_TYPE_IPV4 },
	[FAMILY_V6] = { NFPROTO_IPV6, '6', 8, 24, 16, NFT_TYPE_IPV6 },
};

bool rules_can(const struct rules_maker *maker, enum rules_part part)
{
	return !(maker->options->lacking & 1U << part);
}

bool rules_masquerades(const struct rules_maker *maker)
{
	return maker->options->ip_masq && rules_can(maker, RULES_MASQUERADE);
}

bool rules_allows(const struct rules_network *to, const struct rules_network *from)
{
	for (size_t i = 0; i < to->rules.allow_from_len; i++)
		if (!strcmp(to->rules.allow_from[i], from->name))
			return true;
	return false;
}

/* ---- Sets -------------------------------------------------------------------------------- */

const char *rules_set_name(char buf[static RULES_NAME_SIZE], const char *what, enum family f,
			   uint32_t vni)
{
	if (vni)
		snprintf(buf, RULES_NAME_SIZE, "%s%c-%u", what, rules_wire[f].digit, vni);
	else
		snprintf(buf, RULES_NAME_SIZE, "%s%c", what, rules_wire[f].digit);
	return buf;
}

/* Takes the elements. */
static void add_set(struct rules_maker *maker, const char *what, enum family f, uint32_t vni,
		    enum rules_part part, struct rules_elements *elements)
{
	struct rules_set set = {
		.key_type = rules_wire[f].key_type,
		.key_size = rules_wire[f].size,
		.flags = part == RULES_NOTRACK ? 0 : NFT_SET_INTERVAL,
		.part = part,
		.elements = *elements,
	};

	rules_set_name(set.name, what, f, vni);
	*elements = (struct rules_elements){ .len = 0 };
	if (rules_sets_push(&maker->table->sets, &set))
		return;
	rules_elements_free(&set.elements);
	maker->failed = true;
}

static void add_ranges(struct rules_maker *maker, const char *what, enum family f, uint32_t vni,
		       enum rules_part part, const struct rules_prefixes *prefixes)
{
	struct rules_elements elements = { .len = 0 };

	if (!rules_ranges(prefixes, &elements))
		maker->failed = true;
	add_set(maker, what, f, vni, part, &elements);
}

static void add_peers(struct rules_maker *maker, const struct rules_network *network, enum family f)
{
	struct rules_elements copy = { .len = 0 };

	if (!rules_elements_copy(&network->peers[f], &copy))
		maker->failed = true;
	add_set(maker, "peers", f, network->vni, RULES_NOTRACK, &copy);
}

static void push(struct rules_maker *maker, struct rules_prefixes *prefixes,
		 const struct prefix *prefix)
{
	if (prefix_is_set(prefix) && !rules_prefixes_push(prefixes, prefix))
		maker->failed = true;
}

/* The clusters of those that do not let this one in. */
static void find_apart(struct rules_maker *maker, const struct rules_network *network,
		       enum family f, struct rules_prefixes *apart)
{
	for (size_t i = 0; i < maker->len; i++) {
		const struct rules_network *other = &maker->networks[i];

		if (other != network && !rules_allows(other, network))
			push(maker, apart, &other->cluster[f]);
	}
}

static void add_apart(struct rules_maker *maker, const struct rules_network *network, enum family f)
{
	struct rules_prefixes apart = { .len = 0 };

	find_apart(maker, network, f, &apart);
	if (apart.len)
		add_ranges(maker, "apart", f, network->vni, RULES_KEEP_APART, &apart);
	rules_prefixes_free(&apart);
}

static void add_masquerade_sets(struct rules_maker *maker, const struct rules_network *network,
				enum family f)
{
	struct rules_prefixes own = { .len = 0 }, except = { .len = 0 };

	push(maker, &own, &network->subnet[f]);
	add_ranges(maker, "own", f, network->vni, RULES_MASQUERADE, &own);
	if (!rules_special(f, &except))
		maker->failed = true;
	for (size_t i = 0; i < network->rules.non_masquerade_len; i++)
		if (network->rules.non_masquerade[i].addr.family == network->subnet[f].addr.family)
			push(maker, &except, &network->rules.non_masquerade[i]);
	add_ranges(maker, "except", f, network->vni, RULES_MASQUERADE, &except);
	rules_prefixes_free(&own);
	rules_prefixes_free(&except);
}

static void add_sets(struct rules_maker *maker)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		struct rules_prefixes cluster = { .len = 0 };

		for (size_t i = 0; i < maker->len; i++) {
			const struct rules_network *network = &maker->networks[i];

			push(maker, &cluster, &network->cluster[f]);
			if (network->outer[f])
				add_peers(maker, network, f);
			if (!prefix_is_set(&network->subnet[f]))
				continue;
			if (rules_can(maker, RULES_KEEP_APART))
				add_apart(maker, network, f);
			if (rules_masquerades(maker))
				add_masquerade_sets(maker, network, f);
		}
		if (cluster.len && rules_masquerades(maker))
			add_ranges(maker, "cluster", f, 0, RULES_MASQUERADE, &cluster);
		rules_prefixes_free(&cluster);
	}
}

bool rules_has_set(const struct rules_maker *maker, const char *name)
{
	for (size_t i = 0; i < maker->table->sets.len; i++)
		if (!strcmp(maker->table->sets.at[i].name, name))
			return true;
	return false;
}

/* ---- The table --------------------------------------------------------------------------- */

bool rules_table_make(const struct rules_options *options, const struct rules_network *networks,
		      size_t len, struct rules_table *table_out)
{
	struct rules_maker maker = { options, networks, len, table_out, false };

	*table_out = (struct rules_table){ .counters = rules_can(&maker, RULES_COUNT) };
	add_sets(&maker);
	rules_add_chains(&maker);
	return !maker.failed;
}

void rules_table_free(struct rules_table *table)
{
	for (size_t i = 0; i < table->sets.len; i++)
		rules_elements_free(&table->sets.at[i].elements);
	rules_sets_free(&table->sets);
	rules_chains_free(&table->chains);
	rules_rules_free(&table->rules);
}

void rules_network_free(struct rules_network *network)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		rules_elements_free(&network->peers[f]);
		rules_elements_free(&network->gone[f]);
	}
}

static bool same_set(const struct rules_set *a, const struct rules_set *b)
{
	return !strcmp(a->name, b->name) && a->flags == b->flags && a->key_size == b->key_size &&
	       (!(a->flags & NFT_SET_INTERVAL) || rules_elements_equal(&a->elements, &b->elements));
}

bool rules_table_alike(const struct rules_table *a, const struct rules_table *b)
{
	bool alike = a->sets.len == b->sets.len && a->chains.len == b->chains.len &&
		     a->rules.len == b->rules.len && a->counters == b->counters;

	for (size_t i = 0; alike && i < a->sets.len; i++)
		alike = same_set(&a->sets.at[i], &b->sets.at[i]);
	for (size_t i = 0; alike && i < a->chains.len; i++)
		alike = a->chains.at[i].name == b->chains.at[i].name;
	for (size_t i = 0; alike && i < a->rules.len; i++) {
		const struct rules_rule *one = &a->rules.at[i], *other = &b->rules.at[i];

		alike = one->chain == other->chain && one->expr.size == other->expr.size &&
			!memcmp(one->expr.at, other->expr.at, one->expr.size);
	}
	return alike;
}

struct nft_set rules_set_nft(const struct rules_set *set)
{
	return (struct nft_set){ set->name, set->flags, set->key_type, set->key_size };
}

struct nft_chain rules_chain_nft(const struct rules_chain *chain)
{
	return (struct nft_chain){
		.family = RULES_FAMILY,
		.table = RULES_TABLE,
		.name = chain->name,
		.type = chain->type,
		.hook = chain->hook,
		.priority = chain->priority,
		.policy = chain->type ? NF_ACCEPT : 0,
	};
}
