/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of iptables-legacy from text and back, a rule a line:
 *
 *   [COMMENT] [tcp] [-i DEVICE] [-o DEVICE] TARGET     DEVICE may end in +
 *   TARGET: ACCEPT, DROP, RETURN; >CHAIN, a jump; else the name of an extension
 *   [FORWARD    the chain of that hook begins with the next line
 *   ]ACCEPT     its policy
 *   :CHAIN      a chain with a name begins; :ERROR is the table's end
 *
 * A comment is a word in small letters.
 */
#pragma once

#include "common/legacy.h"
#include "tests/unit/samples.h"

#include <ctype.h>
#include <linux/netfilter.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#define LEGACY_TEXT_SIZE 8192
#define LEGACY_TEXT_CHAINS 16

static const char *const legacy_hooks[] = { "", "INPUT", "FORWARD", "OUTPUT" };
static const struct {
	const char *name;
	int verdict;
} legacy_verdicts[] = {
	{ "ACCEPT", -NF_ACCEPT - 1 },
	{ "DROP", -NF_DROP - 1 },
	{ "RETURN", XT_RETURN },
};

/* Both families' rules, as far as a test sets them. */
struct legacy_rule {
	size_t size;
	char *in, *out;
	uint8_t *in_mask, *out_mask;
	__u16 *proto, *target_offset, *next_offset;
};

static inline struct legacy_rule legacy_rule_at(uint8_t *at, enum family family)
{
	struct ipt_entry *v4 = (void *)at;
	struct ip6t_entry *v6 = (void *)at;

	if (family == FAMILY_V4)
		return (struct legacy_rule){ sizeof(*v4),          v4->ip.iniface,
					     v4->ip.outiface,      v4->ip.iniface_mask,
					     v4->ip.outiface_mask, &v4->ip.proto,
					     &v4->target_offset,   &v4->next_offset };
	return (struct legacy_rule){
		sizeof(*v6),           v6->ipv6.iniface,       v6->ipv6.outiface,
		v6->ipv6.iniface_mask, v6->ipv6.outiface_mask, &v6->ipv6.proto,
		&v6->target_offset,    &v6->next_offset
	};
}

static inline void legacy_put_device(char *device, uint8_t *mask, const char *word)
{
	bool several = word[strlen(word) - 1] == '+';
	size_t len = strlen(word) - several;

	memcpy(device, word, len);
	memset(mask, 0xff, len + !several);
}

/* Where chains begin, and which rules are to jump there. */
struct legacy_links {
	struct {
		char name[32];
		uint32_t head;
	} chain[LEGACY_TEXT_CHAINS];
	size_t chains;
	struct {
		char name[32];
		int *verdict;
	} jump[LEGACY_TEXT_CHAINS];
	size_t jumps;
};

static inline size_t legacy_put_target(uint8_t *at, const char *word, struct legacy_links *links)
{
	struct xt_standard_target *standard = (void *)at;
	struct xt_error_target *error = (void *)at;

	standard->target.u.target_size = sizeof(*standard);
	if (*word == ':') {
		error->target.u.target_size = (__u16)XT_ALIGN(sizeof(*error));
		strcpy(error->target.u.user.name, "ERROR");
		strcpy(error->errorname, word + 1);
		return XT_ALIGN(sizeof(*error));
	}
	if (*word == '>') {
		strcpy(links->jump[links->jumps].name, word + 1);
		links->jump[links->jumps++].verdict = &standard->verdict;
		return sizeof(*standard);
	}
	for (size_t i = 0; i < LEN(legacy_verdicts); i++)
		if (!strcmp(word, legacy_verdicts[i].name)) {
			standard->verdict = legacy_verdicts[i].verdict;
			return sizeof(*standard);
		}
	strcpy(standard->target.u.user.name, word);
	return sizeof(*standard);
}

static inline void legacy_put_rule(struct legacy_table *table, char *line,
				   struct legacy_links *links)
{
	uint8_t *at = table->entries + table->size;
	struct legacy_rule rule = legacy_rule_at(at, table->family);
	size_t size = rule.size;
	char *rest = NULL;

	for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		struct xt_entry_match *match = (void *)(at + size);

		if (!strcmp(word, "-i")) {
			legacy_put_device(rule.in, rule.in_mask, strtok_r(NULL, " ", &rest));
		} else if (!strcmp(word, "-o")) {
			legacy_put_device(rule.out, rule.out_mask, strtok_r(NULL, " ", &rest));
		} else if (!strcmp(word, "tcp")) {
			*rule.proto = IPPROTO_TCP;
		} else if (islower((unsigned char)*word)) {
			match->u.match_size = sizeof(*match) + sizeof(struct xt_comment_info);
			strcpy(match->u.user.name, "comment");
			strcpy((char *)match->data, word);
			size += match->u.match_size;
		} else {
			*rule.target_offset = (__u16)size;
			size += legacy_put_target(at + size, word, links);
		}
	}
	*rule.next_offset = (__u16)size;
	table->size += (uint32_t)size;
	table->len++;
}

