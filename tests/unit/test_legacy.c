/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of iptables-legacy, written as people list them: what is seen in them, and what they are
 * once weft's accepts are in them, or out of them again.
 */
#include "common/legacy.h"

#include "common/auto.h"
#include "tests/unit/legacy_text.h"

#define IN "weft -i weft-br1 ACCEPT\n"
#define OUT "weft -o weft-br1 ACCEPT\n"

/* A table that nobody has put anything into, but for its policy. */
#define AROUND(forward) "[INPUT\n]ACCEPT\n[FORWARD\n" forward "[OUTPUT\n]ACCEPT\n", ":ERROR\n"

struct sample {
	const char *have[2]; /* the beginning; the chains that have names */
	const char *into[2]; /* "": it is as it should be */
	bool drops[LEGACY_CHAINS];
};

#define USER ":DOCKER-USER\n"

static const struct sample samples[] = {
	{ { AROUND("]ACCEPT\n") }, { "", "" }, { false } },
	{ { AROUND("]DROP\n") }, { AROUND(IN OUT "]DROP\n") }, { true } },
	/* Ours are there, in part, twice, in the wrong order, or need not be there. */
	{ { AROUND(IN OUT "]DROP\n") }, { "", "" }, { true } },
	{ { AROUND("-i eth0 DROP\n" IN "RETURN\n" OUT "]DROP\n") }, { "", "" }, { true } },
	{ { AROUND(IN "]DROP\n") }, { AROUND(IN OUT "]DROP\n") }, { true } },
	{ { AROUND(OUT "-i eth0 DROP\n" IN "]DROP\n") },
	  { AROUND("-i eth0 DROP\n" IN OUT "]DROP\n") },
	  { true } },
	{ { AROUND(IN OUT IN OUT "]DROP\n") }, { AROUND(IN OUT "]DROP\n") }, { true } },
	{ { AROUND(IN "-i eth0 DROP\n" OUT "]ACCEPT\n") },
	  { AROUND("-i eth0 DROP\n]ACCEPT\n") },
	  { false } },
	{ { AROUND("weft -i weft-br7 ACCEPT\n" OUT "]DROP\n") },
	  { AROUND(IN OUT "]DROP\n") },
	  { true } },
	/* Those of a hand without our comment are the hand's. */
	{ { AROUND("-i weft-br1 ACCEPT\n-o weft-br1 ACCEPT\n]DROP\n") },
	  { AROUND("-i weft-br1 ACCEPT\n-o weft-br1 ACCEPT\n" IN OUT "]DROP\n") },
	  { true } },
	/* The last rule drops; another does not, or not all. What others refuse stays refused. */
	{ { AROUND("-i eth0 ACCEPT\nDROP\n]ACCEPT\n") },
	  { AROUND("-i eth0 ACCEPT\n" IN OUT "DROP\n]ACCEPT\n") },
	  { true } },
	{ { AROUND("tcp DROP\nREJECT\n]DROP\n") },
	  { AROUND("tcp DROP\n" IN OUT "REJECT\n]DROP\n") },
	  { true } },
	{ { AROUND("other REJECT\n]ACCEPT\n") },
	  { AROUND(IN OUT "other REJECT\n]ACCEPT\n") },
	  { true } },
	{ { AROUND("-i eth0 DROP\n]ACCEPT\n") }, { "", "" }, { false } },
	{ { AROUND("-i eth+ DROP\n]ACCEPT\n") }, { "", "" }, { false } },
	{ { AROUND("tcp DROP\n]ACCEPT\n") }, { "", "" }, { false } },
	{ { AROUND("DROP\nLOG\n]ACCEPT\n") }, { "", "" }, { false } },
	/* Behind what drops, ours are of no use. */
	{ { AROUND("DROP\n" IN OUT "]ACCEPT\n") }, { AROUND(IN OUT "DROP\n]ACCEPT\n") }, { true } },
	{ { AROUND(IN "DROP\n" OUT "]DROP\n") }, { AROUND(IN OUT "DROP\n]DROP\n") }, { true } },
	/* Jumps go where they went, in all directions. */
	{ { "[INPUT\n>A\n]DROP\n[FORWARD\n>A\n-i eth0 >B\n]DROP\n[OUTPUT\n>B\n]DROP\n",
	    ":A\n-o eth1 >B\nRETURN\n:B\nACCEPT\nRETURN\n:ERROR\n" },
	  { "[INPUT\n>A\n]DROP\n[FORWARD\n>A\n-i eth0 >B\n" IN OUT "]DROP\n[OUTPUT\n>B\n]DROP\n",
	    ":A\n-o eth1 >B\nRETURN\n:B\nACCEPT\nRETURN\n:ERROR\n" },
	  { true } },
	{ { "[INPUT\n]DROP\n[FORWARD\n" IN ">A\n" OUT "]ACCEPT\n[OUTPUT\n>B\n]DROP\n",
	    ":A\n>B\nRETURN\n:B\nRETURN\n:ERROR\n" },
	  { "[INPUT\n]DROP\n[FORWARD\n>A\n]ACCEPT\n[OUTPUT\n>B\n]DROP\n",
	    ":A\n>B\nRETURN\n:B\nRETURN\n:ERROR\n" },
	  { false } },
	/* DOCKER-USER is in the way where it ends in a drop; jumps to it come by ours then. */
	{ { "[FORWARD\n>DOCKER-USER\n]DROP\n",
	    ":A\n>B\nRETURN\n" USER ">A\nRETURN\n:B\nRETURN\n:ERROR\n" },
	  { "[FORWARD\n>DOCKER-USER\n" IN OUT "]DROP\n",
	    ":A\n>B\nRETURN\n" USER ">A\nRETURN\n:B\nRETURN\n:ERROR\n" },
	  { true, false } },
	{ { "[FORWARD\n>DOCKER-USER\n]ACCEPT\n",
	    ":A\n>B\nRETURN\n" USER "DROP\nRETURN\n:B\nRETURN\n:ERROR\n" },
	  { "[FORWARD\n>DOCKER-USER\n]ACCEPT\n",
	    ":A\n>B\nRETURN\n" USER IN OUT "DROP\nRETURN\n:B\nRETURN\n:ERROR\n" },
	  { false, true } },
	{ { "[FORWARD\n-i eth0 >DOCKER-USER\n]DROP\n",
	    USER ">A\nREJECT\nRETURN\n:A\nRETURN\n:ERROR\n" },
	  { "[FORWARD\n-i eth0 >DOCKER-USER\n" IN OUT "]DROP\n",
	    USER ">A\n" IN OUT "REJECT\nRETURN\n:A\nRETURN\n:ERROR\n" },
	  { true, true } },
	{ { "[FORWARD\n]DROP\n", USER IN OUT "RETURN\n:ERROR\n" },
	  { "[FORWARD\n" IN OUT "]DROP\n", USER "RETURN\n:ERROR\n" },
	  { true, false } },
};

