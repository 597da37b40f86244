/* SPDX-License-Identifier: Apache-2.0 */
/* A table with weft's accepts in their place, and nowhere else (legacy.h). */
#include "err.h"
#include "legacy_private.h"
#include "remains.h"

#include <linux/netfilter.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MATCH_SIZE (sizeof(struct xt_entry_match) + XT_ALIGN(sizeof(struct xt_comment_info)))
#define TARGET_SIZE XT_ALIGN(sizeof(struct xt_standard_target))
#define VERDICT offsetof(struct xt_standard_target, verdict)

void legacy_change_free(struct legacy_change *change)
{
	legacy_table_free(&change->table);
	free(change->from);
	change->from = NULL;
}

/* A table under construction. */
struct making {
	const struct legacy_table *have;
	const struct legacy_want *want;
	struct legacy_scan scan;
	uint32_t rule_size; /* of one of ours */
	struct legacy_change change;
};

/* ---- Where a rule comes to lie ----------------------------------------------------------- */

/* Bytes of ours to be put into the chain. */
static uint32_t inserted(const struct making *making, const struct legacy_part *part)
{
	return (uint32_t)legacy_wanted(part, making->want) * making->rule_size;
}

static uint32_t removed_before(const struct legacy_part *part, uint32_t offset)
{
	uint32_t size = 0;

	for (size_t i = 0; i < part->len; i++)
		if (part->ours[i].offset < offset)
			size += part->ours[i].size;
	return size;
}

static bool is_removed(const struct legacy_part *part, uint32_t offset)
{
	for (size_t i = 0; i < part->len; i++)
		if (part->ours[i].offset == offset)
			return true;
	return false;
}

/*
 * Where who goes to that rule is to go: where ours are put, to the first of them, as the rule may be
 * the chain's first, or the next of one that only counts; where the rule is removed, to the one
 * behind it.
 */
static uint32_t way_to(const struct making *making, uint32_t offset)
{
	uint32_t to = offset;

	for (enum legacy_chain c = 0; c < LEGACY_CHAINS; c++) {
		const struct legacy_part *part = &making->scan.part[c];

		to += (offset > part->place ? inserted(making, part) : 0) -
		      removed_before(part, offset);
	}
	return to;
}

/* Ours are put before a policy, which stays the policy. */
static uint32_t place_of_policy(const struct making *making, uint32_t offset)
{
	const struct legacy_part *forward = &making->scan.part[LEGACY_FORWARD];

	return way_to(making, offset) + (offset == forward->place ? inserted(making, forward) : 0);
}

/* ---- Ours -------------------------------------------------------------------------------- */

static void put_u16(uint8_t *at, uint32_t value)
{
	uint16_t narrow = (uint16_t)value;

	memcpy(at, &narrow, sizeof(narrow));
}

/* As iptables-legacy writes -i DEVICE -m comment --comment weft -j ACCEPT, into zeros. */
static void put_accept(const struct making *making, size_t number, uint8_t *at)
{
	const struct legacy_layout *layout = &legacy_layout[making->have->family];
	const char *device = making->want->device[number / 2];
	struct xt_standard_target target = { .verdict = -NF_ACCEPT - 1 };
	uint32_t match_size = making->want->comment ? (uint32_t)MATCH_SIZE : 0;
	size_t way = number % 2, size = strnlen(device, IF_NAMESIZE - 1) + 1;

	memcpy(at + layout->ip + layout->device[way], device, size - 1);
	memset(at + layout->ip + layout->device_mask[way], 0xff, size);
	put_u16(at + layout->target_offset, layout->size + match_size);
	put_u16(at + layout->next_offset, making->rule_size);
	at += layout->size;
	if (making->want->comment) {
		struct xt_entry_match match = { .u.user = { .match_size = (uint16_t)MATCH_SIZE,
							    .name = "comment" } };

		memcpy(at, &match, sizeof(match));
		memcpy(at + sizeof(match), REMAINS_COMMENT, sizeof(REMAINS_COMMENT));
		at += match_size;
	}
	target.target.u.user.target_size = (uint16_t)TARGET_SIZE;
	memcpy(at, &target, sizeof(target));
}