static inline unsigned legacy_hook(const char *name)
{
	for (unsigned i = 1; i < LEN(legacy_hooks); i++)
		if (!strcmp(name, legacy_hooks[i]))
			return i;
	fail_msg("there is no hook %s", name);
	return 0;
}

/* Of just its size, so that a byte read behind it is seen. */
static inline struct legacy_table legacy_from_text(const char *text, enum family family)
{
	static uint8_t entries[1 << 16] __attribute__((aligned(8)));
	struct legacy_table table = { .family = family, .entries = entries };
	struct legacy_links links = { .chains = 0 };
	char copy[LEGACY_TEXT_SIZE], *rest = NULL;
	unsigned hook = 0;

	memset(entries, 0, sizeof(entries));
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (*line == '[') {
			hook = legacy_hook(line + 1);
			table.valid_hooks |= 1U << hook;
			table.hook_entry[hook] = table.size;
			continue;
		}
		if (*line == ']')
			table.underflow[hook] = table.size;
		if (*line == ':')
			snprintf(links.chain[links.chains].name, 32, "%.31s", line + 1);
		legacy_put_rule(&table, line + (*line == ']'), &links);
		if (line[0] == ':')
			links.chain[links.chains++].head = table.size;
	}
	for (size_t i = 0; i < links.jumps; i++)
		for (size_t k = 0; k < links.chains; k++)
			if (!strcmp(links.jump[i].name, links.chain[k].name))
				*links.jump[i].verdict = (int)links.chain[k].head;
	if (!table.size)
		abort();
	table.entries = malloc(table.size);
	memcpy(table.entries, entries, table.size);
	return table;
}

/* ---- And back ---------------------------------------------------------------------------- */

/* The chain whose first rule is there. */
static inline const char *legacy_chain_at(const struct legacy_table *table, uint32_t want)
{
	for (uint32_t at = 0; at < table->size;) {
		struct legacy_rule rule = legacy_rule_at(table->entries + at, table->family);
		struct xt_error_target *error = (void *)(table->entries + at + *rule.target_offset);

		at += *rule.next_offset;
		if (at == want && !strcmp(error->target.u.user.name, "ERROR"))
			return error->errorname;
	}
	return "nowhere";
}

static inline void legacy_say_target(const struct legacy_table *table, uint8_t *at, FILE *to)
{
	struct xt_standard_target *standard = (void *)at;
	struct xt_error_target *error = (void *)at;
	const char *name = standard->target.u.user.name;

	if (!strcmp(name, "ERROR"))
		fprintf(to, ":%s\n", error->errorname);
	else if (*name)
		fprintf(to, "%s\n", name);
	else if (standard->verdict >= 0)
		fprintf(to, ">%s\n", legacy_chain_at(table, (uint32_t)standard->verdict));
	for (size_t i = 0; i < LEN(legacy_verdicts) && !*name; i++)
		if (standard->verdict == legacy_verdicts[i].verdict)
			fprintf(to, "%s\n", legacy_verdicts[i].name);
}

static inline void legacy_say_device(const char *flag, const char *device, const uint8_t *mask,
				     FILE *to)
{
	if (*device)
		fprintf(to, "%s %s%s ", flag, device, mask[strlen(device)] ? "" : "+");
}

/* test_free it. */
static inline char *legacy_to_text(const struct legacy_table *table)
{
	char *text = test_calloc(1, LEGACY_TEXT_SIZE);
	FILE *to = fmemopen(text, LEGACY_TEXT_SIZE, "w");

	for (uint32_t at = 0; at < table->size;) {
		uint8_t *bytes = table->entries + at;
		struct legacy_rule rule = legacy_rule_at(bytes, table->family);
		struct xt_entry_match *match = (void *)(bytes + rule.size);

		for (unsigned i = 1; i < LEN(legacy_hooks); i++)
			if (table->valid_hooks & 1U << i && table->hook_entry[i] == at)
				fprintf(to, "[%s\n", legacy_hooks[i]);
		for (unsigned i = 1; i < LEN(legacy_hooks); i++)
			if (table->valid_hooks & 1U << i && table->underflow[i] == at)
				fputs("]", to);
		if (*rule.target_offset > rule.size)
			fprintf(to, "%s ", (const char *)match->data);
		if (*rule.proto)
			fputs("tcp ", to);
		legacy_say_device("-i", rule.in, rule.in_mask, to);
		legacy_say_device("-o", rule.out, rule.out_mask, to);
		legacy_say_target(table, bytes + *rule.target_offset, to);
		at += *rule.next_offset;
	}
	fclose(to);
	return text;
}