static const struct legacy_want want = { .device = { "weft-br1" }, .len = 1, .comment = true };
static const struct legacy_want nothing = { .comment = true };

static char *joined(const char *const parts[static 2])
{
	char *text = NULL;

	assert_true(asprintf(&text, "%s%s", parts[0], parts[1]) >= 0);
	return text;
}

static void check_sample(const struct sample *sample, enum family family)
{
	AUTO_FREE char *have = joined(sample->have);
	AUTO_FREE char *into = joined(sample->into);
	struct legacy_table table = legacy_from_text(have, family);
	struct legacy_change change;
	struct legacy_view view;
	struct err err = ERR_INIT;
	char *said;

	assert_good(legacy_look(&table, &want, &view, &err), err);
	for (enum legacy_chain c = 0; c < LEGACY_CHAINS; c++)
		if (view.chain[c].drops != sample->drops[c])
			fail_msg("%s of\n%s", legacy_chain_name[c], have);
	assert_int_equal(view.same, !*sample->into[0]);
	if (view.same) {
		legacy_table_free(&table);
		return;
	}
	assert_good(legacy_change(&table, &want, &change, &err), err);
	said = legacy_to_text(&change.table);
	assert_string_equal(said, into);
	test_free(said);
	assert_good(legacy_look(&change.table, &want, &view, &err), err);
	assert_true(view.same);
	legacy_table_free(&table);
	legacy_change_free(&change);
}