static void put_accepts(struct making *making, const struct legacy_part *part)
{
	struct legacy_table *table = &making->change.table;

	for (size_t i = 0; i < legacy_wanted(part, making->want); i++) {
		put_accept(making, i, table->entries + table->size);
		making->change.from[table->len++] = LEGACY_NONE;
		table->size += making->rule_size;
	}
}

/* ---- Others' ----------------------------------------------------------------------------- */

static void put_other(struct making *making, const struct legacy_entry *entry, uint32_t number)
{
	struct legacy_table *table = &making->change.table;
	uint8_t *at = table->entries + table->size;

	memcpy(at, making->have->entries + entry->offset, entry->size);
	if (!*entry->name && entry->verdict >= 0) {
		int32_t verdict = (int32_t)way_to(making, (uint32_t)entry->verdict);

		memcpy(at + entry->target + VERDICT, &verdict, sizeof(verdict));
	}
	making->change.from[table->len++] = number;
	table->size += entry->size;
}

static int put_rules(struct making *making, struct err *err)
{
	const struct legacy_table *have = making->have;
	struct legacy_entry entry;
	uint32_t number = 0;

	for (uint32_t at = 0; at < have->size; at += entry.size, number++) {
		if (legacy_entry(have, at, &entry, err) < 0)
			return -1;
		for (enum legacy_chain c = 0; c < LEGACY_CHAINS; c++)
			if (making->scan.part[c].there && making->scan.part[c].place == at)
				put_accepts(making, &making->scan.part[c]);
		if (!is_removed(&making->scan.part[LEGACY_FORWARD], at) &&
		    !is_removed(&making->scan.part[LEGACY_DOCKER_USER], at))
			put_other(making, &entry, number);
	}
	return 0;
}

static void put_hooks(struct making *making)
{
	const struct legacy_table *have = making->have;
	struct legacy_table *table = &making->change.table;

	for (unsigned hook = 0; hook < LEGACY_HOOKS; hook++) {
		table->hook_entry[hook] = have->hook_entry[hook];
		table->underflow[hook] = have->underflow[hook];
		if (!(have->valid_hooks & 1U << hook))
			continue;
		table->hook_entry[hook] = way_to(making, have->hook_entry[hook]);
		table->underflow[hook] = place_of_policy(making, have->underflow[hook]);
	}
}

int legacy_change(const struct legacy_table *table, const struct legacy_want *want,
		  struct legacy_change *change_out, struct err *err)
{
	struct making making = { .have = table, .want = want };
	struct legacy_table *made = &making.change.table;
	size_t most_len, most;

	if (legacy_scan(table, want, &making.scan, err) < 0)
		return -1;
	making.rule_size = legacy_layout[table->family].size +
			   (want->comment ? (uint32_t)MATCH_SIZE : 0) + (uint32_t)TARGET_SIZE;
	most_len = table->len + LEGACY_CHAINS * 2 * want->len;
	most = (size_t)table->size + LEGACY_CHAINS * 2 * want->len * making.rule_size;
	if (most > LEGACY_SIZE_MAX)
		return err_set(err, ERR_DECODE, "%s filter: larger than %u bytes",
			       legacy_name(table->family), LEGACY_SIZE_MAX);
	made->family = table->family;
	made->valid_hooks = table->valid_hooks;
	made->entries = calloc(1, most);
	making.change.from = calloc(most_len, sizeof(*making.change.from));
	if (!made->entries || !making.change.from) {
		legacy_change_free(&making.change);
		return err_nomem(err, legacy_name(table->family));
	}
	if (put_rules(&making, err) < 0) {
		legacy_change_free(&making.change);
		return -1;
	}
	put_hooks(&making);
	*change_out = making.change;
	return 0;
}
