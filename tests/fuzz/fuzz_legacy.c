/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of iptables-legacy as the kernel might tell of it: one byte for the family (1: IPv6) and
 * for whether it knows comments (2: it does not); the hooks' places, the number of rules, and the
 * rules. Whatever it says, another table is made of it that is right, or none.
 */
#include "fuzz.h"

#include "common/err.h"
#include "common/legacy.h"

struct head {
	uint32_t valid_hooks, hook_entry[LEGACY_HOOKS], underflow[LEGACY_HOOKS], len;
};

static void check(const struct legacy_table *table, const struct legacy_want *want)
{
	struct legacy_change change;
	struct legacy_view before, view;
	struct err err = ERR_INIT;

	if (legacy_look(table, want, &before, &err) < 0) {
		require(err.code == ERR_DECODE);
		return;
	}
	require(legacy_change(table, want, &change, &err) == 0);
	require(change.table.len + before.ours >= table->len);
	for (uint32_t i = 0; i < change.table.len; i++)
		require(change.from[i] == LEGACY_NONE || change.from[i] < table->len);
	/* More of ours than are counted in one chain go one after the other. */
	if (legacy_look(&change.table, want, &view, &err) == 0 && before.ours < 64)
		require(view.same);
	legacy_change_free(&change);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t choice = fuzz_byte(&data, &size);
	struct legacy_want want = { .device = { "weft-br1", "weft-br2" },
				    .len = 2,
				    .comment = !(choice & 2) };
	struct legacy_table table = { .family = choice & 1 ? FAMILY_V6 : FAMILY_V4 };
	struct head head;

	if (size <= sizeof(head))
		return 0;
	memcpy(&head, data, sizeof(head));
	table.valid_hooks = head.valid_hooks;
	memcpy(table.hook_entry, head.hook_entry, sizeof(table.hook_entry));
	memcpy(table.underflow, head.underflow, sizeof(table.underflow));
	table.len = head.len;
	table.size = (uint32_t)(size - sizeof(head));
	/* Of just its size, so that a byte read behind it is seen. */
	table.entries = malloc(table.size);
	require(table.entries);
	memcpy(table.entries, data + sizeof(head), table.size);
	check(&table, &want);
	want.len = 0;
	check(&table, &want);
	legacy_table_free(&table);
	return 0;
}