static void tables_become_what_is_wanted(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(samples); i++)
		for (enum family f = 0; f < FAMILIES; f++)
			check_sample(&samples[i], f);
}

/* What was put in and is taken out leaves every byte as it was. */
static void there_and_back_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(samples); i++) {
		AUTO_FREE char *have = joined(samples[i].have);
		struct legacy_table table = legacy_from_text(have, i % FAMILIES);
		struct legacy_change there, back;
		struct err err = ERR_INIT;

		assert_good(legacy_change(&table, &want, &there, &err), err);
		assert_good(legacy_change(&there.table, &nothing, &back, &err), err);
		if (!strstr(have, "weft ")) {
			assert_int_equal(back.table.size, table.size);
			assert_memory_equal(back.table.entries, table.entries, table.size);
			assert_memory_equal(back.table.hook_entry, table.hook_entry,
					    sizeof(table.hook_entry));
			assert_memory_equal(back.table.underflow, table.underflow,
					    sizeof(table.underflow));
		}
		legacy_table_free(&table);
		legacy_change_free(&there);
		legacy_change_free(&back);
	}
}

static void counters_find_their_rules(void **state)
{
	static const uint32_t from[] = { 0, 1, 3, LEGACY_NONE, LEGACY_NONE, 5, 6 };
	struct legacy_table table = legacy_from_text("[INPUT\n]ACCEPT\n[FORWARD\n-i eth0 DROP\n" OUT
						     "-i eth1 DROP\n" IN "]DROP\n:ERROR\n",
						     FAMILY_V4);
	struct legacy_change change;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(legacy_change(&table, &want, &change, &err), err);
	assert_int_equal(change.table.len, LEN(from));
	assert_memory_equal(change.from, from, sizeof(from));
	legacy_table_free(&table);
	legacy_change_free(&change);
}

/* Without the comment, ours are known by the bridge's name, and by nothing but that in them. */
static void a_kernel_without_comments(void **state)
{
	const struct legacy_want plain = { .device = { "weft-br1" }, .len = 1, .comment = false };
	struct legacy_table table = legacy_from_text(
		"[FORWARD\n-i weft-br7 ACCEPT\n-i weft-brx ACCEPT\n-i weft-br ACCEPT\n-i eth0 ACCEPT\n"
		"-i weft-br1 DROP\ntcp -i weft-br1 ACCEPT\n]DROP\n:ERROR\n",
		FAMILY_V6);
	struct legacy_change change;
	struct legacy_view view;
	struct err err = ERR_INIT;
	char *said;

	(void)state;
	assert_good(legacy_change(&table, &plain, &change, &err), err);
	said = legacy_to_text(&change.table);
	assert_string_equal(said,
			    "[FORWARD\n-i weft-brx ACCEPT\n-i weft-br ACCEPT\n-i eth0 ACCEPT\n"
			    "-i weft-br1 DROP\ntcp -i weft-br1 ACCEPT\n-i weft-br1 ACCEPT\n"
			    "-o weft-br1 ACCEPT\n]DROP\n:ERROR\n");
	assert_good(legacy_look(&change.table, &plain, &view, &err), err);
	assert_true(view.same && view.accepts && view.ours == 2);
	test_free(said);
	legacy_table_free(&table);
	legacy_change_free(&change);
}

static void it_is_seen_who_is_accepted(void **state)
{
	static const struct {
		const char *text;
		bool accepts;
	} cases[] = {
		{ "[FORWARD\n-i weft-br1 ACCEPT\nother -o weft-br1 ACCEPT\n]DROP\n:ERROR\n", true },
		{ "[FORWARD\n-i weft-br1 ACCEPT\n]DROP\n:ERROR\n", false },
		{ "[FORWARD\n-i weft-br1 ACCEPT\ntcp -o weft-br1 ACCEPT\n]DROP\n:ERROR\n", false },
		{ "[FORWARD\n-i weft-br1 ACCEPT\n-o weft-br1 RETURN\n]DROP\n:ERROR\n", false },
		{ "[FORWARD\n-i weft-br1 ACCEPT\n-o weft-br12 ACCEPT\n]DROP\n:ERROR\n", false },
		{ "[FORWARD\n" IN OUT "]DROP\n:ERROR\n", true },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct legacy_table table = legacy_from_text(cases[i].text, i % FAMILIES);
		struct legacy_view view;
		struct err err = ERR_INIT;

		assert_good(legacy_look(&table, &want, &view, &err), err);
		assert_int_equal(view.accepts, cases[i].accepts);
		legacy_table_free(&table);
	}
}

