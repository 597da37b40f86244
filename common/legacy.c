/* SPDX-License-Identifier: Apache-2.0 */
#include "legacy.h"

#include "err.h"
#include "legacy_private.h"
#include "remains.h"

#include <ctype.h>
#include <linux/netfilter.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define DOCKER_USER "DOCKER-USER"
#define BRIDGE "weft-br" /* and the VNI */
#define ALIGNMENT _Alignof(struct xt_counters)
#define IP_SIZE_MAX sizeof(struct ip6t_ip6)

#define LAYOUT(entry, headers, ip_field)                                                           \
	{                                                                                          \
		.size = sizeof(entry), .target_offset = offsetof(entry, target_offset),            \
		.next_offset = offsetof(entry, next_offset), .ip = offsetof(entry, ip_field),      \
		.ip_size = sizeof(headers),                                                        \
		.device = { offsetof(headers, iniface), offsetof(headers, outiface) },             \
		.device_mask = { offsetof(headers, iniface_mask),                                  \
				 offsetof(headers, outiface_mask) },                               \
	}

const struct legacy_layout legacy_layout[FAMILIES] = {
	[FAMILY_V4] = LAYOUT(struct ipt_entry, struct ipt_ip, ip),
	[FAMILY_V6] = LAYOUT(struct ip6t_entry, struct ip6t_ip6, ipv6),
};

void legacy_table_free(struct legacy_table *table)
{
	free(table->entries);
	*table = (struct legacy_table){ .entries = NULL };
}

const char *const legacy_chain_name[LEGACY_CHAINS] = {
	[LEGACY_FORWARD] = "FORWARD",
	[LEGACY_DOCKER_USER] = DOCKER_USER,
};

const char *legacy_name(enum family family)
{
	return family == FAMILY_V6 ? "ip6tables-legacy" : "iptables-legacy";
}

/* ---- One rule ---------------------------------------------------------------------------- */

static int malformed(const struct legacy_table *table, uint32_t offset, struct err *err)
{
	return err_set(err, ERR_DECODE, "%s filter: what the kernel tells at byte %u is no rule",
		       legacy_name(table->family), (unsigned)offset);
}

static uint16_t u16_at(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static bool is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

/* Those between the entry's head and its target. */
static bool read_matches(const uint8_t *at, uint32_t left, struct legacy_entry *entry)
{
	const size_t comment_size = sizeof(struct xt_entry_match) +
				    offsetof(struct xt_comment_info, comment);
	uint32_t size;

	for (; left; at += size, left -= size) {
		struct xt_entry_match match;
		const char *name = (const char *)at + offsetof(struct xt_entry_match, u.user.name);

		if (left < sizeof(match))
			return false;
		memcpy(&match, at, sizeof(match));
		size = match.u.user.match_size;
		if (size < sizeof(match) || size > left || size % ALIGNMENT ||
		    !is_text(name, sizeof(match.u.user.name)))
			return false;
		entry->matches++;
		if (!strcmp(name, "comment") && size > comment_size &&
		    is_text((const char *)at + comment_size, size - comment_size))
			entry->comment = (const char *)at + comment_size;
	}
	return true;
}

static bool read_target(const uint8_t *at, uint32_t left, uint32_t table_size,
			struct legacy_entry *entry)
{
	const char *chain = (const char *)at + offsetof(struct xt_error_target, errorname);
	struct xt_entry_target target;
	struct xt_standard_target standard;
	uint32_t size;

	if (left < sizeof(target))
		return false;
	memcpy(&target, at, sizeof(target));
	size = target.u.user.target_size;
	entry->name = (const char *)at + offsetof(struct xt_entry_target, u.user.name);
	if (size < sizeof(target) || size > left ||
	    !is_text(entry->name, sizeof(target.u.user.name)))
		return false;
	if (!strcmp(entry->name, XT_STANDARD_TARGET)) {
		if (size < sizeof(standard))
			return false;
		memcpy(&standard, at, sizeof(standard));
		entry->verdict = standard.verdict;
		return standard.verdict < 0 || (uint32_t)standard.verdict < table_size;
	}
	if (!strcmp(entry->name, XT_ERROR_TARGET)) {
		if (size < sizeof(struct xt_error_target) ||
		    !is_text(chain, XT_FUNCTION_MAXNAMELEN))
			return false;
		entry->chain = chain;
	}
	return true;
}

int legacy_entry(const struct legacy_table *table, uint32_t offset, struct legacy_entry *entry_out,
		 struct err *err)
{
	const struct legacy_layout *layout = &legacy_layout[table->family];
	const uint8_t *at = table->entries + offset;
	uint32_t left = table->size - offset;
	struct legacy_entry entry = { .offset = offset };

	if (offset >= table->size || offset % ALIGNMENT || left < layout->size)
		return malformed(table, offset, err);
	entry.target = u16_at(at + layout->target_offset);
	entry.size = u16_at(at + layout->next_offset);
	if (entry.size > left || entry.size % ALIGNMENT || entry.target % ALIGNMENT ||
	    entry.target < layout->size || entry.target > entry.size ||
	    !read_matches(at + layout->size, entry.target - layout->size, &entry) ||
	    !read_target(at + entry.target, entry.size - entry.target, table->size, &entry))
		return malformed(table, offset, err);
	*entry_out = entry;
	return 0;
}

/* ---- What a rule does -------------------------------------------------------------------- */

/* What is asked of a packet, where it is one device or nothing, and a comment does not count. */
struct question {
	bool plain;
	bool out;
	char device[IF_NAMESIZE]; /* "": none */
};

/* Takes the name out of what is asked. False: there is none, or it stands for several devices. */
static bool take_device(uint8_t *name, uint8_t *mask, char device[static IF_NAMESIZE])
{
	size_t len = strnlen((const char *)name, IF_NAMESIZE);

	if (!len || len == IF_NAMESIZE)
		return false;
	for (size_t i = 0; i <= len; i++)
		if (mask[i] != 0xff)
			return false;
	memcpy(device, name, len + 1);
	memset(name, 0, len + 1);
	memset(mask, 0, len + 1);
	return true;
}

static struct question question_of(const struct legacy_table *table,
				   const struct legacy_entry *entry)
{
	const struct legacy_layout *layout = &legacy_layout[table->family];
	struct question question = { .plain = false };
	uint8_t ip[IP_SIZE_MAX];

	memcpy(ip, table->entries + entry->offset + layout->ip, layout->ip_size);
	for (size_t way = 0; way < 2 && !*question.device; way++)
		question.out = take_device(ip + layout->device[way], ip + layout->device_mask[way],
					   question.device) &&
			       way;
	question.plain = entry->matches == (entry->comment != NULL);
	for (size_t i = 0; i < layout->ip_size; i++)
		question.plain = question.plain && !ip[i];
	return question;
}

static bool has_verdict(const struct legacy_entry *entry, int verdict)
{
	return !*entry->name && entry->verdict == -verdict - 1;
}

static bool drops_all(const struct legacy_table *table, const struct legacy_entry *entry)
{
	struct question question = question_of(table, entry);

	return question.plain && !*question.device &&
	       (has_verdict(entry, NF_DROP) || !strcmp(entry->name, "REJECT"));
}

static bool is_weft_comment(const struct legacy_entry *entry)
{
	return entry->comment && !strcmp(entry->comment, REMAINS_COMMENT);
}

static bool is_bridge(const char *device)
{
	size_t len = strlen(BRIDGE);

	return !strncmp(device, BRIDGE, len) && isdigit((unsigned char)device[len]) &&
	       strspn(device + len, "0123456789") == strlen(device + len);
}

static bool accepts(const struct legacy_entry *entry, const struct question *question)
{
	return question->plain && *question->device && has_verdict(entry, NF_ACCEPT);
}

/* Whether it is about what the rule with that number among those wanted is about. */
static bool is_about(const struct question *question, const struct legacy_want *want, size_t number)
{
	return question->out == (number % 2 == 1) &&
	       !strcmp(question->device, want->device[number / 2]);
}

/* ---- Chains ------------------------------------------------------------------------------ */

static void see(const struct legacy_table *table, const struct legacy_want *want,
		const struct legacy_entry *entry, struct legacy_part *part)
{
	struct question question = question_of(table, entry);
	bool accept = accepts(entry, &question);
	bool ours = want->comment ? is_weft_comment(entry) :
				    accept && !entry->comment && is_bridge(question.device);

	for (size_t i = 0; accept && i < 2 * want->len; i++)
		if (is_about(&question, want, i))
			part->accepted[i] = true;
	if (!ours || part->len == LEGACY_OURS_MAX) {
		part->place = drops_all(table, entry) ? entry->offset : part->end;
		return;
	}
	part->matching += accept && part->len < 2 * want->len &&
			  is_about(&question, want, part->len);
	part->ours[part->len].offset = entry->offset;
	part->ours[part->len++].size = entry->size;
}

/* How far a walk over all rules has come. */
struct survey {
	bool head, policy; /* FORWARD's were seen */
	bool in_user;
	bool wrong; /* a chain begins within another */
	uint32_t len;
};

static void survey_one(struct legacy_scan *scan, const struct legacy_entry *entry,
		       struct survey *survey)
{
	const struct legacy_part *forward = &scan->part[LEGACY_FORWARD];
	struct legacy_part *user = &scan->part[LEGACY_DOCKER_USER];
	uint32_t at = entry->offset;

	survey->len++;
	if (at == forward->head) {
		survey->head = true;
		survey->wrong = survey->wrong || survey->in_user;
	}
	if (at == forward->end && survey->head && !*entry->name)
		survey->policy = true;
	if (!entry->chain && survey->in_user) {
		user->there = true;
		user->end = at;
	}
	if (!entry->chain)
		return;
	if (at >= forward->head && at < forward->end)
		survey->wrong = true;
	survey->in_user = !user->there && !strcmp(entry->chain, DOCKER_USER);
	if (survey->in_user)
		user->head = at + entry->size;
}

/* All rules of the table, one by one: they must be what it says that they are. */
static int survey_all(const struct legacy_table *table, struct legacy_scan *scan, struct err *err)
{
	struct legacy_part *forward = &scan->part[LEGACY_FORWARD];
	struct survey survey = { .len = 0 };
	struct legacy_entry entry;

	forward->there = true;
	forward->head = table->hook_entry[NF_INET_FORWARD];
	forward->end = table->underflow[NF_INET_FORWARD];
	for (uint32_t at = 0; at < table->size; at += entry.size) {
		if (legacy_entry(table, at, &entry, err) < 0)
			return -1;
		survey_one(scan, &entry, &survey);
	}
	if (!(table->valid_hooks & 1U << NF_INET_FORWARD) || !survey.head || !survey.policy ||
	    survey.wrong || survey.len != table->len)
		return err_set(err, ERR_DECODE, "%s filter: its parts do not fit together",
			       legacy_name(table->family));
	return 0;
}

/* Its rules, up to its policy. */
static int walk(const struct legacy_table *table, const struct legacy_want *want,
		struct legacy_part *part, struct err *err)
{
	struct legacy_entry entry;

	part->place = part->end;
	for (uint32_t at = part->head; at < part->end; at += entry.size) {
		if (legacy_entry(table, at, &entry, err) < 0)
			return -1;
		see(table, want, &entry, part);
	}
	if (legacy_entry(table, part->end, &entry, err) < 0)
		return -1;
	part->drops = part->place != part->end || has_verdict(&entry, NF_DROP);
	return 0;
}

int legacy_scan(const struct legacy_table *table, const struct legacy_want *want,
		struct legacy_scan *scan_out, struct err *err)
{
	struct legacy_scan scan = { .part[LEGACY_FORWARD].there = true };

	if (survey_all(table, &scan, err) < 0)
		return -1;
	for (enum legacy_chain c = 0; c < LEGACY_CHAINS; c++)
		if (scan.part[c].there && walk(table, want, &scan.part[c], err) < 0)
			return -1;
	*scan_out = scan;
	return 0;
}

size_t legacy_wanted(const struct legacy_part *part, const struct legacy_want *want)
{
	return part->drops ? 2 * want->len : 0;
}

static bool is_same(const struct legacy_part *part, size_t wanted)
{
	return part->len == wanted && (!wanted || (part->matching == wanted &&
						   part->ours[wanted - 1].offset < part->place));
}

int legacy_look(const struct legacy_table *table, const struct legacy_want *want,
		struct legacy_view *view_out, struct err *err)
{
	struct legacy_view view = { .same = true, .accepts = true };
	struct legacy_scan scan;

	if (legacy_scan(table, want, &scan, err) < 0)
		return -1;
	for (enum legacy_chain c = 0; c < LEGACY_CHAINS; c++) {
		const struct legacy_part *part = &scan.part[c];

		view.chain[c].drops = part->drops;
		view.chain[c].same = is_same(part, legacy_wanted(part, want));
		view.same = view.same && view.chain[c].same;
		view.ours += part->len;
		for (size_t i = 0; i < 2 * want->len; i++)
			view.accepts = view.accepts && (!part->drops || part->accepted[i]);
	}
	*view_out = view;
	return 0;
}