/* ---- What no kernel tells ---------------------------------------------------------------- */

/* Every 16-bit field, in turn, has every value that could lead astray; nothing is read outside. */
static void offsets_lead_nowhere(void **state)
{
	static const uint16_t values[] = { 0,   1,   7,   8,   36,     39,    40,
					   112, 144, 152, 440, 0x7ff8, 0xffff };
	AUTO_FREE char *text = joined(samples[LEN(samples) - 2].have);

	(void)state;
	for (enum family f = 0; f < FAMILIES; f++) {
		struct legacy_table table = legacy_from_text(text, f);

		for (uint32_t at = 0; at + 2 <= table.size; at += 2)
			for (size_t i = 0; i < LEN(values); i++) {
				struct legacy_change change;
				struct err err = ERR_INIT;
				uint16_t before;

				memcpy(&before, table.entries + at, sizeof(before));
				memcpy(table.entries + at, &values[i], sizeof(before));
				if (legacy_change(&table, &want, &change, &err) == 0)
					legacy_change_free(&change);
				else
					assert_int_equal(err.code, ERR_DECODE);
				memcpy(table.entries + at, &before, sizeof(before));
			}
		legacy_table_free(&table);
	}
}

static void heads_that_do_not_fit_are_refused(void **state)
{
	static const struct {
		int32_t len, size, head, policy;
		uint32_t hooks;
	} changes[] = {
		{ 1, 0, 0, 0, 0 },    { -1, 0, 0, 0, 0 },      { 0, -8, 0, 0, 0 },
		{ 0, -152, 0, 0, 0 }, { 0, 0, 8, 0, 0 },       { 0, 0, 0, 8, 0 },
		{ 0, 0, 0, -304, 0 }, { 0, 0, 0, 1 << 20, 0 }, { 0, 0, 0, 0, 4 },
	};

	(void)state;
	for (size_t i = 0; i < LEN(changes); i++) {
		struct legacy_table table = legacy_from_text(
			"[INPUT\n]ACCEPT\n[FORWARD\nDROP\n]DROP\n:ERROR\n", FAMILY_V4);
		struct legacy_view view;
		struct err err = ERR_INIT;

		table.len += (uint32_t)changes[i].len;
		table.size += (uint32_t)changes[i].size;
		table.hook_entry[2] += (uint32_t)changes[i].head;
		table.underflow[2] += (uint32_t)changes[i].policy;
		table.valid_hooks &= ~changes[i].hooks;
		assert_int_equal(legacy_look(&table, &want, &view, &err), -1);
		assert_int_equal(err.code, ERR_DECODE);
		assert_says(err.text, "iptables-legacy filter: ");
		legacy_table_free(&table);
	}
}

/* A chain within another would be two chains' at once. */
static void chains_lie_side_by_side(void **state)
{
	static const char *const texts[] = {
		"[FORWARD\n:DOCKER-USER\nDROP\n]DROP\n:ERROR\n",
		":DOCKER-USER\n[FORWARD\nDROP\n]DROP\n:ERROR\n",
	};

	(void)state;
	for (size_t i = 0; i < LEN(texts); i++) {
		struct legacy_table table = legacy_from_text(texts[i], FAMILY_V4);
		struct legacy_view view;
		struct err err = ERR_INIT;

		assert_int_equal(legacy_look(&table, &want, &view, &err), -1);
		assert_int_equal(err.code, ERR_DECODE);
		legacy_table_free(&table);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_become_what_is_wanted),
		cmocka_unit_test(there_and_back_changes_nothing),
		cmocka_unit_test(counters_find_their_rules),
		cmocka_unit_test(a_kernel_without_comments),
		cmocka_unit_test(it_is_seen_who_is_accepted),
		cmocka_unit_test(offsets_lead_nowhere),
		cmocka_unit_test(heads_that_do_not_fit_are_refused),
		cmocka_unit_test(chains_lie_side_by_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
